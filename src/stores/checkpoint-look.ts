/** The documents of a scope as they are now, each with its exact text. */

import type { CheckpointScope } from "../model/checkpoints.ts";
import { isFault, type Document } from "../storage/files.ts";
import { CLAIMS, folderOf, inFolder, nameOf } from "../storage/layout.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { kindsOf, type CheckpointKind, type Described } from "./checkpoint-kinds.ts";
import { vanished, type Damaged } from "./document-decode.ts";
import { isDocumentName } from "./feature-names.ts";
import { refuseNoFolder } from "./gap-files.ts";
import { NOBODY } from "./told.ts";

/** A file in the place of a document. */
export interface FoundDocument {
  readonly path: string;
  readonly kind: CheckpointKind;
  /** `null` for bytes that are no text, and for what is no file. */
  readonly text: string | null;
  readonly described: Described | Damaged;
}

/** Every document of a scope, and the leases. */
export interface ScopeLook {
  readonly documents: ReadonlyMap<string, FoundDocument>;
  /** Texts of leases by path; none without features in the scope. */
  readonly leases: ReadonlyMap<string, string>;
}

/**
 * Looks at every file of a scope itself, however lately it was looked at.
 *
 * @throws FlowError `CORRUPT` when something else stands where a folder belongs; `IO` of a passing
 * kind: a copy would lack what is only busy now.
 */
export function lookAt(view: Reading | Writing, scope: readonly CheckpointScope[]): ScopeLook {
  const documents = new Map<string, FoundDocument>();
  for (const kind of kindsOf(scope)) {
    refuseNoFolder(view, "", kind.folder, NOBODY);
    for (const folder of kind.folders(view)) {
      refuseNoFolder(view, folderOf(folder), nameOf(folder), NOBODY);
      for (const name of view.names(folder).filter(isDocumentName)) {
        const found = foundAt(kind, inFolder(folder, name), view.get(folder, name));
        if (found !== null) documents.set(found.path, found);
      }
    }
  }
  return { documents, leases: scope.includes("features") ? leasesIn(view) : new Map() };
}

function foundAt(kind: CheckpointKind, path: string, file: Document | null): FoundDocument | null {
  if (file === null) {
    const described = vanished(path);
    return described === null ? null : { path, kind, text: null, described };
  }
  const described = kind.describe(file);
  if (isDamaged(described) && described.error.retryable) throw described.error;
  return { path, kind, text: isFault(file) ? null : file.text, described };
}

function leasesIn(view: Reading | Writing): Map<string, string> {
  const leases = new Map<string, string>();
  for (const name of view.names(CLAIMS).filter(isDocumentName)) {
    const file = view.get(CLAIMS, name);
    // One that cannot be read counts for nobody; `check` names it.
    if (file !== null && !isFault(file)) leases.set(inFolder(CLAIMS, name), file.text);
  }
  return leases;
}

export function isDamaged(described: Described | Damaged): described is Damaged {
  return "finding" in described;
}

/** The kind that a path belongs to; `null` for one that no document of the scope can have. */
export function kindOfPath(path: string, scope: readonly CheckpointScope[]): CheckpointKind | null {
  if (!isDocumentName(nameOf(path))) return null;
  return kindsOf(scope).find((kind) => kind.holds(folderOf(path))) ?? null;
}
