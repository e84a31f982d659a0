/**
 * Executions as files: a folder for each in `local/workflows/`, with `execution.json`,
 * `lease.json`, `timers.json` and `signals.json` (those that wait), and the log of its steps and of
 * all that is over. A step costs one line, a signal what waits beside it, however long the history.
 */

import {
  EXECUTION_STATUSES,
  type ExecutionStatus,
  type StepCheckpoint,
  type Workflow,
  type WorkflowExecution,
  type WorkflowSignal,
  type WorkflowTimer,
} from "../model/workflows.ts";
import { formatJson } from "../storage/json-text.ts";
import { inFolder, isLocalLogName, WORKFLOW_DEFINITIONS, WORKFLOWS } from "../storage/layout.ts";
import { encodeName } from "../storage/names.ts";
import type { Reading, Writing } from "../storage/view.ts";
import type { StoreContext } from "./context.ts";
import { fileNameFor } from "./documents.ts";
import {
  indexExecution,
  indexFolder,
  indexName,
  indexTimers,
  isNameOf,
  namesIn,
  TIMER_INDEX,
  timerName,
} from "./workflow-index.ts";
import { WorkflowLog, type Line, type Logged } from "./workflow-log.ts";
import {
  DEFINITION,
  EXECUTION,
  INDEX_ENTRY,
  LEASE,
  SIGNALS,
  TIMERS,
  WorkflowRecords,
  type Judge,
  type StoredLease,
} from "./workflow-records.ts";

const EXECUTION_FILE = "execution.json";
const LEASE_FILE = "lease.json";
const TIMERS_FILE = "timers.json";
const SIGNALS_FILE = "signals.json";

/** The documents of an execution, and what each may say. */
export const EXECUTION_DOCUMENTS: ReadonlyMap<string, Judge<unknown>> = new Map<
  string,
  Judge<unknown>
>([
  [EXECUTION_FILE, EXECUTION],
  [LEASE_FILE, LEASE],
  [TIMERS_FILE, TIMERS],
  [SIGNALS_FILE, SIGNALS],
]);

/** Whether a name in an execution's folder is one of its files. */
export function isExecutionFile(name: string): boolean {
  return EXECUTION_DOCUMENTS.has(name) || isLocalLogName(name);
}

/** The folder of an execution. */
export function folderFor(id: string): string {
  return inFolder(WORKFLOWS, encodeName(id));
}

type View = Reading | Writing;

/** Reads and writes the files of executions within one look or one commit. */
export class WorkflowFiles {
  readonly records: WorkflowRecords;
  readonly log: WorkflowLog;

  constructor({ storage, findings }: Pick<StoreContext, "storage" | "findings">) {
    this.records = new WorkflowRecords(findings);
    this.log = new WorkflowLog(storage, this.records);
  }

  // ---- definitions ---------------------------------------------------------------------------

  definition(view: View, workflowId: string): Workflow | null {
    return this.records.read(view, WORKFLOW_DEFINITIONS, fileNameFor(workflowId), DEFINITION);
  }

  putDefinition(write: Writing, workflow: Workflow): void {
    this.definition(write, workflow.workflowId);
    write.put(WORKFLOW_DEFINITIONS, fileNameFor(workflow.workflowId), formatJson(workflow));
  }

  // ---- executions ----------------------------------------------------------------------------

  execution(view: View, id: string): WorkflowExecution | null {
    return this.records.read(view, folderFor(id), EXECUTION_FILE, EXECUTION);
  }

  putExecution(write: Writing, execution: WorkflowExecution): void {
    const id = execution.workflowExecutionId;
    indexExecution(write, this.execution(write, id), execution);
    write.put(folderFor(id), EXECUTION_FILE, formatJson(execution));
  }

  /** Names in the index of a status, in the order of creation. */
  indexed(view: View, status: ExecutionStatus): string[] {
    return namesIn(view, indexFolder(status));
  }

  /** The execution that a name in the index stands for; what cannot be used is reported. */
  indexedExecution(view: View, status: ExecutionStatus, name: string): WorkflowExecution | null {
    const folder = indexFolder(status);
    const execution = this.records.usable(() => {
      const entry = this.records.read(view, folder, name, INDEX_ENTRY);
      return entry === null ? null : this.execution(view, entry.workflowExecutionId);
    });
    if (execution?.status !== status || !isNameOf(name, execution.workflowExecutionId)) return null;
    // After a hand edit of its time it stands under the old one, unless it has the right one too.
    const right = indexName(execution);
    return name === right || view.get(folder, right) === null ? execution : null;
  }

  /** The executions in any of these statuses; what cannot be used is reported. */
  inStatuses(view: View, statuses: readonly ExecutionStatus[]): WorkflowExecution[] {
    return statuses.flatMap((status) =>
      this.indexed(view, status).flatMap((name) => this.indexedExecution(view, status, name) ?? []),
    );
  }

  /** How many are named in each status. */
  counts(view: View): Record<ExecutionStatus, number> {
    const counts = EXECUTION_STATUSES.map((one) => [one, this.indexed(view, one).length]);
    return Object.fromEntries(counts) as Record<ExecutionStatus, number>;
  }

  lease(view: View, id: string): StoredLease | null {
    return this.records.read(view, folderFor(id), LEASE_FILE, LEASE);
  }

  putLease(write: Writing, id: string, lease: StoredLease): void {
    write.put(folderFor(id), LEASE_FILE, formatJson(lease));
  }

  // ---- steps ---------------------------------------------------------------------------------

  /** The steps of an execution, by index and attempt. @throws FlowError `CORRUPT`. */
  checkpoints(view: View, id: string): StepCheckpoint[] {
    return this.log.read(view, folderFor(id)).checkpoints;
  }

  addLine(write: Writing, id: string, line: Line): void {
    this.log.add(write, folderFor(id), line);
  }

  // ---- timers and signals --------------------------------------------------------------------

  /** The timers of an execution that wait. */
  waitingTimers(view: View, id: string): readonly WorkflowTimer[] {
    return this.#timersIn(view, folderFor(id));
  }

  putWaitingTimers(write: Writing, id: string, timers: readonly WorkflowTimer[]): void {
    indexTimers(write, this.waitingTimers(write, id), timers);
    write.put(folderFor(id), TIMERS_FILE, formatJson({ timers }));
  }

  /** All timers that wait; what cannot be used is reported. */
  pendingTimers(view: View): WorkflowTimer[] {
    return namesIn(view, TIMER_INDEX).flatMap((name) => {
      const found = this.records.usable(() => {
        const entry = this.records.read(view, TIMER_INDEX, name, INDEX_ENTRY);
        return entry === null ? [] : this.waitingTimers(view, entry.workflowExecutionId);
      });
      return found?.filter((timer) => timerName(timer) === name) ?? [];
    });
  }

  /** The execution, other than `id`, in which a timer waits; `null` when it waits in none. */
  otherHolderOfTimer(view: View, timerId: string, id: string): string | null {
    for (const name of view.names(TIMER_INDEX)) {
      if (!isNameOf(name, timerId)) continue;
      const holder = this.timerHolder(view, name);
      if (holder !== null && holder !== id) return holder;
    }
    return null;
  }

  /** The execution of a timer that a name in the index stands for. */
  timerHolder(view: View, name: string): string | null {
    const entry = this.records.usable(() =>
      this.records.read(view, TIMER_INDEX, name, INDEX_ENTRY),
    );
    return entry?.workflowExecutionId ?? null;
  }

  /** The signals of an execution that wait. */
  waitingSignals(view: View, id: string): readonly WorkflowSignal[] {
    return this.#signalsIn(view, folderFor(id));
  }

  putWaitingSignals(write: Writing, id: string, signals: readonly WorkflowSignal[]): void {
    write.put(folderFor(id), SIGNALS_FILE, formatJson({ signals }));
  }

  /** Steps, and timers and signals that wait or are over. @throws FlowError `CORRUPT`. */
  all(view: View, id: string): Logged {
    const { checkpoints, timers, signals } = this.log.read(view, folderFor(id));
    const waiting = this.waitingTimers(view, id);
    const sent = this.waitingSignals(view, id);
    // What was over and waits again, by another save, waits.
    const timerIds = new Set(waiting.map((one) => one.workflowTimerId));
    const signalIds = new Set(sent.map((one) => one.workflowSignalId));
    return {
      checkpoints,
      timers: [...waiting, ...timers.filter((one) => !timerIds.has(one.workflowTimerId))],
      signals: [...sent, ...signals.filter((one) => !signalIds.has(one.workflowSignalId))],
    };
  }

  #timersIn(view: View, folder: string): readonly WorkflowTimer[] {
    const timers = this.records.read(view, folder, TIMERS_FILE, TIMERS) ?? [];
    return timers.filter(({ status }) => status === "PENDING");
  }

  #signalsIn(view: View, folder: string): readonly WorkflowSignal[] {
    const signals = this.records.read(view, folder, SIGNALS_FILE, SIGNALS) ?? [];
    return signals.filter(({ status }) => status === "PENDING");
  }

  // ---- all of them ---------------------------------------------------------------------------

  /** The folders of all executions, and of what was sent to one before it began. */
  folders(view: View): string[] {
    return view
      .names(WORKFLOWS)
      .filter((name) => !name.startsWith("."))
      .map((name) => inFolder(WORKFLOWS, name));
  }

  /** What the index names of a folder among {@link folders}. @throws FlowError `CORRUPT`. */
  namedIn(
    view: View,
    folder: string,
  ): { execution: WorkflowExecution | null; timers: readonly WorkflowTimer[] } {
    const execution = this.records.read(view, folder, EXECUTION_FILE, EXECUTION);
    return { execution, timers: this.#timersIn(view, folder) };
  }

  /** What the log in a folder tells, where it can be read; its damage is reported. */
  usableLog(view: View, folder: string): Logged | null {
    return this.records.usable(() => this.log.read(view, folder));
  }

  /** The highest ids that files tell of, where the journal that gave them is lost. */
  highestIds(view: View): { checkpoint: number; signal: number } {
    const highest = { checkpoint: 0, signal: 0 };
    for (const folder of this.folders(view)) {
      for (const line of this.log.look(view, folder).lines) {
        if ("checkpoint" in line)
          highest.checkpoint = Math.max(highest.checkpoint, line.checkpoint.id ?? 0);
        if ("signal" in line)
          highest.signal = Math.max(highest.signal, line.signal.workflowSignalId ?? 0);
      }
      for (const { workflowSignalId } of this.#usableSignals(view, folder))
        highest.signal = Math.max(highest.signal, workflowSignalId ?? 0);
    }
    return highest;
  }

  #usableSignals(view: View, folder: string): readonly WorkflowSignal[] {
    return this.records.usable(() => this.#signalsIn(view, folder)) ?? [];
  }
}
