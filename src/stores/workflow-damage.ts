/** What is wrong with the files of workflows, and with the index that follows from them. */

import type { Finding } from "../finding.ts";
import { isTerminal, EXECUTION_STATUSES } from "../model/workflows.ts";
import { formatJson } from "../storage/json-text.ts";
import { folderOf, inFolder, nameOf, WORKFLOW_DEFINITIONS, WORKFLOWS } from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { damaged, vanished } from "./document-decode.ts";
import { isDocumentName } from "./feature-names.ts";
import { NOBODY } from "./told.ts";
import { EXECUTION_DOCUMENTS, folderFor, WorkflowFiles } from "./workflow-files.ts";
import {
  INDEX_FOLDERS,
  indexFolder,
  indexName,
  namesIn,
  TIMER_INDEX,
  timerName,
} from "./workflow-index.ts";
import { decodeRecord, DEFINITION, INDEX_ENTRY, type IndexEntry } from "./workflow-records.ts";

type View = Reading | Writing;

/** A name of the index that lacks, or that stands for nothing. */
export interface IndexFault {
  readonly finding: Finding;
  readonly folder: string;
  readonly name: string;
  /** What belongs there; `null`: nothing. */
  readonly text: string | null;
}

/** Looks at all files of workflows; what it finds is in what it returns, and nobody else is told. */
export class WorkflowDamage {
  readonly #storage: Storage;
  readonly #view: View;
  readonly #files: WorkflowFiles;

  constructor(storage: Storage, view: View) {
    this.#storage = storage;
    this.#view = view;
    this.#files = new WorkflowFiles({ storage, findings: NOBODY });
  }

  get hasExecutions(): boolean {
    return this.#folders().length > 0;
  }

  /** Every problem of every file, line and name. */
  all(): Finding[] {
    const folders = this.#folders();
    return [
      ...this.#definitions(),
      ...folders.flatMap((folder) => this.#documentsIn(folder)),
      ...folders.flatMap((folder) => this.#linesIn(folder)),
      ...this.#noFolders(),
      ...this.indexFaults().map(({ finding }) => finding),
    ];
  }

  /** Those of the documents of executions that are under way. */
  living(): Finding[] {
    const entries = EXECUTION_STATUSES.filter((status) => !isTerminal(status))
      .map(indexFolder)
      .filter((folder) => this.#isFolder(folder))
      .flatMap((folder) => namesIn(this.#view, folder).map((name) => this.#entry(folder, name)));
    const ids = new Set(entries.flatMap((entry) => entry?.workflowExecutionId ?? []));
    return [...ids].flatMap((id) => this.#documentsIn(folderFor(id)));
  }

  /** Folders of executions, and of what was sent to one before it began. */
  #folders(): string[] {
    if (!this.#isFolder(WORKFLOWS)) return [];
    return this.#files.folders(this.#view).filter((folder) => this.#isFolder(folder));
  }

  /** What stands where a folder belongs. */
  #noFolders(): Finding[] {
    const { disk } = this.#storage;
    const executions = this.#isFolder(WORKFLOWS) ? this.#files.folders(this.#view) : [];
    return [...executions, ...INDEX_FOLDERS]
      .filter((folder) => disk.stat(folder)?.isDirectory() === false)
      .map((folder) => damaged(folder, "not-a-folder", "a folder belongs there").finding);
  }

  #definitions(): Finding[] {
    if (!this.#isFolder(WORKFLOW_DEFINITIONS)) return [];
    return this.#view
      .names(WORKFLOW_DEFINITIONS)
      .filter(isDocumentName)
      .flatMap((name) => {
        const file = this.#view.get(WORKFLOW_DEFINITIONS, name);
        const path = inFolder(WORKFLOW_DEFINITIONS, name);
        const decoded = file === null ? vanished(path) : decodeRecord(file, DEFINITION);
        return decoded !== null && "finding" in decoded ? decoded.finding : [];
      });
  }

  #documentsIn(folder: string): Finding[] {
    return [...EXECUTION_DOCUMENTS].flatMap(([name, judge]) => {
      const file = this.#view.get(folder, name);
      const decoded = file === null ? null : decodeRecord(file, judge);
      return decoded !== null && "finding" in decoded ? decoded.finding : [];
    });
  }

  #linesIn(folder: string): Finding[] {
    return this.#files.log.look(this.#view, folder).damage.map(({ finding }) => finding);
  }

  // ---- the index -----------------------------------------------------------------------------

  /** Names that lack, and those that stand for nothing; of damaged executions nothing is known. */
  indexFaults(): IndexFault[] {
    const expected = new Map<string, string>();
    const unknown = new Set<string>();
    for (const folder of this.#folders()) {
      if (this.#documentsIn(folder).length > 0) unknown.add(folder);
      else for (const [path, text] of this.#namesFor(folder)) expected.set(path, text);
    }
    const faults: IndexFault[] = [];
    for (const folder of INDEX_FOLDERS.filter((one) => this.#isFolder(one))) {
      for (const name of namesIn(this.#view, folder)) {
        const path = inFolder(folder, name);
        const text = expected.get(path) ?? null;
        const entry = this.#entry(folder, name);
        expected.delete(path);
        const holder = entry === null ? null : folderFor(entry.workflowExecutionId);
        if (text === null && holder !== null && unknown.has(holder)) continue;
        if (text === null) faults.push(stale(folder, name));
        else if (entry === null || !text.includes(idText(entry))) faults.push(bad(path, text));
      }
    }
    return [...faults, ...[...expected].map(([path, text]) => missing(path, text))];
  }

  /** What the index is to hold for a folder among {@link #folders}, by path. */
  #namesFor(folder: string): [path: string, text: string][] {
    const { execution, timers } = this.#files.namedIn(this.#view, folder);
    const names = timers.map((timer): [string, string] => {
      const { workflowTimerId, workflowExecutionId } = timer;
      const text = formatJson({ workflowTimerId, workflowExecutionId });
      return [inFolder(TIMER_INDEX, timerName(timer)), text];
    });
    if (execution === null) return names;
    const path = inFolder(indexFolder(execution.status), indexName(execution));
    const { workflowExecutionId } = execution;
    return [[path, formatJson({ workflowExecutionId })], ...names];
  }

  #entry(folder: string, name: string): IndexEntry | null {
    const file = this.#view.get(folder, name);
    const decoded = file === null ? null : decodeRecord(file, INDEX_ENTRY);
    return decoded !== null && "value" in decoded ? decoded.value : null;
  }

  /** Nothing is read through a link; what is committed may not have its folder yet. */
  #isFolder(folder: string): boolean {
    const stat = this.#storage.disk.stat(folder);
    return stat === null ? this.#view.names(folder).length > 0 : stat.isDirectory();
  }
}

function idText({ workflowExecutionId }: IndexEntry): string {
  return JSON.stringify(workflowExecutionId);
}

function missing(path: string, text: string): IndexFault {
  const why = "is not there: what it names is in no list";
  return problem(path, "index-missing", text, `${path} ${why}`, "the name is put in");
}

function stale(folder: string, name: string): IndexFault {
  const path = inFolder(folder, name);
  return problem(path, "index-stale", null, `${path} names nothing`, "the name is taken out");
}

function bad(path: string, text: string): IndexFault {
  const why = "cannot be used, so what it names is in no list";
  return problem(path, "index-damaged", text, `${path} ${why}`, "written anew");
}

function problem(
  file: string,
  rule: string,
  text: string | null,
  message: string,
  fix: string,
): IndexFault {
  const severity = text === null ? "warning" : "error";
  const finding: Finding = { file, rule, severity, message, fix };
  return { finding, folder: folderOf(file), name: nameOf(file), text };
}
