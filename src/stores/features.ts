/**
 * Features: what can be done with them. Every rule is a pure decision in `model/`; here it is given
 * what is read, and what it says is written with its events in one commit.
 */

import { FlowError } from "../errors.ts";
import {
  compareFeatures,
  effective,
  statusOf,
  uidOf,
  type ChangeEvent,
  type Feature,
  type FeatureGraphNode,
  type FeatureRecord,
  type FeatureState,
  type FeatureStats,
  type FeatureStatus,
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
import { blockedOf, featuresOf, graphOf, readyOf, statsOf } from "../model/feature-queries.ts";
import { requireRef, type Decision, type FeatureWorld } from "../model/feature-world.ts";
import { isUlid } from "../model/ulid.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { changeDraft, featureStream } from "./change-events.ts";
import type { Changes } from "./changes.ts";
import {
  requireNote,
  requireOptions,
  shown,
  type ChangeNote,
  type StoreContext,
} from "./context.ts";
import { carryOut, FeatureFiles } from "./feature-files.ts";
import { worldOf } from "./feature-world.ts";

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

/** Which features a list holds. */
export interface ListFeaturesOptions {
  readonly status?: FeatureStatus | undefined;
  /** Exactly this category. */
  readonly category?: string | undefined;
  /** Part of name, description or a step, without regard to case. */
  readonly text?: string | undefined;
  /** How many at most; 1 or more. Default: all. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A page of features. */
export interface FeaturePage {
  readonly items: Feature[];
  /** To be given as `after` for the page behind this one; `null` when there is none. */
  readonly next: string | null;
}

/** What deleting a feature did. */
export interface DeletedFeature {
  readonly id: number;
  /** The ids of the features that depended on it and do so no more. */
  readonly removedFrom: number[];
}

const STATUSES: readonly unknown[] = ["passing", "in_progress", "blocked", "ready"];

export class Features {
  readonly #context: StoreContext;
  readonly #changes: Changes;

  constructor(context: StoreContext, changes: Changes) {
    this.#context = context;
    this.#changes = changes;
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
    return this.#changeOne(options, (world) => decideCreate(world, [input], only(options)));
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
    return this.#change(options, (world) => decideCreate(world, inputs, only(options)));
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
    const found = await this.#context.storage.read((view) => this.#look(view, id));
    if (found.length > 1) throw several(id, found);
    return found[0] ?? null;
  }

  #look(view: Reading | Writing, ref: FeatureRef): Feature[] {
    const files = new FeatureFiles(view, this.#context.report);
    const records = files.find(ref);
    if (records.length === 0) return [];
    this.#context.storage.refreshLastEvents(view);
    return records.map((record) => this.#complete(files, record));
  }

  /** A record with its status, which only its dependencies can tell. */
  #complete(files: FeatureFiles, record: FeatureRecord): Feature {
    const nowMs = this.#context.nowMs();
    const state = effective(this.#dated(record), nowMs);
    return Object.assign(state, { status: statusOf(state, (id) => this.#isMet(files, id)) });
  }

  #isMet(files: FeatureFiles, id: number): boolean {
    let records: FeatureRecord[];
    try {
      records = files.find(id);
    } catch (error) {
      // A damaged dependency is not met; the finding was reported.
      if (error instanceof FlowError && error.code === "CORRUPT") return false;
      throw error;
    }
    return records.length > 0 && records.every(({ document }) => document.passes === true);
  }

  /** A record with the time of its last event. */
  #dated(record: FeatureRecord): FeatureRecord {
    const last = this.#context.storage.lastEvents.of(featureStream(uidOf(record.document)));
    return last === null ? record : { ...record, updatedAt: last.createdAt };
  }

  async #all(): Promise<Feature[]> {
    const { storage, report } = this.#context;
    const records = await storage.read((view) => {
      storage.refreshLastEvents(view);
      return new FeatureFiles(view, report).all().map((record) => this.#dated(record));
    });
    return featuresOf(records, this.#context.nowMs());
  }

  /** Every living feature, in the order (priority, id). Damaged files are left out and reported. */
  async getAll(): Promise<Feature[]> {
    return this.#all();
  }

  /** The features that can be begun: neither passing nor in progress, every dependency passing. */
  async getReady(): Promise<Feature[]> {
    return readyOf(await this.#all());
  }

  /** The features that wait for others; finished ones and those in progress are none of them. */
  async getBlocked(): Promise<Feature[]> {
    return blockedOf(await this.#all());
  }

  /** Counts; zeros in an empty store. */
  async getStats(): Promise<FeatureStats> {
    return statsOf(await this.#all());
  }

  /** Every feature with what it needs and what needs it, in the order (priority, id). */
  async getGraph(): Promise<FeatureGraphNode[]> {
    return graphOf(await this.#all());
  }

  /**
   * Features by status, category and text, a page at a time, in the order (priority, id).
   *
   * @throws FlowError `BAD_REQUEST` for an unknown status, a limit below 1, a foreign `after`.
   */
  async list(options: ListFeaturesOptions = {}): Promise<FeaturePage> {
    const { status, category, text, limit, after } = requireOptions(options);
    if (status !== undefined && !STATUSES.includes(status)) throw badList("status", status);
    if (category !== undefined && typeof category !== "string") throw badList("category", category);
    if (text !== undefined && typeof text !== "string") throw badList("text", text);
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1))
      throw badList("limit", limit);
    const from = after === undefined ? null : placeOf(after);
    const sought = text?.toLowerCase();
    const matching = (await this.#all()).filter(
      (feature) =>
        (status === undefined || feature.status === status) &&
        (category === undefined || feature.category === category) &&
        (sought === undefined || holdsText(feature, sought)) &&
        (from === null || compareFeatures(feature, from) > 0),
    );
    const items = limit === undefined ? matching : matching.slice(0, limit);
    const last = items.at(-1);
    const more = last !== undefined && items.length < matching.length;
    return { items, next: more ? `${last.priority}.${last.id}.${last.uid}` : null };
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
    const { leaseMs, requireReady } = requireNote(options);
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
    return this.#changeOne(options, (world) =>
      decideClaim(world, id, { agent, leaseMs, requireReady }),
    );
  }

  /** Claims the ready feature with the highest score (then priority, id); `null` when none is ready. */
  async claimNext(options: ClaimNextOptions = {}): Promise<Feature | null> {
    const { category, leaseMs } = requireNote(options);
    const agent = this.#agentOf(options);
    const claimed = await this.#change(options, (world) =>
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
    const { leaseMs } = requireOptions(options);
    return this.#changeOne({}, (world) => decideRenewClaim(world, id, agent, leaseMs));
  }

  /** Brings the files of expired leases up to date; returns the ids. Readers see the expiry without it. */
  async releaseExpired(options: ChangeNote = {}): Promise<number[]> {
    const released = await this.#change(options, (world) => decideReleaseExpired(world));
    return released.map(({ id }) => id);
  }

  // ---- state ---------------------------------------------------------------------------------

  /** Sets a feature passing, whoever holds it. @throws FlowError `NOT_FOUND`, `CONFLICT`. */
  async markPassing(id: FeatureRef, options: MarkFeatureOptions = {}): Promise<Feature> {
    return this.#changeOne(options, (world) => decideMarkPassing(world, id, marked(options)));
  }

  /** Sets a feature neither passing nor in progress. @throws FlowError `NOT_FOUND`, `CONFLICT`. */
  async markFailing(id: FeatureRef, options: MarkFeatureOptions = {}): Promise<Feature> {
    return this.#changeOne(options, (world) => decideMarkFailing(world, id, marked(options)));
  }

  /** Sets a feature in progress. @throws FlowError `CONFLICT` when it passes or is in progress. */
  async markInProgress(id: FeatureRef, options: MarkFeatureOptions = {}): Promise<Feature> {
    const agent = this.#agentOf(requireNote(options));
    return this.#changeOne(options, (world) =>
      decideMarkInProgress(world, id, { ...marked(options), agent }),
    );
  }

  /** Gives a feature back; one that is not in progress stays as it is. @throws FlowError `NOT_FOUND`. */
  async clearInProgress(id: FeatureRef, options: MarkFeatureOptions = {}): Promise<Feature> {
    return this.#changeOne(options, (world) => decideClearInProgress(world, id, marked(options)));
  }

  /** Puts a feature behind all others: priority = the highest + 1; flags are kept. */
  async skip(id: FeatureRef, options: MarkFeatureOptions = {}): Promise<Feature> {
    return this.#changeOne(options, (world) => decideSkip(world, id, marked(options)));
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
    return this.#changeOne(options, (world) =>
      decideAddDependency(world, id, dependency, marked(options)),
    );
  }

  /** Removes a dependency, which need not exist as a feature; an absent one is no change. */
  async removeDependency(
    id: FeatureRef,
    dependency: FeatureRef,
    options: UpdateFeatureOptions = {},
  ): Promise<Feature> {
    return this.#changeOne(options, (world) =>
      decideRemoveDependency(world, id, dependency, marked(options)),
    );
  }

  /** Replaces all dependencies. @throws FlowError `CYCLE_DETECTED`, `NOT_FOUND`. */
  async setDependencies(
    id: FeatureRef,
    dependencies: readonly FeatureRef[],
    options: UpdateFeatureOptions = {},
  ): Promise<Feature> {
    return this.#changeOne(options, (world) =>
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
    return this.#changeOne(options, (world) => decideUpdate(world, id, patch, marked(options)));
  }

  /**
   * Deletes a feature: its file stays as a tombstone, since git's rename detection would give its
   * changes to another feature if the file went (34 of 40 plain merges). Its id is not used again;
   * its history stays.
   *
   * @throws FlowError `NOT_FOUND`, `CONFLICT`.
   */
  async delete(id: FeatureRef, options: UpdateFeatureOptions = {}): Promise<DeletedFeature> {
    requireNote(options);
    return this.#context.storage.commit((write) => {
      const files = new FeatureFiles(write, this.#context.report);
      const decision = decideDelete(worldOf(this.#context, write, files), id, marked(options));
      this.#carryOut(write, files, decision, options);
      return { id: decision.id, removedFrom: [...decision.removedFrom] };
    });
  }

  // ---- the one way of a change ---------------------------------------------------------------

  #agentOf(options: ChangeNote): string {
    return options.agent === undefined ? this.#context.actor : options.agent;
  }

  async #changeOne(
    options: ChangeNote,
    decide: (world: FeatureWorld) => Decision,
  ): Promise<Feature> {
    const [feature] = await this.#change(options, decide);
    if (feature === undefined)
      throw new FlowError("INTERNAL", "A change of one feature returned none");
    return feature;
  }

  async #change(
    options: ChangeNote,
    decide: (world: FeatureWorld) => Decision,
  ): Promise<Feature[]> {
    requireNote(options);
    return this.#context.storage.commit((write) => {
      const files = new FeatureFiles(write, this.#context.report);
      const decision = decide(worldOf(this.#context, write, files));
      const times = this.#carryOut(write, files, decision, options);
      return decision.uids.map((uid) => this.#result(files, uid, times));
    });
  }

  /** Writes changes and events; returns the time of each feature's last event. */
  #carryOut(
    write: Writing,
    files: FeatureFiles,
    decision: Decision,
    options: ChangeNote,
  ): ReadonlyMap<string, string> {
    carryOut(write, files, decision.changes);
    const times = new Map<string, string>();
    for (const event of decision.events) {
      const { createdAt } = write.append(changeDraft(this.#context, event, options));
      times.set(event.featureUid, createdAt);
    }
    return times;
  }

  #result(files: FeatureFiles, uid: string, times: ReadonlyMap<string, string>): Feature {
    const [record] = files.find(uid);
    if (record === undefined)
      throw new FlowError("INTERNAL", `Feature ${uid} is gone after its change`);
    const time = times.get(uid);
    const feature = this.#complete(files, record);
    return time === undefined ? feature : Object.assign(feature, { updatedAt: time });
  }
}

/** The agent that a call names, for decisions that log it. */
function only(options: ChangeNote): { readonly agent?: string | undefined } {
  return options.agent === undefined ? {} : { agent: options.agent };
}

function marked(options: MarkFeatureOptions): MarkFeatureOptions {
  const { agent, claimedBy, expectedRevision } = options;
  return { agent, claimedBy, expectedRevision };
}

function holdsText(feature: FeatureState, sought: string): boolean {
  return [feature.name, feature.description, ...feature.steps].some((text) =>
    text.toLowerCase().includes(sought),
  );
}

function several(ref: FeatureRef, features: readonly Feature[]): FlowError {
  const uids = features.map(({ uid }) => uid);
  return new FlowError(
    "CONFLICT",
    `Cannot tell which feature is meant: ${uids.length} features bear ${ref}`,
    {
      context: { kind: "feature", id: ref, uids },
      hint: "Name the one you mean by its uid.",
    },
  );
}

function badList(field: string, value: unknown): FlowError {
  return new FlowError("BAD_REQUEST", `Cannot list features: ${field} cannot be ${shown(value)}`, {
    context: { field },
  });
}

/** Where a page ended: priority, id and uid of its last feature. */
function placeOf(after: unknown): { priority: number; id: number; uid: string } {
  const [priority, id, uid, ...rest] = typeof after === "string" ? after.split(".") : [];
  const place = { priority: Number(priority), id: Number(id), uid: uid ?? "" };
  const isPlace =
    rest.length === 0 &&
    Number.isSafeInteger(place.priority) &&
    Number.isSafeInteger(place.id) &&
    isUlid(place.uid);
  if (!isPlace) throw badList("after", after);
  return place;
}
