/** The features of one look, as the pure decisions want to see them. */

import { FlowError } from "../errors.ts";
import type { FeatureWorld } from "../model/feature-world.ts";
import type { Writing } from "../storage/view.ts";
import { FEATURE_KIND } from "./change-events.ts";
import type { StoreContext } from "./context.ts";
import { FeatureFiles } from "./feature-files.ts";

/** The world that a decision about features looks at, within one write. */
export function worldOf(
  context: StoreContext,
  write: Writing,
  files: FeatureFiles = new FeatureFiles(write, context.findings),
): FeatureWorld {
  return {
    nowMs: context.nowMs(),
    find: (ref) => files.find(ref),
    all: () => files.all(),
    nextId: () => {
      const id = write.nextId(FEATURE_KIND, files.highestId());
      if (Number.isSafeInteger(id)) return id;
      throw new FlowError(
        "CONFLICT",
        `Cannot create a feature: no id is left above the highest one, ${id - 1}`,
        {
          hint: "A file in features/ that was made by hand bears it; give that one a lower id.",
          context: { kind: "feature", highest: id - 1 },
        },
      );
    },
    newUid: context.newUid,
  };
}
