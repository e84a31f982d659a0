/**
 * What the journal itself shows of damage to it. The engine passes over whatever has no right
 * checksum, as kills and power cuts leave it at any time; here it is told apart from what was on
 * the disk for good and is gone: a commit that somebody synced, a file that a seal names, the header
 * of a file with records, a second file that goes on from the same commits.
 */

import type { Disk } from "../disk/disk.ts";
import type { Finding } from "../finding.ts";
import { FIRST_FILES, newestFirst } from "../storage/journal-files.ts";
import { decodeLine, type JournalHeader, type JournalLine } from "../storage/journal-lines.ts";
import { inFolder, JOURNAL, QUARANTINE } from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";

const LF = 10;

/** What can be read of one file. */
interface JournalFile {
  readonly path: string;
  /** Without a byte, or of zeros. */
  readonly isBlank: boolean;
  readonly header: JournalHeader | null;
  /** Whether a whole line stands in it beside its header. */
  readonly hasLines: boolean;
  /** Whether its commits are in another file, or a failed sync ended it. */
  readonly isOver: boolean;
  /** Whether a seal that counts leads to a file that is there. */
  readonly isSealed: boolean;
  /** The first line that shows that a commit before it is gone. */
  readonly gap: Gap | null;
  /** A file that its seal names and that is not there. */
  readonly lostSuccessor: string | null;
}

interface Gap {
  /** Where it was, as far as that can be told. */
  readonly line: number;
  /** The number of the commit. */
  readonly n: number;
}

/** Every problem of the journal's files; what others write meanwhile is not taken for one. */
export function findJournalProblems(storage: Storage): Finding[] {
  const { disk, journal } = storage;
  if (disk.stat(JOURNAL)?.isDirectory() !== true) return [];
  return [...damageOf(storage), ...(journal.poisoned ? [POISONED] : [])];
}

const POISONED: Finding = {
  file: JOURNAL,
  rule: "poisoned",
  severity: "warning",
  message: "A sync of the journal failed; the next write goes on in a new file",
  fix: "the journal goes on in a new file",
};

/** Until the journal goes on in a new file, by its size or by hand. */
const TOLD_UNTIL = "This is told until the journal goes on in another file";
const STAYS = `${TOLD_UNTIL}, and then this one is kept in ${QUARANTINE}/; or let repair bring the rest into its files, then move ${JOURNAL}/ away while no program uses the store`;

/** Whether a name in its folder is of the journal: a file's, or that of one that is being begun. */
export function isJournalName(disk: Disk, name: string): boolean {
  return /^first-[0-9a-z]+\.tmp$/.test(name) || newestFirst(disk).includes(name);
}

function damageOf({ disk, journal, options }: Storage): Finding[] {
  const look = (): Finding[] => problemsOf(disk, journal.file, options.identity.bootId);
  const found = look();
  if (found.length === 0) return [];
  // What another process did between two reads is not seen twice.
  const again = new Set(look().map(({ message }) => message));
  return found.filter(({ message }) => again.has(message));
}

function problemsOf(disk: Disk, current: string | null, bootId: string): Finding[] {
  const names = newestFirst(disk);
  const files = new Map(names.map((name) => [name, readFile(disk, name, { names, bootId })]));
  const own = current === null ? null : (files.get(current) ?? null);
  // The store goes on elsewhere by now: whoever looks there will see.
  if (current !== null && (own === null || own.isSealed)) return [];
  return [...files].flatMap(([name, file]) => {
    if (file === null) return [];
    return file === own ? problemsOfCurrent(file) : problemsBeside(file, name, current);
  });
}

function problemsOfCurrent({ path, gap, lostSuccessor }: JournalFile): Finding[] {
  const findings: Finding[] = [];
  if (gap !== null) {
    const text = `${path} holds commit ${gap.n} no more, though it was on the disk: it and those that followed it here count only as far as they are in their files. ${STAYS}`;
    findings.push({ ...problem(path, "journal-damaged", text), line: gap.line });
  }
  if (lostSuccessor !== null) {
    const text = `${path} goes on in ${lostSuccessor}, which is not there: what was committed in it counts only as far as it is in its files. ${TOLD_UNTIL}`;
    findings.push(problem(path, "journal-damaged", text));
  }
  return findings;
}

/** Problems of a file that is not the one that the store goes on in. */
function problemsBeside(file: JournalFile, name: string, current: string | null): Finding[] {
  const { path, header, hasLines, isBlank, isOver } = file;
  if (header === null) {
    // Whoever was killed while he made a successor leaves a part of its header, and nothing behind it.
    // A power cut may leave the first file of an epoch blank.
    const isLeftover = current !== null || (isBlank && FIRST_FILES.includes(name));
    if (isLeftover && !hasLines) return [];
    const text = `${path} has no header that can be read, so nothing in it counts: what was committed there is gone as far as it is not in its files, and events may be numbered anew`;
    const finding = problem(path, "journal-damaged", text);
    // Beside another journal a file without a line is nobody's.
    return [hasLines ? finding : { ...finding, fix: "another journal is begun" }];
  }
  if (current === null) {
    // An orphan of a seal lies beside the file that it was to replace: by itself it is what is left of one.
    if (FIRST_FILES.includes(name) || hasLines) return [];
    const text = `${path} ends behind its header, so nobody starts from it: what was committed in it and before it is gone as far as it is not in its files, and events may be numbered anew`;
    return [{ ...problem(path, "journal-damaged", text), fix: "another journal is begun" }];
  }
  if (!hasLines || isOver) return [];
  const text = `${path} holds commits of its own that no other file took over; the store goes on from ${inFolder(JOURNAL, current)}, and they count only as far as they are in their files. The next write moves it to ${QUARANTINE}/`;
  return [problem(path, "journal-twice", text)];
}

function problem(file: string, rule: string, message: string): Finding {
  return { file, rule, severity: "error", message };
}

interface Around {
  readonly names: readonly string[];
  readonly bootId: string;
}

/** `null` for a file that is gone. */
function readFile(disk: Disk, name: string, around: Around): JournalFile | null {
  const path = inFolder(JOURNAL, name);
  const bytes = disk.read(path);
  if (bytes === null) return null;
  const chain = new Chain(around);
  for (let from = 0, number = 1; from < bytes.length; number += 1) {
    const end = bytes.indexOf(LF, from);
    const line = bytes.subarray(from, end < 0 ? bytes.length : end);
    if (line.length > 0) chain.take(decodeLine(line, path), number);
    from += line.length + 1;
  }
  const { header, hasLines, isOver, isSealed, gap, lostSuccessor } = chain;
  const isBlank = bytes.every((byte) => byte === 0);
  return { path, isBlank, header, hasLines, isOver, isSealed, gap, lostSuccessor };
}

/** The lines of one file, as far as they follow one another. */
class Chain {
  header: JournalHeader | null = null;
  hasLines = false;
  isOver = false;
  isSealed = false;
  gap: Gap | null = null;
  lostSuccessor: string | null = null;
  readonly #around: Around;
  #head = { n: 0, id: "" };
  /** The first line since the last commit that says nothing. */
  #void: number | null = null;

  constructor(around: Around) {
    this.#around = around;
  }

  take(line: JournalLine | null, number: number): void {
    if (line === null) {
      this.#void ??= number;
      return;
    }
    if (line.kind === "header") {
      this.header ??= line;
      if (this.header === line) this.#head = { n: line.base, id: line.baseId };
      return;
    }
    this.hasLines = true;
    if (line.kind === "poison") this.isOver = true;
    if (line.kind === "seal") this.#takeSeal(line);
    if (this.header === null || this.isOver || this.isSealed) return;
    if (line.kind === "record" && this.#follows(line)) {
      this.#head = { n: line.n, id: line.id };
      this.#void = null;
    } else if (line.kind === "ok" && line.synced) this.#seeCommit(line, number);
    else if (line.kind === "mark" && line.boot === this.#around.bootId)
      this.#seeCommit(line, number);
  }

  /** A seal counts for another file wherever it stands: that one holds all that is needed. */
  #takeSeal(seal: Extract<JournalLine, { kind: "seal" }>): void {
    const isThere = this.#around.names.includes(seal.next);
    if (isThere) this.isOver = true;
    if (this.header === null || this.isSealed || !this.#follows(seal)) return;
    if (isThere) this.isSealed = true;
    else this.lostSuccessor ??= inFolder(JOURNAL, seal.next);
  }

  #follows({ n, prev }: { readonly n: number; readonly prev: string }): boolean {
    return n === this.#head.n + 1 && prev === this.#head.id;
  }

  /** A line that was written only behind a commit that was on the disk, or in the files in this boot. */
  #seeCommit({ n }: { readonly n: number }, number: number): void {
    if (n > this.#head.n) this.gap ??= { line: this.#void ?? number, n };
  }
}
