/** What C4 judges by sees what is wrong; and as root C4 itself, in short. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { heldUpMs, judge, type Round, type Tried } from "./c04-account.ts";
import { KINDS } from "./c04-changes.ts";
import { attackFullDisks } from "./c04-full-disks.ts";
import { cutBaselines, cutStores, powerCuts } from "./c04-power-cuts.ts";
import type { Fact } from "./c04-state.ts";
import { missingNeeds } from "./needs.ts";
import { shortTask } from "./short-task.ts";

/** All that a change leaves. */
function whole(key: string): Fact[] {
  const parts = Object.entries(KINDS[key.split(".")[0] ?? ""]?.leaves ?? {});
  return parts.flatMap(([part, times]) => Array.from({ length: times }, () => ({ key, part })));
}

function tried(key: string, begunMs: number, doneMs: number | null): Tried {
  return { key, begunMs, doneMs, durability: "full" };
}

const relaxed = (one: Tried): Tried => ({ ...one, durability: "relaxed" });

const CREATE = tried("create.a-1", 10, 20);
const MOVE = tried("move.a-2", 30, 40);
const ROUND: Round = {
  ...{ before: new Set(["note.old-1"]), tried: [CREATE, MOVE], cutMs: 1000, forgetsMs: 100 },
};
const ALL = [...whole("note.old-1"), ...whole("create.a-1"), ...whole("move.a-2")];

function violations(facts: readonly Fact[], changed: Partial<Round> = {}): readonly string[] {
  return judge({ ...ROUND, ...changed }, { facts, misfits: [] }).violations;
}

describe("the judge of power cuts", () => {
  test("is content with what must be, and with what may be", () => {
    assert.deepEqual(violations(ALL), []);
    const open = tried("bulk.a-3", 50, null);
    assert.deepEqual(violations(ALL, { tried: [CREATE, MOVE, open] }), []);
    const happened = { tried: [CREATE, MOVE, open] };
    assert.deepEqual(violations([...ALL, ...whole("bulk.a-3")], happened), []);
    const late = relaxed(tried("note.a-4", 800, 900));
    const {
      violations: none,
      forgotten,
      longestMs,
    } = judge({ ...ROUND, tried: [CREATE, MOVE, late] }, { facts: ALL, misfits: [] });
    assert.deepEqual([none, forgotten, longestMs], [[], 1, 100]);
  });

  test("sees what was acknowledged and is lost", () => {
    const facts = ALL.filter(({ key }) => key !== "move.a-2");
    assert.match(violations(facts).join(), /move\.a-2 is lost, acknowledged \(full\) 960\.0 ms/);
    const old = { tried: [CREATE, relaxed(MOVE)] };
    assert.match(violations(facts, old).join(), /move\.a-2 is lost, acknowledged \(relaxed\)/);
  });

  test("sees what relaxed lost out of order", () => {
    const first = relaxed(tried("create.a-1", 900, 910));
    const second = relaxed(tried("move.a-2", 920, 930));
    const facts = ALL.filter(({ key }) => key !== "create.a-1");
    const found = violations(facts, { tried: [first, second] });
    assert.deepEqual(found, ["create.a-1 is lost, and a later change is there"]);
    const atOnce = { ...second, begunMs: 905 };
    assert.deepEqual(violations(facts, { tried: [first, atOnce] }), []);
  });

  test("excuses what relaxed lost by the time that its process was held up, and no more", () => {
    const facts = ALL.filter(({ key }) => key !== "move.a-2");
    const lost = relaxed(tried("move.a-2", 790, 800));
    const seen = (held: number): readonly string[] =>
      violations(facts, { tried: [CREATE, { ...lost, heldUp: () => held }] });
    assert.deepEqual(seen(100), []);
    assert.match(
      seen(99).join(),
      /\(relaxed\) 200\.0 ms before the cut, its process held up for 99/,
    );
    const pulse = (from: number, to: number): number[] =>
      Array.from({ length: (to - from) / 5 }, (_, k) => from + 5 * (k + 1));
    assert.equal(heldUpMs(pulse(800, 1000), 800, 1000), 0);
    assert.equal(heldUpMs([...pulse(800, 850), ...pulse(900, 1000)], 800, 1000), 45);
    assert.equal(heldUpMs(pulse(800, 900), 800, 1000), 90, "until the cut, too");
    assert.equal(heldUpMs([], 800, 1000), 190);
  });

  test("sees what was there before, and is lost", () => {
    const facts = ALL.filter(({ key }) => key !== "note.old-1");
    assert.deepEqual(violations(facts), ["note.old-1 was there, and is lost"]);
  });

  test("sees halves, doubles, and what nobody tried", () => {
    const half = ALL.filter(({ part }) => part !== "document");
    assert.match(violations(half).join(), /create\.a-1 is half there, or twice: event created 1/);
    const twice = [...ALL, ...whole("note.old-1")];
    assert.match(violations(twice).join(), /note\.old-1 is half there, or twice: event note 2/);
    const foreign = [...ALL, ...whole("note.b-9")];
    assert.deepEqual(violations(foreign), ["note.b-9 is there, and nobody tried it"]);
  });

  test("passes on what does not fit together", () => {
    const { violations: found } = judge(ROUND, { facts: ALL, misfits: ["x and y differ"] });
    assert.deepEqual(found, ["x and y differ"]);
  });
});

test("without time left the full file systems are said not to have been tried", async (context) => {
  const late = shortTask(context, 1, { deadline: performance.now() });
  const { untried } = await attackFullDisks(late, ["tmpfs", "xfs"]);
  assert.deepEqual(untried, ["full tmpfs, for want of time", "full xfs, for want of time"]);
});

const missing = missingNeeds(powerCuts.needs);
const skip = missing.length > 0 && `NOT RUN: needs ${missing.join(", ")}`;
/** One on each file system. */
const CUTS = 3;

describe("as root", { skip }, () => {
  test("what was acknowledged before a power cut is there after it", async (context) => {
    const { tried, violations, notes } = await cutStores(shortTask(context, CUTS));
    assert.deepEqual([tried, violations], [CUTS, []]);
    context.diagnostic(notes.join());
  });

  test("a loop that replaces files loses some", async (context) => {
    const { violations, notes } = await cutBaselines(shortTask(context, 1), ["plain"]);
    assert.deepEqual(violations, []);
    context.diagnostic(notes.join());
  });

  test("each kind of call on a file system that is full", async (context) => {
    const { violations, notes } = await attackFullDisks(shortTask(context, 1), ["tmpfs"]);
    assert.deepEqual(violations, []);
    context.diagnostic(notes.join());
  });
});
