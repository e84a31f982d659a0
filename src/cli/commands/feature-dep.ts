/** What a feature waits for. */
import type { Feature, FlowStore } from "../../index.ts";
import type { Command } from "../command.ts";
import { FEATURE } from "../data-shapes.ts";
import { readId, type FeatureRef } from "../values.ts";
import { changed, changeEach, MANY } from "./each-feature.ts";

type Change = (
  features: FlowStore["features"],
  id: FeatureRef,
  dep: FeatureRef,
) => Promise<Feature>;

export const add = dependencyCommand(
  "add",
  "A circle is refused with exit code 5.",
  (features, id, dep) => features.addDependency(id, dep),
);
export const remove = dependencyCommand(
  "rm",
  "What is not there is no error.",
  (features, id, dep) => features.removeDependency(id, dep),
);

function dependencyCommand(name: string, details: string, change: Change): Command {
  return {
    usage: "ID DEP…",
    details: `${details} Several DEPs: all or none.`,
    options: {},
    positionals: { min: 2, max: MANY },
    examples: [`flowstore feature dep ${name} 3 1`, `flowstore feature dep ${name} 3 1 2 --json`],
    data: FEATURE,
    async run(context) {
      const [id, ...deps] = context.positionals.map(readId);
      const store = await context.openStore("write");
      const results = await changeEach(context, store, deps, (dep) => {
        return change(store.features, id ?? 0, dep);
      });
      return changed(context, results.slice(-1), "Updated");
    },
  };
}

export const set: Command = {
  usage: "ID [DEP…]",
  details: "Without a DEP it waits for nothing. A circle is refused with exit code 5.",
  options: {},
  positionals: { min: 1, max: MANY },
  examples: ["flowstore feature dep set 3 1 2", "flowstore feature dep set 3"],
  data: FEATURE,
  async run(context) {
    const [id, ...deps] = context.positionals.map(readId);
    const store = await context.openStore("write");
    const feature = await store.features.setDependencies(id ?? 0, deps);
    return changed(context, [feature], "Updated");
  },
};
