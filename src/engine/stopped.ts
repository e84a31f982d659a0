/** Why a body does not go on, beside errors of its own. */

import { FlowError } from "../errors.ts";

/** What stopped a body from outside. */
export type StopReason =
  | "lease-lost"
  | "disposed"
  | "replayed"
  | "cancelled"
  | "store-failed"
  | "over";

const WHY: Readonly<Record<StopReason, string>> = {
  "lease-lost": "its lease is another's",
  disposed: "its engine was disposed of",
  replayed: "it only gathers what is to be taken back",
  cancelled: "it was ended from outside",
  "store-failed": "the store could not record it",
  over: "its body has ended",
};

/** Ends a body from inside. Nothing that it does from here on is recorded. */
export class BodyStopped extends FlowError {
  readonly why: StopReason;

  constructor(id: string, why: StopReason, cause?: unknown) {
    super("ABORTED", `Cannot go on with execution ${id}: ${WHY[why]}`, {
      context: { kind: "execution", id },
      cause,
    });
    this.why = why;
  }
}

/** Why nothing is run there. */
export const IN_TRANSACTION =
  "inside a transaction: what is done could not be recorded before the transaction ends";
