/** The defaults of an engine's options, and the judging of what is given. */

import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleepFor } from "node:timers/promises";

import { FlowError } from "../errors.ts";
import { requireInput, requireNames } from "../model/given.ts";
import { LONGEST_LEASE_MS } from "../stores/workflow-leases.ts";
import type { CheckpointStore } from "../stores/workflows.ts";
import type { DurableEngineOptions, EngineWarning, Settings } from "./options.ts";

const NAMES = [
  "store",
  "workflows",
  "owner",
  "leaseMs",
  "pollMs",
  "maxClaims",
  "onStepNameMismatch",
  "onWarning",
  "formatError",
  "clock",
  "sleep",
  "random",
  "newId",
];
const DEFAULT_LEASE_MS = 30_000;
const DEFAULT_POLL_MS = 100;
const DEFAULT_MAX_CLAIMS = 100;
const ERROR_CHARACTERS = 1_000;
/** Of a caller's own words: with more, that an execution failed could not be recorded. */
const MOST_CHARACTERS = 1_000_000;
/** Node takes longer waits for 1 ms. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;
const CHANCES = 2 ** 32;
/** Halves of pairs, as a cut leaves them: no text may hold one. */
const HALVES = /\p{Surrogate}/gu;

/** @throws FlowError `BAD_REQUEST`. */
export function settingsOf(options: DurableEngineOptions, clock: () => number): Settings {
  const doing = "Cannot make the engine";
  requireNames(doing, requireInput(doing, options), NAMES);
  const { workflows } = options;
  const store = storeOf(options.store);
  if (typeof workflows !== "object" || workflows === null)
    throw bad("workflows", "must be an object of functions");
  for (const [type, body] of Object.entries(workflows)) {
    if (typeof body !== "function") throw bad(`workflows.${type}`, "must be a function");
  }
  const mismatch = options.onStepNameMismatch ?? "warn";
  if (mismatch !== "warn" && mismatch !== "fail")
    throw bad("onStepNameMismatch", "must be warn or fail");
  return {
    store,
    workflows,
    owner: options.owner ?? `engine-${randomUUID()}`,
    leaseMs: positive("leaseMs", options.leaseMs, DEFAULT_LEASE_MS, LONGEST_LEASE_MS),
    pollMs: positive("pollMs", options.pollMs, DEFAULT_POLL_MS),
    maxClaims: positive("maxClaims", options.maxClaims, DEFAULT_MAX_CLAIMS),
    onStepNameMismatch: mismatch,
    onWarning: quiet(options.onWarning),
    formatError: (error) =>
      described(error, options.formatError).slice(0, MOST_CHARACTERS).replace(HALVES, "\uFFFD"),
    clock: options.clock ?? clock,
    sleep: options.sleep ?? sleepUnlessAborted,
    random: options.random ?? (() => randomInt(CHANCES) / CHANCES),
    newId: options.newId ?? (() => `exec-${randomUUID()}`),
  };
}

function storeOf(given: DurableEngineOptions["store"]): CheckpointStore {
  const store =
    given !== null && typeof given === "object" && "workflows" in given ? given.workflows : given;
  if (typeof store?.advance === "function") return store;
  throw bad("store", "must be an open store, or its `workflows`");
}

function positive(
  name: string,
  given: number | undefined,
  otherwise: number,
  most = LONGEST_WAIT_MS,
): number {
  const value = given ?? otherwise;
  if (typeof value === "number" && value >= 1 && value <= most) return value;
  throw bad(name, `must be a number from 1 to ${most}`);
}

function bad(field: string, why: string): FlowError {
  return new FlowError("BAD_REQUEST", `Cannot make an engine: ${field} ${why}`, {
    context: { field },
  });
}

/** What a listener throws must not end the work that it is told of. */
function quiet(listener: DurableEngineOptions["onWarning"]): (warning: EngineWarning) => void {
  return (warning) => {
    try {
      listener?.(warning);
    } catch {
      // Whatever it is: there is nobody else to tell.
    }
  };
}

/** The words of what was thrown; of what has none, or throws when it is asked, what it is. */
function described(error: unknown, format: DurableEngineOptions["formatError"]): string {
  for (const words of [format ?? textOf, textOf]) {
    try {
      const text: unknown = words(error);
      if (typeof text === "string") return text;
    } catch {
      // Anything can be thrown, also what cannot be made a text: the next way is tried.
    }
  }
  return `A ${typeof error} without words was thrown`;
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.slice(0, ERROR_CHARACTERS);
}

async function sleepUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleepFor(Math.min(ms, LONGEST_WAIT_MS), undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
