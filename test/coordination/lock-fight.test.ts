/**
 * 16 processes fight over 20 paths in all modes; some are killed with kill -9, some are stopped for
 * longer than their locks live. 4 seconds long, or as many as FLOWSTORE_FIGHT_SECONDS says.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FlowStore } from "flowstore";
import { atEnd, makeProject, QUICK } from "../features/support.ts";
import { Child } from "../process/store-children.ts";
import { assertLog, assertNoClash, beliefsOf, type Told } from "./lock-fight.ts";
import { filesIn } from "./lock-support.ts";

const SECONDS = Number(process.env["FLOWSTORE_FIGHT_SECONDS"] ?? 4);
const FIGHTERS = 15;
/** Far more than a wait may be late by, on a machine that does other things too. */
const LATE_MS = 20_000;

interface Fighter {
  readonly name: string;
  readonly child: Child;
  killedAt: number | null;
  isStopped: boolean;
  /** For how long it was stopped altogether. */
  stoppedMs: number;
}

function enter(context: TestContext, project: string, name: string, role: string): Fighter {
  const child = Child.start(context, "../coordination/lock-fight", [project, name, role]);
  return { name, child, killedAt: null, isStopped: false, stoppedMs: 0 };
}

function toldBy({ child }: Fighter): Told[] {
  return child.lines.map((line) => JSON.parse(line) as Told);
}

async function ready({ child }: Fighter): Promise<void> {
  if (child.lines.length === 0) await child.next(() => true);
}

test(`16 processes, 20 paths, ${SECONDS} seconds`, async (context) => {
  const project = makeProject(context);
  const store = await FlowStore.init(project, QUICK);
  atEnd(context, () => store.close());
  const patient = enter(context, project, "patient", "patient");
  const all: Fighter[] = [];
  /** Who fights in each of the places now. */
  const places: Fighter[] = [];
  const fill = (place: number): Fighter => {
    const fighter = enter(context, project, `f${place}-${all.length}`, "fighter");
    all.push(fighter);
    places[place] = fighter;
    return fighter;
  };
  for (let place = 0; place < FIGHTERS; place += 1) fill(place);
  await Promise.all([patient, ...all].map(ready));

  const end = performance.now() + SECONDS * 1000;
  const waking: Promise<void>[] = [];
  for (let turn = 0; performance.now() < end; turn += 1) {
    await sleep(120);
    const place = Math.floor(Math.random() * FIGHTERS);
    const fighter = places[place];
    if (fighter === undefined || fighter.isStopped) continue;
    if (turn % 6 === 0) {
      fighter.child.kill("SIGKILL");
      await fighter.child.exited;
      fighter.killedAt = Date.now();
      await ready(fill(place));
    } else if (turn % 3 === 1) waking.push(stopFor(fighter, 200 + Math.random() * 1200));
  }
  await Promise.all(waking);
  for (const { child } of [patient, ...places]) child.send("stop");
  for (const fighter of [patient, ...places]) await fighter.child.done();

  const everybody = [patient, ...all];
  const beliefs = everybody.flatMap((fighter) =>
    beliefsOf(fighter.name, toldBy(fighter), fighter.killedAt ?? Infinity),
  );
  assertNoClash(beliefs);
  const killed = new Map(all.map(({ name, killedAt }) => [name, killedAt ?? Infinity]));
  // The kill is noted a little after it happened.
  const isDead = (task: string, at: number): boolean => (killed.get(task) ?? Infinity) < at + 5000;
  const { grants, ends } = assertLog(await store.locks.history(), isDead);

  for (const fighter of everybody) assertAnswered(fighter);
  // Whoever wants all of the project finds it never free by itself: only the queue gets it.
  const served = toldBy(patient).filter((one) => one.kind === "answered");
  assert.ok(served.length >= SECONDS / 8, `served ${served.length} times`);
  assert.ok(
    served.every(({ acquired }) => acquired),
    "the patient one starved",
  );
  // In a short fight somebody may only have asked without waiting.
  for (let place = 0; place < FIGHTERS && SECONDS >= 10; place += 1) {
    const own = all.filter(({ name }) => name.startsWith(`f${place}-`)).flatMap(toldBy);
    assert.ok(
      own.some((one) => one.kind === "answered" && one.acquired),
      `place ${place} starved`,
    );
  }
  const told = everybody.flatMap(toldBy).filter(({ kind }) => kind === "told");
  context.diagnostic(
    `${grants} grants, ends ${JSON.stringify(ends)}, ${beliefs.length} beliefs, ` +
      `${served.length} patient ones, ${told.length} told of a loss, ${all.length - FIGHTERS} killed`,
  );
  assert.ok(beliefs.length > SECONDS * 5);
  assert.ok((ends["expired"] ?? 0) > 0 && told.length > 0, "nobody was stopped for long enough");
  // Only places of those who were killed may be left, and they are swept.
  await store.locks.cleanupStale();
  assert.deepEqual(filesIn(store, "lock-queue"), []);
});

async function stopFor(fighter: Fighter, ms: number): Promise<void> {
  fighter.isStopped = true;
  fighter.stoppedMs += ms;
  fighter.child.kill("SIGSTOP");
  await sleep(ms);
  fighter.child.kill("SIGCONT");
  fighter.isStopped = false;
}

/** Every question but a last one of somebody who was killed has its answer, within its time. */
function assertAnswered({ name, child, killedAt, stoppedMs }: Fighter): void {
  const told = child.lines.map((line) => JSON.parse(line) as Told);
  const asked = told.flatMap((one) => (one.kind === "asks" ? [one.waitMs] : []));
  const answers = told.flatMap((one) => (one.kind === "answered" ? [one] : []));
  assert.ok(asked.length - answers.length <= (killedAt === null ? 0 : 1), `${name} has no answer`);
  for (const [at, { tookMs, acquired }] of answers.entries()) {
    const waitMs = asked[at] ?? 0;
    assert.ok(tookMs <= waitMs + stoppedMs + LATE_MS, `${name} waited ${tookMs} ms of ${waitMs}`);
    if (!acquired) assert.ok(tookMs >= waitMs - 1, `${name} gave up after ${tookMs} of ${waitMs}`);
  }
}
