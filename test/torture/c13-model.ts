/**
 * C13: any sequence of calls, crashes and foreign changes gives what a plain list in memory says.
 *
 * fast-check draws the commands and makes a failing sequence short: calls, transactions (kept and
 * undone), a kill before any operation of a call or after its answer, a power cut that loses any
 * part of what was not synced, opening anew, edits by hand in four ways, files that are removed by
 * hand, git's commits and checkouts, a `local/` that is lost. After each the whole store is compared.
 *
 * Most edits and checkouts meet a store that has just looked at everything, and goes on; it is
 * compared 21 ms later by its clock. After a kill readers look first, then a writer comes.
 */
import assert from "node:assert/strict";
import fc from "fast-check";

import { seededRandom } from "#src/disk/power-cut.js";
import { act, CALLS, expected, someName, type Call } from "../features/model.ts";
import type { Claim, Task, Verdict } from "./claim.ts";
import {
  EDITS,
  ModelWorld,
  MOMENTS,
  RealWorld,
  refusalOf,
  shownOf,
  type Plant,
} from "./c13-world.ts";

type Command = fc.AsyncCommand<ModelWorld, RealWorld>;

const COMMANDS_A_RUN = 50;
/** fast-check draws half of the longest on average. */
const LONGEST_RUN = 2 * COMMANDS_A_RUN;

/** A command by its name, so that a failing sequence can be read. */
function command(
  name: string,
  run: (model: ModelWorld, real: RealWorld) => Promise<void>,
): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      await run(model, real);
      await real.assertAs(model);
    },
    toString: () => name,
  };
}

/** Makes a change of the model by a call; the code it is refused with, or `null`. */
function applyCall(model: ModelWorld, call: Call): string | null {
  const change = expected(model.features, call);
  if (typeof change === "string") return change;
  change();
  if (call.kind === "create") {
    model.lastIdInTree = model.features.lastId;
    model.highestGiven = Math.max(model.highestGiven, model.lastIdInTree);
  }
  return null;
}

const call = fc.oneof(...CALLS);

const calls = call.map((one) =>
  command(JSON.stringify(one), async (model, real) => {
    const before = model.features.copy();
    const refusal = applyCall(model, one);
    assert.equal(await refusalOf(() => act(real.stores, before, one)), refusal);
  }),
);

const settings = fc.tuple(fc.constantFrom("a", "b"), fc.nat(3)).map(([key, value]) =>
  command(`set ${key} ${value}`, async (model, real) => {
    if (model.settings.get(key) !== value) model.features.events += 1;
    model.settings.set(key, value);
    await real.stores.settings.set(key, value);
  }),
);

const transactions = fc.tuple(call, call, fc.boolean()).map(([first, second, isUndone]) =>
  command(
    `${isUndone ? "undone" : "kept"}: ${JSON.stringify([first, second])}`,
    async (model, real) => {
      const after = model.copy();
      const steps = [first, second].map((one) => {
        const before = after.features.copy();
        return { one, before, refusal: applyCall(after, one) };
      });
      const refusal = await refusalOf(() =>
        real.stores.transaction(async () => {
          for (const { one, before } of steps) await act(real.stores, before, one);
          if (isUndone) throw new Undone();
        }),
      ).catch((error: unknown) => {
        if (error instanceof Undone) return "undone";
        throw error;
      });
      const expectedRefusal = steps.find((step) => step.refusal !== null)?.refusal ?? null;
      assert.equal(refusal, expectedRefusal ?? (isUndone ? "undone" : null));
      if (refusal === null) model.become(after);
    },
  ),
);

class Undone extends Error {}

const kills = fc
  .tuple(call, fc.integer({ min: 1, max: 25 }), fc.boolean())
  .map(([one, k, isRecovered]) => {
    const then = isRecovered ? ", recovered" : "";
    return command(`killed at ${k} in ${JSON.stringify(one)}${then}`, async (model, real) => {
      const after = model.copy();
      const before = model.features.copy();
      const expectedRefusal = applyCall(after, one);
      const { isAnswered, refusal } = await real.killAt(k, () => act(real.stores, before, one));
      // Who was answered must find it; who was not finds all of it or nothing.
      if (isAnswered) assert.equal(refusal, expectedRefusal);
      const isShown = isAnswered || (await real.shown()) !== shownOf(model);
      if (isShown) model.become(after);
      await real.assertAs(model);
      if (isRecovered || !isShown) await real.recover();
      // A record that nobody has confirmed is shown by nobody: the first writer does confirm it.
      if (!isShown && (await real.shown()) !== shownOf(model)) model.become(after);
    });
  });

const cuts = fc.nat().map((seed) =>
  command(`power cut ${seed}`, async (model, real) => {
    const edited = await real.cutPower(seededRandom(seed));
    const shown = await real.shown();
    if (edited.size === 0 || shown === shownOf(model)) return;
    const before = real.quarantined();
    await real.recover();
    const kept = [...real.quarantined()].flatMap(([name, text]) => (before.has(name) ? [] : text));
    for (const [id, { text, committed }] of edited) {
      const row = model.features.find(id);
      // Of a commit that was not in the files for certain the image counts: the edit is kept aside.
      if (row !== undefined && kept.includes(text)) row.name = committed;
    }
    assert.equal(shown, shownOf(model));
  }),
);

const reopenings = fc.constant(command("reopen", async (_model, real) => real.reopen()));

const moment = fc.constantFrom(...MOMENTS);

const edits = fc
  .tuple(fc.integer({ min: 1, max: 6 }), someName, fc.constantFrom(...EDITS), moment)
  .map(([id, name, way, when]) =>
    command(`edit ${id} to ${JSON.stringify(name)} ${way} ${when}`, async (model, real) => {
      const file = await real.fileOf(id, when);
      const row = model.features.find(id);
      assert.equal(file === null, row === undefined, `the file of feature ${id}`);
      if (file === null || row === undefined) return;
      await real.edit(file, row, name, way);
      row.name = name;
    }),
  );

const removals = fc.tuple(fc.integer({ min: 1, max: 6 }), moment).map(([id, when]) =>
  command(`remove ${id} by hand ${when}`, async (model, real) => {
    const file = await real.fileOf(id, when);
    if (file === null) return;
    real.removeByHand(file, when);
    model.features.rows = model.features.rows.filter((row) => row.id !== id);
  }),
);

const commits = fc.constant(
  command("git commit", async (model, real) => {
    model.snapshots = [...model.snapshots, await real.commit(model)];
  }),
);

const checkouts = fc.tuple(fc.nat(5), moment).map(([at, when]) =>
  command(`git checkout ${at} ${when}`, async (model, real) => {
    const snapshot = model.snapshots[at];
    if (snapshot === undefined) return;
    await real.checkOut(snapshot, when);
    const { lastId } = model.features;
    model.become(snapshot.model.copy());
    // What was given is not given again, wherever git goes.
    model.features.lastId = Math.max(lastId, model.lastIdInTree);
    if (lastId < model.highestGiven) await learnIds(model, real);
  }),
);

const losses = fc.constant(
  command("lose local/", async (model, real) => {
    await real.loseLocal();
    model.features.lastId = model.lastIdInTree;
    await learnIds(model, real);
  }),
);

/**
 * Without the `local/` that gave them, what a segment of the log says of ids that are no longer in
 * the tree still counts; from the next commit on the new `local/` knows what is in the tree.
 */
async function learnIds(model: ModelWorld, real: RealWorld): Promise<void> {
  const next = await nextId(real);
  const isPossible = next > model.features.lastId && next <= model.highestGiven + 1;
  assert.ok(isPossible, `next id ${next}`);
  model.features.lastId = next - 1;
  model.features.events += 1;
  model.settings.set("lost", model.features.events);
  await real.stores.settings.set("lost", model.features.events);
}

/** The id that a feature would get. */
async function nextId({ stores }: RealWorld): Promise<number> {
  let next = 0;
  const undone = async (): Promise<void> => {
    next = (await stores.features.create({ name: "never" })).id;
    throw new Undone();
  };
  await stores.transaction(undone).catch((error: unknown) => {
    if (!(error instanceof Undone)) throw error;
  });
  return next;
}

const COMMANDS: readonly (readonly [weight: number, commands: fc.Arbitrary<Command>])[] = [
  [14, calls],
  [2, settings],
  [2, transactions],
  [2, kills],
  [1, cuts],
  [1, reopenings],
  [2, edits],
  [1, removals],
  [1, commits],
  [1, checkouts],
  [1, losses],
];

export async function attackModel(
  { goal, seed, deadline, progress }: Task,
  plant?: Plant,
): Promise<Verdict> {
  let [runs, commands] = [0, 0];
  const property = fc.asyncProperty(
    fc.commands(
      COMMANDS.flatMap(([weight, arbitrary]) => Array.from({ length: weight }, () => arbitrary)),
      { maxCommands: LONGEST_RUN, size: "max" },
    ),
    async (sequence) => {
      runs += 1;
      commands += [...sequence].length;
      if (runs % 20 === 0) progress(`${runs} runs of ${commands} commands`);
      const real = new RealWorld(plant);
      try {
        await fc.asyncModelRun(() => ({ model: new ModelWorld(), real }), sequence);
        await real.assertSound();
      } finally {
        await real.end();
      }
    },
  );
  const left = Math.max(1, deadline - performance.now());
  const limit = Number.isFinite(left) ? { interruptAfterTimeLimit: left } : {};
  const details = await fc.check(property, { numRuns: goal, seed, ...limit });
  const why = String((details.errorInstance as Error | null)?.stack);
  return {
    tried: details.numRuns,
    unit: "runs",
    violations: details.failed ? [`${fc.defaultReportMessage(details) ?? ""} ${why}`] : [],
    notes: [`${commands} commands in all`],
  };
}

export const C13: Claim = {
  id: "C13",
  title: "any sequence of calls, crashes and foreign changes gives what a plain list says",
  needs: [],
  goals: { short: 500, release: 5000 },
  attack: (task) => attackModel(task),
};
