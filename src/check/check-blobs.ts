/** What can be wrong with blobs: the documents of keys, and contents that are not what they name. */

import type { Disk } from "../disk/disk.ts";
import { isFlowError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import type { BlobDocument } from "../model/blobs.ts";
import {
  listParts,
  pathOfContent,
  readContent,
  SILENT_PART_MS,
  sizeOfContent,
} from "../storage/blob-files.ts";
import { BLOB_KEYS, BLOBS, inFolder } from "../storage/layout.ts";
import { blobDocuments } from "../stores/blobs.ts";
import { finding } from "../stores/document-decode.ts";
import { NOBODY } from "../stores/told.ts";
import { isFolder, usableIn } from "./check-work.ts";
import type { Sight } from "./sight.ts";

/** Every problem of blobs. A fresh look reads every content, another one asks for its size alone. */
export function findBlobProblems(sight: Sight): Finding[] {
  if (!isFolder(sight, BLOBS) || !isFolder(sight, BLOB_KEYS)) return leftParts(sight);
  const { usable, findings } = usableIn(sight, BLOB_KEYS, blobDocuments(NOBODY));
  const looked = new Map<string, string | null>();
  for (const { name, value } of usable) {
    if (typeof value.deletedAt === "string") continue;
    const id = `${value.sha256} ${value.size}`;
    if (!looked.has(id)) looked.set(id, contentProblem(sight, value));
    const problem = looked.get(id) ?? null;
    const file = inFolder(BLOB_KEYS, name);
    if (problem !== null) findings.push(finding(file, "blob-content", `${file}: ${problem}`));
  }
  return [...findings, ...leftParts(sight)];
}

function contentProblem(
  { storage, isFresh }: Sight,
  { sha256, size }: BlobDocument,
): string | null {
  const path = pathOfContent(sha256);
  try {
    const look = isFresh ? readThrough : sizeOfContent;
    const bytes = look(storage.disk, sha256);
    if (bytes === null) return `its content ${path} is missing`;
    return bytes === size ? null : `its size is to be ${size}, and ${path} has ${bytes} bytes`;
  } catch (error) {
    // Not readable, or another content than its name says: both are told.
    if (!isFlowError(error)) throw error;
    return error.message;
  }
}

/** How many bytes a content has; `null` when it is missing. */
function readThrough(disk: Disk, sha256: string): number | null {
  const reader = readContent(disk, sha256);
  if (reader === null) return null;
  let bytes = 0;
  try {
    for (let chunk = reader.next(); chunk !== null; chunk = reader.next()) bytes += chunk.length;
  } finally {
    reader.close();
  }
  return bytes;
}

/** What killed writers left of contents; `blob gc` removes it. */
function leftParts({ storage }: Sight): Finding[] {
  const silentSinceMs = storage.options.wallMs() - SILENT_PART_MS;
  return listParts(storage.disk)
    .filter(({ writtenMs }) => writtenMs < silentSinceMs)
    .map(({ path }) => {
      const message = `${path} is a content that nobody has gone on writing for an hour; flowstore blob gc removes it`;
      return { file: path, rule: "unfinished-blob", severity: "warning", message };
    });
}
