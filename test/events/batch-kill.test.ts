/** A writer of batches that is killed at any moment: every batch is there whole, or not at all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { FlowStore, type StoredEvent } from "flowstore";
import { Child, temporaryFolder } from "../process/store-children.ts";
import { tornFiles } from "../process/store-files.ts";
import { randomOf } from "../process/store-random.ts";
import { collect } from "./support.ts";
import { atEnd } from "../at-end.ts";

/** `FLOWSTORE_BATCH_KILLS=120` for as many as the field's own experiment had. */
const KILLS = Number(process.env["FLOWSTORE_BATCH_KILLS"] ?? 30);
const MAX_LINES = 9;
const MAX_DELAY_MS = 8;

interface Part {
  readonly name: string;
  readonly batch: number;
  readonly at: number;
  readonly of: number;
}

const NONE: Part = { name: "", batch: 0, at: 0, of: 0 };

/** Batches by their name and number; fails for one that is not whole, in order and without a gap. */
function batchesOf(events: readonly StoredEvent[]): Map<string, readonly StoredEvent[]> {
  const batches = new Map<string, StoredEvent[]>();
  for (const event of events) {
    const { name, batch } = event.payload as Part;
    const key = `${name} ${batch}`;
    batches.set(key, [...(batches.get(key) ?? []), event]);
  }
  for (const [key, parts] of batches) {
    const [{ of } = NONE] = parts.map(({ payload }) => payload as Part);
    const places = parts.map(({ payload }) => (payload as Part).at);
    assert.deepEqual(
      places,
      Array.from({ length: of }, (_, at) => at + 1),
      key,
    );
    const from = parts[0]?.sequence ?? 0;
    assert.deepEqual(
      parts.map(({ sequence }) => sequence - from),
      [...places.keys()],
      key,
    );
  }
  return batches;
}

test(`${KILLS} kill -9 of a writer of batches`, { timeout: 230_000 }, async (context) => {
  const project = temporaryFolder(context);
  const setup = await FlowStore.init(project);
  const { root } = setup;
  await setup.close();
  const random = randomOf(KILLS);
  const kept = new Map<number, readonly [from: number, to: number]>();
  let last = 0;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const args = [root, `w${kill}`, String(last + 1), String(kill)];
    const child = Child.start(context, "../events/batch-writer", args);
    let lines = Math.ceil(random() * MAX_LINES);
    await child.next(() => (lines -= 1) < 0);
    await after(random() * MAX_DELAY_MS);
    child.kill("SIGKILL");
    assert.equal((await child.exited).signal, "SIGKILL", child.errors);
    for (const line of child.lines) {
      const [word, batch, from, to] = line.split(" ");
      last = Number(batch);
      if (word === "kept") kept.set(last, [Number(from), Number(to)]);
    }
  }
  assert.deepEqual(tornFiles(root), []);
  const store = await FlowStore.open(root);
  atEnd(context, () => store.close());
  const events = await collect(store.events.replayAll());
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, at) => at + 1),
  );
  const batches = batchesOf(events);
  const byNumber = new Map([...batches].map(([key, parts]) => [Number(key.split(" ")[1]), parts]));
  assert.equal(byNumber.size, batches.size);
  for (const [batch, [from, to]] of kept) {
    const parts = byNumber.get(batch);
    assert.deepEqual([parts?.[0]?.sequence, parts?.at(-1)?.sequence], [from, to], `batch ${batch}`);
  }
  assert.deepEqual(await store.check(), []);
  const happened = batches.size - kept.size;
  context.diagnostic(
    `${KILLS} kills: ${kept.size} batches acknowledged, ${happened} of the others happened, ` +
      `${events.length} events`,
  );
});
