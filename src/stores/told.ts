/** What was told of files that calls come upon: each thing once, and again when it comes back. */

import type { Finding } from "../finding.ts";
import { shown } from "../model/json-values.ts";
import { folderOf } from "../storage/layout.ts";

/** Who is told what a look at files found wrong. */
export interface FindingListener {
  /** One thing that is wrong. */
  report(finding: Finding): void;
  /** A file could be used: what was wrong with it alone is mended. */
  fine(file: string): void;
  /** A look at all files of a folder is over: what it did not find is mended. */
  settle(folder: string, found: readonly Finding[]): void;
}

/** For those who say what they find themselves. */
export const NOBODY: FindingListener = {
  report: () => undefined,
  fine: () => undefined,
  settle: () => undefined,
};

/** What a file alone cannot tell: it needs a look at the others, or at the journal. */
const NOT_ITS_OWN: ReadonlySet<string> = new Set(["duplicate-id", "APPLY_PENDING"]);

/** No more files than this are remembered; who has more of damaged ones may hear of some twice. */
const MAX_FILES = 10_000;

/** Tells of a finding once, until it changes or is mended. */
export class Told implements FindingListener {
  readonly #tell: (finding: Finding) => void;
  readonly #byFile = new Map<string, Finding[]>();

  constructor(tell: (finding: Finding) => void) {
    this.#tell = tell;
  }

  report(finding: Finding): void {
    const { file } = finding;
    const told = this.#byFile.get(file) ?? [];
    const before = told.find((one) => isSame(one, finding));
    if (before?.message === finding.message) return;
    this.#keep(file, [...told.filter((one) => one !== before), finding]);
    const [oldest = file] = this.#byFile.keys();
    if (this.#byFile.size > MAX_FILES) this.#byFile.delete(oldest);
    this.#tell(finding);
  }

  fine(file: string): void {
    this.#forget([file], ({ rule }) => !NOT_ITS_OWN.has(rule));
  }

  settle(folder: string, found: readonly Finding[]): void {
    if (this.#byFile.size === 0) return;
    const still = new Set(found.map(keyOf));
    const files = [...this.#byFile.keys()].filter((file) => folderOf(file) === folder);
    this.#forget(files, (one) => one.rule !== "APPLY_PENDING" && !still.has(keyOf(one)));
  }

  /** Changes that were to follow and are in their files now, or wait no more. */
  applied(isWaiting: (file: string) => boolean): void {
    const files = [...this.#byFile.keys()].filter((file) => !isWaiting(file));
    this.#forget(files, ({ rule }) => rule === "APPLY_PENDING");
  }

  #forget(files: readonly string[], isMended: (finding: Finding) => boolean): void {
    for (const file of files) {
      const told = this.#byFile.get(file);
      if (told !== undefined) {
        this.#keep(
          file,
          told.filter((one) => !isMended(one)),
        );
      }
    }
  }

  #keep(file: string, findings: Finding[]): void {
    if (findings.length === 0) this.#byFile.delete(file);
    else this.#byFile.set(file, findings);
  }
}

function isSame(left: Finding, right: Finding): boolean {
  return left.rule === right.rule && left.line === right.line;
}

function keyOf({ file, rule, line }: Finding): string {
  return JSON.stringify([file, rule, line]);
}

/** A listener that throws ends no process and no commit; that it threw is said on stderr. */
export function tell(listener: (finding: Finding) => void, finding: Finding): void {
  try {
    listener(finding);
  } catch (error) {
    // Whatever a caller's function throws is expected here, and is the caller's.
    const what = error instanceof Error ? String(error) : shown(error);
    process.emitWarning(`onWarning threw: ${what}`, "FlowStoreWarning");
  }
}
