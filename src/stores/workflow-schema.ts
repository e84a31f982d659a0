/** Whether the folders and the index of workflows are whole. */

import { WORKFLOW_DEFINITIONS, WORKFLOW_INDEX, WORKFLOWS } from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { WorkflowDamage } from "./workflow-damage.ts";

/** The version of the records. */
export const WORKFLOW_SCHEMA_VERSION = 1;

/** What is missing or damaged among the records of workflows. */
export interface WorkflowSchemaReport {
  readonly isValid: boolean;
  /** Folders in whose place something else stands, or that are gone though others name them. */
  readonly missingTables: string[];
  /** Folders of the index that lack a name; `repair` puts it in. */
  readonly missingIndexes: string[];
  /** By file or folder: what is wrong. */
  readonly issues: Record<string, string>;
}

export function validated(storage: Storage, view: Reading | Writing): WorkflowSchemaReport {
  const { disk } = storage;
  const damage = new WorkflowDamage(storage, view);
  const hasDefinitions = view.names(WORKFLOW_DEFINITIONS).length > 0;
  const missingTables = [WORKFLOWS, WORKFLOW_DEFINITIONS, WORKFLOW_INDEX].filter((folder) => {
    const stat = disk.stat(folder);
    if (stat !== null) return !stat.isDirectory();
    return folder === WORKFLOW_DEFINITIONS && damage.hasExecutions && !hasDefinitions;
  });
  const faults = damage.indexFaults().filter(({ text }) => text !== null);
  const missingIndexes = [...new Set(faults.map(({ folder }) => folder))].sort();
  const issues = Object.fromEntries(damage.all().map(({ file, message }) => [file, message]));
  const isValid = missingTables.length === 0 && Object.keys(issues).length === 0;
  return { isValid, missingTables, missingIndexes, issues };
}
