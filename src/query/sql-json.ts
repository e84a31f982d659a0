/** JSON in texts, as SQLite's functions look into it. */

import { isStrict, treeOf, unescaped, writtenJson, type Json, type Scalar } from "./json-tree.ts";
import { Unsure, type Cell, type Known } from "./sql-cells.ts";

const STEP = /\.("(?:[^"\\]|\\.)*"|[^.[\]"]+)|\[(#-)?(\d+)\]/gy;
const WORDS: Readonly<Record<string, Cell>> = { null: null, true: 1n, false: 0n };

/** `json_extract(text, path)` and `text ->> path`: a scalar as SQL has it, the rest as JSON. */
export function jsonExtract(text: string, path: string): Cell {
  const found = locate(text, path);
  if (found === undefined) return null;
  return "written" in found ? scalar(found) : writtenJson(found);
}

/** `text -> path`: what stands there, as JSON. */
export function jsonPart(text: string, path: string): Cell {
  const found = locate(text, path);
  return found === undefined ? null : writtenJson(found);
}

/** The name of the type of what stands there. */
export function jsonType(text: string, path: string): Cell {
  const found = locate(text, path);
  return found === undefined ? null : typeOf(found);
}

/** How many items the list there has; 0 for what is none. */
export function jsonLength(text: string, path: string): Cell {
  const found = locate(text, path);
  if (found === undefined) return null;
  return "items" in found ? BigInt(found.items.length) : 0n;
}

/** Whether a text is JSON. */
export function isJson(text: string): boolean {
  if (!isStrict(text)) return false;
  treeOf(text);
  return true;
}

/** What `->` and `->>` take for a path: a key or a place as well. */
export function arrowPath(step: Known): string {
  if (typeof step === "bigint") return step < 0n ? `$[#-${-step}]` : `$[${step}]`;
  if (typeof step === "number") throw new Unsure("a fraction as a path");
  if (step.startsWith("$")) return step;
  if (step === "") throw new Unsure("an empty path");
  if (/^\[\d+\]$/.test(step)) return `$${step}`;
  return `$.${JSON.stringify(step)}`;
}

function typeOf(found: Json): string {
  if ("items" in found) return "array";
  if ("entries" in found) return "object";
  const { written } = found;
  if (Object.hasOwn(WORDS, written)) return written;
  if (written.startsWith('"')) return "text";
  return isFraction(written) ? "real" : "integer";
}

function isFraction(written: string): boolean {
  return /[.eE]/.test(written);
}

function scalar({ written }: Scalar): Cell {
  if (Object.hasOwn(WORDS, written)) return WORDS[written] ?? null;
  if (written.startsWith('"')) return unescaped(written);
  if (isFraction(written)) return Number(written);
  const value = BigInt(written);
  if (BigInt.asIntN(64, value) !== value) throw new Unsure("a number of more than 64 bits");
  return value;
}

function locate(text: string, path: string): Json | undefined {
  const steps = stepsOf(path);
  let at: Json | undefined = treeOf(text);
  for (const step of steps) {
    if (at === undefined) return undefined;
    if (typeof step === "number") at = "items" in at ? at.items.at(step) : undefined;
    // Of keys that stand twice SQLite sees the first.
    else
      at =
        "entries" in at ? at.entries.find(({ key }) => unescaped(key) === step)?.value : undefined;
  }
  return at;
}

/** Keys, and places in lists: below 0 from the end. */
function stepsOf(path: string): (string | number)[] {
  const refused = new Unsure(`the path ${JSON.stringify(path)}`);
  if (!path.startsWith("$")) throw refused;
  const steps: (string | number)[] = [];
  let end = 1;
  STEP.lastIndex = 1;
  for (let match = STEP.exec(path); match !== null; match = STEP.exec(path)) {
    const [, key, fromEnd, place] = match;
    if (key !== undefined) steps.push(key.startsWith('"') ? keyIn(key, refused) : key);
    else if (fromEnd === undefined) steps.push(Number(place));
    else steps.push(Number(place) === 0 ? Number.MAX_SAFE_INTEGER : -Number(place));
    end = STEP.lastIndex;
  }
  if (end !== path.length) throw refused;
  return steps;
}

/** A key in quotes. */
function keyIn(quoted: string, refused: Unsure): string {
  if (isStrict(quoted)) return unescaped(quoted);
  throw refused;
}
