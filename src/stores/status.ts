/** What `status()` tells. */

import type { Finding } from "../finding.ts";
import type { FeatureStats } from "../model/feature.ts";
import type { Durability } from "../storage/storage.ts";

/** What a store holds and how it is. */
export interface FlowStoreStatus {
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
