/** The pipeline: in which phase an epic is, moved on by compare and set. */

import type { Finding } from "../finding.ts";
import { requireText } from "../model/given.ts";
import { compareNaturally } from "../model/natural-order.ts";
import {
  COMPLETED,
  decideAdvance,
  inPhase,
  isKnownPhase,
  PIPELINE_SHAPE,
  pipelineOf,
  requireKnownPhase,
  type PipelineDocument,
  type PipelineState,
} from "../model/pipeline.ts";
import { toIso } from "../model/time.ts";
import { inFolder, PIPELINE } from "../storage/layout.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { attribution, requireNote, type ChangeNote, type StoreContext } from "./context.ts";
import { Documents, fileNameFor, namedAfter } from "./documents.ts";
import { commitNoted } from "./noted-commit.ts";
import type { FindingListener } from "./told.ts";

/** How an epic is moved on. */
export interface AdvancePipelineOptions extends ChangeNote {
  /** The phase that the epic is in, as far as the caller knows. */
  readonly from: string;
}

/** What `start` did. */
export interface StartedPipeline {
  readonly pipeline: PipelineState;
  /** False when it had begun before: then nothing was changed. */
  readonly created: boolean;
}

/** The pipelines of epics. An epic is any text; none has to be made before. */
export class Pipeline {
  readonly #context: StoreContext;
  readonly #phases: readonly string[];
  readonly #documents: Documents<PipelineDocument>;

  constructor(context: StoreContext, phases: readonly string[]) {
    this.#context = context;
    this.#phases = phases;
    const { findings } = context;
    this.#documents = pipelineDocuments({
      report: (finding) => findings.report(finding),
      // That a file can be used says nothing of its phase, which is judged here.
      fine: () => undefined,
      settle: (folder, found) => findings.settle(folder, found),
    });
  }

  /** The store's phases in their order; behind the last one an epic is `completed`. */
  async phases(): Promise<string[]> {
    return [...this.#phases];
  }

  /**
   * Where an epic stands; `null` when its pipeline has not begun. Writes nothing. A phase that the
   * store does not know is shown as it is stored, and reported.
   *
   * @throws FlowError `BAD_REQUEST`; `CORRUPT` when the epic's file cannot be used.
   */
  async read(epicId: string): Promise<PipelineState | null> {
    requireText("Cannot look at the pipeline", "epicId", epicId);
    return this.#context.storage.read((view) => {
      const document = this.#find(view, epicId);
      return document === null ? null : pipelineOf(document);
    });
  }

  /** Where every epic stands, by epic, numbers in their order. Damaged files are left out and reported. */
  async list(): Promise<PipelineState[]> {
    return this.#context.storage.read((view) => {
      const states: PipelineState[] = [];
      for (const { name, value } of this.#documents.list(view, PIPELINE)) {
        this.#judge(name, value);
        states.push(pipelineOf(value));
      }
      return states.sort((left, right) => compareNaturally(left.epicId, right.epicId));
    });
  }

  /**
   * Begins an epic's pipeline in the first phase. One that has begun stays as it is.
   *
   * @throws FlowError `BAD_REQUEST`, `CORRUPT`.
   */
  async start(epicId: string, options: ChangeNote = {}): Promise<StartedPipeline> {
    requireText("Cannot start the pipeline", "epicId", epicId);
    return commitNoted(this.#context, options, [epicId], (write) => {
      const before = this.#find(write, epicId);
      if (before !== null) return { pipeline: pipelineOf(before), created: false };
      const first = this.#phases[0] ?? COMPLETED;
      return { pipeline: this.#put(write, null, epicId, first, options), created: true };
    });
  }

  /**
   * Puts an epic into a phase, from wherever it is; its pipeline begins with that where it had
   * not. In that phase already is no change.
   *
   * @param phase one of the store's, or `completed`.
   * @throws FlowError `BAD_REQUEST` for another phase, with those that are known; `CORRUPT`.
   */
  async write(epicId: string, phase: string, options: ChangeNote = {}): Promise<PipelineState> {
    const doing = "Cannot set the phase";
    requireText(doing, "epicId", epicId);
    requireKnownPhase(doing, "phase", this.#phases, phase);
    return commitNoted(this.#context, options, [epicId], (write) => {
      const before = this.#find(write, epicId);
      if (before?.phase === phase) return pipelineOf(before);
      return this.#put(write, before, epicId, phase, options);
    });
  }

  /**
   * Moves an epic on to the next phase, from the last one to `completed`, if it still is in the
   * phase `from`. Of any number of processes that do so exactly one moves it.
   *
   * @throws FlowError `CONFLICT` with `context.phase` when it is in another phase, is completed,
   * or is in one that the store does not know; `NOT_FOUND` when its pipeline has not begun;
   * `BAD_REQUEST` when `from` is no phase; `CORRUPT`.
   */
  async advance(epicId: string, options: AdvancePipelineOptions): Promise<PipelineState> {
    const doing = "Cannot advance the pipeline";
    requireText(doing, "epicId", epicId);
    const { from, ...note } = requireNote(options, { from: true });
    requireText(doing, "from", from);
    return commitNoted(this.#context, note, [epicId, from], (write) => {
      const before = this.#find(write, epicId);
      const state = before === null ? null : pipelineOf(before);
      const next = decideAdvance(this.#phases, state, epicId, from);
      return this.#put(write, before, epicId, next, note, "pipeline_advanced");
    });
  }

  #find(view: Reading | Writing, epicId: string): PipelineDocument | null {
    const name = fileNameFor(epicId);
    const document = this.#documents.read(view, PIPELINE, name);
    if (document !== null) this.#judge(name, document);
    return document;
  }

  /** Reports a phase that the store does not know. */
  #judge(name: string, document: PipelineDocument): void {
    const file = inFolder(PIPELINE, name);
    const finding = unknownPhase(file, document, this.#phases);
    if (finding === null) this.#context.findings.fine(file);
    else this.#context.findings.report(finding);
  }

  #put(
    write: Writing,
    before: PipelineDocument | null,
    epicId: string,
    phase: string,
    note: ChangeNote,
    type = before === null ? "pipeline_started" : "pipeline_set",
  ): PipelineState {
    const document = inPhase(before, epicId, phase, toIso(this.#context.nowMs()));
    this.#documents.write(write, PIPELINE, fileNameFor(epicId), document);
    write.append({
      stream: `epic:${epicId}`,
      type,
      ...attribution(this.#context, note),
      payload: { epicId, from: before?.phase ?? null, to: phase },
    });
    return pipelineOf(document);
  }
}

/** The documents of all epics. */
export function pipelineDocuments(findings: FindingListener): Documents<PipelineDocument> {
  return new Documents(
    PIPELINE_SHAPE,
    findings,
    namedAfter(({ epicId }) => epicId),
  );
}

/** What is to be said of an epic in a phase that the store does not know; `null` for a known one. */
export function unknownPhase(
  file: string,
  { phase }: Pick<PipelineDocument, "phase">,
  phases: readonly string[],
): Finding | null {
  if (isKnownPhase(phases, phase)) return null;
  const known = [...phases, COMPLETED].join(", ");
  return {
    file,
    rule: "unknown-phase",
    severity: "warning",
    message: `${file} holds the phase ${JSON.stringify(phase)}, which is none of ${known}`,
  };
}
