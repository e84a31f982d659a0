/** What the project has agreed on, as values for keys. */
import { FlowError } from "../../errors.ts";
import { NOTE, noteOf } from "../change-options.ts";
import type { Command } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { readInput, STANDARD_INPUT } from "../input.ts";
import { parseJsonOrText } from "../json-word.ts";
import { oneTextOf } from "./each-text.ts";

const SETTING = objectOf({ key: { type: "string" }, value: {} });

export const get: Command = {
  usage: "KEY",
  details: "Exit code 3 when the key has no value.",
  options: {},
  positionals: { min: 1, max: 1 },
  examples: ["flowstore setting get review.backend", "flowstore setting get review --json"],
  data: { text: "{ key, value }", schema: SETTING },
  async run(context) {
    const key = await oneTextOf(context, "key");
    const store = await context.openStore("read");
    const value = await store.settings.get(key);
    // A value may be null, which is not the same as none.
    if (value === null && !(await store.settings.list()).some((one) => one.key === key)) {
      throw new FlowError("NOT_FOUND", `The setting "${key}" has no value`, {
        context: { kind: "setting", key },
      });
    }
    return {
      data: { key, value },
      text: async () => (await import("../render/value-text.ts")).renderValue(value),
    };
  },
};

export const set: Command = {
  usage: "KEY VALUE [--note TEXT]",
  details: [
    "The value is JSON where it is JSON, else text: 3 is a number, '\"3\"' a text.",
    "The VALUE - is read from standard input.",
  ].join("\n"),
  options: { ...NOTE },
  positionals: { min: 2, max: 2 },
  examples: [
    "flowstore setting set review.backend codex",
    "flowstore setting set scouts '{\"github\":true}' --json",
  ],
  data: { text: "{ key, value }", schema: SETTING },
  async run(context) {
    const [key = "", word = ""] = context.positionals;
    const text = word === STANDARD_INPUT ? (await readInput(word)).text.trimEnd() : word;
    const store = await context.openStore("write");
    const setting = await store.settings.set(key, parseJsonOrText(text), noteOf(context));
    return {
      data: setting,
      isConfirmation: true,
      text: async () => {
        const { visible } = await import("../render/safe-text.ts");
        const { lineOf } = await import("../render/value-text.ts");
        return visible(`${key} = ${lineOf(setting.value)}`);
      },
    };
  },
};

export const list: Command = {
  usage: "",
  details: "In the order of keys.",
  options: {},
  positionals: { min: 0, max: 0 },
  examples: ["flowstore setting list", "flowstore setting list --json"],
  data: { text: "a list of { key, value }; meta.count says how many", schema: listOf(SETTING) },
  async run(context) {
    const store = await context.openStore("read");
    const settings = await store.settings.list();
    return {
      data: settings,
      meta: { count: settings.length },
      text: async () => {
        if (settings.length === 0) return "No settings";
        const { lineOf } = await import("../render/value-text.ts");
        const { renderTable } = await import("../render/table.ts");
        return renderTable(
          settings,
          [
            { title: "KEY", cell: ({ key }) => key, minWidth: 12 },
            { title: "VALUE", cell: ({ value }) => lineOf(value), minWidth: 16 },
          ],
          context.terminal,
        );
      },
    };
  },
};
