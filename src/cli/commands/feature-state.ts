/** Commands that change how far a feature is. */
import type { Feature, FlowStore, MarkFeatureOptions } from "../../index.ts";
import { HOLDER, markOptionsOf, NOTE, REVISION } from "../change-options.ts";
import type { Command } from "../command.ts";
import { FEATURE_EACH } from "../data-shapes.ts";
import type { OptionSpec } from "../options.ts";
import type { FeatureRef } from "../values.ts";
import { changed, changeEach, idsOf, MANY } from "./each-feature.ts";

type Change = (
  features: FlowStore["features"],
  id: FeatureRef,
  options: MarkFeatureOptions,
) => Promise<Feature>;

/** `start` has no holder to ask for: what somebody holds cannot be started. */
const GUARDS = { ...HOLDER, ...REVISION };

export const pass = stateCommand({
  verb: "Passing",
  name: "pass",
  details: "Ends a claim on it. Features that only waited for it become ready.",
  change: (features, id, options) => features.markPassing(id, options),
  guards: GUARDS,
  example: "flowstore feature pass 3 --actor agent-1 --claimed-by agent-1",
});

export const fail = stateCommand({
  verb: "Not passing",
  name: "fail",
  details: "Ends a claim on it. It is ready again, or blocked, as its dependencies are.",
  change: (features, id, options) => features.markFailing(id, options),
  guards: GUARDS,
});

export const start = stateCommand({
  verb: "In progress",
  name: "start",
  details:
    "The actor holds it, as after claim without --lease. When it is passing or in\n" +
    "progress already: exit code 5.",
  change: (features, id, options) => features.markInProgress(id, options),
  guards: REVISION,
});

export const skip = stateCommand({
  verb: "Skipped",
  name: "skip",
  details: "Its priority becomes the highest number there is + 1; nothing else changes.",
  change: (features, id, options) => features.skip(id, options),
  guards: GUARDS,
});

interface StateCommand {
  readonly verb: string;
  readonly name: string;
  readonly details: string;
  readonly change: Change;
  readonly guards: Readonly<Record<string, OptionSpec>>;
  /** Beside the two that all have. */
  readonly example?: string;
}

function stateCommand({ verb, name, details, change, guards, example }: StateCommand): Command {
  return {
    usage: "ID… [options]",
    details: `${details}\nSeveral IDs: all or none. The ID - reads IDs from standard input.`,
    options: { ...guards, ...NOTE },
    positionals: { min: 1, max: MANY },
    examples: [
      `flowstore feature ${name} 3`,
      `flowstore feature ${name} 3 4 5 --json`,
      ...(example === undefined ? [] : [example]),
    ],
    data: FEATURE_EACH,
    async run(context) {
      const ids = await idsOf(context);
      const options = markOptionsOf(context, ids);
      const store = await context.openStore("write");
      const features = await changeEach(context, store, ids, (id) =>
        change(store.features, id, options),
      );
      return changed(context, features, verb);
    },
  };
}
