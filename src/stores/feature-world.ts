/** The features of one look, as the pure decisions want to see them. */

import type { FeatureWorld } from "../model/feature-world.ts";
import type { Writing } from "../storage/view.ts";
import type { StoreContext } from "./context.ts";
import { FeatureFiles } from "./feature-files.ts";

/** Ids of features are numbered under this name. */
export const FEATURE_KIND = "feature";

/** The world that a decision about features looks at, within one write. */
export function worldOf(
  context: StoreContext,
  write: Writing,
  files: FeatureFiles = new FeatureFiles(write, context.report),
): FeatureWorld {
  return {
    nowMs: context.nowMs(),
    find: (ref) => files.find(ref),
    all: () => files.all(),
    nextId: () => write.nextId(FEATURE_KIND, files.highestId()),
    newUid: context.newUid,
  };
}
