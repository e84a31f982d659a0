/**
 * P2: the power goes at any operation, on a disk that may lose or reorder whatever was not synced.
 *
 * `POWER_RANDOMS=50`, say, tries the random fate of the unsynced so often at each operation.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  attackCareless,
  attackFull,
  attackHelper,
  attackRelaxed,
  type Pains,
  type Tally,
} from "./power-attacks.ts";

const USUAL_RANDOMS = 1;
const randoms = Number(process.env["POWER_RANDOMS"] ?? USUAL_RANDOMS);
const pains: Pains = {
  randoms,
  seed: Number(process.env["POWER_SEED"] ?? 1),
  thorough: randoms > USUAL_RANDOMS,
};

function shown({ disks, operations }: Tally): string {
  return `${disks} disks of ${operations} operations`;
}

describe("after a power cut", () => {
  test("durability full: what was answered is there, each commit wholly or not at all", async (t) => {
    const tally = await attackFull(pains);
    t.diagnostic(shown(tally));
    assert.ok(tally.disks > 1000);
  });

  test("durability relaxed: whole commits in order, and those of 100 ms ago", async (t) => {
    const tally = await attackRelaxed(pains);
    t.diagnostic(shown(tally));
    assert.ok(tally.disks > 300);
  });

  test("a helper goes on after a killed writer, and its answer lasts", async (t) => {
    const tally = await attackHelper(pains);
    t.diagnostic(shown(tally));
    assert.ok(tally.disks > 500);
  });

  test("durability none: no promise but that the store opens and works", async (t) => {
    const tally = await attackCareless(pains);
    t.diagnostic(shown(tally));
    assert.ok(tally.disks > 300);
  });
});
