/**
 * Mending a root: only what can be mended without a loss and without a guess. What is changed is
 * copied to `local/backup/` first; a byte that could not be parsed is never touched.
 */

import type { Disk } from "../disk/disk.ts";
import type { Finding } from "../finding.ts";
import { initRoot } from "../init.ts";
import { uidOf } from "../model/feature.ts";
import { FEATURE_DOCUMENT_KEYS } from "../model/schema.ts";
import { tooLarge } from "../stores/call-size.ts";
import { changeDraft } from "../stores/change-events.ts";
import type { StoreContext } from "../stores/context.ts";
import { uidMadeOf } from "../stores/feature-names.ts";
import { makeFolders } from "../storage/apply.ts";
import { patchJson } from "../storage/json-text.ts";
import { BACKUP, FEATURES, folderOf, foldersOf, inFolder, nameOf } from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";
import type { Writing } from "../storage/view.ts";
import { mendIndex } from "./check-workflows.ts";
import { featureFilesOf, sightOf, type FeatureFile } from "./sight.ts";
import { acknowledgement, unexplainedStates } from "./unexplained.ts";

/** How a repair runs. */
export interface RepairOptions {
  /** Says what would be done and does nothing. Default false. */
  readonly dryRun?: boolean | undefined;
}

/** What a repair did. */
export interface RepairReport {
  /** What was mended, or with `dryRun` would be. */
  readonly done: Finding[];
  /** What a person has to decide. */
  readonly left: Finding[];
  /** The folder under the root with what the changed files held before; `null` when none was changed. */
  readonly backup: string | null;
}

/** Findings that putting right a name of the index mends. */
const BY_INDEX: ReadonlySet<string> = new Set(["index-missing", "index-stale", "index-damaged"]);

/** Findings about whole files that `init` writes. */
const BY_INIT: ReadonlySet<string> = new Set(["manifest", "managed-block", "schema-file"]);
/** Findings that a change of one document mends. */
const BY_PATCH: ReadonlySet<string> = new Set(["no-uid", "passing-in-progress"]);
/** Findings that an event mends, without a change of the document. */
const BY_EVENT: ReadonlySet<string> = new Set(["unexplained"]);
/** Findings that go away when what is committed is brought into the files, by whoever does so. */
const BY_RECOVERY: ReadonlySet<string> = new Set(["stuck", "poisoned", "journal-damaged"]);

/** What the events of acknowledged states say of themselves: nobody logged the change when it was made. */
const ACKNOWLEDGED = "repair: the file said so, and no event";

/** Repairs a root; see {@link RepairReport}. */
export async function repairRoot(
  context: StoreContext,
  disk: Disk,
  look: () => Promise<Finding[]>,
  { dryRun }: { readonly dryRun: boolean },
): Promise<RepairReport> {
  const { storage } = context;
  const before = await look();
  const mendable = before.filter(({ rule, fix }) => fix !== undefined && isMendable(rule));
  if (dryRun) {
    return {
      done: mendable,
      left: before.filter((finding) => !mendable.includes(finding)),
      backup: null,
    };
  }
  await storage.recover();
  const isSynced = storage.options.durability !== "none";
  const backup = new Backup(disk, `${BACKUP}/${stamp(storage)}`, isSynced);
  if (mendable.some(({ rule }) => BY_INIT.has(rule))) {
    for (const { file, rule } of mendable) if (BY_INIT.has(rule)) backup.keep(file);
    const others = before.filter((finding) => !mendable.includes(finding));
    initRoot(disk, new Set(others.map(({ file }) => file)));
  }
  const paths = new Set(mendable.filter(isOfFeature).map(({ file }) => file));
  if (paths.size > 0) {
    // In one commit: a uid is chosen by what all the other files bear.
    const commit = storage.commit((write) => {
      patchAll(write, context, paths, backup);
      acknowledgeAll(write, context, paths);
    });
    await tooLarge(commit);
  }
  if (mendable.some(({ rule }) => BY_INDEX.has(rule)))
    await storage.commit((write) => mendIndex(storage, write, (path) => backup.keep(path)));
  const left = await look();
  // By its place: what is half mended may be said in other words.
  const stillThere = new Set(left.map(keyOf));
  const done = before.filter((finding) => !stillThere.has(keyOf(finding)));
  return { done, left, backup: backup.folder };
}

function isMendable(rule: string): boolean {
  return [BY_INIT, BY_PATCH, BY_EVENT, BY_RECOVERY, BY_INDEX].some((rules) => rules.has(rule));
}

function isOfFeature({ rule }: Pick<Finding, "rule">): boolean {
  return BY_PATCH.has(rule) || BY_EVENT.has(rule);
}

function keyOf({ file, rule, line }: Finding): string {
  return JSON.stringify([file, rule, line]);
}

function stamp(storage: Storage): string {
  const time = storage.options.toIso(storage.options.nowMs()).replaceAll(/[:.]/g, "-");
  return `${time}-${storage.options.randomName()}`;
}

/** Writes what documents lack, and says so in the log. */
function patchAll(
  write: Writing,
  context: StoreContext,
  paths: ReadonlySet<string>,
  backup: Backup,
): void {
  const { files } = featureFilesOf(write);
  const bearers = new Map<string, number>();
  for (const { document } of files) {
    const uid = uidOf(document);
    bearers.set(uid, (bearers.get(uid) ?? 0) + 1);
  }
  for (const file of files) {
    if (!paths.has(file.file)) continue;
    const isAlone = bearers.get(uidOf(file.document)) === 1;
    const uid = isAlone ? uidOf(file.document) : uidOfFile(file);
    patch(write, context, file, uid, backup);
  }
}

/**
 * The uid of a file that has none and shares its id: made of both its id and its name, so that
 * twins differ, and that the same repair in another clone gives each the same again, though
 * somebody edited its text there.
 */
function uidOfFile({ file, document }: FeatureFile): string {
  return uidMadeOf(`${document.id} ${nameOf(file)}`);
}

function patch(
  write: Writing,
  context: StoreContext,
  { file, text, document }: FeatureFile,
  uid: string,
  backup: Backup,
): void {
  const set = new Map<string, unknown>();
  if (document.uid === undefined) set.set("uid", uid);
  if (document.passes === true && document.inProgress === true) {
    set.set("inProgress", false);
    set.set("claim", null);
  }
  if (set.size === 0) return;
  backup.keep(file);
  write.put(FEATURES, nameOf(file), patchJson(text, set, [], FEATURE_DOCUMENT_KEYS));
  for (const [field, value] of set) {
    const event = {
      featureId: document.id,
      featureUid: document.uid ?? uid,
      eventType: "updated",
      field,
      oldValue: textOf(document[field]),
      newValue: textOf(value),
      agent: null,
    };
    write.append(changeDraft(context, event, { note: "repair" }));
  }
}

/** Logs the states that no event tells of, as the files say now. */
function acknowledgeAll(write: Writing, context: StoreContext, paths: ReadonlySet<string>): void {
  const { storage } = context;
  const { log } = sightOf(storage, write, true);
  if (log === null) return;
  for (const state of unexplainedStates(log, featureFilesOf(write).files)) {
    if (!state.isAlone || !paths.has(state.file)) continue;
    write.append(changeDraft(context, acknowledgement(state), { note: ACKNOWLEDGED }));
  }
}

/** Texts as they are, everything else as JSON; `null` for what is absent or null. */
function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Copies of files as they were before they were changed; they last before the change does. */
class Backup {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #isSynced: boolean;
  #isUsed = false;

  constructor(disk: Disk, folder: string, isSynced: boolean) {
    this.#disk = disk;
    this.#folder = folder;
    this.#isSynced = isSynced;
  }

  get folder(): string | null {
    return this.#isUsed ? this.#folder : null;
  }

  keep(path: string): void {
    const bytes = this.#disk.read(path);
    const copy = inFolder(this.#folder, path);
    if (bytes === null || this.#disk.stat(copy) !== null) return;
    makeFolders(this.#disk, folderOf(copy));
    this.#disk.create(copy, bytes);
    this.#isUsed = true;
    if (!this.#isSynced) return;
    this.#disk.syncFile(copy);
    for (const folder of foldersOf(copy)) this.#disk.syncFolder(folder);
  }
}
