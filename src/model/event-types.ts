/**
 * Types of events that a program has told the store about: what their payloads must be, and how
 * older ones become newer ones. The name that a type is registered under is the one source of it; a
 * type that nobody registered is as good as any.
 */

import { FlowError } from "../errors.ts";
import { badField, requireText, textOrNull } from "./given.ts";
import { copyJson, isPlainObject, ownValue, pathText, shown } from "./json-values.ts";

/** What judges a value, as zod, valibot, arktype and others implement it: Standard Schema 1. */
export interface StandardSchema {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaVerdict | Promise<SchemaVerdict>;
  };
}

/** What a {@link StandardSchema} says of a value. */
export type SchemaVerdict =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Makes a payload of one version into one of the next. It must be pure. */
export type Upcast = (payload: unknown, event: UpcastEvent) => unknown;

/** What an {@link Upcast} may know of the event. */
export interface UpcastEvent {
  readonly id: string;
  readonly stream: string;
  readonly type: string;
  readonly metadata: unknown;
  readonly createdAt: string;
}

/** What is known of a type. */
export interface EventTypeOptions {
  /** What payloads must be from now on; what is in the log is not judged. Default: anything. */
  readonly schema?: StandardSchema | undefined;
  /**
   * From each version of the payload to the next: the first from 1 to 2, the second from 2 to 3, …
   * One function alone is a list of one. New events are of the version behind the last.
   */
  readonly upcast?: Upcast | readonly Upcast[] | undefined;
  /**
   * The key of the payload that repeats the type's name, as tagged unions are written. Where a new
   * payload has it, it must be the name. Default: none.
   */
  readonly tag?: string | undefined;
}

/**
 * The types that peon is known to write; each with its name once more under `type`, as serde writes
 * it. Register those that you want: `registerType(name, PEON_EVENT_TYPES[name])`.
 */
export const PEON_EVENT_TYPES = {
  ProjectCreated: { tag: "type" },
  ProjectDeleted: { tag: "type" },
  ProjectRenamed: { tag: "type" },
  ThreadCreated: { tag: "type" },
  ThreadDeleted: { tag: "type" },
  ThreadSelected: { tag: "type" },
  ThreadStatusChanged: { tag: "type" },
  TurnStarted: { tag: "type" },
  TurnCompleted: { tag: "type" },
  MessageAppended: { tag: "type" },
  MessageChunkReceived: { tag: "type" },
  CheckpointCreated: { tag: "type" },
  CheckpointRestored: { tag: "type" },
} as const satisfies Readonly<Record<string, EventTypeOptions>>;

interface KnownType {
  readonly schema: StandardSchema | null;
  readonly upcasts: readonly Upcast[];
  readonly tag: string | null;
}

/** The types that one store knows. */
export class EventTypes {
  readonly #known = new Map<string, KnownType>();

  /** @throws FlowError `BAD_REQUEST`; `CONFLICT` for a name that is registered. */
  register(name: string, options: EventTypeOptions): void {
    const doing = "Cannot register the type of event";
    requireText(doing, "name", name);
    if (this.#known.has(name)) {
      throw new FlowError("CONFLICT", `${doing}: "${name}" is registered already`, {
        context: { type: name },
      });
    }
    const { schema, upcast } = options;
    if (schema !== undefined && !isSchema(schema)) {
      throw badField(
        doing,
        "schema",
        `must be a Standard Schema, such as zod's, not ${shown(schema)}`,
      );
    }
    const upcasts: readonly unknown[] = upcast === undefined ? [] : [upcast].flat();
    if (!upcasts.every((one) => typeof one === "function")) {
      throw badField(doing, "upcast", "must be a function or a list of them");
    }
    this.#known.set(name, {
      schema: schema ?? null,
      upcasts: upcasts as readonly Upcast[],
      tag: textOrNull(doing, "tag", options.tag),
    });
  }

  /** The version of new payloads of a type. */
  versionOf(type: string): number {
    return (this.#known.get(type)?.upcasts.length ?? 0) + 1;
  }

  /** @throws FlowError `BAD_REQUEST` for a payload that its type does not allow. */
  async judge(doing: string, field: string, type: string, payload: unknown): Promise<void> {
    const known = this.#known.get(type);
    if (known === undefined) return;
    requireTag(doing, field, type, known.tag, payload);
    if (known.schema === null) return;
    const verdict = await verdictOf(known.schema, doing, field, type, payload);
    const [issue] = verdict.issues ?? [];
    if (issue === undefined) return;
    const path = pathText((issue.path ?? []).map(keyOf));
    throw badField(
      doing,
      `${field}${path === "" ? "" : `.${path}`}`,
      `is no ${type}: ${issue.message}`,
    );
  }

  /** Whether payloads of a type are read in another shape than they were written in. */
  isUpcast(type: string): boolean {
    return this.versionOf(type) > 1;
  }

  /** A payload as the newest version of its type, and which that is. */
  upcast(event: UpcastEvent & { readonly schemaVersion: number; readonly payload: unknown }): {
    readonly payload: unknown;
    readonly schemaVersion: number;
  } {
    let { payload, schemaVersion } = event;
    const upcasts = this.#known.get(event.type)?.upcasts ?? [];
    // What a newer program wrote stays as it is.
    for (const upcast of upcasts.slice(Math.max(0, schemaVersion - 1))) {
      payload = callUpcast(upcast, payload, event, schemaVersion);
      schemaVersion += 1;
    }
    return { payload, schemaVersion };
  }
}

function isSchema(value: unknown): boolean {
  // ArkType's are functions.
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const standard: unknown = (value as Partial<StandardSchema>)["~standard"];
  return (
    typeof standard === "object" &&
    standard !== null &&
    typeof (standard as { validate?: unknown }).validate === "function"
  );
}

function keyOf(part: PropertyKey | { readonly key: PropertyKey }): PropertyKey {
  return typeof part === "object" ? part.key : part;
}

/** @throws FlowError `BAD_REQUEST` where the schema itself fails: then nothing is known of the payload. */
async function verdictOf(
  schema: StandardSchema,
  doing: string,
  field: string,
  type: string,
  payload: unknown,
): Promise<SchemaVerdict> {
  const cannot = `${doing}: ${field} cannot be judged, since the schema of ${type}`;
  let verdict: unknown;
  try {
    // It judges; what it changes is not what the caller gave.
    verdict = await schema["~standard"].validate(copyJson(payload));
  } catch (error) {
    // Whatever a program's own function throws.
    const message = `${cannot} failed: ${reasonOf(error)}`;
    throw new FlowError("BAD_REQUEST", message, { context: { field, type }, cause: error });
  }
  if (typeof verdict === "object" && verdict !== null) return verdict as SchemaVerdict;
  throw new FlowError("BAD_REQUEST", `${cannot} gave no verdict`, { context: { field, type } });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : shown(error);
}

function requireTag(
  doing: string,
  field: string,
  type: string,
  tag: string | null,
  payload: unknown,
): void {
  if (tag === null || !isPlainObject(payload)) return;
  const said = ownValue(payload, tag);
  if (said === undefined || said === type) return;
  throw badField(doing, `${field}.${tag}`, `says ${shown(said)}, but the type is ${shown(type)}`);
}

function callUpcast(upcast: Upcast, payload: unknown, event: UpcastEvent, from: number): unknown {
  const { id, stream, type, metadata, createdAt } = event;
  const context = { id, stream, type, schemaVersion: from };
  const cannot = `Cannot read the event ${id}: the upcast of "${type}" from version ${from}`;
  let upcasted: unknown;
  try {
    upcasted = upcast(payload, { id, stream, type, metadata, createdAt });
  } catch (error) {
    // Whatever a caller's function throws is the caller's; which event it was is said with it.
    const message = `${cannot} threw: ${reasonOf(error)}`;
    throw new FlowError("BAD_REQUEST", message, { context, cause: error });
  }
  if (upcasted === undefined)
    throw new FlowError("BAD_REQUEST", `${cannot} gave nothing`, { context });
  if (!(upcasted instanceof Promise)) return upcasted;
  // Nobody waits for it, so nobody would hear that it failed.
  upcasted.catch(() => undefined);
  throw new FlowError("BAD_REQUEST", `${cannot} gave a promise`, { context });
}
