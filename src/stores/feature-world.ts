/** The features of one look, as the pure decisions want to see them. */

import { FlowError } from "../errors.ts";
import type { FeatureWorld } from "../model/feature-world.ts";
import type { Writing } from "../storage/view.ts";
import { highestFeatureId } from "./change-events.ts";
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
  let highestKnown: number | null = null;
  return {
    nowMs: context.nowMs(),
    find: (ref) => files.find(ref),
    all: () => files.all(),
    nextId: () => {
      highestKnown ??= Math.max(files.highestId(), highestInLog(context, write));
      const id = write.nextId(FEATURE_KIND, highestKnown);
      if (Number.isSafeInteger(id)) return id;
      throw new FlowError("CONFLICT", `No id is left above the highest one, ${id - 1}.`, {
        hint: "A file in features/ that was made by hand bears it; give that one a lower id.",
        context: { kind: "feature", highest: id - 1 },
      });
    },
    newUid: context.newUid,
  };
}

/**
 * The highest id that any event names. The journal knows it; it is looked for only where there is
 * no such journal yet, in a fresh clone or after `local/` was lost: a feature may be gone from the
 * files, and its history must not become another's.
 */
function highestInLog({ storage }: StoreContext, write: Writing): number {
  if (storage.journal.ledger.ids.has(FEATURE_KIND)) return 0;
  storage.refreshLog(write);
  return highestFeatureId(storage.log.look(storage.journal.ledger).events);
}
