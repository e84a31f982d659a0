/** FlowStore: a state store for coding agents that is nothing but files. */

export { FLOW_ERROR_CODES, FlowError, isFlowError } from "./errors.ts";
export type { FlowErrorCode, FlowErrorJson, FlowErrorOptions } from "./errors.ts";
export type { Finding } from "./finding.ts";
export { FlowStore } from "./flow-store.ts";
export type {
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
export type { EventQuery, Events, StoredEvent } from "./stores/events.ts";
export type {
  ClaimFeatureOptions,
  ClaimNextOptions,
  DeletedFeature,
  Features,
  MarkFeatureOptions,
  UpdateFeatureOptions,
} from "./stores/features.ts";
