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

/**
 * The journal went with `local/` while a change was made: nobody can finish it any more.
 */
export function goneOutcome(): FlowError {
  return new FlowError(
    "IO",
    "Cannot tell whether the change was kept: local/ was removed meanwhile",
    {
      context: { outcome: "unknown", mustReopen: false, file: JOURNAL },
      hint: "Look again: some of the files may hold the change. Do not remove .flow/local/ while stores are open.",
    },
  );
}
