/** What `--help` shows: of everything, of a group of commands, of one command. */
import type { Command } from "./command.ts";
import type { OptionSpec } from "./options.ts";
import { GLOBAL_OPTIONS } from "./parse.ts";
import { REGISTRY } from "./registry.ts";
import { wrap, wrapIndented } from "./render/width.ts";

const MAX_WIDTH = 80;
const LABEL_WIDTH = 26;

const EXIT_CODES_TEXT = [
  "0 done, 1 defect, 2 wrong use, 3 not found, 4 errors found or a gate failed,",
  "5 conflict, 6 damaged or newer files, 7 I/O, 8 timeout, 130 interrupted",
];

/** What one has to know before the list of commands says anything. */
const CONCEPTS = [
  "A plan is a list of features, one file each, in the folder .flow. A feature is",
  "passing (done), in progress (an agent holds it), blocked (it waits for others)",
  "or ready. An agent claims a ready one, works on it, and marks it as passing or",
  "gives it back.",
];

interface Help {
  readonly data: unknown;
  readonly text: string;
}

/** The commands that begin with `group`; all when it is empty. */
export function groupHelp(group: string): Help {
  const names = Object.keys(REGISTRY).filter(
    (name) => group === "" || name.startsWith(`${group} `),
  );
  const commands = names.map((name) => ({ command: name, summary: REGISTRY[name]?.summary ?? "" }));
  const lines = [
    group === "" ? "Keep the state of coding agents in files" : `Work with "${group}"`,
    ...(group === "" ? ["", ...CONCEPTS] : []),
    "",
    `Usage: flowstore ${group === "" ? "COMMAND" : `${group} COMMAND`} [options]`,
    "",
    "Commands:",
    ...commands.flatMap(({ command, summary }) => entry(command, summary)),
    "",
    "Options of every command:",
    ...optionLines(GLOBAL_OPTIONS),
    "",
    "Exit codes:",
    ...EXIT_CODES_TEXT.map((line) => `  ${line}`),
    "",
    "flowstore COMMAND --help shows examples and the shape of the data",
  ];
  return { data: { commands, options: optionData(GLOBAL_OPTIONS) }, text: lines.join("\n") };
}

export function commandHelp(name: string, command: Command): Help {
  const summary = REGISTRY[name]?.summary ?? "";
  const usage = ["flowstore", name, command.usage].filter((part) => part !== "").join(" ");
  const details = command.details ?? "";
  const lines = [
    summary,
    "",
    ...wrapIndented(`Usage: ${usage}`, MAX_WIDTH),
    ...(details === ""
      ? []
      : ["", ...details.split("\n").flatMap((line) => wrap(line, MAX_WIDTH))]),
    ...section("Options:", optionLines(command.options)),
    ...section("Options of every command:", optionLines(GLOBAL_OPTIONS)),
    ...section(
      "Examples:",
      command.examples.map((example) => `  ${example}`),
    ),
    ...section("Data (--json):", indented(command.data.text)),
  ];
  const data = {
    command: name,
    summary,
    usage,
    details,
    options: optionData(command.options),
    examples: command.examples,
    data: command.data,
  };
  return { data, text: lines.join("\n") };
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines];
}

function optionLines(options: Readonly<Record<string, OptionSpec>>): string[] {
  return Object.entries(options).flatMap(([name, { value, help, multiple }]) => {
    const label = value === undefined ? `--${name}` : `--${name} ${value}`;
    return entry(label, multiple === true ? `${help} (may be repeated)` : help);
  });
}

function optionData(options: Readonly<Record<string, OptionSpec>>): unknown[] {
  return Object.entries(options).map(([name, { value, help, multiple }]) => ({
    name,
    ...(value === undefined ? {} : { value }),
    multiple: multiple === true,
    help,
  }));
}

function entry(label: string, text: string): string[] {
  const lines = wrap(text, MAX_WIDTH - LABEL_WIDTH - 2);
  const gap = label.length < LABEL_WIDTH ? "" : " ";
  return lines.map((line, at) => `  ${(at === 0 ? label + gap : "").padEnd(LABEL_WIDTH)}${line}`);
}

function indented(text: string): string[] {
  return wrap(text, MAX_WIDTH - 2).map((line) => `  ${line}`);
}
