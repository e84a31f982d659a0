/**
 * Which executions are in which status, and which timers wait: a folder for each, with a name for
 * each, so that a list costs what it returns and the names beside it.
 *
 * The index follows from the documents. A person who edits one of these leaves a name that stands
 * for nothing: it does not count, `check` tells of it, and `repair` puts the right one in.
 */

import { instantKey } from "../model/workflow-times.ts";
import {
  EXECUTION_STATUSES,
  type ExecutionStatus,
  type WorkflowExecution,
  type WorkflowTimer,
} from "../model/workflows.ts";
import { formatJson } from "../storage/json-text.ts";
import { inFolder, WORKFLOW_INDEX } from "../storage/layout.ts";
import { encodeName } from "../storage/names.ts";
import { Writing, type Reading } from "../storage/view.ts";

type View = Reading | Writing;

const SUFFIX = ".json";
/** The digits of an instant. */
const KEY_LENGTH = 18;

export const TIMER_INDEX = inFolder(WORKFLOW_INDEX, "timers");

/** Where the executions of a status are named. */
export function indexFolder(status: ExecutionStatus): string {
  return inFolder(WORKFLOW_INDEX, status.toLowerCase());
}

/** The folders of the index. */
export const INDEX_FOLDERS: readonly string[] = [
  ...EXECUTION_STATUSES.map(indexFolder),
  TIMER_INDEX,
];

/** What stands for an execution in the index: sorts by creation. */
export function indexName({ createdAt, workflowExecutionId }: WorkflowExecution): string {
  return `${instantKey(createdAt) ?? ""}${nameEnd(workflowExecutionId)}`;
}

/** What stands for a timer in the index: sorts by when it fires. */
export function timerName({ fireAt, workflowTimerId }: WorkflowTimer): string {
  return `${instantKey(fireAt) ?? ""}${nameEnd(workflowTimerId)}`;
}

function nameEnd(id: string): string {
  return `-${encodeName(id)}${SUFFIX}`;
}

/** Whether a name was given to that id, at whatever time. */
export function isNameOf(name: string, id: string): boolean {
  return name.slice(KEY_LENGTH) === nameEnd(id);
}

/** The names in a folder of the index, by time. */
export function namesIn(view: View, folder: string): string[] {
  const names = view.names(folder).filter(isIndexName);
  if (!(view instanceof Writing)) return names;
  // What this write drops is still among the names of the folder.
  return names.filter((name) => view.get(folder, name) !== null);
}

/** Whether a name can be one of the index. */
export function isIndexName(name: string): boolean {
  return name.endsWith(SUFFIX) && !name.startsWith(".");
}

/** Names an execution in the index, in place of what it was before. */
export function indexExecution(
  write: Writing,
  before: WorkflowExecution | null,
  execution: WorkflowExecution,
): void {
  const folder = indexFolder(execution.status);
  const name = indexName(execution);
  const isSame =
    before !== null && indexFolder(before.status) === folder && indexName(before) === name;
  if (before !== null && !isSame) unindexExecution(write, before);
  if (isSame && write.get(folder, name) !== null) return;
  const { workflowExecutionId } = execution;
  write.put(folder, name, formatJson({ workflowExecutionId }));
}

export function unindexExecution(write: Writing, execution: WorkflowExecution): void {
  write.drop(indexFolder(execution.status), indexName(execution));
}

/** Takes out every name of an execution of which nobody knows what it said. */
export function forgetExecution(write: Writing, id: string): void {
  for (const status of EXECUTION_STATUSES) {
    const folder = indexFolder(status);
    for (const name of write.names(folder)) if (isNameOf(name, id)) write.drop(folder, name);
  }
}

/** Takes out the names of timers of an execution of which nobody knows which wait. */
export function forgetTimers(write: Writing, isMeant: (name: string) => boolean): void {
  for (const name of namesIn(write, TIMER_INDEX)) if (isMeant(name)) write.drop(TIMER_INDEX, name);
}

/** Names the timers of one execution that wait, in place of those that waited before. */
export function indexTimers(
  write: Writing,
  before: readonly WorkflowTimer[],
  waiting: readonly WorkflowTimer[],
): void {
  for (const timer of before)
    if (!waiting.includes(timer)) write.drop(TIMER_INDEX, timerName(timer));
  for (const timer of waiting) {
    if (before.includes(timer)) continue;
    const { workflowTimerId, workflowExecutionId } = timer;
    const text = formatJson({ workflowTimerId, workflowExecutionId });
    write.put(TIMER_INDEX, timerName(timer), text);
  }
}
