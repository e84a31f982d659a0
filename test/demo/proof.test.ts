/** The demo's proof must fail when what it proves is not so. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ChangeEvent, Feature } from "flowstore";
import { prove, type Evidence } from "#src/cli/demo/proof.js";
import type { Report } from "#src/cli/demo/report.js";
import { seededRandom } from "#src/cli/demo/random.js";

const START = Date.parse("2026-11-21T09:00:00.000Z");
let made = 0;

function event(
  atMs: number,
  featureId: number,
  agent: string,
  eventType: string,
  newValue: string | null = null,
): ChangeEvent {
  made += 1;
  return {
    id: String(made).padStart(26, "0"),
    featureId,
    featureUid: `uid-${featureId}`,
    eventType,
    field: null,
    oldValue: null,
    newValue,
    agent,
    source: "demo",
    createdAt: new Date(START + atMs).toISOString(),
  };
}

function report(atMs: number, agent: string, kind: Report["kind"], featureId: number): Report {
  return { agent, kind, featureId, fromMs: atMs, toMs: atMs + 1 };
}

function feature(id: number, dependencies: number[], passes = true): Feature {
  return { id, dependencies, passes } as unknown as Feature;
}

/** Two features: a passes 1; b dies over 2, a takes it over. */
function evidence(): { -readonly [K in keyof Evidence]: Evidence[K] } {
  return {
    features: [feature(1, []), feature(2, [1])],
    events: [
      event(0, 1, "a", "claimed"),
      event(10, 1, "a", "status_change", "completed"),
      event(20, 2, "b", "claimed"),
      event(1520, 2, "b", "lease_expired"),
      event(1520, 2, "a", "claimed"),
      event(1540, 2, "a", "status_change", "completed"),
    ],
    sequences: [1, 2, 3, 4, 5, 6, 7, 8],
    reports: [
      report(0, "a", "claimed", 1),
      report(10, "a", "passed", 1),
      report(20, "b", "claimed", 2),
      report(1520, "a", "claimed", 2),
      report(1540, "a", "passed", 2),
    ],
    killed: {
      agent: "b",
      pid: 1,
      featureId: 2,
      at: new Date(START + 100).toISOString(),
      atMs: 100,
    },
    leaseMs: 1500,
    findings: [],
  };
}

describe("the demo's proof", () => {
  test("holds for a run in which all went well", () => {
    const proof = prove(evidence());
    assert.deepEqual(proof.problems, []);
    assert.equal(proof.holds, true);
    assert.deepEqual(proof.takeover, { featureId: 2, from: "b", to: "a", afterMs: 1420 });
    assert.equal(proof.leasesExpired, 1);
  });

  test("fails when a feature does not pass", () => {
    const given = evidence();
    given.features = [feature(1, []), feature(2, [1], false)];
    assert.match(prove(given).problems.join("\n"), /feature 2 does not pass/);
  });

  test("fails when a feature was passed twice", () => {
    const given = evidence();
    given.events = [
      ...given.events,
      event(1600, 2, "a", "claimed"),
      event(1610, 2, "a", "status_change", "completed"),
    ];
    assert.match(prove(given).problems.join("\n"), /feature 2 was passed 2 times/);
  });

  test("fails when the log gives a feature to two agents at once", () => {
    const given = evidence();
    given.events = given.events.filter(({ eventType }) => eventType !== "lease_expired");
    const proof = prove(given);
    assert.equal(proof.heldByTwo, 1);
    assert.equal(proof.holds, false);
  });

  test("fails when two agents held a feature by their own clocks, whatever the log says", () => {
    const given = evidence();
    given.reports = given.reports.map((one) =>
      one.agent === "a" && one.featureId === 2 && one.kind === "claimed"
        ? { ...one, fromMs: 50, toMs: 51 }
        : one,
    );
    assert.equal(prove(given).heldByTwoByClock, 1);
  });

  test("fails when an acknowledged change is not in the log", () => {
    const given = evidence();
    given.reports = [...given.reports, report(1600, "c", "failed", 1)];
    const proof = prove(given);
    assert.equal(proof.lost, 1);
    assert.equal(proof.holds, false);
  });

  test("fails when the log holds a change that no living agent made", () => {
    const given = evidence();
    given.reports = given.reports.filter(({ kind, agent }) => kind !== "claimed" || agent === "b");
    assert.equal(prove(given).unexplained, 2);
  });

  test("lets the killed agent have made a change that it was told nothing of", () => {
    const given = evidence();
    given.reports = given.reports.filter(({ agent }) => agent !== "b");
    assert.equal(prove(given).holds, true);
  });

  test("fails when a feature was passed before what it depends on", () => {
    const given = evidence();
    given.features = [feature(1, [2]), feature(2, [])];
    assert.equal(prove(given).passedTooEarly, 1);
  });

  test("fails when the log has a hole, or less than the histories", () => {
    const holed = evidence();
    holed.sequences = [1, 2, 3, 5, 6, 7, 8];
    assert.match(prove(holed).problems.join("\n"), /have a gap/);
    const short = evidence();
    short.sequences = [1, 2];
    assert.match(prove(short).problems.join("\n"), /less than the histories/);
  });

  test("fails when nobody took over, and when check() found an error", () => {
    const given = evidence();
    given.killed = null;
    given.findings = [{ file: "x.json", rule: "x", severity: "error", message: "bad" }];
    const proof = prove(given);
    assert.equal(proof.takeover, null);
    assert.equal(proof.errors, 1);
    assert.equal(proof.problems.length, 2);
  });
});

describe("the demo's chance", () => {
  test("is the same for the same seed and within its bounds", () => {
    const [left, right, other] = [seededRandom(7), seededRandom(7), seededRandom(8)];
    const numbers = Array.from({ length: 1000 }, left);
    assert.deepEqual(numbers, Array.from({ length: 1000 }, right));
    assert.notDeepEqual(numbers, Array.from({ length: 1000 }, other));
    assert.ok(numbers.every((number) => number >= 0 && number < 1));
    const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    assert.ok(mean > 0.4 && mean < 0.6, `${mean}`);
  });
});
