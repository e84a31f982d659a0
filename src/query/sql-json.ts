/** JSON in texts, as SQLite's functions look into it. */

import { setOwn } from "../model/json-values.ts";
import { Unsure, type Cell, type Known } from "./sql-cells.ts";

/** What a text of JSON holds; a number keeps how it was written. */
type Json = null | boolean | string | NumberText | Json[] | { [key: string]: Json };

class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const STEP = /\.("(?:[^"\\]|\\.)*"|[^.[\]"]+)|\[(#-)?(\d+)\]/gy;

/** `json_extract(text, path)` and `text ->> path`: a scalar as SQL has it, the rest as JSON. */
export function jsonExtract(text: string, path: string): Cell {
  const found = locate(text, path);
  if (found === undefined) return null;
  const isPart = found !== null && typeof found === "object" && !(found instanceof NumberText);
  return isPart ? asWritten(text, found) : scalar(found);
}

/** `text -> path`: what stands there, as JSON. */
export function jsonPart(text: string, path: string): Cell {
  const found = locate(text, path);
  return found === undefined ? null : asWritten(text, found);
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
  return Array.isArray(found) ? BigInt(found.length) : 0n;
}

/** Whether a text is JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

/** What `->` and `->>` take for a path: a key or a place as well. */
export function arrowPath(step: Known): string {
  if (typeof step === "bigint") return step < 0n ? `$[#-${-step}]` : `$[${step}]`;
  if (typeof step === "number") throw new Unsure("a fraction as a path");
  if (step.startsWith("$")) return step;
  if (/^\[\d+\]$/.test(step)) return `$${step}`;
  return `$.${JSON.stringify(step)}`;
}

function typeOf(found: Json): string {
  if (found === null) return "null";
  if (typeof found === "boolean") return String(found);
  if (typeof found === "string") return "text";
  if (found instanceof NumberText) return /[.eE]/.test(found.text) ? "real" : "integer";
  return Array.isArray(found) ? "array" : "object";
}

function scalar(found: null | boolean | string | NumberText): Cell {
  if (found === null || typeof found === "string") return found;
  if (typeof found === "boolean") return found ? 1n : 0n;
  if (/[.eE]/.test(found.text)) return Number(found.text);
  const value = BigInt(found.text);
  if (BigInt.asIntN(64, value) !== value) throw new Unsure("a number of more than 64 bits");
  return value;
}

/** SQLite gives a part as it is written, escapes and all. */
function asWritten(text: string, found: Json): string {
  if (/\\[u/]/.test(text)) throw new Unsure("a part of JSON with escapes of its own");
  return written(found);
}

function written(found: Json): string {
  if (found instanceof NumberText) return found.text;
  if (Array.isArray(found)) return `[${found.map(written).join(",")}]`;
  if (found !== null && typeof found === "object") {
    const entries = Object.entries(found).map(
      ([key, value]) => `${JSON.stringify(key)}:${written(value)}`,
    );
    return `{${entries.join(",")}}`;
  }
  return JSON.stringify(found);
}

function locate(text: string, path: string): Json | undefined {
  const steps = stepsOf(path);
  let at: Json | undefined = parsed(text);
  for (const step of steps) {
    if (at === undefined || at === null || typeof at !== "object" || at instanceof NumberText) {
      return undefined;
    }
    if (Array.isArray(at)) at = typeof step === "string" ? undefined : at.at(step);
    else at = typeof step === "string" && Object.hasOwn(at, step) ? at[step] : undefined;
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
    if (key !== undefined) steps.push(key.startsWith('"') ? (JSON.parse(key) as string) : key);
    else if (fromEnd === undefined) steps.push(Number(place));
    else steps.push(Number(place) === 0 ? Number.MAX_SAFE_INTEGER : -Number(place));
    end = STEP.lastIndex;
  }
  if (end !== path.length) throw refused;
  return steps;
}

/** JSON with numbers as they are written: `JSON.parse` would round them, and make 1.0 of 1. */
function parsed(text: string): Json {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (part) =>
    part.startsWith('"') ? part : `{"${NUMBER}":"${part}"}`,
  );
  try {
    JSON.parse(text);
    return unmarked(JSON.parse(marked));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Unsure("a text that is no JSON, taken for it");
  }
}

/** A key that no text of ours has but for numbers. */
const NUMBER = "\uE000number";

function unmarked(value: unknown): Json {
  if (value === null || typeof value !== "object") return value as Json;
  if (Array.isArray(value)) return value.map(unmarked);
  const number = (value as Record<string, unknown>)[NUMBER];
  if (typeof number === "string") return new NumberText(number);
  const object: { [key: string]: Json } = {};
  for (const [key, one] of Object.entries(value)) setOwn(object, key, unmarked(one));
  return object;
}
