/** Adding features: one by options, or several from JSON. */
import { FlowError } from "../../errors.ts";
import type { CreateFeatureInput } from "../../index.ts";
import { NOTE, noteOf } from "../change-options.ts";
import type { Command, CommandContext } from "../command.ts";
import { FEATURE_REF, listOf } from "../data-shapes.ts";
import { readInput } from "../input.ts";
import { readIds, readInteger } from "../values.ts";
import { changed } from "./each-feature.ts";

const FIELD_OPTIONS = ["description", "category", "priority", "step", "depends"] as const;

export const create: Command = {
  usage: "NAME [options] | --from-json FILE",
  details: [
    "Without --priority it comes last. --from-json takes one feature or a list of",
    'them, all or none; in a list a dependency may be { "index": n }: a place in it,',
    "from 0.",
  ].join("\n"),
  options: {
    description: { type: "string", value: "TEXT", help: "What it is about" },
    category: { type: "string", value: "NAME", help: "What it belongs to" },
    priority: { type: "string", value: "N", help: "Lower comes first" },
    step: { type: "string", multiple: true, value: "TEXT", help: "A step to do" },
    depends: { type: "string", multiple: true, value: "IDS", help: "What must pass first: 1,2" },
    "from-json": { type: "string", value: "FILE", help: "Read the input; - is standard input" },
    ...NOTE,
  },
  positionals: { min: 0, max: 1 },
  examples: [
    'flowstore feature create "Log in" --category auth --step "Add the form" --depends 1,2',
    "flowstore feature create --from-json features.json --json",
  ],
  data: {
    text: "the feature; with --from-json and a list, a list in the same order",
    schema: { anyOf: [FEATURE_REF, listOf(FEATURE_REF)] },
  },
  async run(context) {
    const source = context.options.text("from-json");
    if (source === undefined) {
      const input = inputFromOptions(context);
      const store = await context.openStore("write");
      return changed(context, [await store.features.create(input, noteOf(context))], "Created");
    }
    refuseMixed(context);
    const input = await inputFromJson(source);
    const store = await context.openStore("write");
    if (!Array.isArray(input)) {
      const feature = await store.features.create(input as CreateFeatureInput, noteOf(context));
      return changed(context, [feature], "Created");
    }
    const features = await store.features.createBulk(
      input as CreateFeatureInput[],
      noteOf(context),
    );
    return {
      ...changed(context, features, "Created"),
      data: features,
      meta: { count: features.length },
    };
  },
};

function inputFromOptions({ positionals, options }: CommandContext): CreateFeatureInput {
  const [name] = positionals;
  if (name === undefined) {
    throw new FlowError("BAD_REQUEST", "A feature needs a name, or --from-json");
  }
  // The library takes it, as flow-db did; at the command line it is a variable that was not set.
  if (name.trim() === "") throw new FlowError("BAD_REQUEST", "The name of a feature is empty");
  const priority = options.text("priority");
  const description = options.text("description");
  const category = options.text("category");
  return {
    name,
    ...(description === undefined ? {} : { description }),
    ...(category === undefined ? {} : { category }),
    ...(priority === undefined ? {} : { priority: readInteger(priority, "a priority") }),
    steps: options.list("step"),
    dependencies: options.list("depends").flatMap(readIds),
  };
}

function refuseMixed({ positionals, options }: CommandContext): void {
  const mixed = FIELD_OPTIONS.find(
    (name) => options.text(name) !== undefined || options.list(name).length > 0,
  );
  const word = positionals.length > 0 ? "a name" : mixed === undefined ? null : `--${mixed}`;
  if (word !== null) {
    throw new FlowError(
      "BAD_REQUEST",
      `--from-json brings all fields: give no ${word.replace("a ", "")}`,
    );
  }
}

/** Its shape is judged by the store. */
async function inputFromJson(source: string): Promise<unknown> {
  const { name, text } = await readInput(source);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // JSON.parse throws nothing but SyntaxError.
    if (!(error instanceof SyntaxError)) throw error;
    throw new FlowError("BAD_REQUEST", `Cannot read ${name}: it is not JSON`, {
      context: { file: name },
      cause: error,
    });
  }
}
