/** What writers told of their changes, held against what the store says. */
import assert from "node:assert/strict";
import type { CreateFeatureInput, Feature, FlowStore } from "flowstore";

/** What the two `share`s come to. */
export const SHARES = 1000;

/** What `store-writer.worker.ts` changes. */
export const START_FEATURES = [
  { name: "Left", share: SHARES / 2 },
  { name: "Right", share: SHARES / 2 },
  { name: "Counter", count: 0 },
  { name: "Long", text: "" },
  { name: "Notes" },
];

/** How a `store-writer.worker.ts` works. */
export interface WriterOptions {
  /** So many features of {@link featuresFor} are wanted by every writer. Default 0. */
  readonly wanted?: number;
  /** How long it rests after a change, on average. Default 0. */
  readonly restMs?: number;
}

/** What a store holds before writers with such options begin. */
export function featuresFor({ wanted = 0 }: WriterOptions = {}): CreateFeatureInput[] {
  const names = Array.from({ length: wanted }, (_, index) => `${WANTED}${index + 1}`);
  return [...START_FEATURES, ...names.map((name) => ({ name }))];
}

/** How the features are called that more than one writer wants. */
const WANTED = "wanted-";

/** How a comparison came out. */
export interface Account {
  readonly acknowledged: number;
  readonly unacknowledged: number;
  /** Of those not acknowledged: how many happened all the same. */
  readonly happened: number;
  readonly count: number;
}

/** The lines of all writers, by change: `KIND KEY`. */
export class Told {
  readonly #tried = new Map<string, string>();
  readonly #done = new Map<string, string>();
  readonly errors: string[] = [];

  listen(lines: readonly string[]): void {
    for (const line of lines) this.hear(line);
  }

  hear(line: string): void {
    const [word = "", kind = "", key = ""] = line.split(" ");
    if (word === "try") this.#tried.set(`${kind} ${key}`, kind);
    else if (word === "did") this.#done.set(`${kind} ${key}`, kind);
    else if (word === "error") this.errors.push(line);
  }

  get acknowledged(): number {
    return this.#done.size;
  }

  /** Fails unless every acknowledged change is there once, every other one once or not at all. */
  async compare(store: FlowStore): Promise<Account> {
    assert.deepEqual(this.errors, []);
    const { found, count, counts } = await whatHappened(store);
    for (const [key, kind] of this.#done) {
      if (kind !== "count") assert.equal(found.get(key), 1, `acknowledged: ${key}`);
    }
    for (const [key, times] of found) {
      assert.ok(this.#tried.has(key), `nobody tried: ${key}`);
      assert.equal(times, 1, key);
    }
    // A count has no key of its own: of each writer as many as were acknowledged, and no more than
    // it tried; the last of each may be in doubt, not as many as there were kills.
    for (const writer of writersOf(this.#tried)) {
      const [least, most] = [countsOf(this.#done, writer), countsOf(this.#tried, writer)];
      const there = counts.get(writer) ?? 0;
      assert.ok(
        least <= there && there <= most,
        `${writer} counted ${there}, not ${least} to ${most}`,
      );
    }
    const known = writersOf(this.#tried);
    const strangers = [...counts.keys()].filter((writer) => !known.has(writer));
    assert.deepEqual(strangers, [], "nobody tried to count");
    const acknowledged = this.#done.size;
    const happened = found.size + count - acknowledged;
    return { acknowledged, unacknowledged: this.#tried.size - acknowledged, happened, count };
  }
}

/** The writers that a change's key names: `w1.7`. */
function writersOf(changes: ReadonlyMap<string, string>): ReadonlySet<string> {
  return new Set([...changes.keys()].flatMap((change) => /^count (.*)\./.exec(change)?.[1] ?? []));
}

function countsOf(changes: ReadonlyMap<string, string>, writer: string): number {
  return [...changes.keys()].filter((change) => change.startsWith(`count ${writer}.`)).length;
}

type Payload = Record<string, string | undefined>;

/** How often each change happened, by the log; fails where the files say something else. */
async function whatHappened(
  store: FlowStore,
): Promise<{ found: Map<string, number>; count: number; counts: Map<string, number> }> {
  const features = await store.features.getAll();
  const names = new Map(features.map(({ uid, name }) => [uid, name]));
  const found = new Map<string, number>();
  const add = (kind: string, key = ""): void => {
    found.set(`${kind} ${key}`, (found.get(`${kind} ${key}`) ?? 0) + 1);
  };
  const counts = new Map<string, number>();
  let moved = 0;
  let count = 0;
  let text = "";
  const events = await store.events.query();
  for (const { type, payload, agent } of events) {
    const { featureUid = "", field, oldValue, newValue } = payload as Payload;
    const name = names.get(featureUid);
    if (name?.startsWith(WANTED) === true) {
      if (type === "claimed") add("race", `${name.slice(WANTED.length)}@${agent}`);
    } else if (type === "created" && name?.startsWith("w") === true) add("create", name);
    else if (type === "claimed") add("claim", name);
    else if (type === "note") add("note", newValue);
    else if (type === "moved") {
      add("move", newValue);
      moved += Number(field);
    } else if (field === "count") {
      assert.equal(Number(oldValue), count, "a count went on from another number");
      count = Number(newValue);
      counts.set(agent ?? "", (counts.get(agent ?? "") ?? 0) + 1);
    } else if (field === "text") {
      text = newValue ?? "";
      add("long", text.split(" ")[0]);
    }
  }
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  );
  assertFilesSayTheSame(features, { found, moved, count, text });
  return { found, count, counts };
}

interface Logged {
  readonly found: ReadonlyMap<string, number>;
  readonly moved: number;
  readonly count: number;
  readonly text: string;
}

function assertFilesSayTheSame(
  features: readonly Feature[],
  { found, moved, count, text }: Logged,
): void {
  const [left, right, counter, long] = features;
  assert.equal(left?.["share"], SHARES / 2 - moved);
  assert.equal(right?.["share"], SHARES / 2 + moved);
  assert.equal(counter?.["count"], count);
  assert.equal(long?.["text"], text);
  const winners = winnersOf(found);
  for (const { name, inProgress, claim } of features.slice(START_FEATURES.length)) {
    if (name.startsWith(WANTED)) {
      const won = winners.get(name.slice(WANTED.length)) ?? [];
      assert.deepEqual(claim === null ? [] : [claim.agent], won, `who claimed ${name}`);
      continue;
    }
    assert.equal(found.get(`create ${name}`), 1, name);
    assert.equal(inProgress, found.has(`claim ${name}`), name);
  }
}

/** Who claimed each of the features that all wanted; a second one is a claim that was doubled. */
function winnersOf(found: ReadonlyMap<string, number>): Map<string, string[]> {
  const winners = new Map<string, string[]>();
  for (const key of found.keys()) {
    const [, number, agent] = /^race (\d+)@(.*)$/.exec(key) ?? [];
    if (number === undefined || agent === undefined) continue;
    winners.set(number, [...(winners.get(number) ?? []), agent]);
  }
  return winners;
}
