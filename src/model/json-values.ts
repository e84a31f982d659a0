/**
 * What may stand in a JSON document, judged without recursion: a value that nests 100,000 levels
 * deep is refused like any other, and never ends the process by a full stack.
 */

/** One thing that is wrong with a value, and where. */
export interface Problem {
  /** Such as `steps[2]` or `claim.agent`; empty for the value itself. */
  readonly path: string;
  readonly message: string;
}

/**
 * How deep the value of a key may nest in an input. Plans nest a handful of levels; programs that
 * read the file by recursion manage a few thousand.
 */
export const MAX_INPUT_DEPTH = 100;

/**
 * How deep a document may nest that somebody else wrote: `JSON.stringify` recurses and gives up
 * at some thousand levels, and a file that can be read but not written again is no document.
 */
export const MAX_DOCUMENT_DEPTH = 1000;

/** How long one text of an input may be, in UTF-16 units: far above any description, far below what one string can hold. */
export const MAX_TEXT_LENGTH = 16 * 1024 * 1024;
const MEBI = 1024 * 1024;

/** With the `u` flag a pair counts as one character, so this finds only halves without a partner. */
const LONE_SURROGATE = /\p{Surrogate}/u;

interface Frame {
  readonly value: unknown;
  readonly key: string | number;
  readonly parent: Frame | null;
  readonly depth: number;
}

/** Whether `value` is an object as a literal or `JSON.parse` makes it: no array, no instance of a class. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const parent: unknown = Object.getPrototypeOf(value);
  // The prototype of the prototype, and not `=== Object.prototype`: another realm has its own.
  return parent === null || Object.getPrototypeOf(parent) === null;
}

/**
 * Writes `value` as an own key whatever its name: assigning to `__proto__` would change the
 * object's prototype instead.
 */
export function setOwn(target: object, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    (target as Record<string, unknown>)[key] = value;
  }
}

/** The value of an own key; `undefined` for what an object merely inherits, such as `constructor`. */
export function ownValue(source: object, key: string): unknown {
  return Object.hasOwn(source, key) ? (source as Record<string, unknown>)[key] : undefined;
}

/**
 * The first reason why `value`, found at `key`, could not be written as JSON and read back the
 * same; `null` when there is none. Keys whose value is `undefined` count as absent.
 */
export function jsonProblem(value: unknown, key: string): Problem | null {
  const keyProblem = textProblem(key);
  if (keyProblem !== null) return { path: pathText([key]), message: `the key ${keyProblem}` };
  const open: Frame[] = [{ value, key, parent: null, depth: 0 }];
  for (let frame = open.pop(); frame !== undefined; frame = open.pop()) {
    const message = frameProblem(frame);
    if (message !== null) return { path: pathOf(frame), message };
    pushChildren(frame, open);
  }
  return null;
}

/** Whether `value` holds lists or objects in more than `limit` levels. */
export function nestsDeeperThan(value: unknown, limit: number): boolean {
  const open: { value: unknown; depth: number }[] = [{ value, depth: 1 }];
  for (let frame = open.pop(); frame !== undefined; frame = open.pop()) {
    if (typeof frame.value !== "object" || frame.value === null) continue;
    if (frame.depth > limit) return true;
    for (const child of Object.values(frame.value)) {
      if (typeof child === "object") open.push({ value: child, depth: frame.depth + 1 });
    }
  }
  return false;
}

/** A copy that shares nothing with `value`, which must have passed one of the checks above. */
export function copyJson(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyJson);
  const copy = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner !== undefined) setOwn(copy, key, copyJson(inner));
  }
  return copy;
}

/** A copy whose keys stand in one order, whoever wrote them: equal values are written alike. */
export function inKeyOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(inKeyOrder);
  const copy = {};
  for (const [key, inner] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (inner !== undefined) setOwn(copy, key, inKeyOrder(inner));
  }
  return copy;
}

/** Whether two JSON values are written alike; the order of keys counts, because people see it. */
export function sameJson(left: unknown, right: unknown): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

/** Why `text` cannot be written and read back the same; `null` when it can. */
export function textProblem(text: string): string | null {
  // Before it is searched: a search lays out whole what `repeat` and `+` only note down.
  if (text.length > MAX_TEXT_LENGTH)
    return `is longer than ${MAX_TEXT_LENGTH / MEBI} Mi characters`;
  return LONE_SURROGATE.test(text) ? "holds half a character (a lone surrogate)" : null;
}

/** How much text a JSON value holds: its strings and keys, and 1 for every value. */
export function lengthOf(value: unknown): number {
  let length = 0;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const one = open.pop();
    length += 1;
    if (typeof one === "string") length += one.length;
    if (typeof one !== "object" || one === null) continue;
    for (const [key, inner] of Object.entries(one)) {
      if (!Array.isArray(one)) length += key.length;
      open.push(inner);
    }
  }
  return length;
}

function frameProblem(frame: Frame): string | null {
  const { value } = frame;
  switch (typeof value) {
    case "boolean":
      return null;
    case "string":
      return textProblem(value);
    case "number":
      return Number.isFinite(value) ? null : `${String(value)} cannot be written as JSON`;
    case "object":
      return value === null ? null : objectProblem(value, frame);
    default:
      return `a value of type ${typeof value} cannot be written as JSON`;
  }
}

function objectProblem(value: object, frame: Frame): string | null {
  if (!Array.isArray(value) && !isPlainObject(value)) {
    return "only plain objects and lists can be written as JSON, no instance of a class";
  }
  for (let above = frame.parent; above !== null; above = above.parent) {
    if (above.value === value) return "contains itself";
  }
  return frame.depth >= MAX_INPUT_DEPTH ? `nests deeper than ${MAX_INPUT_DEPTH} levels` : null;
}

function pushChildren(frame: Frame, open: Frame[]): void {
  const { value } = frame;
  if (typeof value !== "object" || value === null) return;
  const depth = frame.depth + 1;
  if (Array.isArray(value)) {
    // By index and not by entries, so that holes are seen too.
    for (let at = value.length - 1; at >= 0; at -= 1) {
      open.push({ value: value[at] as unknown, key: at, parent: frame, depth });
    }
    return;
  }
  for (const [key, inner] of Object.entries(value).reverse()) {
    if (inner === undefined) continue;
    open.push({ value: inner as unknown, key, parent: frame, depth });
    if (textProblem(key) !== null) open.push({ value: key, key, parent: frame, depth });
  }
}

/** Keys are longer than this only where something is wrong. */
const MAX_KEY_SHOWN = 200;

/** Writes a path as a person would: `steps[2]`, `claim.agent`. Beyond eight parts it is cut, as long keys are. */
export function pathText(parts: readonly PropertyKey[]): string {
  let text = "";
  for (const part of parts.slice(0, 8)) {
    if (typeof part === "number") {
      text += `[${part}]`;
      continue;
    }
    const name = String(part);
    text += `${text === "" ? "" : "."}${name.length > MAX_KEY_SHOWN ? `${name.slice(0, MAX_KEY_SHOWN)}…` : name}`;
  }
  return parts.length > 8 ? `${text}…` : text;
}

function pathOf(frame: Frame): string {
  const parts: (string | number)[] = [];
  for (let at: Frame | null = frame; at !== null; at = at.parent) parts.push(at.key);
  return pathText(parts.reverse());
}

/** A value that somebody gave, for a message: never long, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, MAX_SHOWN));
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value).slice(0, MAX_SHOWN);
  return Array.isArray(value) ? "a list" : "an object";
}

/** So many characters of a value tell a person which one is meant. */
const MAX_SHOWN = 40;
