/**
 * Durable workflows: what their records are, and what may stand in each field. The names, values
 * and defaults are durable_workflow's.
 */
import {
  badField,
  requireAnyText,
  requireInput,
  requireJson,
  requireText,
  requireWord,
} from "./given.ts";
import { setOwn, shown } from "./json-values.ts";
import { requireInstant } from "./workflow-times.ts";

/** Every {@link ExecutionStatus}. */
export const EXECUTION_STATUSES = [
  "PENDING",
  "RUNNING",
  "SUSPENDED",
  "COMPLETED",
  "FAILED",
  "COMPENSATING",
  "CANCELLED",
] as const;
/** Every {@link StepStatus}. */
export const STEP_STATUSES = ["INTENT", "COMPLETED", "FAILED", "COMPENSATED"] as const;
/** Every {@link TimerStatus}. */
export const TIMER_STATUSES = ["PENDING", "FIRED", "CANCELLED"] as const;
/** Every {@link SignalStatus}. */
export const SIGNAL_STATUSES = ["PENDING", "DELIVERED", "EXPIRED"] as const;
/** Every {@link WorkflowGuarantee}. */
export const WORKFLOW_GUARANTEES = ["FOREGROUND_ONLY", "BEST_EFFORT_BACKGROUND"] as const;

/** Where an execution stands; `COMPLETED`, `FAILED` and `CANCELLED` are final. */
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];
/** `INTENT` is recorded before the action runs. */
export type StepStatus = (typeof STEP_STATUSES)[number];
/** Where a timer stands. */
export type TimerStatus = (typeof TIMER_STATUSES)[number];
/** Where a signal stands. */
export type SignalStatus = (typeof SIGNAL_STATUSES)[number];
/** What an execution may count on while its program is in the background; kept, not acted on. */
export type WorkflowGuarantee = (typeof WORKFLOW_GUARANTEES)[number];

/** A definition, which executions refer to. */
export interface Workflow {
  readonly workflowId: string;
  readonly workflowType: string;
  /** Default 1. */
  readonly version: number;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** One run of a workflow. */
export interface WorkflowExecution {
  readonly workflowExecutionId: string;
  /** Of its definition. */
  readonly workflowId: string;
  readonly status: ExecutionStatus;
  /** The index of the step that was last begun or finished; 0 before. */
  readonly currentStep: number;
  /** A text that holds JSON; opaque to the store. */
  readonly inputData: string | null;
  readonly outputData: string | null;
  readonly errorMessage: string | null;
  /** ISO 8601; `null`: it never expires. */
  readonly ttlExpiresAt: string | null;
  readonly guarantee: WorkflowGuarantee;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** What is known of one attempt at one step. */
export interface StepCheckpoint {
  /** Given by the store: rises with every save, never given twice. */
  readonly id: number | null;
  readonly workflowExecutionId: string;
  /** From 0. */
  readonly stepIndex: number;
  readonly stepName: string;
  readonly status: StepStatus;
  readonly inputData: string | null;
  readonly outputData: string | null;
  readonly errorMessage: string | null;
  /** From 1; 0 in the row of a compensation. */
  readonly attempt: number;
  readonly idempotencyKey: string | null;
  /** The step's name where it has a compensation. */
  readonly compensateRef: string | null;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
}

/** A moment that an execution waits for. */
export interface WorkflowTimer {
  readonly workflowTimerId: string;
  readonly workflowExecutionId: string;
  readonly stepName: string;
  /** ISO 8601. */
  readonly fireAt: string;
  readonly status: TimerStatus;
  readonly createdAt: string;
}

/** A message to an execution. */
export interface WorkflowSignal {
  /** Given by the store; rises, never given twice. */
  readonly workflowSignalId: number | null;
  readonly workflowExecutionId: string;
  readonly signalName: string;
  /** A text that holds JSON; opaque to the store. */
  readonly payload: string | null;
  readonly status: SignalStatus;
  readonly createdAt: string;
}

/** A record as a caller gives it: what has a default, or may be `null`, may be left out. */
export type Given<T, Optional extends keyof T> = Omit<T, Optional> & {
  readonly [K in Optional]?: T[K] | undefined;
};
/** A definition as it is given to be saved. */
export type GivenWorkflow = Given<Workflow, "version">;
/** An execution as it is given to be saved. */
export type GivenExecution = Given<
  WorkflowExecution,
  | "status"
  | "currentStep"
  | "inputData"
  | "outputData"
  | "errorMessage"
  | "ttlExpiresAt"
  | "guarantee"
>;
/** A checkpoint as it is given to be saved. */
export type GivenCheckpoint = Given<
  StepCheckpoint,
  | "id"
  | "inputData"
  | "outputData"
  | "errorMessage"
  | "attempt"
  | "idempotencyKey"
  | "compensateRef"
  | "startedAt"
  | "completedAt"
>;
/** A timer as it is given to be saved. */
export type GivenTimer = Given<WorkflowTimer, "status">;
/** A signal as it is given to be saved. */
export type GivenSignal = Given<WorkflowSignal, "workflowSignalId" | "payload" | "status">;

type Fields = Readonly<Record<string, unknown>>;

/** What is handed out shares nothing with what is kept. */
export function copyOf<T extends object>(value: T | null): T | null {
  return value === null ? null : { ...value };
}

/** Whether nothing leads out of a status. */
export function isTerminal(status: ExecutionStatus): boolean {
  return status === "COMPLETED" || status === "FAILED" || status === "CANCELLED";
}

/** @throws FlowError `BAD_REQUEST`. */
export function workflowOf(given: unknown): Workflow {
  const doing = "Cannot save the workflow";
  const fields = requireInput(doing, given);
  return withOwnKeys(doing, fields, {
    workflowId: requireText(doing, "workflowId", fields["workflowId"]),
    workflowType: requireText(doing, "workflowType", fields["workflowType"]),
    version: wholeOr(doing, "version", fields, 1),
    createdAt: requireInstant(doing, "createdAt", fields["createdAt"]),
  });
}

/** @throws FlowError `BAD_REQUEST`. */
export function executionOf(
  given: unknown,
  doing = "Cannot save the execution",
): WorkflowExecution {
  const fields = requireInput(doing, given);
  return withOwnKeys(doing, fields, {
    workflowExecutionId: requireText(doing, "workflowExecutionId", fields["workflowExecutionId"]),
    workflowId: requireText(doing, "workflowId", fields["workflowId"]),
    status: wordOr(doing, "status", fields, EXECUTION_STATUSES, "PENDING"),
    currentStep: wholeOr(doing, "currentStep", fields, 0),
    inputData: textOrNone(doing, "inputData", fields),
    outputData: textOrNone(doing, "outputData", fields),
    errorMessage: textOrNone(doing, "errorMessage", fields),
    ttlExpiresAt: instantOrNone(doing, "ttlExpiresAt", fields),
    guarantee: wordOr(doing, "guarantee", fields, WORKFLOW_GUARANTEES, "FOREGROUND_ONLY"),
    createdAt: requireInstant(doing, "createdAt", fields["createdAt"]),
    updatedAt: requireInstant(doing, "updatedAt", fields["updatedAt"]),
  });
}

/** Its `id` is the store's to give. @throws FlowError `BAD_REQUEST`. */
export function checkpointOf(given: unknown): StepCheckpoint {
  const doing = "Cannot save the checkpoint";
  const fields = requireInput(doing, given);
  return withOwnKeys(doing, fields, {
    id: null,
    workflowExecutionId: requireText(doing, "workflowExecutionId", fields["workflowExecutionId"]),
    stepIndex: wholeOr(doing, "stepIndex", fields),
    stepName: requireText(doing, "stepName", fields["stepName"]),
    status: requireWord(doing, "status", fields["status"], STEP_STATUSES),
    inputData: textOrNone(doing, "inputData", fields),
    outputData: textOrNone(doing, "outputData", fields),
    errorMessage: textOrNone(doing, "errorMessage", fields),
    attempt: wholeOr(doing, "attempt", fields, 1),
    idempotencyKey: textOrNone(doing, "idempotencyKey", fields),
    compensateRef: textOrNone(doing, "compensateRef", fields),
    startedAt: instantOrNone(doing, "startedAt", fields),
    completedAt: instantOrNone(doing, "completedAt", fields),
  });
}

/** @throws FlowError `BAD_REQUEST`. */
export function timerOf(given: unknown): WorkflowTimer {
  const doing = "Cannot save the timer";
  const fields = requireInput(doing, given);
  return withOwnKeys(doing, fields, {
    workflowTimerId: requireText(doing, "workflowTimerId", fields["workflowTimerId"]),
    workflowExecutionId: requireText(doing, "workflowExecutionId", fields["workflowExecutionId"]),
    stepName: requireText(doing, "stepName", fields["stepName"]),
    fireAt: requireInstant(doing, "fireAt", fields["fireAt"]),
    status: wordOr(doing, "status", fields, TIMER_STATUSES, "PENDING"),
    createdAt: requireInstant(doing, "createdAt", fields["createdAt"]),
  });
}

/** @throws FlowError `BAD_REQUEST`. */
export function signalOf(given: unknown): WorkflowSignal {
  const doing = "Cannot save the signal";
  const fields = requireInput(doing, given);
  const id = fields["workflowSignalId"] ?? null;
  if (id !== null && !(Number.isSafeInteger(id) && (id as number) >= 1))
    throw badField(doing, "workflowSignalId", `must be a whole number from 1, not ${shown(id)}`);
  return withOwnKeys(doing, fields, {
    workflowSignalId: id as number | null,
    workflowExecutionId: requireText(doing, "workflowExecutionId", fields["workflowExecutionId"]),
    signalName: requireText(doing, "signalName", fields["signalName"]),
    payload: textOrNone(doing, "payload", fields),
    status: wordOr(doing, "status", fields, SIGNAL_STATUSES, "PENDING"),
    createdAt: requireInstant(doing, "createdAt", fields["createdAt"]),
  });
}

/** A list of statuses; empty is none. @throws FlowError `BAD_REQUEST`. */
export function requireStatuses(doing: string, given: unknown): ExecutionStatus[] {
  if (!Array.isArray(given)) throw badField(doing, "statuses", "must be a list of statuses");
  const words = Array.from(given, (one: unknown, at) =>
    requireWord(doing, `statuses[${at}]`, one, EXECUTION_STATUSES),
  );
  return [...new Set(words)];
}

/** Keys of a user's own are kept behind those of the record. */
function withOwnKeys<T extends object>(doing: string, fields: Fields, record: T): T {
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined || Object.hasOwn(record, key)) continue;
    setOwn(record, key, requireJson(doing, key, value));
  }
  return record;
}

// `null` stands for the default where a column has one, as it does in the SQL variant.
function wordOr<W extends string>(
  doing: string,
  field: string,
  fields: Fields,
  words: readonly W[],
  otherwise: W,
): W {
  const value = fields[field] ?? null;
  return value === null ? otherwise : requireWord(doing, field, value, words);
}

function wholeOr(doing: string, field: string, fields: Fields, otherwise?: number): number {
  return requireWhole(doing, field, fields[field] ?? otherwise);
}

/** A count, or a number that the store gave. @throws FlowError `BAD_REQUEST`. */
export function requireWhole(doing: string, field: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw badField(doing, field, `must be a whole number from 0, not ${shown(value)}`);
}

function textOrNone(doing: string, field: string, fields: Fields): string | null {
  const value = fields[field] ?? null;
  return value === null ? null : requireAnyText(doing, field, value);
}

function instantOrNone(doing: string, field: string, fields: Fields): string | null {
  const value = fields[field] ?? null;
  return value === null ? null : requireInstant(doing, field, value);
}
