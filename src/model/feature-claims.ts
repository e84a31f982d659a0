/** Who works on what: claims with and without a lease. Pure decisions; see `feature-world.ts`. */
import { FlowError } from "../errors.ts";
import {
  compareFeatures,
  currentLease,
  hasExpired,
  type FeatureClaim,
  type Lease,
} from "./feature.ts";
import {
  decisionOf,
  draftOf,
  letGo,
  log,
  openDraft,
  statusChange,
  statusWord,
  type FeatureDraft,
} from "./feature-draft.ts";
import type { FeatureRef } from "./feature-inputs.ts";
import { featuresOf, metBy, readyOf } from "./feature-queries.ts";
import {
  findOne,
  identity,
  requireAgent,
  type ChangeOptions,
  type Decision,
  type FeatureWorld,
} from "./feature-world.ts";
import { computeScores } from "./graph.ts";
import { toIso } from "./time.ts";

/** The longest lease: ten years of 365 days. Longer than that is no lease but a claim without one. */
export const MAX_LEASE_MS = 10 * 365 * 24 * 60 * 60 * 1000;

/** How a feature is claimed. */
export interface ClaimOptions {
  readonly agent: string;
  /** When the claim ends by itself, in ms from now: 1 to ten years. Default: never. */
  readonly leaseMs?: number | undefined;
}

/** What may be demanded of a change of state. */
export interface MarkOptions extends ChangeOptions {
  /** Refuses with `CONFLICT` unless exactly this agent holds the feature now. */
  readonly claimedBy?: string | undefined;
}

/**
 * Claims one feature; a blocked one too, unless `requireReady`.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`; `CONFLICT` when it passes, when it is in progress,
 *   be it by the same agent (`context.holder`), or, with `requireReady`, blocked (`context.unmet`).
 */
export function decideClaim(
  world: FeatureWorld,
  ref: FeatureRef,
  options: ClaimOptions & { readonly requireReady?: boolean | undefined },
): Decision {
  const { agent, leaseMs } = checkClaim(options);
  const draft = openDraft(world, ref, { agent });
  refuseTaken(draft, "claim");
  if (options.requireReady === true) refuseBlocked(world, draft);
  claim(world, draft, agent, leaseMs);
  return decisionOf([draft]);
}

/**
 * Claims the ready feature with the highest score, then the lowest priority number, then the
 * lowest id. `category` narrows the choice, not the graph that the scores come from. No uid in
 * the decision when nothing is ready.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function decideClaimNext(
  world: FeatureWorld,
  options: ClaimOptions & { readonly category?: string | undefined },
): Decision {
  const { agent, leaseMs } = checkClaim(options);
  const { category } = options;
  if (category !== undefined && typeof category !== "string") {
    throw new FlowError("BAD_REQUEST", "category must be a text", {
      context: { field: "category" },
    });
  }
  const features = featuresOf(world.all(), world.nowMs);
  const candidates = readyOf(features).filter(
    (feature) =>
      (category === undefined || feature.category === category) &&
      // Two files made by hand may share an id and have no uid: nobody can say which one is meant.
      world.find(feature.uid).length === 1,
  );
  if (candidates.length === 0) return decisionOf([]);
  const scores = computeScores(features);
  const scoreOf = (id: number): number => scores.get(id) ?? 0;
  // The candidates are in the order (priority, id, uid), so the first of equals stays.
  const best = candidates.reduce((left, right) =>
    scoreOf(right.id) > scoreOf(left.id) ? right : left,
  );
  const draft = openDraft(world, best.uid, { agent });
  claim(world, draft, agent, leaseMs);
  return decisionOf([draft]);
}

/**
 * Sets a feature in progress, held by `options.agent`, without a lease.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`, `CONFLICT` when it passes or is in progress.
 */
export function decideMarkInProgress(
  world: FeatureWorld,
  ref: FeatureRef,
  options: MarkOptions & { readonly agent: string },
): Decision {
  const agent = requireAgent(options.agent);
  const draft = openMarked(world, ref, options);
  refuseTaken(draft, "start");
  hold(world, draft, agent, undefined);
  log(draft, "status_change", statusChange("pending", "in_progress"));
  return decisionOf([draft]);
}

/**
 * Gives a feature free; one that is not in progress stays as it is.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`, `CONFLICT`.
 */
export function decideClearInProgress(
  world: FeatureWorld,
  ref: FeatureRef,
  options: MarkOptions = {},
): Decision {
  const draft = openMarked(world, ref, options);
  if (draft.state.inProgress) {
    letGo(draft);
    log(draft, "claim_released", statusChange("in_progress", "pending"));
  }
  return decisionOf([draft]);
}

/**
 * Lets a claim last until `leaseMs` from now. Writes the lease alone and logs nothing. A claim
 * that had no lease gets one.
 *
 * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`; `CONFLICT` unless `agent` holds the feature now,
 *   so also once the lease is over.
 */
export function decideRenewClaim(
  world: FeatureWorld,
  ref: FeatureRef,
  agent: string,
  leaseMs: number,
): Decision {
  requireAgent(agent);
  const duration = requireLeaseMs(leaseMs);
  const record = findOne(world, ref);
  const draft = draftOf(world, record, agent);
  refuseOthers(draft, agent);
  const at = record.document.claim?.at ?? "";
  draft.lease = leaseFor(world, draft.uid, agent, at, duration);
  return decisionOf([draft]);
}

/** Takes every expired claim out of its file. The features are named in the order (priority, id). */
export function decideReleaseExpired(world: FeatureWorld): Decision {
  const drafts: FeatureDraft[] = [];
  for (const record of world.all()) {
    if (hasExpired(record, world.nowMs)) drafts.push(draftOf(world, record, null));
  }
  return decisionOf(drafts.sort((left, right) => compareFeatures(left.state, right.state)));
}

/** Begins a change of state that may demand who holds the feature. */
export function openMarked(
  world: FeatureWorld,
  ref: FeatureRef,
  options: MarkOptions,
): FeatureDraft {
  const { claimedBy } = options;
  if (claimedBy !== undefined) requireAgent(claimedBy, "claimedBy");
  const draft = openDraft(world, ref, options);
  if (claimedBy !== undefined) refuseOthers(draft, claimedBy);
  return draft;
}

function checkClaim(options: ClaimOptions): { agent: string; leaseMs: number | undefined } {
  const { agent, leaseMs } = options;
  return {
    agent: requireAgent(agent),
    leaseMs: leaseMs === undefined ? undefined : requireLeaseMs(leaseMs),
  };
}

function requireLeaseMs(leaseMs: unknown): number {
  if (Number.isSafeInteger(leaseMs)) {
    const ms = leaseMs as number;
    if (ms >= 1 && ms <= MAX_LEASE_MS) return ms;
  }
  throw new FlowError("BAD_REQUEST", "leaseMs must be an integer from 1 to ten years in ms", {
    context: { field: "leaseMs", max: MAX_LEASE_MS },
  });
}

function claim(
  world: FeatureWorld,
  draft: FeatureDraft,
  agent: string,
  leaseMs: number | undefined,
): void {
  hold(world, draft, agent, leaseMs);
  log(draft, "claimed", statusChange("pending", "in_progress"));
}

function hold(
  world: FeatureWorld,
  draft: FeatureDraft,
  agent: string,
  leaseMs: number | undefined,
): void {
  const at = toIso(world.nowMs);
  draft.set.set("inProgress", true).set("claim", { agent, at });
  // A lease of an earlier claim goes in any case: it could match this one by chance.
  draft.lease = leaseMs === undefined ? null : leaseFor(world, draft.uid, agent, at, leaseMs);
}

function leaseFor(
  world: FeatureWorld,
  uid: string,
  agent: string,
  at: string,
  leaseMs: number,
): Lease {
  return { uid, agent, at, leaseMs, expiresAt: toIso(world.nowMs + leaseMs) };
}

function refuseTaken(draft: FeatureDraft, verb: string): void {
  const word = statusWord(draft);
  if (word === "pending") return;
  const { id } = draft.state;
  if (word === "completed") {
    throw new FlowError("CONFLICT", `Cannot ${verb} feature ${id}: it already passes`, {
      context: { ...identity(draft.record), holder: null, status: "passing" },
    });
  }
  const holder = draft.state.claim;
  throw new FlowError("CONFLICT", `Cannot ${verb} feature ${id}: ${holderText(holder)}`, {
    hint: "Choose another ready feature, or wait until this one is released.",
    context: { ...identity(draft.record), holder, status: "in_progress" },
  });
}

function refuseOthers(draft: FeatureDraft, agent: string): void {
  const holder = draft.state.claim;
  if (holder?.agent === agent) return;
  const lost = draft.events.length > 0 ? currentLease(draft.record) : null;
  const reason = lost === null ? holderText(holder) : `the lease of ${lost.agent} is over`;
  const { id } = draft.state;
  throw new FlowError("CONFLICT", `${agent} does not hold feature ${id}: ${reason}`, {
    hint: "Claim the feature again before going on with it.",
    context: { ...identity(draft.record), holder, claimedBy: agent },
  });
}

function refuseBlocked(world: FeatureWorld, draft: FeatureDraft): void {
  const unmet = draft.state.dependencies.filter((id) => !isMetIn(world, id));
  if (unmet.length === 0) return;
  throw new FlowError("CONFLICT", `Cannot claim feature ${draft.state.id}: it is blocked`, {
    hint: "Finish the features in context.unmet first, or claim it without requireReady.",
    context: { ...identity(draft.record), holder: null, status: "blocked", unmet },
  });
}

function isMetIn(world: FeatureWorld, id: number): boolean {
  const bearers = world.find(id).map(({ document }) => ({ id, passes: document.passes === true }));
  return metBy(bearers)(id);
}

function holderText(holder: FeatureClaim | null): string {
  if (holder === null) return "nobody is named as its holder";
  const until = holder.expiresAt === null ? "" : ` until ${holder.expiresAt}`;
  return `${holder.agent} holds it since ${holder.at}${until}`;
}
