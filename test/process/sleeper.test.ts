/**
 * P3: a writer falls asleep before any operation of its commit; another process takes everything
 * over, commits, and goes; the sleeper wakes and goes on as if nothing had happened.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { isFlowError } from "#src/errors.js";
import { thisProcess } from "#src/disk/machine.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { MUTATING, wrapDisk } from "#src/disk/wrapped-disk.js";
import type { Storage } from "#src/storage/storage.js";
import { assertPlainFilesAreWhole } from "../crash/checks.ts";
import {
  increment,
  makeRoot,
  openStorage,
  putValue,
  tempFolder,
  valueOf,
  wholeLog,
} from "../storage/support.ts";

const WORKER = fileURLToPath(new URL("./sleeper.worker.js", import.meta.url));
const HEAD = { gitHead: () => "head" };
/** Nobody bears this pid: the others take the guard from it at once. */
const DEAD = { identity: { ...thisProcess(), pid: 2 ** 30, pidStart: null } };
const COMMITS_OF_THE_OTHER = 2;
/** `SLEEPER_STEP=1` tries every operation of the longer calls as well. */
const STEP = Number(process.env["SLEEPER_STEP"] ?? 5);
/** No call has more operations. */
const MOST_OPERATIONS = 400;

type Length = "short" | "long";

/** Where the sleeper sleeps, and what the other one does meanwhile. */
interface Sleep {
  readonly before: (operation: string) => boolean;
  readonly length?: Length;
  readonly step?: number;
}

const CHANGING: Sleep = { before: (operation) => MUTATING.has(operation) };
const READING: Sleep = {
  before: (operation) => !MUTATING.has(operation) && operation !== "close",
  step: STEP * 2,
};

function otherCommits(root: string, length: Length): void {
  const { status, stderr } = spawnSync(process.execPath, [
    WORKER,
    root,
    String(COMMITS_OF_THE_OTHER),
    length,
  ]);
  assert.equal(status, 0, String(stderr));
}

/** Lets a call sleep before its k-th operation; `false` when it has fewer. */
async function sleepAt(
  k: number,
  act: (storage: Storage) => Promise<unknown>,
  { before, length = "short" }: Sleep,
): Promise<boolean> {
  const root = tempFolder();
  const raw = nodeDisk(root);
  makeRoot(raw);
  const first = openStorage(raw, HEAD);
  await increment(first, "counter.json", "before");
  await first.close();
  let count = 0;
  const sleepy = wrapDisk(raw, (operation, _path, go) => {
    if (before(operation)) {
      count += 1;
      if (count === k) otherCommits(root, length);
    }
    return go();
  });
  const storage = openStorage(sleepy, { ...HEAD, ...DEAD });
  let mine = 1;
  try {
    await act(storage);
  } catch (error) {
    // Only a transaction may give up, and says that it may be tried again.
    assert.ok(isFlowError(error, "CONFLICT") && error.retryable, String((error as Error).stack));
    mine = 0;
  }
  await storage.close();
  const slept = count >= k;
  const expected = 1 + mine + (slept ? COMMITS_OF_THE_OTHER : 0);
  await checkEnd(root, expected, `asleep before operation ${k}`);
  return slept;
}

async function checkEnd(root: string, expected: number, where: string): Promise<void> {
  const disk = nodeDisk(root);
  const plain = JSON.parse(disk.readText("features/counter.json") ?? "") as { n: number };
  const end = openStorage(root, HEAD);
  await end.recover();
  const { n } = (await end.read((view) => valueOf<{ n: number }>(view, "counter.json"))) ?? {
    n: 0,
  };
  const { events, damage } = await wholeLog(end);
  const numbers = events.map(({ sequence, event }) => [
    sequence,
    (event.payload as { n: number }).n,
  ]);
  const counted = Array.from({ length: expected }, (_, index) => [index + 1, index + 1]);
  assert.deepEqual(
    { plain: plain.n, n, numbers, damage },
    { plain: expected, n: expected, numbers: counted, damage: [] },
    where,
  );
  assert.equal(disk.list("local/quarantine"), null, where);
  await increment(end);
  await end.close();
  assert.deepEqual(disk.list("local/fence"), [], where);
  assertPlainFilesAreWhole(disk);
}

async function everywhere(
  act: (storage: Storage) => Promise<unknown>,
  sleep: Sleep,
): Promise<number> {
  const { step = 1 } = sleep;
  let points = 0;
  for (let k = 1; k < MOST_OPERATIONS; k += step) {
    if (!(await sleepAt(k, act, sleep))) return points;
    points += 1;
  }
  throw new Error("the call never passed");
}

describe("a writer that sleeps before any operation of", () => {
  test("a commit loses nothing and puts nothing old back", async (t) => {
    const act = (storage: Storage): Promise<unknown> => increment(storage);
    t.diagnostic(`${await everywhere(act, CHANGING)} points, changing`);
    t.diagnostic(`${await everywhere(act, READING)} points, reading`);
  });

  test("a commit that makes the journal go on in a new file", async (t) => {
    const act = (storage: Storage): Promise<unknown> =>
      storage.commit((write) => {
        const n = (valueOf<{ n: number }>(write, "counter.json")?.n ?? 0) + 1;
        putValue(write, "counter.json", { n });
        putValue(write, "long.json", { text: "x".repeat(270_000) });
        write.append({ stream: "counter:counter.json", type: "Incremented", payload: { n } });
      });
    t.diagnostic(`${await everywhere(act, { ...CHANGING, step: STEP })} points`);
  });

  test("a commit, while the other makes the journal go on in a new file", async (t) => {
    const act = (storage: Storage): Promise<unknown> => increment(storage);
    t.diagnostic(`${await everywhere(act, { ...CHANGING, length: "long" })} points`);
  });

  test("a transaction", async (t) => {
    const act = (storage: Storage): Promise<unknown> =>
      storage.transaction(async () => increment(storage), 5000);
    t.diagnostic(`${await everywhere(act, { ...CHANGING, step: STEP })} points`);
  });
});
