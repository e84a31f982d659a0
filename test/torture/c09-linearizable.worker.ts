/**
 * Calls a store at random, and tells when each call began and ended, by a clock that all processes
 * share. Argument: its name, which is its agent. Each line that it hears is a {@link Round}.
 */
import { setTimeout as after } from "node:timers/promises";
import { FlowStore, isFlowError, type Feature } from "flowstore";

import { sharedMs } from "../process/guard.worker.ts";
import { pick, randomOf } from "../process/store-random.ts";
import { heard, stopListening, tell } from "../process/store-worker.ts";
import type { Round, ToldCall } from "./c09-linearizable.ts";
import { NOTHING, type Input, type Output } from "./c09-models.ts";

const [agent = ""] = process.argv.slice(2);
const KINDS = ["read", "read", "read", "write", "swap", "exchange"] as const;
const CLAIM_KINDS = ["read", "claim", "claim", "release", "release"] as const;

/** Behind these ids are features that are claimed. */
let values = 0;

/** A reader rests so long at most between two looks, so that it sees others at work. */
const REST_MS = 6;

/** Does its part of a history. */
async function run(round: Round): Promise<void> {
  const { project, seed, calls, durability, claims, isReader } = round;
  ({ values } = round);
  const random = randomOf(seed);
  const store = await FlowStore.open(project, { actor: agent, durability, guardTimeoutMs: 60_000 });
  for (let number = 1; number <= calls; number += 1) {
    const key = 1 + Math.floor(random() * (values + claims));
    if (isReader) {
      await after(random() * REST_MS);
      await once(key, { kind: "read" }, answer(store));
      continue;
    }
    const kind = key <= values ? pick(random, KINDS) : pick(random, CLAIM_KINDS);
    const to = `${agent}.${seed}.${number}`;
    await (kind === "swap" ? swap(store, key, to) : once(key, inputOf(kind, to), answer(store)));
  }
  await store.close();
  tell("done");
}

function inputOf(kind: Exclude<Input["kind"], "swap">, to: string): Input {
  if (kind === "claim" || kind === "release") return { kind, agent };
  return kind === "read" ? { kind } : { kind, to };
}

type Answer = (key: number, input: Input) => Promise<Output>;

/** Tells a call before and after. */
async function once(key: number, input: Input, act: Answer): Promise<Output> {
  const begun: ToldCall = { at: sharedMs(), key, input };
  tell(JSON.stringify(begun));
  const output = await act(key, input);
  const ended: ToldCall = { at: sharedMs(), output };
  tell(JSON.stringify(ended));
  return output;
}

function answer(store: FlowStore): Answer {
  return async (key, input) => {
    switch (input.kind) {
      case "read":
        return { done: true, saw: sawIn(key, await read(store, key)) };
      case "write":
        await store.features.update(key, { value: input.to });
        return { done: true, saw: NOTHING };
      case "exchange":
        return { done: true, saw: await exchange(store, key, input.to) };
      case "claim":
        return refusable(async () => {
          await store.features.claimAndGet(key);
          return NOTHING;
        });
      case "release":
        return refusable(async () => {
          await store.features.clearInProgress(key, { claimedBy: agent });
          return NOTHING;
        });
      case "swap":
        throw new Error("A swap needs a revision");
    }
  };
}

/** Two calls: one reads, one writes where the revision is still the one that was read. */
async function swap(store: FlowStore, key: number, to: string): Promise<void> {
  let revision = "";
  const { saw } = await once(key, { kind: "read" }, async () => {
    const feature = await read(store, key);
    revision = feature.revision;
    return { done: true, saw: sawIn(key, feature) };
  });
  await once(key, { kind: "swap", from: saw, to }, async () =>
    refusable(async () => {
      await store.features.update(key, { value: to }, { expectedRevision: revision });
      return NOTHING;
    }),
  );
}

async function exchange(store: FlowStore, key: number, to: string): Promise<string> {
  for (;;) {
    try {
      return await store.transaction(async () => {
        const before = await read(store, key);
        await store.features.update(key, { value: to });
        return sawIn(key, before);
      });
    } catch (error) {
      // It was stopped meanwhile, and others went on, or its time was over: nothing of it was kept.
      if (!isFlowError(error) || !error.retryable) throw error;
    }
  }
}

async function refusable(act: () => Promise<string>): Promise<Output> {
  try {
    return { done: true, saw: await act() };
  } catch (error) {
    if (!isFlowError(error, "CONFLICT")) throw error;
    const holder = error.context["holder"] as { agent?: string } | null | undefined;
    return { done: false, saw: holder?.agent ?? NOTHING };
  }
}

async function read(store: FlowStore, key: number): Promise<Feature> {
  const feature = await store.features.getById(key);
  if (feature === null) throw new Error(`Feature ${key} is gone`);
  return feature;
}

function sawIn(key: number, feature: Feature): string {
  if (key > values) return feature.claim?.agent ?? NOTHING;
  return typeof feature["value"] === "string" ? feature["value"] : NOTHING;
}

tell("ready");
for (;;) {
  const line = await heard();
  if (line === "end") break;
  await run(JSON.parse(line) as Round);
}
stopListening();
