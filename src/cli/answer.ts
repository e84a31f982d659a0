/** What the caller of a command gets to see: one envelope or one text, warnings, progress. */
import type { FlowError } from "../errors.ts";
import type { Finding, LockHolder, LockWaiter } from "../index.ts";
import type { CommandResult } from "./command.ts";
import { failure, success } from "./envelope.ts";
import { EXIT_DONE, exitCodeOf } from "./exit-codes.ts";
import { print } from "./streams.ts";
import { visible } from "./render/safe-text.ts";
import { describeTerminal, type Terminal } from "./render/terminal.ts";

/** The context of a refused lock. */
interface InTheWay {
  readonly holders: readonly LockHolder[];
  readonly waiters: readonly LockWaiter[];
}

/** Ten times a second is more than the eye follows. */
const PROGRESS_INTERVAL_MS = 100;

export class Answer {
  readonly terminal: Terminal;
  readonly #isJson: boolean;
  readonly #warnings = new Map<string, Finding>();
  /** Those that people have seen. */
  readonly #told = new Set<string>();
  #hasProgress = false;
  #lastProgressMs = Number.NEGATIVE_INFINITY;
  command = "";
  isQuiet = false;

  constructor(isJson: boolean, noColour: boolean) {
    this.#isJson = isJson;
    this.terminal = describeTerminal(process.stdout, process.env, noColour || isJson);
  }

  /** The same finding may be met by several reads of one command. */
  warn(finding: Finding): void {
    this.#warnings.set(keyOf(finding), finding);
  }

  /** What was warned of, each thing once. */
  get warnings(): readonly Finding[] {
    return [...this.#warnings.values()];
  }

  /** Shows findings on standard error at once, and not again at the end. */
  async tell(findings: readonly Finding[]): Promise<void> {
    for (const finding of findings) this.#told.add(keyOf(finding));
    if (findings.length === 0 || this.#isJson || this.isQuiet) return;
    const { renderFinding } = await import("./render/findings.ts");
    const terminal = describeTerminal(process.stderr, process.env, !this.terminal.hasColour);
    const lines = findings.map((finding) => `${renderFinding(finding, terminal)}\n`);
    await print(process.stderr, lines.join(""));
  }

  async #tellRest(): Promise<void> {
    await this.tell(this.warnings.filter((finding) => !this.#told.has(keyOf(finding))));
  }

  progress(text: string): void {
    if (this.isQuiet || process.stderr.isTTY !== true) return;
    const now = performance.now();
    if (now - this.#lastProgressMs < PROGRESS_INTERVAL_MS) return;
    this.#lastProgressMs = now;
    this.#hasProgress = true;
    process.stderr.write(`\r\x1b[K${visible(text)}`);
  }

  #endProgress(): void {
    if (this.#hasProgress) process.stderr.write("\r\x1b[K");
    this.#hasProgress = false;
  }

  async succeed(result: CommandResult): Promise<number> {
    this.#endProgress();
    if (result.isPrinted === true) return result.exitCode ?? EXIT_DONE;
    if (this.#isJson) {
      const envelope = success(this.command, result.data, this.warnings, result.meta ?? {});
      await print(process.stdout, `${JSON.stringify(envelope)}\n`);
    } else {
      await this.#tellRest();
      const text = await this.#textOf(result);
      if (text !== "") await print(process.stdout, text.endsWith("\n") ? text : `${text}\n`);
    }
    return result.exitCode ?? EXIT_DONE;
  }

  #textOf(result: CommandResult): string | Promise<string> {
    if (!this.isQuiet) return result.text();
    if (result.textIfQuiet !== undefined) return result.textIfQuiet();
    return result.isConfirmation === true ? "" : result.text();
  }

  async fail(error: FlowError): Promise<number> {
    this.#endProgress();
    if (this.#isJson) {
      await print(process.stdout, `${JSON.stringify(failure(this.command, error))}\n`);
    } else {
      await this.#tellRest();
      const hint = error.hint === undefined ? "" : `  ${visible(error.hint)}\n`;
      const table = await this.#tableOf(error);
      await print(process.stderr, `flowstore: ${visible(error.message)}\n${hint}${table}`);
    }
    return exitCodeOf(error.code);
  }

  /** Everybody who is in the way, where that is why it was refused. */
  async #tableOf({ code, context }: FlowError): Promise<string> {
    if (code !== "LOCKED" || this.isQuiet) return "";
    const { renderInTheWay } = await import("./render/lock-table.ts");
    const terminal = describeTerminal(process.stderr, process.env, !this.terminal.hasColour);
    const { holders = [], waiters = [] } = context as Partial<InTheWay>;
    return `${renderInTheWay({ holders, waiters }, terminal, Date.now())}\n`;
  }
}

function keyOf({ file, line, rule, message }: Finding): string {
  return JSON.stringify([file, line, rule, message]);
}
