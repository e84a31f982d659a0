/**
 * The log of an execution: lines of its steps, and of timers and signals that are over. The last
 * line of a thing counts. A line costs the same however long the history is.
 */

import { isUtf8 } from "node:buffer";

import { isPlainObject } from "../model/json-values.ts";
import { instantKey } from "../model/workflow-times.ts";
import type { StepCheckpoint, WorkflowSignal, WorkflowTimer } from "../model/workflows.ts";
import { isSealedLine } from "../storage/sealed-lines.ts";
import { inFolder, isLocalLogName } from "../storage/layout.ts";
import { afterClearing, CLEARED, localLogLines } from "../storage/local-log.ts";
import type { Storage } from "../storage/storage.ts";
import { Writing, type Reading } from "../storage/view.ts";
import { damaged, decodeJson, type Damaged } from "./document-decode.ts";
import type { WorkflowRecords } from "./workflow-records.ts";

type View = Reading | Writing;

/** What an execution's log tells, each thing as it was last. */
export interface Logged {
  /** By index and attempt. */
  readonly checkpoints: StepCheckpoint[];
  readonly timers: WorkflowTimer[];
  readonly signals: WorkflowSignal[];
}

/** What one line tells. The store gives each an id that sorts, and the time of its commit. */
export type Line =
  | { readonly checkpoint: StepCheckpoint }
  | { readonly timer: WorkflowTimer }
  | { readonly signal: WorkflowSignal }
  | Forgetting;

/** All that stand before it, are over, and were created before the instant, are forgotten. */
interface Forgetting {
  readonly forget: "timers" | "signals";
  /** A key of instants. */
  readonly before: string;
}

/** Reads and adds lines within one look or one commit. */
export class WorkflowLog {
  readonly #storage: Storage;
  readonly #records: WorkflowRecords;

  constructor(storage: Storage, records: WorkflowRecords) {
    this.#storage = storage;
    this.#records = records;
  }

  /**
   * What the log in a folder tells.
   *
   * @throws FlowError `CORRUPT` for a line that was damaged after it was written: a step that is
   * left out would run again. A last line without an end is none, and is reported.
   */
  read(view: View, folder: string): Logged {
    const pending = view instanceof Writing ? view.pendingLocal(folder) : [];
    const isCleared = pending.includes(CLEARED);
    const stored = isCleared ? [] : pathsIn(view, folder).flatMap((path) => this.#linesIn(path));
    return loggedIn([...stored, ...(afterClearing(pending) as readonly Line[])]);
  }

  add(write: Writing, folder: string, line: Line): void {
    write.appendLocal(folder, { ...line });
  }

  /** Every line of a folder's log that can be read, and what is wrong with the others. */
  look(view: View, folder: string): { lines: readonly Line[]; damage: readonly Damaged[] } {
    const found = pathsIn(view, folder).flatMap((path) => this.#decoded(path));
    const lines = found.flatMap((one) => ("line" in one ? one.line : []));
    return { lines, damage: found.flatMap((one) => ("line" in one ? [] : one)) };
  }

  #linesIn(path: string): Line[] {
    return this.#decoded(path).flatMap((one) => {
      if ("line" in one) return one.line;
      const error = this.#records.reported(one);
      if (one.finding.rule === TORN) return [];
      throw error;
    });
  }

  #decoded(path: string): ({ readonly line: Line } | Damaged)[] {
    const { disk, overlay } = this.#storage;
    if (disk.stat(path)?.isFile() === false) return [damaged(path, "not-a-file", "it is no file")];
    return localLogLines(disk, overlay, path).flatMap((bytes, at, all) => {
      if (at < all.length - 1) return decodeLine(path, bytes, at + 1);
      return bytes.length === 0 ? [] : tornAt(path, at + 1);
    });
  }
}

const TORN = "torn-tail";

/** Nobody was told that it was written, or the disk forgot what was. */
function tornAt(path: string, line: number): Damaged {
  const { finding, error } = damaged(path, TORN, "it has no end, and does not count", line);
  return { error, finding: { ...finding, severity: "warning" } };
}

export function decodeLine(path: string, bytes: Buffer, number: number): { line: Line } | Damaged {
  const text = bytes.toString("utf8");
  if (!isSealedLine(bytes)) return damaged(path, ...whyNotSealed(bytes, text), number);
  const json = decodeJson(path, text);
  return "value" in json && isLine(json.value)
    ? { line: json.value }
    : damaged(path, "schema", "it tells nothing of workflows", number);
}

function whyNotSealed(bytes: Buffer, text: string): [rule: string, why: string] {
  if (!isUtf8(bytes)) return ["not-utf8", "it is not UTF-8"];
  const isJson = "value" in decodeJson("", text);
  return isJson
    ? ["checksum", "its checksum does not fit: it was changed after it was written"]
    : ["not-json", "it is not JSON: it was cut or overwritten"];
}

function isLine(value: unknown): value is Line {
  if (!isPlainObject(value)) return false;
  const { checkpoint, timer, signal, forget } = value;
  return [checkpoint, timer, signal].some(isPlainObject) || typeof forget === "string";
}

export function pathsIn(view: View, folder: string): string[] {
  return view
    .names(folder)
    .filter(isLocalLogName)
    .map((name) => inFolder(folder, name));
}

function loggedIn(lines: readonly Line[]): Logged {
  const checkpoints = new Map<string, StepCheckpoint>();
  const timers = new Map<string, WorkflowTimer>();
  const signals = new Map<number | null, WorkflowSignal>();
  for (const line of lines) {
    if ("checkpoint" in line) {
      const { stepIndex, attempt } = line.checkpoint;
      checkpoints.set(`${stepIndex}:${attempt}`, line.checkpoint);
    } else if ("timer" in line) timers.set(line.timer.workflowTimerId, line.timer);
    else if ("signal" in line) signals.set(line.signal.workflowSignalId, line.signal);
    else if (line.forget === "timers") forgetIn(timers, line.before);
    else forgetIn(signals, line.before);
  }
  return {
    checkpoints: [...checkpoints.values()].sort(byStep),
    timers: [...timers.values()],
    signals: [...signals.values()],
  };
}

function byStep(left: StepCheckpoint, right: StepCheckpoint): number {
  return left.stepIndex - right.stepIndex || left.attempt - right.attempt;
}

function forgetIn<K>(kept: Map<K, { readonly createdAt: string }>, before: string): void {
  for (const [key, one] of kept) if (isOlder(one, before)) kept.delete(key);
}

/** Behind every key: what has no time is never too old. */
const NEVER = "~";

/** Whether something was created before an instant, of which this is the key. */
export function isOlder({ createdAt }: { readonly createdAt: string }, before: string): boolean {
  return (instantKey(createdAt) ?? NEVER) < before;
}
