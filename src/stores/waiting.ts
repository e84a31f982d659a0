/** Waiting for what another process does: by looking again and again, ever more seldom. */

import { FlowError } from "../errors.ts";

/** Short enough for a person who has just decided, and for a test. */
const FIRST_PAUSE_MS = 50;
/** Four looks a second cost next to nothing, and nobody minds a quarter of one. */
const LAST_PAUSE_MS = 250;
const GROWTH = 1.5;

/** For how long, and by what. */
export interface Patience {
  /** In ms; infinite for ever. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly sleep: (ms: number) => Promise<void>;
  readonly monotonicMs: () => number;
  /** The longest time between two looks, in ms. Default 250. */
  readonly longestPauseMs?: number;
}

/**
 * What `look` finds, as soon as it finds something; `null` when the time is over. It looks at
 * once, then after 50 ms, and at last every 250 ms; the last time when the time is over.
 *
 * @throws whatever `look` throws; FlowError `ABORTED` when the signal is aborted.
 */
export async function waitFor<T>(
  look: () => Promise<T | null>,
  { timeoutMs, signal, sleep, monotonicMs, longestPauseMs = LAST_PAUSE_MS }: Patience,
): Promise<T | null> {
  const deadline = monotonicMs() + timeoutMs;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    if (signal?.aborted === true) throw aborted(signal);
    const found = await look();
    if (found !== null) return found;
    const leftMs = deadline - monotonicMs();
    if (leftMs <= 0) return null;
    await unlessAborted(sleep(Math.min(pauseMs, leftMs)), signal);
    pauseMs = Math.min(pauseMs * GROWTH, longestPauseMs);
  }
}

/** Ends at once when the signal is aborted; what it waited for ends unheard. */
async function unlessAborted(pause: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return pause;
  let stop = (): void => undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(aborted(signal));
  });
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([pause, stopped]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function aborted(signal: AbortSignal): FlowError {
  return new FlowError("ABORTED", "Stopped waiting: the signal was aborted", {
    cause: signal.reason,
  });
}
