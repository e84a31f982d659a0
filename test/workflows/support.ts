/** Records of workflows for tests. */
import type { TestContext } from "node:test";
import type {
  CheckpointStore,
  ExecutionStatus,
  FlowStore,
  GivenCheckpoint,
  GivenExecution,
  GivenSignal,
  GivenTimer,
} from "flowstore";
import { makeStore } from "../features/support.ts";

export const AT = "2026-03-01T00:00:00.000Z";
export const DEFINITION = {
  workflowId: "wf-1",
  workflowType: "order",
  version: 1,
  createdAt: AT,
} as const;

/** A store with the definition `wf-1` and the execution `exec-1`. */
export async function withExecution(
  context: TestContext,
): Promise<{ store: FlowStore; workflows: CheckpointStore }> {
  const store = await makeStore(context);
  await store.workflows.saveWorkflow(DEFINITION);
  await store.workflows.saveExecution(execution("exec-1"));
  return { store, workflows: store.workflows };
}

export function execution(id: string, more: Partial<GivenExecution> = {}): GivenExecution {
  const record = { workflowExecutionId: id, workflowId: "wf-1", createdAt: AT, updatedAt: AT };
  return { ...record, ...more };
}

export function inStatus(id: string, status: ExecutionStatus, createdAt = AT): GivenExecution {
  return execution(id, { status, createdAt });
}

export function checkpoint(
  stepIndex: number,
  more: Partial<GivenCheckpoint> = {},
): GivenCheckpoint {
  const stepName = `step-${stepIndex}`;
  return { workflowExecutionId: "exec-1", stepIndex, stepName, status: "COMPLETED", ...more };
}

export function timer(id: string, more: Partial<GivenTimer> = {}): GivenTimer {
  const record = { workflowTimerId: id, workflowExecutionId: "exec-1", stepName: "nap" };
  return { ...record, fireAt: AT, createdAt: AT, ...more };
}

export function signal(signalName: string, more: Partial<GivenSignal> = {}): GivenSignal {
  return { workflowExecutionId: "exec-1", signalName, createdAt: AT, ...more };
}

/** A time that many minutes after {@link AT}. */
export function minutes(count: number): string {
  return new Date(Date.parse(AT) + count * 60_000).toISOString();
}
