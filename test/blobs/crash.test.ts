/**
 * Blobs and rows when the power goes, the process is killed, or the disk fails, at any operation: a
 * key has its old content or its new one, and never none.
 *
 * `BLOBS_STATES=4` tries the random fate of the unsynced so often at each operation, and every
 * state; `BLOBS_FAULTS=100000` every fault.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seededRandom } from "#src/disk/power-cut.js";
import { attackFaults } from "../torture/c11-faults.ts";
import { attackStores } from "../torture/c02-stores.ts";
import { PUBLIC_CALLS } from "../torture/public-calls.ts";
import { shortTask } from "../torture/short-task.ts";

const STATES = process.env["BLOBS_STATES"];
const FAULTS = Number(process.env["BLOBS_FAULTS"] ?? 70);
/** The part of the states that is tried usually. */
const USUAL_SHARE = 0.08;
const isOfPorts = ({ name }: { name: string }): boolean =>
  /^(projections|blobs|transaction)/.test(name);
const calls = PUBLIC_CALLS.filter(isOfPorts);

describe("a power cut, or a kill, at any operation", () => {
  for (const durability of ["full", "relaxed"] as const) {
    test(durability, async (context) => {
      const random = seededRandom(1);
      const isWanted = (): boolean => STATES !== undefined || random() < USUAL_SHARE;
      const pains = { seed: 1, randoms: Number(STATES ?? 1), thorough: false, isWanted };
      const { disks, operations } = await attackStores(pains, { calls, durability });
      context.diagnostic(`${disks} disks of ${operations} operations`);
      assert.ok(disks > 40, String(disks));
    });
  }
});

test("an operation that fails: the old state or the new one, and the next call works", async (context) => {
  const names = calls.map(({ name }) => name);
  const { tried, violations, notes } = await attackFaults(shortTask(context, FAULTS), {
    calls: names,
  });
  assert.deepEqual(violations, []);
  assert.ok(tried > names.length);
  context.diagnostic(notes.join("; "));
});
