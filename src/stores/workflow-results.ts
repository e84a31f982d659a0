/** What the checkpoint store takes and returns beside the records themselves. */

import type {
  ExecutionStatus,
  StepCheckpoint,
  Workflow,
  WorkflowExecution,
  WorkflowSignal,
  WorkflowTimer,
} from "../model/workflows.ts";
import type { AdvanceInput } from "./workflow-changes.ts";
import type { ExecutionLease } from "./workflow-leases.ts";

/** From which statuses an execution may move, and into which. */
export interface TransitionInput {
  readonly from: ExecutionStatus | readonly ExecutionStatus[];
  readonly to: ExecutionStatus;
  /** `undefined` keeps a field, `null` clears it. */
  readonly patch?: AdvanceInput["patch"];
  /** Of the lease under which one acts. */
  readonly token?: number | undefined;
}

/** An execution that was made, or was there. */
export interface CreatedExecution {
  readonly execution: WorkflowExecution;
  readonly created: boolean;
}

/** All that is known of an execution. */
export interface ExecutionHistory {
  readonly execution: WorkflowExecution;
  readonly workflow: Workflow | null;
  readonly checkpoints: StepCheckpoint[];
  readonly timers: WorkflowTimer[];
  readonly signals: WorkflowSignal[];
  /** The lease that was given last; it may be over. */
  readonly lease: ExecutionLease | null;
}
