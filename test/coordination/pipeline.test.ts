/** The pipeline: where an epic stands, and how it is moved on. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FlowStore, type FlowStoreOptions } from "flowstore";
import {
  FRESH_MS,
  makeProject,
  makeStore,
  pass,
  QUICK,
  refused,
  refusedWithoutTrace,
  reopen,
  committed,
  TestClock,
  tracked,
  warnings,
} from "../features/support.ts";
import { eventsOf, logOf, logsNothing } from "./events.ts";
import { NO_TEXTS, STRANGE_TEXTS } from "./strange-texts.ts";

const EPIC = "fn-1";
const ALL = ["plan", "plan_review", "work", "impl_review", "close"];

function fileOf(store: FlowStore, epic = EPIC): string {
  return join(store.root, "pipeline", `${epic}.json`);
}

/** Puts a text into an epic's file as a person would. */
async function edit(store: FlowStore, text: string): Promise<void> {
  writeFileSync(fileOf(store), text);
  await pass(FRESH_MS);
}

describe("reading", () => {
  // The old system made an entry, in the first phase, when it was asked; and lost the times.
  test("of what has not begun gives null and writes nothing", async (context) => {
    const store = await makeStore(context);
    await store.pipeline.start(EPIC);
    await store.close();
    const before = committed(store.root);
    const { pipeline } = await reopen(context, store, { readOnly: true });
    assert.equal(await pipeline.read("fn-10"), null);
    assert.equal((await pipeline.read(EPIC))?.phase, "plan");
    assert.equal((await pipeline.list()).length, 1);
    assert.deepEqual(await pipeline.phases(), ALL);
    assert.deepEqual(committed(store.root), before);
    await refused("READ_ONLY", pipeline.advance(EPIC, { from: "plan" }));
  });

  test("tells when it began and when it came into its phase", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const startedAt = clock.iso();
    const { pipeline } = store;
    const started = await pipeline.start(EPIC);
    assert.deepEqual(started, {
      pipeline: { epicId: EPIC, phase: "plan", startedAt, updatedAt: startedAt },
      created: true,
    });
    clock.ms += 5000;
    const moved = { epicId: EPIC, phase: "plan_review", startedAt, updatedAt: clock.iso() };
    assert.deepEqual(await pipeline.advance(EPIC, { from: "plan" }), moved);
    clock.ms += 5000;
    // What else happens to the epic is no news of its pipeline.
    await store.gaps.add({ epicId: EPIC, capability: "x" });
    assert.deepEqual(await pipeline.read(EPIC), moved);
    assert.deepEqual(JSON.parse(readFileSync(fileOf(store), "utf8")), {
      $schema: "../schema/pipeline.json",
      ...moved,
    });
  });

  test("of all is by epic, numbers in their order", async (context) => {
    const { pipeline } = await makeStore(context);
    for (const epic of ["fn-10", "fn-9", "fn-1", "fn-2-b", "fn-2-a"]) await pipeline.start(epic);
    await pipeline.write("fn-9", "work");
    assert.deepEqual(
      (await pipeline.list()).map(({ epicId, phase }) => `${epicId} ${phase}`),
      ["fn-1 plan", "fn-2-a plan", "fn-2-b plan", "fn-9 work", "fn-10 plan"],
    );
  });
});

describe("moving on", () => {
  // In the old system the last phase counted as the end, so that it could never be completed.
  test("goes through every phase, completes the last one, and logs each step", async (context) => {
    const store = await makeStore(context);
    const { pipeline } = store;
    await pipeline.start(EPIC, { agent: "ann" });
    const walked: string[] = [];
    for (let phase = "plan"; phase !== "completed"; walked.push(phase)) {
      ({ phase } = await pipeline.advance(EPIC, { from: phase, note: "on" }));
    }
    assert.deepEqual(walked, [...ALL.slice(1), "completed"]);
    assert.equal((await pipeline.read(EPIC))?.phase, "completed");
    const events = await eventsOf(store, `epic:${EPIC}`);
    assert.deepEqual(
      events.map(({ type, agent, payload }) => ({ type, agent, payload })),
      [null, ...ALL].map((from, at) => ({
        type: from === null ? "pipeline_started" : "pipeline_advanced",
        agent: from === null ? "ann" : "tester",
        payload: { epicId: EPIC, from, to: [...ALL, "completed"][at] },
      })),
    );
    assert.deepEqual(events[1]?.metadata, { note: "on" });
  });

  test("from where it is not any more is CONFLICT, and says where it is", async (context) => {
    const store = await makeStore(context);
    const { pipeline } = store;
    await pipeline.write(EPIC, "work");
    for (const from of ["plan", "close", "completed"]) {
      const error = await refusedWithoutTrace(store, "CONFLICT", () =>
        pipeline.advance(EPIC, { from }),
      );
      assert.deepEqual(error.context, { kind: "pipeline", epicId: EPIC, phase: "work", from });
    }
    await pipeline.write(EPIC, "completed");
    const over = await refusedWithoutTrace(store, "CONFLICT", () =>
      pipeline.advance(EPIC, { from: "completed" }),
    );
    assert.match(over.message, /it is completed$/);
  });

  test("from nothing is NOT_FOUND, from a phase that is none BAD_REQUEST", async (context) => {
    const store = await makeStore(context);
    const advance = (from: unknown, epic = EPIC) => {
      return () => store.pipeline.advance(epic, { from: from as string });
    };
    await refusedWithoutTrace(store, "NOT_FOUND", advance("plan"));
    await store.pipeline.start(EPIC);
    for (const from of ["plann", "Plan", "", null, undefined, 1, ["plan"]]) {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", advance(from));
      assert.equal(error.context["field"], "from");
    }
    const known = await refused("BAD_REQUEST", advance("plann"));
    assert.deepEqual(known.context["known"], [...ALL, "completed"]);
    await refused("BAD_REQUEST", store.pipeline.advance(EPIC, undefined as never));
    await refused("BAD_REQUEST", store.pipeline.advance(EPIC, "plan" as never));
  });
});

describe("starting and setting", () => {
  test("starting again changes nothing, wherever it is by then", async (context) => {
    const store = await makeStore(context);
    await store.pipeline.start(EPIC);
    const state = await store.pipeline.advance(EPIC, { from: "plan" });
    const before = tracked(store);
    const again = await logsNothing(store, () => store.pipeline.start(EPIC));
    assert.deepEqual(again, { pipeline: state, created: false });
    assert.deepEqual(tracked(store), before);
  });

  test("write sets any known phase, back and forth, and keeps the beginning", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const startedAt = clock.iso();
    for (const phase of ["work", "plan", "completed", "close"]) {
      assert.deepEqual(await store.pipeline.write(EPIC, phase), {
        ...{ epicId: EPIC, phase, startedAt, updatedAt: clock.iso() },
      });
      clock.ms += 1000;
    }
    const before = tracked(store);
    await logsNothing(store, () => store.pipeline.write(EPIC, "close"));
    assert.deepEqual(tracked(store), before);
    assert.deepEqual(await logOf(store), [
      "epic:fn-1 pipeline_started",
      ...Array<string>(3).fill("epic:fn-1 pipeline_set"),
    ]);
  });

  test("an unknown phase is refused, with those that are known", async (context) => {
    const store = await makeStore(context);
    for (const phase of ["brainstorm", "", "PLAN", "__proto__", null, undefined, 2, {}]) {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.pipeline.write(EPIC, phase as string),
      );
      assert.deepEqual(error.context, { field: "phase", known: [...ALL, "completed"] });
    }
    assert.equal(await store.pipeline.read(EPIC), null);
  });
});

describe("phases of one's own", () => {
  test("are the ones that count", async (context) => {
    const { pipeline } = await makeStore(context, { pipelinePhases: ["draft", "ship"] });
    assert.equal((await pipeline.start(EPIC)).pipeline.phase, "draft");
    assert.equal((await pipeline.advance(EPIC, { from: "draft" })).phase, "ship");
    assert.equal((await pipeline.advance(EPIC, { from: "ship" })).phase, "completed");
    await refused("BAD_REQUEST", pipeline.write(EPIC, "plan"));
    const phases = await pipeline.phases();
    phases.push("plan");
    assert.deepEqual(await pipeline.phases(), ["draft", "ship"]);
  });

  test("that are none are refused when the store is opened", async (context) => {
    const project = makeProject(context);
    await (await FlowStore.init(project, QUICK)).close();
    const wrong: readonly unknown[] = [
      ...[null, [], "plan", {}, [1], [""], ["a", "a"], ["a", "completed"], Array(1)],
    ];
    for (const pipelinePhases of wrong) {
      const options = { ...QUICK, pipelinePhases } as FlowStoreOptions;
      const error = await refused("BAD_REQUEST", FlowStore.open(project, options));
      assert.match(error.message, /^Cannot use the store: pipelinePhases/);
    }
  });
});

// In the old system a phase that nobody knew, and a file that nobody could read, were the first
// phase: a typing error, or a newer version, sent an epic back to its beginning.
describe("a stored phase that nobody knows", () => {
  const STORED = { epicId: EPIC, phase: "brainstorm", startedAt: "2026-01-01T00:00:00.000Z" };

  test("is shown as it is stored, reported, and never moved on", async (context) => {
    const { findings, onWarning } = warnings();
    const store = await makeStore(context, { onWarning });
    await store.pipeline.start(EPIC);
    await edit(store, JSON.stringify(STORED));
    const state = { ...STORED, updatedAt: STORED.startedAt };
    assert.deepEqual(await store.pipeline.read(EPIC), state);
    assert.deepEqual(await store.pipeline.list(), [state]);
    assert.deepEqual((await store.pipeline.start(EPIC)).pipeline, state);
    assert.deepEqual(
      findings.map(({ file, rule, severity }) => [file, rule, severity]),
      [["pipeline/fn-1.json", "unknown-phase", "warning"]],
    );
    assert.match(findings[0]?.message ?? "", /"brainstorm"/);

    const stuck = await refusedWithoutTrace(store, "CONFLICT", () =>
      store.pipeline.advance(EPIC, { from: "brainstorm" }),
    );
    assert.match(stuck.hint ?? "", /plan, plan_review, .*pipelinePhases/);
    await refusedWithoutTrace(store, "CONFLICT", () =>
      store.pipeline.advance(EPIC, { from: "plan" }),
    );
    await refused("BAD_REQUEST", store.pipeline.write(EPIC, "brainstorm"));
    assert.equal((await store.pipeline.write(EPIC, "work")).startedAt, STORED.startedAt);
  });

  test("is told again when it was mended and comes back, and only then", async (context) => {
    const { findings, onWarning } = warnings();
    const store = await makeStore(context, { onWarning });
    await store.pipeline.start(EPIC);
    for (const [phase, told] of [
      ["brainstorm", 1],
      ["work", 1],
      ["brainstorm", 2],
      ["another", 3],
    ] as const) {
      await edit(store, JSON.stringify({ ...STORED, phase }));
      for (let look = 0; look < 3; look += 1) {
        await store.pipeline.read(EPIC);
        await store.pipeline.list();
      }
      assert.equal(findings.length, told, phase);
    }
  });

  test("is known to a store that was opened with it", async (context) => {
    const { findings, onWarning } = warnings();
    const store = await makeStore(context);
    await store.pipeline.start(EPIC);
    await edit(store, JSON.stringify(STORED));
    const pipelinePhases = ["brainstorm", ...ALL];
    const { pipeline } = await reopen(context, store, { pipelinePhases, onWarning });
    assert.equal((await pipeline.advance(EPIC, { from: "brainstorm" })).phase, "plan");
    assert.deepEqual(findings, []);
  });
});

describe("names, arguments and files", () => {
  test("any text is an epic of its own", async (context) => {
    const store = await makeStore(context);
    for (const [at, epic] of STRANGE_TEXTS.entries()) {
      await store.pipeline.write(epic, ALL[at % ALL.length] ?? "");
    }
    const { pipeline } = await reopen(context, store);
    for (const [at, epic] of STRANGE_TEXTS.entries()) {
      const state = await pipeline.read(epic);
      assert.deepEqual([state?.epicId, state?.phase], [epic, ALL[at % ALL.length]]);
    }
    assert.equal((await pipeline.list()).length, STRANGE_TEXTS.length);
    assert.equal(readdirSync(join(store.root, "pipeline")).length, STRANGE_TEXTS.length);
  });

  test("what is no text is refused without a trace", async (context) => {
    const store = await makeStore(context);
    const { pipeline } = store;
    for (const given of NO_TEXTS) {
      const epic = given as string;
      for (const call of [
        () => pipeline.read(epic),
        () => pipeline.start(epic),
        () => pipeline.write(epic, "plan"),
        () => pipeline.advance(epic, { from: "plan" }),
      ]) {
        const error = await refusedWithoutTrace(store, "BAD_REQUEST", call);
        assert.equal(error.context["field"], "epicId");
      }
    }
  });

  test("a file made by hand needs no times; one's own keys stay", async (context) => {
    const store = await makeStore(context);
    await store.pipeline.start(EPIC);
    await edit(store, '{ "epicId": "fn-1", "owner": "ann", "phase": "work" }');
    assert.deepEqual(await store.pipeline.read(EPIC), {
      ...{ epicId: EPIC, phase: "work", startedAt: null, updatedAt: null },
    });
    const moved = await store.pipeline.advance(EPIC, { from: "work" });
    assert.equal(moved.startedAt, null);
    const text = readFileSync(fileOf(store), "utf8");
    assert.match(text, /"owner": "ann"/);
    assert.doesNotMatch(text, /startedAt/);
  });

  test("a tombstone is as nothing, and comes to life with a new beginning", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.pipeline.write(EPIC, "work");
    const text = readFileSync(fileOf(store), "utf8");
    await edit(store, text.replace("{", '{ "deletedAt": "2026-01-01T00:00:00Z",'));
    assert.equal(await store.pipeline.read(EPIC), null);
    assert.deepEqual(await store.pipeline.list(), []);
    await refused("NOT_FOUND", store.pipeline.advance(EPIC, { from: "work" }));
    clock.ms += 1000;
    const { pipeline, created } = await store.pipeline.start(EPIC);
    assert.deepEqual([created, pipeline.phase, pipeline.startedAt], [true, "plan", clock.iso()]);
    assert.deepEqual(await store.pipeline.read(EPIC), pipeline);
  });

  for (const [what, text] of [
    ["that is empty", ""],
    ["without a phase", '{ "epicId": "fn-1" }'],
    ["of another epic", '{ "epicId": "fn-10", "phase": "plan" }'],
    ["with an empty phase", '{ "epicId": "fn-1", "phase": "" }'],
  ] as const) {
    test(`a file ${what} is CORRUPT, stays, and the others are listed`, async (context) => {
      const { findings, onWarning } = warnings();
      const store = await makeStore(context, { onWarning });
      await store.pipeline.write(EPIC, "work");
      await store.pipeline.start("fn-2");
      await edit(store, text);
      const { pipeline } = store;
      for (const call of [
        () => pipeline.read(EPIC),
        () => pipeline.start(EPIC),
        () => pipeline.write(EPIC, "plan"),
        () => pipeline.advance(EPIC, { from: "work" }),
      ]) {
        const error = await refusedWithoutTrace(store, "CORRUPT", call);
        assert.equal(error.context["file"], "pipeline/fn-1.json");
      }
      assert.deepEqual(
        (await pipeline.list()).map(({ epicId }) => epicId),
        ["fn-2"],
      );
      assert.deepEqual(
        findings.map(({ file }) => file),
        ["pipeline/fn-1.json"],
      );
      assert.equal(readFileSync(fileOf(store), "utf8"), text);
    });
  }
});
