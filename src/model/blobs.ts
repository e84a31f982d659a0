/** Blobs: bytes by key; the document says which content a key has. */
import { integer, nullable, optional, text, time, type Shape } from "./shape.ts";

/** What is known of a blob without its bytes. */
export interface BlobStat {
  /** In bytes. */
  readonly size: number;
  /** As it was given, such as `image/png`; absent when it was not. */
  readonly contentType?: string | undefined;
  /** The SHA-256 of its content, 64 hex digits. */
  readonly sha256: string;
}

/** A key and its content. */
export interface BlobEntry extends BlobStat {
  readonly key: string;
}

/** What a key has, as it lies in its file. */
export interface BlobDocument extends BlobEntry {
  /** Only on tombstones. */
  readonly deletedAt?: string | null | undefined;
}

const SHA256 = /^[0-9a-f]{64}$/;

export const BLOB_SHAPE: Shape<BlobDocument> = {
  name: "blob",
  about: "Which content a key has.",
  fields: {
    key: text("Its own among all blobs; the file is named after it."),
    sha256: text("The SHA-256 of the content, which lies in blobs/data."),
    size: integer("Of the content, in bytes.", 0),
    contentType: optional(text("The media type.")),
    deletedAt: optional(nullable(time("When it was deleted; a tombstone."))),
  },
};

/** Whether a text names a content. */
export function isSha256(name: string): boolean {
  return SHA256.test(name);
}
