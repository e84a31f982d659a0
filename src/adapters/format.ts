/**
 * What a format of plans is: how another program's list of work becomes features, and back.
 * Each format is one file beside this one; `formats.ts` lists them.
 */
import type { Feature } from "../index.ts";
import { FlowError, type FlowErrorCode } from "../errors.ts";

/** One piece of work of a plan, in the words of this store. */
export interface PlanItem {
  /** Its id in the plan; what `dependsOn` names. Each once in a plan. */
  readonly sourceId: string;
  /** Where it stands: its line in the file, from 1. Decides which edge of a circle is dropped. */
  readonly line: number;
  readonly name: string;
  readonly description: string;
  readonly category: string;
  /** Absent: the store's default, the highest there is + 1. */
  readonly priority?: number;
  readonly steps: readonly string[];
  readonly passes: boolean;
  /** Somebody works on it there. It comes in pending: no agent of this store holds it. */
  readonly inProgress: boolean;
  /** Ids of the plan: what has to pass first. */
  readonly dependsOn: readonly string[];
  /** The uid of the feature of this very store that it was exported from, if it says so. */
  readonly uid?: string;
  /** Keys that stay keys of the feature itself. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** All that has no place of its own. Its `source` and `id` say which item it is on the next import. */
  readonly imported: Readonly<Record<string, unknown>>;
}

/** Something about a plan's text that a person should know. */
export interface ImportProblem {
  /** From 1; `null` when it concerns the whole file. */
  readonly line: number | null;
  /** An error refuses the whole import, a warning is only reported. */
  readonly severity: "error" | "warning";
  /** What an error is thrown as: `CORRUPT` is text that cannot be parsed. */
  readonly code: "CORRUPT" | "BAD_REQUEST";
  readonly message: string;
}

/** Where one kind of field of the plan went. */
export interface FieldMapping {
  readonly from: string;
  readonly to: string;
}

/** Something of the plan that a feature has no place for, and what became of it. */
export interface KeptAside {
  readonly what: string;
  /** How many items, or edges, it concerns. */
  readonly count: number;
  readonly why: string;
}

export interface ReadPlan {
  /** In the order in which features are made, so ids follow it. */
  readonly items: readonly PlanItem[];
  /** What only the format can tell; the fields under `imported` are counted by the import. */
  readonly keptAside: readonly KeptAside[];
  readonly problems: readonly ImportProblem[];
}

export interface PlanFormat {
  /** What `--format` says. */
  readonly name: string;
  readonly title: string;
  /** Which fields have a place of their own, for the report. */
  readonly mapped: readonly FieldMapping[];
  /** Whether the text looks like this format. Formats are asked in the order of `formats.ts`. */
  recognise(text: string, fileName: string): boolean;
  read(text: string, fileName: string): ReadPlan;
  /** The features as this format writes them; absent where it can only be read. */
  write?(features: readonly Feature[]): string;
}

/** Statuses that mean "nothing left to do here", as the trackers spell them. */
const FINISHED_STATUSES: ReadonlySet<string> = new Set([
  "closed",
  "done",
  "completed",
  "cancelled",
  "canceled",
  "tombstone",
]);

/** Whether a tracker's status means that nothing is left to do. */
export function isFinishedStatus(status: string): boolean {
  return FINISHED_STATUSES.has(status.toLowerCase());
}

/** How many problems an error names in its context. */
const LISTED_PROBLEMS = 50;

/**
 * Refuses a plan that has errors.
 *
 * @throws FlowError with the first error's code, its file and line.
 */
export function refuseErrors(problems: readonly ImportProblem[], fileName: string): void {
  const errors = problems.filter(({ severity }) => severity === "error");
  const first = errors[0];
  if (first === undefined) return;
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  throw planError(first.code, fileName, first.line, first.message + rest, {
    problems: errors.slice(0, LISTED_PROBLEMS),
  });
}

/** An error about a place in a plan's file. */
export function planError(
  code: Extract<FlowErrorCode, "CORRUPT" | "BAD_REQUEST">,
  fileName: string,
  line: number | null,
  message: string,
  context: Readonly<Record<string, unknown>> = {},
): FlowError {
  const place = line === null ? fileName : `${fileName}:${line}`;
  return new FlowError(code, `Cannot import ${place}: ${message}`, {
    hint: "Nothing was imported.",
    context: { file: fileName, line, ...context },
  });
}
