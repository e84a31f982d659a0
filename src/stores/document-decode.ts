/** Reading the text of a document: the JSON it holds, or why it cannot be used. */

import { FlowError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { MAX_DOCUMENT_DEPTH, nestsDeeperThan } from "../model/json-values.ts";
import type { FileFault } from "../storage/files.ts";
import { syntaxErrorAt } from "../storage/json-text.ts";

/** A file that cannot be used. */
export interface Damaged {
  readonly finding: Finding;
  readonly error: FlowError;
}

const CONFLICT_MARKER = /^(?:<{7}|={7}|>{7})(?: |$)/m;
const BYTE_ORDER_MARK = 0xfeff;

/** What bears a document's name and is no file with text. */
const NO_FILE: Readonly<Record<string, string>> = {
  EISDIR: "it is a folder",
  ELOOP: "it is a link, and links are not followed",
  ENXIO: "it is a pipe, a socket or a device",
};

/** Why a file could not be read as text. */
export function unreadable({ path, fault }: FileFault): Damaged {
  const why = NO_FILE[String(fault.context["errno"])];
  if (why !== undefined) return damaged(path, "not-a-file", why);
  if (fault.code === "CORRUPT") return damaged(path, "not-utf8", "it is not UTF-8");
  return { error: fault, finding: finding(path, "unreadable", fault.message) };
}

/** The JSON value of a text. */
export function decodeJson(path: string, text: string): { readonly value: unknown } | Damaged {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return damaged(path, ...whyNotJson(text));
  }
  if (nestsDeeperThan(value, MAX_DOCUMENT_DEPTH)) {
    return damaged(path, "too-deep", `it nests deeper than ${MAX_DOCUMENT_DEPTH} levels`);
  }
  return { value };
}

function whyNotJson(text: string): [rule: string, why: string, line?: number] {
  const marker = CONFLICT_MARKER.exec(text);
  if (marker !== null) {
    const line = lineAt(text, marker.index);
    return ["conflict-markers", "it holds the conflict markers of a merge", line];
  }
  if (text === "") return ["not-json", "it is empty"];
  const zero = text.indexOf("\0");
  if (zero >= 0) {
    const why = "it holds zero bytes: a power cut leaves such a file";
    return ["not-json", why, lineAt(text, zero)];
  }
  if (text.charCodeAt(0) === BYTE_ORDER_MARK) {
    return ["not-json", "it begins with a byte order mark", 1];
  }
  const at = syntaxErrorAt(text) ?? text.length;
  const found =
    at < text.length ? JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0)) : "its end";
  return ["not-json", `it is not JSON: ${found} cannot stand there`, lineAt(text, at)];
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

/** A file that cannot be used, by which rule and why. */
export function damaged(path: string, rule: string, why: string, line?: number): Damaged {
  const at = line === undefined ? "" : ` (line ${line})`;
  return {
    finding: finding(path, rule, `Cannot use ${path}${at}: ${why}`, line),
    error: new FlowError("CORRUPT", `Cannot use ${path}${at}: ${why}`, {
      context: { file: path, rule, ...(line === undefined ? {} : { line }) },
      hint: "Mend the file in an editor, or take it back from git; flowstore check names every such file.",
    }),
  };
}

/** What is to be said of a file that was listed and is not there; `null` when it is just gone. */
export function vanished(path: string): Damaged | null {
  // A name with bytes that are no UTF-8 is listed in another form, under which nothing is found.
  if (!path.includes("\uFFFD")) return null;
  return damaged(path, "bad-name", "its name is not UTF-8; give it another one");
}

/** An error about one file. */
export function finding(file: string, rule: string, message: string, line?: number): Finding {
  return { file, rule, severity: "error", message, ...(line === undefined ? {} : { line }) };
}
