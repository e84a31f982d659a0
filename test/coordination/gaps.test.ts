/** Gaps: opened, resolved with evidence, opened again, removed; and the gate over them. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { AddGapInput, FlowStore, Gap } from "flowstore";
import { encodeName } from "#src/storage/names.js";
import {
  FRESH_MS,
  makeStore,
  pass,
  refused,
  refusedWithoutTrace,
  reopen,
  committed,
  TestClock,
  tracked,
} from "../features/support.ts";
import { eventsOf, logOf, logsNothing } from "./events.ts";
import { NO_TEXTS, STRANGE_TEXTS } from "./strange-texts.ts";

const EPIC = "fn-1";
const UNKNOWN_UID = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

function folderOf(store: FlowStore, epic = EPIC): string {
  return join(store.root, "gaps", encodeName(epic));
}

function documentOf(store: FlowStore, { id, epicId }: Gap): Record<string, unknown> {
  const folder = folderOf(store, epicId);
  const name = readdirSync(folder).find((one) => one.startsWith(`${id}-`)) ?? "";
  return JSON.parse(readFileSync(join(folder, name), "utf8")) as Record<string, unknown>;
}

/** Adds gaps to the epic, all of them new. */
async function addAll(store: FlowStore, ...capabilities: string[]): Promise<Gap[]> {
  const gaps: Gap[] = [];
  for (const capability of capabilities) {
    gaps.push((await store.gaps.add({ epicId: EPIC, capability })).gap);
  }
  return gaps;
}

describe("adding", () => {
  // The old system lost the task, the times and the evidence of every gap.
  test("keeps everything that was said, in a file of its own, with an event", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const input = { priority: "important", source: "review", taskId: "fn-1.2" } as const;
    const { gap, created, reopened } = await store.gaps.add(
      { epicId: EPIC, capability: "  Log out everywhere\t", ...input },
      { agent: "ann", note: "why" },
    );
    assert.deepEqual([created, reopened], [true, false]);
    const expected = {
      ...{ id: 1, uid: gap.uid, epicId: EPIC, capability: "Log out everywhere", ...input },
      ...{ status: "open", evidence: null, createdAt: clock.iso(), resolvedAt: null },
    };
    assert.deepEqual(gap, expected);
    assert.deepEqual(await store.gaps.list(EPIC), [expected]);
    assert.deepEqual(readdirSync(folderOf(store)), [
      `1-log-out-everywhere-${gap.uid.slice(-6).toLowerCase()}.json`,
    ]);
    assert.deepEqual(documentOf(store, gap), { $schema: "../../schema/gap.json", ...expected });
    const [event] = await eventsOf(store, "epic:fn-1");
    assert.deepEqual(
      [event?.type, event?.agent, event?.source, event?.metadata, event?.payload],
      [
        ...["gap_opened", "ann", "api", { note: "why" }],
        {
          ...{ epicId: EPIC, gapId: 1, gapUid: gap.uid, capability: "Log out everywhere" },
          ...input,
        },
      ],
    );
  });

  test("has its defaults, and keeps keys of one's own", async (context) => {
    const store = await makeStore(context);
    const own = JSON.parse('{ "seen": ["a"], "__proto__": { "x": 1 } }') as object;
    const { gap } = await store.gaps.add({ epicId: EPIC, capability: "x", ...own });
    assert.deepEqual([gap.priority, gap.source, gap.taskId], ["required", "manual", null]);
    assert.deepEqual(gap["seen"], ["a"]);
    assert.deepEqual(Object.getOwnPropertyDescriptor(gap, "__proto__")?.value, { x: 1 });
    assert.match(JSON.stringify(documentOf(store, gap)), /"__proto__":\{"x":1\}/);
    const { gap: resolved } = await store.gaps.resolve(EPIC, 1, "e");
    assert.deepEqual(resolved["seen"], ["a"]);
    assert.deepEqual((await store.gaps.list(EPIC))[0]?.["seen"], ["a"]);
  });

  test("names who adds it also where the input is the last argument", async (context) => {
    const store = await makeStore(context);
    await store.gaps.add({ epicId: EPIC, capability: "a", agent: "ann", note: "n", source: "s" });
    const [event] = await eventsOf(store, "epic:fn-1");
    assert.deepEqual([event?.agent, event?.metadata, event?.source], ["ann", { note: "n" }, "api"]);
    const [gap] = await store.gaps.list(EPIC);
    assert.deepEqual([gap?.source, "agent" in (gap ?? {})], ["s", false]);
    await refused("BAD_REQUEST", store.gaps.add({ epicId: EPIC, capability: "b", agent: "" }));
  });

  test("the same capability, without case and blanks around it, gives the open one as it is", async (context) => {
    const store = await makeStore(context);
    const [open] = await addAll(store, "Log in café");
    const before = tracked(store);
    for (const capability of ["log in CAFÉ", "\n Log in café ", "log in cafe\u0301"]) {
      const again: AddGapInput = { epicId: EPIC, capability, priority: "nice-to-have" };
      const added = await logsNothing(store, () => store.gaps.add(again));
      assert.deepEqual(added, { gap: open, created: false, reopened: false });
    }
    assert.deepEqual(tracked(store), before);
    for (const capability of ["Log  in café", "Log in cafe"]) {
      assert.equal((await store.gaps.add({ epicId: EPIC, capability })).created, true);
    }
    // Another epic lacks the same on its own.
    const other = await store.gaps.add({ epicId: "fn-10", capability: "Log in café" });
    assert.deepEqual([other.created, other.gap.id], [true, 1]);
  });

  // In the old system it could not be opened again: adding it said that it was there, and left it.
  test("a resolved one opens again; its evidence and its time are kept in the event", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const [first] = await addAll(store, "Log in");
    clock.ms += 1000;
    const { gap: resolved } = await store.gaps.resolve(EPIC, 1, "test/login");
    clock.ms += 1000;
    const { gap, created, reopened } = await store.gaps.add({
      ...{ epicId: EPIC, capability: "LOG IN", taskId: "other" },
    });
    assert.deepEqual([gap, created, reopened], [first, false, true]);
    assert.deepEqual(await store.gaps.list(EPIC), [first]);
    const { evidence, resolvedAt } = documentOf(store, gap);
    assert.deepEqual([evidence, resolvedAt], [null, null]);
    const event = (await eventsOf(store, "epic:fn-1")).at(-1);
    assert.deepEqual(
      [event?.type, event?.payload],
      [
        "gap_reopened",
        {
          ...{ epicId: EPIC, gapId: 1, gapUid: gap.uid, capability: "Log in" },
          ...{ evidence: "test/login", resolvedAt: resolved.resolvedAt },
        },
      ],
    );
    assert.equal((await store.gaps.check(EPIC)).gate, "fail");
  });

  test("ids count on in each epic; that of a removed gap is not used again", async (context) => {
    const store = await makeStore(context);
    assert.deepEqual(
      (await addAll(store, "a", "b", "c")).map(({ id }) => id),
      [1, 2, 3],
    );
    await store.gaps.remove(EPIC, 3);
    assert.equal((await addAll(store, "d"))[0]?.id, 4);
    const again = await reopen(context, store);
    assert.equal((await addAll(again, "e"))[0]?.id, 5);
    assert.equal((await again.gaps.add({ epicId: "fn-2", capability: "a" })).gap.id, 1);
  });

  test("what cannot be a gap is refused without a trace", async (context) => {
    const store = await makeStore(context);
    await addAll(store, "a");
    const add = (input: unknown) => () => store.gaps.add(input as AddGapInput);
    for (const given of NO_TEXTS) {
      for (const field of ["epicId", "capability", "source", "taskId"]) {
        if (given === undefined && (field === "source" || field === "taskId")) continue;
        const input = { epicId: EPIC, capability: "b", [field]: given };
        const error = await refusedWithoutTrace(store, "BAD_REQUEST", add(input));
        assert.equal(error.context["field"], field);
      }
    }
    for (const [field, given] of [
      ["capability", " \n "],
      ["priority", "urgent"],
      ["priority", null],
      ...["id", "uid", "status", "evidence", "createdAt", "resolvedAt", "deletedAt", "$schema"].map(
        (key) => [key, "x"] as const,
      ),
      ["own", () => 1],
    ] as const) {
      const input = { epicId: EPIC, capability: "b", [field]: given };
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", add(input));
      assert.equal(error.context["field"], field);
    }
    for (const input of [null, undefined, "b", [], new Date()]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", add(input));
    }
  });
});

describe("resolving", () => {
  // The old system threw the evidence away, though it had to be given.
  test("keeps the evidence and the time, and logs it", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const [open] = await addAll(store, "Log in");
    clock.ms += 1000;
    const { gap, changed } = await store.gaps.resolve(EPIC, 1, "commit 1f2e3d4", { agent: "bob" });
    assert.equal(changed, true);
    assert.deepEqual(gap, {
      ...open,
      ...{ status: "resolved", evidence: "commit 1f2e3d4", resolvedAt: clock.iso() },
    });
    assert.deepEqual(await store.gaps.list(EPIC), [gap]);
    assert.deepEqual(documentOf(store, gap), { $schema: "../../schema/gap.json", ...gap });
    const event = (await eventsOf(store, "epic:fn-1")).at(-1);
    assert.deepEqual(
      [event?.type, event?.agent, event?.payload],
      [
        ...["gap_resolved", "bob"],
        {
          ...{ epicId: EPIC, gapId: 1, gapUid: gap.uid, capability: "Log in" },
          evidence: "commit 1f2e3d4",
        },
      ],
    );
  });

  // The old system always said that it had changed something, and took the later evidence.
  test("again changes nothing: the first evidence and its time stay", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await addAll(store, "Log in");
    const { gap } = await store.gaps.resolve(EPIC, 1, "first");
    clock.ms += 1000;
    const before = tracked(store);
    await logsNothing(store, async () => {
      for (const act of [
        () => store.gaps.resolve(EPIC, 1, "second"),
        () => store.gaps.resolve(EPIC, gap.uid, "second"),
        () => store.gaps.resolveByCapability(EPIC, " log IN", "second"),
      ]) {
        assert.deepEqual(await act(), { gap, changed: false });
      }
    });
    assert.deepEqual(tracked(store), before);
  });

  test("by capability takes it without case and blanks around it", async (context) => {
    const store = await makeStore(context);
    await addAll(store, "Log in", "Log in again");
    const { gap, changed } = await store.gaps.resolveByCapability(EPIC, " LOG IN ", "e");
    assert.deepEqual([gap.id, changed], [1, true]);
    assert.deepEqual(
      (await store.gaps.list(EPIC)).map(({ status }) => status),
      ["resolved", "open"],
    );
  });

  // The old system resolved any epic's gap by its number, and was silent about one that was none.
  test("what is not there, or in another epic, is NOT_FOUND", async (context) => {
    const store = await makeStore(context);
    const [first] = await addAll(store, "Log in", "Log out");
    await store.gaps.remove(EPIC, 2);
    const { gaps } = store;
    for (const call of [
      () => gaps.resolve(EPIC, 2, "e"),
      () => gaps.resolve(EPIC, 99, "e"),
      () => gaps.resolve(EPIC, UNKNOWN_UID, "e"),
      () => gaps.resolve("fn-10", 1, "e"),
      () => gaps.resolve("fn-10", first?.uid ?? "", "e"),
      () => gaps.resolveByCapability(EPIC, "Log out", "e"),
      () => gaps.resolveByCapability("fn-10", "Log in", "e"),
      () => gaps.remove(EPIC, 2),
      () => gaps.remove("fn-10", 1),
    ]) {
      const error = await refusedWithoutTrace(store, "NOT_FOUND", call);
      assert.equal(error.context["kind"], "gap");
    }
  });

  test("arguments that are none are refused without a trace", async (context) => {
    const store = await makeStore(context);
    await addAll(store, "a");
    const { gaps } = store;
    for (const given of NO_TEXTS) {
      const text = given as string;
      for (const [field, call] of [
        ["epicId", () => gaps.resolve(text, 1, "e")],
        ["evidence", () => gaps.resolve(EPIC, 1, text)],
        ["evidence", () => gaps.resolveByCapability(EPIC, "a", text)],
        ["capability", () => gaps.resolveByCapability(EPIC, text, "e")],
        ["epicId", () => gaps.list(text)],
        ["epicId", () => gaps.check(text)],
        ["epicId", () => gaps.remove(text, 1)],
        ["epicId", () => gaps.removeAll(text)],
      ] as const) {
        const error = await refusedWithoutTrace(store, "BAD_REQUEST", call);
        assert.equal(error.context["field"], field);
      }
    }
    for (const id of [0, -1, 1.5, "1", "", null, undefined, {}, 2 ** 53]) {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        gaps.resolve(EPIC, id as number, "e"),
      );
      assert.equal(error.context["field"], "id");
      await refusedWithoutTrace(store, "BAD_REQUEST", () => gaps.remove(EPIC, id as number));
    }
    for (const status of ["closed", "", null, 1]) {
      await refused("BAD_REQUEST", gaps.list(EPIC, { status: status as "open" }));
    }
    await refused("BAD_REQUEST", gaps.list(EPIC, null as never));
  });
});

describe("removing", () => {
  test("leaves a tombstone, which no call shows; the capability can be added anew", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const [, second] = await addAll(store, "a", "b");
    assert.deepEqual(await store.gaps.remove(EPIC, second?.uid ?? ""), second);
    assert.equal(documentOf(store, second as Gap)["deletedAt"], clock.iso());
    assert.deepEqual(
      (await store.gaps.list(EPIC)).map(({ id }) => id),
      [1],
    );
    assert.equal((await store.gaps.check(EPIC)).total, 1);
    const { gap, created } = await store.gaps.add({ epicId: EPIC, capability: "B" });
    assert.deepEqual([created, gap.id], [true, 3]);
    assert.equal(readdirSync(folderOf(store)).length, 3);
  });

  test("all of an epic counts them, logs each, and leaves those of others", async (context) => {
    const store = await makeStore(context);
    await addAll(store, "a", "b", "c");
    await store.gaps.add({ epicId: "fn-10", capability: "a" });
    await store.gaps.remove(EPIC, 1);
    assert.equal(await store.gaps.removeAll(EPIC, { agent: "ann" }), 2);
    assert.equal(await logsNothing(store, () => store.gaps.removeAll(EPIC)), 0);
    assert.deepEqual(await store.gaps.list(EPIC), []);
    assert.equal((await store.gaps.list("fn-10")).length, 1);
    const removed = (await eventsOf(store, "epic:fn-1")).filter(
      ({ type }) => type === "gap_removed",
    );
    assert.deepEqual(
      removed.map(({ agent, payload }) => [agent, (payload as { gapId: number }).gapId]),
      [
        ["tester", 1],
        ["ann", 2],
        ["ann", 3],
      ],
    );
    assert.equal(new Set(removed.slice(1).map(({ txId }) => txId)).size, 1);
  });
});

describe("the gate", () => {
  test("fails while a required or an important gap is open, and says which", async (context) => {
    const store = await makeStore(context);
    const { gaps } = store;
    const gate = async (): Promise<unknown> => {
      const { gate: word, total, ...lists } = await gaps.check(EPIC);
      const { openBlocking, openNonBlocking, resolved } = lists;
      const ids = [openBlocking, openNonBlocking, resolved].map((list) => list.map(({ id }) => id));
      return [word, total, ...ids];
    };
    assert.deepEqual(await gate(), ["pass", 0, [], [], []]);
    for (const priority of ["nice-to-have", "required", "important"] as const) {
      await gaps.add({ epicId: EPIC, capability: priority, priority });
    }
    await gaps.add({ epicId: "fn-10", capability: "x" });
    assert.deepEqual(await gate(), ["fail", 3, [2, 3], [1], []]);
    await gaps.resolve(EPIC, 2, "e");
    assert.deepEqual(await gate(), ["fail", 3, [3], [1], [2]]);
    await gaps.resolve(EPIC, 3, "e");
    assert.deepEqual(await gate(), ["pass", 3, [], [1], [2, 3]]);
    await gaps.resolve(EPIC, 1, "e");
    assert.deepEqual(await gate(), ["pass", 3, [], [], [1, 2, 3]]);
    await gaps.add({ epicId: EPIC, capability: "IMPORTANT" });
    assert.deepEqual(await gate(), ["fail", 3, [3], [], [1, 2]]);
    assert.deepEqual(
      (await gaps.check(EPIC)).openBlocking,
      await gaps.list(EPIC, { status: "open" }),
    );
  });

  // The old gate read another file than the one that gaps were added to.
  test("sees in another process's eyes what was added, at once", async (context) => {
    const store = await makeStore(context);
    const other = await reopen(context, store, { readOnly: true });
    assert.equal((await other.gaps.check(EPIC)).gate, "pass");
    await addAll(store, "a");
    assert.equal((await other.gaps.check(EPIC)).gate, "fail");
    await store.gaps.resolve(EPIC, 1, "e");
    assert.equal((await other.gaps.check(EPIC)).gate, "pass");
  });

  test("sees what is acknowledged and not in a file yet, and what a transaction did so far", async (context) => {
    const store = await makeStore(context, { durability: "relaxed" });
    await addAll(store, "a");
    assert.equal((await store.gaps.check(EPIC)).gate, "fail");
    await store.transaction(async () => {
      await store.gaps.resolve(EPIC, 1, "e");
      assert.equal((await store.gaps.check(EPIC)).gate, "pass");
      assert.equal((await store.gaps.add({ epicId: EPIC, capability: "b" })).gap.id, 2);
      assert.equal((await store.gaps.check(EPIC)).gate, "fail");
      assert.equal((await store.gaps.add({ epicId: "new", capability: "b" })).gap.id, 1);
      assert.equal(await store.gaps.removeAll("new"), 1);
    });
    assert.equal((await store.gaps.check(EPIC)).total, 2);
    assert.deepEqual(await store.gaps.list("new"), []);
  });

  test("writes nothing", async (context) => {
    const store = await makeStore(context);
    await addAll(store, "a");
    await store.close();
    const before = committed(store.root);
    const { gaps } = await reopen(context, store, { readOnly: true });
    await gaps.check(EPIC);
    await gaps.check("unknown");
    await gaps.list("unknown");
    assert.deepEqual(committed(store.root), before);
    await refused("READ_ONLY", gaps.add({ epicId: EPIC, capability: "b" }));
  });

  test("of a gap made by hand with nothing but its name fails", async (context) => {
    const store = await makeStore(context);
    await addAll(store, "a");
    await store.gaps.resolve(EPIC, 1, "e");
    writeFileSync(
      join(folderOf(store), "7.json"),
      JSON.stringify({ id: 7, epicId: EPIC, capability: "by hand" }),
    );
    await pass(FRESH_MS);
    const { gate, openBlocking } = await store.gaps.check(EPIC);
    assert.equal(gate, "fail");
    const [gap] = openBlocking;
    assert.deepEqual(
      [gap?.id, gap?.priority, gap?.source, gap?.status, gap?.createdAt],
      [7, "required", "manual", "open", null],
    );
    assert.equal((await store.gaps.resolve(EPIC, 7, "e")).gap.uid, gap?.uid);
    assert.equal((await addAll(store, "b"))[0]?.id, 8);
  });
});

test("any text is an epic and a capability of its own", async (context) => {
  const store = await makeStore(context);
  for (const [at, text] of STRANGE_TEXTS.entries()) {
    await store.gaps.add({ epicId: text, capability: `gap ${at}` });
  }
  const { gaps } = await reopen(context, store);
  for (const [at, text] of STRANGE_TEXTS.entries()) {
    const found = await gaps.list(text);
    assert.deepEqual(
      found.map(({ id, epicId, capability }) => [id, epicId, capability]),
      [[1, text, `gap ${at}`]],
    );
    assert.equal((await gaps.resolve(text, 1, text)).changed, true);
  }
  assert.equal(readdirSync(join(store.root, "gaps")).length, STRANGE_TEXTS.length);
});

test("as capabilities, texts that differ only in case or in blanks around them are one", async (context) => {
  const store = await makeStore(context);
  const folded = (text: string): string => text.trim().normalize("NFC").toLowerCase();
  const expected = new Set(STRANGE_TEXTS.map(folded));
  for (const text of STRANGE_TEXTS) await store.gaps.add({ epicId: EPIC, capability: text });
  const listed = await store.gaps.list(EPIC);
  assert.deepEqual(new Set(listed.map(({ capability }) => folded(capability))), expected);
  assert.equal(listed.length, expected.size);
});

test("the events of one gap's life", async (context) => {
  const store = await makeStore(context);
  await addAll(store, "a");
  await store.gaps.resolve(EPIC, 1, "e");
  await store.gaps.add({ epicId: EPIC, capability: "A" });
  await store.gaps.resolveByCapability(EPIC, "a", "f");
  await store.gaps.remove(EPIC, 1);
  assert.deepEqual(await logOf(store), [
    "epic:fn-1 gap_opened",
    "epic:fn-1 gap_resolved",
    "epic:fn-1 gap_reopened",
    "epic:fn-1 gap_resolved",
    "epic:fn-1 gap_removed",
  ]);
});
