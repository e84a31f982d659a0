/** Whether the calls of a store say what its files say, and whether numbers stay what they are. */
import assert from "node:assert/strict";
import type { ChangeEvent, Feature, FlowStore } from "flowstore";
import { setTimeout as after } from "node:timers/promises";
import { eventLines, featureFiles, type EventInFile } from "../process/store-files.ts";

/** A hand edit, git's too, is seen by calls that begin so much later (promise P6). */
const SEEN_AFTER_MS = 20;

/** Waits until git's changes must be seen. */
export async function settle(): Promise<void> {
  await after(SEEN_AFTER_MS + 1);
}

/** Derived, or of this clone alone; all other keys are in the file. */
const NOT_IN_FILE = new Set(["status", "revision", "updatedAt", "claim"]);

/**
 * Compares every feature, its history and the log with the files; `check` must find no error.
 *
 * @param allowed rules of errors that are expected here
 */
export async function assertSaysWhatFilesSay(
  store: FlowStore,
  allowed: readonly string[] = [],
): Promise<void> {
  await settle();
  const files = featureFiles(store.root).filter(({ deletedAt }) => deletedAt === undefined);
  const features = await store.features.getAll();
  assert.deepEqual(byUid(features.map(withoutDerived)), byUid(files.map(withoutDerived)));
  for (const feature of features) {
    const file = files.find(({ uid }) => uid === feature.uid);
    const claim = file?.["claim"] as Feature["claim"] | undefined;
    assert.equal(feature.claim?.agent ?? null, claim?.agent ?? null);
  }

  const lines = distinct(eventLines(store.root));
  const events = await store.events.query();
  assert.deepEqual(
    events.map(({ id }) => id).toSorted(),
    lines.map(({ id }) => id),
  );
  const numbers = events.map(({ sequence }) => sequence);
  assert.equal(new Set(numbers).size, numbers.length, "a number was given twice");
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
  for (const { uid } of features) {
    const ids = (await store.features.history(uid)).map(({ id }: ChangeEvent) => id);
    const inFiles = lines.filter(({ payload }) => payload.featureUid === uid).map(({ id }) => id);
    assert.deepEqual(ids, inFiles, `the history of ${uid}`);
  }
  const errors = await errorsOf(store);
  assert.deepEqual(
    errors.filter((error) => !allowed.some((rule) => error.startsWith(`${rule} `))),
    [],
  );
}

/** What `check` finds that is an error. */
export async function errorsOf(store: FlowStore): Promise<string[]> {
  const findings = await store.check();
  return findings
    .filter(({ severity }) => severity === "error")
    .map(({ file, rule, message }) => `${rule} ${file}: ${message}`);
}

interface WithUid {
  readonly uid: string;
}

function byUid<T extends WithUid>(values: readonly T[]): T[] {
  return values.toSorted((a, b) => (a.uid < b.uid ? -1 : 1));
}

function withoutDerived(feature: WithUid): WithUid {
  const entries = Object.entries(feature).filter(
    ([key]) => !NOT_IN_FILE.has(key) && key !== "$schema",
  );
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))) as unknown as WithUid;
}

/** Lines in the order of ids; one for each id, since a merge may bring a line twice. */
function distinct(lines: readonly EventInFile[]): EventInFile[] {
  const byId = new Map(lines.map((line) => [line.id, line]));
  return [...byId.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Watches the numbers of events: one event, one number, for as long as an epoch lasts. */
export class Numbers {
  readonly #byId = new Map<string, number>();
  readonly #byNumber = new Map<number, string>();
  #epoch: string | null = null;

  async watch(store: FlowStore): Promise<void> {
    const { events } = await store.status();
    if (this.#epoch !== null && events.epoch !== this.#epoch) {
      this.#byId.clear();
      this.#byNumber.clear();
    }
    this.#epoch = events.epoch;
    for (const { id, sequence, provisional } of await store.events.query()) {
      if (provisional) continue;
      assert.equal(this.#byId.get(id) ?? sequence, sequence, `event ${id} got another number`);
      assert.equal(
        this.#byNumber.get(sequence) ?? id,
        id,
        `number ${sequence} went to another event`,
      );
      this.#byId.set(id, sequence);
      this.#byNumber.set(sequence, id);
    }
  }
}
