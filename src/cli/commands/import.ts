/** Bringing plans of other programs in. */
import { FlowError } from "../../errors.ts";
import type { FlowStore } from "../../index.ts";
import type { Plan } from "../../adapters/import-plan.ts";
import type { Command, CommandContext } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { DRY_RUN, isDryRun, unlessDry } from "../dry-run.ts";
import { expandPatterns, readInput } from "../input.ts";
import type { FileReport } from "../render/import-report.ts";
import { MANY } from "./each-feature.ts";

/** As long as one plan may take; several are one transaction as well. */
const IMPORT_TIMEOUT_MS = 600_000;
const COUNT = { type: "integer" };

export const importCommand: Command = {
  usage: "FILE… [--format NAME] [--dry-run]",
  details: [
    "plain: a JSON list of features; jsonl: one of them a line; beads: issues.jsonl.",
    "All or nothing. A FILE may be a pattern in quotes, or - for standard input.",
    "Importing again updates what an earlier import made and makes nothing twice.",
    "Closed, done, cancelled and tombstone become passing; only blocking edges become",
    "dependencies; what has no place of its own is kept under the key imported.",
  ].join("\n"),
  options: {
    format: { type: "string", value: "NAME", help: "plain, jsonl or beads; else it is recognised" },
    ...DRY_RUN,
  },
  positionals: { min: 1, max: MANY },
  examples: [
    "flowstore import .beads/issues.jsonl --dry-run",
    "flowstore import 'plans/*.json' --json",
  ],
  data: {
    text: "{ dryRun, total, created, updated, unchanged, files }; each of files is { file, format, total, created, updated, unchanged, finished, mapped, keptAside, droppedEdges, problems }",
    schema: objectOf({
      dryRun: { type: "boolean" },
      total: COUNT,
      created: COUNT,
      updated: COUNT,
      unchanged: COUNT,
      files: listOf({ type: "object" }),
    }),
  },
  async run(context) {
    const dryRun = isDryRun(context);
    const plans = await readPlans(context);
    const store = await context.openStore("write");
    const timeoutMs = IMPORT_TIMEOUT_MS;
    const files = await unlessDry(
      context,
      store,
      () => store.transaction(() => importAll(context, store, plans), { timeoutMs }),
      timeoutMs,
    );
    const sum = (key: "total" | "created" | "updated" | "unchanged"): number =>
      files.reduce((total, report) => total + report[key], 0);
    const counts = {
      total: sum("total"),
      created: sum("created"),
      updated: sum("updated"),
      unchanged: sum("unchanged"),
    };
    return {
      data: { dryRun, ...counts, files },
      text: async () => {
        const { renderImport } = await import("../render/import-report.ts");
        return files.map((report) => renderImport(report, context.terminal)).join("\n\n");
      },
      // What a dry run tells is what was asked for.
      ...(dryRun ? {} : { textIfQuiet: () => problemsOf(files, context) }),
    };
  },
};

async function problemsOf(
  files: readonly FileReport[],
  { terminal }: CommandContext,
): Promise<string> {
  const { renderProblems } = await import("../render/import-report.ts");
  return files.flatMap((report) => renderProblems(report, terminal)).join("\n");
}

async function readPlans(context: CommandContext): Promise<Plan[]> {
  const { formatNamed, recogniseFormat } = await import("../../adapters/formats.ts");
  const asked = context.options.text("format");
  const format = asked === undefined ? null : formatNamed(asked);
  const plans: Plan[] = [];
  for (const file of await expandPatterns(context.positionals)) {
    const { name, text } = await readInput(file);
    plans.push({ format: format ?? recogniseFormat(text, name), fileName: name, text });
  }
  if (plans.length === 0) throw new FlowError("BAD_REQUEST", "Nothing to import");
  return plans;
}

async function importAll(
  context: CommandContext,
  store: FlowStore,
  plans: readonly Plan[],
): Promise<FileReport[]> {
  const { importPlan } = await import("../../adapters/import-plan.ts");
  const reports: FileReport[] = [];
  for (const plan of plans) {
    const report = await importPlan(store, plan, {
      signal: context.signal,
      onProgress: (done, total) => context.progress(`${plan.fileName}: ${done} of ${total}`),
    });
    reports.push({ ...report, dryRun: isDryRun(context) });
  }
  return reports;
}
