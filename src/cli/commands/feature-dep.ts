/** What a feature waits for. */
import type { Feature, FlowStore, UpdateFeatureOptions } from "../../index.ts";
import { NOTE, noteOf, REVISION, updateOptionsOf } from "../change-options.ts";
import type { Command, CommandContext, CommandResult } from "../command.ts";
import { FEATURE } from "../data-shapes.ts";
import { DRY_RUN, isDryRun, unlessDry } from "../dry-run.ts";
import type { FeatureRef } from "../values.ts";
import { changed, changeEach, idsOf, MANY } from "./each-feature.ts";

type Change = (
  features: FlowStore["features"],
  id: FeatureRef,
  dep: FeatureRef,
  options: UpdateFeatureOptions,
) => Promise<Feature>;

const OPTIONS = { ...REVISION, ...NOTE };
const FROM_INPUT = "The DEP - reads IDs from standard input.";

export const add = dependencyCommand(
  "add",
  "A circle is refused with exit code 5.",
  OPTIONS,
  (features, id, dep, options) => features.addDependency(id, dep, options),
);
export const remove = dependencyCommand(
  "rm",
  "What is not there is no error.",
  { ...DRY_RUN, ...OPTIONS },
  (features, id, dep, options) => features.removeDependency(id, dep, options),
);

function dependencyCommand(
  name: string,
  details: string,
  specs: Command["options"],
  change: Change,
): Command {
  return {
    usage: "ID DEP… [options]",
    details: `${details} Several DEPs: all or none.\n${FROM_INPUT}`,
    options: specs,
    positionals: { min: 2, max: MANY },
    examples: [`flowstore feature dep ${name} 3 1`, `flowstore feature dep ${name} 3 1 2 --json`],
    data: FEATURE,
    async run(context) {
      const [id = 0, ...deps] = await idsOf(context);
      // The first dependency meets the revision and changes it; all are one transaction.
      let options = updateOptionsOf(context, [id]);
      const store = await context.openStore("write");
      const results = await unlessDry(context, store, () =>
        changeEach(context, store, deps, async (dep) => {
          const feature = await change(store.features, id, dep, options);
          options = noteOf(context);
          return feature;
        }),
      );
      return updated(context, results.slice(-1));
    },
  };
}

export const set: Command = {
  usage: "ID [DEP…] [options]",
  details: `Without a DEP it waits for nothing. A circle is refused with exit code 5.\n${FROM_INPUT}`,
  options: { ...DRY_RUN, ...OPTIONS },
  positionals: { min: 1, max: MANY },
  examples: ["flowstore feature dep set 3 1 2", "flowstore feature dep set 3"],
  data: FEATURE,
  async run(context) {
    const [id = 0, ...deps] = await idsOf(context);
    const options = updateOptionsOf(context, [id]);
    const store = await context.openStore("write");
    const feature = await unlessDry(context, store, () =>
      store.features.setDependencies(id, deps, options),
    );
    return updated(context, [feature]);
  },
};

function updated(context: CommandContext, features: readonly Feature[]): CommandResult {
  const dryRun = isDryRun(context);
  const result = changed(context, features, dryRun ? "Would update" : "Updated");
  return { ...result, meta: { dryRun }, isConfirmation: !dryRun };
}
