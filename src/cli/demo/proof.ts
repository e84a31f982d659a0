/**
 * What the demo has shown, as numbers. Two witnesses are heard: the event log, replayed from its
 * first line, and the agents, each of which wrote down what was acknowledged to it and when. They
 * must agree, and neither may know of a feature that two agents held at once.
 */
import type { ChangeEvent, Feature, Finding } from "../../index.ts";
import type { Killed } from "./crew.ts";
import { replay } from "./replay.ts";
import type { Report, ReportKind } from "./report.ts";

/** All that is known when the agents have ended. */
export interface Evidence {
  readonly features: readonly Feature[];
  /** The history of every feature, in the order of the log. */
  readonly events: readonly ChangeEvent[];
  /** The numbers of all events of the store, in the order of the log. */
  readonly sequences: readonly number[];
  readonly reports: readonly Report[];
  readonly killed: Killed | null;
  readonly leaseMs: number;
  readonly findings: readonly Finding[];
}

export interface Proof {
  /** Whether everything below is as it must be. */
  readonly holds: boolean;
  readonly features: number;
  readonly passing: number;
  /** Features that were passed exactly once, by the log. */
  readonly passedOnce: number;
  /** Events in the log, and whether they are numbered from 1 without a gap. */
  readonly events: number;
  readonly numberedWithoutGap: boolean;
  /** Claims granted, by the log. */
  readonly claims: number;
  readonly failures: number;
  readonly releases: number;
  readonly leasesExpired: number;
  /** Times that a feature was given to an agent while another held it, by the log. */
  readonly heldByTwo: number;
  /** The same by the agents' own clocks. */
  readonly heldByTwoByClock: number;
  /** Features that were passed before one that they depend on. */
  readonly passedTooEarly: number;
  /** Changes that the store acknowledged to the agents, and how many of them are not in the log. */
  readonly acknowledged: number;
  readonly lost: number;
  /** Changes in the log that no living agent was told of. */
  readonly unexplained: number;
  readonly takeover: Takeover | null;
  /** What `check()` found. */
  readonly errors: number;
  readonly warnings: number;
  /** What is not as it must be, in words. */
  readonly problems: readonly string[];
}

/** How the feature of the agent that was killed went on. */
export interface Takeover {
  readonly featureId: number;
  readonly from: string;
  readonly to: string;
  /** From the kill to the next claim. */
  readonly afterMs: number;
}

/** Weighs the evidence. */
export function prove(evidence: Evidence): Proof {
  const { features, events, reports, findings } = evidence;
  const log = replay(features, events);
  const account = settle(evidence);
  const overlaps = overlapsByClock(evidence);
  const takeover = findTakeover(evidence);
  const passedOnce = features.filter(({ id }) => log.passes.get(id) === 1).length;
  const passing = features.filter(({ passes }) => passes).length;
  const numberedWithoutGap = evidence.sequences.every((sequence, at) => sequence === at + 1);
  const errors = findings.filter(({ severity }) => severity === "error");
  const problems = [
    ...features.filter(({ passes }) => !passes).map(({ id }) => `feature ${id} does not pass`),
    ...features
      .filter(({ id }) => log.passes.get(id) !== 1)
      .map(({ id }) => `feature ${id} was passed ${log.passes.get(id) ?? 0} times`),
    ...log.heldByTwo,
    ...log.passedTooEarly,
    ...log.notByHolder,
    ...overlaps,
    ...account.lost,
    ...account.unexplained,
    ...(numberedWithoutGap ? [] : ["the numbers of the log have a gap"]),
    ...(evidence.sequences.length < events.length ? ["the log holds less than the histories"] : []),
    ...(takeover === null ? ["no agent was killed whose feature another took over"] : []),
    ...errors.map(({ file, message }) => `check: ${file}: ${message}`),
  ];
  return {
    holds: problems.length === 0,
    features: features.length,
    passing,
    passedOnce,
    events: evidence.sequences.length,
    numberedWithoutGap,
    claims: log.claims,
    failures: log.failures,
    releases: log.releases,
    leasesExpired: log.leasesExpired,
    heldByTwo: log.heldByTwo.length,
    heldByTwoByClock: overlaps.length,
    passedTooEarly: log.passedTooEarly.length,
    acknowledged: reports.filter(({ kind }) => kind !== "refused").length,
    lost: account.lost.length,
    unexplained: account.unexplained.length,
    takeover,
    errors: errors.length,
    warnings: findings.length - errors.length,
    problems,
  };
}

/** Holds what the agents were told against what the log says, change by change. */
function settle({ events, reports, killed }: Evidence): { lost: string[]; unexplained: string[] } {
  const open = new Map<string, number>();
  const count = (key: string, by: number): void => {
    open.set(key, (open.get(key) ?? 0) + by);
  };
  for (const { agent, kind, featureId } of reports) {
    if (kind !== "refused") count(`${agent} ${kind} feature ${featureId}`, 1);
  }
  for (const event of events) {
    const kind = kindOf(event);
    if (kind !== null) count(`${event.agent} ${kind} feature ${event.featureId}`, -1);
  }
  const lost: string[] = [];
  const unexplained: string[] = [];
  for (const [key, rest] of open) {
    if (rest > 0) lost.push(`not in the log: ${key} (${rest})`);
    // Whoever is killed between a commit and its answer was told nothing of it.
    const byKilled = killed !== null && key.startsWith(`${killed.agent} `);
    if (rest < 0 && !byKilled) unexplained.push(`in the log alone: ${key} (${-rest})`);
  }
  return { lost, unexplained };
}

/** The change of an agent that an event stands for; `null` for all others. */
function kindOf({ eventType, newValue }: ChangeEvent): ReportKind | null {
  if (eventType === "claimed") return "claimed";
  if (eventType === "claim_released") return "released";
  if (eventType !== "status_change") return null;
  return newValue === "completed" ? "passed" : "failed";
}

interface Span {
  readonly agent: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Features that two agents held at the same moment: from the answer to the claim until the call
 * that gave the feature back began, the kill, or the end of the lease.
 */
function overlapsByClock({ features, reports, killed, leaseMs }: Evidence): string[] {
  const problems: string[] = [];
  for (const { id } of features) {
    const spans: Span[] = [];
    const own = reports.filter(({ featureId }) => featureId === id);
    for (const claim of own.filter(({ kind }) => kind === "claimed")) {
      const end = own.find(
        ({ agent, kind, fromMs }) =>
          agent === claim.agent && kind !== "claimed" && fromMs >= claim.toMs,
      );
      const gaveBack = end !== undefined && end.kind !== "refused";
      // Neither the dead nor the late held it for longer than the lease.
      const lastMs = end?.fromMs ?? killed?.atMs ?? Number.POSITIVE_INFINITY;
      const untilMs = gaveBack ? lastMs : Math.min(lastMs, claim.fromMs + leaseMs);
      spans.push({ agent: claim.agent, fromMs: claim.toMs, untilMs });
    }
    spans.sort((left, right) => left.fromMs - right.fromMs);
    for (const [at, span] of spans.entries()) {
      const before = spans[at - 1];
      if (before !== undefined && span.fromMs < before.untilMs) {
        problems.push(`feature ${id} was held by ${before.agent} and ${span.agent} (by the clock)`);
      }
    }
  }
  return problems;
}

function findTakeover({ events, killed }: Evidence): Takeover | null {
  if (killed === null) return null;
  const { agent: from, featureId, at } = killed;
  const own = events.filter(
    (event) => event.featureId === featureId && event.eventType === "claimed",
  );
  const next = own[own.findLastIndex(({ agent }) => agent === from) + 1];
  if (next?.agent === undefined || next.agent === null) return null;
  const afterMs = Date.parse(next.createdAt) - Date.parse(at);
  return { featureId, from, to: next.agent, afterMs };
}
