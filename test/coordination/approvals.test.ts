/** Approvals: what is asked, how it is decided, and how one waits for that. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Approval, FlowStore } from "flowstore";
import { waitFor } from "#src/stores/waiting.js";
import {
  FRESH_MS,
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
import { eventsOf, logOf, logsNothing } from "./events.ts";
import { NO_TEXTS, STRANGE_TEXTS } from "./strange-texts.ts";
import { atEnd } from "../at-end.ts";

const ASKED = { taskId: "fn-1.2", kind: "file_access", payload: { files: ["a.ts"] } } as const;
const UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

function fileOf(store: FlowStore, { id }: Pick<Approval, "id">): string {
  return join(store.root, "approvals", `${id.toLowerCase()}.json`);
}

describe("asking", () => {
  test("makes a document with all that was asked, and an event", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const approval = await store.approvals.create(ASKED, { agent: "ann", note: "why" });
    assert.match(approval.id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
    assert.deepEqual(approval, {
      id: approval.id,
      ...ASKED,
      status: "pending",
      createdAt: clock.iso(),
      resolvedAt: null,
      resolver: null,
      reason: null,
    });
    assert.deepEqual(await store.approvals.get(approval.id), approval);
    const document: unknown = JSON.parse(readFileSync(fileOf(store, approval), "utf8"));
    assert.deepEqual(document, { $schema: "../schema/approval.json", ...approval });
    const [event, ...more] = await eventsOf(store, "task:fn-1.2");
    assert.deepEqual(more, []);
    assert.deepEqual(
      [event?.type, event?.agent, event?.source, event?.metadata, event?.payload],
      [
        "approval_created",
        "ann",
        "api",
        { note: "why" },
        { approvalId: approval.id, taskId: "fn-1.2", kind: "file_access" },
      ],
    );
  });

  test("takes who acts, through what and why from its one argument too", async (context) => {
    const store = await makeStore(context);
    const about = { agent: "ann", source: "mcp", note: "why" };
    const approval = await store.approvals.create({ ...ASKED, ...about });
    const plain = await store.approvals.create(ASKED, { agent: "bob" });
    assert.deepEqual(Object.keys(approval), Object.keys(plain));
    const events = await eventsOf(store, "task:fn-1.2");
    assert.deepEqual(
      events.map(({ agent, source, metadata }) => [agent, source, metadata]),
      [
        ["ann", "mcp", { note: "why" }],
        ["bob", "api", null],
      ],
    );
    const error = await refused("BAD_REQUEST", () =>
      store.approvals.create({ ...ASKED, agent: 7 as never }),
    );
    assert.equal(error.context["field"], "agent");
  });

  test("takes any task and any JSON, and keeps keys of one's own", async (context) => {
    const store = await makeStore(context);
    for (const taskId of STRANGE_TEXTS) {
      const { id } = await store.approvals.create({ taskId, kind: "generic", payload: taskId });
      const again = await (await reopen(context, store)).approvals.get(id);
      assert.deepEqual([again.taskId, again.payload], [taskId, taskId]);
    }
    const odd = JSON.parse('{"__proto__":{"x":1},"n":null,"deep":[[[1.5,-0.25,"é"]]]}') as unknown;
    const input = {
      taskId: "t",
      kind: "mutation",
      payload: odd,
      "my key": [1, { two: 2 }],
    } as const;
    const { id } = await store.approvals.create(input);
    const kept = await (await reopen(context, store)).approvals.get(id);
    assert.deepEqual([kept.payload, kept["my key"]], [odd, [1, { two: 2 }]]);
    assert.ok(Object.hasOwn(kept.payload as object, "__proto__"));
    assert.equal((await store.approvals.create({ taskId: "t", kind: "generic" })).payload, null);
  });

  test("refuses what cannot be, and writes nothing", async (context) => {
    const store = await makeStore(context);
    const field = async (input: unknown, options?: unknown): Promise<unknown> => {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.approvals.create(input as typeof ASKED, options as object),
      );
      return error.context["field"];
    };
    for (const taskId of NO_TEXTS) assert.equal(await field({ ...ASKED, taskId }), "taskId");
    for (const kind of ["other", "", null, undefined, "toString"])
      assert.equal(await field({ ...ASKED, kind }), "kind");
    const circle: unknown[] = [];
    circle.push(circle);
    for (const payload of [Number.NaN, () => 1, new Map(), circle, { a: [Symbol("x")] }])
      assert.match(String(await field({ ...ASKED, payload })), /^payload/);
    for (const key of ["id", "status", "resolver", "reason", "createdAt", "deletedAt", "$schema"])
      assert.equal(await field({ ...ASKED, [key]: "x" }), key);
    for (const input of [null, undefined, 7, "t", [], new Date()])
      assert.equal(await field(input), "input");
    assert.equal(await field(ASKED, { agent: "" }), "agent");
    assert.equal(await field(ASKED, "ann"), "options");
  });

  test("what was given and what was returned share nothing with the store", async (context) => {
    const store = await makeStore(context);
    const payload = { files: ["a.ts"] };
    const asked = store.approvals.create({ ...ASKED, payload });
    payload.files.push("b.ts");
    const { id, payload: returned } = await asked;
    (returned as typeof payload).files.push("c.ts");
    const read = await store.approvals.get(id);
    (read.payload as typeof payload).files.push("d.ts");
    assert.deepEqual((await store.approvals.get(id)).payload, { files: ["a.ts"] });
  });

  test("gives ids of their own when the clock stands still, here and in another store", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const other = await reopen(context, store, { clock: clock.now });
    const asked = Array.from({ length: 200 }, (_, at) =>
      (at % 2 === 0 ? store : other).approvals.create({ ...ASKED, taskId: `t.${at}` }),
    );
    const ids = (await Promise.all(asked)).map(({ id }) => id);
    assert.equal(new Set(ids).size, 200);
    assert.equal((await store.approvals.list()).length, 200);
  });
});

describe("the list", () => {
  test("is newest first, also within one millisecond and when the clock goes back", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const other = await reopen(context, store, { clock: clock.now });
    const made: string[] = [];
    for (let at = 0; at < 40; at += 1) {
      const by = at % 3 === 0 ? other : store;
      made.push((await by.approvals.create({ ...ASKED, taskId: `t.${at}` })).id);
      if (at % 10 === 9) clock.ms += 1;
    }
    const tasks = async (): Promise<string[]> => {
      return (await store.approvals.list()).map(({ taskId }) => taskId);
    };
    assert.deepEqual(
      (await store.approvals.list()).map(({ id }) => id),
      made.toReversed(),
    );
    clock.ms -= 60_000;
    await store.approvals.create({ ...ASKED, taskId: "before" });
    assert.equal((await tasks()).at(-1), "before");
  });

  test("by status; nothing in a store without any, and nothing is written", async (context) => {
    const store = await makeStore(context);
    const before = committed(store.root);
    assert.deepEqual(await store.approvals.list(), []);
    await refused("NOT_FOUND", store.approvals.get(UNKNOWN));
    assert.deepEqual(committed(store.root), before);
    const [one, two, three] = await Promise.all([
      store.approvals.create(ASKED),
      store.approvals.create(ASKED),
      store.approvals.create(ASKED),
    ]);
    await store.approvals.approve(two.id);
    await store.approvals.reject(three.id);
    for (const [status, expected] of [
      ["pending", one.id],
      ["approved", two.id],
      ["rejected", three.id],
    ] as const) {
      const found = await store.approvals.list({ status });
      assert.deepEqual(
        found.map(({ id }) => id),
        [expected],
      );
    }
    for (const status of ["open", "", null, 1]) {
      const error = await refused("BAD_REQUEST", () =>
        store.approvals.list({ status: status as "pending" }),
      );
      assert.equal(error.context["field"], "status");
    }
    await refused("BAD_REQUEST", () => store.approvals.list("pending" as never));
  });
});

describe("deciding", () => {
  test("says who, when and why, in the document and in the log", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now, actor: "actor" });
    const [one, two, three] = [
      await store.approvals.create(ASKED),
      await store.approvals.create(ASKED),
      await store.approvals.create(ASKED),
    ];
    clock.ms += 5000;
    const approved = await store.approvals.approve(one.id);
    assert.deepEqual(approved, {
      ...one,
      status: "approved",
      resolvedAt: clock.iso(),
      resolver: "actor",
    });
    const rejected = await store.approvals.reject(two.id, { resolver: "bob", reason: "too wide" });
    assert.deepEqual(
      [rejected.status, rejected.resolver, rejected.reason],
      ["rejected", "bob", "too wide"],
    );
    const byAgent = await store.approvals.reject(three.id.toLowerCase(), { agent: "cid" });
    assert.deepEqual([byAgent.resolver, byAgent.reason], ["cid", null]);
    for (const approval of [approved, rejected, byAgent])
      assert.deepEqual(await store.approvals.get(approval.id), approval);
    const decisions = (await eventsOf(store, "task:fn-1.2")).slice(3);
    assert.deepEqual(
      decisions.map(({ type, agent, payload }) => [type, agent, payload]),
      [
        ["approval_approved", "actor", { ...about(one), resolver: "actor" }],
        ["approval_rejected", "bob", { ...about(two), resolver: "bob", reason: "too wide" }],
        ["approval_rejected", "cid", { ...about(three), resolver: "cid" }],
      ],
    );
    assert.deepEqual(await store.check(), []);
  });

  function about({ id, taskId }: Approval): object {
    return { approvalId: id, taskId };
  }

  // Of the old system the last writer won, and both callers were told that they had succeeded.
  test("counts once: whoever comes later learns how, by whom and when", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    const { resolvedAt } = await store.approvals.reject(id, { resolver: "ann", reason: "no" });
    const bytes = readFileSync(fileOf(store, { id }));
    for (const again of [
      () => store.approvals.approve(id, { resolver: "bob" }),
      () => store.approvals.reject(id, { resolver: "bob" }),
      () => store.approvals.reject(id, { resolver: "ann", reason: "no" }),
    ]) {
      const error = await logsNothing(store, () => refused("CONFLICT", again));
      assert.deepEqual(error.context, {
        ...{ kind: "approval", id, taskId: "fn-1.2", status: "rejected" },
        ...{ resolver: "ann", resolvedAt, reason: "no" },
      });
      assert.equal(error.retryable, false);
      assert.match(error.message, /it was rejected by ann at \d{4}-/);
    }
    assert.deepEqual(readFileSync(fileOf(store, { id })), bytes);
  });

  test("of ten at once in one process one counts", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, at) =>
        at % 2 === 0
          ? store.approvals.approve(id, { resolver: `r${at}` })
          : store.approvals.reject(id, { resolver: `r${at}` }),
      ),
    );
    const won = outcomes.filter(({ status }) => status === "fulfilled");
    assert.equal(won.length, 1);
    assert.equal((await eventsOf(store, "task:fn-1.2")).length, 2);
  });

  test("refuses unknown ids, and fields that cannot be", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    for (const decide of [
      (one: string) => store.approvals.approve(one),
      (one: string) => store.approvals.reject(one),
      (one: string) => store.approvals.get(one),
      (one: string) => store.approvals.wait(one),
    ]) {
      for (const unknown of [UNKNOWN, "nobody", ...STRANGE_TEXTS])
        await refused("NOT_FOUND", () => decide(unknown));
      for (const wrong of NO_TEXTS) {
        const error = await refused("BAD_REQUEST", () => decide(wrong as string));
        assert.equal(error.context["field"], "id");
      }
    }
    for (const [field, value] of [
      ["resolver", ""],
      ["resolver", 7],
      ["reason", ""],
      ["reason", null],
      ["agent", ""],
      ["note", 1],
    ] as const) {
      const error = await refused("BAD_REQUEST", () =>
        store.approvals.reject(id, { [field]: value } as object),
      );
      assert.equal(error.context["field"], field);
    }
    assert.equal((await store.approvals.get(id)).status, "pending");
  });

  test("in a transaction: all of it, or nothing", async (context) => {
    const store = await makeStore(context);
    const kept = await store.transaction(async () => {
      const { id } = await store.approvals.create(ASKED);
      await store.approvals.approve(id);
      return store.approvals.get(id);
    });
    assert.equal(kept.status, "approved");
    const before = await logOf(store);
    await assert.rejects(
      store.transaction(async () => {
        await store.approvals.create(ASKED);
        throw new Error("undone");
      }),
      /undone/,
    );
    assert.equal((await store.approvals.list()).length, 1);
    assert.deepEqual(await logOf(store), before);
  });

  test("nothing is decided through a store that is read-only", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    const reader = await reopen(context, store, { readOnly: true });
    await refused("READ_ONLY", reader.approvals.approve(id));
    await refused("READ_ONLY", reader.approvals.create(ASKED));
    assert.equal((await reader.approvals.get(id)).status, "pending");
  });
});

describe("files", () => {
  // Of the old system, records that did not parse were dropped on load and lost on the next save.
  test("a damaged one is reported and stays byte for byte; the others go on", async (context) => {
    const { findings, onWarning } = warnings();
    const store = await makeStore(context, { onWarning });
    const [one, two] = [await store.approvals.create(ASKED), await store.approvals.create(ASKED)];
    const path = fileOf(store, one);
    const torn = readFileSync(path, "utf8").slice(0, 40);
    writeFileSync(path, torn);
    await pass(FRESH_MS);
    const listed = await store.approvals.list();
    assert.deepEqual(
      listed.map(({ id }) => id),
      [two.id],
    );
    const file = `approvals/${one.id.toLowerCase()}.json`;
    await pass(0);
    assert.ok(findings.some((finding) => finding.file === file && finding.severity === "error"));
    for (const call of [
      () => store.approvals.get(one.id),
      () => store.approvals.approve(one.id),
      () => store.approvals.wait(one.id),
    ]) {
      const error = await refused("CORRUPT", call);
      assert.equal(error.context["file"], file);
    }
    await store.approvals.approve(two.id);
    await store.approvals.create(ASKED);
    assert.equal(readFileSync(path, "utf8"), torn);
  });

  test("one that was copied by hand is no second approval", async (context) => {
    const { findings, onWarning } = warnings();
    const store = await makeStore(context, { onWarning });
    const { id } = await store.approvals.create(ASKED);
    const text = readFileSync(fileOf(store, { id }), "utf8");
    writeFileSync(fileOf(store, { id: UNKNOWN }), text);
    await pass(FRESH_MS);
    assert.equal((await store.approvals.list()).length, 1);
    assert.equal(findings[0]?.rule, "name");
    await refused("CORRUPT", store.approvals.get(UNKNOWN));
  });

  test("one made by hand may lack what has a default; unknown keys and layout stay", async (context) => {
    const store = await makeStore(context);
    await store.approvals.create(ASKED);
    const text = `{"id":"${UNKNOWN}","mine":[1,2],"taskId":"t","kind":"generic","status":"pending","createdAt":"2020-01-01T00:00:00Z"}\n`;
    writeFileSync(fileOf(store, { id: UNKNOWN }), text);
    await pass(FRESH_MS);
    const read = await store.approvals.get(UNKNOWN);
    assert.deepEqual([read.payload, read.resolver, read["mine"]], [null, null, [1, 2]]);
    assert.equal((await store.approvals.list()).at(-1)?.id, UNKNOWN);
    const decided = await store.approvals.approve(UNKNOWN, { resolver: "ann" });
    assert.deepEqual([decided["mine"], decided.resolver], [[1, 2], "ann"]);
    const after = readFileSync(fileOf(store, { id: UNKNOWN }), "utf8");
    assert.ok(after.startsWith(text.slice(0, text.indexOf('"status"'))), after);
  });

  test("one that was taken away by a tombstone is not there", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    const document = JSON.parse(readFileSync(fileOf(store, { id }), "utf8")) as object;
    const deletedAt = "2026-03-01T00:00:00.000Z";
    writeFileSync(fileOf(store, { id }), JSON.stringify({ ...document, deletedAt }));
    await pass(FRESH_MS);
    assert.deepEqual(await store.approvals.list(), []);
    await refused("NOT_FOUND", store.approvals.get(id));
    await refused("NOT_FOUND", store.approvals.approve(id));
  });

  test("two branches that decide alike or apart conflict in git; others merge", async (context) => {
    const project = Project.create(context);
    const store = await project.init(context);
    const both = await store.approvals.create(ASKED);
    const [left, right] = [
      await store.approvals.create(ASKED),
      await store.approvals.create(ASKED),
    ];
    await store.close();
    project.commit("asked");
    project.git("checkout", "--quiet", "-b", "other");
    const theirs = await project.open(context);
    await theirs.approvals.approve(both.id, { resolver: "ann" });
    await theirs.approvals.approve(right.id);
    await theirs.close();
    project.commit("theirs");
    project.git("checkout", "--quiet", "main");
    const ours = await project.open(context);
    await ours.approvals.reject(both.id, { resolver: "bob" });
    await ours.approvals.approve(left.id);
    await ours.close();
    project.commit("ours");
    assert.equal(project.tryGit("merge", "--quiet", "--no-edit", "other").ok, false);
    assert.deepEqual(project.conflicts(), [`.flow/approvals/${both.id.toLowerCase()}.json`]);
    const merged = await project.open(context);
    assert.equal((await merged.approvals.get(left.id)).status, "approved");
    assert.equal((await merged.approvals.get(right.id)).status, "approved");
    await refused("CORRUPT", merged.approvals.get(both.id));
  });

  test("each is a file of its own, named alike in every case of letters", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    assert.deepEqual(readdirSync(join(store.root, "approvals")), [`${id.toLowerCase()}.json`]);
  });
});

describe("waiting", () => {
  test("ends at once where it is decided, approved or rejected", async (context) => {
    const store = await makeStore(context);
    const [one, two] = [await store.approvals.create(ASKED), await store.approvals.create(ASKED)];
    const approved = await store.approvals.approve(one.id);
    const rejected = await store.approvals.reject(two.id);
    assert.deepEqual(await store.approvals.wait(one.id, { timeoutMs: 0 }), approved);
    assert.deepEqual(await store.approvals.wait(two.id, { timeoutMs: 0 }), rejected);
  });

  test("ends when somebody else decides, through the API or by hand", async (context) => {
    const store = await makeStore(context);
    const other = await reopen(context, store, { actor: "bob" });
    const one = await store.approvals.create(ASKED);
    const waiting = store.approvals.wait(one.id, { timeoutMs: Infinity });
    const decided = await other.approvals.approve(one.id);
    assert.deepEqual(await waiting, decided);

    const two = await store.approvals.create(ASKED);
    const byHand = store.approvals.wait(two.id);
    const text = readFileSync(fileOf(store, two), "utf8");
    writeFileSync(fileOf(store, two), text.replace('"pending"', '"rejected"'));
    const read = await byHand;
    assert.deepEqual([read.status, read.resolver], ["rejected", null]);
  });

  test("ends with TIMEOUT, which is retryable, when nobody decides", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    const began = performance.now();
    const error = await refused("TIMEOUT", store.approvals.wait(id, { timeoutMs: 120 }));
    assert.ok(performance.now() - began >= 119);
    assert.equal(error.retryable, true);
    assert.deepEqual(error.context, { kind: "approval", id, status: "pending", timeoutMs: 120 });
    await refused("TIMEOUT", store.approvals.wait(id, { timeoutMs: 0 }));
    for (const timeoutMs of [-1, Number.NaN, "1", null]) {
      const wrong = await refused("BAD_REQUEST", () =>
        store.approvals.wait(id, { timeoutMs: timeoutMs as number }),
      );
      assert.equal(wrong.context["field"], "timeoutMs");
    }
    await refused("BAD_REQUEST", () => store.approvals.wait(id, { signal: {} as AbortSignal }));
  });

  test("ends with ABORTED by the signal, before and meanwhile", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    const controller = new AbortController();
    const waiting = store.approvals.wait(id, { signal: controller.signal });
    controller.abort(new Error("enough"));
    const error = await refused("ABORTED", waiting);
    assert.equal((error.cause as Error).message, "enough");
    await refused("ABORTED", store.approvals.wait(id, { signal: controller.signal }));
  });

  test("ends with CLOSED when the store is closed", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    const waiting = refused("CLOSED", store.approvals.wait(id));
    await store.close();
    await waiting;
  });

  test("is refused in a transaction, where nobody else can decide", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    await store.transaction(async () => {
      await refused("BAD_REQUEST", store.approvals.wait(id));
      await store.approvals.approve(id);
      assert.equal((await store.approvals.wait(id)).status, "approved");
    });
  });

  test("looks after 50 ms, then ever more seldom, and once more at the end", async () => {
    const pauses: number[] = [];
    let nowMs = 0;
    let looks = 0;
    const found = await waitFor(
      async () => {
        looks += 1;
        return null;
      },
      {
        timeoutMs: 2000,
        signal: undefined,
        monotonicMs: () => nowMs,
        sleep: async (ms) => {
          pauses.push(ms);
          nowMs += ms;
        },
      },
    );
    assert.equal(found, null);
    assert.equal(nowMs, 2000);
    assert.equal(looks, pauses.length + 1);
    assert.deepEqual(pauses.slice(0, 6), [50, 75, 112.5, 168.75, 250, 250]);
    assert.ok(pauses.every((ms) => ms <= 250));
  });

  test("costs next to no processor time", async (context) => {
    const store = await makeStore(context);
    const { id } = await store.approvals.create(ASKED);
    const before = process.cpuUsage();
    await refused("TIMEOUT", store.approvals.wait(id, { timeoutMs: 1000 }));
    const { user, system } = process.cpuUsage(before);
    // Eight looks; a busy loop would take all of the second.
    assert.ok(user + system < 400_000, `${user + system} µs`);
  });
});

test("a store that was closed takes no call", async (context) => {
  const store = await makeStore(context);
  atEnd(context, () => store.close());
  await store.close();
  await refused("CLOSED", store.approvals.list());
  await refused("CLOSED", store.approvals.create(ASKED));
});
