/**
 * What V8 made of the program is kept beside it, so that the next call need not compile it again: a
 * third of the time of a short command.
 *
 * It is a cache and nothing else: without it, with another version of node, or where the folder
 * cannot be written, the program is compiled anew. V8 believes what it is given (a flipped bit ends
 * the process), so the file bears a checksum; and it tells an older program from this one by its
 * length alone, so the file's name says of which program, changed when, it was made. Who may write
 * here may change the program itself: nobody gains a right by it. (Node's own cache, since 22.8,
 * needs no such care, but is not in node 20.)
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { cachedDataVersionTag } from "node:v8";
import { Script } from "node:vm";

/** A program is one function: of what it asks other modules by, and its own address. */
type Program = (require: NodeJS.Require, programUrl: string) => void;

interface Cache {
  /** Of how many calls it remembers the functions. */
  readonly calls: number;
  readonly data: Buffer;
}

/** Of SHA-256. */
const CHECKSUM_BYTES = 32;

/** V8 remembers the functions that were called. After so many calls, whatever they were, it ends. */
const MOST_CALLS = 16;

/** Runs the program in that file. */
export function runProgram(path: string): void {
  const { source, changedAtMs } = readProgram(path);
  const cachePath = `${path}.${cachedDataVersionTag()}-${changedAtMs}.cache`;
  const cache = readCache(cachePath);
  const cached = cache === undefined ? {} : { cachedData: cache.data };
  const script = new Script(source, { filename: path, ...cached });
  const calls = script.cachedDataRejected === false ? (cache?.calls ?? 0) : 0;
  if (calls < MOST_CALLS) {
    // At the end, when the functions that this call needs have been compiled.
    process.once("exit", () =>
      writeCache(cachePath, { calls: calls + 1, data: script.createCachedData() }),
    );
  }
  const program = script.runInThisContext() as Program;
  program(createRequire(path), pathToFileURL(path).href);
}

function readProgram(path: string): { source: string; changedAtMs: number } {
  const file = openSync(path, "r");
  try {
    // It is ASCII, as esbuild writes it; told so, V8 keeps it in one byte a character.
    return { changedAtMs: fstatSync(file).ctimeMs, source: readFileSync(file, "latin1") };
  } finally {
    closeSync(file);
  }
}

/** @returns nothing where there is none, or what is there is not whole. */
function readCache(path: string): Cache | undefined {
  const bytes = ifAllowed(() => readFileSync(path));
  if (bytes === undefined || bytes.length <= CHECKSUM_BYTES) return undefined;
  const rest = bytes.subarray(CHECKSUM_BYTES);
  if (!checksum(rest).equals(bytes.subarray(0, CHECKSUM_BYTES))) return undefined;
  return { calls: rest[0] ?? 0, data: rest.subarray(1) };
}

function writeCache(path: string, { calls, data }: Cache): void {
  const rest = Buffer.concat([Buffer.of(calls), data]);
  const temporary = `${path}.${process.pid}.tmp`;
  const isWritten = ifAllowed(() => {
    const file = openSync(temporary, "wx");
    try {
      writeFileSync(file, Buffer.concat([checksum(rest), rest]));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    return true;
  });
  if (isWritten === undefined) ifAllowed(() => rmSync(temporary, { force: true }));
}

function checksum(data: Buffer): Buffer {
  return createHash("sha256").update(data).digest();
}

/** @returns nothing when the system refuses, for whatever reason: the program runs all the same. */
function ifAllowed<Result>(act: () => Result): Result | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof Error && "errno" in error) return undefined;
    throw error;
  }
}
