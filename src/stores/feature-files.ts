/** Features as files: which file holds which, and how a change is written. */

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
import { FEATURE_DOCUMENT_KEYS, type FeatureDocument } from "../model/schema.ts";
import { formatJson, patchJson } from "../storage/json-text.ts";
import { CLAIMS, FEATURES, inFolder, nameOf } from "../storage/layout.ts";
import { isFault, isNoFolder, type Document } from "../storage/files.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { damaged, finding } from "./document-decode.ts";
import { BAD_LEASE, decodeFeature, decodeLease, type DecodedFeature } from "./feature-decode.ts";
import { indexOf, isDocumentName, suffixOf } from "./feature-names.ts";
import type { FindingListener } from "./told.ts";

/** What `features/` and `claims/` say, in one look. */
export class FeatureFiles {
  readonly #view: Reading | Writing;
  readonly #listener: FindingListener;
  /** What this look found wrong. */
  readonly #found: Finding[] = [];
  #highestId: number | null = null;

  constructor(view: Reading | Writing, listener: FindingListener) {
    this.#view = view;
    this.#listener = listener;
  }

  #report(finding: Finding): void {
    this.#found.push(finding);
    this.#listener.report(finding);
  }

  /** Every living record, by file name. What cannot be used is reported. */
  all(): FeatureRecord[] {
    const records: FeatureRecord[] = [];
    const leases = this.#leaseNames();
    const { mayShareIds } = indexOf(this.#view.names(FEATURES));
    const living: LivingFile[] = [];
    for (const file of documentsOf(this.#view)) {
      const decoded = decodeFeature(file);
      if ("finding" in decoded) this.#tell(decoded);
      else if (!isTombstone(decoded.document)) {
        records.push(this.#record(file, decoded.document, leases));
        if (mayShareIds) living.push({ file: file.path, document: decoded.document });
      }
    }
    for (const shared of sharedIds(living)) this.#report(shared);
    for (const folder of [FEATURES, CLAIMS]) this.#listener.settle(folder, this.#found);
    return records;
  }

  /** Which leases there are; none where their folder is none, and all claims are without an end. */
  #leaseNames(): ReadonlySet<string> {
    return this.#inClaims(() => new Set(this.#view.names(CLAIMS)), new Set<string>());
  }

  /** What is found in the folder of leases, or `instead` where something else is in its place. */
  #inClaims<Found>(look: () => Found, instead: Found): Found {
    try {
      return look();
    } catch (error) {
      if (!isNoFolder(error)) throw error;
      this.#report(damaged(CLAIMS, "not-a-folder", "a folder belongs there").finding);
      return instead;
    }
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
      this.#listener.fine(file.path);
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
    const file = this.#inClaims(() => this.#view.get(CLAIMS, name), null);
    if (file === null) return null;
    const lease = isFault(file)
      ? null
      : ((file.decoded ??= decodeLease(file.text)) as Lease | null);
    if (lease === null || lease === BAD_LEASE) {
      this.#report(badLease(inFolder(CLAIMS, name)));
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

/** The file of a living feature. */
export interface LivingFile {
  readonly file: string;
  readonly document: FeatureDocument;
}

/** Ids that several living features bear, one finding a file. */
export function sharedIds(living: readonly LivingFile[]): Finding[] {
  const byId = new Map<number, LivingFile[]>();
  for (const one of living) {
    const group = byId.get(one.document.id);
    if (group === undefined) byId.set(one.document.id, [one]);
    else group.push(one);
  }
  return [...byId.values()].flatMap((group) =>
    group.length < 2 ? [] : group.map((one) => shared(one, group)),
  );
}

function shared({ file, document }: LivingFile, group: readonly LivingFile[]): Finding {
  const files = group.map((one) => one.file).join(", ");
  const uid = uidOf(document);
  const isAlone = group.every((one) => one.file === file || uidOf(one.document) !== uid);
  const advice = isAlone
    ? `name this one by its uid ${uid}`
    : "it shares its uid with another of them";
  return finding(
    file,
    "duplicate-id",
    `${group.length} features bear the id ${document.id}: ${files}; ${advice}`,
  );
}

function badLease(path: string): Finding {
  return {
    file: path,
    rule: "lease",
    severity: "error",
    message: `Cannot use ${path}: it is no lease; the claim counts as one without an end`,
  };
}

/** Leases that cannot be read, those of features that nobody can read among them. */
export function badLeases(view: Reading | Writing): Finding[] {
  return view
    .list(CLAIMS)
    .filter((file) => isFault(file) || decodeLease(file.text) === BAD_LEASE)
    .map(({ path }) => badLease(path));
}

/** The name of the file that holds the lease of a feature. */
export function leaseName(uid: string): string {
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
