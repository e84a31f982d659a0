/** What the commands that change features have in common: why, on what condition. */
import { FlowError } from "../errors.ts";
import type { ChangeNote, MarkFeatureOptions, UpdateFeatureOptions } from "../index.ts";
import type { CommandContext } from "./command.ts";
import type { OptionSpec } from "./options.ts";
import type { FeatureRef } from "./values.ts";

type Specs = Readonly<Record<string, OptionSpec>>;

export const NOTE: Specs = {
  note: { type: "string", value: "TEXT", help: "Why; kept in the event, events shows it" },
};

export const REVISION: Specs = {
  "expected-revision": {
    type: "string",
    value: "R",
    help: "Refuse it at another revision than R (show tells it)",
  },
};

export const HOLDER: Specs = {
  "claimed-by": { type: "string", value: "AGENT", help: "Refuse it unless AGENT holds it now" },
};

export function noteOf({ options }: CommandContext): ChangeNote {
  const note = options.text("note");
  return note === undefined ? {} : { note };
}

/** @throws FlowError `BAD_REQUEST` for a revision and several features: each has its own. */
export function updateOptionsOf(
  context: CommandContext,
  ids: readonly FeatureRef[],
): UpdateFeatureOptions {
  const expectedRevision = context.options.text("expected-revision");
  if (expectedRevision === undefined) return noteOf(context);
  if (ids.length > 1) {
    throw new FlowError("BAD_REQUEST", "--expected-revision is that of one feature: name one ID");
  }
  return { ...noteOf(context), expectedRevision };
}

/** @throws FlowError `BAD_REQUEST` for a revision and several features. */
export function markOptionsOf(
  context: CommandContext,
  ids: readonly FeatureRef[],
): MarkFeatureOptions {
  const claimedBy = context.options.text("claimed-by");
  return {
    ...updateOptionsOf(context, ids),
    ...(claimedBy === undefined ? {} : { claimedBy }),
  };
}
