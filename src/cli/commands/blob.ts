/** Bytes by key, streamed from files and standard input, and to them and standard output. */
import { FlowError } from "../../errors.ts";
import type { BlobEntry, FlowStore } from "../../index.ts";
import type { Command } from "../command.ts";
import { listOf, objectOf, type DataShape } from "../data-shapes.ts";
import { DRY_RUN, isDryRun, unlessDry } from "../dry-run.ts";
import { inputChunks } from "../input.ts";
import { counted } from "../render/counted.ts";
import { printBytes } from "../streams.ts";
import { readDuration } from "../values.ts";
import { asNamed, changeEach, MANY } from "./each-feature.ts";
import { oneTextOf, textsOf } from "./each-text.ts";

const TEXT = { type: "string" };
const INTEGER = { type: "integer" };
const ENTRY = { key: TEXT, sha256: TEXT, size: INTEGER, contentType: TEXT };
const SCHEMA = objectOf(ENTRY, ["contentType"]);
const KEYS = "{ key, sha256, size, contentType? }";
const KEY = objectOf({ key: TEXT });
const READ_KEYS = "The KEY - reads keys from standard input, one a line.";

export const put: Command = {
  usage: "KEY --file FILE [--type TYPE]",
  details: [
    "Streamed, so it may be of any size. Takes the place of what the key had before;",
    "readers see the old content or the new one. The FILE - is standard input.",
  ].join("\n"),
  options: {
    file: { type: "string", value: "FILE", help: "The content; - is standard input" },
    type: { type: "string", value: "TYPE", help: "The media type, such as image/png" },
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore blob put logo --file logo.png --type image/png",
    "tar c dist | flowstore blob put builds/7 --file - --json",
  ],
  data: { text: KEYS, schema: SCHEMA },
  async run(context) {
    const [key = ""] = context.positionals;
    const file = context.options.text("file");
    const contentType = context.options.text("type");
    if (file === undefined) throw new FlowError("BAD_REQUEST", "Say what to put: give --file");
    const chunks = await inputChunks(file, context.signal);
    const store = await context.openStore("write");
    const entry = await store.blobs.put({ key, data: chunks, contentType });
    return {
      data: entry,
      isConfirmation: true,
      text: async () => `Put ${await shown(entry)}`,
    };
  },
};

export const get: Command = {
  usage: "KEY [--output FILE]",
  details: [
    "The bytes go to standard output, which must not be a terminal, or to a FILE that",
    "is written whole or not at all. They are compared with their checksum: exit code",
    "6, and nothing at FILE, when they are not what was put. --json needs --output.",
  ].join("\n"),
  options: { output: { type: "string", value: "FILE", help: "Where to; - is standard output" } },
  positionals: { min: 1, max: 1 },
  examples: ["flowstore blob get logo --output logo.png", "flowstore blob get builds/7 | tar x"],
  data: {
    text: `${KEYS}, and file: where it was written`,
    schema: objectOf({ ...ENTRY, file: TEXT }, ["contentType"]),
  },
  async run(context) {
    const key = await oneTextOf(context, "key");
    const output = context.options.text("output") ?? "-";
    if (output === "-") refuseMixing(context.isJson);
    const store = await context.openStore("read");
    const stream = await store.blobs.stream(key);
    if (stream === null) throw unknown(key);
    const { data, ...stat } = stream;
    if (output === "-") {
      await printBytes(data);
      return { data: null, isPrinted: true, text: () => "" };
    }
    const { writeWholeStream } = await import("../output.ts");
    await writeWholeStream(output, data);
    const entry = { key, ...stat };
    return {
      data: { ...entry, file: output },
      isConfirmation: true,
      text: async () => {
        const { visible } = await import("../render/safe-text.ts");
        return `Wrote ${visible(output)}: ${await shown(entry)}`;
      },
    };
  },
};

/** What is written by programs for programs is not for a terminal, nor for the inside of an envelope. */
function refuseMixing(isJson: boolean): void {
  if (!isJson && process.stdout.isTTY !== true) return;
  const why = isJson ? "an envelope holds no bytes" : "they may command the terminal";
  throw new FlowError("BAD_REQUEST", `Cannot print the bytes of a blob here: ${why}`, {
    hint: isJson ? "Give --output FILE." : "Give --output FILE, or let another program read them.",
  });
}

export const list: Command = {
  usage: "",
  details: "In the order of keys.",
  options: {},
  positionals: { min: 0, max: 0 },
  examples: ["flowstore blob list", "flowstore blob list --json"],
  data: { text: `a list of ${KEYS}; meta.count says how many`, schema: listOf(SCHEMA) },
  async run(context) {
    const store = await context.openStore("read");
    const blobs = await store.blobs.list();
    return {
      data: blobs,
      meta: { count: blobs.length },
      text: async () => {
        if (blobs.length === 0) return "No blobs";
        const { renderTable } = await import("../render/table.ts");
        return renderTable(
          blobs,
          [
            { title: "KEY", cell: ({ key }) => key, minWidth: 12 },
            { title: "BYTES", cell: ({ size }) => String(size), align: "right" },
            { title: "TYPE", cell: ({ contentType }) => contentType ?? "", expendable: 1 },
            { title: "SHA-256", cell: ({ sha256 }) => sha256.slice(0, 12), expendable: 2 },
          ],
          context.terminal,
        );
      },
    };
  },
};

export const stat: Command = {
  usage: "KEY…",
  details: `What is known without reading the content. Exit code 3 for a key without one.\n${READ_KEYS}`,
  options: {},
  positionals: { min: 1, max: MANY },
  examples: ["flowstore blob stat logo --json"],
  data: {
    text: `${KEYS}; with several keys a list of them, in the order given`,
    schema: { anyOf: [SCHEMA, listOf(SCHEMA)] },
  },
  async run(context) {
    const keys = await textsOf(context.positionals, "key");
    const store = await context.openStore("read");
    const entries: BlobEntry[] = [];
    for (const key of keys) entries.push(await entryOf(store, key));
    return {
      data: asNamed(entries),
      text: async () => {
        const { renderFacts } = await import("../render/facts.ts");
        return entries.map((entry) => renderFacts(entry)).join("\n\n");
      },
    };
  },
};

async function entryOf(store: FlowStore, key: string): Promise<BlobEntry> {
  const found = await store.blobs.stat(key);
  if (found === null) throw unknown(key);
  return { key, ...found };
}

export const remove: Command = {
  usage: "KEY… [--dry-run]",
  details: [
    "The content stays until flowstore blob gc takes it away. Several keys: all or",
    `none. ${READ_KEYS}`,
  ].join("\n"),
  options: DRY_RUN,
  positionals: { min: 1, max: MANY },
  examples: ["flowstore blob remove logo", "flowstore blob remove builds/6 builds/7 --dry-run"],
  data: {
    text: "{ key }; with several keys a list of them, in the order given",
    schema: { anyOf: [KEY, listOf(KEY)] },
  },
  async run(context) {
    const dryRun = isDryRun(context);
    const keys = await textsOf(context.positionals, "key");
    const store = await context.openStore("write");
    const removed = await unlessDry(context, store, () =>
      changeEach(context, store, keys, async (key) => {
        if (!(await store.blobs.delete(key))) throw unknown(key);
        return { key };
      }),
    );
    const verb = dryRun ? "Would remove" : "Removed";
    return {
      data: asNamed(removed),
      meta: { dryRun },
      isConfirmation: !dryRun,
      text: async () => {
        const { visible } = await import("../render/safe-text.ts");
        return removed.map(({ key }) => `${verb} ${visible(key)}`).join("\n");
      },
    };
  },
};

const COLLECTED: DataShape = {
  text: "{ removed, bytes, kept, unfinished }: how many contents went, their size, how many stay, and how many went that killed writers left",
  schema: objectOf({ removed: INTEGER, bytes: INTEGER, kept: INTEGER, unfinished: INTEGER }),
};

export const gc: Command = {
  usage: "[--older-than DURATION] [--dry-run]",
  details: [
    "Takes away contents that no key of this work tree has any more, and what killed",
    "writers left. Others may read and write meanwhile. Younger contents stay, by",
    "default those of the last hour. In git's history they stay, of course; a key",
    "that another branch brings back needs them, so commit what is removed.",
  ].join("\n"),
  options: {
    "older-than": { type: "string", value: "DURATION", help: "Only older ones; default 1h" },
    ...DRY_RUN,
  },
  positionals: { min: 0, max: 0 },
  examples: ["flowstore blob gc --dry-run", "flowstore blob gc --older-than 24h --json"],
  data: COLLECTED,
  async run(context) {
    const age = context.options.text("older-than");
    const dryRun = isDryRun(context);
    const store = await context.openStore(dryRun ? "read" : "write");
    const olderThanMs = age === undefined ? undefined : readDuration(age);
    const report = await store.blobs.collect({ olderThanMs, dryRun });
    return {
      data: report,
      meta: { dryRun },
      text: () => {
        const verb = dryRun ? "Would remove" : "Removed";
        const { removed, bytes, kept, unfinished } = report;
        const parts = unfinished === 0 ? "" : `, ${unfinished} unfinished`;
        return `${verb} ${counted(removed, "content")} (${counted(bytes, "byte")})${parts}; ${kept} kept`;
      },
    };
  },
};

export const verify: Command = {
  usage: "",
  details: [
    "Reads every content and compares its checksum, writes nothing, and names each",
    "key whose content is missing or another one. Exit code 4 when there are errors.",
    "What no key has is only counted: flowstore blob gc takes it away.",
  ].join("\n"),
  options: {},
  positionals: { min: 0, max: 0 },
  examples: ["flowstore blob verify", "flowstore blob verify --json"],
  data: {
    text: "a list of findings; meta has count, errors, warnings, and of contents without a key unreferenced and unreferencedBytes",
    schema: listOf({ $ref: "#/$defs/finding" }),
  },
  async run(context) {
    const { foundBy } = await import("./store.ts");
    const store = await context.openStore("read");
    const result = await foundBy(context, store, "blobs");
    const { removed, bytes } = await unreferenced(store);
    return {
      ...result,
      meta: { ...result.meta, unreferenced: removed, unreferencedBytes: bytes },
      text: async () => {
        const text = await result.text();
        if (removed === null || removed === 0) return text;
        return `${text}\nWithout a key: ${counted(removed, "content")} (${counted(bytes ?? 0, "byte")})`;
      },
    };
  },
};

/** `null` where the file of a key, or a folder, cannot be used: nobody knows then. */
async function unreferenced(
  store: FlowStore,
): Promise<{ removed: number | null; bytes: number | null }> {
  try {
    return await store.blobs.collect({ olderThanMs: 0, dryRun: true });
  } catch (error) {
    const isUnknown = error instanceof FlowError && ["CORRUPT", "IO"].includes(error.code);
    if (!isUnknown) throw error;
    return { removed: null, bytes: null };
  }
}

async function shown({ key, size }: { key: string; size: number }): Promise<string> {
  const { visible } = await import("../render/safe-text.ts");
  return `${visible(key)} (${counted(size, "byte")})`;
}

function unknown(key: string): FlowError {
  return new FlowError("NOT_FOUND", `There is no blob "${key}"`, {
    context: { kind: "blob", key },
    hint: "flowstore blob list shows those that there are.",
  });
}
