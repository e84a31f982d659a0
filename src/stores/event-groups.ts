/**
 * Groups: how far their consumers have come, kept in `local/cursors/`, and which consumer it is now.
 * Of any number that consume in the name of a group one does; the others stand by, and one of them
 * goes on as soon as it ends or its process dies.
 */

import { threadId } from "node:worker_threads";

import { FlowError } from "../errors.ts";
import { START, type Place } from "../model/cursors.ts";
import { isPlainObject } from "../model/json-values.ts";
import { toIso } from "../model/time.ts";
import { isFault, type Document } from "../storage/files.ts";
import { formatJson } from "../storage/json-text.ts";
import { CURSORS, nameOf } from "../storage/layout.ts";
import type { StorageOptions } from "../storage/storage.ts";
import type { Reading, Writing } from "../storage/view.ts";
import type { StoreContext } from "./context.ts";
import { damaged, decodeJson, unreadable, type Damaged } from "./document-decode.ts";
import { fileNameFor } from "./documents.ts";

type Identity = StorageOptions["identity"];

/** A consumer of which nobody can tell whether it lives has the group for so long after it last showed. */
const LEASE_MS = 60_000;
/** It shows so often; a commit each. */
export const RENEW_MS = 15_000;

/** Whether a process lives; `null` where it cannot be told. */
export type Liveness = (process: Identity) => boolean | null;

interface Consumer extends Identity {
  /** Of a worker thread, which may end before its process; 0 of the main one. */
  readonly thread?: number | undefined;
  readonly token: string;
  readonly expiresAt: string;
}

interface GroupFile {
  readonly group: string;
  readonly place: Place;
  readonly consumer: Consumer | null;
}

/** What one subscription has of its group. */
export class GroupSeat {
  readonly #context: StoreContext;
  readonly #isAlive: Liveness;
  readonly #group: string;
  readonly #token: string;
  #isHeld = false;

  constructor(context: StoreContext, isAlive: Liveness, group: string) {
    this.#context = context;
    this.#isAlive = isAlive;
    this.#group = group;
    this.#token = context.storage.options.randomName();
  }

  /**
   * Takes the seat if it is free.
   *
   * @param first where a new group begins
   * @returns where to go on; `null` while another consumer has it.
   * @throws FlowError `CORRUPT` for a damaged file: where the group was is not guessed.
   */
  async take(first: () => Place): Promise<Place | null> {
    const { storage } = this.#context;
    // Standing by writes nothing.
    if (!(await storage.read((view) => this.#isFree(this.#look(view))))) return null;
    const place = await storage.commit((write) => {
      const file = this.#look(write);
      if (!this.#isFree(file)) return null;
      const at = file?.place ?? first();
      this.#put(write, at, true);
      return at;
    });
    this.#isHeld = place !== null;
    return place;
  }

  /** @throws FlowError `LOCK_LOST` when another consumer has the seat by now. */
  async save(place: Place): Promise<void> {
    await this.#context.storage.commit((write) => {
      this.#require(write);
      this.#put(write, place, true);
    });
  }

  /** Shows that the consumer is there. */
  async renew(): Promise<void> {
    await this.#context.storage.commit((write) => this.#put(write, this.#require(write), true));
  }

  /** Gives the seat up; one that was lost is another's. */
  async leave(place: Place): Promise<void> {
    if (!this.#isHeld) return;
    await this.#context.storage.commit((write) => {
      if (this.#look(write)?.consumer?.token === this.#token) this.#put(write, place, false);
    });
    this.#isHeld = false;
  }

  #isFree(file: GroupFile | null): boolean {
    const consumer = file?.consumer ?? null;
    if (consumer === null) return true;
    const alive = this.#isAlive(consumer);
    if (alive === false) return true;
    // A process that lives tells of its main thread alone.
    const isSure = alive === true && (consumer.thread ?? 0) === 0;
    return !isSure && Date.parse(consumer.expiresAt) <= this.#context.nowMs();
  }

  #require(write: Writing): Place {
    const file = this.#look(write);
    if (file?.consumer?.token === this.#token) return file.place;
    throw new FlowError(
      "LOCK_LOST",
      `Cannot go on in the group "${this.#group}": it has another consumer`,
      {
        context: { group: this.#group },
        hint: "It was taken over while nothing showed that this consumer lived, or its file was removed. Subscribe again.",
      },
    );
  }

  #look(view: Reading | Writing): GroupFile | null {
    const file = view.get(CURSORS, fileNameFor(this.#group));
    if (file === null) return null;
    const decoded = decodeGroup(file);
    if ("value" in decoded) {
      this.#context.findings.fine(file.path);
      return decoded.value;
    }
    this.#context.findings.report(decoded.finding);
    const { code, message, context } = decoded.error;
    if (code !== "CORRUPT") throw decoded.error;
    const hint =
      "Mend the file, or remove it: then the group begins anew, or from where `from` says.";
    throw new FlowError(code, message, { context, hint });
  }

  #put(write: Writing, place: Place, stays: boolean): void {
    const { storage, nowMs } = this.#context;
    const expiresAt = toIso(nowMs() + LEASE_MS);
    const { identity } = storage.options;
    const consumer = { ...identity, thread: threadId, token: this.#token, expiresAt };
    const file: GroupFile = { group: this.#group, place, consumer: stays ? consumer : null };
    write.put(CURSORS, fileNameFor(this.#group), formatJson(file));
  }
}

/** What a group's file says, or why it cannot be used. */
export function decodeGroup(file: Document): { readonly value: GroupFile } | Damaged {
  if (isFault(file)) return unreadable(file);
  const json = decodeJson(file.path, file.text);
  if (!("value" in json)) return json;
  const { value } = json;
  if (!isGroupFile(value)) {
    return damaged(file.path, "schema", "it does not say where a group is");
  }
  const expected = fileNameFor(value.group);
  if (nameOf(file.path) === expected) return { value };
  const why = `it holds ${JSON.stringify(value.group)}, which belongs into ${expected}`;
  return damaged(file.path, "name", why);
}

function isGroupFile(value: unknown): value is GroupFile {
  if (!isPlainObject(value) || typeof value["group"] !== "string") return false;
  const { place, consumer } = value;
  return isPlace(place) && (consumer === null || isConsumer(consumer));
}

function isPlace(value: unknown): value is Place {
  if (!isPlainObject(value)) return false;
  const { epoch, sequence, id } = value;
  return (
    (epoch === START.epoch || typeof epoch === "string") &&
    Number.isSafeInteger(sequence) &&
    Number(sequence) >= 0 &&
    (id === START.id || typeof id === "string")
  );
}

function isConsumer(value: unknown): value is Consumer {
  if (!isPlainObject(value)) return false;
  const { pid, thread = 0, token, expiresAt, host, bootId } = value;
  const texts = [token, expiresAt, host, bootId];
  const areNumbers = [pid, thread].every((one) => Number.isSafeInteger(one));
  return areNumbers && texts.every((text) => typeof text === "string");
}
