/** What options a command takes, and what was given for them. Imports nothing: commands and their parser meet here. */

export interface OptionSpec {
  readonly type: "string" | "boolean";
  /** May be given several times. */
  readonly multiple?: true;
  /** What the help calls its value. */
  readonly value?: string;
  readonly help: string;
}

/** What was asked for by options, by name. */
export interface OptionValues {
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  flag(name: string): boolean;
}
