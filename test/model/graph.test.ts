import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  areDependenciesSatisfied,
  computeScores,
  findCycles,
  topologicalSort,
  wouldCreateCycle,
} from "#src/model/graph.js";
import { refusal } from "./world.ts";

interface Node {
  readonly id: number;
  readonly priority: number;
  readonly dependencies: readonly number[];
}

const node = (id: number, dependencies: readonly number[] = [], priority = 1): Node => ({
  id,
  priority,
  dependencies,
});
const ids = (nodes: readonly Node[]): number[] => nodes.map(({ id }) => id);

/** Up to 12 features, ids up to 12 (also doubled and unknown ones), any dependencies. */
const anyGraph = fc.array(
  fc.record({
    id: fc.integer({ min: 1, max: 12 }),
    priority: fc.integer({ min: -2, max: 2 }),
    dependencies: fc.array(fc.integer({ min: 1, max: 13 }), { maxLength: 3 }),
  }),
  { maxLength: 12 },
);
const withoutCircles = anyGraph.map((nodes) =>
  nodes.map((each) => ({ ...each, dependencies: each.dependencies.filter((id) => id < each.id) })),
);

/** All ids that an id reaches by at least one step: the obvious way. */
function reached(nodes: readonly Node[], from: number): Set<number> {
  const known = new Set(ids(nodes));
  const seen = new Set<number>();
  const visit = (id: number): void => {
    for (const each of nodes) {
      if (each.id !== id) continue;
      for (const next of each.dependencies) {
        if (!known.has(next) || seen.has(next)) continue;
        seen.add(next);
        visit(next);
      }
    }
  };
  visit(from);
  return seen;
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  return list
    .map((item, at) => ({ item, key: Math.imul(at + 1, seed * 2654435761 + 1) >>> 0 }))
    .sort((left, right) => left.key - right.key)
    .map(({ item }) => item);
}

const CHAIN_LENGTH = 100_000;
/** 1 needs 2, 2 needs 3, and so on. */
const chain = Array.from({ length: CHAIN_LENGTH }, (_, at) =>
  node(at + 1, at + 1 < CHAIN_LENGTH ? [at + 2] : []),
);
const ring = chain.map((each) => (each.id === CHAIN_LENGTH ? node(each.id, [1]) : each));

describe("topologicalSort", () => {
  const cases: [string, Node[], number[]][] = [
    ["nothing", [], []],
    ["a chain against its ids", [node(1, [2]), node(2, [3]), node(3)], [3, 2, 1]],
    ["a diamond", [node(4, [2, 3]), node(3, [1]), node(2, [1]), node(1)], [1, 2, 3, 4]],
    ["priority before id", [node(1, [], 5), node(2, [], 3), node(3, [], 4)], [2, 3, 1]],
    ["ties by id", [node(3), node(1), node(2)], [1, 2, 3]],
    ["negative priorities", [node(1, [], 0), node(2, [], -7)], [2, 1]],
    ["unknown dependencies are ignored", [node(2, [99]), node(1, [2])], [2, 1]],
    [
      "a freed one goes before a less urgent one",
      [node(1, [], 1), node(2, [1], 1), node(3, [], 2)],
      [1, 2, 3],
    ],
    ["doubled dependencies", [node(1, [2, 2]), node(2)], [2, 1]],
    ["doubled ids", [node(3, [1]), node(1, [2]), node(1, [], 9), node(2)], [2, 1, 1, 3]],
  ];
  for (const [name, given, expected] of cases) {
    test(name, () => assert.deepEqual(ids(topologicalSort(given)), expected));
  }

  test("the result is valid, complete and the same for any order of input", () => {
    fc.assert(
      fc.property(withoutCircles, fc.nat(1000), (nodes, seed) => {
        const sorted = topologicalSort(nodes);
        assert.equal(sorted.length, nodes.length);
        for (const [at, each] of sorted.entries()) {
          const later = new Set(ids(sorted.slice(at)));
          for (const id of each.dependencies) assert.ok(!later.has(id));
        }
        // Features of one id, priority and uid can hardly be told apart: compare what is shown.
        assert.deepEqual(ids(topologicalSort(shuffled(nodes, seed))), ids(sorted));
      }),
    );
  });

  test("refuses a circle and names a closed way", () => {
    const error = refusal("CYCLE_DETECTED", () =>
      topologicalSort([node(1), node(2, [4]), node(3, [2]), node(4, [3]), node(5, [2])]),
    );
    assert.deepEqual(error.context["path"], [2, 4, 3, 2]);
    assert.deepEqual(error.context["unplaced"], [2, 3, 4, 5]);
    const self = refusal("CYCLE_DETECTED", () => topologicalSort([node(7, [7])]));
    assert.deepEqual(self.context["path"], [7, 7]);
  });

  test("throws exactly when findCycles finds one", () => {
    fc.assert(
      fc.property(anyGraph, (nodes) => {
        if (findCycles(nodes).length === 0) topologicalSort(nodes);
        else refusal("CYCLE_DETECTED", () => topologicalSort(nodes));
      }),
    );
  });

  test(`${CHAIN_LENGTH} in a row`, () => {
    const sorted = topologicalSort(chain);
    assert.deepEqual([sorted[0]?.id, sorted.at(-1)?.id], [CHAIN_LENGTH, 1]);
    const error = refusal("CYCLE_DETECTED", () => topologicalSort(ring));
    assert.ok(error.message.length < 300);
  });
});

describe("wouldCreateCycle", () => {
  test("agrees with the obvious way", () => {
    const seen = new Set<boolean>();
    fc.assert(
      fc.property(
        anyGraph,
        fc.integer({ min: 1, max: 13 }),
        fc.integer({ min: 1, max: 13 }),
        (nodes, id, added) => {
          const expected = id === added || reached([...nodes, node(id)], added).has(id);
          seen.add(expected);
          assert.equal(wouldCreateCycle({ id }, added, nodes), expected);
        },
      ),
      { numRuns: 500 },
    );
    assert.equal(seen.size, 2);
  });

  test("no depth is too deep (flow-db gave up at 50)", () => {
    assert.equal(wouldCreateCycle(node(60), 1, chain.slice(0, 60)), true);
    assert.equal(wouldCreateCycle(node(CHAIN_LENGTH), 1, chain), true);
    assert.equal(wouldCreateCycle(node(1), CHAIN_LENGTH, chain), false);
  });

  test("unknown ids lead nowhere", () => {
    assert.equal(wouldCreateCycle({ id: 1 }, 9, [node(1)]), false);
    assert.equal(wouldCreateCycle({ id: 9 }, 9, []), true);
  });
});

describe("findCycles", () => {
  const cases: [string, Node[], number[][]][] = [
    ["none", [node(1), node(2, [1, 9])], []],
    ["self", [node(3, [3, 3])], [[3]]],
    ["two", [node(5, [2]), node(2, [5])], [[2, 5]]],
    ["direction", [node(1, [3]), node(3, [2]), node(2, [1])], [[1, 3, 2]]],
    [
      "two that share one",
      [node(1, [2, 3]), node(2, [1]), node(3, [1])],
      [
        [1, 2],
        [1, 3],
      ],
    ],
    [
      "two apart",
      [node(9, [8]), node(8, [9]), node(4, [3]), node(3, [4])],
      [
        [3, 4],
        [8, 9],
      ],
    ],
    ["over doubled ids", [node(1, []), node(1, [2]), node(2, [1])], [[1, 2]]],
    ["behind a tail", [node(1, [5]), node(5, [4]), node(4, [5])], [[4, 5]]],
  ];
  for (const [name, given, expected] of cases) {
    test(name, () => assert.deepEqual(findCycles(given), expected));
  }

  test("each is real, once, begins at its smallest id, and none is missed wholly", () => {
    fc.assert(
      fc.property(anyGraph, fc.nat(1000), (nodes, seed) => {
        const cycles = findCycles(nodes);
        assert.deepEqual(findCycles(shuffled(nodes, seed)), cycles);
        assert.equal(new Set(cycles.map(String)).size, cycles.length);
        for (const cycle of cycles) {
          assert.equal(cycle[0], Math.min(...cycle));
          assert.equal(new Set(cycle).size, cycle.length);
          for (const [at, id] of cycle.entries()) {
            const next = cycle[(at + 1) % cycle.length] ?? 0;
            assert.ok(nodes.some((each) => each.id === id && each.dependencies.includes(next)));
          }
        }
        for (const id of ids(nodes)) {
          const around = reached(nodes, id);
          if (!around.has(id)) continue;
          assert.ok(cycles.some((cycle) => cycle.every((member) => around.has(member))));
        }
      }),
    );
  });

  test(`${CHAIN_LENGTH} in a row and in a ring`, () => {
    assert.deepEqual(findCycles(chain), []);
    assert.equal(findCycles(ring)[0]?.length, CHAIN_LENGTH);
  });
});

describe("computeScores", () => {
  const scoresOf = (...nodes: Node[]): number[] => [...computeScores(nodes).values()];

  test("fixed points of flow-resolver", () => {
    assert.equal(computeScores([]).size, 0);
    assert.deepEqual(scoresOf(node(1)), [100]);
    assert.deepEqual(scoresOf(node(1), node(2, [1]), node(3, [2])), [2100, 1050, 0]);
    const diamond = scoresOf(node(1), node(2, [1]), node(3, [1]), node(4, [2, 3]));
    assert.deepEqual(
      diamond.map((score) => Math.floor(score / 1000)),
      [3, 1, 1, 0],
    );
    const [low = 0, high = 0] = scoresOf(node(1, [], 1), node(2, [], 5));
    assert.ok(low - high >= 10);
    assert.deepEqual([low, high], [110, 0]);
  });

  test("a circle takes the depth, not the counts", () => {
    const scores = scoresOf(node(1, [2]), node(2, [1]), node(3, [1], 2), node(4));
    assert.deepEqual(scores, [2010, 2010, 0, 10]);
    assert.deepEqual(scoresOf(node(1, [1])), [0]);
  });

  test("doubled ids and unknown dependencies", () => {
    const scores = computeScores([node(1), node(1, [9]), node(2, [1, 1]), node(2, [1])]);
    assert.deepEqual(
      [...scores],
      [
        [1, 1100],
        [2, 0],
      ],
    );
  });

  test("counts are exact, in one sweep or many", () => {
    fc.assert(
      fc.property(anyGraph, (nodes) => {
        const scores = computeScores(nodes);
        const distinct = new Set(ids(nodes));
        assert.deepEqual(new Set(scores.keys()), distinct);
        for (const id of distinct) {
          const waiting = [...distinct].filter(
            (other) => other !== id && reached(nodes, other).has(id),
          );
          const points = (scores.get(id) ?? -1) - 1000 * waiting.length;
          assert.ok(points >= 0 && points <= 110, `${id}: ${points}`);
        }
      }),
    );
    const scores = computeScores(chain);
    const steps = CHAIN_LENGTH - 1;
    for (const id of [1, 2, 1000, 31_250, 99_999, CHAIN_LENGTH]) {
      const expected = 1000 * (id - 1) + 100 * ((id - 1) / steps);
      assert.ok(Math.abs((scores.get(id) ?? 0) - expected) < 0.001, String(id));
    }
    assert.equal(computeScores(ring).get(77), 1000 * steps);
  });

  test("10,000 features with 30,000 dependencies in well under a second", () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 1;
      return seed % below;
    };
    const many = Array.from({ length: 10_000 }, (_, at) =>
      node(at + 1, at === 0 ? [] : [1, 2, 3].map(() => 1 + random(at)), random(100)),
    );
    const began = performance.now();
    computeScores(many);
    assert.ok(performance.now() - began < 1000);
  });
});

describe("areDependenciesSatisfied", () => {
  const done = (id: number, passes = true): { id: number; passes: boolean } => ({ id, passes });
  const cases: [string, number[], { id: number; passes: boolean }[], boolean][] = [
    ["none", [], [], true],
    ["all pass", [1, 2], [done(1), done(2), done(3, false)], true],
    ["one does not", [1, 2], [done(1), done(2, false)], false],
    ["one is unknown", [1, 9], [done(1)], false],
    ["one of two bearers does not", [1], [done(1), done(1, false)], false],
    ["both bearers do", [1, 1], [done(1), done(1)], true],
  ];
  for (const [name, dependencies, features, expected] of cases) {
    test(name, () => assert.equal(areDependenciesSatisfied({ dependencies }, features), expected));
  }
});
