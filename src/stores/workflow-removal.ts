/** Deleting an execution with all that belongs to it, damaged files among it. */

import { isFlowError } from "../errors.ts";
import { isFault } from "../storage/files.ts";
import { nameOf } from "../storage/layout.ts";
import type { Writing } from "../storage/view.ts";
import type { StoreContext } from "./context.ts";
import type { Damaged } from "./document-decode.ts";
import { putAside } from "./lock-damage.ts";
import { EXECUTION_DOCUMENTS, folderFor, isExecutionFile } from "./workflow-files.ts";
import type { WorkflowFiles } from "./workflow-files.ts";
import { forgetExecution, forgetTimers, indexTimers, unindexExecution } from "./workflow-index.ts";
import { decodeRecord } from "./workflow-records.ts";

const REASON = "the execution of a damaged file was deleted";

/**
 * Drops an execution. Bytes that could not be used are kept in the quarantine.
 *
 * @returns whether anything was there.
 * @throws FlowError `CORRUPT` or `IO` where a folder, a link or what may not be read stands in the
 * place of a file: no commit can take it away.
 */
export function dropExecution(
  context: StoreContext,
  files: WorkflowFiles,
  write: Writing,
  id: string,
): boolean {
  const folder = folderFor(id);
  if (!write.names(folder).some(isExecutionFile)) return false;
  unindex(files, write, id);
  for (const [name, judge] of EXECUTION_DOCUMENTS) {
    const file = write.get(folder, name);
    if (file === null) continue;
    const decoded = decodeRecord(file, judge);
    if ("value" in decoded) write.drop(folder, name);
    else if (isFault(file) && file.fault.code !== "CORRUPT") throw files.records.reported(decoded);
    else putAside(write, context, folder, name, REASON);
  }
  for (const path of damagedLogs(files, files.log.look(write, folder).damage))
    putAside(write, context, folder, nameOf(path), REASON);
  write.clearLocal(folder);
  return true;
}

function damagedLogs(files: WorkflowFiles, damage: readonly Damaged[]): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const one of damage) {
    const { rule, file, severity } = one.finding;
    if (rule === "not-a-file") throw files.records.reported(one);
    if (severity === "error") paths.add(file);
  }
  return paths;
}

function unindex(files: WorkflowFiles, write: Writing, id: string): void {
  const execution = tellable(() => files.execution(write, id));
  if (execution === undefined) forgetExecution(write, id);
  else if (execution !== null) unindexExecution(write, execution);
  const waiting = tellable(() => files.waitingTimers(write, id));
  if (waiting === undefined) forgetTimers(write, (name) => files.timerHolder(write, name) === id);
  else indexTimers(write, waiting, []);
}

/** What a file says; `undefined` where nobody can tell. */
function tellable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isFlowError(error, "CORRUPT")) throw error;
    return undefined;
  }
}

/** The folder of what was deleted goes too, once it is empty: else there would be one for each. */
export function removeEmptyFolder({ storage }: StoreContext, id: string): void {
  const folder = folderFor(id);
  try {
    // Through a link it would be another's.
    if (storage.disk.stat(folder)?.isDirectory() !== true) return;
    if (storage.disk.removeFolder(folder)) storage.files.touched(folder, false);
  } catch (error) {
    // A denied permission: the execution is gone, and an empty folder is none.
    if (!isFlowError(error, "IO")) throw error;
  }
}
