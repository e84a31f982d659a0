/** What an event can be found by, and how keys are hashed. */

import type { EventLine } from "./event-lines.ts";

/** By its own id; the command that made it; the event that caused it; an entity that it names. */
export type KeyKind = "id" | "command" | "cause" | "entity";
/** Few texts that many events share. */
export type TermKind = "stream" | "type";
export type FindKind = KeyKind | TermKind;

/** Where an event stands: its line, from 1, and the byte at which that begins. */
export interface Place {
  readonly segment: string;
  readonly line: number;
  readonly at: number;
}

const MARKS: Readonly<Record<FindKind, string>> = {
  id: "i",
  command: "c",
  cause: "b",
  entity: "e",
  stream: "s",
  type: "t",
};

/** A text of one kind, told apart from the same text of another. */
export function keyOf(kind: FindKind, text: string): string {
  return `${MARKS[kind]}${text}`;
}

/** Says which integer ids an event names, by kind. */
export type IdsOf = (event: EventLine) => readonly (readonly [kind: string, id: number])[];

/** An id of a kind as the text of a key. */
export function entityKey(kind: string, id: number): string {
  return `${id}/${kind}`;
}

/** Whether an event bears a key. */
export function bears(event: EventLine, kind: FindKind, text: string, idsOf: IdsOf): boolean {
  if (kind !== "entity") return textOf(kind, event) === text;
  return idsOf(event).some(([name, id]) => entityKey(name, id) === text);
}

/** What an event says under a kind; `undefined` for nothing. */
export function textOf(kind: Exclude<FindKind, "entity">, event: EventLine): string | undefined {
  switch (kind) {
    case "id":
      return event.id;
    case "command":
      return event.commandId;
    case "cause":
      return event.causedBy;
    case "stream":
      return event.stream;
    case "type":
      return event.type;
  }
}

/** The keys of an event that are neither its id nor a term. */
export function otherKeysOf(event: EventLine, idsOf: IdsOf): string[] {
  const keys = idsOf(event).map(([kind, id]) => keyOf("entity", entityKey(kind, id)));
  if (event.commandId !== undefined) keys.push(keyOf("command", event.commandId));
  if (event.causedBy !== undefined) keys.push(keyOf("cause", event.causedBy));
  return keys;
}

/** 48 bits of a text: 32 to sort by and 16 more to tell apart. Collisions are met with a look. */
export interface KeyHash {
  readonly high: number;
  readonly low: number;
}

const LOW_BITS = 0xffff;

/** Two multiplicative hashes over the same characters (the multipliers are odd and far apart). */
export function hashKey(key: string): KeyHash {
  let first = 0x811c9dc5;
  let second = 0x41c6ce57;
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at);
    first = Math.imul(first ^ code, 0x9e3779b1);
    second = Math.imul(second ^ code, 0x5f356495);
  }
  first =
    Math.imul(first ^ (first >>> 16), 0x85ebca6b) ^ Math.imul(second ^ (second >>> 13), 0xc2b2ae35);
  second =
    Math.imul(second ^ (second >>> 16), 0x85ebca6b) ^ Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return { high: first >>> 0, low: (second >>> 0) & LOW_BITS };
}
