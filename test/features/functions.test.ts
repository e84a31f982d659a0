/** The pure functions of the package: order, circles, scores, and Claude Code's tasks. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";
import {
  areDependenciesSatisfied,
  computeScores,
  featureToTask,
  findCycles,
  isFlowError,
  taskToFeature,
  topologicalSort,
  wouldCreateCycle,
} from "flowstore";

import { ids, makeStore } from "./support.ts";

interface Small {
  readonly id: number;
  readonly priority: number;
  readonly dependencies: number[];
  readonly passes: boolean;
}

function small(id: number, dependencies: number[] = [], priority = id, passes = false): Small {
  return { id, priority, dependencies, passes };
}

/** Longer than any call stack. */
const LONG = 100_000;
const chain = Array.from({ length: LONG }, (_, index) =>
  small(index + 1, index === 0 ? [] : [index]),
);

describe("topologicalSort", () => {
  test("lowest priority first among those whose dependencies are placed, then lowest id", () => {
    assert.deepEqual(topologicalSort([]), []);
    const features = [small(1, [3], 0), small(2, [], 5), small(3, [], 5), small(4, [99], 9)];
    assert.deepEqual(ids(topologicalSort(features)), [2, 3, 1, 4]);
    assert.equal(topologicalSort(chain.toReversed()).at(-1)?.id, LONG);
  });

  test("a circle is CYCLE_DETECTED, and what stands behind it too", () => {
    assert.throws(
      () => topologicalSort([small(1, [2]), small(2, [1]), small(3, [2])]),
      (error) => isFlowError(error, "CYCLE_DETECTED"),
    );
    assert.throws(
      () => topologicalSort([...chain.slice(1), small(1, [LONG])]),
      (error) => isFlowError(error, "CYCLE_DETECTED"),
    );
  });
});

describe("circles", () => {
  test("wouldCreateCycle: itself, any length, never for what leads nowhere", () => {
    const features = [small(1), small(2, [1]), small(3, [2, 99])];
    assert.equal(wouldCreateCycle(small(1), 1, features), true);
    assert.equal(wouldCreateCycle(small(1), 3, features), true);
    assert.equal(wouldCreateCycle(small(3, [2, 99]), 1, features), false);
    assert.equal(wouldCreateCycle(small(1), 99, features), false);
    assert.equal(wouldCreateCycle(small(7), 7, []), true);
    assert.equal(wouldCreateCycle(small(1), LONG, chain), true);
    assert.equal(wouldCreateCycle(small(LONG), 1, chain), false);
  });

  test("findCycles: each once, the same at every call and in every order, no limit on depth", () => {
    assert.deepEqual(findCycles([]), []);
    assert.deepEqual(findCycles(chain), []);
    assert.deepEqual(findCycles([small(5, [5])]), [[5]]);
    const features = [
      small(1, [2]),
      small(2, [3]),
      small(3, [1]),
      small(4, [5]),
      small(5, [4]),
      small(6, [99]),
    ];
    assert.deepEqual(findCycles(features), [
      [1, 2, 3],
      [4, 5],
    ]);
    assert.deepEqual(findCycles(features.toReversed()), findCycles(features));
    const ring = findCycles([...chain.slice(1), small(1, [LONG])]);
    assert.equal(ring.length, 1);
    assert.equal(ring[0]?.length, LONG);
  });
});

describe("computeScores", () => {
  test("the fixed points of flow-resolver", () => {
    assert.deepEqual(computeScores([]), new Map());
    assert.deepEqual([...computeScores([small(1)])], [[1, 100]]);
    const three = computeScores([small(1, [], 1), small(2, [1], 1), small(3, [2], 1)]);
    assert.deepEqual(
      [...three].map(([id, score]) => [id, Math.floor(score / 1000)]),
      [
        [1, 2],
        [2, 1],
        [3, 0],
      ],
    );
    const diamond = computeScores([small(1), small(2, [1]), small(3, [1]), small(4, [2, 3])]);
    assert.deepEqual(
      [...diamond.values()].map((score) => Math.floor(score / 1000)),
      [3, 1, 1, 0],
    );
    const two = computeScores([small(1, [], 1), small(2, [], 9)]);
    assert.ok((two.get(1) ?? 0) - (two.get(2) ?? 0) >= 10);
    const circle = computeScores([small(1, [2]), small(2, [1]), small(3)]);
    assert.equal(circle.size, 3);
  });
});

describe("areDependenciesSatisfied", () => {
  test("every one exists and passes; none at all is satisfied", () => {
    const passing = small(1, [], 1, true);
    assert.equal(areDependenciesSatisfied(small(2), []), true);
    assert.equal(areDependenciesSatisfied(small(2, [1]), [passing]), true);
    assert.equal(areDependenciesSatisfied(small(2, [1, 3]), [passing, small(3)]), false);
    assert.equal(areDependenciesSatisfied(small(2, [1, 99]), [passing]), false);
  });
});

describe("tasks", () => {
  test("a feature of the store becomes a task by flow-db's table", async (context) => {
    const { features } = await makeStore(context);
    await features.create({ name: "a", description: "d" });
    const feature = await features.create({ name: "b", dependencies: [1] });
    const task = { blocks: [], owner: "flow" };
    assert.deepEqual(featureToTask(feature, "session"), {
      ...task,
      ...{ id: "2", subject: "b", description: "", activeForm: "", status: "pending" },
      blockedBy: ["1"],
    });
    assert.deepEqual(featureToTask(await features.claimAndGet(1), "session"), {
      ...task,
      ...{ id: "1", subject: "a", description: "d", status: "in_progress", blockedBy: [] },
      activeForm: "Working on: a",
    });
    assert.equal(featureToTask(await features.markPassing(1), "s").status, "completed");
  });

  test("a task becomes a feature; what is no number is 0 or dropped", () => {
    const base = { subject: "s", description: "d" };
    for (const [status, passes, inProgress] of [
      ["completed", true, false],
      ["in_progress", false, true],
      ["pending", false, false],
      ["Completed", false, false],
      ["", false, false],
    ] as const) {
      const feature = taskToFeature({ ...base, id: "7", status, blockedBy: ["1", "x", "2"] });
      assert.deepEqual([feature.passes, feature.inProgress], [passes, inProgress]);
      assert.deepEqual(feature.dependencies, [1, 2]);
      assert.equal(feature.id, 7);
    }
    for (const id of ["", "x", "1.5", "task-1"]) assert.equal(taskToFeature({ ...base, id }).id, 0);
  });

  test("there and back keeps id, name, description, flags and dependencies", () => {
    const flags = fc.constantFrom([true, false], [false, true], [false, false]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1 }),
        fc.string(),
        fc.string(),
        flags,
        fc.array(fc.integer({ min: 1 })),
        (id, name, description, [passes = false, inProgress = false], dependencies) => {
          const back = taskToFeature(
            featureToTask({ id, name, description, passes, inProgress, dependencies }, "s"),
          );
          assert.deepEqual(
            [back.id, back.name, back.description, back.passes, back.inProgress, back.dependencies],
            [id, name, description, passes, inProgress, dependencies],
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});
