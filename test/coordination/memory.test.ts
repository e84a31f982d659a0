/** Memory: each thing once, found by what it says, forgotten without a trace being lost. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { FlowStore, MemoryEntry, MemoryFilter } from "flowstore";
import {
  FRESH_MS,
  makeProject,
  makeStore,
  pass,
  refused,
  refusedWithoutTrace,
  reopen,
  committed,
  TestClock,
  warnings,
} from "../features/support.ts";
import { Project } from "../merge/project.ts";
import { RemoteStore } from "../process/store-remote.ts";
import { eventsOf, logOf, logsNothing } from "./events.ts";
import { NO_TEXTS, STRANGE_TEXTS } from "./strange-texts.ts";

const UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

function fileOf(store: FlowStore, { id }: Pick<MemoryEntry, "id">): string {
  return join(store.root, "memory", `${id.toLowerCase()}.json`);
}

function textsOf(entries: readonly MemoryEntry[]): string[] {
  return entries.map(({ text }) => text);
}

describe("append", () => {
  test("keeps all that was given, with defaults, and logs it", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const plain = await store.memory.append({ text: "Use pnpm" }, { agent: "ann", note: "why" });
    assert.deepEqual(plain, {
      id: plain.id,
      type: "general",
      text: "Use pnpm",
      tags: [],
      module: null,
      severity: null,
      createdAt: clock.iso(),
      lastVerified: null,
    });
    const given = {
      text: "The cookie is lost",
      type: "pitfall",
      tags: ["auth", "safari"],
      module: "web",
      severity: "high",
    } as const;
    const full = await store.memory.append({ ...given, "my key": { deep: [1] } });
    const rest = { createdAt: clock.iso(), lastVerified: null, "my key": { deep: [1] } };
    assert.deepEqual(full, { id: full.id, ...given, ...rest });
    const again = await reopen(context, store);
    assert.deepEqual(await again.memory.get(full.id), full);
    assert.deepEqual(await again.memory.get(full.id.toLowerCase()), full);
    const [event] = await eventsOf(store, `memory:${plain.id}`);
    assert.deepEqual(
      [event?.type, event?.agent, event?.metadata, event?.payload],
      ["memory_added", "ann", { note: "why" }, { memoryId: plain.id, type: "general" }],
    );
    assert.deepEqual(await store.check(), []);
  });

  test("takes who acts, through what and why from its one argument too", async (context) => {
    const store = await makeStore(context);
    const entry = await store.memory.append({ text: "one", agent: "ann", note: "why" });
    assert.ok(!("agent" in entry) && !("note" in entry));
    const [event] = await eventsOf(store, `memory:${entry.id}`);
    assert.deepEqual([event?.agent, event?.metadata], ["ann", { note: "why" }]);
  });

  test("the same text, but for white space at its ends, is the first entry", async (context) => {
    const store = await makeStore(context);
    const first = await store.memory.append({ text: "  Use pnpm\n", tags: ["a"] });
    const others = await store.memory.append({ text: "use pnpm" });
    await logsNothing(store, async () => {
      for (const text of ["Use pnpm", "\tUse pnpm  ", "  Use pnpm\n"]) {
        const again = await store.memory.append({ text, tags: ["b"], type: "decision" });
        assert.deepEqual(again, first);
      }
    });
    assert.equal(first.text, "  Use pnpm\n");
    assert.notEqual(others.id, first.id);
    assert.equal((await store.memory.list()).length, 2);
  });

  test("of entries that a merge brought twice, the same text is the older one", async (context) => {
    const store = await makeStore(context);
    const { id, ...entry } = await store.memory.append({ text: "Use pnpm" });
    const older = { ...entry, id: UNKNOWN, createdAt: "2016-07-30T23:54:10.259Z" };
    writeFileSync(fileOf(store, older), JSON.stringify(older));
    await pass(FRESH_MS);
    assert.equal((await store.memory.append({ text: "Use pnpm" })).id, UNKNOWN);
    assert.equal((await store.memory.list()).length, 2);
    assert.notEqual(id, UNKNOWN);
  });

  test("four processes that learn the same remember it once", async (context) => {
    const project = makeProject(context);
    const { FlowStore: Store } = await import("flowstore");
    const store = await Store.init(project, { durability: "none" });
    const processes = await Promise.all(
      ["a", "b", "c", "d"].map((actor) =>
        RemoteStore.open(context, project, { actor, durability: "none" }),
      ),
    );
    for (let round = 0; round < 10; round += 1) {
      const entries = await Promise.all(
        processes.map((remote) =>
          remote.call<MemoryEntry>("memory.append", { text: ` fact ${round} ` }),
        ),
      );
      assert.equal(new Set(entries.map(({ id }) => id)).size, 1);
    }
    await Promise.all(processes.map((remote) => remote.end()));
    assert.equal((await store.memory.list()).length, 10);
    assert.equal((await store.events.query({ type: "memory_added" })).length, 10);
    await store.close();
  });

  test("takes any text, and refuses what is none", async (context) => {
    const store = await makeStore(context);
    for (const text of STRANGE_TEXTS) {
      const { id } = await store.memory.append({ text, type: text, tags: [text], module: text });
      const kept = await (await reopen(context, store)).memory.get(id);
      assert.deepEqual(
        [kept?.text, kept?.type, kept?.tags, kept?.module],
        [text, text, [text], text],
      );
    }
    const field = async (input: unknown): Promise<unknown> => {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.memory.append(input as { text: string }),
      );
      return error.context["field"];
    };
    for (const text of [...NO_TEXTS, "  \n\t "]) assert.equal(await field({ text }), "text");
    assert.equal(await field({ text: "x", type: "" }), "type");
    assert.equal(await field({ text: "x", type: null }), "type");
    assert.equal(await field({ text: "x", tags: "auth" }), "tags");
    assert.equal(await field({ text: "x", tags: ["a", ""] }), "tags[1]");
    assert.equal(await field({ text: "x", module: null }), "module");
    assert.equal(await field({ text: "x", severity: "urgent" }), "severity");
    assert.equal(await field({ text: "x", id: UNKNOWN }), "id");
    assert.equal(await field({ text: "x", lastVerified: null }), "lastVerified");
    assert.equal(await field({ text: "x", mine: () => 1 }), "mine");
    assert.equal(await field("x"), "input");
  });
});

describe("list", () => {
  test("is newest first; all that is given must hold", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const before = committed(store.root);
    assert.deepEqual(await store.memory.list(), []);
    assert.equal(await store.memory.get(UNKNOWN), null);
    assert.deepEqual(committed(store.root), before);
    await store.memory.append({ text: "one", type: "pitfall", tags: ["a", "b"], module: "web" });
    await store.memory.append({ text: "two", type: "pitfall", tags: ["a"], severity: "low" });
    clock.ms += 1;
    await store.memory.append({ text: "three", tags: ["b", "b"], module: "web", severity: "low" });
    const found = async (filter: MemoryFilter): Promise<string[]> => {
      return textsOf(await store.memory.list(filter));
    };
    assert.deepEqual(await found({}), ["three", "two", "one"]);
    assert.deepEqual(await found({ type: "pitfall" }), ["two", "one"]);
    assert.deepEqual(await found({ module: "web" }), ["three", "one"]);
    assert.deepEqual(await found({ severity: "low" }), ["three", "two"]);
    assert.deepEqual(await found({ tags: ["b"] }), ["three", "one"]);
    assert.deepEqual(await found({ tags: ["a", "b"] }), ["one"]);
    assert.deepEqual(await found({ type: "pitfall", module: "web" }), ["one"]);
    assert.deepEqual(await found({ type: "Pitfall" }), []);
    assert.deepEqual(await found({ limit: 2 }), ["three", "two"]);
    for (const [field, value] of [
      ["limit", 0],
      ["limit", "2"],
      ["type", ""],
      ["tags", "a"],
      ["severity", "urgent"],
    ] as const) {
      const error = await refused("BAD_REQUEST", () => store.memory.list({ [field]: value }));
      assert.equal(error.context["field"], field);
    }
    const entry = (await store.memory.list({ limit: 1 }))[0];
    entry?.tags.push("mine");
    assert.deepEqual((await store.memory.list({ limit: 1 }))[0]?.tags, ["b"]);
  });
});

describe("search", () => {
  async function searched(store: FlowStore): Promise<void> {
    await store.memory.append({ text: "Cookies are lost in Safari", tags: ["auth", "Browser"] });
    await store.memory.append({ text: "Prices are in cents", type: "convention", module: "shop" });
    await store.memory.append({ text: "Größe zählt: ÄPFEL", tags: ["units"], severity: "high" });
  }

  test("looks into texts and tags, without case, for a text and for a pattern", async (context) => {
    const store = await makeStore(context);
    await searched(store);
    const found = async (query: string | RegExp, filter?: MemoryFilter): Promise<number> => {
      const entries = await store.memory.search(query, filter);
      return entries.length;
    };
    assert.deepEqual(textsOf(await store.memory.search("ARE")), [
      "Prices are in cents",
      "Cookies are lost in Safari",
    ]);
    assert.deepEqual(textsOf(await store.memory.search(/^p.*s$/)), ["Prices are in cents"]);
    assert.equal(await found("AUTH"), 1);
    assert.equal(await found("browser"), 1);
    assert.equal(await found("größe"), 1);
    assert.equal(await found("äpfel"), 1);
    assert.equal(await found(/größe|cents/), 2);
    assert.equal(await found(/BROWSER/), 1);
    assert.equal(await found("a.*e"), 0);
    assert.equal(await found("are", { type: "convention" }), 1);
    assert.equal(await found("are", { limit: 1 }), 1);
    assert.equal(await found(""), 3);
    // A pattern with a memory would miss every other entry.
    const sticky = /are/gy;
    sticky.lastIndex = 3;
    assert.equal(await found(/are/g), 2);
    assert.equal(await found(sticky), 2);
    assert.equal(sticky.lastIndex, 3);
    for (const query of [undefined, null, 7, {}, ["are"]]) {
      const error = await refused("BAD_REQUEST", () => store.memory.search(query as string));
      assert.equal(error.context["field"], "query");
    }
  });

  // Of the old system, the search went over the raw line: the names of keys matched everywhere.
  test("never over names of keys, types, modules, times or ids", async (context) => {
    const store = await makeStore(context);
    await searched(store);
    const [entry] = await store.memory.list();
    const words = ["tags", "text", "severity", "module", "createdAt", "lastVerified", "$schema"];
    const values = [
      "convention",
      "shop",
      "high",
      "general",
      "null",
      '"',
      "{",
      "202",
      entry?.id ?? "",
    ];
    for (const word of [...words, ...values]) {
      assert.deepEqual(textsOf(await store.memory.search(word)), [], word);
      const pattern = new RegExp(word.replace(/[${]/g, "\\$&"));
      assert.deepEqual(textsOf(await store.memory.search(pattern)), [], word);
    }
  });

  test("a pattern that would take for ever is refused in time, and the store goes on", async (context) => {
    const store = await makeStore(context);
    await store.memory.append({ text: `${"a".repeat(60)}!` });
    const began = performance.now();
    const error = await refused("BAD_REQUEST", store.memory.search(/^(a+)+$/));
    assert.ok(performance.now() - began < 10_000);
    assert.equal(error.context["field"], "query");
    assert.equal((await store.memory.search(/^a+!$/)).length, 1);
  });
});

describe("verify and delete", () => {
  test("verify says that it still holds, at the time it is said", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const entry = await store.memory.append({ text: "one", mine: 1 });
    clock.ms += 1000;
    const verified = await store.memory.verify(entry.id, { agent: "ann" });
    assert.deepEqual(verified, { ...entry, lastVerified: clock.iso() });
    assert.deepEqual(await store.memory.get(entry.id), verified);
    await logsNothing(store, () => store.memory.verify(entry.id));
    assert.deepEqual((await logOf(store)).slice(1), [`memory:${entry.id} memory_verified`]);
  });

  test("delete leaves a tombstone: gone from every call, and the text may come again", async (context) => {
    const store = await makeStore(context);
    const [one, two] = [
      await store.memory.append({ text: "one" }),
      await store.memory.append({ text: "two" }),
    ];
    assert.deepEqual(await store.memory.delete(one.id), one);
    assert.equal(await store.memory.get(one.id), null);
    assert.deepEqual(await store.memory.list(), [two]);
    assert.deepEqual(await store.memory.search("one"), []);
    await refused("NOT_FOUND", store.memory.delete(one.id));
    await refused("NOT_FOUND", store.memory.verify(one.id));
    assert.match(readFileSync(fileOf(store, one), "utf8"), /"deletedAt": "2/);
    const again = await store.memory.append({ text: "one" });
    assert.notEqual(again.id, one.id);
    assert.equal(readdirSync(join(store.root, "memory")).length, 3);
    assert.deepEqual((await logOf(store)).slice(2), [
      `memory:${one.id} memory_deleted`,
      `memory:${again.id} memory_added`,
    ]);
  });

  test("refuse unknown ids, whatever they look like", async (context) => {
    const store = await makeStore(context);
    for (const change of [
      (id: string) => store.memory.verify(id),
      (id: string) => store.memory.delete(id),
    ]) {
      for (const id of [UNKNOWN, ...STRANGE_TEXTS]) await refused("NOT_FOUND", () => change(id));
      for (const id of NO_TEXTS) {
        const error = await refused("BAD_REQUEST", () => change(id as string));
        assert.equal(error.context["field"], "id");
      }
    }
    for (const id of STRANGE_TEXTS) assert.equal(await store.memory.get(id), null);
    for (const id of NO_TEXTS) await refused("BAD_REQUEST", () => store.memory.get(id as string));
  });

  test("on two branches merge in git", async (context) => {
    const project = Project.create(context);
    const store = await project.init(context);
    const { id } = await store.memory.append({ text: "one" });
    await store.close();
    project.commit("one");
    project.git("checkout", "--quiet", "-b", "other");
    const theirs = await project.open(context);
    await theirs.memory.verify(id);
    await theirs.memory.append({ text: "two" });
    await theirs.close();
    project.commit("theirs");
    project.git("checkout", "--quiet", "main");
    const ours = await project.open(context);
    await ours.memory.delete(id);
    await ours.memory.append({ text: "three" });
    await ours.close();
    project.commit("ours");
    project.merge("other");
    const merged = await project.open(context);
    assert.deepEqual(textsOf(await merged.memory.list()).toSorted(), ["three", "two"]);
    assert.deepEqual(await merged.check(), []);
  });
});

// Of the old system, lines that did not parse were dropped, and lost with the next write.
test("a damaged file is reported and stays byte for byte; the others go on", async (context) => {
  const { findings, onWarning } = warnings();
  const store = await makeStore(context, { onWarning });
  const [one, two] = [
    await store.memory.append({ text: "one" }),
    await store.memory.append({ text: "two" }),
  ];
  const bytes = Buffer.from([0x7b, 0xff, 0xfe]);
  writeFileSync(fileOf(store, one), bytes);
  await pass(FRESH_MS);
  assert.deepEqual(await store.memory.list(), [two]);
  assert.deepEqual(await store.memory.search("o"), [two]);
  await pass(0);
  assert.ok(findings.some(({ file }) => file === `memory/${one.id.toLowerCase()}.json`));
  for (const call of [
    () => store.memory.get(one.id),
    () => store.memory.verify(one.id),
    () => store.memory.delete(one.id),
  ])
    await refused("CORRUPT", call);
  await store.memory.append({ text: "three" });
  await store.memory.delete(two.id);
  assert.deepEqual(readFileSync(fileOf(store, one)), bytes);
});

// Of the old system, looking at entries counted them as used and rewrote the statistics.
test("looking writes nothing", async (context) => {
  const store = await makeStore(context);
  const { id } = await store.memory.append({ text: "one", tags: ["a"] });
  await store.close();
  const reader = await reopen(context, store, { readOnly: true });
  const before = committed(store.root);
  await reader.memory.get(id);
  await reader.memory.list({ tags: ["a"] });
  await reader.memory.search(/one/);
  assert.deepEqual(committed(store.root), before);
});
