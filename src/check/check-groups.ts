/** What can be wrong with the places of groups of consumers. */

import type { Finding } from "../finding.ts";
import { CURSORS, nameOf } from "../storage/layout.ts";
import { decodeGroup } from "../stores/event-groups.ts";
import { isDocumentName } from "../stores/feature-names.ts";
import type { Sight } from "./sight.ts";

/** Every file of a group that cannot be used: its consumers would not know where to go on. */
export function findGroupProblems({ storage, view }: Sight): Finding[] {
  if (storage.disk.stat(CURSORS)?.isDirectory() !== true) return [];
  return view.list(CURSORS).flatMap((file) => {
    if (!isDocumentName(nameOf(file.path))) return [];
    const decoded = decodeGroup(file);
    return "finding" in decoded ? [decoded.finding] : [];
  });
}
