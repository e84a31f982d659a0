/** Decisions: what was decided and why. They are events, and live in the log alone. */

import {
  DECISION,
  decisionFilter,
  decisionOf,
  decisionPayload,
  type DecisionEntry,
  type ListDecisionsOptions,
  type LogDecisionInput,
} from "../model/decisions.ts";
import type { EventLine } from "../storage/event-lines.ts";
import { attribution, requireOptions, type ChangeNote, type StoreContext } from "./context.ts";
import { reportFaults } from "./log-findings.ts";
import { commitNoted, noteWith } from "./noted-commit.ts";

/** The decisions of a project. */
export class Decisions {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /**
   * Logs a decision, as an event of type `decision` in the stream `epic:<epicId>`. Durable when it
   * returns. Neither epic nor task has to be made before.
   *
   * @throws FlowError `BAD_REQUEST`.
   */
  async log(input: LogDecisionInput, options: ChangeNote = {}): Promise<DecisionEntry> {
    const payload = decisionPayload(input);
    const note = noteWith(input, ["agent", "source", "note"], options);
    return commitNoted(this.#context, note, [payload], (write) => {
      const by = attribution(this.#context, note);
      const stream = `${EPIC_STREAM}${payload.epicId}`;
      const { id, createdAt } = write.append({ stream, type: DECISION, ...by, payload });
      return { ...payload, id, agent: by.agent ?? null, createdAt };
    });
  }

  /**
   * The newest decisions, the newest first, by the order of their ids; after a merge those of both
   * branches among each other.
   *
   * @returns exactly `limit` of them where there are that many.
   * @throws FlowError `BAD_REQUEST` for a limit below 1.
   */
  async list(options: ListDecisionsOptions = {}): Promise<DecisionEntry[]> {
    const { epicId, limit } = decisionFilter(
      requireOptions(options, { epicId: true, limit: true }),
    );
    const reader = await this.#context.storage.reader();
    const events =
      epicId === null
        ? reader.newestFirst("type", DECISION)
        : reader.newestFirst("stream", `${EPIC_STREAM}${epicId}`);
    const found: DecisionEntry[] = [];
    for (const event of events) {
      if (found.length >= limit) break;
      const entry = decisionIn(event);
      if (entry !== null && (epicId === null || entry.epicId === epicId)) found.push(entry);
    }
    reportFaults(reader.faults(), this.#context, false);
    return found;
  }
}

const EPIC_STREAM = "epic:";

/** The decision in an event; `null` for others, and for what others log under the same name. */
export function decisionIn({
  id,
  stream,
  type,
  agent,
  createdAt,
  payload,
}: EventLine): DecisionEntry | null {
  if (type !== DECISION || !stream.startsWith(EPIC_STREAM)) return null;
  return decisionOf({ id, agent: agent ?? null, createdAt }, payload);
}
