/** What can be wrong with features, one by one and among each other. */

import type { Finding } from "../finding.ts";
import { dependenciesOf, isTombstone, uidOf } from "../model/feature.ts";
import { findCycles } from "../model/graph.ts";
import type { FeatureDocument } from "../model/schema.ts";
import { changeOf, featureStream } from "../stores/change-events.ts";
import { decodeFeature } from "../stores/feature-decode.ts";
import { documentsOf, FeatureFiles, sharedIds } from "../stores/feature-files.ts";
import { repeatedKeys } from "../storage/json-text.ts";
import type { LogLook } from "../storage/event-log.ts";
import { CLAIMS, FEATURES } from "../storage/layout.ts";
import { isFault } from "../storage/view.ts";
import type { Sight } from "./sight.ts";

interface FeatureFile {
  readonly file: string;
  readonly text: string;
  readonly document: FeatureDocument;
}

/** Every problem of the features. */
export function findFeatureProblems({ storage, view, log }: Sight): Finding[] {
  const findings: Finding[] = [];
  const files: FeatureFile[] = [];
  if (storage.disk.stat(FEATURES)?.isDirectory() !== true) return [];
  for (const file of documentsOf(view)) {
    const decoded = decodeFeature(file);
    if ("finding" in decoded) findings.push(decoded.finding);
    else if (!isFault(file))
      files.push({ file: file.path, text: file.text, document: decoded.document });
  }
  const living = files.filter(({ document }) => !isTombstone(document));
  findings.push(...files.flatMap(ownProblems), ...sharedIds(living), ...sharedUids(files));
  findings.push(...danglingDependencies(living), ...circles(living));
  if (log !== null) findings.push(...unexplained(log, files));
  if (storage.disk.stat(CLAIMS)?.isDirectory() === false) return findings;
  // Leases are looked at through the store's own eyes.
  new FeatureFiles(view, (finding) => {
    if (finding.rule === "lease") findings.push(finding);
  }).all();
  return findings;
}

function ownProblems({ file, text, document }: FeatureFile): Finding[] {
  const findings: Finding[] = [];
  for (const key of repeatedKeys(text)) {
    findings.push({
      file,
      rule: "repeated-key",
      severity: "error",
      message: `${file} holds the key ${JSON.stringify(key)} more than once; the last one counts`,
    });
  }
  if (document.uid === undefined) {
    findings.push({
      file,
      rule: "no-uid",
      severity: "warning",
      message: `${file} has no uid: two clones could not be told apart after a merge`,
      fix: "a uid is written",
    });
  }
  if (document.passes === true && document.inProgress === true) {
    findings.push({
      file,
      rule: "passing-in-progress",
      severity: "warning",
      message: `${file} says both passes and inProgress (a merge may do that); it counts as passing`,
      fix: "inProgress is set to false",
    });
  }
  return findings;
}

function groupBy<K>(
  files: readonly FeatureFile[],
  keyOf: (file: FeatureFile) => K,
): [K, FeatureFile[]][] {
  const groups = new Map<K, FeatureFile[]>();
  for (const file of files) {
    const key = keyOf(file);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [file]);
    else group.push(file);
  }
  return [...groups].filter(([, group]) => group.length > 1);
}

function sharedUids(files: readonly FeatureFile[]): Finding[] {
  const withUid = files.filter(({ document }) => document.uid !== undefined);
  return groupBy(withUid, ({ document }) => document.uid).flatMap(([uid, group]) =>
    group.map(({ file }) => ({
      file,
      rule: "duplicate-uid",
      severity: "error" as const,
      message: `${group.length} files bear the uid ${uid}: ${group.map((other) => other.file).join(", ")}; a copy needs one of its own`,
    })),
  );
}

function danglingDependencies(living: readonly FeatureFile[]): Finding[] {
  const ids = new Set(living.map(({ document }) => document.id));
  return living.flatMap(({ file, document }) =>
    dependenciesOf(document)
      .filter((id) => !ids.has(id))
      .map((id) => ({
        file,
        rule: "unknown-dependency",
        severity: "warning" as const,
        message: `${file} depends on feature ${id}, which there is not; it stays blocked`,
      })),
  );
}

function circles(living: readonly FeatureFile[]): Finding[] {
  const features = living.map(({ document }) => ({
    id: document.id,
    dependencies: dependenciesOf(document),
  }));
  return findCycles(features).map((cycle) => ({
    file: living.find(({ document }) => document.id === cycle[0])?.file ?? FEATURES,
    rule: "cycle",
    severity: "error" as const,
    message: `Features depend on each other in a circle: ${[...cycle, cycle[0]].join(" -> ")}`,
  }));
}

type Word = "pending" | "in_progress" | "completed" | "deleted";

/** What each kind of event leaves a feature in; others say nothing of it. */
const LEAVES: ReadonlyMap<string, Word> = new Map([
  ["created", "pending"],
  ["claimed", "in_progress"],
  ["claim_released", "pending"],
  ["lease_expired", "pending"],
  ["deleted", "deleted"],
]);

const STATUS_WORDS: ReadonlySet<unknown> = new Set(["pending", "in_progress", "completed"]);

/** States that no event tells of: somebody edited a file, or events were taken away. */
function unexplained({ events }: LogLook, files: readonly FeatureFile[]): Finding[] {
  const told = new Map<string, Word>();
  const inOrder = [...events].sort((a, b) => (a.event.id < b.event.id ? -1 : 1));
  for (const { event } of inOrder) {
    const change = changeOf(event);
    if (change === null) continue;
    const isState =
      change.eventType === "status_change" &&
      change.field === "status" &&
      STATUS_WORDS.has(change.newValue);
    const word = isState ? (change.newValue as Word) : LEAVES.get(change.eventType);
    if (word !== undefined) told.set(event.stream, word);
  }
  return files.flatMap(({ file, document }) => {
    const says = told.get(featureStream(uidOf(document)));
    const is = stateOf(document);
    if (says === is) return [];
    const why = says === undefined ? "no event tells of it" : `the last event says ${says}`;
    return [
      {
        file,
        rule: "unexplained",
        severity: "warning" as const,
        message: `${file} is ${is}, but ${why}: it was edited by hand, or events were taken away`,
      },
    ];
  });
}

function stateOf(document: FeatureDocument): Word {
  if (isTombstone(document)) return "deleted";
  if (document.passes === true) return "completed";
  return document.inProgress === true ? "in_progress" : "pending";
}
