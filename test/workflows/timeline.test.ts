/** What a person sees of an execution: golden texts of fixed records at a fixed moment. */
import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { timelineOf, type AdvanceInput, type ExecutionHistory, type TimelineStep } from "flowstore";
import { describeTerminal } from "#src/cli/render/terminal.js";
import { renderTimeline } from "#src/cli/render/workflow-timeline.js";
import { README } from "../readme/blocks.ts";
import { makeStore, TestClock } from "../features/support.ts";
import { checkpoint } from "./support.ts";

const ID = "order-7";
const UNICODE = describeTerminal({}, { LANG: "C.UTF-8" }, true);
const AGAIN = '{"again":true}';

const BEGUN = new TestClock().ms;

/** So many seconds after the beginning. */
function at(seconds: number): string {
  return new Date(BEGUN + seconds * 1_000).toISOString();
}

/** The record of an attempt, from one second to another. */
function row(
  stepIndex: number,
  stepName: string,
  [from, to]: readonly [number, number?],
  more: Partial<Parameters<typeof checkpoint>[1]> = {},
): ReturnType<typeof checkpoint> {
  const completedAt = to === undefined ? null : at(to);
  const own = { workflowExecutionId: ID, stepName, startedAt: at(from), completedAt };
  return checkpoint(stepIndex, {
    ...own,
    status: to === undefined ? "INTENT" : "COMPLETED",
    ...more,
  });
}

/** What the store gives of an execution with these changes. */
async function history(
  context: TestContext,
  ...changes: readonly AdvanceInput[]
): Promise<ExecutionHistory> {
  const clock = new TestClock();
  const { workflows } = await makeStore(context, { clock: clock.now });
  const record = {
    workflowExecutionId: ID,
    workflowId: "wf-order",
    createdAt: at(0),
    updatedAt: at(0),
  };
  const workflow = { workflowId: "wf-order", workflowType: "order", createdAt: at(0) };
  await workflows.createIfAbsent(record, { workflow });
  clock.ms = BEGUN + 20_000;
  for (const change of changes) await workflows.advance(ID, change);
  return workflows.history(ID);
}

const RESERVED = row(0, "reserve", [0, 2], { outputData: '"s-1"', compensateRef: "reserve" });
const CHARGED = [
  row(1, "charge", [2, 3], { status: "FAILED", errorMessage: "the bank is busy" }),
  row(1, "charge", [8, 9], { attempt: 2, compensateRef: "charge" }),
];
const RESTED = row(2, "cool down", [9, 14], { inputData: `{"kind":"sleep","wakeAt":"${at(14)}"}` });
const WAITS = row(3, "approve", [14], { inputData: '{"kind":"signal","wakeAt":null}' });

async function shown(
  context: TestContext,
  seconds: number,
  ...changes: AdvanceInput[]
): Promise<string> {
  const found = await history(context, ...changes);
  const nowMs = BEGUN + seconds * 1_000;
  const steps = timelineOf(found, nowMs);
  return renderTimeline({ ...found, steps }, UNICODE, nowMs);
}

describe("workflow show", () => {
  test("one that waits for a signal: as README shows it", async (context) => {
    const checkpoints = [RESERVED, ...CHARGED, RESTED, WAITS];
    const text = await shown(context, 20, { to: "SUSPENDED", checkpoints });
    const [, block] = /<!-- timeline: begin -->\n```text\n([^]*?)\n```/.exec(README) ?? [];
    assert.equal(text, block);
  });

  test("one that sleeps, and one that is tried again: until when", async (context) => {
    const wake = at(30);
    const sleeps = row(2, "nap", [9], { inputData: `{"kind":"sleep","wakeAt":"${wake}"}` });
    const text = await shown(context, 20, { to: "SUSPENDED", checkpoints: [RESERVED, sleeps] });
    assert.match(text, /● {5}2 {2}nap {6}sleeps {6}1 {3}11s {13}░+ {2}until \S+, in 10s/);
    assert.match(text, /\nNext: nap is over in 10s\n/);
    const timer = { workflowTimerId: `timer-${ID}-1`, workflowExecutionId: ID, stepName: "charge" };
    const timers = [{ ...timer, fireAt: at(25), createdAt: at(9) }];
    const tried = await shown(context, 20, { checkpoints: [CHARGED[0] ?? RESERVED], timers });
    assert.match(tried, /charge {2}tried again {6}1 {4}1s .*the bank is busy; next try in 5s\n/);
    assert.match(tried, /\nNext: charge is tried again in 5s\n/);
    const due = await shown(context, 26, { checkpoints: [CHARGED[0] ?? RESERVED], timers });
    assert.match(due, /\nNext: charge is tried again now due\n/);
  });

  test("one that failed and was taken back, and the same asked to run again", async (context) => {
    const undo = { status: "COMPENSATED", attempt: 0, inputData: '{"attempt":1}' } as const;
    const back = row(0, "reserve:compensate", [11, 12], undo);
    const failed = row(1, "charge", [2, 10], { status: "FAILED", errorMessage: "no money" });
    const patch = { errorMessage: "no money" };
    const end = { to: "FAILED", patch, checkpoints: [RESERVED, failed, back] } as const;
    const text = await shown(context, 90, end);
    assert.equal(
      text,
      [
        "order-7  order  FAILED",
        "Begun 2026-03-01T00:00:00.000Z, over after 20s",
        "",
        "   STEP  NAME     STATE       TRIES  TIME  WHEN          DETAIL",
        "✓     0  reserve  taken back      1    2s  ██            at 2026-03-01T00:00:12.000Z",
        "●     1  charge   failed          1    8s    ██████████  no money",
        "",
        "Failed: no money",
      ].join("\n"),
    );
    const marks = [0, 1].map((index) =>
      checkpoint(index, {
        workflowExecutionId: ID,
        status: "INTENT",
        attempt: 2,
        inputData: AGAIN,
      }),
    );
    const again = await shown(context, 90, end, {
      reopens: true,
      to: "PENDING",
      checkpoints: marks,
    });
    assert.match(again, /● {5}0 {2}reserve {2}done again {6}1\n/);
    assert.match(again, /\nNobody runs it now: the next recover of an engine goes on with it$/);
  });
});

describe("timelineOf", () => {
  async function states(
    context: TestContext,
    seconds: number,
    ...changes: AdvanceInput[]
  ): Promise<TimelineStep["state"][]> {
    const found = await history(context, ...changes);
    return timelineOf(found, BEGUN + seconds * 1_000).map(({ state }) => state);
  }

  test("begun: it runs while somebody holds the lease, else it was cut off", async (context) => {
    const found = await history(context, { to: "RUNNING", checkpoints: [row(0, "reserve", [0])] });
    const lease = { workflowExecutionId: ID, owner: "x", token: 1, claims: 1, expiresAt: at(25) };
    const stateAt = (seconds: number): string | undefined =>
      timelineOf({ ...found, lease }, BEGUN + seconds * 1_000)[0]?.state;
    assert.deepEqual([stateAt(20), stateAt(25)], ["running", "interrupted"]);
    assert.equal(timelineOf(found, BEGUN)[0]?.state, "interrupted");
  });

  test("what an end leaves open waits no more", async (context) => {
    const open = { to: "SUSPENDED", checkpoints: [WAITS] } as const;
    assert.deepEqual(await states(context, 20, open), ["waiting"]);
    assert.deepEqual(await states(context, 20, open, { to: "CANCELLED" }), ["interrupted"]);
    assert.deepEqual(await states(context, 20, open, { to: "COMPENSATING" }), ["interrupted"]);
  });

  test("an attempt that was cut off and one that failed then: failed, two attempts", async (context) => {
    const failed = row(0, "reserve", [3, 4], { status: "FAILED", attempt: 2, errorMessage: "no" });
    const found = await history(context, { checkpoints: [row(0, "reserve", [0]), failed] });
    const [step] = timelineOf(found, BEGUN);
    assert.deepEqual(
      [step?.state, step?.attempts, step?.startedAt, step?.endedAt, step?.error],
      ["failed", 2, at(0), at(4), "no"],
    );
  });
});
