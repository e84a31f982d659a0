/** The words after `flowstore`: which command, which options, which words it works on. */
import { parseArgs } from "node:util";
import { FlowError } from "../errors.ts";
import { didYouMean } from "../nearest.ts";
import type { OptionSpec, OptionValues } from "./options.ts";
import { GROUPS, REGISTRY } from "./registry.ts";

/** The options of every command. */
export const GLOBAL_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  json: { type: "boolean", help: "Print one JSON document on standard output" },
  dir: { type: "string", value: "FOLDER", help: "Look for the store there and above; else here" },
  actor: {
    type: "string",
    value: "NAME",
    help: "Act as this agent (else FLOW_ACTOR, git's e-mail)",
  },
  quiet: { type: "boolean", help: "Print no confirmations, warnings or progress" },
  "no-color": { type: "boolean", help: "Print no colours (as the variable NO_COLOR)" },
  help: { type: "boolean", help: "Show how the command is used" },
  version: { type: "boolean", help: "Show the version" },
};

export interface Invocation {
  /** The command's words; empty when none was given. */
  readonly command: string;
  /** What follows them, with the global options that stood before. */
  readonly rest: readonly string[];
}

/**
 * Finds the command's words; global options may stand before and between them.
 *
 * @throws FlowError `BAD_REQUEST` for an unknown command, with the nearest one as a hint.
 */
export function findCommand(argv: readonly string[]): Invocation {
  const rest: string[] = [];
  let group: string | null = null;
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (word.startsWith("-") && word !== "-" && word !== "--") {
      rest.push(word);
      const spec = GLOBAL_OPTIONS[word.replace(/^--/, "")];
      if (spec?.type === "string" && at + 1 < argv.length) rest.push(argv[(at += 1)] ?? "");
      continue;
    }
    const command: string = group === null ? word : `${group} ${word}`;
    const following = argv[at + 1] ?? "";
    // Some words are a command and begin others: `events`, `events replay`.
    const goesOn = Object.hasOwn(REGISTRY, `${command} ${following}`);
    if (Object.hasOwn(REGISTRY, command) && !goesOn)
      return { command, rest: [...rest, ...argv.slice(at + 1)] };
    if (!GROUPS.has(command)) refuseCommand(command, group);
    group = command;
  }
  return { command: group ?? "", rest };
}

function refuseCommand(command: string, group: string | null): never {
  const names = Object.keys(REGISTRY);
  const nearby = group === null ? [...names, ...GROUPS] : names.filter((name) => isIn(group, name));
  const help = group === null ? "flowstore --help" : `flowstore ${group} --help`;
  throw new FlowError("BAD_REQUEST", `There is no command "${command}"`, {
    hint: didYouMean(command, nearby) ?? `${help} lists the commands.`,
  });
}

function isIn(group: string, command: string): boolean {
  return command.startsWith(`${group} `);
}

export interface ParsedWords {
  readonly positionals: readonly string[];
  readonly options: OptionValues;
}

/**
 * Options and words of a command.
 *
 * @throws FlowError `BAD_REQUEST` for an unknown option or a missing value.
 */
export function parseWords(
  words: readonly string[],
  own: Readonly<Record<string, OptionSpec>>,
): ParsedWords {
  const specs: Readonly<Record<string, OptionSpec>> = { ...GLOBAL_OPTIONS, ...own };
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { type, multiple }]) => [
      name,
      { type, multiple: multiple === true },
    ]),
  );
  try {
    const parsed = parseArgs({ args: [...words], options, strict: true, allowPositionals: true });
    return { positionals: parsed.positionals, options: valuesOf(parsed.values) };
  } catch (error) {
    throw explain(error, specs);
  }
}

type RawValues = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

function valuesOf(values: RawValues): OptionValues {
  return {
    text: (name) => (typeof values[name] === "string" ? values[name] : undefined),
    list: (name) => {
      const list = values[name];
      return Array.isArray(list) ? list.filter((value) => typeof value === "string") : [];
    },
    flag: (name) => values[name] === true,
  };
}

/** parseArgs tells by a code what was wrong, and by its message where. */
function explain(error: unknown, specs: Readonly<Record<string, OptionSpec>>): unknown {
  if (!(error instanceof TypeError) || !("code" in error)) return error;
  const option = /'(?:-\w, )?(-{1,2}[^' ]*)/.exec(error.message)?.[1] ?? "";
  if (error.code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const names = Object.keys(specs).map((name) => `--${name}`);
    return new FlowError("BAD_REQUEST", `There is no option "${option}" here`, {
      hint:
        didYouMean(option, names) ??
        "--help lists the options. A word that begins with a dash stands behind --.",
    });
  }
  if (error.code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") {
    const wantsValue = specs[option.replace(/^--/, "")]?.type === "string";
    return new FlowError(
      "BAD_REQUEST",
      wantsValue ? `The option "${option}" needs a value` : `The option "${option}" takes no value`,
      wantsValue ? { hint: `Written as ${option}=VALUE, the value may begin with a dash.` } : {},
    );
  }
  return error;
}
