/** Processes that work on a store, for tests that race, stop and kill them. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { atEnd, type Scope } from "../at-end.ts";

/** Nothing of the machine's or the user's own configuration counts in a test. */
export function bareEnvironment(home: string): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: home, LANG: "C.UTF-8", FLOW_ACTOR: "tester" };
}

/** A temporary folder that goes with its scope. */
export function temporaryFolder(context: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), "flowstore-test-"));
  atEnd(context, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** How a process ended. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Waiter {
  readonly match: (line: string) => boolean;
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

/** How a worker is run, beside its arguments. */
export interface Ways {
  /** A command that runs the worker. */
  readonly prefix?: readonly string[];
  /** The folder of another copy of the compiled tests, whose worker is run. */
  readonly tree?: string | undefined;
  /** Added to the {@link bareEnvironment}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Is given each line, instead of {@link Child.lines}. */
  readonly listen?: (line: string) => void;
}

/** A worker script that is told things by lines and tells things by lines. */
export class Child {
  /** Every line that the worker wrote; short ones reach a pipe whole or not at all. */
  readonly lines: string[] = [];
  readonly exited: Promise<End>;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiters = new Set<Waiter>();
  #errors = "";

  /**
   * Starts a worker script, ended with its scope.
   *
   * @param name `store-rpc` for `store-rpc.worker.ts` of this folder
   */
  static start(
    context: Scope,
    name: string,
    args: readonly string[],
    { prefix = [], tree, env = {}, listen }: Ways = {},
  ): Child {
    const folder = tree === undefined ? import.meta.dirname : join(tree, "test/process");
    const script = join(folder, `${name}.worker.js`);
    const command = [...prefix, process.execPath, script, ...args];
    const child = new Child(
      spawn(command[0] ?? "", command.slice(1), { env: { ...bareEnvironment(tmpdir()), ...env } }),
      listen,
    );
    atEnd(context, async () => {
      child.kill("SIGKILL");
      await child.exited;
    });
    return child;
  }

  private constructor(
    started: ChildProcessWithoutNullStreams,
    listen: (line: string) => void = (line) => this.lines.push(line),
  ) {
    this.#process = started;
    started.stdin.on("error", () => undefined); // EPIPE: it was killed before it read
    started.stderr.on("data", (chunk: Buffer) => (this.#errors += chunk.toString()));
    const reader = createInterface({ input: started.stdout });
    reader.on("line", (line) => {
      listen(line);
      for (const waiter of this.#waiters) {
        if (!waiter.match(line)) continue;
        this.#waiters.delete(waiter);
        waiter.resolve(line);
      }
    });
    const read = new Promise<void>((resolve) => reader.on("close", resolve));
    this.exited = new Promise((resolve, reject) => {
      started.on("error", reject);
      started.on("close", (code, signal) => {
        void read.then(() => {
          const how = `ended (code ${code}, signal ${signal})`;
          for (const { reject: refuse } of this.#waiters)
            refuse(new Error(`${how}: ${this.#errors}`));
          this.#waiters.clear();
          resolve({ code, signal });
        });
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  /** What it wrote to stderr. */
  get errors(): string {
    return this.#errors;
  }

  send(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** The next line that matches, from now on. Fails when the process ends before. */
  next(match: (line: string) => boolean): Promise<string> {
    return new Promise((resolve, reject) => this.#waiters.add({ match, resolve, reject }));
  }

  /** Waits for an end without an error. */
  async done(): Promise<void> {
    const { code, signal } = await this.exited;
    if (code !== 0)
      throw new Error(`A worker ended with code ${code}, signal ${signal}: ${this.#errors}`);
  }
}
