/** Writers that are killed at any moment: what they acknowledged is there, once, and nothing else. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { FlowStore } from "flowstore";
import { Child, temporaryFolder } from "./store-children.ts";
import { strangeNames, tornFiles } from "./store-files.ts";
import { pick, randomOf } from "./store-random.ts";
import { Readers } from "./store-readers.ts";
import { SHARES, START_FEATURES, Told } from "./store-told.ts";

/** A torture (C5) kills more often. */
const KILLS = 60;
/** Writers at work at the same time. */
const WRITERS = 4;
/** A kill is survived by what any of them acknowledged; they go on from each other's commits. */
const DURABILITIES = ["full", "full", "relaxed", "none"];
/** A writer is killed at the latest after so many of its lines, and so many ms on. */
const MAX_LINES = 12;
const MAX_DELAY_MS = 6;
/** So many of a hundred are killed while they start. */
const EARLY_PERCENT = 10;
const START_MS = 150;
/** So many of a hundred are stopped first, and killed while others go on. */
const STOPPED_PERCENT = 15;
const STOPPED_MS = 40;

test(`${KILLS} kill -9 of ${WRITERS} writers at work`, { timeout: 180_000 }, async (context) => {
  const project = temporaryFolder(context);
  const root = join(project, ".flow");
  const setup = await FlowStore.init(project);
  await setup.features.createBulk(START_FEATURES);
  await setup.close();
  const readers = await Readers.start(context, project, { sum: SHARES });

  const told = new Told();
  const started = performance.now();
  let next = 0;
  const oneAfterAnother = async (): Promise<void> => {
    while (next < KILLS) {
      next += 1;
      const number = String(next);
      const durability = pick(randomOf(next), DURABILITIES);
      const args = [project, `w${number}`, number, durability];
      const child = Child.start(context, "store-writer", args);
      await killSomeTime(child, randomOf(next * 7919));
      assert.equal((await child.exited).signal, "SIGKILL", child.errors);
      told.listen(child.lines);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, oneAfterAnother));
  const seconds = (performance.now() - started) / 1000;

  assert.deepEqual(tornFiles(root), []);
  const store = await FlowStore.open(project);
  assert.deepEqual(await store.check(), []);
  const account = await told.compare(store);
  const seen = await readers.stop();

  await store.features.update(3, { count: account.count + 1 });
  await store.close();
  assert.deepEqual(strangeNames(root), []);
  assert.deepEqual(tornFiles(root), []);
  context.diagnostic(
    `${KILLS} kills in ${seconds.toFixed(1)} s: ${account.acknowledged} changes acknowledged, ` +
      `${account.unacknowledged} not, of which ${account.happened} happened; meanwhile ` +
      `${seen.states} states read (${seen.distinct} different), ${seen.looks} looks at all files`,
  );
});

async function killSomeTime(child: Child, random: () => number): Promise<void> {
  const isEarly = random() * 100 < EARLY_PERCENT;
  const isStopped = random() * 100 < STOPPED_PERCENT;
  if (isEarly) {
    await after(random() * START_MS);
  } else {
    let lines = Math.ceil(random() * MAX_LINES);
    await child.next(() => (lines -= 1) < 0);
    await after(random() * MAX_DELAY_MS);
    if (isStopped) {
      child.kill("SIGSTOP");
      await after(random() * STOPPED_MS);
    }
  }
  child.kill("SIGKILL");
}

test("what a kill leaves in the queue for the guard stops nobody for long", async (context) => {
  const project = temporaryFolder(context);
  const root = join(project, ".flow");
  const store = await FlowStore.init(project);
  await store.features.create({ name: "Counted", count: 0 });
  await store.close();
  const dead = {
    pid: 2 ** 22 + 1,
    pidStart: "1",
    pidNamespace: null,
    host: hostname(),
    bootId: "another",
  };
  // A ticket is made and then written: a kill between the two leaves an empty one.
  for (const [index, text] of ["", '{ "pid": 1,', JSON.stringify(dead)].entries()) {
    writeFileSync(join(root, `local/guard/queue/00000000${index}-aaaaaaaaaaaa.json`), text);
  }
  const again = await FlowStore.open(project);
  await again.features.update(1, { count: 1 });
  await again.close();
  assert.deepEqual(strangeNames(root), []);
});
