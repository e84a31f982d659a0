/** What `status()` tells of locks, tasks and epics: how many there are, and what is open now. */

import { approvalOf, type ApprovalDocument } from "../model/approvals.ts";
import { compareGaps, gapOf, gateOf, type Gap } from "../model/gaps.ts";
import type { LockHolder } from "../model/locks.ts";
import { flowforgeTable } from "../model/flowforge-tables.ts";
import { compareNaturally } from "../model/natural-order.ts";
import { newestFirst } from "../model/newest.ts";
import { completedOf } from "../model/phases.ts";
import { COMPLETED, pipelineOf } from "../model/pipeline.ts";
import {
  APPROVALS,
  BLOB_KEYS,
  CHECKPOINTS,
  folderOf,
  GAPS,
  inFolder,
  MEMORY,
  nameOf,
  OUTPUTS,
  PHASES,
  PIPELINE,
  PROJECTIONS,
  SETTINGS,
} from "../storage/layout.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { approvalDocuments } from "./approvals.ts";
import { blobDocuments } from "./blobs.ts";
import { CheckpointFiles } from "./checkpoint-files.ts";
import type { Documents } from "./documents.ts";
import { gapDocuments, isFolder } from "./gap-files.ts";
import { memoryDocuments } from "./memory.ts";
import { decodeOutput, OUTPUT_SUFFIX } from "./outputs.ts";
import { phasesDocuments } from "./phases.ts";
import { pipelineDocuments } from "./pipeline.ts";
import { folderOfTable, TableRows, tablesIn } from "./projection-rows.ts";
import { settingDocuments } from "./settings.ts";
import type { CoordinationStatus } from "./status.ts";
import { NOBODY } from "./told.ts";

/**
 * Counts what a look shows. Files that cannot be used count for nothing here: they are among the
 * problems.
 *
 * @param locks those that live
 * @param decisions how many the log holds
 */
export function coordinationOf(
  view: Reading | Writing,
  locks: readonly LockHolder[],
  decisions: number,
): CoordinationStatus {
  const gaps = gateOf(gapsIn(view));
  const pipelines = valuesIn(view, PIPELINE, pipelineDocuments(NOBODY))
    .map(pipelineOf)
    .sort((left, right) => compareNaturally(left.epicId, right.epicId));
  const underWay = pipelines.filter(({ phase }) => phase !== COMPLETED);
  const approvals = valuesIn(view, APPROVALS, approvalDocuments(NOBODY));
  const phases = valuesIn(view, PHASES, phasesDocuments(NOBODY));
  const blobs = valuesIn(view, BLOB_KEYS, blobDocuments(NOBODY));
  const having = (status: ApprovalDocument["status"]): number =>
    approvals.filter((one) => one.status === status).length;
  return {
    locks: { held: locks.length, tasks: new Set(locks.map(({ taskId }) => taskId)).size },
    phases: { tasks: phases.filter((one) => completedOf(one).length > 0).length },
    pipeline: { epics: pipelines.length, completed: pipelines.length - underWay.length },
    gaps: {
      total: gaps.total,
      blocking: gaps.openBlocking.length,
      open: gaps.openBlocking.length + gaps.openNonBlocking.length,
      resolved: gaps.resolved.length,
    },
    approvals: {
      pending: having("pending"),
      approved: having("approved"),
      rejected: having("rejected"),
    },
    decisions: { total: decisions },
    memory: { total: valuesIn(view, MEMORY, memoryDocuments(NOBODY)).length },
    outputs: { total: outputsIn(view) },
    settings: { total: valuesIn(view, SETTINGS, settingDocuments(NOBODY)).length },
    checkpoints: { total: checkpointsIn(view) },
    projections: projectionsIn(view),
    blobs: {
      total: blobs.length,
      bytes: blobs.reduce((sum, { size }) => sum + size, 0),
    },
    open: {
      locks: [...locks],
      pipelines: underWay,
      gaps: gaps.openBlocking,
      approvals: approvals
        .filter(({ status }) => status === "pending")
        .sort(newestFirst)
        .map(approvalOf),
    },
  };
}

/** The gaps of all epics, by epic, numbers in their order. */
function gapsIn(view: Reading | Writing): Gap[] {
  const names = isReadable(view, GAPS) ? view.names(GAPS) : [];
  return names
    .filter((name) => !name.startsWith("."))
    .flatMap((name) => {
      const folder = inFolder(GAPS, name);
      return valuesIn(view, folder, gapDocuments(folder, NOBODY));
    })
    .sort((left, right) => compareNaturally(left.epicId, right.epicId) || compareGaps(left, right))
    .map(gapOf);
}

function valuesIn<T extends object>(
  view: Reading | Writing,
  folder: string,
  documents: Documents<T>,
): T[] {
  if (!isReadable(view, folder)) return [];
  return documents.list(view, folder).map(({ value }) => value);
}

function outputsIn(view: Reading | Writing): number {
  const files = isReadable(view, OUTPUTS) ? view.list(OUTPUTS, OUTPUT_SUFFIX) : [];
  return files.filter((file) => !("finding" in decodeOutput(file))).length;
}

function projectionsIn(view: Reading | Writing): { tables: number; rows: number } {
  const tables = isReadable(view, PROJECTIONS) ? tablesIn(view) : [];
  const counts = tables.map((table) => {
    if (!isReadable(view, folderOfTable(table))) return 0;
    return new TableRows(NOBODY, table, flowforgeTable(table)).list(view).length;
  });
  return {
    tables: counts.filter((count) => count > 0).length,
    rows: counts.reduce((sum, count) => sum + count, 0),
  };
}

function checkpointsIn(view: Reading | Writing): number {
  return isReadable(view, CHECKPOINTS) ? new CheckpointFiles(view, NOBODY).all().length : 0;
}

/** Whether a folder can be read: nothing is read through a link, which is among the problems. */
export function isReadable(view: Reading | Writing, folder: string): boolean {
  const found = view.get(folderOf(folder), nameOf(folder));
  return found === null || isFolder(found);
}
