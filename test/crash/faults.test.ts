/**
 * P8: an operation that fails. Before the commit: `IO` and the old state, and the next call works;
 * after it the change has happened. A failed sync: nobody knows, and nobody builds on it.
 * At each operation every second kind of fault is tried; `FAULT_STEP=1` tries all.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { isFlowError } from "#src/errors.js";
import type { Disk } from "#src/disk/disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { GUARD } from "#src/storage/layout.js";
import type { Storage } from "#src/storage/storage.js";
import { inLanes, makeRoot, openStorage, until } from "../storage/support.ts";
import { assertTidyAfterOneMore } from "./checks.ts";
import { answerOf, failing, isMutating, isReading, type Answer, type Fault } from "./faults.ts";
import { add, SCENARIOS, stateOf, without, type Scenario } from "./scenarios.ts";

/** Another kind begins at the next operation, so that each operation fails in some ways. */
const STEP = Number(process.env["FAULT_STEP"] ?? 2);
const HEAD = { gitHead: () => "head" };
/** Cases at once: they wait for timers more than they compute. */
const AT_ONCE = 16;

const FAULTS: readonly Fault[] = [
  { errno: "EIO", forever: false },
  { errno: "ENOSPC", forever: true },
  { errno: "EACCES", forever: false },
  { errno: "EACCES", forever: true },
  { errno: "EMFILE", forever: false },
  { errno: "ENOSPC", short: 1, forever: false },
  { errno: "ENOSPC", short: "half", forever: true },
  // All but the last byte: what is missing must not be made up for by the next line.
  { errno: "ENOSPC", short: -1, forever: false },
];

async function prepared({ prepare }: Scenario): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  disk.makeFolder("features");
  disk.makeFolder("events");
  if (prepare === null) return disk;
  makeRoot(disk);
  const storage = openStorage(disk, HEAD);
  await prepare(storage);
  await until(() => disk.list(GUARD)?.some((name) => name.endsWith(".lock")) !== true);
  await storage.close();
  return disk;
}

async function look(disk: Disk): Promise<string> {
  const reader = openStorage(disk, { ...HEAD, readOnly: true });
  const state = await stateOf(reader);
  await reader.close();
  return state;
}

interface Case {
  readonly scenario: Scenario;
  readonly start: MemoryDisk;
  readonly before: string;
  readonly after: string;
  readonly meant: (operation: string) => boolean;
}

/** One fault at one operation of a call and of what follows until the store is closed. */
async function tryFault(one: Case, k: number, fault: Fault, answers: Answer[]): Promise<void> {
  const raw = one.start.crash("all");
  const { disk, control } = failing(raw, k, fault, one.meant);
  const waiting: string[] = [];
  const storage = openStorage(disk, {
    ...HEAD,
    ...one.scenario.options,
    onApplyPending: (paths) => waiting.push(...paths.map(({ reason }) => reason)),
  });
  control.armed = true;
  const { answer, why } = await answerOf(one.scenario.act(storage));
  answers.push(answer);
  try {
    await checkSeen(one, raw, answer);
    if (control.failed !== null) {
      control.armed = false;
      await checkNextCall(one, storage, answer);
    }
    await storage.close();
    control.armed = false;
    await checkReopened(one, raw, answer);
  } catch (error) {
    const what = `${JSON.stringify(fault)} at operation ${k}, ${control.failed}, answered ${answer}`;
    throw new Error(`${what} (${why}; ${waiting.join("; ")}): ${String(error)}`, { cause: error });
  }
}

/** What a reader sees while the fault is still there. */
async function checkSeen(one: Case, raw: Disk, answer: Answer): Promise<void> {
  const seen = await look(raw);
  if (answer === "ok") assert.equal(seen, one.after, "answered well, seen");
  else if (answer === "IO") assert.equal(seen, one.before, "failed, seen");
  else assert.ok(seen === one.before || seen === one.after, `unknown, seen ${seen}`);
}

/** The fault is gone: the same store goes on, unless a sync failed. */
async function checkNextCall(one: Case, storage: Storage, answer: Answer): Promise<void> {
  if (answer === "IO") await one.scenario.act(storage);
  const next = storage.commit((write) => add(write, ["next.json"], "next"));
  if (answer === "reopen") {
    const refused = (error: unknown): boolean =>
      isFlowError(error, "IO") && error.context["outcome"] === "unknown";
    await assert.rejects(next, refused);
    return;
  }
  await next;
  const state = without(await stateOf(storage), "next");
  assert.equal(state, one.after, "after the next call");
}

async function checkReopened(one: Case, raw: Disk, answer: Answer): Promise<void> {
  const storage = openStorage(raw, HEAD);
  const began = performance.now();
  await storage.recover();
  const took = performance.now() - began;
  const state = without(await stateOf(storage), "next");
  const expected = answer === "reopen" ? [one.before, one.after] : [one.after];
  assert.ok(expected.includes(state), `reopened to ${state}, not ${expected.join(" or ")}`);
  // A guard that could not be released counts as silent after a second.
  assert.ok(took < 6000, `took ${took} ms to get the guard`);
  await assertTidyAfterOneMore(raw, storage);
}

async function countOperations(
  one: Omit<Case, "before" | "after">,
): Promise<{ count: number; after: string }> {
  const raw = one.start.crash("all");
  const { disk, control } = failing(raw, Infinity, { errno: "EIO", forever: false }, one.meant);
  const storage = openStorage(disk, { ...HEAD, ...one.scenario.options });
  control.armed = true;
  await one.scenario.act(storage);
  control.armed = one.meant === isMutating;
  const after = await stateOf(storage);
  await storage.close();
  return { count: control.count, after };
}

async function tryAll(
  scenario: Scenario,
  faults: readonly Fault[],
  reading: boolean,
): Promise<string> {
  const start = await prepared(scenario);
  const part = { scenario, start, meant: reading ? isReading : isMutating };
  const { count, after } = await countOperations(part);
  const before = await look(start);
  const answers: Answer[] = [];
  const failures: Error[] = [];
  function* cases(): Generator<() => Promise<void>> {
    for (const [index, fault] of faults.entries()) {
      for (let k = 1 + (index % STEP); k <= count; k += STEP) {
        yield async () => {
          try {
            await tryFault({ ...part, before, after }, k, fault, answers);
          } catch (error) {
            failures.push(error as Error);
          }
        };
      }
    }
  }
  await inLanes(cases(), AT_ONCE);
  if (failures.length > 0) {
    throw new AggregateError(
      failures,
      `${failures.length} of ${answers.length}:\n${failures
        .map(({ message }) => message.slice(0, 700))
        .slice(0, 12)
        .join("\n")}`,
    );
  }
  const tally = { ok: 0, IO: 0, unknown: 0, reopen: 0 };
  for (const answer of answers) tally[answer] += 1;
  return `${count} operations, ${answers.length} faults: ${JSON.stringify(tally)}`;
}

// Together: much of the time passes in waiting for guards that could not be released.
describe("an operation that changes or syncs something fails during", { concurrency: 3 }, () => {
  for (const scenario of SCENARIOS) {
    test(scenario.name, async (t) => {
      t.diagnostic(await tryAll(scenario, FAULTS, false));
    });
  }
});

describe("an operation that reads fails during", { concurrency: 3 }, () => {
  const faults: readonly Fault[] = [
    { errno: "EIO", forever: false },
    { errno: "EMFILE", forever: false },
    { errno: "EMFILE", forever: true },
  ];
  for (const scenario of SCENARIOS) {
    test(scenario.name, async (t) => {
      t.diagnostic(await tryAll(scenario, faults, true));
    });
  }
});
