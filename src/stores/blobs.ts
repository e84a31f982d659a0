/**
 * Blobs: bytes by key, each content once. The content is whole and durable before the commit that
 * names it; that commit is one small document, so it goes with events and rows into a transaction.
 */

import { setImmediate as letOthersRun } from "node:timers/promises";

import { FlowError, isFlowError } from "../errors.ts";
import {
  BLOB_SHAPE,
  isSha256,
  type BlobDocument,
  type BlobEntry,
  type BlobStat,
} from "../model/blobs.ts";
import { badField, requireInput, requireText, textOrNull } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import { toIso } from "../model/time.ts";
import {
  ContentWriter,
  damagedContent,
  pathOfContent,
  readContent,
  type WrittenContent,
} from "../storage/blob-files.ts";
import { BLOB_KEYS } from "../storage/layout.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { tooLarge } from "./call-size.ts";
import { collectBlobs, type CollectBlobsOptions, type CollectedBlobs } from "./blob-collection.ts";
import { requireNote, type StoreContext } from "./context.ts";
import { Documents, fileNameFor, namedAfter } from "./documents.ts";
import type { FindingListener } from "./told.ts";

/** Bytes: all at once, or as they come. */
export type BlobData = Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** What is put. */
export interface PutBlobInput {
  /** Any text that is not empty. */
  readonly key: string;
  readonly data: BlobData;
  /** A media type, such as `image/png`. Default: none. */
  readonly contentType?: string | undefined;
}

/** A blob with its bytes. */
export interface Blob extends BlobStat {
  readonly data: Buffer;
}

/** A blob with its bytes as they are read. */
export interface BlobStream extends BlobStat {
  /** Ends with `CORRUPT` where the content is not what was put. */
  readonly data: AsyncIterable<Buffer>;
}

const PUTTING = "Cannot put the blob";
/** So much of a content is written before others have their turn. */
const SLICE_BYTES = 1024 * 1024;
/** Also of what another store has of a content. */
const PUT_NAMES = { key: true, data: true, contentType: true, sha256: true, size: true } as const;
/** A content that is collected between its writing and its commit is written again. */
const MAX_PUT_TRIES = 3;

/** Bytes by key. */
export class Blobs {
  readonly #context: StoreContext;
  readonly #documents: Documents<BlobDocument>;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#documents = blobDocuments(context.findings);
  }

  /**
   * Gives a key its content, in place of an earlier one. A stream is taken chunk by chunk, in flat
   * memory; when it throws, nothing has happened.
   *
   * @throws FlowError `BAD_REQUEST`; `CORRUPT` when the key's file cannot be used; whatever the
   * stream throws.
   */
  async put(input: PutBlobInput): Promise<BlobEntry> {
    const given = requireInput(PUTTING, input);
    requireNote(input, PUT_NAMES, "input");
    const key = requireText(PUTTING, "key", given["key"]);
    const contentType = textOrNull(PUTTING, "contentType", given["contentType"]);
    const data = requireData(given["data"]);
    await this.#makeReady();
    for (let tries = 1; ; tries += 1) {
      const { sha256, size } = await this.#write(data);
      const type = contentType === null ? {} : { contentType };
      const entry: BlobEntry = { key, sha256, size, ...type };
      if (await this.#name(entry)) return entry;
      if (!(data instanceof Uint8Array) || tries === MAX_PUT_TRIES) {
        throw new FlowError("CONFLICT", `${PUTTING} ${shown(key)}: its content was collected`, {
          context: { key, retryable: true },
        });
      }
    }
  }

  /** A fresh clone has no `local/`; the first commit makes it, with what git shall ignore. */
  async #makeReady(): Promise<void> {
    await this.#context.storage.commit(() => undefined);
  }

  async #write(data: BlobData): Promise<WrittenContent> {
    const { disk, options } = this.#context.storage;
    const writer = new ContentWriter(disk, options.randomName(), options.durability !== "none");
    try {
      for await (const chunk of data instanceof Uint8Array ? [data] : data) {
        if (!(chunk instanceof Uint8Array)) {
          throw badField(PUTTING, "data", `must give bytes, not ${shown(chunk)}`);
        }
        for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
          writer.write(chunk.subarray(at, at + SLICE_BYTES));
          await letOthersRun();
        }
      }
      return writer.finish();
    } catch (error) {
      // Whatever the caller's stream or the disk throws goes on; the part does not stay.
      writer.abort();
      throw error;
    }
  }

  /** Commits the key; `false` when the content is gone by then. */
  async #name(entry: BlobEntry): Promise<boolean> {
    const { storage } = this.#context;
    const commit = storage.commit((write) => {
      // A collection holds the guard, as this decision does: what is here now stays.
      if (storage.disk.stat(pathOfContent(entry.sha256))?.size !== entry.size) return false;
      this.#documents.write(write, BLOB_KEYS, fileNameFor(entry.key), entry);
      return true;
    });
    return tooLarge(commit);
  }

  /**
   * A blob with its bytes; `null` when the key has none.
   *
   * @throws FlowError `CORRUPT` when the content is missing or not what was put, `BAD_REQUEST`.
   */
  async get(key: string): Promise<Blob | null> {
    for (;;) {
      const stream = await this.stream(key);
      if (stream === null) return null;
      try {
        const chunks: Buffer[] = [];
        for await (const chunk of stream.data) chunks.push(chunk);
        const data = Buffer.concat(chunks);
        // A hand may have changed the size that its document says: `check` names that.
        return { ...stream, size: data.length, data };
      } catch (error) {
        // The key got another content and the one that it had was collected: what it has now counts.
        if (!isFlowError(error, "CONFLICT")) throw error;
      }
    }
  }

  /**
   * A blob whose bytes are read as they are asked for, in flat memory; `null` when the key has none.
   *
   * @throws FlowError `CORRUPT` while it is read: when the content is missing, at its end when it is
   * not what was put; `CONFLICT`, retryable, when the key got another one and this was collected
   * before the reading began.
   */
  async stream(key: string): Promise<BlobStream | null> {
    const entry = await this.#entry(key);
    if (entry === null) return null;
    return { ...statOf(entry), data: this.#bytes(entry) };
  }

  async *#bytes(entry: BlobDocument): AsyncGenerator<Buffer, void, void> {
    const reader = readContent(this.#context.storage.disk, entry.sha256);
    if (reader === null) throw await this.#missing(entry);
    try {
      for (let chunk = reader.next(); chunk !== null; chunk = reader.next()) {
        yield chunk;
        await letOthersRun();
      }
    } finally {
      reader.close();
    }
  }

  async #missing({ key, sha256 }: BlobDocument): Promise<FlowError> {
    const now = await this.#entry(key);
    if (now?.sha256 === sha256) return damagedContent(pathOfContent(sha256), "it is missing");
    const why = "the key got another content, and this one was collected before it was read";
    return new FlowError("CONFLICT", `Cannot read the blob ${shown(key)}: ${why}`, {
      context: { key, retryable: true },
    });
  }

  /** What is known of a blob, without reading its content; `null` when the key has none. */
  async stat(key: string): Promise<BlobStat | null> {
    const entry = await this.#entry(key);
    return entry === null ? null : statOf(entry);
  }

  async #entry(key: string): Promise<BlobDocument | null> {
    requireText("Cannot look at the blob", "key", key);
    return this.#context.storage.read((view) => this.#look(view, key));
  }

  #look(view: Reading | Writing, key: string): BlobDocument | null {
    return this.#documents.read(view, BLOB_KEYS, fileNameFor(key));
  }

  /** Every key and what it has, in the order of keys. A file that cannot be used is reported. */
  async list(): Promise<BlobEntry[]> {
    const { storage } = this.#context;
    const stored = await storage.read((view) => this.#documents.list(view, BLOB_KEYS));
    return stored
      .map(({ value }) => ({ key: value.key, ...statOf(value) }))
      .sort((left, right) => (left.key < right.key ? -1 : 1));
  }

  /**
   * Takes a key away; its content stays until it is collected.
   *
   * @returns whether there was one.
   * @throws FlowError `BAD_REQUEST`; `CORRUPT` when the key's file cannot be used.
   */
  async delete(key: string): Promise<boolean> {
    requireText("Cannot delete the blob", "key", key);
    const deletedAt = toIso(this.#context.nowMs());
    return this.#context.storage.commit((write) => {
      const entry = this.#look(write, key);
      if (entry === null) return false;
      this.#documents.write(write, BLOB_KEYS, fileNameFor(key), { ...entry, deletedAt });
      return true;
    });
  }

  /**
   * Removes contents that no key names any more, and what killed writers left. Nothing else does;
   * other processes may go on reading and writing meanwhile. Logs `blobs_collected` in the stream
   * `blobs` where contents went.
   *
   * @throws FlowError `BAD_REQUEST`, also inside a transaction; `CORRUPT` when the file of some key
   * cannot be used: nobody knows then what it names; `CONFLICT`, retryable, when this process was
   * stopped and others went on.
   */
  async collect(options: CollectBlobsOptions = {}): Promise<CollectedBlobs> {
    return collectBlobs(this.#context, this.#documents, options);
  }
}

function statOf({ size, contentType, sha256 }: BlobDocument): BlobStat {
  return { size, ...(contentType === undefined ? {} : { contentType }), sha256 };
}

function requireData(data: unknown): BlobData {
  if (data instanceof Uint8Array) return data;
  const isObject = typeof data === "object" && data !== null;
  if (isObject && (Symbol.asyncIterator in data || Symbol.iterator in data)) {
    return data as AsyncIterable<Uint8Array>;
  }
  throw badField(PUTTING, "data", `must be bytes or a stream of them, not ${shown(data)}`);
}

/** The documents of all keys. */
export function blobDocuments(findings: FindingListener): Documents<BlobDocument> {
  return new Documents(BLOB_SHAPE, findings, (name, value) => {
    if (!isSha256(value.sha256)) return `sha256 must be 64 hex digits, not ${shown(value.sha256)}`;
    return namedAfter<BlobDocument>(({ key }) => key)(name, value);
  });
}
