/** What makes a damaged tree of a healthy one; see `fixtures/damaged/README.md`. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { encodeLine, type JournalLine } from "#src/storage/journal-lines.js";

/** One edit: its first key says which, and of what. */
export type Edit =
  | { readonly write: string; readonly lines: readonly string[] }
  | { readonly write: string; readonly text: string; readonly times?: number }
  | { readonly write: string; readonly base64: string }
  | { readonly replace: string; readonly from: string; readonly to: string }
  | { readonly insert: string; readonly before: number; readonly lines: readonly string[] }
  | { readonly append: string; readonly text: string }
  | { readonly remove: string }
  | { readonly rename: string; readonly to: string }
  | { readonly copy: string; readonly to: string }
  | { readonly cut: string; readonly bytes: number }
  | { readonly zero: string; readonly from?: number; readonly to?: number }
  | { readonly encode: string; readonly as: keyof typeof ENCODINGS }
  | { readonly event: string; readonly like: number; readonly set: object }
  | { readonly journal: string; readonly line: JournalLine }
  | { readonly folder: string }
  | { readonly link: string; readonly to: string }
  | { readonly pipe: string };

const ENCODINGS = {
  CRLF: (text: string) => text.replaceAll("\n", "\r\n"),
  CR: (text: string) => text.replaceAll("\n", "\r"),
  BOM: (text: string) => `\ufeff${text}`,
  "UTF-16": (text: string) => Buffer.from(`\ufeff${text}`, "utf16le"),
  "Latin-1": (text: string) => Buffer.from(text, "latin1"),
} as const;

/** Makes one edit. Fails where it would change nothing. */
export function edit(root: string, one: Edit): void {
  const path = (name: string): string => join(root, name);
  if ("write" in one) write(path(one.write), one);
  else if ("replace" in one) replace(path(one.replace), one.from, one.to);
  else if ("insert" in one) insert(path(one.insert), one.before, one.lines);
  else if ("append" in one) appendFileSync(path(one.append), one.text);
  else if ("remove" in one) rmSync(path(one.remove), { recursive: true });
  else if ("rename" in one) move(path(one.rename), path(one.to));
  else if ("copy" in one) cpSync(path(one.copy), path(one.to), { recursive: true });
  else if ("cut" in one) change(path(one.cut), (bytes) => bytes.subarray(0, one.bytes));
  else if ("zero" in one) change(path(one.zero), (bytes) => zeroed(bytes, one.from, one.to));
  else if ("encode" in one) change(path(one.encode), (bytes) => ENCODINGS[one.as](String(bytes)));
  else if ("event" in one) appendEvent(path(one.event), one.like, one.set);
  else if ("journal" in one) appendFileSync(path(one.journal), journalLine(root, one.line));
  else if ("folder" in one) mkdirSync(path(one.folder), { recursive: true });
  else if ("link" in one) symlinkSync(one.to, path(one.link));
  else execFileSync("mkfifo", [path(one.pipe)]);
}

/** A header names the folder that it was made in: another one's would be of another clone. */
function journalLine(root: string, line: JournalLine): Buffer {
  if (line.kind !== "header") return encodeLine(line);
  return encodeLine({ ...line, local: statSync(join(root, "local")).ino });
}

function write(path: string, one: Extract<Edit, { write: string }>): void {
  mkdirSync(dirname(path), { recursive: true });
  if ("lines" in one) writeFileSync(path, one.lines.map((line) => `${line}\n`).join(""));
  else if ("base64" in one) writeFileSync(path, Buffer.from(one.base64, "base64"));
  else writeFileSync(path, one.text.repeat(one.times ?? 1));
}

function change(path: string, to: (bytes: Buffer) => Buffer | string): void {
  const before = readFileSync(path);
  const after = Buffer.from(to(Buffer.from(before)));
  if (after.equals(before)) throw new Error(`An edit leaves ${path} as it is`);
  writeFileSync(path, after);
}

function zeroed(bytes: Buffer, from = 0, to = bytes.length): Buffer {
  return bytes.fill(0, from, to);
}

function replace(path: string, from: string, to: string): void {
  change(path, (bytes) => {
    const text = String(bytes);
    if (text.split(from).length !== 2) throw new Error(`"${from}" is not once in ${path}`);
    return text.replace(from, () => to);
  });
}

function insert(path: string, before: number, lines: readonly string[]): void {
  change(path, (bytes) =>
    String(bytes)
      .split("\n")
      .toSpliced(before - 1, 0, ...lines)
      .join("\n"),
  );
}

function move(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  renameSync(from, to);
}

/** An event like that of a line, changed, with a right checksum. */
function appendEvent(path: string, like: number, set: object): void {
  const line = readFileSync(path, "utf8").split("\n")[like - 1] ?? "";
  const { crc: _, ...event } = JSON.parse(line) as Record<string, unknown>;
  const body = JSON.stringify({ ...event, ...set }).slice(0, -1);
  const checksum = crc32(body).toString(16).padStart(8, "0");
  appendFileSync(path, `${body},"crc":"${checksum}"}\n`);
}
