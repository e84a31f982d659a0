/** What tasks hand on, as markdown. */
import { FlowError } from "../../errors.ts";
import { NOTE, noteOf } from "../change-options.ts";
import type { Command } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { readInput } from "../input.ts";
import { counted } from "../render/counted.ts";
import { readCount } from "../values.ts";
import { oneTextOf } from "./each-text.ts";

const TEXT = { type: "string" };
const ENTRY = { taskId: TEXT, path: TEXT, bytes: { type: "integer" } };

export const write: Command = {
  usage: "TASK --file FILE [--note TEXT]",
  details: "Takes the place of what the task wrote before. The FILE - is standard input.",
  options: {
    file: { type: "string", value: "FILE", help: "The markdown; - is standard input" },
    ...NOTE,
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore output write fn-1.2 --file handoff.md",
    "echo '# Done' | flowstore output write fn-1.2 --file - --json",
  ],
  data: {
    text: "{ taskId, path, bytes }: path is that of the file, relative to .flow",
    schema: objectOf(ENTRY),
  },
  async run(context) {
    const [taskId = ""] = context.positionals;
    const file = context.options.text("file");
    if (file === undefined) throw new FlowError("BAD_REQUEST", "Say what to write: give --file");
    const { text } = await readInput(file);
    const store = await context.openStore("write");
    const entry = await store.outputs.write(taskId, text, noteOf(context));
    return {
      data: entry,
      isConfirmation: true,
      text: () => `Wrote .flow/${entry.path} (${counted(entry.bytes, "byte")})`,
    };
  },
};

export const show: Command = {
  usage: "TASK",
  details: [
    "The markdown without its front matter. Control characters are shown as escapes;",
    "with --json they are as they were written.",
  ].join("\n"),
  options: {},
  positionals: { min: 1, max: 1 },
  examples: ["flowstore output show fn-1.2"],
  data: {
    text: "{ taskId, content }: content is the markdown exactly",
    schema: objectOf({ taskId: TEXT, content: TEXT }),
  },
  async run(context) {
    const taskId = await oneTextOf(context, "task");
    const store = await context.openStore("read");
    const content = await store.outputs.read(taskId);
    if (content === null) {
      throw new FlowError("NOT_FOUND", `There is no output of task "${taskId}"`, {
        context: { kind: "output", taskId },
      });
    }
    return {
      data: { taskId, content },
      text: async () => (await import("../render/value-text.ts")).renderText(content),
    };
  },
};

export const list: Command = {
  usage: "[--epic ID] [--limit N]",
  details: [
    "Newest first, by when they were last written; of files made by hand their own",
    "time. --epic fn-1 takes fn-1.2, and never fn-10.2.",
  ].join("\n"),
  options: {
    epic: { type: "string", value: "ID", help: "Only of the tasks of this epic" },
    limit: { type: "string", value: "N", help: "At most this many" },
  },
  positionals: { min: 0, max: 0 },
  examples: ["flowstore output list --epic fn-1 --limit 3", "flowstore output list --json"],
  data: {
    text: "a list of { taskId, path, bytes, updatedAt }; meta.count says how many",
    schema: listOf(objectOf({ ...ENTRY, updatedAt: TEXT })),
  },
  async run(context) {
    const [epicId, limit] = [context.options.text("epic"), context.options.text("limit")];
    const query = {
      ...(epicId === undefined ? {} : { epicId }),
      ...(limit === undefined ? {} : { limit: readCount(limit, "a limit") }),
    };
    const store = await context.openStore("read");
    const outputs = await store.outputs.list(query);
    return {
      data: outputs,
      meta: { count: outputs.length },
      text: async () => {
        if (outputs.length === 0) return "No outputs";
        const { renderTable } = await import("../render/table.ts");
        return renderTable(
          outputs,
          [
            { title: "TASK", cell: ({ taskId }) => taskId, minWidth: 8 },
            { title: "WRITTEN", cell: ({ updatedAt }) => updatedAt, expendable: 1 },
            { title: "BYTES", cell: ({ bytes }) => String(bytes), align: "right", expendable: 2 },
            { title: "FILE", cell: ({ path }) => `.flow/${path}`, minWidth: 12, expendable: 3 },
          ],
          context.terminal,
        );
      },
    };
  },
};
