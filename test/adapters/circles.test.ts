import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { closingEdges, type Edge } from "#src/adapters/circles.js";

/** Generous for a slow machine; the walk itself takes a tenth of it. */
const QUICK_MS = 5000;

function closing(count: number, fixed: readonly Edge[], wanted: readonly Edge[]): [Edge, number[]][] {
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
    assert.deepEqual(closing(3, ring(2), [{ from: 2, to: 0 }]), []);
  });

  test("what hangs on a circle stays", () => {
    const edges = [...ring(3), { from: 3, to: 0 }, { from: 1, to: 4 }];
    assert.deepEqual(closing(5, [], edges).length, 1);
  });

  test("is the same as asking of every edge whether it closes one", () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    for (let round = 0; round < 200; round += 1) {
      const count = 2 + random(8);
      const wanted = Array.from({ length: random(20) }, () => ({ from: random(count), to: random(count) }))
        .filter(({ from, to }) => from !== to)
        .filter((edge, at, all) => all.findIndex(({ from, to }) => from === edge.from && to === edge.to) === at);
      const taken: Edge[] = [];
      const expected = wanted.filter((edge) => {
        if (reaches(taken, edge.to, edge.from)) return true;
        taken.push(edge);
        return false;
      });
      assert.deepEqual(closing(count, [], wanted).map(([edge]) => edge), expected);
    }
  });

  test("10,000 items take a moment, in a chain, in pairs, in a ring", () => {
    const count = 10_000;
    const pairs = Array.from({ length: count }, (_, from) => ({ from, to: from ^ 1 }));
    const chain = ring(count).slice(0, -1);
    for (const [edges, dropped] of [[chain, 0], [pairs, count / 2], [ring(count), 1]] as const) {
      const began = performance.now();
      assert.equal(closing(count, [], edges).length, dropped);
      assert.ok(performance.now() - began < QUICK_MS);
    }
  });
});

function reaches(edges: readonly Edge[], start: number, goal: number): boolean {
  const seen = new Set([start]);
  for (const node of seen) for (const { from, to } of edges) if (from === node) seen.add(to);
  return seen.has(goal);
}
