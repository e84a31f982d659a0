/** Stores, and short ways to say what is in them. */
import type { TestContext } from "node:test";
import {
  FlowError,
  FlowStore,
  type FlowErrorCode,
  type FlowStoreOptions,
  type StoredEvent,
  type SubscriptionItem,
} from "flowstore";
import { atEnd } from "../at-end.ts";

/** A store that goes with the test. Nothing here is about power cuts. */
export async function temporaryStore(
  context: TestContext,
  options: FlowStoreOptions = {},
): Promise<FlowStore> {
  const store = await FlowStore.openTemporary({ durability: "none", actor: "tester", ...options });
  atEnd(context, () => store.close());
  return store;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** What events say, without what differs from run to run. */
export function said(events: readonly StoredEvent[]): unknown[] {
  return events.map(({ sequence, stream, version, type, payload }) => {
    return [sequence, stream, version, type, payload];
  });
}

/** For `assert.rejects`: this code, and nothing else. */
export function withCode(code: FlowErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof FlowError && error.code === code;
}

/** Takes items until one fits, that one too; what follows is left. */
export async function takeUntil(
  items: AsyncGenerator<SubscriptionItem, void, void>,
  isLast: (item: SubscriptionItem) => boolean,
): Promise<SubscriptionItem[]> {
  const taken: SubscriptionItem[] = [];
  for (;;) {
    const { value, done } = await items.next();
    if (done === true) throw new Error(`It ended after ${taken.length} items`);
    taken.push(value);
    if (isLast(value)) return taken;
  }
}

/** Numbers of events, `"caught up"` in its place. */
export function numbersOf(items: readonly SubscriptionItem[]): (number | "caught up")[] {
  return items.map(({ event }) => event?.sequence ?? "caught up");
}

export function isCaughtUp({ caughtUp }: SubscriptionItem): boolean {
  return caughtUp === true;
}
