/** The one failure after which a caller cannot tell what happened. */

import { FlowError } from "../errors.ts";
import { JOURNAL } from "./layout.ts";

/**
 * An `IO` error with `context.outcome` `unknown`: the change is there wholly or not at all.
 *
 * @param options `mustReopen` after a failed sync: this instance writes no more.
 */
export function unknownOutcome(
  why: string,
  { cause, mustReopen = false }: { cause?: unknown; mustReopen?: boolean } = {},
): FlowError {
  return new FlowError("IO", `Cannot tell whether the change was kept: ${why}`, {
    context: { outcome: "unknown", mustReopen, file: JOURNAL },
    hint: "Look again (after a failed sync open the store anew); the change is there wholly or not at all.",
    cause,
  });
}

/** The journal went with `local/` while a change was made. */
export function goneOutcome(): FlowError {
  return unknownOutcome("local/ was removed meanwhile");
}
