/** What the process says to its caller by its exit code. */
import type { FlowErrorCode } from "../errors.ts";

export const EXIT_DONE = 0;
/** `check` found errors or a gate failed; the command itself went well. */
export const EXIT_FOUND_ERRORS = 4;
export const EXIT_INTERRUPTED = 130;

const EXIT_CODES: Readonly<Record<FlowErrorCode, number>> = {
  INTERNAL: 1,
  BAD_REQUEST: 2,
  NOT_INITIALIZED: 3,
  NOT_FOUND: 3,
  CONFLICT: 5,
  LOCKED: 5,
  LOCK_LOST: 5,
  VERSION_CONFLICT: 5,
  CYCLE_DETECTED: 5,
  CORRUPT: 6,
  UNSUPPORTED_FORMAT: 6,
  IO: 7,
  READ_ONLY: 7,
  CLOSED: 7,
  TIMEOUT: 8,
  ABORTED: EXIT_INTERRUPTED,
};

export function exitCodeOf(code: FlowErrorCode): number {
  return EXIT_CODES[code];
}
