/** Looking on: a value now, and again whenever it changed. */

import { requireOptions, type StoreContext } from "./context.ts";
import type { LogWatch } from "./log-watch.ts";

/** How long one looks on. */
export interface WatchWorkflowOptions {
  /** Ends it without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** A look costs an fstat of the journal; a person does not notice a twentieth of a second. */
const LOOK_EVERY_MS = 50;

/** What `look` finds, whenever it is another than before; the first at once. */
export async function* watched<T>(
  { storage }: StoreContext,
  look: () => Promise<T>,
  options: WatchWorkflowOptions,
): AsyncIterableIterator<T> {
  const { signal } = requireOptions(options, { signal: true });
  let before: string | null = null;
  while (signal?.aborted !== true) {
    const value = await look();
    const text = JSON.stringify(value);
    if (text !== before) {
      before = text;
      yield value;
      continue;
    }
    await storage.options.sleep(LOOK_EVERY_MS);
  }
}

/**
 * A mark that changes with every commit of any process, at once and whenever it is another. Nothing
 * runs for it but a watch on the journal's folder.
 */
export async function* commits(
  { storage }: StoreContext,
  watch: LogWatch,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  let before: string | null = null;
  watch.begin();
  try {
    while (!signal.aborted) {
      const { changes } = watch;
      storage.glance();
      // A record is seen once it is acknowledged, by a line behind it: so lines count, not records.
      const { head, grown } = storage.journal;
      const mark = `${head.id}:${grown}`;
      if (mark !== before) {
        before = mark;
        yield mark;
      } else await watch.next(changes, signal);
    }
  } finally {
    watch.end();
  }
}
