/** The event log, read once more from its first line: who held what, and was it in order. */
import type { ChangeEvent, Feature } from "../../index.ts";

export interface Replay {
  /** How often each feature was passed, by id. */
  readonly passes: ReadonlyMap<number, number>;
  readonly claims: number;
  readonly failures: number;
  readonly releases: number;
  readonly leasesExpired: number;
  /** One sentence for each time. */
  readonly heldByTwo: readonly string[];
  readonly passedTooEarly: readonly string[];
  readonly notByHolder: readonly string[];
}

/** Replays `events`, which must be in the order of the log. */
export function replay(features: readonly Feature[], events: readonly ChangeEvent[]): Replay {
  const needs = new Map(features.map(({ id, dependencies }) => [id, dependencies]));
  const holders = new Map<number, string | null>();
  const passes = new Map<number, number>();
  const counts = { claims: 0, failures: 0, releases: 0, leasesExpired: 0 };
  const heldByTwo: string[] = [];
  const passedTooEarly: string[] = [];
  const notByHolder: string[] = [];

  const giveBack = ({ featureId, agent }: ChangeEvent): void => {
    const holder = holders.get(featureId);
    if (holder !== agent) {
      notByHolder.push(`feature ${featureId} was finished by ${agent} and held by ${holder}`);
    }
    holders.delete(featureId);
  };

  for (const event of events) {
    const { featureId, agent, eventType } = event;
    if (eventType === "claimed") {
      const holder = holders.get(featureId);
      if (holder !== undefined) {
        heldByTwo.push(`feature ${featureId} was given to ${agent} while ${holder} held it`);
      }
      holders.set(featureId, agent);
      counts.claims += 1;
    } else if (eventType === "lease_expired") {
      holders.delete(featureId);
      counts.leasesExpired += 1;
    } else if (eventType === "claim_released") {
      giveBack(event);
      counts.releases += 1;
    } else if (eventType === "status_change" && event.newValue === "completed") {
      giveBack(event);
      for (const need of needs.get(featureId) ?? []) {
        if (!passes.has(need)) passedTooEarly.push(`feature ${featureId} passed before ${need}`);
      }
      passes.set(featureId, (passes.get(featureId) ?? 0) + 1);
    } else if (eventType === "status_change") {
      giveBack(event);
      counts.failures += 1;
    }
  }
  return { passes, ...counts, heldByTwo, passedTooEarly, notByHolder };
}
