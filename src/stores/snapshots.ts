/**
 * Snapshots: the states that streams came to, in `local/snapshots/`. A cache: each says to which
 * event it belongs, and one that is damaged, or whose event is not where it was, counts as none.
 */

import { badField, requireInput, requireJson, requireText } from "../model/given.ts";
import { copyJson, isPlainObject, shown } from "../model/json-values.ts";
import { toIso } from "../model/time.ts";
import { isFault, type Document } from "../storage/files.ts";
import { checksum } from "../storage/hash.ts";
import { nameOf, SNAPSHOTS } from "../storage/layout.ts";
import type { LogReader } from "../storage/log-reader.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { requireBearable, tooLarge } from "./call-size.ts";
import { requireNote, type StoreContext } from "./context.ts";
import { fileNameFor } from "./documents.ts";

/** The state that a stream had come to at a version. */
export interface Snapshot {
  readonly stream: string;
  readonly version: number;
  readonly state: unknown;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** A state to keep. */
export interface SaveSnapshotInput {
  readonly stream: string;
  /** The version of the last event that is in it; 1 or more. */
  readonly version: number;
  /** Any JSON value. */
  readonly state: unknown;
}

interface SnapshotFile extends Snapshot {
  /** The event with this version when it was saved; `null` when there was none. */
  readonly eventId: string | null;
}

const DOING = "Cannot save the snapshot";
/** A snapshot that a call gave may be handed on whole. */
const INPUT_NAMES = { stream: true, version: true, state: true, createdAt: true } as const;

export class Snapshots {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** @returns the snapshot that counts from now on: this one, or a newer one that was there. */
  async save(input: SaveSnapshotInput): Promise<Snapshot> {
    const given = snapshotGiven(input);
    requireBearable([given.stream, given.state]);
    const { storage, nowMs } = this.#context;
    const createdAt = toIso(nowMs());
    const commit = storage.commit((write) => {
      const reader = storage.readerIn(write);
      const before = this.#look(write, given.stream, reader);
      if (before !== null && before.version > given.version) return snapshotOf(before);
      const eventId = eventAt(reader, given.stream, given.version);
      const name = fileNameFor(given.stream);
      // Whole, also where it is damaged.
      write.drop(SNAPSHOTS, name);
      write.put(SNAPSHOTS, name, encode({ ...given, createdAt, eventId }));
      return snapshotOf({ ...given, createdAt });
    });
    return tooLarge(commit);
  }

  /** The snapshot of a stream that fits the log; `null` when there is none. */
  in(view: Reading | Writing, stream: string, reader: LogReader): Snapshot | null {
    const file = this.#look(view, stream, reader);
    return file === null ? null : snapshotOf(file);
  }

  #look(view: Reading | Writing, stream: string, reader: LogReader): SnapshotFile | null {
    const file = view.get(SNAPSHOTS, fileNameFor(stream));
    const snapshot = file === null ? null : decode(file);
    if (snapshot === null || snapshot.stream !== stream) return null;
    const isThere = eventAt(reader, stream, snapshot.version) === snapshot.eventId;
    return isThere ? snapshot : null;
  }
}

/** Every snapshot that fits the log, by the name of its file. */
export function listSnapshots(view: Reading | Writing, reader: LogReader): Snapshot[] {
  return view.list(SNAPSHOTS).flatMap((file) => {
    const snapshot = decode(file);
    if (snapshot === null || nameOf(file.path) !== fileNameFor(snapshot.stream)) return [];
    const isThere = eventAt(reader, snapshot.stream, snapshot.version) === snapshot.eventId;
    return isThere ? [snapshotOf(snapshot)] : [];
  });
}

function snapshotGiven(input: unknown): Omit<Snapshot, "createdAt"> {
  requireInput(DOING, input);
  const { stream, version, state } = requireNote(input as SaveSnapshotInput, INPUT_NAMES, "input");
  if (!Number.isSafeInteger(version) || version < 1) {
    throw badField(DOING, "version", `must be a whole number from 1, not ${shown(version)}`);
  }
  return {
    stream: requireText(DOING, "stream", stream),
    version,
    state: requireJson(DOING, "state", state),
  };
}

function eventAt(reader: LogReader, stream: string, version: number): string | null {
  const [line] = reader.ofStream(stream, { afterVersion: version - 1, limit: 1 });
  return line?.event.id ?? null;
}

function snapshotOf({ stream, version, state, createdAt }: Snapshot): Snapshot {
  return { stream, version, state: copyJson(state), createdAt };
}

/** One object in one line, its checksum last, as lines of the log are. */
const SEAL = /,"crc":"([0-9a-f]{8})"\}\n$/;

function encode(snapshot: SnapshotFile): string {
  const { stream, version, eventId, createdAt, state } = snapshot;
  const body = JSON.stringify({ stream, version, eventId, createdAt, state }).slice(0, -1);
  return `${body},"crc":"${checksum(body)}"}\n`;
}

function decode(file: Document): SnapshotFile | null {
  if (isFault(file)) {
    if (file.fault.retryable) throw file.fault;
    return null;
  }
  const seal = SEAL.exec(file.text);
  if (seal === null) return null;
  const body = file.text.slice(0, seal.index);
  if (checksum(body) !== seal[1]) return null;
  const value = parsed(`${body}}`);
  return isSnapshot(value) ? value : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // A checksum that fits is no proof that a store wrote it.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isSnapshot(value: unknown): value is SnapshotFile {
  if (!isPlainObject(value)) return false;
  const { stream, version, eventId, createdAt } = value;
  return (
    typeof stream === "string" &&
    Number.isSafeInteger(version) &&
    (eventId === null || typeof eventId === "string") &&
    typeof createdAt === "string" &&
    "state" in value
  );
}
