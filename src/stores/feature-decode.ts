/** Reading the text of a feature's file and of a lease: what it says, or why it cannot be used. */

import { FlowError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import type { Lease } from "../model/feature.ts";
import { MAX_DOCUMENT_DEPTH, nestsDeeperThan } from "../model/json-values.ts";
import {
  explainFeatureDocument,
  isFeatureDocument,
  type FeatureDocument,
} from "../model/schema.ts";
import type { FileFault } from "../storage/files.ts";
import { syntaxErrorAt } from "../storage/json-text.ts";
import { nameOf } from "../storage/layout.ts";
import { isFault, type Document } from "../storage/view.ts";
import { idInName } from "./feature-names.ts";

/** What became of a feature's file when it was read. */
export type DecodedFeature =
  | { readonly document: FeatureDocument }
  | {
      readonly finding: Finding;
      readonly error: FlowError;
      /** The id in its content, where that is all that is wrong. */
      readonly id?: number;
    };

const CONFLICT_MARKER = /^(?:<{7}|={7}|>{7})(?: |$)/m;
const BYTE_ORDER_MARK = 0xfeff;

/** Reads a feature's file; what is made of a text is kept with it. */
export function decodeFeature(file: Document): DecodedFeature {
  if (isFault(file)) return unreadable(file);
  return (file.decoded ??= decodeText(file.path, file.text)) as DecodedFeature;
}

/** What bears a document's name and is no file with text. */
const NO_FILE: Readonly<Record<string, string>> = {
  EISDIR: "it is a folder",
  ELOOP: "it is a link, and links are not followed",
  ENXIO: "it is a pipe, a socket or a device",
};

function unreadable({ path, fault }: FileFault): DecodedFeature {
  const why = NO_FILE[String(fault.context["errno"])];
  if (why !== undefined) return damaged(path, "not-a-file", why);
  if (fault.code === "CORRUPT") return damaged(path, "not-utf8", "it is not UTF-8");
  return { error: fault, finding: finding(path, "unreadable", fault.message) };
}

function decodeText(path: string, text: string): DecodedFeature {
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
  if (!isFeatureDocument(value)) {
    const problems = explainFeatureDocument(value).slice(0, 3);
    const why = problems.map(({ path: at, message }) =>
      at === "" ? message : `${at}: ${message}`,
    );
    return damaged(path, "schema", why.join("; "));
  }
  const named = idInName(nameOf(path));
  if (named !== null && named !== value.id) {
    const why = `its name says feature ${named}, its content feature ${value.id}`;
    return { ...damaged(path, "name", why), id: value.id };
  }
  return { document: value };
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

function damaged(
  path: string,
  rule: string,
  why: string,
  line?: number,
): Extract<DecodedFeature, { finding: Finding }> {
  const at = line === undefined ? "" : ` (line ${line})`;
  return {
    finding: finding(path, rule, `Cannot use ${path}${at}: ${why}`, line),
    error: new FlowError("CORRUPT", `Cannot use ${path}${at}: ${why}`, {
      context: { file: path, rule, ...(line === undefined ? {} : { line }) },
      hint: "Mend the file in an editor, or take it back from git; flowstore check names every such file.",
    }),
  };
}

/** An error about one file. */
export function finding(file: string, rule: string, message: string, line?: number): Finding {
  return { file, rule, severity: "error", message, ...(line === undefined ? {} : { line }) };
}

/** Stands for a lease that cannot be read, so that its text is looked at once. */
export const BAD_LEASE = { uid: "", agent: "", at: "", leaseMs: 0, expiresAt: "" } satisfies Lease;

/** Reads a lease; {@link BAD_LEASE} for what is none. */
export function decodeLease(text: string): Lease {
  let value: Partial<Lease> | null;
  try {
    value = JSON.parse(text) as Partial<Lease> | null;
  } catch (error) {
    if (error instanceof SyntaxError) return BAD_LEASE;
    throw error;
  }
  const isLease =
    typeof value?.uid === "string" &&
    typeof value.agent === "string" &&
    typeof value.at === "string" &&
    typeof value.expiresAt === "string" &&
    !Number.isNaN(Date.parse(value.expiresAt));
  return isLease ? (value as Lease) : BAD_LEASE;
}
