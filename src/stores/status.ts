/** What `status()` tells. */

import type { Finding } from "../finding.ts";
import type { Approval } from "../model/approvals.ts";
import type { FeatureStats } from "../model/feature.ts";
import type { Gap } from "../model/gaps.ts";
import type { LockHolder } from "../model/locks.ts";
import type { PipelineState } from "../model/pipeline.ts";
import type { Durability } from "../storage/storage.ts";

/** What is under way, or waits for somebody. */
export interface OpenWork {
  /** Locks that live, by path. */
  readonly locks: LockHolder[];
  /** Epics that are not completed, `fn-2` before `fn-10`. */
  readonly pipelines: PipelineState[];
  /** Required and important gaps that are open, by epic. */
  readonly gaps: Gap[];
  /** Approvals that nobody has decided, newest first. */
  readonly approvals: Approval[];
}

/** How much there is beside features; what cannot be used is among the problems and not counted. */
export interface CoordinationStatus {
  /** Locks that live, and the tasks that hold them. */
  readonly locks: { readonly held: number; readonly tasks: number };
  /** Tasks of which some phase is done. */
  readonly phases: { readonly tasks: number };
  /** Epics whose pipeline has begun; `completed` of them are behind the last phase. */
  readonly pipeline: { readonly epics: number; readonly completed: number };
  /** Of all epics; `blocking` of the `open` ones are required or important. */
  readonly gaps: {
    readonly total: number;
    readonly open: number;
    readonly blocking: number;
    readonly resolved: number;
  };
  readonly approvals: {
    readonly pending: number;
    readonly approved: number;
    readonly rejected: number;
  };
  readonly decisions: { readonly total: number };
  readonly memory: { readonly total: number };
  readonly outputs: { readonly total: number };
  readonly settings: { readonly total: number };
  /** Of this clone, as the locks are. */
  readonly checkpoints: { readonly total: number };
  /** Tables that have rows, and the rows of all of them. */
  readonly projections: { readonly tables: number; readonly rows: number };
  /** Keys that have a content, and the sum of what each has. */
  readonly blobs: { readonly total: number; readonly bytes: number };
  readonly open: OpenWork;
}

/** What a store holds and how it is. */
export interface FlowStoreStatus extends CoordinationStatus {
  /** The absolute path of `.flow`. */
  readonly root: string;
  readonly format: number;
  readonly durability: Durability;
  readonly readOnly: boolean;
  readonly actor: string;
  readonly features: FeatureStats;
  readonly events: {
    readonly total: number;
    readonly provisional: number;
    readonly segments: number;
    readonly bytes: number;
    /** The last sequence number in use; 0 when there is none. */
    readonly lastSequence: number;
    /** Numbers hold within an epoch; losing `local/` begins a new one. `null` before the first write. */
    readonly epoch: string | null;
  };
  readonly journal: {
    readonly bytes: number;
    /** Commits that are not in the files yet. */
    readonly pending: number;
  };
  readonly fileSystem: { readonly name: string; readonly shared: boolean };
  readonly problems: readonly Finding[];
}
