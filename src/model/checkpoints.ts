/** Checkpoints: saved copies of documents, and what going back to one makes of each document. */
import { FlowError } from "../errors.ts";
import { badField } from "./given.ts";
import { shown } from "./json-values.ts";
import { integer, list, oneOf, optional, text, time, type Shape } from "./shape.ts";

/** In the order in which they are shown. */
const SCOPES = [
  "features",
  "gaps",
  "phases",
  "pipeline",
  "approvals",
  "memory",
  "settings",
] as const;

/** The kinds of documents that a checkpoint may hold. */
export type CheckpointScope = (typeof SCOPES)[number];

/** A saved copy, as every call returns it: plain data, without the documents themselves. */
export interface Checkpoint {
  /** Any text. */
  readonly name: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Who saved it. */
  readonly agent: string;
  /** Why; `null` when nobody said so. */
  readonly note: string | null;
  readonly scope: CheckpointScope[];
  /** How many documents it holds, tombstones too. */
  readonly documents: number;
  /** Of these documents together, in bytes. */
  readonly bytes: number;
}

/** What going back makes of a document. */
export type CheckpointChange =
  /** It has other bytes than in the checkpoint, and gets those back. */
  | "restored"
  /** It was deleted since, or its file is gone; it is there again. */
  | "recreated"
  /** It came since, and becomes a tombstone; or it is a tombstone in the checkpoint. */
  | "deleted"
  /** It is as it was. */
  | "unchanged"
  /** It came since and cannot be read, so nothing can be made of it: it stays as it is. */
  | "left";

/** One document and what becomes of it. */
export interface RestoredDocument {
  /** The file, relative to the root. */
  readonly path: string;
  readonly change: CheckpointChange;
}

/** What `restore` did, or with `dryRun` would do. */
export interface RestoredCheckpoint {
  /** The one that was gone back to. */
  readonly checkpoint: Checkpoint;
  /**
   * The name of the checkpoint that holds what was replaced; `null` when nothing was, as with
   * `dryRun`.
   */
  readonly saved: string | null;
  readonly counts: Readonly<Record<CheckpointChange, number>>;
  /** Every document of the scope, by path. */
  readonly documents: RestoredDocument[];
}

/** What describes a checkpoint, in a file beside the one with its documents. */
export interface CheckpointDocument {
  readonly name: string;
  readonly createdAt: string;
  readonly agent: string;
  readonly note?: string | undefined;
  readonly scope: readonly CheckpointScope[];
  readonly documents: number;
  readonly bytes: number;
  /** Of the file with the documents. */
  readonly sha256: string;
  /** Files that held no text when a restore replaced them; their bytes are in the quarantine. */
  readonly unreadable?: readonly string[] | undefined;
}

export const CHECKPOINT_SHAPE: Shape<CheckpointDocument> = {
  name: "checkpoint",
  about: "What describes a checkpoint; its documents lie in documents.json beside it.",
  fields: {
    name: text("Its own among all checkpoints; the folder is named after it."),
    createdAt: time("When it was saved."),
    agent: text("Who saved it."),
    note: optional(text("Why.", { mayBeEmpty: true })),
    scope: list("The kinds of documents that it holds.", oneOf("A kind.", SCOPES)),
    documents: integer("How many documents it holds.", 0),
    bytes: integer("Of these documents together.", 0),
    sha256: text("Of documents.json: an edited copy is not brought back."),
    unreadable: optional(
      list("Files that held no text when a restore replaced them.", text("A path.")),
    ),
  },
};

/**
 * The kinds that a caller names, each once; all of them where nothing is named.
 *
 * @throws FlowError `BAD_REQUEST` for an empty list and for words that name no kind.
 */
export function requireScope(doing: string, given: unknown): CheckpointScope[] {
  if (given === undefined) return [...SCOPES];
  const known = SCOPES.join(", ");
  if (!Array.isArray(given) || given.length === 0) {
    throw badField(doing, "scope", `must be a list of some of ${known}, not ${shown(given)}`);
  }
  for (const word of Array.from(given, (one: unknown) => one)) {
    if (SCOPES.some((scope) => scope === word)) continue;
    throw badField(doing, "scope", `cannot name ${shown(word)}, only ${known}`);
  }
  return SCOPES.filter((scope) => given.includes(scope));
}

/** A checkpoint as callers see it; shares nothing with its document. */
export function checkpointOf(document: CheckpointDocument): Checkpoint {
  const { name, createdAt, agent, note = null, scope, documents, bytes } = document;
  return { name, createdAt, agent, note, scope: [...scope], documents, bytes };
}

/** Newest first; of one moment, by name. */
export function compareCheckpoints(left: CheckpointDocument, right: CheckpointDocument): number {
  const ms = Date.parse(right.createdAt) - Date.parse(left.createdAt);
  if (ms !== 0) return ms;
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0;
}

/** The name under which a restore saves what it replaces: one that is not taken. */
export function nameOfReplaced(nowIso: string, isTaken: (name: string) => boolean): string {
  const [day = "", time = ""] = nowIso.replace("Z", "").split("T");
  const name = `before-restore-${day}-${time.replaceAll(/[:.]/g, "")}`;
  let next = name;
  for (let number = 2; isTaken(next); number += 1) next = `${name}-${number}`;
  return next;
}

/** Whether a document is there for readers: a damaged one is, a tombstone is not. */
export type Presence = "living" | "absent";

/** What a change of a document's bytes is called. */
export function changeOf(before: Presence, after: Presence): CheckpointChange {
  if (after === "absent") return before === "absent" ? "restored" : "deleted";
  return before === "absent" ? "recreated" : "restored";
}

/** How many documents each change befell. */
export function countChanges(
  documents: readonly RestoredDocument[],
): Record<CheckpointChange, number> {
  const counts = { restored: 0, recreated: 0, deleted: 0, unchanged: 0, left: 0 };
  for (const { change } of documents) counts[change] += 1;
  return counts;
}

export function noSuchCheckpoint(name: string): FlowError {
  return new FlowError("NOT_FOUND", `There is no checkpoint ${shown(name)}`, {
    context: { kind: "checkpoint", name: name.slice(0, MAX_NAME_SHOWN) },
    hint: "flowstore checkpoint list shows those that there are.",
  });
}

/** A name may have any length. */
const MAX_NAME_SHOWN = 200;
