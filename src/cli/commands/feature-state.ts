/** Commands that change how far a feature is. */
import type { Feature, FlowStore } from "../../index.ts";
import type { Command } from "../command.ts";
import { FEATURE_EACH } from "../data-shapes.ts";
import type { FeatureRef } from "../values.ts";
import { changed, changeEach, idsOf, MANY } from "./each-feature.ts";

type Change = (features: FlowStore["features"], id: FeatureRef) => Promise<Feature>;

export const pass = stateCommand({
  verb: "Passing",
  name: "pass",
  details: "A claim on it ends. Features that only waited for it become ready.",
  change: (features, id) => features.markPassing(id),
});

export const fail = stateCommand({
  verb: "Not passing",
  name: "fail",
  details: "A claim on it ends. It is ready again, or blocked, as its dependencies are.",
  change: (features, id) => features.markFailing(id),
});

export const start = stateCommand({
  verb: "In progress",
  name: "start",
  details:
    "Fails (exit code 5) when it is passing or in progress. To work among other agents use claim.",
  change: (features, id) => features.markInProgress(id),
});

export const skip = stateCommand({
  verb: "Skipped",
  name: "skip",
  details: "Its priority becomes the highest number there is + 1; nothing else changes.",
  change: (features, id) => features.skip(id),
});

interface StateCommand {
  readonly verb: string;
  readonly name: string;
  readonly details: string;
  readonly change: Change;
}

function stateCommand({ verb, name, details, change }: StateCommand): Command {
  return {
    usage: "ID…",
    details: `${details}\nSeveral IDs: all or none. The ID - reads IDs from standard input.`,
    options: {},
    positionals: { min: 1, max: MANY },
    examples: [`flowstore feature ${name} 3`, `flowstore feature ${name} 3 4 5 --json`],
    data: FEATURE_EACH,
    async run(context) {
      const ids = await idsOf(context);
      const store = await context.openStore("write");
      const features = await changeEach(context, store, ids, (id) => change(store.features, id));
      return changed(context, features, verb);
    },
  };
}
