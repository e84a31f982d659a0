/** Features as files: which file holds which, what is wrong with one, and how a change is written. */

import { FlowError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import {
  featureFileName,
  isTombstone,
  uidOf,
  type FeatureRecord,
  type Lease,
} from "../model/feature.ts";
import type { FeatureRef } from "../model/feature-inputs.ts";
import type { FeatureChange } from "../model/feature-world.ts";
import { MAX_DOCUMENT_DEPTH, nestsDeeperThan } from "../model/json-values.ts";
import {
  explainFeatureDocument,
  FEATURE_DOCUMENT_KEYS,
  isFeatureDocument,
  type FeatureDocument,
} from "../model/schema.ts";
import { formatJson, patchJson, syntaxErrorAt } from "../storage/json-text.ts";
import { CLAIMS, FEATURES, inFolder, nameOf } from "../storage/layout.ts";
import type { FileFault } from "../storage/files.ts";
import { isFault, type Document, type Reading, type Writing } from "../storage/view.ts";

/** What became of a feature's file when it was read. */
export type DecodedFeature =
  | { readonly document: FeatureDocument }
  | {
      readonly finding: Finding;
      readonly error: FlowError;
      /** The id in its content, where that is all that is wrong. */
      readonly id?: number;
    };

/** A file name tells the id it holds; one made by hand may not. */
const NUMBERED = /^(\d+)(?:-.*)?\.json$/;
const CONFLICT_MARKER = /^(?:<{7}|={7}|>{7})(?: |$)/m;
const BYTE_ORDER_MARK = 0xfeff;

/** Whether a name in `features/` can be a document's; hidden files are editors' and file managers'. */
export function isDocumentName(name: string): boolean {
  return name.endsWith(".json") && !name.startsWith(".");
}

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
  const numbered = NUMBERED.exec(nameOf(path))?.[1];
  if (numbered !== undefined && Number(numbered) !== value.id) {
    const why = `its name says feature ${numbered}, its content feature ${value.id}`;
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

function finding(file: string, rule: string, message: string, line?: number): Finding {
  return { file, rule, severity: "error", message, ...(line === undefined ? {} : { line }) };
}

/** Which names may hold an id or end like a uid. */
interface NameIndex {
  readonly byId: ReadonlyMap<number, readonly string[]>;
  readonly bySuffix: ReadonlyMap<string, readonly string[]>;
  /** Names that tell no id: made by hand. */
  readonly odd: readonly string[];
  readonly highestId: number;
}

const UID_SUFFIX_LENGTH = 6;
const indexes = new WeakMap<readonly string[], NameIndex>();

function indexOf(names: readonly string[]): NameIndex {
  let index = indexes.get(names);
  if (index === undefined) indexes.set(names, (index = makeIndex(names)));
  return index;
}

function makeIndex(names: readonly string[]): NameIndex {
  const byId = new Map<number, string[]>();
  const bySuffix = new Map<string, string[]>();
  const odd: string[] = [];
  let highestId = 0;
  const add = <K>(map: Map<K, string[]>, key: K, name: string): void => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [name]);
    else list.push(name);
  };
  for (const name of names.filter(isDocumentName)) {
    const id = Number(NUMBERED.exec(name)?.[1] ?? Number.NaN);
    if (Number.isSafeInteger(id)) {
      add(byId, id, name);
      highestId = Math.max(highestId, id);
    } else {
      odd.push(name);
    }
    add(bySuffix, name.slice(-UID_SUFFIX_LENGTH - 5, -5), name);
  }
  return { byId, bySuffix, odd, highestId };
}

/** What `features/` and `claims/` say, in one look. */
export class FeatureFiles {
  readonly #view: Reading | Writing;
  readonly #report: (finding: Finding) => void;
  #highestId: number | null = null;

  constructor(view: Reading | Writing, report: (finding: Finding) => void) {
    this.#view = view;
    this.#report = report;
  }

  /** Every living record, by file name. What cannot be used is reported. */
  all(): FeatureRecord[] {
    const records: FeatureRecord[] = [];
    const leases = new Set(this.#view.names(CLAIMS));
    for (const file of documentsOf(this.#view)) {
      const decoded = decodeFeature(file);
      if ("finding" in decoded) this.#tell(decoded);
      else if (!isTombstone(decoded.document))
        records.push(this.#record(file, decoded.document, leases));
    }
    return records;
  }

  /**
   * The living records that bear an id or a uid.
   *
   * @throws FlowError `CORRUPT` when a file whose name says that it is the one cannot be used.
   */
  find(ref: FeatureRef): FeatureRecord[] {
    const names = this.#view.names(FEATURES);
    const index = indexOf(names);
    if (typeof ref === "number") {
      const likely = index.byId.get(ref) ?? [];
      const found = this.#matching(likely, ref);
      if (found.error !== null) throw found.error;
      return [...found.records, ...this.#matching(index.odd, ref).records];
    }
    const likely = this.#matching(index.bySuffix.get(suffixOf(ref)) ?? [], ref);
    if (likely.records.length > 0) return likely.records;
    // A file that was given another name by hand may hold it all the same.
    const { records } = this.#matching(names.filter(isDocumentName), ref);
    if (records.length === 0 && likely.error !== null) throw likely.error;
    return records;
  }

  /** The records that bear `ref`, and why the last of the other files cannot be used. */
  #matching(
    names: readonly string[],
    ref: FeatureRef,
  ): { records: FeatureRecord[]; error: FlowError | null } {
    const records: FeatureRecord[] = [];
    let error: FlowError | null = null;
    for (const name of names) {
      const file = this.#view.get(FEATURES, name);
      if (file === null) continue;
      const decoded = decodeFeature(file);
      if ("finding" in decoded) {
        this.#tell(decoded);
        ({ error } = decoded);
        continue;
      }
      const { document } = decoded;
      const bears = typeof ref === "number" ? document.id === ref : uidOf(document) === ref;
      if (bears && !isTombstone(document)) records.push(this.#record(file, document, null));
    }
    return { records, error };
  }

  /**
   * Reports a file that cannot be used; the others are.
   *
   * @throws FlowError `IO` of a passing kind: a list would lack what is only busy now.
   */
  #tell({ finding: told, error }: Extract<DecodedFeature, { finding: Finding }>): void {
    if (error.retryable) throw error;
    this.#report(told);
  }

  #record(
    file: Document,
    document: FeatureDocument,
    leases: ReadonlySet<string> | null,
  ): FeatureRecord {
    const revision = isFault(file) ? "" : file.revision;
    const mayHaveLease = document.inProgress === true && (document.claim ?? null) !== null;
    const name = leaseName(uidOf(document));
    const lease = mayHaveLease && (leases === null || leases.has(name)) ? this.#lease(name) : null;
    return { document, lease, revision, updatedAt: null };
  }

  #lease(name: string): Lease | null {
    const file = this.#view.get(CLAIMS, name);
    if (file === null) return null;
    const lease = isFault(file)
      ? null
      : ((file.decoded ??= decodeLease(file.text)) as Lease | null);
    if (lease === null || lease === BAD_LEASE) {
      const path = inFolder(CLAIMS, name);
      this.#report({
        file: path,
        rule: "lease",
        severity: "error",
        message: `Cannot use ${path}: it is no lease; the claim counts as one without an end`,
      });
      return null;
    }
    return lease;
  }

  /** The highest id in any name or content, of tombstones and damaged files as well. */
  highestId(): number {
    this.#highestId ??= documentsOf(this.#view).reduce(
      (highest, file) => {
        const decoded = decodeFeature(file);
        const id = "document" in decoded ? decoded.document.id : (decoded.id ?? 0);
        return Math.max(highest, id);
      },
      indexOf(this.#view.names(FEATURES)).highestId,
    );
    return this.#highestId;
  }

  /** The file of a living feature, by uid. */
  fileOf(uid: string): { name: string; text: string } {
    const names = this.#view.names(FEATURES);
    for (const candidates of [indexOf(names).bySuffix.get(suffixOf(uid)) ?? [], names]) {
      for (const name of candidates.filter(isDocumentName)) {
        const file = this.#view.get(FEATURES, name);
        if (file === null || isFault(file)) continue;
        const decoded = decodeFeature(file);
        if (!("document" in decoded) || isTombstone(decoded.document)) continue;
        if (uidOf(decoded.document) === uid) return { name, text: file.text };
      }
    }
    throw new FlowError(
      "INTERNAL",
      `Cannot find the file of feature ${uid}, which was there a moment ago`,
    );
  }
}

/** Every file that may be a document, by name. */
export function documentsOf(view: Reading | Writing): Document[] {
  return view.list(FEATURES).filter(({ path }) => isDocumentName(nameOf(path)));
}

function suffixOf(uid: string): string {
  return uid.slice(-UID_SUFFIX_LENGTH).toLowerCase();
}

/** Stands for a lease that cannot be read, so that its text is looked at once. */
const BAD_LEASE = { uid: "", agent: "", at: "", leaseMs: 0, expiresAt: "" } satisfies Lease;

function decodeLease(text: string): Lease {
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

function leaseName(uid: string): string {
  return `${uid.toLowerCase()}.json`;
}

/** Writes what a decision says. */
export function carryOut(
  write: Writing,
  files: FeatureFiles,
  changes: readonly FeatureChange[],
): void {
  for (const change of changes) {
    if (change.kind === "create") {
      const { document } = change;
      const name = featureFileName(document.id, document.name, uidOf(document));
      write.put(FEATURES, name, formatJson(document));
    } else if (change.kind === "patch") {
      const { name, text } = files.fileOf(change.uid);
      write.put(FEATURES, name, patchJson(text, change.set, change.unset, FEATURE_DOCUMENT_KEYS));
    } else if (change.lease === null) {
      write.drop(CLAIMS, leaseName(change.uid));
    } else {
      write.put(CLAIMS, leaseName(change.uid), formatJson(change.lease));
    }
  }
}
