/** Taking features to work on them, and giving them back. */
import { FlowError } from "../../errors.ts";
import type { Feature } from "../../index.ts";
import { HOLDER, markOptionsOf, NOTE, noteOf, REVISION } from "../change-options.ts";
import type { Command, CommandContext, CommandResult } from "../command.ts";
import { FEATURE_EACH, FEATURE_REF, listOf } from "../data-shapes.ts";
import { readDuration } from "../values.ts";
import { changed, changeEach, idsOf, MANY } from "./each-feature.ts";
import { reasonForNone, REASON_TEXTS } from "./feature-next.ts";

export const claim: Command = {
  usage: "[ID… | --next] [--lease 30m] [options]",
  details: [
    "Of any number of agents that try, exactly one gets a feature; the others, and",
    "the same agent again, fail with exit code 5 and error.context.holder.",
    "Without an ID, or with --next, it takes the ready feature with the highest score",
    "(see feature next). When none is ready: exit code 0, data null, and meta.reason.",
    "Several IDs: all or none. The ID - reads IDs from standard input.",
  ].join("\n"),
  options: {
    next: { type: "boolean", help: "Take the ready feature with the highest score" },
    lease: {
      type: "string",
      value: "DURATION",
      help: "The claim ends by itself after 30m, 2h, 90s",
    },
    "require-ready": { type: "boolean", help: "Refuse a feature that waits for others" },
    category: { type: "string", value: "NAME", help: "With --next: only of this category" },
    ...NOTE,
  },
  positionals: { min: 0, max: MANY },
  examples: [
    "flowstore feature claim --next --actor agent-1 --lease 30m --json",
    "flowstore feature claim 3 --actor agent-1 --require-ready",
  ],
  data: {
    text: "the feature, with claim { agent, at, expiresAt }; with several IDs a list; with --next null when there is none, and meta.reason says why: all_passing, all_claimed, blocked or empty",
    schema: { anyOf: [FEATURE_REF, listOf(FEATURE_REF), { type: "null" }] },
  },
  async run(context) {
    const isNext = context.options.flag("next") || context.positionals.length === 0;
    const lease = context.options.text("lease");
    const leaseMs = lease === undefined ? {} : { leaseMs: readDuration(lease) };
    if (isNext) return claimNext(context, leaseMs);
    if (context.options.text("category") !== undefined) {
      throw new FlowError("BAD_REQUEST", "--category chooses among features; it goes with --next");
    }
    const ids = await idsOf(context);
    const requireReady = context.options.flag("require-ready");
    const store = await context.openStore("write");
    const features = await changeEach(context, store, ids, (id) =>
      store.features.claimAndGet(id, { ...leaseMs, requireReady, ...noteOf(context) }),
    );
    return changed(context, features, "Claimed");
  },
};

async function claimNext(
  context: CommandContext,
  leaseMs: { leaseMs?: number },
): Promise<CommandResult> {
  if (context.positionals.length > 0) {
    throw new FlowError("BAD_REQUEST", "--next chooses the feature: name no ID with it");
  }
  const category = context.options.text("category");
  const store = await context.openStore("write");
  const feature = await store.features.claimNext({
    ...leaseMs,
    ...(category === undefined ? {} : { category }),
    ...noteOf(context),
  });
  if (feature !== null) return changed(context, [feature], "Claimed");
  const reason = reasonForNone(await store.features.getAll(), category);
  return { data: null, meta: { reason }, text: () => REASON_TEXTS[reason] };
}

export const renew: Command = {
  usage: "ID… --lease 30m [--actor NAME]",
  details: [
    "The lease then ends that long from now; a claim without one gets one. When the",
    "actor does not hold it, or not any more because its lease is over: exit code 5.",
    "Several IDs: all or none. The ID - reads IDs from standard input.",
  ].join("\n"),
  options: {
    lease: { type: "string", value: "DURATION", help: "How long from now on: 30m, 2h, 90s" },
  },
  positionals: { min: 1, max: MANY },
  examples: ["flowstore feature renew 3 --lease 30m --actor agent-1"],
  data: FEATURE_EACH,
  async run(context) {
    const lease = context.options.text("lease");
    if (lease === undefined) throw new FlowError("BAD_REQUEST", "Say how long: give --lease");
    const leaseMs = readDuration(lease);
    const ids = await idsOf(context);
    const store = await context.openStore("write");
    const features = await changeEach(context, store, ids, (id) =>
      store.features.renewClaim(id, store.actor, { leaseMs }),
    );
    return changed(context, features, "Renewed");
  },
};

export const release: Command = {
  usage: "ID… | --expired [options]",
  details: [
    "They are ready again, or blocked; one that nobody holds stays as it is.",
    "--expired takes all whose lease is over. They count as released anyway; this",
    "writes it into their files.",
    "Several IDs: all or none. The ID - reads IDs from standard input.",
  ].join("\n"),
  options: {
    expired: { type: "boolean", help: "All features whose lease is over" },
    ...HOLDER,
    ...REVISION,
    ...NOTE,
  },
  positionals: { min: 0, max: MANY },
  examples: ["flowstore feature release 3", "flowstore feature release --expired --json"],
  data: {
    text: "the feature; with several IDs, or with --expired, a list of features",
    schema: { anyOf: [FEATURE_REF, listOf(FEATURE_REF)] },
  },
  async run(context) {
    const isExpired = context.options.flag("expired");
    if (isExpired === context.positionals.length > 0) {
      throw new FlowError("BAD_REQUEST", "Name either IDs or --expired");
    }
    if (isExpired) return releaseExpired(context);
    const ids = await idsOf(context);
    const options = markOptionsOf(context, ids);
    const store = await context.openStore("write");
    const features = await changeEach(context, store, ids, (id) =>
      store.features.clearInProgress(id, options),
    );
    return changed(context, features, "Released");
  },
};

async function releaseExpired(context: CommandContext): Promise<CommandResult> {
  for (const name of ["claimed-by", "expected-revision"]) {
    if (context.options.text(name) === undefined) continue;
    throw new FlowError("BAD_REQUEST", `--${name} goes with IDs, not with --expired`);
  }
  const store = await context.openStore("write");
  const ids: ReadonlySet<number> = new Set(await store.features.releaseExpired(noteOf(context)));
  const all: readonly Feature[] = ids.size === 0 ? [] : await store.features.getAll();
  const released = all.filter(({ id }) => ids.has(id));
  const { text } = changed(context, released, "Released");
  return {
    data: released,
    meta: { count: released.length },
    isConfirmation: true,
    text: released.length === 0 ? () => "No lease is over" : text,
  };
}
