/**
 * File names from user text (task ids, keys, names of tables): one encoding for all of them.
 *
 * A name is made of `a-z 0-9 - _ . + %` alone, so no file system folds two of them into one: not
 * one that ignores case, not one that composes or decomposes accents. What is safe stays as it
 * is, a capital is `+` and its small letter, every other byte of the UTF-8 is `%` and two hex
 * digits: `fn-1.2` stays, `Fix it` is `+fix%20it`, `a/b` is `a%2fb`.
 *
 * | also encoded | because |
 * | --- | --- |
 * | a dot at the start or the end | `..` leads out, `.a` is hidden, Windows drops the last one |
 * | a dash at the start | commands take it for an option |
 * | the third letter of `con`, `nul`, `com1` … before the first dot | Windows knows them as devices, whatever follows the dot |
 */

import { hash } from "node:crypto";

import { FlowError } from "../errors.ts";

/** A longer name is cut; with a suffix it still fits the 255 bytes that file systems allow. */
export const MAX_NAME_BYTES = 200;
/** What is left of a cut name, before the digest. */
const CUT_NAME_BYTES = 100;
/** 128 bits: nobody finds two texts with the same ones. */
const DIGEST_CHARACTERS = 32;
/** Stands in no name that is whole: there `%` is followed by two hex digits. */
const CUT_MARK = "%-";

const DEVICE = /^(?:con|prn|aux|nul|(?:com|lpt)\d)(?=\.|$)/;
/** What stands for one byte. */
const PART = /%([0-9a-f]{2})|\+[a-z]|[a-z0-9._-]/gy;

/**
 * The name for a text: never the same for two texts, and at most 200 bytes. Longer ones are the
 * first 100 bytes, `%-` and 32 hex digits of the text's SHA-256, and cannot be decoded: the text
 * itself has to stand in the file.
 *
 * @throws FlowError `BAD_REQUEST` for an empty text and for one with half of a surrogate pair.
 */
export function encodeName(text: string): string {
  if (typeof text !== "string" || !isNameable(text)) {
    throw new FlowError(
      "BAD_REQUEST",
      "A name must be a text, not empty and not cut amid a character",
      {
        context: { field: "name" },
      },
    );
  }
  const name = encodeWhole(text);
  if (name.length <= MAX_NAME_BYTES) return name;
  return `${name.slice(0, CUT_NAME_BYTES)}${CUT_MARK}${hash("sha256", text, "hex").slice(0, DIGEST_CHARACTERS)}`;
}

/** Whether {@link encodeName} has a name for a text, which may come from a file. */
export function isNameable(text: string): boolean {
  return text !== "" && text.isWellFormed();
}

/** The text that {@link encodeName} gives this name; `null` for a cut name and for any other. */
export function decodeName(name: string): string | null {
  const text = decodeWhole(name);
  // A text has one name: another way to write it (`%61` for `a`), or bytes that are no UTF-8, is none.
  return text !== null && text !== "" && encodeName(text) === name ? text : null;
}

/** The name uncut; of a text that is too long only as much as shows that it is. */
function encodeWhole(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  let name = "";
  for (let at = 0; at < bytes.length && name.length <= MAX_NAME_BYTES; at += 1) {
    name += encodeByte(bytes[at] ?? 0, at === 0, at === bytes.length - 1);
  }
  return name.replace(
    DEVICE,
    (device) => device.slice(0, 2) + hex(device.charCodeAt(2)) + device.slice(3),
  );
}

function encodeByte(byte: number, isFirst: boolean, isLast: boolean): string {
  const character = String.fromCharCode(byte);
  if (/[a-z0-9_]/.test(character)) return character;
  if (/[A-Z]/.test(character)) return `+${character.toLowerCase()}`;
  const isPlain = character === "." ? !isFirst && !isLast : character === "-" && !isFirst;
  return isPlain ? character : hex(byte);
}

function hex(byte: number): string {
  return `%${byte.toString(16).padStart(2, "0")}`;
}

function decodeWhole(name: string): string | null {
  const bytes: number[] = [];
  let read = 0;
  for (const [part, digits] of name.matchAll(PART)) {
    read += part.length;
    if (digits !== undefined) bytes.push(Number.parseInt(digits, 16));
    else bytes.push(part.startsWith("+") ? part.toUpperCase().charCodeAt(1) : part.charCodeAt(0));
  }
  if (read !== name.length) return null;
  return Buffer.from(bytes).toString("utf8");
}
