/** What the commands of workflows print with --json. */
import {
  EXECUTION_STATUSES,
  SIGNAL_STATUSES,
  STEP_STATUSES,
  TIMELINE_STATES,
  TIMER_STATUSES,
  WORKFLOW_GUARANTEES,
} from "../../index.ts";
import { listOf, objectOf, type JsonSchema } from "../data-shapes.ts";

const TEXT = { type: "string" };
const TEXT_OR_NULL = { type: ["string", "null"] };
const INTEGER = { type: "integer" };

export const EXECUTION: JsonSchema = objectOf({
  workflowExecutionId: TEXT,
  workflowId: TEXT,
  status: { enum: EXECUTION_STATUSES },
  currentStep: INTEGER,
  inputData: TEXT_OR_NULL,
  outputData: TEXT_OR_NULL,
  errorMessage: TEXT_OR_NULL,
  ttlExpiresAt: TEXT_OR_NULL,
  guarantee: { enum: WORKFLOW_GUARANTEES },
  createdAt: TEXT,
  updatedAt: TEXT,
});

export const EXECUTION_KEYS =
  "{ workflowExecutionId, workflowId, status, currentStep, inputData, outputData, errorMessage, ttlExpiresAt, guarantee, createdAt, updatedAt }";

const WORKFLOW = objectOf({
  workflowId: TEXT,
  workflowType: TEXT,
  version: INTEGER,
  createdAt: TEXT,
});

const CHECKPOINT = objectOf({
  id: INTEGER,
  workflowExecutionId: TEXT,
  stepIndex: INTEGER,
  stepName: TEXT,
  status: { enum: STEP_STATUSES },
  inputData: TEXT_OR_NULL,
  outputData: TEXT_OR_NULL,
  errorMessage: TEXT_OR_NULL,
  attempt: INTEGER,
  idempotencyKey: TEXT_OR_NULL,
  compensateRef: TEXT_OR_NULL,
  startedAt: TEXT_OR_NULL,
  completedAt: TEXT_OR_NULL,
});

const TIMER = objectOf({
  workflowTimerId: TEXT,
  workflowExecutionId: TEXT,
  stepName: TEXT,
  fireAt: TEXT,
  status: { enum: TIMER_STATUSES },
  createdAt: TEXT,
});

export const SIGNAL: JsonSchema = objectOf({
  workflowSignalId: INTEGER,
  workflowExecutionId: TEXT,
  signalName: TEXT,
  payload: TEXT_OR_NULL,
  status: { enum: SIGNAL_STATUSES },
  createdAt: TEXT,
});

const LEASE = objectOf({
  workflowExecutionId: TEXT,
  owner: TEXT,
  token: INTEGER,
  expiresAt: TEXT,
  claims: INTEGER,
});

const STEP = objectOf({
  stepIndex: INTEGER,
  name: TEXT,
  kind: { enum: ["action", "sleep", "signal"] },
  state: { enum: TIMELINE_STATES },
  attempts: INTEGER,
  startedAt: TEXT_OR_NULL,
  endedAt: TEXT_OR_NULL,
  wakeAt: TEXT_OR_NULL,
  error: TEXT_OR_NULL,
  takenBackAt: TEXT_OR_NULL,
});

/** All that is known of an execution. */
export const SHOWN: JsonSchema = objectOf({
  execution: EXECUTION,
  workflow: { anyOf: [WORKFLOW, { type: "null" }] },
  checkpoints: listOf(CHECKPOINT),
  timers: listOf(TIMER),
  signals: listOf(SIGNAL),
  lease: { anyOf: [LEASE, { type: "null" }] },
  steps: listOf(STEP),
});

/** What happened at one moment. */
export const HAPPENED: JsonSchema = objectOf({
  at: TEXT,
  what: TEXT,
  name: TEXT_OR_NULL,
  stepIndex: { type: ["integer", "null"] },
  attempt: { type: ["integer", "null"] },
  detail: TEXT_OR_NULL,
});
