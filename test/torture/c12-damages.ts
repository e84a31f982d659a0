/** Damages drawn by chance: what disks, editors, merges, programs and people make of a tree. */
import { crc32 } from "node:zlib";

/** A tree's files by their paths. */
export type Files = ReadonlyMap<string, Buffer>;

/** What stands at a path afterwards; nothing with `null`. */
export type Change =
  | { readonly path: string; readonly bytes: Buffer | null }
  | { readonly path: string; readonly folder: true }
  | { readonly path: string; readonly link: string };

/** Something that happened to one file. */
export interface Damage {
  readonly name: string;
  readonly changes: readonly Change[];
}

export class Dice {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  oneOf<T>(all: readonly T[]): T {
    return all[this.below(all.length)] as T;
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }
}

type Bytes = (bytes: Buffer, dice: Dice) => Buffer;

const DEEP = 10_000;
const LONG_BYTES = 50 * 1024 * 1024;
/** So seldom is a line that long tried, and a whole tree that is none. */
const LONG_SHARE = 0.0008;

const text = (change: (text: string, dice: Dice) => string): Bytes => {
  return (bytes, dice) => Buffer.from(change(bytes.toString("utf8"), dice));
};

const lines = (change: (lines: string[], at: number, dice: Dice) => string[]): Bytes =>
  text((all, dice) => {
    const split = all.split("\n");
    return change(split, dice.below(split.length), dice).join("\n");
  });

const within = (insert: (dice: Dice) => Buffer): Bytes => {
  return (bytes, dice) => {
    const at = dice.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), insert(dice), bytes.subarray(at)]);
  };
};

function flipped(bytes: Buffer, dice: Dice): Buffer {
  const copy = Buffer.from(bytes);
  for (let count = 1 + dice.below(8); count > 0; count -= 1) {
    const at = dice.below(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << dice.below(8));
  }
  return copy;
}

function zeroed(bytes: Buffer, dice: Dice): Buffer {
  const from = dice.below(bytes.length);
  const to = dice.chance(0.5) ? bytes.length : from + dice.below(bytes.length - from + 1);
  return Buffer.from(bytes).fill(0, from, to);
}

/** Damages that know nothing of what a file means. */
const OF_BYTES: Readonly<Record<string, Bytes>> = {
  cut: (bytes, dice) => bytes.subarray(0, dice.below(bytes.length)),
  empty: () => Buffer.alloc(0),
  "bits flipped": flipped,
  zeros: zeroed,
  "a zero": within(() => Buffer.alloc(1)),
  "a byte order mark": (bytes) => Buffer.concat([Buffer.from("\ufeff"), bytes]),
  CRLF: text((all) => all.replaceAll("\n", "\r\n")),
  CR: text((all) => all.replaceAll("\n", "\r")),
  "UTF-16": (bytes) => Buffer.from(`\ufeff${bytes.toString("utf8")}`, "utf16le"),
  "a byte that is no UTF-8": within((dice) => Buffer.from([dice.oneOf([0x80, 0xc3, 0xff])])),
  "half a surrogate pair": within(() => Buffer.from([0xed, 0xa0, 0x80])),
  "conflict markers": lines((all, at) =>
    all.toSpliced(at, 1, "<<<<<<< HEAD", all[at] ?? "", "=======", "theirs", ">>>>>>> theirs"),
  ),
  "a marker left": lines((all, at, dice) =>
    all.toSpliced(at, 0, dice.oneOf(["<<<<<<< HEAD", "=======", ">>>>>>> a"])),
  ),
  "a line lost": lines((all, at) => all.toSpliced(at, 1)),
  "a line twice": lines((all, at) => all.toSpliced(at, 0, all[at] ?? "")),
  "lines in another order": lines((all, at, dice) => {
    const other = dice.below(all.length);
    return all.with(at, all[other] ?? "").with(other, all[at] ?? "");
  }),
  "a line of somebody's own": lines((all, at) => all.toSpliced(at, 0, "look at this again")),
  "twice in a row": (bytes) => Buffer.concat([bytes, bytes]),
  garbage: within((dice) => Buffer.from(Array.from({ length: 40 }, () => dice.below(256)))),
  "open brackets": (_bytes, dice) => Buffer.from(dice.oneOf(["[", '{"a":']).repeat(DEEP)),
};

// ---- what knows JSON -------------------------------------------------------------------------

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const OTHERS: readonly Json[] = [
  ...[null, true, 0, -1, 1.5, 1e300, 2 ** 53, "", "text", "1", "2026-13-99T99:99:99Z", "../../x"],
  ...[[], {}, ["a", 1], { agent: 1 }, "\u0000", "\ud800", "x".repeat(5000), "*", "[a-"],
];

interface Place {
  readonly holder: { [key: string]: Json };
  readonly key: string;
}

/** Every member of a value, at any depth. */
function placesIn(value: Json): Place[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as { [key: string]: Json };
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesIn(holder[key] ?? null)]);
}

type OfJson = (value: { [key: string]: Json }, place: Place, dice: Dice) => string | null;

/** A member put in before all others, as text: `JSON.stringify` would not write it. */
const inFront = (member: string, value: object): string => {
  const rest = JSON.stringify(value, null, 2);
  return rest === "{}" ? `{${member}}` : `{\n  ${member},${rest.slice(1)}`;
};

/** Damages of a document that stays JSON; `null` when it was changed in its place. */
const OF_JSON: Readonly<Record<string, OfJson>> = {
  "another type": (_value, { holder, key }, dice) => {
    holder[key] = dice.oneOf(OTHERS);
    return null;
  },
  "a key lost": (_value, { holder, key }) => {
    delete holder[key];
    return null;
  },
  "a key that is not known": (_value, { holder }) => {
    holder["estimate"] = { hours: 3 };
    return null;
  },
  "half a surrogate pair, escaped": (_value, { holder, key }) => {
    holder[key] = "\udc00 half";
    return null;
  },
  "10,000 levels": (value, { key }) =>
    inFront(`${JSON.stringify(key)}: ${"[".repeat(DEEP)}${"]".repeat(DEEP)}`, value),
  "a key twice": (value, { holder, key }, dice) =>
    inFront(`${JSON.stringify(key)}: ${JSON.stringify(dice.oneOf([...OTHERS, holder]))}`, value),
  __proto__: (value, { key }) =>
    inFront(`"__proto__": { ${JSON.stringify(key)}: "evil" }, "constructor": 1`, value),
  "a future version": (value, _place, dice) => {
    const version = dice.oneOf(["$schema", "schemaVersion", "format", "segment", "v"]);
    value[version] = version === "$schema" ? "../schema/of-2040.json" : 99;
    return null;
  },
  "a number beyond numbers": (value, { key }) => inFront(`${JSON.stringify(key)}: 1e999`, value),
};

function ofJson(source: string, change: OfJson, dice: Dice): string | null {
  let value: Json;
  try {
    value = JSON.parse(source) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const places = placesIn(value);
  if (places.length === 0) return null;
  return change(value, dice.oneOf(places), dice) ?? JSON.stringify(value, null, 2);
}

const isLog = (path: string): boolean => path.endsWith(".jsonl");

/** The checksum of a line of the log, put right. */
function withChecksum(line: string): string {
  const body = line.replace(/,\s*"crc":\s*"[^"]*"\s*\}$/, "");
  if (body === line) return line;
  return `${body},"crc":"${crc32(body).toString(16).padStart(8, "0")}"}`;
}

function damagedJson(path: string, bytes: Buffer, name: string, dice: Dice): Buffer | null {
  const change = OF_JSON[name] as OfJson;
  const source = bytes.toString("utf8");
  if (!isLog(path)) {
    const changed = ofJson(source, change, dice);
    return changed === null ? null : Buffer.from(`${changed}\n`);
  }
  const all = source.split("\n");
  const at = dice.below(all.length);
  const changed = ofJson(all[at] ?? "", change, dice);
  if (changed === null) return null;
  const line = changed.replaceAll(/\n\s*/g, "");
  return Buffer.from(all.with(at, dice.chance(0.5) ? withChecksum(line) : line).join("\n"));
}

// ---- names and kinds -------------------------------------------------------------------------

const GLOB_NAMES = ["[a-z]*", "{x,y}", "!(a)", "**", "?", "a\nb", "%00", "ä", "-rf", "con", " "];

function renamed(path: string, bytes: Buffer, dice: Dice): Damage {
  const end = path.slice(path.lastIndexOf("."));
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const to = { path: `${folder}${dice.oneOf(GLOB_NAMES)}${end}`, bytes };
  const isCopy = dice.chance(0.5);
  const name = `${isCopy ? "copied" : "renamed"} to ${JSON.stringify(to.path)}`;
  return { name, changes: isCopy ? [to] : [{ path, bytes: null }, to] };
}

const LINKS: Readonly<Record<string, string>> = {
  "a link to itself": ".",
  "a link to where it is": "@",
  "a link that leads out": "../../outside/kept.json",
  "a link to nothing": "nothing",
};

/** Makes a link of a file, or of the folder that it is in. */
function linked(path: string, dice: Dice): Damage {
  const folder = path.slice(0, path.lastIndexOf("/"));
  const ofFolder = folder !== "" && dice.chance(0.2);
  const at = ofFolder ? folder : path;
  const [kind, target] = dice.oneOf(Object.entries(LINKS));
  const own = at.slice(at.lastIndexOf("/") + 1);
  return { name: `${kind}: ${at}`, changes: [{ path: at, link: target === "@" ? own : target }] };
}

/** Which files are damaged how often: the more there is to go wrong in them. */
function weightOf(path: string): number {
  if (path === "flow.json") return 1;
  if (path.startsWith("schema/") || path.includes(".git")) return 0;
  if (path.startsWith("events/")) return 16;
  return path.startsWith("local/") ? 4 : 6;
}

function pathIn(files: Files, dice: Dice): string {
  const all = [...files.keys()].flatMap((path) =>
    Array.from({ length: weightOf(path) }, () => path),
  );
  return dice.oneOf(all);
}

function longLine(bytes: Buffer): Buffer {
  const at = bytes.indexOf("{") + 1;
  const member = Buffer.concat([
    Buffer.from('"x":"'),
    Buffer.alloc(LONG_BYTES, "x"),
    Buffer.from('",'),
  ]);
  return Buffer.concat([bytes.subarray(0, at), member, bytes.subarray(at)]);
}

function damage(files: Files, mayLink: boolean, dice: Dice): Damage {
  const path = pathIn(files, dice);
  const bytes = files.get(path) ?? Buffer.alloc(0);
  if (mayLink && dice.chance(0.5)) return linked(path, dice);
  if (dice.chance(0.03)) return renamed(path, bytes, dice);
  if (dice.chance(0.02)) return { name: "a folder", changes: [{ path, folder: true }] };
  if (dice.chance(0.02)) return { name: "gone", changes: [{ path, bytes: null }] };
  if (dice.chance(LONG_SHARE)) {
    return { name: "a line of 50 MB", changes: [{ path, bytes: longLine(bytes) }] };
  }
  const name = dice.oneOf([...Object.keys(OF_BYTES), ...Object.keys(OF_JSON)]);
  const ofBytes = OF_BYTES[name];
  const after = ofBytes?.(bytes, dice) ?? damagedJson(path, bytes, name, dice);
  if (after === null || after.equals(bytes)) return damage(files, mayLink, dice);
  return { name, changes: [{ path, bytes: after }] };
}

/** Between one and five damages of different files. */
export function damagesOf(files: Files, mayLink: boolean, dice: Dice): Damage[] {
  const count = dice.chance(0.7) ? 1 : 2 + dice.below(4);
  const all: Damage[] = [];
  const taken: string[] = [];
  while (all.length < count) {
    const one = damage(files, mayLink, dice);
    const paths = one.changes.map(({ path }) => path);
    const overlaps = (path: string): boolean =>
      taken.some(
        (other) => `${path}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${path}/`),
      );
    if (paths.some(overlaps)) continue;
    taken.push(...paths);
    all.push(one);
  }
  return all;
}
