import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { closingEdges, type Edge } from "#src/adapters/circles.js";

/** A hundred times what it takes alone, for a busy machine: what must not be is minutes. */
const QUICK_MS = 20_000;

function closing(
  count: number,
  fixed: readonly Edge[],
  wanted: readonly Edge[],
): [Edge, number[]][] {
  return [...closingEdges(count, fixed, wanted)];
}

function ring(count: number): Edge[] {
  return Array.from({ length: count }, (_, from) => ({ from, to: (from + 1) % count }));
}

describe("circles", () => {
  test("without one nothing is left out", () => {
    const wanted = [
      { from: 0, to: 1 },
      { from: 0, to: 2 },
      { from: 1, to: 2 },
    ];
    assert.deepEqual(closing(3, [], wanted), []);
  });

  test("the edge that closes it is left out, with the way back", () => {
    const edges = ring(3);
    assert.deepEqual(closing(3, [], edges), [[edges[2], [0, 1, 2]]]);
  });

  test("what is there already counts, and is not judged", () => {
    const edge = { from: 1, to: 0 };
    assert.deepEqual(closing(2, [{ from: 0, to: 1 }], [edge]), [[edge, [0, 1]]]);
  });

  test("a circle that is there already closes no edge but its own", () => {
    assert.deepEqual(closing(3, ring(2), [{ from: 2, to: 0 }]), []);
    const back = { from: 0, to: 2 };
    const way = closing(4, [...ring(2), { from: 2, to: 1 }], [{ from: 3, to: 0 }, back]);
    assert.deepEqual(way, [[back, [2, 1, 0]]]);
  });

  test("what hangs on a circle stays", () => {
    const edges = [...ring(3), { from: 3, to: 0 }, { from: 1, to: 4 }];
    assert.deepEqual(closing(5, [], edges).length, 1);
  });

  test("is the same as asking of every edge whether it closes one", () => {
    const random = randomNumbers(7);
    for (let round = 0; round < 200; round += 1) {
      const count = 2 + random(8);
      const wanted = Array.from({ length: random(20) }, () => ({
        from: random(count),
        to: random(count),
      }))
        .filter(({ from, to }) => from !== to)
        .filter(
          (edge, at, all) =>
            all.findIndex(({ from, to }) => from === edge.from && to === edge.to) === at,
        );
      const taken: Edge[] = [];
      const expected = wanted.filter((edge) => {
        if (reaches(taken, edge.to, edge.from)) return true;
        taken.push(edge);
        return false;
      });
      assert.deepEqual(
        closing(count, [], wanted).map(([edge]) => edge),
        expected,
      );
    }
  });

  test("10,000 items with 20,000 edges at random take a moment", () => {
    const count = 10_000;
    const random = randomNumbers(11);
    const edges = Array.from({ length: 2 * count }, () => {
      return { from: random(count), to: random(count) };
    }).filter(({ from, to }) => from !== to);
    const began = performance.now();
    assert.ok(closing(count, [], edges).length > 100);
    assert.ok(performance.now() - began < QUICK_MS);
  });

  test("10,000 items take a moment, in a chain, in pairs, in a ring", () => {
    const count = 10_000;
    const pairs = Array.from({ length: count }, (_, from) => ({ from, to: from ^ 1 }));
    const chain = ring(count).slice(0, -1);
    for (const [edges, dropped] of [
      [chain, 0],
      [pairs, count / 2],
      [ring(count), 1],
    ] as const) {
      const began = performance.now();
      assert.equal(closing(count, [], edges).length, dropped);
      assert.ok(performance.now() - began < QUICK_MS);
    }
  });
});

/** Mulberry32: the same numbers in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

function reaches(edges: readonly Edge[], start: number, goal: number): boolean {
  const seen = new Set([start]);
  for (const node of seen) for (const { from, to } of edges) if (from === node) seen.add(to);
  return seen.has(goal);
}
