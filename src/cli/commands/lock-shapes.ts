/** What commands about locks print, and what several of them read. */
import { isAbsolute } from "node:path";
import { FlowError } from "../../errors.ts";
import { LOCK_MODES } from "../../index.ts";
import type { CommandContext } from "../command.ts";
import { listOf, objectOf, type JsonSchema } from "../data-shapes.ts";
import type { OptionSpec } from "../options.ts";
import { textsOf } from "./each-text.ts";

const TEXT: JsonSchema = { type: "string" };
const INTEGER: JsonSchema = { type: "integer" };
const TEXT_OR_NULL: JsonSchema = { type: ["string", "null"] };
const INTEGER_OR_NULL: JsonSchema = { type: ["integer", "null"] };

const ENTRY = {
  path: TEXT,
  taskId: TEXT,
  mode: { enum: LOCK_MODES },
  owner: TEXT,
  token: INTEGER,
  ttlMs: INTEGER,
  lockedAt: TEXT,
  expiresAt: TEXT,
};
/** Keys that only some locks have. */
const SOME = {
  firstToken: INTEGER,
  pid: INTEGER,
  pidStart: TEXT,
  pidNamespace: TEXT,
  host: TEXT,
  bootId: TEXT,
};

export const LOCK: JsonSchema = objectOf({ ...ENTRY, ...SOME }, Object.keys(SOME));

export const HOLDER: JsonSchema = objectOf(
  { ...ENTRY, ...SOME, ageMs: INTEGER, alive: { type: ["boolean", "null"] } },
  Object.keys(SOME),
);

export const LOCK_EVENT: JsonSchema = objectOf({
  id: TEXT,
  at: TEXT,
  event: TEXT,
  path: TEXT_OR_NULL,
  taskId: TEXT_OR_NULL,
  mode: TEXT_OR_NULL,
  owner: TEXT_OR_NULL,
  token: INTEGER_OR_NULL,
  ttlMs: INTEGER_OR_NULL,
  lockedAt: TEXT_OR_NULL,
  expiresAt: TEXT_OR_NULL,
  replaces: INTEGER_OR_NULL,
  tokens: { anyOf: [listOf(listOf(INTEGER)), { type: "null" }] },
  file: TEXT_OR_NULL,
  agent: TEXT_OR_NULL,
  source: TEXT_OR_NULL,
  note: TEXT_OR_NULL,
});

export const ENTRY_KEYS =
  "{ path, taskId, mode, owner, token, ttlMs, lockedAt, expiresAt, firstToken?, pid?, pidStart?, pidNamespace?, host?, bootId? }";

export const TASK: Readonly<Record<string, OptionSpec>> = {
  task: { type: "string", value: "ID", help: "The task whose locks they are; any text" },
};

/** @throws FlowError `BAD_REQUEST` without `--task`. */
export function taskOf({ options }: CommandContext): string {
  const task = options.text("task");
  if (task !== undefined) return task;
  throw new FlowError("BAD_REQUEST", "Say whose locks: give --task");
}

/**
 * The paths of `--files`, taken from the working folder: parted by commas, but not within braces
 * (`src/{a,b}.ts`) and not behind a backslash. `-` reads them from standard input, one a line.
 *
 * @throws FlowError `BAD_REQUEST` where the option was given and names none.
 */
export async function filesOf({ options }: CommandContext): Promise<string[] | null> {
  const given = options.list("files");
  if (given.length === 0) return null;
  const words = await textsOf(given.flatMap(parted), "path");
  if (words.length > 0) return words.map(fromHere);
  throw new FlowError("BAD_REQUEST", "--files names no path");
}

/**
 * A path from the working folder. Its last slash says that it is a folder, and its `..` are for the
 * store to follow: behind a link they lead elsewhere than the text says.
 */
export function fromHere(word: string): string {
  if (word === "") throw new FlowError("BAD_REQUEST", "A path must not be empty");
  return isAbsolute(word) ? word : `${process.cwd()}/${word}`;
}

function parted(text: string): string[] {
  const words: string[] = [];
  let word = "";
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? "";
    const next = text[at + 1] ?? "";
    if (char === "\\" && next === ",") {
      word += next;
      at += 1;
    } else if (char === "," && depth === 0) {
      words.push(word);
      word = "";
    } else {
      // A brace without its partner must not swallow the commas behind it.
      if (char === "{" && text.includes("}", at)) depth += 1;
      if (char === "}" && depth > 0) depth -= 1;
      word += char;
    }
  }
  return [...words, word].map((one) => one.trim()).filter((one) => one !== "");
}
