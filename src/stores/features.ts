/**
 * Features: what can be done with them. Every rule is a pure decision in `model/`; here it is given
 * what is read, and what it says is written with its events in one commit.
 */

import { FlowError } from "../errors.ts";
import {
  type ChangeEvent,
  type Feature,
  type FeatureGraphNode,
  type FeatureStats,
} from "../model/feature.ts";
import {
  decideClaim,
  decideClaimNext,
  decideClearInProgress,
  decideMarkInProgress,
  decideReleaseExpired,
  decideRenewClaim,
} from "../model/feature-claims.ts";
import { decideCreate } from "../model/feature-creation.ts";
import {
  decideDelete,
  decideMarkFailing,
  decideMarkPassing,
  decideSkip,
  decideUpdate,
} from "../model/feature-decisions.ts";
import {
  decideAddDependency,
  decideRemoveDependency,
  decideSetDependencies,
} from "../model/feature-dependencies.ts";
import type { CreateFeatureInput, FeaturePatch, FeatureRef } from "../model/feature-inputs.ts";
import { pageOf, type FeaturePage, type ListFeaturesOptions } from "../model/feature-page.ts";
import { graphOf } from "../model/feature-queries.ts";
import { hintForSeveral, requireRef } from "../model/feature-world.ts";
import { shown } from "../model/json-values.ts";
import type { Changes } from "./changes.ts";
import { requireNote, requireOptions, type ChangeNote, type StoreContext } from "./context.ts";
import { FeatureCommits } from "./feature-commits.ts";

/** What may be demanded of a change of state. */
export interface MarkFeatureOptions extends ChangeNote {
  /** Refuses with `CONFLICT` unless exactly this agent holds the feature now. */
  readonly claimedBy?: string | undefined;
  /** Refuses with `CONFLICT` unless this is the feature's `revision`. */
  readonly expectedRevision?: string | undefined;
}

/** What may be demanded of an edit. */
export interface UpdateFeatureOptions extends ChangeNote {
  /** Refuses with `CONFLICT` unless this is the feature's `revision`. */
  readonly expectedRevision?: string | undefined;
}

/** How a feature is claimed. */
export interface ClaimFeatureOptions extends ChangeNote {
  /** When the claim ends by itself, in ms from now: 1 to ten years. Default: never. */
  readonly leaseMs?: number | undefined;
  /** Refuses a blocked feature with `CONFLICT`. Default: false. */
  readonly requireReady?: boolean | undefined;
}

/** Which feature is claimed next. */
export interface ClaimNextOptions extends ChangeNote {
  /** Only features of exactly this category. */
  readonly category?: string | undefined;
  readonly leaseMs?: number | undefined;
}

/** What deleting a feature did. */
export interface DeletedFeature {
  readonly id: number;
  /** The ids of the features that depended on it and do so no more. */
  readonly removedFrom: number[];
}

const LIST_NAMES = { status: true, category: true, text: true, limit: true, after: true } as const;

/** What can be done with features; see the contract of each call. */
export class Features {
  readonly #context: StoreContext;
  readonly #changes: Changes;
  readonly #commits: FeatureCommits;

  constructor(context: StoreContext, changes: Changes) {
    this.#context = context;
    this.#changes = changes;
    this.#commits = new FeatureCommits(context);
  }

  // ---- making --------------------------------------------------------------------------------

  /**
   * Creates one feature, pending. Durable when it returns.
   *
   * @throws FlowError `BAD_REQUEST`, also for an index reference; `NOT_FOUND` for an unknown
   * dependency. Nothing is written then. As flow-db `create`, except that an index reference is
   * refused rather than dropped.
   */
  async create(input: CreateFeatureInput, options: ChangeNote = {}): Promise<Feature> {
    return this.#commits.changeOne(noted(options), (world) =>
      decideCreate(world, [input], only(options)),
    );
  }

  /**
   * Creates features, all or none, and returns them in the order of `inputs`. A dependency is an
   * id, a uid, or `{ index }` into the batch, also of a later one.
   *
   * @throws FlowError `BAD_REQUEST`, `NOT_FOUND`, `CYCLE_DETECTED`. Nothing is written then and no
   * id is used up.
   */
  async createBulk(
    inputs: readonly CreateFeatureInput[],
    options: ChangeNote = {},
  ): Promise<Feature[]> {
    return this.#commits.change(noted(options), (world) =>
      decideCreate(world, inputs, only(options)),
    );
  }

  // ---- looking -------------------------------------------------------------------------------

  /**
   * The feature of that id or uid; `null` when there is none.
   *
   * @throws FlowError `CONFLICT` with `context.uids` when several bear the id (after a merge);
   * `CORRUPT` when its file cannot be used.
   */
  async getById(id: FeatureRef): Promise<Feature | null> {
    requireRef(id);
    const found = await this.#commits.look(id);
    if (found.length > 1) throw several(id, found);
    return found[0] ?? null;
  }

  /** Every living feature, in the order (priority, id). Damaged files are left out and reported. */
  async getAll(): Promise<Feature[]> {
    return this.#commits.all();
  }

  /** The features that can be begun: neither passing nor in progress, every dependency passing. */
  async getReady(): Promise<Feature[]> {
    return this.#commits.ofStatus("ready");
  }

  /** The features that wait for others; finished ones and those in progress are none of them. */
  async getBlocked(): Promise<Feature[]> {
    return this.#commits.ofStatus("blocked");
  }

  /** Counts; zeros in an empty store. */
  async getStats(): Promise<FeatureStats> {
    return this.#commits.stats();
  }

  /** Every feature with what it needs and what needs it, in the order (priority, id). */
  async getGraph(): Promise<FeatureGraphNode[]> {
    return graphOf(await this.#commits.all());
  }

  /**
   * Features by status, category and text, a page at a time, in the order (priority, id).
   *
   * @throws FlowError `BAD_REQUEST` for an unknown status, a limit below 1, a foreign `after`.
   */
  async list(options: ListFeaturesOptions = {}): Promise<FeaturePage> {
    return pageOf(await this.#commits.all(), requireOptions(options, LIST_NAMES));
  }

  /** Everything that was logged for a feature, oldest first; the same as `changes.getEvents`. */
  async history(id: FeatureRef): Promise<ChangeEvent[]> {
    return this.#changes.getEvents(id);
  }

  // ---- claiming ------------------------------------------------------------------------------

  /**
   * Claims a feature. Of any number of racing processes exactly one wins. Durable when it returns.
   *
   * @throws FlowError `CONFLICT` with `context.holder` when it is in progress, by the same agent
   * too, when it passes, or, with `requireReady`, when it is blocked; `NOT_FOUND`. As flow-db
   * `claim_and_get`, except that an unknown id is `NOT_FOUND`.
   */
  async claimAndGet(id: FeatureRef, options: ClaimFeatureOptions = {}): Promise<Feature> {
    const { leaseMs, requireReady } = requireNote(options, { leaseMs: true, requireReady: true });
    if (requireReady !== undefined && typeof requireReady !== "boolean") {
      throw new FlowError(
        "BAD_REQUEST",
        `requireReady must be true or false, not ${shown(requireReady)}`,
        {
          context: { field: "requireReady" },
        },
      );
    }
    const agent = this.#agentOf(options);
    return this.#commits.changeOne(options, (world) =>
      decideClaim(world, id, { agent, leaseMs, requireReady }),
    );
  }

  /** Claims the ready feature with the highest score (then priority, id); `null` when none is ready. */
  async claimNext(options: ClaimNextOptions = {}): Promise<Feature | null> {
    const { category, leaseMs } = requireNote(options, { category: true, leaseMs: true });
    const agent = this.#agentOf(options);
    const claimed = await this.#commits.change(options, (world) =>
      decideClaimNext(world, { agent, category, leaseMs }),
    );
    return claimed[0] ?? null;
  }

  /**
   * Makes a claim's lease end `leaseMs` from now. Changes no tracked file and logs nothing.
   *
   * @throws FlowError `CONFLICT` when the lease has expired or another agent holds it.
   */
  async renewClaim(
    id: FeatureRef,
    agent: string,
    options: { readonly leaseMs: number },
  ): Promise<Feature> {
    const { leaseMs } = requireNote(options, { leaseMs: true });
    return this.#commits.changeOne({}, (world) => decideRenewClaim(world, id, agent, leaseMs));
  }

  /** Brings the files of expired leases up to date; returns the ids. Readers see the expiry without it. */
  async releaseExpired(options: ChangeNote = {}): Promise<number[]> {
    const released = await this.#commits.change(noted(options), (world) =>
      decideReleaseExpired(world),
    );
    return released.map(({ id }) => id);
  }

  // ---- state ---------------------------------------------------------------------------------

  /** Sets a feature passing, whoever holds it. @throws FlowError `NOT_FOUND`, `CONFLICT`. */
  async markPassing(id: FeatureRef, options: MarkFeatureOptions = {}): Promise<Feature> {
    return this.#commits.changeOne(marking(options), (world) =>
      decideMarkPassing(world, id, marked(options)),
    );
  }

  /** Sets a feature neither passing nor in progress. @throws FlowError `NOT_FOUND`, `CONFLICT`. */
  async markFailing(id: FeatureRef, options: MarkFeatureOptions = {}): Promise<Feature> {
    return this.#commits.changeOne(marking(options), (world) =>
      decideMarkFailing(world, id, marked(options)),
    );
  }

  /** Sets a feature in progress. @throws FlowError `CONFLICT` when it passes or is in progress. */
  async markInProgress(id: FeatureRef, options: MarkFeatureOptions = {}): Promise<Feature> {
    const agent = this.#agentOf(marking(options));
    return this.#commits.changeOne(options, (world) =>
      decideMarkInProgress(world, id, { ...marked(options), agent }),
    );
  }

  /** Gives a feature back; one that is not in progress stays as it is. @throws FlowError `NOT_FOUND`. */
  async clearInProgress(id: FeatureRef, options: MarkFeatureOptions = {}): Promise<Feature> {
    return this.#commits.changeOne(marking(options), (world) =>
      decideClearInProgress(world, id, marked(options)),
    );
  }

  /** Puts a feature behind all others: priority = the highest + 1; flags are kept. */
  async skip(id: FeatureRef, options: MarkFeatureOptions = {}): Promise<Feature> {
    return this.#commits.changeOne(marking(options), (world) =>
      decideSkip(world, id, marked(options)),
    );
  }

  // ---- dependencies and edits ----------------------------------------------------------------

  /**
   * Adds a dependency; one that is there already is no change.
   *
   * @throws FlowError `CYCLE_DETECTED` with `context.path`, also for the feature itself;
   * `NOT_FOUND` for either.
   */
  async addDependency(
    id: FeatureRef,
    dependency: FeatureRef,
    options: UpdateFeatureOptions = {},
  ): Promise<Feature> {
    return this.#commits.changeOne(updating(options), (world) =>
      decideAddDependency(world, id, dependency, marked(options)),
    );
  }

  /** Removes a dependency, which need not exist as a feature; an absent one is no change. */
  async removeDependency(
    id: FeatureRef,
    dependency: FeatureRef,
    options: UpdateFeatureOptions = {},
  ): Promise<Feature> {
    return this.#commits.changeOne(updating(options), (world) =>
      decideRemoveDependency(world, id, dependency, marked(options)),
    );
  }

  /** Replaces all dependencies. @throws FlowError `CYCLE_DETECTED`, `NOT_FOUND`. */
  async setDependencies(
    id: FeatureRef,
    dependencies: readonly FeatureRef[],
    options: UpdateFeatureOptions = {},
  ): Promise<Feature> {
    return this.#commits.changeOne(updating(options), (world) =>
      decideSetDependencies(world, id, dependencies, marked(options)),
    );
  }

  /**
   * Changes name, description, category, priority, steps, dependencies and keys of your own
   * (`null` removes one of those). Only what becomes different is written, with one event a field.
   *
   * @throws FlowError `BAD_REQUEST` for other keys; `CONFLICT` at another revision.
   */
  async update(
    id: FeatureRef,
    patch: FeaturePatch,
    options: UpdateFeatureOptions = {},
  ): Promise<Feature> {
    return this.#commits.changeOne(updating(options), (world) =>
      decideUpdate(world, id, patch, marked(options)),
    );
  }

  /**
   * Deletes a feature: its file stays as a tombstone, since git's rename detection would give its
   * changes to another feature if the file went (34 of 40 plain merges). Its id is not used again;
   * its history stays.
   *
   * @throws FlowError `NOT_FOUND`, `CONFLICT`.
   */
  async delete(id: FeatureRef, options: UpdateFeatureOptions = {}): Promise<DeletedFeature> {
    return this.#commits.run(updating(options), (world) => {
      const decision = decideDelete(world, id, marked(options));
      return {
        decision,
        result: () => ({ id: decision.id, removedFrom: [...decision.removedFrom] }),
      };
    });
  }

  #agentOf(options: ChangeNote): string {
    return options.agent === undefined ? this.#context.actor : options.agent;
  }
}

/** Options of a call that takes a note and nothing else. */
function noted(options: ChangeNote): ChangeNote {
  return requireNote(options, {});
}

function updating(options: UpdateFeatureOptions): UpdateFeatureOptions {
  return requireNote(options, { expectedRevision: true });
}

function marking(options: MarkFeatureOptions): MarkFeatureOptions {
  return requireNote(options, { claimedBy: true, expectedRevision: true });
}

/** The agent that a call names, for decisions that log it. */
function only(options: ChangeNote): { readonly agent?: string | undefined } {
  return options.agent === undefined ? {} : { agent: options.agent };
}

function marked(options: MarkFeatureOptions): MarkFeatureOptions {
  const { agent, claimedBy, expectedRevision } = options;
  return { agent, claimedBy, expectedRevision };
}

function several(ref: FeatureRef, features: readonly Feature[]): FlowError {
  const uids = features.map(({ uid }) => uid);
  return new FlowError(
    "CONFLICT",
    `Cannot tell which feature is meant: ${uids.length} features bear ${ref}`,
    {
      context: { kind: "feature", id: ref, uids },
      hint: hintForSeveral(uids),
    },
  );
}
