/** What calls about workflows are refused with. */

import { FlowError } from "../errors.ts";
import { requireText } from "../model/given.ts";
import { shown } from "../model/json-values.ts";

/** What a reference or an id leads to, and there is none. */
export function noSuch(kind: "execution" | "workflow", id: string): FlowError {
  return new FlowError("NOT_FOUND", `There is no ${kind} ${shown(id)}`, {
    context: { kind, id: id.slice(0, 300) },
  });
}

/** @throws FlowError `BAD_REQUEST`. */
export function requireExecutionId(id: unknown): string {
  return requireText("Cannot look at the execution", "workflowExecutionId", id);
}
