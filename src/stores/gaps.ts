/** Gaps: what epics lack, and the gate that looks at them. */

import { FlowError } from "../errors.ts";
import { isRef } from "../model/feature-inputs.ts";
import {
  gapDraft,
  gapFileName,
  gapOf,
  gateOf,
  idAfter,
  isResolved,
  mostOpen,
  newGap,
  requireCapability,
  requireGapStatus,
  uidOfGap,
  type AddGapInput,
  type Gap,
  type GapDocument,
  type GapGate,
  type GapRef,
  type GapStatus,
} from "../model/gaps.ts";
import { requireText } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import { toIso } from "../model/time.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { attribution, requireOptions, type ChangeNote, type StoreContext } from "./context.ts";
import { gapDocuments, GapFiles, gapFolder, type GapFile } from "./gap-files.ts";
import { commitNoted, noteWith } from "./noted-commit.ts";

/** Which gaps a list holds. */
export interface ListGapsOptions {
  /** Default: all. */
  readonly status?: GapStatus | undefined;
}

/** What `add` did. */
export interface AddedGap {
  readonly gap: Gap;
  /** Whether it is a new one. */
  readonly created: boolean;
  /** Whether it was resolved and is open again. */
  readonly reopened: boolean;
}

/** What resolving did. */
export interface ResolvedGap {
  readonly gap: Gap;
  /** False when it was resolved before: then its evidence and its time stay. */
  readonly changed: boolean;
}

/** The gaps of epics. An epic is any text; none has to be made before. */
export class Gaps {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /**
   * Opens a gap. Of one capability (without case and the blanks around it) an epic has one gap: an
   * open one is returned as it is, a resolved one is opened again, its evidence kept in the event.
   *
   * @throws FlowError `BAD_REQUEST`; `CORRUPT` when a file that cannot be used may hold the same
   * capability.
   */
  async add(input: AddGapInput, options: ChangeNote = {}): Promise<AddedGap> {
    const draft = gapDraft(input);
    const note = noteWith(input, ["agent", "note"], options);
    const { epicId, capability } = draft;
    return commitNoted(this.#context, note, [draft], (write) => {
      const files = this.#look(write, epicId);
      const known = mostOpen(files.ofCapability(capability));
      if (known !== null && !isResolved(known.document)) {
        return { gap: gapOf(known.document), created: false, reopened: false };
      }
      files.refuseUnclear(capability);
      if (known !== null) {
        return { gap: this.#reopen(write, known, note), created: false, reopened: true };
      }
      const own = { id: idAfter(files.highestId(), epicId), uid: this.#context.newUid() };
      const document = newGap(draft, { ...own, createdAt: this.#now() });
      this.#put(write, { name: gapFileName(document), document });
      const { priority, source, taskId } = draft;
      this.#log(write, document, "gap_opened", note, { priority, source, taskId });
      return { gap: gapOf(document), created: true, reopened: false };
    });
  }

  /**
   * The gaps of an epic by id; after a merge two may bear one. A file that cannot be used is left
   * out and reported.
   *
   * @throws FlowError `BAD_REQUEST` for an unknown status.
   */
  async list(epicId: string, options: ListGapsOptions = {}): Promise<Gap[]> {
    requireText("Cannot list gaps", "epicId", epicId);
    const status = requireGapStatus(requireOptions(options, { status: true }).status);
    const gaps = await this.#context.storage.read((view) => this.#look(view, epicId).all());
    return gaps
      .map(({ document }) => gapOf(document))
      .filter((gap) => status === undefined || gap.status === status);
  }

  /**
   * Resolves a gap. Resolved already is no change: the first evidence stays.
   *
   * @param evidence how it was shown to be closed; any text that is not empty.
   * @throws FlowError `NOT_FOUND`; `CONFLICT` with `context.uids` when two gaps bear the id;
   * `CORRUPT` when its file cannot be used; `BAD_REQUEST`.
   */
  async resolve(
    epicId: string,
    id: GapRef,
    evidence: string,
    options: ChangeNote = {},
  ): Promise<ResolvedGap> {
    const doing = "Cannot resolve the gap";
    const ref = requireGapRef(doing, id);
    return this.#resolve(doing, epicId, evidence, options, (files) => files.find(ref));
  }

  /**
   * The same for the gap of a capability, without case and the blanks around it: the open one.
   *
   * @throws FlowError as {@link resolve}; `CONFLICT` also when two open gaps name the capability.
   */
  async resolveByCapability(
    epicId: string,
    capability: string,
    evidence: string,
    options: ChangeNote = {},
  ): Promise<ResolvedGap> {
    const doing = "Cannot resolve the gap";
    const trimmed = requireCapability(doing, capability);
    return this.#resolve(doing, epicId, evidence, options, (files) => {
      const found = files.ofCapability(trimmed);
      const open = found.filter(({ document }) => !isResolved(document));
      if (open.length === 0) files.refuseUnclear(trimmed);
      // Of several resolved ones none is left to be resolved: any of them says so.
      const meant = open.length > 0 ? open : found.slice(0, 1);
      return files.one(meant, `gap for ${shown(trimmed)}`, { capability: trimmed });
    });
  }

  /**
   * Removes a gap: its file stays as a tombstone, its id is not used again.
   *
   * @returns what it was.
   * @throws FlowError `NOT_FOUND`, `CONFLICT`, `CORRUPT` as {@link resolve}; `BAD_REQUEST`.
   */
  async remove(epicId: string, id: GapRef, options: ChangeNote = {}): Promise<Gap> {
    const doing = "Cannot remove the gap";
    requireText(doing, "epicId", epicId);
    const ref = requireGapRef(doing, id);
    return commitNoted(this.#context, options, [epicId], (write) => {
      const file = this.#look(write, epicId).find(ref);
      this.#remove(write, file, options);
      return gapOf(file.document);
    });
  }

  /**
   * Removes every gap of an epic; a file that cannot be used stays, and is reported.
   *
   * @returns how many there were.
   * @throws FlowError `BAD_REQUEST`.
   */
  async removeAll(epicId: string, options: ChangeNote = {}): Promise<number> {
    requireText("Cannot remove the gaps", "epicId", epicId);
    return commitNoted(this.#context, options, [epicId], (write) => {
      const files = this.#look(write, epicId).all();
      for (const file of files) this.#remove(write, file, options);
      return files.length;
    });
  }

  /**
   * The gate of an epic: it fails while a required or important gap is open. Writes nothing.
   *
   * @throws FlowError `CORRUPT` or `IO` when any file of the epic's gaps cannot be used: what
   * cannot be read is not "no gaps".
   */
  async check(epicId: string): Promise<GapGate> {
    requireText("Cannot check the gaps", "epicId", epicId);
    const gaps = await this.#context.storage.read((view) => this.#look(view, epicId).allForGate());
    return gateOf(gaps.map(({ document }) => gapOf(document)));
  }

  #look(view: Reading | Writing, epicId: string): GapFiles {
    return new GapFiles(view, epicId, this.#context.findings);
  }

  async #resolve(
    doing: string,
    epicId: string,
    evidence: string,
    note: ChangeNote,
    choose: (files: GapFiles) => GapFile,
  ): Promise<ResolvedGap> {
    requireText(doing, "epicId", epicId);
    requireText(doing, "evidence", evidence);
    return commitNoted(this.#context, note, [epicId, evidence], (write) => {
      const { name, document } = choose(this.#look(write, epicId));
      if (isResolved(document)) return { gap: gapOf(document), changed: false };
      const resolved: GapDocument = {
        ...document,
        status: "resolved",
        evidence,
        resolvedAt: this.#now(),
      };
      this.#put(write, { name, document: resolved });
      this.#log(write, resolved, "gap_resolved", note, { evidence });
      return { gap: gapOf(resolved), changed: true };
    });
  }

  #reopen(write: Writing, { name, document }: GapFile, note: ChangeNote): Gap {
    const open: GapDocument = { ...document, status: "open", evidence: null, resolvedAt: null };
    this.#put(write, { name, document: open });
    const { evidence = null, resolvedAt = null } = document;
    this.#log(write, open, "gap_reopened", note, { evidence, resolvedAt });
    return gapOf(open);
  }

  #remove(write: Writing, { name, document }: GapFile, note: ChangeNote): void {
    this.#put(write, { name, document: { ...document, deletedAt: this.#now() } });
    this.#log(write, document, "gap_removed", note, { status: document.status ?? "open" });
  }

  #put(write: Writing, { name, document }: GapFile): void {
    const folder = gapFolder(document.epicId);
    gapDocuments(folder, this.#context.findings).write(write, folder, name, document);
  }

  #log(
    write: Writing,
    document: GapDocument,
    type: string,
    note: ChangeNote,
    more: Readonly<Record<string, unknown>>,
  ): void {
    const { epicId, id: gapId, capability } = document;
    write.append({
      stream: `epic:${epicId}`,
      type,
      ...attribution(this.#context, note),
      payload: { epicId, gapId, gapUid: uidOfGap(document), capability, ...more },
    });
  }

  #now(): string {
    return toIso(this.#context.nowMs());
  }
}

/** `id`, if it can name a gap. @throws FlowError `BAD_REQUEST`. */
function requireGapRef(doing: string, id: unknown): GapRef {
  if (isRef(id)) return id;
  const expected = "an id, a whole number from 1, or a uid of 26 characters";
  throw new FlowError("BAD_REQUEST", `${doing}: id must be ${expected}, not ${shown(id)}`, {
    context: { field: "id" },
  });
}
