/** How a store is opened: the options that a caller gives, judged, with their defaults. */

import { FlowError } from "./errors.ts";
import { fileSystemOf } from "./disk/file-system.ts";
import { gitEmail } from "./disk/git-identity.ts";
import type { Finding } from "./finding.ts";
import { shown, textProblem } from "./model/json-values.ts";
import { nearest } from "./nearest.ts";
import { phaseSequencesOf, type PhaseSequences } from "./model/phases.ts";
import { pipelinePhasesOf } from "./model/pipeline.ts";
import { LATEST_MS } from "./model/time.ts";
import { ROOT_NAME } from "./storage/layout.ts";
import type { Durability } from "./storage/storage.ts";
import { requireObject } from "./stores/context.ts";

/** How a store is opened. */
export interface FlowStoreOptions {
  /**
   * What an acknowledged change survives: `full` (default) kill -9 and power loss; `relaxed`
   * kill -9, and power loss but for the last 100 ms; `none` kill -9 only.
   */
  readonly durability?: Durability | undefined;
  /** How long a write waits for others, in ms. Default 10,000. */
  readonly guardTimeoutMs?: number | undefined;
  /** Who acts. Default: env `FLOW_ACTOR`, git's `user.email`, env `USER`, `unknown`. */
  readonly actor?: string | undefined;
  /** Through what, in events. Default `api`. */
  readonly source?: string | undefined;
  /** Refuses every write with `READ_ONLY`. Default false. */
  readonly readOnly?: boolean | undefined;
  /**
   * The time, in ms since 1970, for events and leases. Where it throws or gives no time, the call
   * that asked is `BAD_REQUEST` and writes nothing. Default: the machine's clock.
   */
  readonly clock?: (() => number) | undefined;
  /**
   * Takes what is wrong with files that calls come upon: each thing once, and again when it was
   * mended and comes back. Default: nothing.
   */
  readonly onWarning?: ((finding: Finding) => void) | undefined;
  /**
   * Sequences of phases by name, for `phases.next`; one called `S`, `M` or `L` takes the place of
   * that preset. Default: the presets alone.
   */
  readonly phaseSequences?: Readonly<Record<string, readonly string[]>> | undefined;
  /**
   * The phases that epics go through. Default: `plan`, `plan_review`, `work`, `impl_review`,
   * `close`. Behind the last one an epic is `completed`.
   */
  readonly pipelinePhases?: readonly string[] | undefined;
}

const NAMES = Object.keys({
  durability: true,
  guardTimeoutMs: true,
  actor: true,
  source: true,
  readOnly: true,
  clock: true,
  onWarning: true,
  phaseSequences: true,
  pipelinePhases: true,
} satisfies Record<keyof FlowStoreOptions, true>);
const DEFAULT_GUARD_TIMEOUT_MS = 10_000;

/** Options with their defaults. */
export interface Settings {
  readonly durability: Durability;
  readonly guardTimeoutMs: number;
  readonly actor: string;
  readonly source: string;
  readonly readOnly: boolean;
  readonly clock: () => number;
  readonly onWarning: (finding: Finding) => void;
  readonly phaseSequences: PhaseSequences;
  readonly pipelinePhases: readonly string[];
  readonly fileSystem: { readonly name: string; readonly shared: boolean };
}

/** @throws FlowError `BAD_REQUEST` for what is none of the values. */
export function settingsOf(options: FlowStoreOptions, root: string): Settings {
  requireObject(options, "options");
  refuseSlips(options);
  const { durability, guardTimeoutMs, actor, source, readOnly, clock, onWarning } = options;
  if (durability !== undefined && !["full", "relaxed", "none"].includes(durability)) {
    throw badOption("durability", durability);
  }
  for (const [name, value] of Object.entries({ actor, source })) {
    if (value === undefined) continue;
    const isUsable = typeof value === "string" && value !== "" && textProblem(value) === null;
    if (!isUsable) throw badOption(name, value);
  }
  for (const [name, value] of Object.entries({ clock, onWarning })) {
    if (value !== undefined && typeof value !== "function") throw badOption(name, value);
  }
  if (readOnly !== undefined && typeof readOnly !== "boolean")
    throw badOption("readOnly", readOnly);
  return {
    durability: durability ?? "full",
    guardTimeoutMs: durationOf(
      "guardTimeoutMs",
      guardTimeoutMs === undefined ? DEFAULT_GUARD_TIMEOUT_MS : guardTimeoutMs,
    ),
    actor: actor ?? defaultActor(root),
    source: source ?? "api",
    readOnly: readOnly ?? false,
    clock: clock === undefined ? () => Date.now() : () => timeBy(clock),
    onWarning: onWarning ?? (() => undefined),
    phaseSequences: phaseSequencesOf(options.phaseSequences),
    pipelinePhases: pipelinePhasesOf(options.pipelinePhases),
    fileSystem: { name: "unknown", shared: false },
  };
}

/** What tunes another kind of store is passed over; a name of this one's that is mistyped is not. */
function refuseSlips(options: FlowStoreOptions): void {
  for (const name of Object.keys(options)) {
    const meant = NAMES.includes(name) ? null : nearest(name, NAMES);
    if (meant === null) continue;
    const message = `Cannot use the option ${name}: there is none. Is ${meant} meant?`;
    throw new FlowError("BAD_REQUEST", message, { context: { field: name } });
  }
}

/**
 * The time by a caller's clock, which may do anything: what gives no time is refused where it is
 * asked, so that the call ends before something is written by it.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
function timeBy(clock: () => unknown): number {
  let ms: unknown;
  try {
    ms = clock();
  } catch (error) {
    // Whatever a caller's function throws is expected here.
    throw noTime(`threw: ${error instanceof Error ? error.message : shown(error)}`, error);
  }
  if (typeof ms === "number" && ms >= 0 && ms <= LATEST_MS) return ms;
  throw noTime(`gave ${shown(ms)}, which is no time in ms since 1970`);
}

function noTime(what: string, cause?: unknown): FlowError {
  return new FlowError("BAD_REQUEST", `Cannot tell the time: the option clock ${what}`, {
    context: { field: "clock" },
    cause,
  });
}

/** The settings of a root that is there. */
export function withFileSystem(settings: Settings, root: string): Settings {
  return { ...settings, fileSystem: fileSystemOf(root) };
}

function defaultActor(root: string): string {
  const { FLOW_ACTOR, USER } = process.env;
  if (FLOW_ACTOR !== undefined && FLOW_ACTOR !== "") return FLOW_ACTOR;
  const email = gitEmail(root.slice(0, -ROOT_NAME.length - 1));
  if (email !== null) return email;
  return USER === undefined || USER === "" ? "unknown" : USER;
}

/** Node's timers count in 32 bits, and a longer one ends at once: 24.8 days stand for "for ever". */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** @throws FlowError `BAD_REQUEST`. */
export function durationOf(name: string, value: unknown): number {
  if (typeof value === "number" && value >= 0) return Math.min(Math.max(0, value), MAX_TIMER_MS);
  throw badOption(name, value);
}

/** What an option cannot be. */
export function badOption(name: string, value: unknown): FlowError {
  return new FlowError("BAD_REQUEST", `Cannot use the store: ${name} cannot be ${shown(value)}`, {
    context: { field: name },
  });
}
