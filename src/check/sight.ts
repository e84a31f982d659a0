/** What a check looks at: the documents and the log of one state. */

import type { Finding } from "../finding.ts";
import type { FeatureDocument } from "../model/schema.ts";
import { decodeFeature } from "../stores/feature-decode.ts";
import { documentsOf } from "../stores/feature-files.ts";
import { idInName } from "../stores/feature-names.ts";
import type { IndexedReader } from "../storage/indexed-reader.ts";
import { EVENTS, nameOf } from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";
import { isFault } from "../storage/files.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { repeatedKeysWithin } from "./repeated-keys.ts";

export interface Sight {
  readonly storage: Storage;
  readonly view: Reading | Writing;
  /** Whether all is read anew: every line of the log, every byte of blobs. */
  readonly isFresh: boolean;
  /** `null` where `events` is a link or a file: nothing is read through it. */
  readonly log: IndexedReader | null;
}

/** What `view` and the log show together; `isFresh`: by a look at every line. */
export function sightOf(storage: Storage, view: Reading | Writing, isFresh: boolean): Sight {
  if (storage.disk.stat(EVENTS)?.isDirectory() === false)
    return { storage, view, isFresh, log: null };
  const log = isFresh ? storage.freshReaderIn(view) : storage.readerIn(view);
  return { storage, view, isFresh, log };
}

/** A feature's file that can be used, a tombstone's too. */
export interface FeatureFile {
  readonly file: string;
  readonly text: string;
  readonly document: FeatureDocument;
}

/** The files of features, and why others in their place cannot be used. */
export function featureFilesOf(view: Reading | Writing): {
  files: FeatureFile[];
  findings: Finding[];
  /** The ids of those that cannot be used, as far as they can be told. */
  damagedIds: ReadonlySet<number>;
} {
  const findings: Finding[] = [];
  const files: FeatureFile[] = [];
  const damagedIds = new Set<number>();
  for (const file of documentsOf(view)) {
    const decoded = decodeFeature(file);
    if ("finding" in decoded) {
      findings.push(decoded.finding);
      const id = decoded.id ?? idInName(nameOf(file.path));
      if (id !== null) damagedIds.add(id);
    } else if (!isFault(file)) {
      files.push({ file: file.path, text: file.text, document: decoded.document });
    }
  }
  return { files, findings, damagedIds };
}

/** Keys that stand twice in a document, as a merge may leave them. */
export function repeatedKeyProblems(file: string, text: string): Finding[] {
  return repeatedKeysWithin(text).map((key) => ({
    file,
    rule: "repeated-key",
    severity: "error",
    message: `${file} holds the key ${JSON.stringify(key)} more than once; the last one counts`,
  }));
}
