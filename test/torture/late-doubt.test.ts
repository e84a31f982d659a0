/** A sync fails in the background, and before its process can say so another one commits. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { MemoryDisk } from "#src/disk/memory-disk.js";
import { judge } from "./c08-judge.ts";
import type { Writer } from "./simulation-programs.ts";
import type { Director } from "./simulation-run.ts";
import { EPOCH_MS } from "./simulation-time.ts";
import { Beginning, Simulation } from "./simulation.ts";

const PATH = "features/a.json";
const [SLEEPER, OTHER] = [0, 1];

function writer(tag: string, pauseMs: number): Writer {
  return { changes: [{ tag, by: "commit", documents: ["a.json"] }], pauseMs, closes: false };
}

/** Fails the sync of the file, and stops who made it before what it does next until the other has ended. */
function failThenSleep(before: (operation: string, path: string) => boolean): Director {
  let [hasFailed, isAsleep] = [false, false];
  return ({ ready, pending }) => {
    if (isAsleep) return { kind: "go", process: ready[0] ?? OTHER, steps: 1 };
    if (!ready.includes(SLEEPER))
      return { kind: "stop", process: OTHER, forMs: 1, looksDead: false };
    const { operation, path } = pending(SLEEPER);
    if (hasFailed && before(operation, path)) {
      isAsleep = true;
      return { kind: "stop", process: SLEEPER, forMs: Infinity, looksDead: false };
    }
    if (!hasFailed && operation === "syncFile" && path === PATH) {
      hasFailed = true;
      return { kind: "fail", process: SLEEPER, failure: { errno: "EIO", loses: true } };
    }
    return { kind: "go", process: SLEEPER, steps: 1 };
  };
}

const PLACES = {
  "before it looks at the journal": () => true,
  "before it writes to the journal": (operation: string, path: string) =>
    operation === "write" && path.startsWith("local/journal/"),
};

for (const [place, before] of Object.entries(PLACES)) {
  test(`a file whose sync failed and that another commit replaced stays as it is: ${place}`, async () => {
    const start = new MemoryDisk({ now: () => EPOCH_MS });
    for (const folder of ["features", "events"]) start.makeFolder(folder);
    const simulation = await Simulation.start(2);
    try {
      const outcome = simulation.run(new Beginning(start.crash("all")), {
        plans: [
          { program: "write", given: writer("first", 500) },
          { program: "write", given: writer("second", 0) },
        ],
        director: failThenSleep(before),
        seed: 1,
      });
      assert.equal(outcome.notes.filter(({ name }) => name === "kept").length, 2);
      assert.deepEqual(await judge(outcome, { before: [] }), []);
    } finally {
      await simulation.end();
    }
  });
}
