/** The history of features: what was logged with each change, and what callers log themselves. */

import { FlowError } from "../errors.ts";
import type { ChangeEvent } from "../model/feature.ts";
import { uidOf } from "../model/feature.ts";
import type { FeatureRef } from "../model/feature-inputs.ts";
import { findOne, requireRef } from "../model/feature-world.ts";
import { textProblem } from "../model/json-values.ts";
import type { Writing } from "../storage/view.ts";
import {
  changeDraft,
  changeOf,
  FEATURE_KIND,
  featureStream,
  type ChangePayload,
} from "./change-events.ts";
import { requireBearable, tooLarge } from "./call-size.ts";
import { requireNote, type ChangeNote, type StoreContext } from "./context.ts";
import { worldOf } from "./feature-world.ts";
import { reportFaults } from "./log-findings.ts";

/** What a caller may say of a change that it logs itself. */
export interface LogEventInput extends ChangeNote {
  readonly field?: string | null | undefined;
  readonly oldValue?: string | null | undefined;
  readonly newValue?: string | null | undefined;
}

/** Also of an event that a call gave, for who logs it again. */
const INPUT_NAMES = {
  field: true,
  oldValue: true,
  newValue: true,
  id: true,
  featureId: true,
  featureUid: true,
  eventType: true,
  createdAt: true,
} as const;

/** The history of features. */
export class Changes {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /**
   * Logs an event of the caller's own for a feature. Durable when it returns.
   *
   * @param eventType any text that is not empty, such as `comment`.
   * @returns the event; its `id` is the event's ULID.
   * @throws FlowError `NOT_FOUND` for an unknown feature, `BAD_REQUEST`.
   */
  async logEvent(
    featureId: FeatureRef,
    eventType: string,
    input: LogEventInput = {},
  ): Promise<ChangeEvent> {
    requireText(eventType, "eventType");
    requireNote(input, INPUT_NAMES);
    for (const key of ["field", "oldValue", "newValue"] as const) {
      if (input[key] !== undefined && input[key] !== null) requireString(input[key], key);
    }
    const { field, oldValue, newValue, agent, source, note } = input;
    requireBearable([eventType, field, oldValue, newValue, agent, source, note]);
    return tooLarge(
      this.#context.storage.commit((write) => this.#log(write, featureId, eventType, input)),
    );
  }

  #log(write: Writing, ref: FeatureRef, eventType: string, input: LogEventInput): ChangeEvent {
    const { document } = findOne(worldOf(this.#context, write), ref);
    const draft = changeDraft(
      this.#context,
      {
        featureId: document.id,
        featureUid: uidOf(document),
        eventType,
        field: input.field ?? null,
        oldValue: input.oldValue ?? null,
        newValue: input.newValue ?? null,
        agent: input.agent ?? null,
      },
      input,
    );
    const { id, createdAt } = write.append(draft);
    const payload = draft.payload as ChangePayload;
    return {
      id,
      featureId: payload.featureId,
      featureUid: payload.featureUid,
      eventType,
      field: payload.field ?? null,
      oldValue: payload.oldValue ?? null,
      newValue: payload.newValue ?? null,
      agent: draft.agent ?? null,
      source: draft.source ?? "",
      createdAt,
    };
  }

  /**
   * Everything that was logged for a feature, oldest first; for an id that two features bear the
   * events of both. An unknown feature has none; a deleted one keeps its own.
   *
   * @throws FlowError `BAD_REQUEST` when `featureId` can name no feature.
   */
  async getEvents(featureId: FeatureRef): Promise<ChangeEvent[]> {
    const ref = requireRef(featureId);
    const reader = await this.#context.storage.reader();
    const lines =
      typeof ref === "number"
        ? reader.ofEntity(FEATURE_KIND, ref)
        : reader.ofStream(featureStream(ref));
    reportFaults(reader.faults(), this.#context, false);
    const found = lines.flatMap(({ event }) => changeOf(event) ?? []);
    return found.sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

function requireString(value: unknown, field: string): void {
  const problem = typeof value === "string" ? textProblem(value) : "must be a text";
  if (problem === null) return;
  throw new FlowError("BAD_REQUEST", `Cannot log the event: ${field} ${problem}`, {
    context: { field },
  });
}

function requireText(value: unknown, field: string): void {
  requireString(value, field);
  if (value !== "") return;
  throw new FlowError("BAD_REQUEST", `Cannot log the event: ${field} must not be empty`, {
    context: { field },
  });
}
