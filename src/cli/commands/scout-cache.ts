/** What scouts found out, for a day. */
import { FlowError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { objectOf } from "../data-shapes.ts";
import { DRY_RUN, isDryRun, unlessDry } from "../dry-run.ts";
import { parseJsonOrText, readText } from "../json-word.ts";
import { counted } from "../render/counted.ts";
import { oneTextOf } from "./each-text.ts";

const TEXT = { type: "string" };
const TEXT_OR_NULL = { type: ["string", "null"] };
const COUNT = { type: "integer" };

export const get: Command = {
  usage: "KEY",
  details: [
    "A result is good for 24 hours, for 1 hour when the key ends in :no-git. A miss",
    "is no failure: exit code 0, and data.hit is false.",
  ].join("\n"),
  options: {},
  positionals: { min: 1, max: 1 },
  examples: ["flowstore scout-cache get repo:4f2a91c --json"],
  data: {
    text: "{ hit, key, result }; result is null on a miss",
    schema: objectOf({ hit: { type: "boolean" }, key: TEXT, result: {} }),
  },
  async run(context) {
    const key = await oneTextOf(context, "key");
    const store = await context.openStore("read");
    const result = await store.scoutCache.get(key);
    const hit = result !== null;
    return {
      data: { hit, key, result },
      text: async () => {
        const { renderText, renderValue } = await import("../render/value-text.ts");
        return hit ? renderValue(result) : renderText(`Nothing is kept for ${key}`);
      },
    };
  },
};

export const set: Command = {
  usage: "KEY --result TEXT [--type NAME] [--commit HASH]",
  details: [
    "Takes the place of an earlier result; those that are too old go. The result is",
    "JSON where it is JSON, else text; @FILE reads it from a file, - from standard",
    "input.",
  ].join("\n"),
  options: {
    result: { type: "string", value: "TEXT", help: "What was found out; TEXT, @FILE or -" },
    type: { type: "string", value: "NAME", help: "What kind of scout found it" },
    commit: { type: "string", value: "HASH", help: "The commit that was looked at" },
  },
  positionals: { min: 1, max: 1 },
  examples: ["flowstore scout-cache set repo:4f2a91c --type repo --result @found.json"],
  data: {
    text: "{ key, type, commit, createdAt, expiresAt, result }",
    schema: objectOf({
      key: TEXT,
      type: TEXT_OR_NULL,
      commit: TEXT_OR_NULL,
      createdAt: TEXT,
      expiresAt: TEXT,
      result: {},
    }),
  },
  async run({ positionals: [key = ""], options, openStore }) {
    const word = options.text("result");
    if (word === undefined) throw new FlowError("BAD_REQUEST", "Say what to keep: give --result");
    const result = parseJsonOrText(await readText(word));
    const [type, commit] = [options.text("type"), options.text("commit")];
    const store = await openStore("write");
    const entry = await store.scoutCache.set({
      key,
      result,
      ...(type === undefined ? {} : { type }),
      ...(commit === undefined ? {} : { commit }),
    });
    return {
      data: entry,
      isConfirmation: true,
      text: async () => {
        const { renderText } = await import("../render/value-text.ts");
        return renderText(`Kept ${key} until ${entry.expiresAt}`);
      },
    };
  },
};

export const clear: Command = {
  usage: "[--dry-run]",
  details: "Drops every result, damaged ones too. They are this clone's alone.",
  options: DRY_RUN,
  positionals: { min: 0, max: 0 },
  examples: ["flowstore scout-cache clear --dry-run", "flowstore scout-cache clear"],
  data: { text: "{ cleared }: how many", schema: objectOf({ cleared: COUNT }) },
  async run(context) {
    const dryRun = isDryRun(context);
    const store = await context.openStore("write");
    const cleared = await unlessDry(context, store, () => store.scoutCache.clear());
    return {
      data: { cleared },
      meta: { dryRun },
      isConfirmation: !dryRun,
      text: () => `${dryRun ? "Would clear" : "Cleared"} ${counted(cleared, "result")}`,
    };
  },
};
