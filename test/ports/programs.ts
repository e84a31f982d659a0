/**
 * Random transactions over events, rows and blobs, as data: what a store is made to do through the
 * ports, and what a model of maps says it comes to.
 */
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { isFlowError, type DbContext, type FlowStore } from "flowstore";
import { pick, randomOf } from "../process/store-random.ts";

/** One thing that a transaction does. */
export type Act =
  | { readonly kind: "append"; readonly stream: string; readonly value: number }
  | { readonly kind: "upsert"; readonly id: string; readonly columns: Readonly<Columns> }
  | { readonly kind: "truncate" }
  | { readonly kind: "put"; readonly key: string; readonly content: string }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "wait" }
  /** Savepoints, begun at the same time where there are several. */
  | { readonly kind: "nested"; readonly parts: readonly Program[] };

type Columns = Record<string, string>;

/** A transaction, or a part of one. */
export interface Program {
  readonly acts: readonly Act[];
  /** Whether it throws when all is done. */
  readonly throws: boolean;
  /** Whether whoever began it goes on all the same. */
  readonly isCaught: boolean;
}

/** What there is: payloads by stream, rows by id in the order of insertion, contents by key. */
export interface State {
  readonly streams: Map<string, number[]>;
  readonly rows: Map<string, Columns>;
  readonly blobs: Map<string, string>;
}

export function emptyState(): State {
  return { streams: new Map(), rows: new Map(), blobs: new Map() };
}

const MAX_DEPTH = 3;
const MAX_ACTS = 5;
/** Few, so that the same is met again and again. */
const FEW = ["1", "2", "3", "4", "5"];

/** The transaction of a number; `own` stands before every name, so that two writers share none. */
export function programOf(seed: number, own: string): Program {
  const random = randomOf(seed * 7919 + 1);
  return programBy(random, own, 0);
}

function programBy(random: () => number, own: string, depth: number): Program {
  const length = 1 + Math.floor(random() * MAX_ACTS);
  return {
    acts: Array.from({ length }, () => actBy(random, own, depth)),
    throws: random() < 0.25,
    isCaught: depth > 0 && random() < 0.8,
  };
}

function actBy(random: () => number, own: string, depth: number): Act {
  const name = own + pick(random, FEW);
  const value = Math.floor(random() * 1000);
  const chance = random();
  if (chance < 0.25) return { kind: "append", stream: `item:${name}`, value };
  if (chance < 0.5) return { kind: "upsert", id: name, columns: columnsBy(random, own) };
  if (chance < 0.53 && own === "") return { kind: "truncate" };
  if (chance < 0.7) return { kind: "put", key: name, content: `${own}${value % 7}`.repeat(value) };
  if (chance < 0.75) return { kind: "delete", key: name };
  if (chance < 0.8 || depth === MAX_DEPTH) return { kind: "wait" };
  const count = random() < 0.3 ? 2 : 1;
  const parts = Array.from({ length: count }, () => programBy(random, own, depth + 1));
  return { kind: "nested", parts };
}

/** Names of few, which no two rows may share; a description that not every upsert names. */
function columnsBy(random: () => number, own: string): Columns {
  const name = { name: `${own}n${pick(random, FEW)}` };
  const created_at = "2026-01-01T00:00:00.000Z";
  return random() < 0.5 ? { ...name, created_at } : { ...name, created_at, description: own };
}

class Thrown extends Error {}

/** What a program comes to; the state as it was when it throws. */
export function outcomeOf(before: State, program: Program): State {
  try {
    return played(before, program);
  } catch (error) {
    if (!(error instanceof Thrown)) throw error;
    return before;
  }
}

function played(before: State, { acts, throws }: Program): State {
  let state: State = copyOf(before);
  for (const act of acts) {
    if (act.kind !== "nested") {
      play(state, act);
      continue;
    }
    let uncaught: Thrown | null = null;
    for (const part of act.parts) {
      try {
        state = played(state, part);
      } catch (error) {
        if (!(error instanceof Thrown)) throw error;
        if (!part.isCaught) uncaught ??= error;
      }
    }
    if (uncaught !== null) throw uncaught;
  }
  if (throws) throw new Thrown();
  return state;
}

function copyOf({ streams, rows, blobs }: State): State {
  return {
    streams: new Map([...streams].map(([key, values]) => [key, [...values]])),
    rows: new Map([...rows].map(([key, row]) => [key, { ...row }])),
    blobs: new Map(blobs),
  };
}

function play({ streams, rows, blobs }: State, act: Exclude<Act, { kind: "nested" }>): void {
  if (act.kind === "append") {
    streams.set(act.stream, [...(streams.get(act.stream) ?? []), act.value]);
  } else if (act.kind === "upsert") {
    // Unique: refused, and nothing is written.
    const isTaken = [...rows].some(
      ([id, { name }]) => id !== act.id && name === act.columns["name"],
    );
    if (!isTaken) rows.set(act.id, { ...rows.get(act.id), ...act.columns });
  } else if (act.kind === "truncate") rows.clear();
  else if (act.kind === "put") blobs.set(act.key, act.content);
  else if (act.kind === "delete") blobs.delete(act.key);
}

/** Does it to a store. Rejects where a {@link Program} throws. */
export async function perform(
  store: FlowStore,
  db: DbContext,
  { acts, throws }: Program,
): Promise<void> {
  await db.tx.runInTransaction(async () => {
    for (const act of acts) await performAct(store, db, act);
    if (throws) throw new Thrown();
  });
}

/** The same, answering whether it was kept. */
export async function isKept(store: FlowStore, db: DbContext, program: Program): Promise<boolean> {
  try {
    await perform(store, db, program);
    return true;
  } catch (error) {
    if (!(error instanceof Thrown)) throw error;
    return false;
  }
}

async function performAct(store: FlowStore, db: DbContext, act: Act): Promise<void> {
  switch (act.kind) {
    case "append": {
      const { stream: aggregateId, value } = act;
      await db.eventStore.append({ aggregateId, eventType: "Noted", payload: { value } });
      return;
    }
    case "upsert":
      await upsert(db, act);
      return;
    case "truncate":
      await db.projectionStore.truncate({ table: "workflows" });
      return;
    case "put":
      await db.blobStore.put({ key: act.key, data: Buffer.from(act.content) });
      return;
    case "delete":
      await store.blobs.delete(act.key);
      return;
    case "wait":
      await turn();
      return;
    case "nested":
      await performParts(store, db, act.parts);
  }
}

async function upsert(db: DbContext, act: Extract<Act, { kind: "upsert" }>): Promise<void> {
  try {
    const rows = [{ id: act.id, ...act.columns }];
    await db.projectionStore.upsert({ table: "workflows", rows });
  } catch (error) {
    // Another row has this name, as the model knows.
    if (!isFlowError(error, "CONFLICT")) throw error;
  }
}

async function performParts(
  store: FlowStore,
  db: DbContext,
  parts: readonly Program[],
): Promise<void> {
  const ends = await Promise.allSettled(parts.map((part) => perform(store, db, part)));
  for (const [at, end] of ends.entries()) {
    if (end.status !== "rejected") continue;
    if (!(end.reason instanceof Thrown) || parts[at]?.isCaught !== true) throw end.reason;
  }
}

/** What a store has, of what stands behind `own`. */
export async function stateOf(store: FlowStore, db: DbContext, own: string): Promise<State> {
  const state = emptyState();
  for (const name of FEW) {
    const aggregateId = `item:${own}${name}`;
    const events = await db.eventStore.load({ aggregateId });
    const seqs = events.map(({ seq }) => seq);
    assert.deepEqual(
      seqs,
      Array.from(seqs.keys(), (at) => at + 1),
      "numbers without a gap",
    );
    const values = events.map(({ payload }) => Number(payload["value"]));
    if (values.length > 0) state.streams.set(aggregateId, values);
  }
  const sql = "SELECT * FROM workflows WHERE id LIKE ?";
  for (const found of await db.projectionStore.query({ sql, params: [`${own}_`] })) {
    const { id, ...columns } = found;
    const known = Object.entries(columns).filter(([, value]) => value !== null);
    state.rows.set(String(id), Object.fromEntries(known) as Columns);
  }
  for (const { key } of await store.blobs.list()) {
    if (!FEW.some((name) => key === own + name)) continue;
    state.blobs.set(key, String((await db.blobStore.get({ key }))?.data));
  }
  return state;
}

/** A state as plain data, to be compared: rows in their order, the rest by name. */
export function plain({ streams, rows, blobs }: State): unknown {
  const sorted = <T>(map: Map<string, T>): [string, T][] =>
    [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    streams: sorted(streams).filter(([, values]) => values.length > 0),
    rows: [...rows].map(([id, row]) => [id, row]),
    // Each is one short text, repeated.
    blobs: sorted(blobs).map(([key, text]) => [key, text.slice(0, 2), text.length]),
  };
}
