/** Features from files and back: how a look is completed, and the one way of a change. */

import { FlowError } from "../errors.ts";
import {
  effective,
  statusOf,
  uidOf,
  type Feature,
  type FeatureRecord,
  type FeatureStats,
  type FeatureStatus,
} from "../model/feature.ts";
import type { FeatureRef } from "../model/feature-inputs.ts";
import { featuresAt, featuresOf, standingsOf, statsOf } from "../model/feature-queries.ts";
import type { Decision, FeatureWorld } from "../model/feature-world.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { requireBearable, textsOf, tooLarge } from "./call-size.ts";
import { changeDraft, featureStream } from "./change-events.ts";
import { type ChangeNote, type StoreContext } from "./context.ts";
import { carryOut, FeatureFiles } from "./feature-files.ts";
import { worldOf } from "./feature-world.ts";

/** Reads and changes features for the calls of `Features`. */
export class FeatureCommits {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** The living features that bear an id or a uid. */
  async look(ref: FeatureRef): Promise<Feature[]> {
    return this.#context.storage.read((view) => this.#lookIn(view, ref));
  }

  #lookIn(view: Reading | Writing, ref: FeatureRef): Feature[] {
    const files = new FeatureFiles(view, this.#context.findings);
    const records = files.find(ref);
    if (records.length === 0) return [];
    this.#context.storage.refreshLastEvents(view);
    return records.map((record) => this.#complete(view, files, record));
  }

  /** A record with its status, which only its dependencies can tell. */
  #complete(view: Reading | Writing, files: FeatureFiles, record: FeatureRecord): Feature {
    const nowMs = this.#context.nowMs();
    const state = effective(this.#dated(view, record), nowMs);
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
  #dated(view: Reading | Writing, record: FeatureRecord): FeatureRecord {
    const stream = featureStream(uidOf(record.document));
    const updatedAt = this.#context.storage.lastTimeOf(view, stream);
    return updatedAt === null ? record : { ...record, updatedAt };
  }

  /** Every living feature, in the order (priority, id, uid). */
  async all(): Promise<Feature[]> {
    const { storage, findings } = this.#context;
    const records = await storage.read((view) => {
      storage.refreshLastEvents(view);
      return new FeatureFiles(view, findings).all().map((record) => this.#dated(view, record));
    });
    return featuresOf(records, this.#context.nowMs());
  }

  /** The living features of one status, in the order (priority, id, uid); only they are copied. */
  async ofStatus(wanted: FeatureStatus): Promise<Feature[]> {
    const { storage, findings } = this.#context;
    const nowMs = this.#context.nowMs();
    const standings = await storage.read((view) => {
      storage.refreshLastEvents(view);
      return standingsOf(new FeatureFiles(view, findings).all(), nowMs)
        .filter(({ status }) => status === wanted)
        .map(({ record, status }) => ({ record: this.#dated(view, record), status }));
    });
    return featuresAt(standings, nowMs);
  }

  /** The counts over all living features; neither copies them nor asks the log. */
  async stats(): Promise<FeatureStats> {
    const { storage, findings } = this.#context;
    const records = await storage.read((view) => new FeatureFiles(view, findings).all());
    return statsOf(standingsOf(records, this.#context.nowMs()));
  }

  /** {@link change} of exactly one feature. */
  async changeOne(
    options: ChangeNote,
    decide: (world: FeatureWorld) => Decision,
  ): Promise<Feature> {
    const [feature] = await this.change(options, decide);
    if (feature === undefined)
      throw new FlowError("INTERNAL", "A change of one feature returned none");
    return feature;
  }

  /** Commits what a decision says; returns the features it names, as they are then. */
  async change(options: ChangeNote, decide: (world: FeatureWorld) => Decision): Promise<Feature[]> {
    return this.run(options, (world, files) => {
      const decision = decide(world);
      return {
        decision,
        result: (write) => decision.uids.map((uid) => this.#result(write, files, uid)),
      };
    });
  }

  /** The one way of a change, of options that were judged: decide, write it with its events, answer. */
  async run<T>(
    options: ChangeNote,
    decide: (
      world: FeatureWorld,
      files: FeatureFiles,
    ) => {
      readonly decision: Decision;
      readonly result: (write: Writing) => T;
    },
  ): Promise<T> {
    const commit = this.#context.storage.commit((write) => {
      const files = new FeatureFiles(write, this.#context.findings);
      const { decision, result } = decide(worldOf(this.#context, write, files), files);
      const events = decision.events.map((event) => changeDraft(this.#context, event, options));
      requireBearable(textsOf(decision.changes), events);
      carryOut(write, files, decision.changes);
      for (const event of events) write.append(event);
      // A call that changed nothing shows the time of the last event before it.
      const isLogged = (uid: string): boolean => write.lastTimeOf(featureStream(uid)) !== null;
      if (!decision.uids.every(isLogged)) this.#context.storage.refreshLastEvents(write);
      return result(write);
    });
    return tooLarge(commit);
  }

  #result(write: Writing, files: FeatureFiles, uid: string): Feature {
    const [record] = files.find(uid);
    if (record === undefined)
      throw new FlowError("INTERNAL", `Feature ${uid} is gone after its change`);
    return this.#complete(write, files, record);
  }
}
