/** Outputs: what a task hands on to those after it, one markdown file a task. */

import type { Finding } from "../finding.ts";
import { countOrAll, requireAnyText, requireText, textOrNull } from "../model/given.ts";
import {
  epicOf,
  outputText,
  readOutput,
  type ListedOutput,
  type OutputEntry,
} from "../model/outputs.ts";
import { toIso } from "../model/time.ts";
import { isFault, type Document, type FileEntry } from "../storage/files.ts";
import { inFolder, nameOf, OUTPUTS } from "../storage/layout.ts";
import { decodeName, encodeName } from "../storage/names.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { attribution, requireOptions, type ChangeNote, type StoreContext } from "./context.ts";
import { damaged, finding, unreadable, type Damaged } from "./document-decode.ts";
import { placeProblem } from "./documents.ts";
import { reportFaults } from "./log-findings.ts";
import { commitNoted } from "./noted-commit.ts";

/** Which outputs a list holds. */
export interface ListOutputsOptions {
  /** Those of the tasks `<epicId>.<number>`: `fn-1` takes `fn-1.2` and never `fn-10.2`. */
  readonly epicId?: string | undefined;
  /** How many at most; 1 or more. Default: all. */
  readonly limit?: number | undefined;
}

/** How the names of outputs end. */
export const OUTPUT_SUFFIX = ".md";
const WRITTEN = "output_written";
const STREAM = "task:";

interface Output {
  readonly entry: OutputEntry;
  readonly markdown: string;
  readonly file: FileEntry;
}

/** What tasks hand on. */
export class Outputs {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /**
   * Writes the output of a task, in place of an earlier one. Logs `output_written` in the stream
   * `task:<taskId>`; the text that is there already changes nothing.
   *
   * @param taskId any text that is not empty; the task need not be known
   * @param markdown any text
   * @throws FlowError `BAD_REQUEST`; `CORRUPT` when the file there belongs to another task or is
   * no text.
   */
  async write(taskId: string, markdown: string, options: ChangeNote = {}): Promise<OutputEntry> {
    const doing = "Cannot write the output";
    requireText(doing, "taskId", taskId);
    requireAnyText(doing, "markdown", markdown);
    const entry = entryOf(taskId, markdown);
    return commitNoted(this.#context, options, [taskId, taskId, taskId, markdown], (write) => {
      if (this.#look(write, taskId)?.markdown === markdown) return entry;
      write.put(OUTPUTS, fileOf(taskId), outputText(taskId, markdown));
      write.append({
        stream: `${STREAM}${taskId}`,
        type: WRITTEN,
        ...attribution(this.#context, options),
        payload: { taskId, bytes: entry.bytes },
      });
      return entry;
    });
  }

  /**
   * The markdown of a task, exactly as it was written; `null` when there is none. Of a file made by
   * hand without front matter its whole text.
   *
   * @throws FlowError `CORRUPT` when the file is no text or belongs to another task.
   */
  async read(taskId: string): Promise<string | null> {
    requireText("Cannot read the output", "taskId", taskId);
    return this.#context.storage.read((view) => this.#look(view, taskId)?.markdown ?? null);
  }

  /**
   * Outputs, newest first: by the time of the last `output_written` of each task, as git brings it
   * along, and by the file's own time where there is none. A file that cannot be used is left out
   * and reported. Reads the whole event log.
   *
   * @throws FlowError `BAD_REQUEST`.
   */
  async list(options: ListOutputsOptions = {}): Promise<ListedOutput[]> {
    const doing = "Cannot list outputs";
    const { epicId, limit } = requireOptions(options, { epicId: true, limit: true });
    const epic = textOrNull(doing, "epicId", epicId);
    const count = countOrAll(doing, "limit", limit);
    const outputs = await this.#context.storage.read((view) => this.#all(view));
    const wanted = outputs.filter(({ entry }) => epic === null || epicOf(entry.taskId) === epic);
    const written = wanted.length === 0 ? new Map<string, Written>() : await this.#written(wanted);
    return wanted
      .map(({ entry, file }) => ({ entry, written: written.get(entry.taskId) ?? ownTime(file) }))
      .sort((left, right) => compare(right.written, left.written))
      .slice(0, count)
      .map(({ entry, written: { at } }) => ({ ...entry, updatedAt: at }));
  }

  #look(view: Reading | Writing, taskId: string): Output | null {
    const file = view.get(OUTPUTS, fileOf(taskId));
    if (file === null) return null;
    const output = decodeOutput(file);
    if ("error" in output) {
      this.#context.findings.report(output.finding);
      throw output.error;
    }
    const problems = textProblems(output.file);
    for (const problem of problems) this.#context.findings.report(problem);
    if (problems.length === 0) this.#context.findings.fine(file.path);
    return output;
  }

  #all(view: Reading | Writing): Output[] {
    const { findings } = this.#context;
    const outputs: Output[] = [];
    const found: Finding[] = [];
    for (const file of view.list(OUTPUTS, OUTPUT_SUFFIX)) {
      const output = decodeOutput(file);
      if (!("error" in output)) {
        outputs.push(output);
        found.push(...textProblems(output.file));
        continue;
      }
      if (output.error.retryable) throw output.error;
      found.push(output.finding);
    }
    for (const one of found) findings.report(one);
    findings.settle(OUTPUTS, found);
    return outputs;
  }

  /** The last time that each task's output was written, by what the log says, where there is one. */
  async #written(outputs: readonly Output[]): Promise<ReadonlyMap<string, Written>> {
    const reader = await this.#context.storage.readerIfThere();
    if (reader === null) return new Map();
    const written = new Map<string, Written>();
    for (const { entry } of outputs) {
      for (const event of reader.newestFirst("stream", `${STREAM}${entry.taskId}`)) {
        if (event.type !== WRITTEN) continue;
        written.set(entry.taskId, { at: event.createdAt, id: event.id });
        break;
      }
    }
    reportFaults(reader.faults(), this.#context, false);
    return written;
  }
}

/** When, and by which event; an empty id without one. */
interface Written {
  readonly at: string;
  readonly id: string;
}

/** Ids of events grow, and tell those of one millisecond apart. */
function compare(left: Written, right: Written): number {
  if (left.at !== right.at) return left.at < right.at ? -1 : 1;
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}

function ownTime({ stat }: FileEntry): Written {
  return { at: toIso(stat.mtimeMs), id: "" };
}

function fileOf(taskId: string): string {
  return `${encodeName(taskId)}${OUTPUT_SUFFIX}`;
}

function entryOf(taskId: string, markdown: string): OutputEntry {
  const path = inFolder(OUTPUTS, fileOf(taskId));
  return { taskId, path, bytes: Buffer.byteLength(markdown) };
}

/** What a file holds, or why it cannot be used. */
export function decodeOutput(file: Document): Output | Damaged {
  if (isFault(file)) return unreadable(file);
  const name = nameOf(file.path);
  const { taskId, markdown } = readOutput(file.text);
  const task = taskId ?? decodeName(name.slice(0, -OUTPUT_SUFFIX.length));
  if (task === null) {
    return damaged(file.path, "name", "neither its name nor its front matter says whose it is");
  }
  const why = placeProblem(task, fileOf, name, "the output of ");
  if (why !== null) return damaged(file.path, "name", why);
  return { entry: entryOf(task, markdown), markdown, file };
}

/** An output may hold any text; what a merge or a power cut made of it can be told all the same. */
export function textProblems({ path, text }: FileEntry): Finding[] {
  // The store writes front matter before everything, so that an empty one is not its own.
  const isEmptied = text === "" || (text.includes("\0") && readOutput(text).taskId === null);
  if (isEmptied) {
    return [finding(path, "emptied", `${path} is empty or holds zero bytes: what it held is gone`)];
  }
  const line = lineOfConflict(text);
  if (line === null) return [];
  const message = `${path}, line ${line}: a merge left its markers here`;
  return [finding(path, "conflict-markers", message, line)];
}

/** The line at which the markers of a merge begin; all three must be there, in their order. */
function lineOfConflict(text: string): number | null {
  if (!text.includes("<<<<<<< ")) return null;
  let ours: number | null = null;
  let hasTheirs = false;
  for (const [index, line] of text.split("\n").entries()) {
    if (line.startsWith("<<<<<<< ")) [ours, hasTheirs] = [index + 1, false];
    else if (ours !== null && line.trimEnd() === "=======") hasTheirs = true;
    else if (hasTheirs && line.startsWith(">>>>>>> ")) return ours;
  }
  return null;
}
