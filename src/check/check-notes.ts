/** What can be wrong with approvals, memory, settings and outputs. */

import type { Finding } from "../finding.ts";
import { APPROVALS, inFolder, MEMORY, OUTPUTS, SETTINGS } from "../storage/layout.ts";
import { approvalDocuments } from "../stores/approvals.ts";
import { vanished } from "../stores/document-decode.ts";
import { memoryDocuments } from "../stores/memory.ts";
import { decodeOutput, OUTPUT_SUFFIX, textProblems } from "../stores/outputs.ts";
import { settingDocuments } from "../stores/settings.ts";
import { NOBODY } from "../stores/told.ts";
import { isFolder, usableIn } from "./check-work.ts";
import type { Sight } from "./sight.ts";

/** Every problem of documents that stand by themselves. */
export function findNoteProblems(sight: Sight): Finding[] {
  return [
    ...usableIn(sight, APPROVALS, approvalDocuments(NOBODY)).findings,
    ...usableIn(sight, MEMORY, memoryDocuments(NOBODY)).findings,
    ...usableIn(sight, SETTINGS, settingDocuments(NOBODY)).findings,
    ...outputProblems(sight),
  ];
}

function outputProblems(sight: Sight): Finding[] {
  if (!isFolder(sight, OUTPUTS)) return [];
  const names = sight.view.names(OUTPUTS).filter((name) => name.endsWith(OUTPUT_SUFFIX));
  return names.flatMap((name) => {
    const file = sight.view.get(OUTPUTS, name);
    const decoded = file === null ? vanished(inFolder(OUTPUTS, name)) : decodeOutput(file);
    if (decoded === null) return [];
    return "finding" in decoded ? [decoded.finding] : textProblems(decoded.file);
  });
}
