/** What the log says of the calls of a test. */
import assert from "node:assert/strict";
import type { FlowStore, StoredEvent } from "flowstore";

/** The events of a stream, oldest first. */
export async function eventsOf(store: FlowStore, stream: string): Promise<StoredEvent[]> {
  return store.events.query({ stream });
}

/** Every event as `stream type`, oldest first. */
export async function logOf(store: FlowStore): Promise<string[]> {
  return (await store.events.query()).map(({ stream, type }) => `${stream} ${type}`);
}

/** Runs `act`, which must log nothing. */
export async function logsNothing<T>(store: FlowStore, act: () => Promise<T>): Promise<T> {
  const before = await logOf(store);
  const value = await act();
  assert.deepEqual(await logOf(store), before);
  return value;
}
