/**
 * What going back to a checkpoint makes of each document: decided on what is there, before
 * anything is written.
 */

import { changeOf, type CheckpointDocument, type RestoredDocument } from "../model/checkpoints.ts";
import { uidOf } from "../model/feature.ts";
import { sameJson } from "../model/json-values.ts";
import type { FeatureDocument } from "../model/schema.ts";
import { entryOf, NO_STAT } from "../storage/files.ts";
import { patchJson } from "../storage/json-text.ts";
import { CLAIMS, folderOf, inFolder } from "../storage/layout.ts";
import { noDocument, type CheckpointContent } from "./checkpoint-files.ts";
import type { CheckpointKind, Described } from "./checkpoint-kinds.ts";
import { isDamaged, kindOfPath, type FoundDocument, type ScopeLook } from "./checkpoint-look.ts";
import type { Damaged } from "./document-decode.ts";
import { leaseName } from "./feature-files.ts";
import { uidMadeOf } from "./feature-names.ts";

/** A document that gets another text. */
export interface Rewrite extends RestoredDocument {
  readonly kind: CheckpointKind;
  readonly text: string;
  /** Whether it bore the uid of another document: what befalls it befalls that one not. */
  readonly isCopy?: boolean;
  /** `null` for no file and for a damaged one. */
  readonly before: Described | null;
  readonly after: Described | null;
}

/** All that a restore does. */
export interface RestorePlan {
  readonly documents: RestoredDocument[];
  readonly rewrites: readonly Rewrite[];
  /** Leases that become others, by path; `null` for those that go. */
  readonly leases: ReadonlyMap<string, string | null>;
}

/**
 * Compares what was saved with what is there.
 *
 * @param nowIso the time that tombstones bear
 * @throws FlowError `CORRUPT` when the copy names what is no document, or when something that is
 * no file stands in a document's place; `IO` when a file cannot be read.
 */
export function planRestore(
  manifest: CheckpointDocument,
  { documents: saved, leases }: CheckpointContent,
  look: ScopeLook,
  nowIso: string,
): RestorePlan {
  const { unreadable: spared = [] } = manifest;
  const targets = new Map<string, Target>();
  const byUid = indexByUid(look);
  const isTaken = (path: string): boolean => saved.has(path) || targets.has(path);
  for (const [path, text] of saved) {
    const target = targetOf(path, text, manifest);
    const now = fileNow(target, look, byUid);
    const file = isTaken(now) ? path : now;
    targets.set(file, { ...target, path: file });
  }
  const documents: RestoredDocument[] = [];
  const rewrites: Rewrite[] = [];
  const add = (planned: RestoredDocument | Rewrite): void => {
    documents.push({ path: planned.path, change: planned.change });
    if ("text" in planned) rewrites.push(planned);
  };
  for (const target of targets.values()) add(broughtBack(target, look.documents.get(target.path)));
  const bearers = new Set([...targets.values()].map(uidKeyOf));
  for (const found of [...look.documents.values()].sort(byPath)) {
    if (targets.has(found.path)) continue;
    const key = uidKeyOf({ path: found.path, describe: () => usable(found.described) });
    const isCopy = key !== null && bearers.has(key);
    bearers.add(key);
    const planned = buried(found, { isSpared: spared.includes(found.path), isCopy, nowIso });
    if (planned !== null) add(planned);
  }
  documents.sort(byPath);
  rewrites.sort(byPath);
  return { documents, rewrites, leases: leasesAfter(rewrites, leases, look.leases) };
}

/** A saved document and the file that is to hold it. */
interface Target {
  readonly path: string;
  readonly kind: CheckpointKind;
  readonly text: string;
  describe(): Described | null;
}

/** A saved document, which goes into the file that it was saved from. */
function targetOf(path: string, text: string, manifest: CheckpointDocument): Target {
  const kind = kindOfPath(path, manifest.scope);
  if (kind === null) throw noDocument(manifest.name, path).error;
  const describe = (): Described | null => usable(kind.describe(entryOf(path, text, NO_STAT)));
  return { path, kind, text, describe };
}

/**
 * Or into the file that bears its uid now, where its own is gone: somebody gave it another name.
 */
function fileNow(
  { path, describe }: Target,
  look: ScopeLook,
  byUid: ReadonlyMap<string, string>,
): string {
  if (look.documents.has(path)) return path;
  const key = uidKeyOf({ path, describe });
  return (key === null ? undefined : byUid.get(key)) ?? path;
}

/** A uid is a document's own in its folder; `null` for kinds without, and for damaged ones. */
function uidKeyOf({ path, describe }: Pick<Target, "path" | "describe">): string | null {
  const uid = describe()?.uid ?? null;
  return uid === null ? null : inFolder(folderOf(path), uid);
}

/** Files by the uid that they bear, in their folder. */
function indexByUid(look: ScopeLook): ReadonlyMap<string, string> {
  const index = new Map<string, string>();
  for (const { path, described } of look.documents.values()) {
    const key = uidKeyOf({ path, describe: () => usable(described) });
    if (key !== null) index.set(key, path);
  }
  return index;
}

/** A saved document over what is there now. */
function broughtBack(
  { path, kind, text, describe }: Target,
  found: FoundDocument | undefined,
): RestoredDocument | Rewrite {
  if (found?.text === text) return { path, change: "unchanged" };
  // Bytes that are no text are put aside by the engine; a folder or a link nobody may replace.
  if (found?.text === null && isDamaged(found.described) && !isBytes(found.described)) {
    throw found.described.error;
  }
  const before = found === undefined ? null : usable(found.described);
  const after = describe();
  // A damaged document is there, for whoever looks.
  const was = found === undefined || before?.isTombstone === true ? "absent" : "living";
  const is = after?.isTombstone === true ? "absent" : "living";
  return { path, change: changeOf(was, is), kind, text, before, after };
}

/**
 * What came since, as a tombstone; `null` where it is one. A copy, made by hand of a document that
 * stays, gets a uid of its own: its end would else be told as that of the other one.
 */
function buried(
  found: FoundDocument,
  { isSpared, isCopy, nowIso }: { isSpared: boolean; isCopy: boolean; nowIso: string },
): RestoredDocument | Rewrite | null {
  const { path, kind, text } = found;
  const before = usable(found.described);
  if (before === null || text === null || isSpared) return { path, change: "left" };
  if (before.isTombstone) return null;
  const set = tombstoneOf(before, nowIso);
  if (isCopy) set.set("uid", uidMadeOf(path));
  const tombstone = patchJson(text, set, [], kind.keys);
  const after = usable(kind.describe(entryOf(path, tombstone, NO_STAT)));
  return { path, change: "deleted", kind, text: tombstone, isCopy, before, after };
}

/** What `delete` writes too: nobody holds a feature that is gone, and events name it by its uid. */
function tombstoneOf({ feature }: Described, nowIso: string): Map<string, unknown> {
  const set = new Map<string, unknown>([["deletedAt", nowIso]]);
  if (feature?.inProgress === true) set.set("inProgress", false);
  if ((feature?.claim ?? null) !== null) set.set("claim", null);
  if (feature !== null && feature.uid === undefined) set.set("uid", uidOf(feature));
  return set;
}

function isBytes({ finding }: Damaged): boolean {
  return finding.rule === "not-utf8";
}

function usable(described: Described | Damaged): Described | null {
  return isDamaged(described) ? null : described;
}

/**
 * The leases of features whose claim becomes another: that of the claim which comes back, with the
 * end that it had, or none. Who keeps the claim keeps the lease, as it was renewed since.
 */
function leasesAfter(
  rewrites: readonly Rewrite[],
  saved: ReadonlyMap<string, string>,
  present: ReadonlyMap<string, string>,
): ReadonlyMap<string, string | null> {
  const leases = new Map<string, string | null>();
  for (const { before, after, isCopy = false } of rewrites) {
    if (isCopy) continue;
    const feature = after?.feature ?? before?.feature ?? null;
    if (feature === null || sameJson(claimIn(before), claimIn(after))) continue;
    const path = inFolder(CLAIMS, leaseName(uidOf(feature)));
    const lease = claimIn(after) === null ? null : (saved.get(path) ?? null);
    if (lease !== (present.get(path) ?? null)) leases.set(path, lease);
  }
  return leases;
}

function claimIn(described: Described | null): FeatureDocument["claim"] {
  const feature = described?.feature ?? null;
  return feature?.inProgress === true ? (feature.claim ?? null) : null;
}

function byPath(left: { readonly path: string }, right: { readonly path: string }): number {
  return left.path < right.path ? -1 : 1;
}
