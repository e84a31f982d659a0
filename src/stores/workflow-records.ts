/** Documents of workflows: each is judged when it is read, and what cannot be used is reported. */

import { isFlowError, type FlowError } from "../errors.ts";
import { badField, requireInput, requireText } from "../model/given.ts";
import { requireInstant } from "../model/workflow-times.ts";
import {
  executionOf,
  requireWhole,
  signalOf,
  timerOf,
  workflowOf,
  type Workflow,
  type WorkflowExecution,
  type WorkflowSignal,
  type WorkflowTimer,
} from "../model/workflows.ts";
import { isFault, type Document } from "../storage/files.ts";
import { folderOf, nameOf } from "../storage/layout.ts";
import { encodeName } from "../storage/names.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { damaged, decodeJson, unreadable, type Damaged } from "./document-decode.ts";
import { fileNameFor, placeProblem } from "./documents.ts";
import type { FindingListener } from "./told.ts";

/** Who runs an execution, and until when. */
export interface StoredLease {
  readonly owner: string;
  /** Fencing: rises with every claim in the store. */
  readonly token: number;
  readonly expiresAt: string;
  /** How often it was claimed. */
  readonly claims: number;
}

/** What a file of the index stands for. */
export interface IndexEntry {
  readonly workflowExecutionId: string;
}

/**
 * What a document says. Reading applies the defaults of what is left out, as writing does.
 *
 * @throws FlowError `BAD_REQUEST` for what it cannot say; a text says that it lies in a wrong place.
 */
export type Judge<T> = (value: unknown, path: string) => T | string;

const DOING = "Cannot use it";

export const DEFINITION: Judge<Workflow> = (value, path) => {
  const workflow = workflowOf(value);
  return placeProblem(workflow.workflowId, fileNameFor, nameOf(path)) ?? workflow;
};

export const EXECUTION: Judge<WorkflowExecution> = (value, path) => {
  const execution = executionOf(value);
  return misplaced(execution, path) ?? execution;
};

export const LEASE: Judge<StoredLease> = (value) => {
  const { owner, token, expiresAt, claims, ...own } = requireInput(DOING, value);
  return {
    owner: requireText(DOING, "owner", owner),
    token: requireWhole(DOING, "token", token),
    expiresAt: requireInstant(DOING, "expiresAt", expiresAt),
    claims: requireWhole(DOING, "claims", claims),
    ...own,
  };
};

export const TIMERS: Judge<WorkflowTimer[]> = (value, path) => each("timers", timerOf, value, path);

export const SIGNALS: Judge<WorkflowSignal[]> = (value, path) =>
  each("signals", signalOf, value, path);

export const INDEX_ENTRY: Judge<IndexEntry> = (value) => {
  const { workflowExecutionId } = requireInput(DOING, value);
  return { workflowExecutionId: requireText(DOING, "workflowExecutionId", workflowExecutionId) };
};

function each<T extends IndexEntry>(
  key: string,
  recordOf: (value: unknown) => T,
  value: unknown,
  path: string,
): T[] | string {
  const list = requireInput(DOING, value)[key];
  if (!Array.isArray(list)) throw badField(DOING, key, "must be a list");
  const records = list.map(recordOf);
  for (const record of records) {
    const problem = misplaced(record, path);
    if (problem !== null) return problem;
  }
  return records;
}

/** A file that was copied into the folder of another execution. */
function misplaced({ workflowExecutionId }: IndexEntry, path: string): string | null {
  return placeProblem(workflowExecutionId, encodeName, nameOf(folderOf(path)), "execution ");
}

/** What a file says, or why it cannot be used; kept with its text. */
export function decodeRecord<T>(file: Document, judge: Judge<T>): { readonly value: T } | Damaged {
  if (isFault(file)) return unreadable(file);
  return (file.decoded ??= judged(file.path, file.text, judge)) as { value: T } | Damaged;
}

function judged<T>(path: string, text: string, judge: Judge<T>): { readonly value: T } | Damaged {
  const json = decodeJson(path, text);
  if (!("value" in json)) return json;
  try {
    const value = judge(json.value, path);
    return typeof value === "string" ? damaged(path, "name", value) : { value };
  } catch (error) {
    if (!isFlowError(error, "BAD_REQUEST")) throw error;
    // What could not be done is for callers; what is wrong stands behind it.
    return damaged(path, "schema", error.message.slice(error.message.indexOf(": ") + 2));
  }
}

/** Reads documents for one store. */
export class WorkflowRecords {
  readonly #findings: FindingListener;

  constructor(findings: FindingListener) {
    this.#findings = findings;
  }

  /** @throws FlowError `CORRUPT`, `IO`. */
  read<T>(view: Reading | Writing, folder: string, name: string, judge: Judge<T>): T | null {
    const file = view.get(folder, name);
    if (file === null) return null;
    const decoded = decodeRecord(file, judge);
    if (!("value" in decoded)) throw this.reported(decoded);
    this.#findings.fine(file.path);
    return decoded.value;
  }

  /** What a list can go without: the damage was reported when it was read. */
  usable<T>(read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!isFlowError(error) || error.retryable) throw error;
      if (error.code !== "CORRUPT" && error.code !== "IO") throw error;
      return null;
    }
  }

  reported({ finding, error }: Damaged): FlowError {
    this.#findings.report(finding);
    return error;
  }
}
