/** A world in memory: decisions are made on it and carried out on it, as the store does with files. */
import assert from "node:assert/strict";
import { isFlowError, type FlowError, type FlowErrorCode } from "#src/errors.js";
import {
  isTombstone,
  patchDocument,
  uidOf,
  type Feature,
  type FeatureRecord,
  type Lease,
} from "#src/model/feature.js";
import { featuresOf } from "#src/model/feature-queries.js";
import type { Decision, FeatureWorld } from "#src/model/feature-world.js";
import { isFeatureDocument, type FeatureDocument } from "#src/model/schema.js";
import { encodeUlid } from "#src/model/ulid.js";

export const START_MS = Date.parse("2026-01-01T00:00:00.000Z");

/** The uid of a number: easy to tell in a failed test. */
export function uid(number: number): string {
  const bytes = new Uint8Array(10);
  bytes[9] = number % 256;
  bytes[8] = Math.floor(number / 256);
  return encodeUlid(START_MS, bytes);
}

/** A store of documents and leases with a clock that the test moves. */
export class TestStore {
  nowMs = START_MS;
  readonly documents: FeatureDocument[] = [];
  readonly leases = new Map<string, Lease>();
  private uids = 0;

  constructor(...documents: (Partial<FeatureDocument> & { id: number })[]) {
    for (const document of documents) {
      const whole = {
        name: `f${document.id}`,
        uid: uid(5000 + this.documents.length),
        ...document,
      };
      assert.ok(isFeatureDocument(whole));
      this.documents.push(whole);
    }
  }

  world(): FeatureWorld {
    const records = this.documents
      .filter((document) => !isTombstone(document))
      .map((document) => this.record(document));
    let nextId = Math.max(0, ...this.documents.map(({ id }) => id));
    return {
      nowMs: this.nowMs,
      find: (ref) =>
        records.filter(({ document }) =>
          typeof ref === "number" ? document.id === ref : uidOf(document) === ref,
        ),
      all: () => records,
      nextId: () => (nextId += 1),
      newUid: () => uid((this.uids += 1)),
    };
  }

  /** Decides, carries out, and returns the decision and the features that it names. */
  run<D extends Decision>(
    decide: (world: FeatureWorld) => D,
  ): { decision: D; features: Feature[] } {
    const decision = decide(this.world());
    for (const change of decision.changes) {
      if (change.kind === "create") this.documents.push(change.document);
      else if (change.kind === "lease") {
        if (change.lease === null) this.leases.delete(change.uid);
        else this.leases.set(change.uid, change.lease);
      } else {
        const at = this.documents.findIndex((document) => uidOf(document) === change.uid);
        const before = this.documents[at];
        assert.ok(before);
        const after = patchDocument(before, change.set, change.unset);
        assert.ok(isFeatureDocument(after));
        assert.notDeepEqual(after, before, "a patch changes something");
        this.documents[at] = after;
      }
    }
    const all = this.features();
    const features = decision.uids.map((wanted) => {
      const found = all.find((feature) => feature.uid === wanted);
      assert.ok(found);
      return found;
    });
    return { decision, features };
  }

  /** As {@link run}, for calls that return one feature. */
  one(decide: (world: FeatureWorld) => Decision): Feature {
    const [feature] = this.run(decide).features;
    assert.ok(feature);
    return feature;
  }

  features(): Feature[] {
    return featuresOf(this.world().all(), this.nowMs);
  }

  feature(id: number): Feature {
    const found = this.features().find((feature) => feature.id === id);
    assert.ok(found);
    return found;
  }

  document(id: number): FeatureDocument {
    const found = this.documents.find((document) => document.id === id);
    assert.ok(found);
    return found;
  }

  private record(document: FeatureDocument): FeatureRecord {
    return {
      document,
      lease: this.leases.get(uidOf(document)) ?? null,
      revision: JSON.stringify(document),
      updatedAt: null,
    };
  }
}

/** An event as a short text: `type field old>new @agent`. */
export function eventTexts(decision: Decision): string[] {
  return decision.events.map(
    ({ featureId, eventType, field, oldValue, newValue, agent }) =>
      `${featureId} ${eventType} ${field ?? "-"} ${oldValue ?? "-"}>${newValue ?? "-"} @${agent ?? "-"}`,
  );
}

/** What `run` refuses with; fails when it does not, or with another code. */
export function refusal(code: FlowErrorCode, run: () => unknown): FlowError {
  try {
    run();
  } catch (error) {
    assert.ok(isFlowError(error), String(error));
    assert.equal(error.code, code, error.message);
    assert.doesNotThrow(() => JSON.stringify(error.toJSON()));
    return error;
  }
  assert.fail(`expected ${code}, but nothing was refused`);
}
