/**
 * Taking away contents that no key names. Whoever was stopped in the middle of it may go on when
 * others have long written, so nothing rests on the guard: contents are moved aside, a commit says
 * so, and only when that has won its number are they removed. A writer that counted on one of them
 * loses its own number to that commit, decides again, and finds it missing.
 */

import { FlowError, isFlowError } from "../errors.ts";
import type { BlobDocument } from "../model/blobs.ts";
import { badField, flagOrFalse } from "../model/given.ts";
import {
  ContentsAside,
  listContents,
  listParts,
  SILENT_PART_MS,
  type ContentFile,
} from "../storage/blob-files.ts";
import { BLOB_KEYS, nameOf } from "../storage/layout.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { attribution, requireNote, type ChangeNote, type StoreContext } from "./context.ts";
import type { Documents } from "./documents.ts";
import { isDocumentName } from "./feature-names.ts";

/** How contents that no key names are collected. */
export interface CollectBlobsOptions extends ChangeNote {
  /** Younger contents stay: their commit may be under way. In ms, 0 or more. Default one hour. */
  readonly olderThanMs?: number | undefined;
  /** Only says what would go. Default `false`. */
  readonly dryRun?: boolean | undefined;
}

/** What a collection came to. */
export interface CollectedBlobs {
  /** How many contents went. */
  readonly removed: number;
  /** Their size. */
  readonly bytes: number;
  /** How many contents stay. */
  readonly kept: number;
  /** How many contents went that their writers never finished; they were silent for an hour. */
  readonly unfinished: number;
}

const DOING = "Cannot collect blobs";
const HOUR_MS = 3_600_000;
/** A collection looks at the file of every key and content. */
const TIMEOUT_MS = 600_000;

/** See `Blobs.collect`. */
export async function collectBlobs(
  context: StoreContext,
  documents: Documents<BlobDocument>,
  options: CollectBlobsOptions,
): Promise<CollectedBlobs> {
  const {
    olderThanMs = HOUR_MS,
    dryRun,
    ...note
  } = requireNote(options, {
    olderThanMs: true,
    dryRun: true,
  });
  const isDry = flagOrFalse(DOING, "dryRun", dryRun);
  if (!(olderThanMs >= 0)) throw badField(DOING, "olderThanMs", "must be 0 or more");
  const { storage } = context;
  if (storage.isInTransaction) {
    throw new FlowError("BAD_REQUEST", `${DOING} inside a transaction: it may be undone`);
  }
  const collection = new Collection(context, documents, olderThanMs, note);
  return isDry ? collection.look() : collection.run();
}

class Collection {
  readonly #context: StoreContext;
  readonly #documents: Documents<BlobDocument>;
  readonly #olderThanMs: number;
  readonly #note: ChangeNote;

  constructor(
    context: StoreContext,
    documents: Documents<BlobDocument>,
    olderThanMs: number,
    note: ChangeNote,
  ) {
    this.#context = context;
    this.#documents = documents;
    this.#olderThanMs = olderThanMs;
    this.#note = note;
  }

  async look(): Promise<CollectedBlobs> {
    const named = await this.#context.storage.read((view) => this.#named(view));
    return this.#report(this.#unnamed(named), this.#silentParts().length);
  }

  async run(): Promise<CollectedBlobs> {
    const { storage } = this.#context;
    // What names nothing since a commit that a power cut may still take back names it again then.
    const earlier = await storage.read((view) => this.#named(view));
    await storage.recover();
    const aside = new ContentsAside(storage.disk);
    let report: CollectedBlobs;
    try {
      report = await storage.transaction(
        () => storage.commit((write) => this.#takeAside(write, aside, earlier)),
        TIMEOUT_MS,
      );
    } catch (error) {
      // Whatever it was: what was taken aside goes back, for somebody may name it by now.
      leavingRest(() => aside.putBack());
      throw error;
    }
    leavingRest(() => aside.drop());
    return report;
  }

  #takeAside(write: Writing, aside: ContentsAside, earlier: ReadonlySet<string>): CollectedBlobs {
    const named = this.#named(write);
    aside.takeBack();
    const unnamed = this.#unnamed(new Set([...named, ...earlier]));
    for (const { sha256 } of unnamed) aside.take(sha256);
    const parts = this.#silentParts();
    for (const path of parts) this.#context.storage.disk.remove(path);
    const report = this.#report(unnamed, parts.length);
    if (report.removed > 0) this.#log(write, report);
    return report;
  }

  #named(view: Reading | Writing): Set<string> {
    const named = new Set<string>();
    for (const file of view.list(BLOB_KEYS)) {
      if (!isDocumentName(nameOf(file.path))) continue;
      const decoded = this.#documents.decode(file);
      if ("error" in decoded) throw decoded.error;
      if (typeof decoded.value.deletedAt !== "string") named.add(decoded.value.sha256);
    }
    return named;
  }

  #unnamed(named: ReadonlySet<string>): ContentFile[] {
    const beforeMs = this.#context.storage.options.wallMs() - this.#olderThanMs;
    return listContents(this.#context.storage.disk).filter(
      ({ sha256, changedMs }) => !named.has(sha256) && changedMs <= beforeMs,
    );
  }

  #silentParts(): string[] {
    const { disk, options } = this.#context.storage;
    const sinceMs = options.wallMs() - SILENT_PART_MS;
    return listParts(disk)
      .filter(({ writtenMs }) => writtenMs < sinceMs)
      .map(({ path }) => path);
  }

  #report(unnamed: readonly ContentFile[], unfinished: number): CollectedBlobs {
    const gone = new Set(unnamed.map(({ sha256 }) => sha256));
    const left = listContents(this.#context.storage.disk).filter(({ sha256 }) => !gone.has(sha256));
    const bytes = unnamed.reduce((sum, one) => sum + one.bytes, 0);
    return { removed: unnamed.length, bytes, kept: left.length, unfinished };
  }

  #log(write: Writing, { removed, bytes }: CollectedBlobs): void {
    write.append({
      stream: "blobs",
      type: "blobs_collected",
      ...attribution(this.#context, this.#note),
      payload: { removed, bytes },
    });
  }
}

/** What the disk refuses now is found aside by readers, and by the next collection, which goes on. */
function leavingRest(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!isFlowError(error, "IO")) throw error;
  }
}
