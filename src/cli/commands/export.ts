/** Writing all features as a plan. */
import { FlowError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { objectOf } from "../data-shapes.ts";

const TEXT = { type: "string" };

export const exportCommand: Command = {
  usage: "[--format plain|jsonl|beads] [--output FILE]",
  details: [
    "plain and jsonl hold all that the features' files hold. beads gives an imported",
    "plan back with what has changed since. Deleted features are left out.",
  ].join("\n"),
  options: {
    format: { type: "string", value: "NAME", help: "plain, jsonl or beads; default plain" },
    output: { type: "string", value: "FILE", help: "Write this file, whole or not at all" },
  },
  positionals: { min: 0, max: 0 },
  examples: [
    "flowstore export --output features.json",
    "flowstore export --format beads --output issues.jsonl",
  ],
  data: {
    text: "{ format, count, file, text }: text is the plan, and null when it went to a file",
    schema: objectOf({
      format: TEXT,
      count: { type: "integer" },
      file: { type: ["string", "null"] },
      text: { type: ["string", "null"] },
    }),
  },
  async run(context) {
    const { formatNamed } = await import("../../adapters/formats.ts");
    const format = formatNamed(context.options.text("format") ?? "plain");
    if (format.write === undefined) {
      throw new FlowError("BAD_REQUEST", `The format "${format.name}" can only be imported`);
    }
    const file = context.options.text("output") ?? null;
    const store = await context.openStore("read");
    const features = await store.features.getAll();
    const text = format.write(features);
    const data = { format: format.name, count: features.length, file };
    if (file === null) return { data: { ...data, text }, text: () => text };
    const { writeWholeFile } = await import("../output.ts");
    writeWholeFile(file, text);
    return {
      data: { ...data, text: null },
      isConfirmation: true,
      text: async () => {
        const { visible } = await import("../render/safe-text.ts");
        const { counted } = await import("../render/counted.ts");
        return `Wrote ${counted(features.length, "feature")} to ${visible(file)}`;
      },
    };
  },
};
