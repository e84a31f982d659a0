/** Decisions: kept in the log, read back from it, the newest first. */
import assert from "node:assert/strict";
import { appendFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FlowStore, type LogDecisionInput } from "flowstore";
import {
  FRESH_MS,
  makeStore,
  pass,
  QUICK,
  refused,
  refusedWithoutTrace,
  reopen,
  committed,
  TestClock,
  warnings,
} from "../features/support.ts";
import { Project } from "../merge/project.ts";
import { eventsOf } from "./events.ts";
import { NO_TEXTS, STRANGE_TEXTS } from "./strange-texts.ts";

describe("logging", () => {
  test("is an event of the epic, and gives the decision back", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const said = {
      epicId: "fn-1",
      taskId: "fn-1.2",
      key: "storage",
      value: "files",
      reason: "git",
    };
    const entry = await store.decisions.log(said, { agent: "ann", note: "n" });
    assert.deepEqual(entry, { id: entry.id, ...said, agent: "ann", createdAt: clock.iso() });
    const [event, ...more] = await eventsOf(store, "epic:fn-1");
    assert.deepEqual(more, []);
    assert.deepEqual(
      [event?.id, event?.type, event?.agent, event?.metadata, event?.payload],
      [entry.id, "decision", "ann", { note: "n" }, said],
    );
    assert.deepEqual(await store.decisions.list(), [entry]);
    assert.deepEqual(readdirSync(store.root).includes("decisions"), false);
  });

  test("without an epic belongs to _global; a value may be any JSON", async (context) => {
    const store = await makeStore(context);
    for (const value of ["", null, 0, false, ["a"], { b: { c: 1 } }]) {
      const entry = await store.decisions.log({ key: "k", value });
      assert.deepEqual(
        [entry.epicId, entry.taskId, entry.reason, entry.value],
        ["_global", null, null, value],
      );
      assert.deepEqual((await store.decisions.list({ limit: 1 }))[0], entry);
    }
    assert.equal((await eventsOf(store, "epic:_global")).length, 6);
  });

  test("names who decides also where the input is the last argument; other keys are kept", async (context) => {
    const store = await makeStore(context);
    const entry = await store.decisions.log({
      ...{ key: "k", value: 1, agent: "ann", source: "hook", note: "n", options: ["a", "b"] },
    });
    const [event] = await eventsOf(store, "epic:_global");
    assert.deepEqual(
      [event?.agent, event?.source, event?.metadata],
      ["ann", "hook", { note: "n" }],
    );
    assert.deepEqual(entry["options"], ["a", "b"]);
    assert.deepEqual(await store.decisions.list(), [entry]);
    assert.equal("note" in entry, false);
  });

  test("is undone with its transaction, and seen inside it", async (context) => {
    const store = await makeStore(context);
    const end = new Error("no");
    const doomed = store.transaction(async () => {
      await store.decisions.log({ key: "k", value: 1 });
      assert.equal((await store.decisions.list()).length, 1);
      throw end;
    });
    await assert.rejects(doomed, end);
    assert.deepEqual(await store.decisions.list(), []);
  });

  test("what is no decision is refused without a trace", async (context) => {
    const store = await makeStore(context);
    await store.decisions.log({ key: "k", value: 1 });
    const log = (input: unknown) => () => store.decisions.log(input as LogDecisionInput);
    for (const given of NO_TEXTS) {
      for (const field of ["key", "epicId", "taskId", "reason", "agent"]) {
        if (given === undefined && field !== "key") continue;
        const error = await refusedWithoutTrace(
          store,
          "BAD_REQUEST",
          log({ key: "k", value: 1, [field]: given }),
        );
        assert.equal(error.context["field"], field);
      }
    }
    const noValues = [undefined, () => 1, Symbol.iterator, 1n, Number.NaN, new Date()];
    for (const value of noValues) {
      await refusedWithoutTrace(store, "BAD_REQUEST", log({ key: "k", value }));
    }
    for (const input of [null, undefined, "k", []]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", log(input));
    }
  });
});

describe("listing", () => {
  // The old system read twice as many events as were asked for and then threw away what was no
  // decision: with other events between, too few were left.
  test("gives exactly as many as were asked for, the newest first, whatever lies between", async (context) => {
    const store = await makeStore(context);
    for (let at = 1; at <= 30; at += 1) {
      await store.decisions.log({ epicId: "fn-1", key: "k", value: at });
      for (let gap = 0; gap < 4; gap += 1) {
        await store.gaps.add({ epicId: "fn-1", capability: `${at} ${gap}` });
      }
    }
    const values = async (limit?: number): Promise<unknown[]> => {
      const query = { epicId: "fn-1", ...(limit === undefined ? {} : { limit }) };
      return (await store.decisions.list(query)).map(({ value }) => value);
    };
    const newest = Array.from({ length: 30 }, (_, at) => 30 - at);
    assert.deepEqual(await values(), newest.slice(0, 20));
    for (const limit of [1, 7, 29, 30, 31, 1000]) {
      assert.deepEqual(await values(limit), newest.slice(0, limit));
    }
  });

  // In the old system fn-1 found fn-10's as well.
  test("of one epic gives its own, of none those of all", async (context) => {
    const store = await makeStore(context);
    const epics = ["fn-1", "fn-10", "fn-1.2", "_global", ...STRANGE_TEXTS];
    for (const epicId of epics) await store.decisions.log({ epicId, key: epicId, value: 1 });
    for (const epicId of epics) {
      const found = await store.decisions.list({ epicId });
      assert.deepEqual(
        found.map(({ key }) => key),
        [epicId],
      );
    }
    const all = await store.decisions.list({ limit: 1000 });
    assert.deepEqual(
      all.map(({ key }) => key),
      epics.toReversed(),
    );
    assert.deepEqual(await store.decisions.list({ epicId: "unknown" }), []);
  });

  test("refuses what is no limit and no epic", async (context) => {
    const { decisions } = await makeStore(context);
    for (const limit of [0, -1, 1.5, "5", null, Number.NaN, Infinity]) {
      const error = await refused("BAD_REQUEST", decisions.list({ limit: limit as number }));
      assert.equal(error.context["field"], "limit");
    }
    for (const epicId of ["", null, 1]) {
      await refused("BAD_REQUEST", decisions.list({ epicId: epicId as string }));
    }
    for (const options of [null, "fn-1", []]) {
      await refused("BAD_REQUEST", decisions.list(options as object));
    }
  });

  test("writes nothing, and says what of the log is damaged", async (context) => {
    const { findings, onWarning } = warnings();
    const store = await makeStore(context);
    await store.decisions.log({ key: "k", value: 1 });
    await store.close();
    const [segment = ""] = readdirSync(join(store.root, "events"));
    appendFileSync(join(store.root, "events", segment), '{"id":"half a line"}\n');
    await pass(FRESH_MS);
    const before = committed(store.root);
    const { decisions } = await reopen(context, store, { readOnly: true, onWarning });
    assert.equal((await decisions.list()).length, 1);
    assert.deepEqual(committed(store.root), before);
    assert.deepEqual(
      findings.map(({ rule }) => rule),
      ["event-damaged"],
    );
    await refused("READ_ONLY", decisions.log({ key: "k", value: 1 }));
  });

  test("of two branches that were merged gives those of both, by time", async (context) => {
    const clock = new TestClock();
    const project = Project.create(context);
    const open = async (): Promise<FlowStore> => {
      clock.ms += 1000;
      return FlowStore.init(project.folder, { ...QUICK, clock: clock.now });
    };
    const decide = async (value: string): Promise<void> => {
      const store = await open();
      await store.decisions.log({ key: "k", value });
      await store.close();
      project.git("add", ".flow");
      project.git("commit", "--quiet", "--message", value);
    };
    await decide("both");
    project.git("checkout", "--quiet", "-b", "other");
    await decide("theirs");
    project.git("checkout", "--quiet", "main");
    await decide("ours");
    project.git("merge", "--quiet", "--no-edit", "other");
    await decide("after");
    const store = await open();
    const found = await store.decisions.list();
    assert.deepEqual(
      found.map(({ value }) => value),
      ["after", "ours", "theirs", "both"],
    );
    assert.deepEqual(
      (await store.decisions.list({ limit: 2 })).map(({ value }) => value),
      ["after", "ours"],
    );
    await store.close();
  });
});
