/** What an execution came to, as a result or an error. */

import { FlowError } from "../errors.ts";
import type { WorkflowExecution } from "../model/workflows.ts";
import { CANCELLED_MESSAGE } from "./compensation.ts";
import { payloadOf } from "./json.ts";
import type { RunResult } from "./options.ts";

/** @throws FlowError for all that is not `COMPLETED`. */
export function outcomeOf(execution: WorkflowExecution): RunResult {
  const { workflowExecutionId: executionId, status, outputData } = execution;
  if (status === "COMPLETED") {
    return { executionId, result: payloadOf(outputData) };
  }
  throw failedError(execution);
}

export function failedError({
  workflowExecutionId: id,
  status,
  errorMessage,
}: WorkflowExecution): FlowError {
  const isCancelled = status === "CANCELLED" || errorMessage === CANCELLED_MESSAGE;
  const code = isCancelled ? "ABORTED" : "CONFLICT";
  const why = errorMessage ?? "without a word";
  return new FlowError(code, `Execution ${id} is ${status}: ${why}`, {
    context: { kind: "execution", id, status, errorMessage },
  });
}

export function stoppedError(id: string, cause: unknown): FlowError {
  const hint = "It goes on where it is recovered.";
  return new FlowError("ABORTED", `Execution ${id} was stopped here`, { cause, hint });
}

export function unknownType(type: string): FlowError {
  return new FlowError("BAD_REQUEST", `Workflow type ${type} is not registered with this engine`, {
    context: { field: "type", type },
  });
}

export function otherType(id: string, workflowId: string): FlowError {
  return new FlowError("CONFLICT", `Execution ${id} is one of ${workflowId}, another workflow`, {
    context: { kind: "execution", id, workflowId },
  });
}
