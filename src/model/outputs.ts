/** Outputs: what a task hands on, as markdown behind front matter that names the task. */

/** The output of a task, without its text: plain data. */
export interface OutputEntry {
  /** Any text. */
  readonly taskId: string;
  /** Of its file, relative to `.flow`. */
  readonly path: string;
  /** Of the markdown in UTF-8, without the front matter. */
  readonly bytes: number;
}

/** An output in a list. */
export interface ListedOutput extends OutputEntry {
  /** When it was last written through the store; of a file made by hand its own time. ISO 8601. */
  readonly updatedAt: string;
}

/** What a file holds. */
export interface OutputContent {
  /** The task that the front matter names; `null` without such front matter. */
  readonly taskId: string | null;
  readonly markdown: string;
}

const FENCE = "---";
const TASK = "task: ";

/** The text of a file. */
export function outputText(taskId: string, markdown: string): string {
  return `${FENCE}\n${TASK}${JSON.stringify(taskId)}\n${FENCE}\n${markdown}`;
}

/**
 * What a file's text holds. Front matter counts only as {@link outputText} writes it (an editor
 * may have changed its line ends); any other is part of the markdown.
 */
export function readOutput(text: string): OutputContent {
  const [first, afterFirst] = lineAt(text, 0);
  const [task, afterTask] = lineAt(text, afterFirst);
  const [last, afterLast] = lineAt(text, afterTask);
  const taskId = first === FENCE && last === FENCE ? taskIn(task) : null;
  return { taskId, markdown: taskId === null ? text : text.slice(afterLast) };
}

/** The epic of a task `<epic>.<number>`, such as `fn-1` of `fn-1.2`; `null` for other ids. */
export function epicOf(taskId: string): string | null {
  return /^(.+)\.\d+$/s.exec(taskId)?.[1] ?? null;
}

/** The line that begins at a place, and where the next one does. */
function lineAt(text: string, from: number): [line: string, next: number] {
  const end = text.indexOf("\n", from);
  if (end < 0) return [text.slice(from), text.length];
  const isCarriage = text[end - 1] === "\r" && end > from;
  return [text.slice(from, isCarriage ? end - 1 : end), end + 1];
}

function taskIn(line: string): string | null {
  if (!line.startsWith(TASK)) return null;
  try {
    const taskId: unknown = JSON.parse(line.slice(TASK.length));
    return typeof taskId === "string" && taskId !== "" ? taskId : null;
  } catch (error) {
    // Front matter of a person's own, such as `task: fn-1.2`.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
