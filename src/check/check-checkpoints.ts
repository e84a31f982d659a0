/** What can be wrong with checkpoints. */

import { isFlowError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { isFault } from "../storage/files.ts";
import { CHECKPOINTS } from "../storage/layout.ts";
import { CheckpointFiles } from "../stores/checkpoint-files.ts";
import { NOBODY } from "../stores/told.ts";
import { isFolder } from "./check-work.ts";
import { repeatedKeyProblems, type Sight } from "./sight.ts";

/** Every problem of what describes them. */
export function findCheckpointProblems(sight: Sight): Finding[] {
  if (!isFolder(sight, CHECKPOINTS)) return [];
  const findings: Finding[] = [];
  const files = filesOf(sight, findings);
  for (const { name } of files.all()) {
    const file = files.manifestFile(name);
    if (file !== null && !isFault(file)) {
      findings.push(...repeatedKeyProblems(file.path, file.text));
    }
  }
  return findings;
}

/** Copies that are not what was saved: they are long, so `check` alone reads them. */
export function findCopyProblems(sight: Sight): Finding[] {
  if (!isFolder(sight, CHECKPOINTS)) return [];
  const findings: Finding[] = [];
  for (const { name } of new CheckpointFiles(sight.view, NOBODY).all()) {
    try {
      filesOf(sight, findings).read(name);
    } catch (error) {
      // What is wrong with it is among the findings.
      if (!isFlowError(error)) throw error;
    }
  }
  return findings;
}

function filesOf({ view }: Sight, findings: Finding[]): CheckpointFiles {
  return new CheckpointFiles(view, { ...NOBODY, report: (found) => void findings.push(found) });
}
