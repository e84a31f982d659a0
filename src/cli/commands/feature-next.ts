/** What `claimNext` would take. */
import type { Feature } from "../../index.ts";
import type { Command } from "../command.ts";
import { FEATURE_OR_NULL } from "../data-shapes.ts";

export type NoneReason = "empty" | "all_passing" | "all_claimed" | "blocked";

export const REASON_TEXTS: Readonly<Record<NoneReason, string>> = {
  empty: "There are no features",
  all_passing: "All features are passing",
  all_claimed: "All features that are left are in progress",
  blocked: "All features that are left wait for others",
};

export const next: Command = {
  usage: "[--category NAME]",
  details: [
    "Of the ready features the one with the highest score: first counts how many wait",
    "for it, directly or not, then how early it stands in the order of dependencies,",
    "then its priority. Changes nothing; somebody else may take it before you do.",
  ].join("\n"),
  options: { category: { type: "string", value: "NAME", help: "Only of this category" } },
  positionals: { min: 0, max: 0 },
  examples: ["flowstore feature next", "flowstore feature next --category api --json"],
  data: FEATURE_OR_NULL,
  async run(context) {
    const category = context.options.text("category");
    const store = await context.openStore("read");
    const { computeScores } = await import("../../index.ts");
    const features = await store.features.getAll();
    const feature = best(features, computeScores(features), category);
    if (feature === null) {
      const reason = reasonForNone(features, category);
      return { data: null, meta: { reason }, text: () => REASON_TEXTS[reason] };
    }
    return {
      data: feature,
      text: async () => {
        const { renderDetails } = await import("../render/feature-details.ts");
        return renderDetails(feature, context.terminal);
      },
    };
  },
};

/** The ready feature with the highest score; `features` are in the order (priority, id) already. */
function best(
  features: readonly Feature[],
  scores: ReadonlyMap<number, number>,
  category: string | undefined,
): Feature | null {
  let chosen: Feature | null = null;
  const scoreOf = (feature: Feature | null): number =>
    feature === null ? Number.NEGATIVE_INFINITY : (scores.get(feature.id) ?? 0);
  for (const feature of features) {
    if (feature.status !== "ready" || !isOf(feature, category)) continue;
    if (scoreOf(feature) > scoreOf(chosen)) chosen = feature;
  }
  return chosen;
}

/** Why there is nothing to take, when there is nothing. */
export function reasonForNone(
  features: readonly Feature[],
  category: string | undefined,
): NoneReason {
  const candidates = features.filter((feature) => isOf(feature, category));
  if (candidates.length === 0) return "empty";
  const left = candidates.filter(({ passes }) => !passes);
  if (left.length === 0) return "all_passing";
  return left.every(({ inProgress }) => inProgress) ? "all_claimed" : "blocked";
}

function isOf(feature: Feature, category: string | undefined): boolean {
  return category === undefined || feature.category === category;
}
