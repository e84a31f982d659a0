/** P1: killed before any operation of a call, the next open shows all of it or nothing. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { nodeDisk } from "#src/disk/node-disk.js";
import { GUARD } from "#src/storage/layout.js";
import { inLanes, makeRoot, openStorage, tempFolder, until } from "../storage/support.ts";
import { assertPlainFilesAreWhole, assertTidyAfterOneMore } from "./checks.ts";
import { copyOf } from "./copies.ts";
import { SCENARIOS, stateOf, type Scenario } from "./scenarios.ts";

const WORKER = fileURLToPath(new URL("./kill.worker.js", import.meta.url));
/** Children at once. */
const AT_ONCE = 3;
/** `KILL_ALL=1` kills at every operation of every call, and at each of every recovery. */
const ALL = process.env["KILL_ALL"] !== undefined;
/** Calls of which the suite tries every operation; of the others, which differ in a few, some. */
const WHOLE = ["one document and its event", "a commit that makes the journal go on in a new file"];
const STEP = Number(process.env["KILL_STEP"] ?? 8);
/** No call has more operations. */
const MOST_OPERATIONS = 200;
const HEAD = { gitHead: () => "head" };

interface Ended {
  readonly signal: string | null;
  readonly acknowledged: boolean;
}

async function run(root: string, name: string, k: number): Promise<Ended> {
  const child = spawn(process.execPath, [WORKER, root, name, String(k)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => (out += String(data)));
  child.stderr.on("data", (data) => (err += String(data)));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.on("close", (...ended) => resolve(ended)),
  );
  assert.ok(signal === "SIGKILL" || code === 0, `operation ${k}: exit ${code} ${signal}: ${err}`);
  return { signal, acknowledged: out.includes("ack") };
}

/** A root as `prepare` leaves it, closed without being made shorter. */
async function prepared({ prepare }: Scenario): Promise<string> {
  const root = tempFolder();
  const disk = nodeDisk(root);
  disk.makeFolder("features");
  disk.makeFolder("events");
  if (prepare === null) return root;
  makeRoot(disk);
  const storage = openStorage(disk, HEAD);
  await prepare(storage);
  await until(() => disk.list(GUARD)?.some((name) => name.endsWith(".lock")) !== true);
  await storage.close();
  return root;
}

async function look(root: string): Promise<string> {
  const reader = openStorage(root, { ...HEAD, readOnly: true });
  const state = await stateOf(reader);
  await reader.close();
  return state;
}

/** What a root shows that nobody interrupted. */
async function stateAfter(root: string, name: string): Promise<string> {
  const copy = copyOf(root);
  const { signal } = await run(copy, name, 0);
  assert.equal(signal, null);
  return look(copy);
}

/** Calls `one` for k = 1, 2, 3 … several at once, until it answers that the end is reached. */
async function forEachPoint(one: (k: number) => Promise<boolean>, step = 1): Promise<number> {
  let ended = MOST_OPERATIONS;
  let points = 0;
  function* cases(): Generator<() => Promise<void>> {
    for (let k = 1; k <= ended; k += step) {
      yield async () => {
        if (await one(k)) points += 1;
        else ended = Math.min(ended, k);
      };
    }
  }
  await inLanes(cases(), AT_ONCE);
  assert.ok(ended < MOST_OPERATIONS, "the call never passed");
  return points;
}

/** Kills a call before its k-th operation, on a copy; `false` when the call has no k-th one. */
async function killAt(root: string, name: string, k: number, states: States): Promise<boolean> {
  const copy = copyOf(root);
  const disk = nodeDisk(copy);
  const { signal, acknowledged } = await run(copy, name, k);
  const where = `killed before operation ${k}`;
  assertPlainFilesAreWhole(disk);
  const seen = await look(copy);
  assert.ok(seen === states.before || seen === states.after, `${where}, a reader sees ${seen}`);
  if (acknowledged) assert.equal(seen, states.after, `${where}, acknowledged`);

  const storage = openStorage(copy, HEAD);
  await storage.recover();
  const recovered = await stateOf(storage);
  assert.ok(
    recovered === states.after || (seen === states.before && recovered === states.before),
    `${where}, recovered to ${recovered} after a reader saw ${seen}`,
  );
  await assertTidyAfterOneMore(disk, storage);
  return signal !== null;
}

interface States {
  readonly before: string;
  readonly after: string;
}

describe("kill -9 before each operation of", () => {
  for (const one of SCENARIOS) {
    test(one.name, async (t) => {
      const root = await prepared(one);
      const states = { before: await look(root), after: await stateAfter(root, one.name) };
      assert.notEqual(states.before, states.after);
      const isWhole = ALL || WHOLE.includes(one.name);
      const killed = (k: number): Promise<boolean> => killAt(root, one.name, k, states);
      const points = await forEachPoint(killed, isWhole ? 1 : STEP);
      t.diagnostic(`${points} points`);
    });
  }

  test("a recovery", async (t) => {
    const five = SCENARIOS[1];
    assert.ok(five);
    const root = await prepared(five);
    const before = await look(root);
    const after = await stateAfter(root, five.name);
    let points = 0;
    let recoveries = 0;
    // Some points only: each kind of half-done call is among them, and the whole stays short.
    const step = ALL ? 1 : 6;
    for (let k = ALL ? 1 : 3; ; k += step) {
      const half = copyOf(root);
      const { signal } = await run(half, five.name, k);
      if (signal === null) break;
      const storage = openStorage(copyOf(half), HEAD);
      await storage.recover();
      const end = await stateOf(storage);
      await storage.close();
      // Before the record is written there is nothing to recover but leftovers.
      if (end === before) continue;
      recoveries += 1;
      const seen = await look(half);
      const killed = (j: number): Promise<boolean> =>
        killAt(half, "recovery", j, { before: seen, after });
      points += await forEachPoint(killed, ALL ? 1 : STEP);
    }
    t.diagnostic(`${points} points of ${recoveries} recoveries`);
    assert.ok(recoveries >= 3, `${recoveries} recoveries`);
  });
});
