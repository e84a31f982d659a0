/**
 * One call of the command line: find the command, load it alone, run it, print one envelope or one
 * text, close the store, and say by the exit code how it went.
 */
import { FlowError } from "../errors.ts";
import { Answer } from "./answer.ts";
import type { Command, CommandContext, CommandResult } from "./command.ts";
import { asFlowError } from "./envelope.ts";
import { EXIT_INTERRUPTED } from "./exit-codes.ts";
import { surviveClosedPipes } from "./streams.ts";
import type { OptionValues } from "./options.ts";
import { findCommand, parseWords } from "./parse.ts";
import { REGISTRY } from "./registry.ts";
import { Session } from "./session.ts";

/**
 * How long an interrupted command may take to end by itself. A commit under way takes
 * milliseconds; whatever takes longer has not been committed, and ends with the process.
 */
const INTERRUPT_GRACE_MS = 1000;

/** @returns the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  surviveClosedPipes();
  // Known before the words are understood, because what is wrong with them is told that way too.
  const end = argv.indexOf("--");
  const isJson = (end < 0 ? argv : argv.slice(0, end)).includes("--json");
  const answer = new Answer(isJson, argv.includes("--no-color"));
  try {
    const { command, rest } = findCommand(argv);
    answer.command = command;
    return await runCommand(command, rest, answer);
  } catch (error) {
    return await answer.fail(asFlowError(error));
  }
}

async function runCommand(name: string, words: readonly string[], answer: Answer): Promise<number> {
  const registration = REGISTRY[name];
  const command = registration === undefined ? null : await registration.load();
  const { options, positionals } = parseWords(words, command?.options ?? {});
  if (options.flag("version")) return await answer.succeed(await version());
  if (command === null || options.flag("help"))
    return await answer.succeed(await help(name, command));
  answer.isQuiet = options.flag("quiet");
  refuseWrongCount(name, positionals, command);
  return await execute(command, positionals, options, answer);
}

async function execute(
  command: Command,
  positionals: readonly string[],
  options: OptionValues,
  answer: Answer,
): Promise<number> {
  const session = new Session(options, answer);
  const interruption = new Interruption();
  const context: CommandContext = {
    positionals,
    options,
    dir: options.text("dir"),
    signal: interruption.signal,
    terminal: answer.terminal,
    isJson: options.flag("json"),
    openStore: (access, phases) => session.open(access, phases),
    initStore: () => session.init(),
    warn: (finding) => answer.warn(finding),
    warnings: () => answer.warnings,
    tell: (findings) => answer.tell(findings),
    progress: (text) => answer.progress(text),
  };
  try {
    const result = await Promise.race([command.run(context), interruption.overdue]);
    await session.close();
    return await answer.succeed(result);
  } catch (error) {
    // A command that does not heed the interruption would hold the store, and the process.
    if (interruption.signal.aborted) process.exit(await answer.fail(asFlowError(error)));
    // What went wrong first is what the caller has to know, whatever closing says on top.
    await session.close().catch(() => undefined);
    return await answer.fail(asFlowError(error));
  } finally {
    interruption.end();
  }
}

/** Ctrl-C: the first asks the command to end, the second ends the process. */
class Interruption {
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;
  /** Rejects with `ABORTED` when the command did not end in time. */
  readonly overdue: Promise<never>;
  #refuse: (error: FlowError) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #stop = (): void => {
    if (this.signal.aborted) process.exit(EXIT_INTERRUPTED);
    this.#controller.abort();
    const error = new FlowError(
      "ABORTED",
      "Interrupted; what was not done by then does not happen",
    );
    this.#timer = setTimeout(() => this.#refuse(error), INTERRUPT_GRACE_MS);
  };

  constructor() {
    this.overdue = new Promise((_, reject) => (this.#refuse = reject));
    process.on("SIGINT", this.#stop);
  }

  end(): void {
    clearTimeout(this.#timer);
    process.off("SIGINT", this.#stop);
  }
}

function refuseWrongCount(name: string, positionals: readonly string[], command: Command): void {
  const { min, max } = command.positionals;
  const { length } = positionals;
  if (length >= min && length <= max) return;
  const problem = length < min ? "Something is missing" : `"${positionals[max] ?? ""}" is too much`;
  throw new FlowError("BAD_REQUEST", `${problem}: flowstore ${name} ${command.usage}`, {
    hint: `flowstore ${name} --help shows how it is used.`,
  });
}

async function help(name: string, command: Command | null): Promise<CommandResult> {
  const { commandHelp, groupHelp } = await import("./help.ts");
  const { data, text } = command === null ? groupHelp(name) : commandHelp(name, command);
  return { data, text: () => text };
}

async function version(): Promise<CommandResult> {
  const { createRequire } = await import("node:module");
  const manifest = createRequire(import.meta.url)("../../package.json") as { version: string };
  return { data: { version: manifest.version }, text: () => manifest.version };
}
