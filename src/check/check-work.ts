/** What can be wrong with phases, the pipeline and gaps. */

import type { Finding } from "../finding.ts";
import { GAP_SHAPE } from "../model/gaps.ts";
import { PIPELINE_SHAPE } from "../model/pipeline.ts";
import { isFault } from "../storage/files.ts";
import { GAPS, inFolder, PHASES, PIPELINE } from "../storage/layout.ts";
import { isTombstone, type Documents, type Stored } from "../stores/documents.ts";
import { damaged, vanished } from "../stores/document-decode.ts";
import { isDocumentName } from "../stores/feature-names.ts";
import { gapDocuments, sharedGapIds } from "../stores/gap-files.ts";
import { phasesDocuments } from "../stores/phases.ts";
import { pipelineDocuments, unknownPhase } from "../stores/pipeline.ts";
import { NOBODY } from "../stores/told.ts";
import { repeatedKeyProblems, type Sight } from "./sight.ts";

/** Every problem of the documents of tasks and epics. */
export function findWorkProblems(sight: Sight, pipelinePhases: readonly string[]): Finding[] {
  const phases = usableIn(sight, PHASES, phasesDocuments(NOBODY));
  const pipelines = usableIn(sight, PIPELINE, pipelineDocuments(NOBODY));
  const unknown = pipelines.usable.flatMap(({ name, value }) => {
    if (isTombstone(PIPELINE_SHAPE, value)) return [];
    return unknownPhase(inFolder(PIPELINE, name), value, pipelinePhases) ?? [];
  });
  return [...phases.findings, ...pipelines.findings, ...unknown, ...gapProblems(sight)];
}

/** The gaps of every epic; each has a folder of its own. */
function gapProblems(sight: Sight): Finding[] {
  if (!isFolder(sight, GAPS)) return [];
  return sight.view.names(GAPS).flatMap((epic) => {
    const folder = inFolder(GAPS, epic);
    if (epic.startsWith(".")) return [];
    if (!isFolder(sight, folder)) {
      return [damaged(folder, "not-a-folder", "a folder belongs there").finding];
    }
    const { usable, findings } = usableIn(sight, folder, gapDocuments(folder, NOBODY));
    const living = usable
      .filter(({ value }) => !isTombstone(GAP_SHAPE, value))
      .map(({ name, value }) => ({ name, document: value }));
    return [...findings, ...sharedGapIds(folder, living)];
  });
}

/** The documents of a folder that can be used, and why the others cannot. */
export function usableIn<T extends object>(
  sight: Sight,
  folder: string,
  documents: Documents<T>,
): { usable: Stored<T>[]; findings: Finding[] } {
  const usable: Stored<T>[] = [];
  const findings: Finding[] = [];
  if (!isFolder(sight, folder)) return { usable, findings };
  for (const name of sight.view.names(folder).filter(isDocumentName)) {
    const file = sight.view.get(folder, name);
    const decoded = file === null ? vanished(inFolder(folder, name)) : documents.decode(file);
    if (decoded === null) continue;
    if ("finding" in decoded) {
      findings.push(decoded.finding);
      continue;
    }
    usable.push({ name, value: decoded.value });
    if (file !== null && !isFault(file))
      findings.push(...repeatedKeyProblems(file.path, file.text));
  }
  return { usable, findings };
}

/** Nothing is read through a link, and what is no folder is a finding of its own. */
export function isFolder({ storage, view }: Sight, folder: string): boolean {
  const stat = storage.disk.stat(folder);
  // What is committed may not have its folder yet.
  return stat === null ? view.names(folder).length > 0 : stat.isDirectory();
}
