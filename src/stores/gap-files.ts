/** The gaps of one epic as files: which file holds which, and which cannot be used. */

import { FlowError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import {
  compareGaps,
  GAP_SHAPE,
  isSameCapability,
  mayHold,
  uidOfGap,
  type GapDocument,
  type GapRef,
} from "../model/gaps.ts";
import { shown } from "../model/json-values.ts";
import { isFault, type Document } from "../storage/files.ts";
import { GAPS, inFolder, nameOf } from "../storage/layout.ts";
import { encodeName } from "../storage/names.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { damaged, finding, vanished, type Damaged } from "./document-decode.ts";
import { Documents, isTombstone, placeProblem } from "./documents.ts";
import { idInName, isDocumentName, suffixOf } from "./feature-names.ts";
import type { FindingListener } from "./told.ts";

/** A gap and the name of its file. */
export interface GapFile {
  readonly name: string;
  readonly document: GapDocument;
}

/** A file that bears a gap's name and cannot be used. */
interface BadFile extends Damaged {
  readonly name: string;
}

/** Where the gaps of an epic lie. */
export function gapFolder(epicId: string): string {
  return inFolder(GAPS, encodeName(epicId));
}

/** The documents of one epic's folder. */
export function gapDocuments(folder: string, findings: FindingListener): Documents<GapDocument> {
  return new Documents(GAP_SHAPE, findings, (name, { id, epicId }) => {
    const named = idInName(name);
    if (named !== null && named !== id) return `its name says gap ${named}, its content gap ${id}`;
    return placeProblem(epicId, gapFolder, folder, "a gap of ");
  });
}

/** What the folder of one epic says, in one look. */
export class GapFiles {
  readonly #epicId: string;
  readonly #findings: FindingListener;
  readonly #files: GapFile[] = [];
  readonly #bad: BadFile[] = [];

  /**
   * Looks at every file.
   *
   * @throws FlowError `CORRUPT` when something else stands where a folder belongs.
   */
  constructor(view: Reading | Writing, epicId: string, findings: FindingListener) {
    this.#epicId = epicId;
    this.#findings = findings;
    const folder = gapFolder(epicId);
    refuseNoFolder(view, "", GAPS, findings);
    refuseNoFolder(view, GAPS, nameOf(folder), findings);
    const documents = gapDocuments(folder, findings);
    const files = new Map(view.list(folder).map((file) => [nameOf(file.path), file]));
    for (const name of view.names(folder).filter(isDocumentName)) {
      const file = files.get(name);
      const path = inFolder(folder, name);
      const decoded = file === undefined ? vanished(path) : documents.decode(file);
      if (decoded === null) continue;
      if ("value" in decoded) this.#files.push({ name, document: decoded.value });
      else this.#bad.push({ name, ...decoded });
    }
    this.#files.sort((left, right) => compareGaps(left.document, right.document));
  }

  /**
   * The living gaps by id and uid. What cannot be used, and ids that several bear, are reported.
   *
   * @throws FlowError `IO` of a passing kind: the list would lack what is only busy now.
   */
  all(): GapFile[] {
    const busy = this.#bad.find(({ error }) => error.retryable);
    if (busy !== undefined) throw busy.error;
    const folder = gapFolder(this.#epicId);
    const living = this.#files.filter(({ document }) => !isTombstone(GAP_SHAPE, document));
    const found = [...this.#bad.map((one) => one.finding), ...sharedGapIds(folder, living)];
    for (const one of found) this.#findings.report(one);
    this.#findings.settle(folder, found);
    return living;
  }

  /**
   * The same for a gate, which must not pass because a file could not be read.
   *
   * @throws FlowError `CORRUPT` or `IO` of the first file that cannot be used.
   */
  allForGate(): GapFile[] {
    const [first] = this.#bad;
    if (first === undefined) return this.all();
    for (const { finding: told } of this.#bad) this.#findings.report(told);
    throw first.error;
  }

  /**
   * The living gap of that id or uid.
   *
   * @throws FlowError `NOT_FOUND`; `CONFLICT` with `context.uids` when several bear the id;
   * `CORRUPT` when a file whose name says that it is the one cannot be used.
   */
  find(ref: GapRef): GapFile {
    const isId = typeof ref === "number";
    const found = this.all().filter(({ document }) =>
      isId ? document.id === ref : uidOfGap(document) === ref,
    );
    const bad = this.#bad.find(({ name }) =>
      isId ? idInName(name) === ref : name.endsWith(`${suffixOf(ref)}.json`),
    );
    // Of an id it may be the second bearer; a uid that was found is the one.
    if (bad !== undefined && (isId || found.length === 0)) throw bad.error;
    return this.one(found, `gap ${ref}`, isId ? { id: ref } : { uid: ref });
  }

  /** The living gaps of a capability. */
  ofCapability(capability: string): GapFile[] {
    return this.all().filter(({ document }) => isSameCapability(document.capability, capability));
  }

  /**
   * Refuses when a file that cannot be used may hold a capability.
   *
   * @throws FlowError `CORRUPT`, `IO`.
   */
  refuseUnclear(capability: string): void {
    const bad = this.#bad.find(({ name }) => mayHold(name, capability));
    if (bad !== undefined) throw bad.error;
  }

  /**
   * The only one of `found`.
   *
   * @param what how it was named
   * @throws FlowError `NOT_FOUND` for none, `CONFLICT` with `context.uids` for several.
   */
  one(found: readonly GapFile[], what: string, named: Readonly<Record<string, unknown>>): GapFile {
    const context = { kind: "gap", epicId: this.#epicId, ...named };
    const [first, ...others] = found;
    if (first === undefined) {
      const message = `There is no ${what} in ${shown(this.#epicId)}`;
      throw new FlowError("NOT_FOUND", message, { context });
    }
    if (others.length === 0) return first;
    const uids = found.map(({ document }) => uidOfGap(document));
    const isCopied = new Set(uids).size < uids.length;
    throw new FlowError("CONFLICT", `Cannot tell which gap is meant: ${what} is ${uids.length}`, {
      context: { ...context, uids },
      hint: isCopied
        ? "Several files bear the same uid, as a copied file does; give one of them another."
        : `Name the one you mean by its uid: ${uids.join(", ")}.`,
    });
  }

  /** The highest id in any name or content, of removed and damaged files as well. */
  highestId(): number {
    const names = [...this.#files, ...this.#bad].map(({ name }) => idInName(name) ?? 0);
    const ids = this.#files.map(({ document }) => document.id);
    return [...names, ...ids].reduce((highest, id) => Math.max(highest, id), 0);
  }
}

/** Ids that several living gaps of an epic bear, as after a merge; one finding a file. */
export function sharedGapIds(folder: string, living: readonly GapFile[]): Finding[] {
  const byId = new Map<number, GapFile[]>();
  for (const file of living) {
    const group = byId.get(file.document.id);
    if (group === undefined) byId.set(file.document.id, [file]);
    else group.push(file);
  }
  if (byId.size === living.length) return [];
  return living.flatMap(({ name, document }) => {
    const bearers = byId.get(document.id) ?? [];
    if (bearers.length < 2) return [];
    const others = bearers.map((other) => inFolder(folder, other.name)).join(", ");
    const { id, epicId } = document;
    const advice = `name this one by its uid ${uidOfGap(document)}`;
    const message = `${bearers.length} gaps of ${shown(epicId)} bear the id ${id}: ${others}; ${advice}`;
    return [finding(inFolder(folder, name), "duplicate-id", message)];
  });
}

/**
 * A file or a link in the place of a folder would read as an empty one.
 *
 * @throws FlowError `CORRUPT`.
 */
export function refuseNoFolder(
  view: Reading | Writing,
  parent: string,
  name: string,
  findings: FindingListener,
): void {
  const found = view.get(parent, name);
  const path = inFolder(parent, name);
  if (found === null || isFolder(found)) {
    findings.fine(path);
    return;
  }
  const bad = damaged(path, "not-a-folder", "a folder belongs there");
  findings.report(bad.finding);
  throw bad.error;
}

/** Whether what was found at a path is a folder. */
export function isFolder(found: Document): boolean {
  return isFault(found) && found.fault.context["errno"] === "EISDIR";
}
