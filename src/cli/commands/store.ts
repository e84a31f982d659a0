/** Commands about the store as a whole. */
import type { CheckOptions, Finding, FlowStore } from "../../index.ts";
import type { Command, CommandContext, CommandResult } from "../command.ts";
import { FINDINGS, listOf, objectOf } from "../data-shapes.ts";
import { DRY_RUN, isDryRun } from "../dry-run.ts";
import { EXIT_DONE, EXIT_FOUND_ERRORS } from "../exit-codes.ts";

const NOTHING = { min: 0, max: 0 };
const TEXT = { type: "string" };
const FINDING_LIST = listOf({ $ref: "#/$defs/finding" });

export const init: Command = {
  usage: "[--dir FOLDER]",
  details: "Makes .flow in the folder. Safe to repeat: a store that is there stays as it is.",
  options: {},
  positionals: NOTHING,
  examples: ["flowstore init", "flowstore init --dir ../project --json"],
  data: {
    text: "{ root, format }: where the store lies, and the format number of its files",
    schema: objectOf({ root: TEXT, format: { type: "integer" } }),
  },
  async run(context) {
    const store = await context.initStore();
    const { FlowStore: Store } = await import("../../index.ts");
    const data = { root: store.root, format: Store.format };
    return { data, isConfirmation: true, text: () => shown(`Ready: ${store.root}`) };
  },
};

export const check: Command = {
  usage: "[--events]",
  details: [
    "Reads every file and writes nothing. A line that begins with repair: says what",
    "flowstore repair would do. Exit code 4 when there are errors.",
  ].join("\n"),
  options: { events: { type: "boolean", help: "Only the event log" } },
  positionals: NOTHING,
  examples: ["flowstore check", "flowstore check --json"],
  data: FINDINGS,
  run: (context) => found(context, context.options.flag("events") ? "events" : "all"),
};

export const verify: Command = {
  usage: "",
  details: [
    "The same as flowstore check --events: reads every line of every segment, writes",
    "nothing, and names each that is damaged. Exit code 4 when there are errors.",
  ].join("\n"),
  options: {},
  positionals: NOTHING,
  examples: ["flowstore events verify", "flowstore events verify --json"],
  data: FINDINGS,
  run: (context) => found(context, "events"),
};

async function found(context: CommandContext, only: CheckedPart): Promise<CommandResult> {
  return foundBy(context, await context.openStore("read"), only);
}

type CheckedPart = NonNullable<CheckOptions["only"]>;

/** What a check of the store, or of a part of it, comes to. */
export async function foundBy(
  context: CommandContext,
  store: FlowStore,
  only: CheckedPart,
): Promise<CommandResult> {
  const findings = await store.check({ only });
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  return {
    data: findings,
    meta: { count: findings.length, errors, warnings },
    exitCode: errors > 0 ? EXIT_FOUND_ERRORS : EXIT_DONE,
    text: async () => {
      if (findings.length === 0) return "No damage found";
      const { counted } = await import("../render/counted.ts");
      const summary = `${counted(errors, "error")}, ${counted(warnings, "warning")}`;
      return [...(await lines(findings, context)), summary].join("\n");
    },
  };
}

export const repair: Command = {
  usage: "[--dry-run]",
  details:
    "Copies what it changes first, may be repeated, and deletes no byte that it could\n" +
    "not read. A state that was changed by hand stays, and is logged as it is.",
  options: DRY_RUN,
  positionals: NOTHING,
  examples: ["flowstore repair --dry-run", "flowstore repair"],
  data: {
    text: "{ done, left, backup }: the findings that were mended, those that were not, and the folder of the copies",
    schema: objectOf({
      done: FINDING_LIST,
      left: FINDING_LIST,
      backup: { type: ["string", "null"] },
    }),
  },
  async run(context) {
    const dryRun = isDryRun(context);
    const store = await context.openStore("write");
    const data = await store.repair({ dryRun });
    const { done, left, backup }: Awaited<ReturnType<FlowStore["repair"]>> = data;
    return {
      data,
      meta: { dryRun },
      text: async () => {
        const { visible } = await import("../render/safe-text.ts");
        return [
          `${dryRun ? "Would mend" : "Mended"}: ${done.length}`,
          ...(await lines(done, context, !dryRun)),
          `Left: ${left.length}`,
          ...(await lines(left, context)),
          ...(backup === null ? [] : [`Copies: ${visible(backup)}`]),
        ].join("\n");
      },
    };
  },
};

async function lines(
  findings: readonly Finding[],
  context: CommandContext,
  areMended = false,
): Promise<string[]> {
  const { renderFinding } = await import("../render/findings.ts");
  return findings.map((finding) => renderFinding(finding, context.terminal, areMended));
}

async function shown(text: string): Promise<string> {
  const { visible } = await import("../render/safe-text.ts");
  return visible(text);
}
