/** Decisions: what was decided for an epic and why, kept in the event log alone. */
import { countOrAll, requireInput, requireJson, requireText, textOrNull } from "./given.ts";
import { copyJson, isPlainObject, ownValue, setOwn } from "./json-values.ts";

/** Something that was decided. */
export interface DecisionEntry {
  /** The event's ULID. */
  readonly id: string;
  /** `_global` for what belongs to no epic. */
  readonly epicId: string;
  readonly taskId: string | null;
  readonly key: string;
  /** Any JSON value. */
  readonly value: unknown;
  readonly reason: string | null;
  readonly agent: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Keys of the input that have no meaning to the store. */
  readonly [key: string]: unknown;
}

/** What is decided. Keys that are not listed here are kept with it. */
export interface LogDecisionInput {
  /** Any text that is not empty. Default `_global`. */
  readonly epicId?: string | undefined;
  readonly taskId?: string | undefined;
  /** What it is about; any text that is not empty. */
  readonly key: string;
  /** What was decided: any JSON value. */
  readonly value: unknown;
  readonly reason?: string | undefined;
  /** For the event, as in the last argument of every change. */
  readonly agent?: string | undefined;
  readonly source?: string | undefined;
  readonly note?: string | undefined;
  readonly [key: string]: unknown;
}

/** Which decisions a list holds. */
export interface ListDecisionsOptions {
  /** Exactly this epic. Default: all. */
  readonly epicId?: string | undefined;
  /** How many at most; 1 or more. Default 20. */
  readonly limit?: number | undefined;
}

/** What the event of a decision holds. */
export type DecisionPayload = Pick<
  DecisionEntry,
  "epicId" | "taskId" | "key" | "value" | "reason"
> & {
  readonly [key: string]: unknown;
};

/** The type of its event. */
export const DECISION = "decision";

const GLOBAL_EPIC = "_global";
const DEFAULT_LIMIT = 20;
/** What a decision gets from its event, or says of the event itself. */
const EVENT_KEYS = ["id", "agent", "createdAt", "source", "note"];
const FIELDS = ["epicId", "taskId", "key", "value", "reason"];

/**
 * What the event will hold, if `given` can be a decision.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function decisionPayload(given: unknown): DecisionPayload {
  const doing = "Cannot log the decision";
  const input = requireInput(doing, given);
  const { epicId = GLOBAL_EPIC } = input;
  const own = {};
  for (const [key, value] of Object.entries(input)) {
    if (value === undefined || FIELDS.includes(key) || EVENT_KEYS.includes(key)) continue;
    setOwn(own, key, requireJson(doing, key, value));
  }
  return {
    epicId: requireText(doing, "epicId", epicId),
    taskId: textOrNull(doing, "taskId", input["taskId"]),
    key: requireText(doing, "key", input["key"]),
    value: requireJson(doing, "value", input["value"]),
    reason: textOrNull(doing, "reason", input["reason"]),
    ...own,
  };
}

/**
 * What a list is narrowed to.
 *
 * @throws FlowError `BAD_REQUEST`.
 */
export function decisionFilter(options: ListDecisionsOptions): {
  readonly epicId: string | null;
  readonly limit: number;
} {
  const doing = "Cannot list decisions";
  return {
    epicId: textOrNull(doing, "epicId", options.epicId),
    limit: countOrAll(doing, "limit", options.limit) ?? DEFAULT_LIMIT,
  };
}

/** What an event tells of the decision, beside its payload. */
export type DecisionEvent = Pick<DecisionEntry, "id" | "agent" | "createdAt">;

/** The decision that an event holds; `null` when its payload is none. */
export function decisionOf(event: DecisionEvent, payload: unknown): DecisionEntry | null {
  if (!isPlainObject(payload)) return null;
  const [epicId, key] = [ownValue(payload, "epicId"), ownValue(payload, "key")];
  if (typeof epicId !== "string" || typeof key !== "string") return null;
  const { id, agent, createdAt } = event;
  const decision = {
    id,
    epicId,
    taskId: textAt(payload, "taskId"),
    key,
    value: copyJson(ownValue(payload, "value") ?? null),
    reason: textAt(payload, "reason"),
    agent,
    createdAt,
  };
  for (const [name, value] of Object.entries(payload)) {
    if (!Object.hasOwn(decision, name)) setOwn(decision, name, copyJson(value));
  }
  return decision;
}

function textAt(payload: object, key: string): string | null {
  const value = ownValue(payload, key);
  return typeof value === "string" ? value : null;
}
