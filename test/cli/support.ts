/** Runs the command line as its users do: as a process of its own, in a temporary folder. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { atEnd } from "../at-end.ts";

const MAIN = fileURLToPath(import.meta.resolve("#src/bin/main.cjs"));

/** Far beyond what any command here takes, so that a hanging one ends the test and not the suite. */
const TIMEOUT_MS = 60_000;

export interface Outcome {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Only what a command needs, so that nothing of the machine shows in its output. */
const ENV = { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", FLOW_ACTOR: "tester" };

export function start(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { ...ENV, ...env },
    timeout: TIMEOUT_MS,
  });
}

export function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk: Buffer) => chunks[name].push(chunk));
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exit) => {
      const text = (name: "stdout" | "stderr"): string => Buffer.concat(chunks[name]).toString();
      resolve({ exit, stdout: text("stdout"), stderr: text("stderr") });
    });
  });
}

/** A temporary folder and a way to call `flowstore` in it. */
export interface Shell {
  readonly folder: string;
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Calls with `--json` and gives the one document that was printed. */
  json(args: readonly string[], options?: RunOptions): Promise<Envelope>;
}

export interface Envelope {
  readonly exit: number | null;
  readonly ok: boolean;
  readonly command: string;
  readonly data: unknown;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string | null;
    readonly retryable: boolean;
    readonly context: Readonly<Record<string, unknown>>;
  };
}

/** One thing under `data`. */
export type Thing = Readonly<Record<string, unknown>>;

export function one({ data }: Envelope): Thing {
  if (typeof data === "object" && data !== null && !Array.isArray(data)) return data as Thing;
  throw new Error(`No single thing: ${JSON.stringify(data)}`);
}

export function list({ data }: Envelope): readonly Thing[] {
  if (Array.isArray(data)) return data as Thing[];
  throw new Error(`No list: ${JSON.stringify(data)}`);
}

export async function openShell(context: TestContext): Promise<Shell> {
  const folder = await mkdtemp(join(tmpdir(), "flowstore-cli-"));
  atEnd(context, () => rm(folder, { recursive: true, force: true }));
  const run = (args: readonly string[], options: RunOptions = {}): Promise<Outcome> => {
    const child = start(folder, args, options.env);
    child.stdin.on("error", () => undefined); // EPIPE: a command that never reads may be gone already
    child.stdin.end(options.input ?? "");
    return outcomeOf(child);
  };
  const json = async (args: readonly string[], options: RunOptions = {}): Promise<Envelope> => {
    const { exit, stdout } = await run([...args, "--json"], options);
    return { exit, ...(JSON.parse(stdout) as Omit<Envelope, "exit">) };
  };
  return { folder, run, json };
}

/** A shell with a store in it. */
export async function openStoreShell(context: TestContext): Promise<Shell> {
  const shell = await openShell(context);
  const { exit, stderr } = await shell.run(["init"]);
  if (exit !== 0) throw new Error(`flowstore init failed: ${stderr}`);
  return shell;
}

/** What differs from run to run, by a name: `<uid>`, `<time>`, `<revision>`, `<folder>`. */
export function masked(text: string, folder: string): string {
  return text
    .replaceAll(folder, "<folder>")
    .replace(/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, "<uid>")
    .replace(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/g, "<time>")
    .replace(/"revision":"[^"]*"/g, '"revision":"<revision>"');
}
