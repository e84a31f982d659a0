/** Packing what of the log is closed, and only when it is asked for. */
import type { Command } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { DRY_RUN, isDryRun } from "../dry-run.ts";
import { readDuration } from "../values.ts";

const TEXT = { type: "string" };
const INTEGER = { type: "integer" };

export const archive: Command = {
  usage: "[--older-than DURATION] [--dry-run]",
  details: [
    "A closed segment becomes <name>.jsonl.gz, which every command reads through,",
    "and zcat | grep too. It is verified before the plain file goes. Those of other",
    "clones stay while their last event is younger than 30 days, or --older-than:",
    "their clone may still write them, and git would then have to merge what is",
    "packed.",
  ].join("\n"),
  options: {
    "older-than": { type: "string", value: "DURATION", help: "Of other clones; default 720h" },
    ...DRY_RUN,
  },
  positionals: { min: 0, max: 0 },
  examples: ["flowstore events archive --dry-run", "flowstore events archive --older-than 168h"],
  data: {
    text: "{ archived: [{ file, bytes, packedBytes }], kept: [{ file, why }] }",
    schema: objectOf({
      archived: listOf(objectOf({ file: TEXT, bytes: INTEGER, packedBytes: INTEGER })),
      kept: listOf(objectOf({ file: TEXT, why: TEXT })),
    }),
  },
  async run(context) {
    const age = context.options.text("older-than");
    const dryRun = isDryRun(context);
    const store = await context.openStore("write");
    const olderThanMs = age === undefined ? undefined : readDuration(age);
    const report = await store.events.archive({ olderThanMs, dryRun });
    return {
      data: report,
      meta: { dryRun },
      text: async () => {
        const { visible } = await import("../render/safe-text.ts");
        const packed = report.archived.map(({ file, bytes, packedBytes }) => {
          return `  ${file}: ${bytes} bytes${dryRun ? "" : ` -> ${packedBytes}`}`;
        });
        const kept = report.kept.map(({ file, why }) => `  ${file}: ${why}`);
        return [
          `${dryRun ? "Would archive" : "Archived"}: ${packed.length}`,
          ...packed,
          `Kept: ${kept.length}`,
          ...kept,
        ]
          .map(visible)
          .join("\n");
      },
    };
  },
};
