/** Phases: what is done of a task, since when, and what comes next. */
import assert from "node:assert/strict";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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

const TASK = "fn-1.2";

function fileOf(store: FlowStore, name = `${TASK}.json`): string {
  return join(store.root, "phases", name);
}

function documentOf(store: FlowStore): unknown {
  return JSON.parse(readFileSync(fileOf(store), "utf8"));
}

describe("a phase that is done", () => {
  test("is kept with its time, in the order of completion, and logged", async (context) => {
    const clock = new TestClock();
    const { store, phases } = await makeTimed(context, clock);
    const first = { phase: "5", at: clock.iso() };
    assert.deepEqual(await phases.markDone(TASK, "5", { agent: "ann", note: "why" }), first);
    clock.ms += 1000;
    const second = { phase: "2", at: clock.iso() };
    assert.deepEqual(await phases.markDone(TASK, "2"), second);

    assert.deepEqual(await phases.getCompleted(TASK), ["5", "2"]);
    assert.deepEqual(await phases.get(TASK), [first, second]);
    assert.deepEqual(documentOf(store), {
      $schema: "../schema/phases.json",
      taskId: TASK,
      completed: [first, second],
    });
    const events = await eventsOf(store, `task:${TASK}`);
    assert.deepEqual(
      events.map(({ type, agent, source, metadata, payload }) => {
        return { type, agent, source, metadata, payload };
      }),
      [
        {
          ...{ type: "phase_done", agent: "ann", source: "api", metadata: { note: "why" } },
          payload: { taskId: TASK, phase: "5" },
        },
        {
          ...{ type: "phase_done", agent: "tester", source: "api", metadata: null },
          payload: { taskId: TASK, phase: "2" },
        },
      ],
    );
  });

  // The old system refreshed the time of a phase that was marked again; later it kept no times.
  test("stays as it was when it is marked again: the first time, no event, not a byte", async (context) => {
    const clock = new TestClock();
    const { store, phases } = await makeTimed(context, clock);
    const first = await phases.markDone(TASK, "1");
    clock.ms += 60_000;
    const before = tracked(store);
    assert.deepEqual(await logsNothing(store, () => phases.markDone(TASK, "1")), first);
    assert.deepEqual(tracked(store), before);
    assert.deepEqual(await phases.get(TASK), [first]);
  });

  test("may be any text, of no sequence, for a task that nobody made", async (context) => {
    const { phases } = await makeStore(context);
    await phases.markDone("nobody's", "a phase of my own");
    assert.deepEqual(await phases.getCompleted("nobody's"), ["a phase of my own"]);
    assert.deepEqual(await phases.getCompleted("nobody"), []);
  });

  test("is undone with the transaction that it was marked in", async (context) => {
    const store = await makeStore(context);
    await store.phases.markDone(TASK, "1");
    const end = new Error("no");
    const doomed = store.transaction(async () => {
      await store.phases.markDone(TASK, "2");
      assert.equal(await store.phases.next(TASK, "S"), "5");
      throw end;
    });
    await assert.rejects(doomed, end);
    assert.deepEqual(await store.phases.getCompleted(TASK), ["1"]);
  });
});

describe("reset", () => {
  // In the old system a task that began anew was told that all of its phases were done already.
  test("lets a task begin anew; the event keeps what was done and when", async (context) => {
    const store = await makeStore(context);
    for (const phase of ["1", "2"]) await store.phases.markDone(TASK, phase);
    const completed = await store.phases.get(TASK);
    assert.equal(await store.phases.reset(TASK, { agent: "ann" }), 2);
    assert.deepEqual(await store.phases.get(TASK), []);
    assert.equal(await store.phases.next(TASK, "M"), "1");
    // Git takes a file that is gone for a part of a rename.
    assert.deepEqual(documentOf(store), {
      $schema: "../schema/phases.json",
      taskId: TASK,
      completed: [],
    });
    const event = (await eventsOf(store, `task:${TASK}`)).at(-1);
    assert.deepEqual(
      [event?.type, event?.agent, event?.payload],
      ["phases_reset", "ann", { taskId: TASK, completed }],
    );
  });

  test("of nothing counts 0 and writes nothing", async (context) => {
    const store = await makeStore(context);
    await store.phases.markDone(TASK, "1");
    await store.phases.reset(TASK);
    const before = tracked(store);
    assert.equal(await store.phases.reset(TASK), 0);
    assert.equal(await store.phases.reset("fn-1"), 0);
    assert.deepEqual(tracked(store), before);
    assert.deepEqual(await store.phases.getCompleted(TASK), []);
  });

  test("of one task leaves those of others, however alike their names", async (context) => {
    const { phases } = await makeStore(context);
    const tasks = ["fn-1.1", "fn-1.10", "fn-1", "FN-1.1"];
    for (const task of tasks) await phases.markDone(task, "1");
    await phases.reset("fn-1.1");
    const left = await Promise.all(tasks.map((task) => phases.getCompleted(task)));
    assert.deepEqual(left, [[], ["1"], ["1"], ["1"]]);
  });
});

describe("the next phase", () => {
  for (const [name, expected] of [
    ["S", "1 2 5 6 7 10 12"],
    ["M", "1 2 5 6 7 10 12"],
    ["L", "1 2 4 5 6 7 8 9 10 12"],
  ] as const) {
    test(`of ${name} is one after another of ${expected}`, async (context) => {
      const { phases } = await makeStore(context);
      const walked: string[] = [];
      for (let next = await phases.next(TASK, name); next !== null;) {
        walked.push(next);
        await phases.markDone(TASK, next);
        next = await phases.next(TASK, name);
      }
      assert.equal(walked.join(" "), expected);
    });
  }

  test("is the first that is missing, in whatever order others were done", async (context) => {
    const { phases } = await makeStore(context);
    for (const phase of ["12", "1", "5", "of my own"]) await phases.markDone(TASK, phase);
    assert.equal(await phases.next(TASK, "M"), "2");
    assert.equal(await phases.next(TASK, "L"), "2");
    await phases.markDone(TASK, "2");
    assert.deepEqual([await phases.next(TASK, "M"), await phases.next(TASK, "L")], ["6", "4"]);
  });

  test("of an unknown sequence is refused, with the names that are known", async (context) => {
    const store = await makeStore(context, { phaseSequences: { quick: ["a"] } });
    for (const name of ["XL", "s", "", "__proto__", "constructor", null, undefined, 1]) {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.phases.next(TASK, name as string),
      );
      assert.deepEqual(error.context, { field: "sequence", known: ["S", "M", "L", "quick"] });
      assert.match(error.message, /known are S, M, L, quick$/);
    }
  });

  // The old system wrote an entry when it was asked.
  test("is told without writing anything, also to a store that is read only", async (context) => {
    const store = await makeStore(context);
    await store.phases.markDone(TASK, "1");
    await store.close();
    const before = committed(store.root);
    const { phases } = await reopen(context, store, { readOnly: true });
    assert.equal(await phases.next(TASK, "M"), "2");
    assert.equal(await phases.next("unknown", "M"), "1");
    assert.deepEqual(await phases.get("unknown"), []);
    assert.deepEqual(await phases.getCompleted("unknown"), []);
    assert.deepEqual(Object.keys(await phases.sequences()), ["S", "M", "L"]);
    assert.deepEqual(committed(store.root), before);
    await refused("READ_ONLY", phases.markDone(TASK, "2"));
  });
});

describe("sequences", () => {
  test("of a caller stand beside the presets, or in the place of one", async (context) => {
    const phaseSequences = {
      "M+tdd": ["1", "2", "4"],
      S: ["only"],
      ...(JSON.parse('{"__proto__": ["x"]}') as object),
    };
    const { phases } = await makeStore(context, { phaseSequences });
    const sequences = await phases.sequences();
    assert.deepEqual(Object.keys(sequences).toSorted(), ["L", "M", "M+tdd", "S", "__proto__"]);
    assert.deepEqual(sequences["S"], [{ phase: "only", title: null, doneWhen: null }]);
    assert.deepEqual(sequences["M"]?.[3], {
      phase: "6",
      title: "Verify & Fix",
      doneWhen: "the checks pass and the diff is reviewed",
    });
    // One's own phase 1 is not the preset's.
    assert.equal(sequences["M+tdd"]?.[0]?.title, null);
    assert.deepEqual(
      [await phases.next(TASK, "M+tdd"), await phases.next(TASK, "__proto__")],
      ["1", "x"],
    );
    sequences["M"]?.splice(0);
    assert.equal((await phases.sequences())["M"]?.length, 7);
  });

  test("that are none are refused when the store is opened", async (context) => {
    const project = makeProject(context);
    await (await FlowStore.init(project, QUICK)).close();
    const wrong: readonly unknown[] = [
      ...[null, [], "M", 1, new Map([["a", ["1"]]])],
      ...[{ a: [] }, { a: null }, { a: "1" }, { a: [1] }, { a: [""] }, { a: ["1", "1"] }],
      ...[{ "": ["1"] }, { a: ["1", "\ud800"] }, { a: Array(2) }],
    ];
    for (const phaseSequences of wrong) {
      const options = { ...QUICK, phaseSequences } as FlowStoreOptions;
      const error = await refused("BAD_REQUEST", FlowStore.open(project, options));
      assert.match(error.message, /^Cannot use the store: .*phaseSequences/);
    }
    const open = await FlowStore.open(project, { ...QUICK, phaseSequences: {} });
    await open.close();
  });
});

describe("names and arguments", () => {
  test("any text is a task and a phase of its own", async (context) => {
    const store = await makeStore(context);
    for (const [at, text] of STRANGE_TEXTS.entries()) {
      await store.phases.markDone(text, `phase ${at}`);
      await store.phases.markDone("one task", text);
    }
    const again = await reopen(context, store);
    for (const [at, text] of STRANGE_TEXTS.entries()) {
      assert.deepEqual(await again.phases.getCompleted(text), [`phase ${at}`]);
    }
    assert.deepEqual(await again.phases.getCompleted("one task"), STRANGE_TEXTS);
    assert.equal(readdirSync(join(store.root, "phases")).length, STRANGE_TEXTS.length + 1);
  });

  test("what is no text, and no note, is refused without a trace", async (context) => {
    const store = await makeStore(context);
    await store.phases.markDone(TASK, "1");
    const { phases } = store;
    for (const given of NO_TEXTS) {
      const text = given as string;
      const calls: readonly (readonly [field: string, () => Promise<unknown>])[] = [
        ["taskId", () => phases.markDone(text, "1")],
        ["phase", () => phases.markDone(TASK, text)],
        ["taskId", () => phases.get(text)],
        ["taskId", () => phases.getCompleted(text)],
        ["taskId", () => phases.reset(text)],
        ["taskId", () => phases.next(text, "S")],
      ];
      for (const [field, call] of calls) {
        const error = await refusedWithoutTrace(store, "BAD_REQUEST", call);
        assert.equal(error.context["field"], field);
      }
    }
    for (const note of ["ann", null, { agent: "" }, { note: 7 }]) {
      const options = note as { agent: string };
      await refusedWithoutTrace(store, "BAD_REQUEST", () => phases.markDone(TASK, "2", options));
      await refusedWithoutTrace(store, "BAD_REQUEST", () => phases.reset(TASK, options));
    }
  });
});

describe("files and people", () => {
  test("a phase that a merge left twice counts once; keys of one's own stay", async (context) => {
    const store = await makeStore(context);
    await store.phases.markDone(TASK, "1");
    const at = "2026-01-01T00:00:00.000Z";
    const document = {
      owner: "ann",
      taskId: TASK,
      completed: [
        { phase: "2", at, by: "ann" },
        { phase: "1", at },
        { phase: "2", at: "2026-01-02T00:00:00.000Z" },
      ],
    };
    writeFileSync(fileOf(store), JSON.stringify(document));
    await pass(FRESH_MS);
    assert.deepEqual(await store.phases.get(TASK), [
      { phase: "2", at },
      { phase: "1", at },
    ]);
    await store.phases.markDone(TASK, "5");
    const written = documentOf(store) as typeof document;
    assert.equal(written.owner, "ann");
    assert.equal(written.completed[0]?.by, "ann");
    assert.deepEqual(await store.phases.getCompleted(TASK), ["2", "1", "5"]);
    assert.equal(await store.phases.reset(TASK), 3);
  });

  test("a tombstone is as nothing, and comes to life with the next phase", async (context) => {
    const store = await makeStore(context);
    await store.phases.markDone(TASK, "1");
    const text = readFileSync(fileOf(store), "utf8");
    writeFileSync(fileOf(store), text.replace("{", '{ "deletedAt": "2026-01-01T00:00:00Z",'));
    await pass(FRESH_MS);
    assert.deepEqual(await store.phases.get(TASK), []);
    assert.equal(await store.phases.reset(TASK), 0);
    await store.phases.markDone(TASK, "2");
    assert.deepEqual(await store.phases.getCompleted(TASK), ["2"]);
    assert.equal("deletedAt" in (documentOf(store) as object), false);
  });

  // In the old system a file that could not be read was an empty one, and was written over.
  for (const [what, text] of [
    ["that is cut", '{ "taskId": "fn-1.2", "completed": ['],
    ["without a list", '{ "taskId": "fn-1.2" }'],
    ["with a time that is none", '{"taskId":"fn-1.2","completed":[{"phase":"1","at":"soon"}]}'],
    ["of another task", '{ "taskId": "fn-1.20", "completed": [] }'],
    ["with the markers of a merge", "<<<<<<< ours\n{}\n=======\n{}\n>>>>>>> theirs\n"],
  ] as const) {
    test(`a file ${what} is CORRUPT in every call and stays`, async (context) => {
      const { findings, onWarning } = warnings();
      const store = await makeStore(context, { onWarning });
      await store.phases.markDone(TASK, "1");
      await store.phases.markDone("fn-1.3", "1");
      writeFileSync(fileOf(store), text);
      await pass(FRESH_MS);
      const { phases } = store;
      const calls: readonly (() => Promise<unknown>)[] = [
        () => phases.get(TASK),
        () => phases.getCompleted(TASK),
        () => phases.next(TASK, "S"),
        () => phases.markDone(TASK, "2"),
        () => phases.reset(TASK),
      ];
      for (const call of calls) {
        const error = await refusedWithoutTrace(store, "CORRUPT", call);
        assert.equal(error.context["file"], "phases/fn-1.2.json");
      }
      assert.equal(readFileSync(fileOf(store), "utf8"), text);
      assert.deepEqual(
        findings.map(({ file }) => file),
        ["phases/fn-1.2.json"],
      );
      assert.deepEqual(await phases.getCompleted("fn-1.3"), ["1"]);
    });
  }

  test("a copied file is named, not read as another task's", async (context) => {
    const store = await makeStore(context);
    await store.phases.markDone(TASK, "1");
    copyFileSync(fileOf(store), fileOf(store, "fn-1.3.json"));
    const error = await refused("CORRUPT", store.phases.get("fn-1.3"));
    assert.match(error.message, /fn-1\.2\.json/);
    assert.deepEqual(await store.phases.getCompleted(TASK), ["1"]);
  });
});

test("nothing but what was done is in the log", async (context) => {
  const store = await makeStore(context);
  await store.phases.markDone(TASK, "1");
  await store.phases.markDone(TASK, "1");
  await store.phases.next(TASK, "S");
  await store.phases.reset(TASK);
  await store.phases.reset(TASK);
  assert.deepEqual(await logOf(store), [`task:${TASK} phase_done`, `task:${TASK} phases_reset`]);
});

async function makeTimed(
  context: Parameters<typeof makeStore>[0],
  clock: TestClock,
): Promise<{ store: FlowStore; phases: FlowStore["phases"] }> {
  const store = await makeStore(context, { clock: clock.now });
  return { store, phases: store.phases };
}
