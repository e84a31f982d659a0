/**
 * Changes a store at random until it is told to end, or killed. Arguments: project, name, seed,
 * durability, {@link WriterOptions}.
 *
 * Tells `try KIND KEY` before each change and `did KIND KEY` after it was acknowledged; the key
 * is in what the change leaves, so that the parent can count how often it happened. Features 1
 * and 2 have a number `share` that is moved between them, 3 a number `count`, 4 a long text.
 */
import { setTimeout as after } from "node:timers/promises";
import { FlowStore, isFlowError, type Durability, type Feature } from "flowstore";
import { pick, randomOf } from "./store-random.ts";
import { START_FEATURES, type WriterOptions } from "./store-told.ts";
import { heard, stopListening, tell } from "./store-worker.ts";

const [project = "", name = "", seed = "0", durability = "full", options = "{}"] =
  process.argv.slice(2);
const { wanted = 0, restMs = 0 } = JSON.parse(options) as WriterOptions;
const random = randomOf(Number(seed));
/** More than a page, and more than what one pipe or one sector takes at once. */
const LONG_TEXT = 60_000;
const MAX_AMOUNT = 50;

const store = await FlowStore.open(project, {
  actor: name,
  durability: durability as Durability,
  guardTimeoutMs: 60_000,
});

async function numberOf(id: number, key: string): Promise<{ value: number; revision: string }> {
  const feature: Feature | null = await store.features.getById(id);
  return { value: Number(feature?.[key]), revision: feature?.revision ?? "" };
}

async function move(amount: number, key: string): Promise<void> {
  const left = await numberOf(1, "share");
  const right = await numberOf(2, "share");
  await store.features.update(1, { share: left.value - amount });
  await store.changes.logEvent(5, "moved", { field: String(amount), newValue: key });
  await store.features.update(2, { share: right.value + amount });
}

/** Each answers `false` where it came to nothing. */
const changes: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
  create: async (key) => {
    const { id } = await store.features.create({ name: key });
    tell(`did create ${key}`);
    tell(`try claim ${key}`);
    await store.features.claimAndGet(id);
    tell(`did claim ${key}`);
  },
  note: (key) => store.changes.logEvent(5, "note", { newValue: key }),
  move: async (key) => {
    const amount = 1 + Math.floor(random() * MAX_AMOUNT);
    for (;;) {
      try {
        await store.transaction(() => move(amount, key));
        return;
      } catch (error) {
        // It was stopped meanwhile, and others went on, or its time was over: nothing of it was kept.
        if (!isFlowError(error) || !error.retryable) throw error;
      }
    }
  },
  count: async () => {
    for (;;) {
      const { value, revision } = await numberOf(3, "count");
      try {
        await store.features.update(3, { count: value + 1 }, { expectedRevision: revision });
        return;
      } catch (error) {
        if (!isFlowError(error, "CONFLICT")) throw error;
      }
    }
  },
  race: async (key) => {
    const id = START_FEATURES.length + Number.parseInt(key, 10);
    if ((await store.features.getById(id))?.inProgress === true) return false;
    try {
      await store.features.claimAndGet(id);
      return true;
    } catch (error) {
      if (!isFlowError(error, "CONFLICT")) throw error;
      return false;
    }
  },
  long: (key) => store.features.update(4, { text: `${key} ${key[0]?.repeat(LONG_TEXT)}` }),
};
/** Often what is short, now and then what makes the journal go on in a new file. */
const KINDS = ["create", "note", "note", "move", "move", "count", "count", "long"];
const WITH_RACES = [...KINDS, "race", "race", "race"];

function keyOf(kind: string, number: number): string {
  return kind === "race" ? `${1 + Math.floor(random() * wanted)}@${name}` : `${name}.${number}`;
}

let isOver = false;
// Killed writers hear nothing; the others end when they are told.
void heard().then(() => (isOver = true));
tell("ready");
for (let number = 1; !isOver; number += 1) {
  const kind = pick(random, wanted > 0 ? WITH_RACES : KINDS);
  const key = keyOf(kind, number);
  tell(`try ${kind} ${key}`);
  try {
    const isDone = (await changes[kind]?.(key)) !== false;
    if (isDone && kind !== "create") tell(`did ${kind} ${key}`);
  } catch (error) {
    tell(`error ${kind} ${key}: ${isFlowError(error) ? JSON.stringify(error) : String(error)}`);
  }
  if (restMs > 0) await after(restMs * random() * 2);
}
await store.close();
stopListening();
