/** States that no event tells of, and the events by which a person's word for them is taken. */

import type { Finding } from "../finding.ts";
import { uidOf, wordOf, type FeatureWord } from "../model/feature.ts";
import type { FeatureEventDraft } from "../model/feature-world.ts";
import type { FeatureDocument } from "../model/schema.ts";
import { changeOf, featureStream } from "../stores/change-events.ts";
import type { IndexedReader } from "../storage/indexed-reader.ts";
import type { FeatureFile } from "./sight.ts";

/** A feature whose file says something else than its events. */
export interface Unexplained {
  readonly file: string;
  readonly document: FeatureDocument;
  readonly is: FeatureWord;
  /** What the last event says; `undefined` where none says anything. */
  readonly says: FeatureWord | undefined;
  /** Whether its uid is its own; else an event would speak of the other file too. */
  readonly isAlone: boolean;
}

/** What each kind of event leaves a feature in; others say nothing of it. */
const LEAVES: ReadonlyMap<string, FeatureWord> = new Map([
  ["created", "pending"],
  ["claimed", "in_progress"],
  ["claim_released", "pending"],
  ["lease_expired", "pending"],
  ["deleted", "deleted"],
]);

/** Kinds of events that name the state themselves. */
const NAME_IT: ReadonlySet<string> = new Set(["status_change", "restored"]);
const STATUS_WORDS: ReadonlySet<unknown> = new Set(["pending", "in_progress", "completed"]);

/** States that no event tells of: somebody edited a file, or events were taken away. */
export function unexplainedStates(
  log: IndexedReader,
  files: readonly FeatureFile[],
): Unexplained[] {
  const bearers = new Map<string, number>();
  for (const { document } of files) {
    if (document.uid !== undefined) {
      bearers.set(document.uid, (bearers.get(document.uid) ?? 0) + 1);
    }
  }
  return files.flatMap(({ file, document }) => {
    const says = toldBy(log, featureStream(uidOf(document)));
    const is = wordOf(document);
    if (says === is) return [];
    // A document without a uid gets one of its own before anything is logged for it.
    const isAlone = document.uid === undefined || bearers.get(document.uid) === 1;
    return [{ file, document, is, says, isAlone }];
  });
}

/** {@link unexplainedStates} as findings. */
export function unexplained(log: IndexedReader, files: readonly FeatureFile[]): Finding[] {
  return unexplainedStates(log, files).map(({ file, is, says, isAlone }) => {
    const why = says === undefined ? "no event tells of it" : `the last event says ${says}`;
    return {
      file,
      rule: "unexplained",
      severity: "warning" as const,
      message: `${file} is ${is}, but ${why}: it was edited by hand, or events were taken away`,
      ...(isAlone ? { fix: "an event is logged that says so" } : {}),
    };
  });
}

/** The event that tells of the state as it is now. */
export function acknowledgement({ document, is, says }: Unexplained): FeatureEventDraft {
  const subject = { featureId: document.id, featureUid: uidOf(document), agent: null };
  if (is === "deleted") {
    return { ...subject, eventType: "deleted", field: null, oldValue: null, newValue: null };
  }
  const state = { field: "status", newValue: is };
  return says === "deleted"
    ? { ...subject, eventType: "restored", ...state, oldValue: null }
    : { ...subject, eventType: "status_change", ...state, oldValue: says ?? null };
}

/** What the last event that says anything of a feature's state says. */
function toldBy(log: IndexedReader, stream: string): FeatureWord | undefined {
  for (const event of log.newestFirst("stream", stream)) {
    const change = changeOf(event);
    if (change === null) continue;
    const { eventType, field, newValue } = change;
    const isNamed = NAME_IT.has(eventType) && field === "status" && STATUS_WORDS.has(newValue);
    const word = isNamed ? (newValue as FeatureWord) : LEAVES.get(eventType);
    if (word !== undefined) return word;
  }
  return undefined;
}
