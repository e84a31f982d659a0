/** What a store shows of the changes that were made in it, and whether it fits together. */
import type { FlowStore, Feature } from "flowstore";

/** One thing that a change left. */
export interface Fact {
  readonly key: string;
  /** `event created`, `document` … */
  readonly part: string;
}

export interface State {
  readonly facts: readonly Fact[];
  /** What does not fit together. */
  readonly misfits: readonly string[];
}

const KEY = /^[a-z]+\.\S+/;

/** Everything that a store shows. */
export async function stateOf(store: FlowStore): Promise<State> {
  const facts: Fact[] = [];
  const add = (part: string, text: string | null | undefined): void => {
    const key = KEY.exec(text ?? "")?.[0];
    if (key !== undefined) facts.push({ key, part });
  };
  const features = await store.features.getAll();
  const events = await store.events.query();
  for (const { type, agent } of events) add(`event ${type}`, agent);
  for (const { name } of features) add("document", name);
  for (const { key } of await store.settings.list()) add("document", key);
  for (const { text } of await store.memory.list()) add("document", text);
  for (const { capability } of await store.gaps.list("epic")) add("document", capability);
  for (const phase of await store.phases.getCompleted("task")) add("document", phase);
  for (const { taskId } of await store.outputs.list()) add("document", taskId);
  for (const { taskId } of await store.approvals.list()) add("document", taskId);
  for (const { name } of await store.checkpoints.list()) add("document", name);
  const history = await store.locks.history();
  for (const { event, agent } of history) add(`lock ${event}`, agent);
  const misfits = [
    ...sequenceMisfits(events.map(({ sequence }) => sequence)),
    ...featureMisfits(features, events),
    ...(await lockMisfits(store, history)),
    ...phaseMisfits((await store.pipeline.list()).map(({ phase }) => phase)),
  ];
  return { facts, misfits };
}

function sequenceMisfits(sequences: readonly number[]): string[] {
  const isCounted = sequences.every((sequence, index) => sequence === index + 1);
  return isCounted ? [] : [`the events are numbered ${sequences.join(" ")}`];
}

interface FeatureEvent {
  readonly type: string;
  readonly agent: string | null;
  readonly payload: unknown;
}

/** The numbers and the text that changes went on from, by the log and by the documents. */
function featureMisfits(features: readonly Feature[], events: readonly FeatureEvent[]): string[] {
  const misfits: string[] = [];
  let [moved, count, text] = [0, 0, ""];
  for (const { type, payload } of events) {
    const { field, oldValue, newValue } = payload as Record<string, string | undefined>;
    if (type === "moved") moved += Number(field);
    else if (field === "count") {
      if (Number(oldValue) !== count) misfits.push(`count went from ${count} to ${oldValue}`);
      count = Number(newValue);
    } else if (field === "text") text = newValue ?? "";
  }
  const is = (id: number, key: string): unknown => features.find((one) => one.id === id)?.[key];
  const expected = [
    [1, "share", 500 - moved],
    [2, "share", 500 + moved],
    [3, "count", count],
    [4, "text", text],
  ] as const;
  for (const [id, key, value] of expected) {
    if (is(id, key) === value) continue;
    const [found, told] = [is(id, key), value].map((one) => String(one).slice(0, 40));
    misfits.push(`feature ${id} has the ${key} ${found}, by the log it is ${told}`);
  }
  return misfits;
}

interface LockEventSeen {
  readonly event: string;
  readonly path: string | null;
}

async function lockMisfits(store: FlowStore, history: readonly LockEventSeen[]): Promise<string[]> {
  const held = new Set<string>();
  for (const { event, path } of history) {
    if (event === "acquired") held.add(path ?? "");
    if (event === "released") held.delete(path ?? "");
  }
  const listed = (await store.locks.list()).map(({ path }) => path);
  return listed.toSorted().join(" ") === [...held].toSorted().join(" ")
    ? []
    : [`locks on ${listed.join(" ")}, by their log on ${[...held].join(" ")}`];
}

function phaseMisfits(phases: readonly string[]): string[] {
  return new Set(phases).size <= 1 ? [] : [`epics that go together are in ${phases.join(", ")}`];
}
