/**
 * Checkpoints as files: a folder for each, with `manifest.json`, which describes it, and
 * `documents.json`, which holds the exact text of each document, one a line. One file and not one
 * a document: 10,000 features are saved, checked and brought back as two files, and a copy is
 * there whole or not at all.
 */

import { hash } from "node:crypto";

import { FlowError } from "../errors.ts";
import { isPlainObject, shown } from "../model/json-values.ts";
import {
  CHECKPOINT_SHAPE,
  noSuchCheckpoint,
  type CheckpointDocument,
} from "../model/checkpoints.ts";
import { isFault, type Document } from "../storage/files.ts";
import { formatJson } from "../storage/json-text.ts";
import { CHECKPOINTS, inFolder } from "../storage/layout.ts";
import { encodeName } from "../storage/names.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { damaged, decodeJson, unreadable, type Damaged } from "./document-decode.ts";
import { Documents, placeProblem } from "./documents.ts";
import { isFolder } from "./gap-files.ts";
import { NOBODY, type FindingListener } from "./told.ts";

const MANIFEST = "manifest.json";
const CONTENT = "documents.json";

/** Whether a file of that name can be a part of a checkpoint. */
export function isCheckpointFile(name: string): boolean {
  return name === MANIFEST || name === CONTENT;
}

/** Texts by path. */
export type Texts = ReadonlyMap<string, string>;

/** What a checkpoint holds. */
export interface CheckpointContent {
  readonly documents: Texts;
  /** The leases of features, which lie in `local/` too. */
  readonly leases: Texts;
}

/** What `manifest.json` says beside what follows from the content. */
export type CheckpointLabel = Omit<CheckpointDocument, "documents" | "bytes" | "sha256">;

/** The checkpoints of one look. */
export class CheckpointFiles {
  readonly #view: Reading | Writing;
  readonly #findings: FindingListener;

  constructor(view: Reading | Writing, findings: FindingListener) {
    this.#view = view;
    this.#findings = findings;
  }

  /** What describes every checkpoint. What cannot be used is reported. */
  all(): CheckpointDocument[] {
    return this.#view.names(CHECKPOINTS).flatMap((name) => {
      const isNone = name.startsWith(".") || this.#isNoFolder(name);
      const decoded = isNone ? null : this.#manifestIn(inFolder(CHECKPOINTS, name));
      if (decoded === null) return [];
      if ("value" in decoded) return [decoded.value];
      if (decoded.error.retryable) throw decoded.error;
      this.#findings.report(decoded.finding);
      return [];
    });
  }

  /** Nothing is read through a link; `check` says what stands there. */
  #isNoFolder(name: string): boolean {
    const found = this.#view.get(CHECKPOINTS, name);
    return found !== null && !isFolder(found);
  }

  #manifestIn(folder: string): { readonly value: CheckpointDocument } | Damaged | null {
    const file = this.#view.get(folder, MANIFEST);
    if (file !== null) return manifests(folder, NOBODY).decode(file);
    // What was deleted leaves an empty folder.
    if (this.#view.get(folder, CONTENT) === null) return null;
    const path = inFolder(folder, MANIFEST);
    return ofCopy(damaged(path, "missing", "it is not there, though its documents are"));
  }

  /** Whether there is one of that name, be it damaged. */
  has(name: string): boolean {
    return this.manifestFile(name) !== null;
  }

  /** The file that describes a checkpoint. */
  manifestFile(name: string): Document | null {
    return this.#view.get(folderFor(name), MANIFEST);
  }

  /**
   * What describes a checkpoint; `null` when there is none.
   *
   * @throws FlowError `CORRUPT`.
   */
  find(name: string): CheckpointDocument | null {
    const folder = folderFor(name);
    return manifests(folder, this.#findings).read(this.#view, folder, MANIFEST);
  }

  /**
   * A checkpoint with its content.
   *
   * @throws FlowError `NOT_FOUND`; `CORRUPT` when a file of it is missing, damaged or edited.
   */
  read(name: string): { manifest: CheckpointDocument; content: CheckpointContent } {
    const manifest = this.find(name);
    if (manifest === null) throw noSuchCheckpoint(name);
    const path = inFolder(folderFor(name), CONTENT);
    const content = contentOf(path, this.#view.get(folderFor(name), CONTENT), manifest);
    if (!("error" in content)) return { manifest, content };
    this.#findings.report(content.finding);
    throw content.error;
  }
}

/** Writes a checkpoint whole, in place of one of that name. */
export function writeCheckpoint(
  write: Writing,
  label: CheckpointLabel,
  { documents, leases }: CheckpointContent,
): CheckpointDocument {
  const text = formatJson({
    documents: Object.fromEntries(documents),
    leases: Object.fromEntries(leases),
  });
  let bytes = 0;
  for (const document of documents.values()) bytes += Buffer.byteLength(document);
  const manifest = { ...label, documents: documents.size, bytes, sha256: sha256(text) };
  const folder = folderFor(label.name);
  dropCheckpoint(write, label.name);
  manifests(folder, NOBODY).write(write, folder, MANIFEST, manifest);
  write.put(folder, CONTENT, text);
  return manifest;
}

/**
 * Drops the files of a checkpoint, damaged ones too.
 *
 * @throws FlowError `CORRUPT` or `IO` for one that is no file or cannot be read.
 */
export function dropCheckpoint(write: Writing, name: string): void {
  const folder = folderFor(name);
  for (const file of [MANIFEST, CONTENT]) {
    const found = write.get(folder, file);
    if (found !== null && isFault(found) && found.fault.code !== "CORRUPT") {
      throw unreadable(found).error;
    }
    write.drop(folder, file);
  }
}

function folderFor(name: string): string {
  return inFolder(CHECKPOINTS, encodeName(name));
}

function manifests(folder: string, findings: FindingListener): Documents<CheckpointDocument> {
  return new Documents(CHECKPOINT_SHAPE, findings, (_, { name }) =>
    placeProblem(name, folderFor, folder),
  );
}

function sha256(text: string): string {
  return hash("sha256", text, "hex");
}

function contentOf(
  path: string,
  file: Document | null,
  manifest: CheckpointDocument,
): CheckpointContent | Damaged {
  if (file === null) return ofCopy(damaged(path, "missing", "it is not there"));
  if (isFault(file)) return unreadable(file);
  if (sha256(file.text) !== manifest.sha256) {
    return ofCopy(damaged(path, "checksum", "it is not what was saved: its checksum is another"));
  }
  const json = decodeJson(path, file.text);
  if (!("value" in json)) return json;
  const { documents, leases } = (json.value ?? {}) as { documents?: unknown; leases?: unknown };
  if (!areTexts(documents) || !areTexts(leases)) {
    return ofCopy(damaged(path, "schema", "it does not hold the texts of documents"));
  }
  return { documents: new Map(Object.entries(documents)), leases: new Map(Object.entries(leases)) };
}

/** What is to be said of a copy that names what no document of its scope can be. */
export function noDocument(name: string, path: string): Damaged {
  const content = inFolder(folderFor(name), CONTENT);
  return ofCopy(damaged(content, "schema", `${shown(path)} is no document of its scope`));
}

/** Of a copy, which nobody can mend: git does not have it, and an editor would change it more. */
function ofCopy({ finding, error }: Damaged): Damaged {
  const hint = "Go back to another checkpoint; checkpoint delete removes this one.";
  const { message, context } = error;
  return { finding, error: new FlowError("CORRUPT", message, { context, hint }) };
}

function areTexts(value: unknown): value is Record<string, string> {
  return isPlainObject(value) && Object.values(value).every((one) => typeof one === "string");
}
