/** FlowStore: a state store for coding agents that is nothing but files. */

export { FLOW_ERROR_CODES, FlowError, isFlowError } from "./errors.ts";
export type { FlowErrorCode, FlowErrorJson, FlowErrorOptions } from "./errors.ts";
export type { Finding } from "./finding.ts";
export { FlowStore } from "./flow-store.ts";
export type {
  CheckOptions,
  Durability,
  FlowStoreOptions,
  FlowStoreStatus,
  RepairOptions,
  RepairReport,
  TransactionOptions,
} from "./flow-store.ts";
export type {
  ChangeEvent,
  Feature,
  FeatureClaim,
  FeatureGraphNode,
  FeatureStats,
  FeatureStatus,
} from "./model/feature.ts";
export type {
  BatchIndex,
  CreateFeatureInput,
  FeaturePatch,
  FeatureRef,
} from "./model/feature-inputs.ts";
export type { FeaturePage, ListFeaturesOptions } from "./model/feature-page.ts";
export {
  areDependenciesSatisfied,
  computeScores,
  findCycles,
  topologicalSort,
  wouldCreateCycle,
} from "./model/graph.ts";
export { featureToTask, taskToFeature } from "./model/task-sync.ts";
export type { Task, TaskFeature, TaskInput } from "./model/task-sync.ts";
export type { ChangeNote } from "./stores/context.ts";
export type { Changes, LogEventInput } from "./stores/changes.ts";
export { PEON_EVENT_TYPES } from "./model/event-types.ts";
export type {
  EventTypeOptions,
  SchemaIssue,
  SchemaVerdict,
  StandardSchema,
  Upcast,
  UpcastEvent,
} from "./model/event-types.ts";
export type { ExpectedVersion, NewEvent, NewStreamEvent, VersionMismatch } from "./model/events.ts";
export type { AppendAllOptions, Appended, AppendOptions } from "./stores/event-appends.ts";
export type {
  ArchivedSegment,
  ArchiveEventsOptions,
  ArchiveReport,
  KeptSegment,
} from "./stores/event-archive.ts";
export type { Aggregate, CountOptions, EventQuery, Events, LoadOptions } from "./stores/events.ts";
export type { SaveSnapshotInput, Snapshot } from "./stores/snapshots.ts";
export type { StoredEvent } from "./stores/stored-events.ts";
export type { SubscribeOptions, SubscriptionItem } from "./stores/subscriptions.ts";
export type {
  ClaimFeatureOptions,
  ClaimNextOptions,
  DeletedFeature,
  Features,
  MarkFeatureOptions,
  UpdateFeatureOptions,
} from "./stores/features.ts";
export { APPROVAL_KINDS, APPROVAL_STATUSES } from "./model/approvals.ts";
export type {
  Approval,
  ApprovalKind,
  ApprovalStatus,
  CreateApprovalInput,
} from "./model/approvals.ts";
export { MEMORY_SEVERITIES } from "./model/memory.ts";
export type {
  AppendMemoryInput,
  MemoryEntry,
  MemoryFilter,
  MemorySeverity,
} from "./model/memory.ts";
export type { ListedOutput, OutputEntry } from "./model/outputs.ts";
export type { ScoutCacheEntry, SetScoutCacheInput } from "./model/scout-cache.ts";
export type { Setting } from "./model/settings.ts";
export type {
  Approvals,
  ApproveOptions,
  ListApprovalsOptions,
  RejectOptions,
  WaitApprovalOptions,
} from "./stores/approvals.ts";
export type { Memory } from "./stores/memory.ts";
export type { ListOutputsOptions, Outputs } from "./stores/outputs.ts";
export type { ScoutCache } from "./stores/scout-cache.ts";
export type { Settings } from "./stores/settings.ts";
export type { CompletedPhase, Phase } from "./model/phases.ts";
export type { Phases } from "./stores/phases.ts";
export type { PipelineState } from "./model/pipeline.ts";
export type { AdvancePipelineOptions, Pipeline, StartedPipeline } from "./stores/pipeline.ts";
export { GAP_PRIORITIES, GAP_STATUSES } from "./model/gaps.ts";
export type { AddGapInput, Gap, GapGate, GapPriority, GapRef, GapStatus } from "./model/gaps.ts";
export type { AddedGap, Gaps, ListGapsOptions, ResolvedGap } from "./stores/gaps.ts";
export type { DecisionEntry, ListDecisionsOptions, LogDecisionInput } from "./model/decisions.ts";
export type { Decisions } from "./stores/decisions.ts";
export type { LockWaiter } from "./model/lock-errors.ts";
export type { AcquireLocksInput } from "./model/lock-inputs.ts";
export type { LockEvent, LockEventName } from "./model/lock-log.ts";
export { LOCK_MODES, type LockEntry, type LockHolder, type LockMode } from "./model/locks.ts";
export type {
  ListLocksOptions,
  LockConflictsOptions,
  LockHeartbeat,
  LockHistoryOptions,
  ReleaseLocksInput,
  TriedLocks,
} from "./stores/lock-options.ts";
export type { Locks } from "./stores/locks.ts";
export type {
  Checkpoint,
  CheckpointChange,
  CheckpointScope,
  RestoredCheckpoint,
  RestoredDocument,
} from "./model/checkpoints.ts";
export type {
  Checkpoints,
  RestoreCheckpointOptions,
  SaveCheckpointOptions,
} from "./stores/checkpoints.ts";
export type { CoordinationStatus, OpenWork } from "./stores/status.ts";
export { FLOWFORGE_TABLES } from "./model/flowforge-tables.ts";
export type {
  ColumnSchema,
  ColumnType,
  ProjectionRow,
  TableSchema,
} from "./model/projection-schema.ts";
export type {
  ProjectionTable,
  Projections,
  QueryInput,
  UpsertRowsInput,
} from "./stores/projections.ts";
export type { BlobEntry, BlobStat } from "./model/blobs.ts";
export type { Blob, BlobData, Blobs, BlobStream, PutBlobInput } from "./stores/blobs.ts";
export type { CollectBlobsOptions, CollectedBlobs } from "./stores/blob-collection.ts";
export { createDbContext } from "./ports.ts";
export type {
  BlobStorePort,
  DbContext,
  EventStorePort,
  PortEvent,
  PortSnapshot,
  ProjectionStorePort,
  TxPort,
} from "./ports.ts";
export type {
  Affinity,
  QueryBudget,
  QueryColumn,
  QueryEngine,
  QueryRequest,
  QueryResult,
  QueryTable,
  SqlValue,
} from "./query/query-engine.ts";
export { sqlJsEngine, type SqlJs } from "./query/sql-js-engine.ts";
export {
  EXECUTION_STATUSES,
  SIGNAL_STATUSES,
  STEP_STATUSES,
  TIMER_STATUSES,
  WORKFLOW_GUARANTEES,
} from "./model/workflows.ts";
export type {
  ExecutionStatus,
  Given,
  GivenCheckpoint,
  GivenExecution,
  GivenSignal,
  GivenTimer,
  GivenWorkflow,
  SignalStatus,
  StepCheckpoint,
  StepStatus,
  TimerStatus,
  Workflow,
  WorkflowExecution,
  WorkflowGuarantee,
  WorkflowSignal,
  WorkflowTimer,
} from "./model/workflows.ts";
export { TIMELINE_STATES, timelineOf } from "./model/workflow-timeline.ts";
export type { TimelineSource, TimelineStep } from "./model/workflow-timeline.ts";
export type { Change, ExecutionPatch, RetryPolicy } from "./model/workflow-decisions.ts";
export type { Advanced, AdvanceInput } from "./stores/workflow-changes.ts";
export type { ClaimExecutionOptions, ExecutionLease, HeldLease } from "./stores/workflow-leases.ts";
export type { StoredLease } from "./stores/workflow-records.ts";
export type { ExecutionPage, ExecutionPageOptions } from "./stores/workflow-pages.ts";
export type {
  ExecutionRecord,
  RecordPage,
  RecordPageOptions,
} from "./stores/workflow-log-pages.ts";
export { WORKFLOW_SCHEMA_VERSION } from "./stores/workflow-schema.ts";
export type { WorkflowSchemaReport } from "./stores/workflow-schema.ts";
export type { WatchWorkflowOptions } from "./stores/workflow-watch.ts";
export type { FinalStatus } from "./stores/workflow-cleanup.ts";
export type {
  CreatedExecution,
  ExecutionHistory,
  TransitionInput,
} from "./stores/workflow-results.ts";
export type { CheckpointStore } from "./stores/workflows.ts";
export { DurableEngine } from "./engine/engine.ts";
export type {
  DurableEngineOptions,
  EngineWarning,
  RecoveryReport,
  RunOptions,
  RunResult,
  StepAttempt,
  StepOptions,
  WaitSignalOptions,
  WorkflowBody,
  WorkflowContext,
} from "./engine/options.ts";
