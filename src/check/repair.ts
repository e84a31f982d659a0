/**
 * Mending a root: only what can be mended without a loss and without a guess. What is changed is
 * copied to `local/backup/` first; a byte that could not be parsed is never touched.
 */

import type { Disk } from "../disk/disk.ts";
import type { Finding } from "../finding.ts";
import { initRoot } from "../init.ts";
import { uidOf } from "../model/feature.ts";
import { FEATURE_DOCUMENT_KEYS } from "../model/schema.ts";
import { decodeFeature } from "../stores/feature-decode.ts";
import { changeDraft } from "../stores/change-events.ts";
import type { StoreContext } from "../stores/context.ts";
import { makeFolders } from "../storage/apply.ts";
import { patchJson } from "../storage/json-text.ts";
import { BACKUP, FEATURES, folderOf, inFolder, nameOf } from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";
import { isFault, type Writing } from "../storage/view.ts";

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

/** Findings about whole files that `init` writes. */
const BY_INIT: ReadonlySet<string> = new Set(["manifest", "managed-block", "schema-file"]);
/** Findings that a change of one document mends. */
const BY_PATCH: ReadonlySet<string> = new Set(["no-uid", "passing-in-progress"]);
/** Findings that go away when what is committed is brought into the files. */
const BY_RECOVERY: ReadonlySet<string> = new Set(["stuck", "poisoned"]);

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
  const backup = new Backup(disk, `${BACKUP}/${stamp(storage)}`);
  if (mendable.some(({ rule }) => BY_INIT.has(rule))) {
    for (const { file, rule } of mendable) if (BY_INIT.has(rule)) backup.keep(file);
    const others = before.filter((finding) => !mendable.includes(finding));
    initRoot(disk, new Set(others.map(({ file }) => file)));
  }
  for (const { file, rule } of mendable) {
    if (BY_PATCH.has(rule)) await storage.commit((write) => patch(write, context, file, backup));
  }
  const left = await look();
  const stillThere = new Set(left.map(keyOf));
  const done = before.filter((finding) => !stillThere.has(keyOf(finding)));
  return { done, left, backup: backup.folder };
}

function isMendable(rule: string): boolean {
  return BY_INIT.has(rule) || BY_PATCH.has(rule) || BY_RECOVERY.has(rule);
}

function keyOf({ file, rule, line, message }: Finding): string {
  return JSON.stringify([file, rule, line, message]);
}

function stamp(storage: Storage): string {
  const time = storage.options.toIso(storage.options.nowMs()).replaceAll(/[:.]/g, "-");
  return `${time}-${storage.options.randomName()}`;
}

/** Writes what a document lacks, and says so in the log. */
function patch(write: Writing, context: StoreContext, path: string, backup: Backup): void {
  const file = write.get(FEATURES, nameOf(path));
  if (file === null || isFault(file)) return;
  const decoded = decodeFeature(file);
  if ("finding" in decoded) return;
  const { document } = decoded;
  const set = new Map<string, unknown>();
  if (document.uid === undefined) set.set("uid", uidOf(document));
  if (document.passes === true && document.inProgress === true) {
    set.set("inProgress", false);
    set.set("claim", null);
  }
  if (set.size === 0) return;
  backup.keep(path);
  write.put(FEATURES, nameOf(path), patchJson(file.text, set, [], FEATURE_DOCUMENT_KEYS));
  for (const [field, value] of set) {
    const event = {
      featureId: document.id,
      featureUid: uidOf(document),
      eventType: "updated",
      field,
      oldValue: textOf(document[field]),
      newValue: textOf(value),
      agent: null,
    };
    write.append(changeDraft(context, event, { note: "repair" }));
  }
}

/** Texts as they are, everything else as JSON; `null` for what is absent or null. */
function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Copies of files as they were before they were changed. */
class Backup {
  readonly #disk: Disk;
  readonly #folder: string;
  #isUsed = false;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
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
  }
}
