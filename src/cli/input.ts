/** Texts that a user names: a file, a pattern of files, or `-` for standard input. */
import { open, readFile, stat } from "node:fs/promises";
import { FlowError } from "../errors.ts";

/** A quarter of a gigabyte: far above any plan, and below what one string can hold. */
const MAX_INPUT_BYTES = 256 * 1024 * 1024;

export const STANDARD_INPUT = "-";

export interface InputText {
  /** As the user named it; `standard input` for `-`. */
  readonly name: string;
  readonly text: string;
}

/**
 * @throws FlowError `NOT_FOUND` for a missing file, `BAD_REQUEST` for a folder or something too
 * large, `CORRUPT` for bytes that are no UTF-8, `IO`.
 */
export async function readInput(name: string): Promise<InputText> {
  if (name === STANDARD_INPUT) {
    return { name: "standard input", text: decode(await readStandardInput(), "standard input") };
  }
  try {
    const facts = await stat(name);
    if (facts.isDirectory()) {
      throw new FlowError("BAD_REQUEST", `Cannot read ${name}: it is a folder`);
    }
    if (facts.size > MAX_INPUT_BYTES) throw tooLarge(name);
    return { name, text: decode(await readFile(name), name) };
  } catch (error) {
    throw asReadError(error, name);
  }
}

async function readStandardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_INPUT_BYTES) throw tooLarge("standard input");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The bytes of a file or of standard input, as they are asked for; an interruption ends them with
 * `ABORTED`.
 *
 * @throws FlowError `NOT_FOUND` for a missing file, `BAD_REQUEST` for a folder, `IO`, also while
 * it is read.
 */
export async function inputChunks(
  name: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Buffer>> {
  if (name === STANDARD_INPUT) return chunksOf(process.stdin, "standard input", signal);
  try {
    const handle = await open(name);
    if ((await handle.stat()).isDirectory()) {
      await handle.close();
      throw new FlowError("BAD_REQUEST", `Cannot read ${name}: it is a folder`);
    }
    return chunksOf(handle.createReadStream(), name, signal);
  } catch (error) {
    throw asReadError(error, name);
  }
}

async function* chunksOf(
  stream: AsyncIterable<Buffer>,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  try {
    for await (const chunk of stream) {
      if (signal.aborted) throw new FlowError("ABORTED", "Interrupted; nothing was changed");
      yield chunk;
    }
  } catch (error) {
    throw asReadError(error, name);
  }
}

/** The words of standard input, for `-` in place of IDs. */
export async function readInputWords(): Promise<string[]> {
  const { text } = await readInput(STANDARD_INPUT);
  return text.split(/\s+/).filter((word) => word !== "");
}

function decode(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    // A fatal TextDecoder throws TypeError for bytes that are not UTF-8.
    if (!(error instanceof TypeError)) throw error;
    throw new FlowError("CORRUPT", `Cannot read ${name}: it is not UTF-8 text`, {
      context: { file: name },
      cause: error,
    });
  }
}

function tooLarge(name: string): FlowError {
  const limit = `${MAX_INPUT_BYTES / 1024 / 1024} MiB`;
  return new FlowError("BAD_REQUEST", `Cannot read ${name}: it is larger than ${limit}`);
}

function asReadError(error: unknown, name: string): unknown {
  if (error instanceof FlowError || !(error instanceof Error) || !("code" in error)) return error;
  const context = { file: name, errno: error.code };
  if (error.code === "ENOENT" || error.code === "ENOTDIR") {
    return new FlowError("NOT_FOUND", `Cannot read ${name}: there is no such file`, { context });
  }
  return new FlowError("IO", `Cannot read ${name}: ${String(error.code)}`, {
    context,
    cause: error,
  });
}

/** Characters that make a word a pattern. */
const PATTERN = /[*?[\]{}!()]/;

/**
 * The files that words name, in the order of the words; the matches of a pattern sorted, links to
 * folders not followed.
 *
 * @throws FlowError `NOT_FOUND` for a pattern that matches nothing.
 */
export async function expandPatterns(words: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const word of words) {
    if (word === STANDARD_INPUT || !PATTERN.test(word) || (await exists(word))) {
      files.push(word);
      continue;
    }
    const { glob } = (await import("fast-glob")).default;
    const matches = await glob(word, { followSymbolicLinks: false, onlyFiles: true, dot: true });
    if (matches.length === 0) throw new FlowError("NOT_FOUND", `No file matches ${word}`);
    for (const match of matches.sort()) files.push(match);
  }
  return [...new Set(files)];
}

async function exists(name: string): Promise<boolean> {
  try {
    await stat(name);
    return true;
  } catch (error) {
    // Whatever hinders it, the reading that follows says so with its name.
    if (error instanceof Error && "code" in error) return false;
    throw error;
  }
}

/** Whether nothing bears this name; what only cannot be looked at is not missing. */
export async function isMissing(name: string): Promise<boolean> {
  try {
    await stat(name);
    return false;
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error;
    return error.code === "ENOENT" || error.code === "ENOTDIR";
  }
}
