/** Phases: which of them a worker has done of a task, and which comes next. */

import { requireText } from "../model/given.ts";
import {
  completedOf,
  PHASES_SHAPE,
  sequenceNamed,
  withPhase,
  type CompletedPhase,
  type Phase,
  type PhasesDocument,
  type PhaseSequences,
} from "../model/phases.ts";
import { toIso } from "../model/time.ts";
import { PHASES } from "../storage/layout.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { attribution, type ChangeNote, type StoreContext } from "./context.ts";
import { Documents, fileNameFor, namedAfter } from "./documents.ts";
import { commitNoted } from "./noted-commit.ts";
import type { FindingListener } from "./told.ts";

/** The phases of tasks. A task and a phase are any texts; no task has to be made before. */
export class Phases {
  readonly #context: StoreContext;
  readonly #sequences: PhaseSequences;
  readonly #documents: Documents<PhasesDocument>;

  constructor(context: StoreContext, sequences: PhaseSequences) {
    this.#context = context;
    this.#sequences = sequences;
    this.#documents = phasesDocuments(context.findings);
  }

  /**
   * Notes that a phase of a task is done. Done already is no change: the first time stays. The
   * phase may be any text, also one of no sequence. Durable when it returns.
   *
   * @returns the phase with the time it was done first.
   * @throws FlowError `BAD_REQUEST`; `CORRUPT` when the task's file cannot be used: it is not
   * written over.
   */
  async markDone(taskId: string, phase: string, options: ChangeNote = {}): Promise<CompletedPhase> {
    const doing = "Cannot mark the phase as done";
    requireText(doing, "taskId", taskId);
    requireText(doing, "phase", phase);
    return commitNoted(this.#context, options, [taskId, phase], (write) => {
      const before = this.#read(write, taskId);
      const done = completedOf(before).find((one) => one.phase === phase);
      if (done !== undefined) return done;
      const added = { phase, at: toIso(this.#context.nowMs()) };
      this.#documents.write(write, PHASES, fileNameFor(taskId), withPhase(before, taskId, added));
      write.append({
        stream: taskStream(taskId),
        type: "phase_done",
        ...attribution(this.#context, options),
        payload: { taskId, phase },
      });
      return added;
    });
  }

  /** The phases of a task that are done, in the order of completion; empty for an unknown task. */
  async getCompleted(taskId: string): Promise<string[]> {
    return (await this.get(taskId)).map(({ phase }) => phase);
  }

  /**
   * The same with the time of each.
   *
   * @throws FlowError `BAD_REQUEST`; `CORRUPT` when the task's file cannot be used.
   */
  async get(taskId: string): Promise<CompletedPhase[]> {
    requireText("Cannot look at phases", "taskId", taskId);
    return this.#context.storage.read((view) => completedOf(this.#read(view, taskId)));
  }

  /**
   * Forgets which phases of a task are done; its file stays, with an empty list. The event keeps
   * what was done and when.
   *
   * @returns how many were done; 0 for an unknown task, and then nothing is written.
   * @throws FlowError `BAD_REQUEST`, `CORRUPT`.
   */
  async reset(taskId: string, options: ChangeNote = {}): Promise<number> {
    requireText("Cannot reset phases", "taskId", taskId);
    return commitNoted(this.#context, options, [taskId], (write) => {
      const completed = completedOf(this.#read(write, taskId));
      if (completed.length === 0) return 0;
      this.#documents.write(write, PHASES, fileNameFor(taskId), { taskId, completed: [] });
      write.append({
        stream: taskStream(taskId),
        type: "phases_reset",
        ...attribution(this.#context, options),
        payload: { taskId, completed },
      });
      return completed.length;
    });
  }

  /**
   * The first phase of a sequence that is not done; `null` when all are. Writes nothing.
   *
   * @param sequence `S`, `M`, `L` or a name of the option `phaseSequences`.
   * @throws FlowError `BAD_REQUEST` for an unknown name, with those that are known; `CORRUPT`.
   */
  async next(taskId: string, sequence: string): Promise<string | null> {
    const phases = sequenceNamed(this.#sequences, sequence);
    const done = new Set(await this.getCompleted(taskId));
    return phases.find(({ phase }) => !done.has(phase))?.phase ?? null;
  }

  /** Every sequence by name, its phases in their order. */
  async sequences(): Promise<Record<string, Phase[]>> {
    return Object.fromEntries(
      [...this.#sequences].map(([name, phases]) => [name, phases.map((phase) => ({ ...phase }))]),
    );
  }

  #read(view: Reading | Writing, taskId: string): PhasesDocument | null {
    return this.#documents.read(view, PHASES, fileNameFor(taskId));
  }
}

/** The documents of all tasks. */
export function phasesDocuments(findings: FindingListener): Documents<PhasesDocument> {
  return new Documents(
    PHASES_SHAPE,
    findings,
    namedAfter(({ taskId }) => taskId),
  );
}

function taskStream(taskId: string): string {
  return `task:${taskId}`;
}
