/** What can be wrong with features, one by one and among each other. */

import type { Finding } from "../finding.ts";
import { dependenciesOf, isTombstone } from "../model/feature.ts";
import { findCycles } from "../model/graph.ts";
import { badLeases, sharedIds } from "../stores/feature-files.ts";
import { isFault } from "../storage/files.ts";
import { CLAIMS, FEATURES } from "../storage/layout.ts";
import { featureFilesOf, repeatedKeyProblems, type FeatureFile, type Sight } from "./sight.ts";
import { unexplained } from "./unexplained.ts";

/** Every problem of the features. */
export function findFeatureProblems(sight: Sight): Finding[] {
  const { storage, view } = sight;
  const leases = storage.disk.stat(CLAIMS)?.isDirectory() === false ? [] : leaseProblems(view);
  if (storage.disk.stat(FEATURES)?.isDirectory() !== true) return leases;
  return [...problemsOfFiles(sight), ...leases];
}

/** What `badLeases` names cannot be used; of the others a key may stand twice. */
function leaseProblems(view: Sight["view"]): Finding[] {
  const bad = badLeases(view);
  const isBad = (path: string): boolean => bad.some(({ file }) => file === path);
  const repeated = view
    .list(CLAIMS)
    .flatMap((file) =>
      isFault(file) || isBad(file.path) ? [] : repeatedKeyProblems(file.path, file.text),
    );
  return [...bad, ...repeated];
}

function problemsOfFiles({ view, log }: Sight): Finding[] {
  const { files, findings, damagedIds } = featureFilesOf(view);
  const living = files.filter(({ document }) => !isTombstone(document));
  findings.push(...files.flatMap(ownProblems), ...sharedIds(living), ...sharedUids(files));
  findings.push(...danglingDependencies(living, damagedIds), ...circles(living));
  if (log !== null) findings.push(...unexplained(log, files));
  return findings;
}

function ownProblems({ file, text, document }: FeatureFile): Finding[] {
  const findings = repeatedKeyProblems(file, text);
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

/** Those that are there and cannot be used are named themselves. */
function danglingDependencies(
  living: readonly FeatureFile[],
  damagedIds: ReadonlySet<number>,
): Finding[] {
  const ids = new Set([...living.map(({ document }) => document.id), ...damagedIds]);
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
