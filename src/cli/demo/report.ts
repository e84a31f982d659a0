/** What an agent process is told at its start, and what it tells of itself. */

/** The one argument of an agent process, as JSON. */
export interface AgentTask {
  /** The project's folder. */
  readonly folder: string;
  readonly agent: string;
  /** Of its working times and of what becomes of its work. */
  readonly seed: number;
  readonly leaseMs: number;
  /** With its n-th claim it begins a work that has no end; `null`: it lives to the end. */
  readonly endlessAtClaim: number | null;
}

/** What came of a call of the store: the kinds of changes, or that the claim was over. */
export type ReportKind = "claimed" | "passed" | "failed" | "released" | "refused";

/** One change that the store has acknowledged to an agent, or refused. */
export interface Report {
  readonly agent: string;
  readonly kind: ReportKind;
  readonly featureId: number;
  /** When the call began and when it was answered, in ms of {@link monotonicMs}. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** The machine's own clock in ms: never set, and the same in all processes. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
