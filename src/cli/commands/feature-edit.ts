/** Changing and deleting features. */
import { FlowError } from "../../errors.ts";
import { NOTE, REVISION, updateOptionsOf } from "../change-options.ts";
import type { Command } from "../command.ts";
import { FEATURE, listOf, objectOf } from "../data-shapes.ts";
import { DRY_RUN, isDryRun, unlessDry } from "../dry-run.ts";
import { readAssignment, readInteger } from "../values.ts";
import { asNamed, changed, changeEach, idsOf, MANY, oneIdOf } from "./each-feature.ts";

export const update: Command = {
  usage: "ID --set KEY=VALUE… [options]",
  details: [
    "name, description and category take the text as it is, priority a whole number,",
    "steps and dependencies a JSON list. Any other key is kept with the feature: its",
    "value is JSON where it is JSON, else text, and null removes the key. The ID -",
    "reads one from standard input.",
  ].join("\n"),
  options: {
    set: { type: "string", multiple: true, value: "KEY=VALUE", help: "A field and its value" },
    ...REVISION,
    ...NOTE,
  },
  positionals: { min: 1, max: 1 },
  examples: [
    'flowstore feature update 3 --set name="Log in" --set priority=1',
    "flowstore feature update 3 --set 'steps=[\"Add the form\"]' --json",
  ],
  data: FEATURE,
  async run(context) {
    const id = await oneIdOf(context);
    const entries = context.options.list("set").map(readAssignment);
    if (entries.length === 0) throw new FlowError("BAD_REQUEST", "Nothing to change: give --set");
    const patch = Object.fromEntries(entries.map(([key, text]) => [key, valueOf(key, text)]));
    const options = updateOptionsOf(context, [id]);
    const store = await context.openStore("write");
    return changed(context, [await store.features.update(id, patch, options)], "Updated");
  },
};

const TEXT_KEYS: ReadonlySet<string> = new Set(["name", "description", "category"]);
const LIST_KEYS: ReadonlySet<string> = new Set(["steps", "dependencies"]);

function valueOf(key: string, text: string): unknown {
  if (TEXT_KEYS.has(key)) return text;
  if (key === "priority") return readInteger(text, "a priority");
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // JSON.parse throws nothing but SyntaxError.
    if (!(error instanceof SyntaxError)) throw error;
    if (!LIST_KEYS.has(key)) return text;
    throw new FlowError("BAD_REQUEST", `"${key}" takes a JSON list, such as ${key}=[]`, {
      cause: error,
    });
  }
}

export const deleteCommand: Command = {
  usage: "ID… [options]",
  details: [
    "Features that waited for it wait for it no longer. Its history stays, its ID is",
    "not used again. Several IDs: all or none.",
  ].join("\n"),
  options: {
    ...DRY_RUN,
    ...REVISION,
    ...NOTE,
  },
  positionals: { min: 1, max: MANY },
  examples: ["flowstore feature delete 3 --dry-run", "flowstore feature delete 3 4"],
  data: {
    text: "{ id, removedFrom }: its ID, and the IDs of the features that waited for it; with several IDs a list",
    schema: (() => {
      const one = objectOf({ id: { type: "integer" }, removedFrom: listOf({ type: "integer" }) });
      return { anyOf: [one, listOf(one)] };
    })(),
  },
  async run(context) {
    const dryRun = isDryRun(context);
    const ids = await idsOf(context);
    const options = updateOptionsOf(context, ids);
    const store = await context.openStore("write");
    const deletions = await unlessDry(context, store, () =>
      changeEach(context, store, ids, (id) => store.features.delete(id, options)),
    );
    return {
      data: asNamed(deletions),
      meta: { dryRun },
      isConfirmation: !dryRun,
      text: () =>
        deletions
          .map(({ id, removedFrom }) => {
            const waited = removedFrom.map((other) => `#${other}`).join(", ");
            const verb = removedFrom.length === 1 ? "waits" : "wait";
            const freed = waited === "" ? "" : `; ${waited} no longer ${verb} for it`;
            return `${dryRun ? "Would delete" : "Deleted"} #${id}${freed}`;
          })
          .join("\n"),
    };
  },
};
