/**
 * What a command is. One file a group under `commands/` exports its commands; `registry.ts` knows
 * where each lies, so that only the one that was called is loaded.
 */
import type { Finding, FlowStore, FlowStoreOptions } from "../index.ts";
import type { DataShape } from "./data-shapes.ts";
import type { OptionSpec, OptionValues } from "./options.ts";
import type { Terminal } from "./render/terminal.ts";

export interface Command {
  /** What follows the command's own words, such as `ID… [options]`. */
  readonly usage: string;
  /** What the command does, beyond the one line in the registry; lines of at most 80 characters. */
  readonly details?: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** How many words it takes beside its options. */
  readonly positionals: { readonly min: number; readonly max: number };
  /** Complete commands, the usual one first. */
  readonly examples: readonly string[];
  /** What stands under `data`. */
  readonly data: DataShape;
  run(context: CommandContext): Promise<CommandResult>;
}

/** Where a command lies. */
export interface Registration {
  /** Imperative, no full stop. */
  readonly summary: string;
  load(): Promise<Command>;
}

/** Commands by their words. */
export type Registry = Readonly<Record<string, Registration>>;

/** Phases that are not the presets; they belong to one call, since no file of the store holds them. */
export type OwnPhases = Pick<FlowStoreOptions, "phaseSequences" | "pipelinePhases">;

export interface CommandContext {
  readonly positionals: readonly string[];
  readonly options: OptionValues;
  /** `--dir`; absent: the working folder. */
  readonly dir: string | undefined;
  /** Aborted when the user interrupts; work of several steps then throws `ABORTED` at the next. */
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  /** `--json`. */
  readonly isJson: boolean;
  /** Opens the store of the working folder or `--dir`; it is closed when the command ends. */
  openStore(access: "read" | "write", phases?: OwnPhases): Promise<FlowStore>;
  /** Makes the store if there is none, and opens it. */
  initStore(): Promise<FlowStore>;
  warn(finding: Finding): void;
  /** All that was warned of so far, each thing once. */
  warnings(): readonly Finding[];
  /** Shows findings to people at once; those that were not are shown at the end. */
  tell(findings: readonly Finding[]): Promise<void>;
  /** Shows how far a long work is: on standard error, on a terminal only. */
  progress(text: string): void;
}

export interface CommandResult {
  readonly data: unknown;
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly exitCode?: number;
  /** Whether all of it was printed while the command ran, as of one that watches. */
  readonly isPrinted?: boolean;
  /** What a person reads; asked for only without `--json`. Ends without a newline. */
  text(): string | Promise<string>;
  /** Whether the text only confirms that it went well, so that `--quiet` leaves it out. */
  readonly isConfirmation?: boolean;
  /** What `--quiet` leaves of the text; absent: all of it, or nothing of a confirmation. */
  textIfQuiet?(): string | Promise<string>;
}
