/**
 * Rules of the engine that are taken out one by one: each must be missed by a test. One mutant is a
 * copy of the compiled engine with one text replaced, each text being there exactly once.
 */

/**
 * What should notice: tests, by a file below `test/` and a pattern of names; or an attack, by its
 * claim and how much it tries.
 */
export type Check =
  | readonly [file: string, names: string]
  | { readonly claim: string; readonly goal: number };

/** One text of a compiled file replaced by another. */
export interface Edit {
  /** Below `dist/`, without its ending. */
  readonly file: string;
  readonly search: string;
  readonly replacement: string;
}

export interface Mutant extends Edit {
  /** The rule that is taken out. */
  readonly rule: string;
  /** What else must be replaced, so that it is taken out. */
  readonly also?: readonly Edit[];
  readonly check: Check;
}

const LINES: Check = ["storage/journal", "of the lines of a journal"];
const ROTATION: Check = ["storage/journal", "a journal that goes on in a new file"];
const FAILED_SYNC: Check = ["storage/journal", "a failed sync"];
const REMOVED: Check = ["storage/journal", "a journal that is removed"];
export const POWER: Check = ["crash/power", "durability full"];
export const HELPER: Check = ["crash/power", "a helper goes on"];
const SLEEPER: Check = ["process/sleeper", "a commit loses nothing"];
const READERS: Check = ["storage/readers", "a reader"];
const HAND_EDITS: Check = ["storage/hand-edits", "a hand edit"];
const STUCK: Check = ["storage/hand-edits", "a path that cannot be written"];
const GROUPS: Check = ["storage/transactions", "calls of one process"];
const UNCONFIRMED: Check = ["storage/unconfirmed", "a record without its ok"];
const FOLLOWED: Check = ["storage/unconfirmed", "a record that another one follows"];
const LOG: Check = ["storage/log", "the segment that a clone writes|numbers"];

/** Of these the tests try some; a torture tries all. */
export const MUTANTS: readonly Mutant[] = [
  {
    rule: "a record is read back before the caller is answered",
    file: "storage/journal",
    search: "return mine.won;",
    replacement: "return true;",
    check: LINES,
  },
  {
    rule: "a record names the head that it was decided on",
    file: "storage/journal-state",
    search: "line.n === this.head.n + 1 && line.prev === this.head.id",
    replacement: "line.n === this.head.n + 1",
    check: LINES,
  },
  {
    rule: "the first valid record of a number wins",
    file: "storage/journal-state",
    search: "line.n === this.head.n + 1 && line.prev === this.head.id",
    replacement: "line.n >= this.head.n",
    check: LINES,
  },
  {
    rule: "a line begins with a LF of its own",
    file: "storage/journal-lines",
    search: "`\\n${checksum(json)} ${json}\\n`",
    replacement: "`${checksum(json)} ${json}\\n`",
    check: LINES,
  },
  {
    rule: "a line is whole by its checksum, not by its last LF",
    file: "storage/journal-reader",
    search: "rest.length === 0 || this.#take(rest)",
    replacement: "rest.length === 0",
    check: LINES,
  },
  {
    rule: "a line whose checksum is wrong is void",
    file: "storage/journal-lines",
    search: 'bytes.toString("latin1", 0, CHECKSUM_BYTES - 1) !== checksum(json)',
    replacement: "false",
    check: LINES,
  },
  {
    rule: "a line of an unknown kind is never void",
    file: "storage/journal-lines",
    search: "!KINDS.has(line.kind) || line.v !== JOURNAL_VERSION",
    replacement: "false",
    check: LINES,
  },
  {
    rule: "a record counts from its ok on",
    file: "storage/journal-state",
    search: "record.boot !== this.#bootId",
    replacement: "true",
    check: LINES,
  },
  {
    rule: "a record of an earlier boot needs no ok",
    file: "storage/journal-state",
    search: "record.boot !== this.#bootId",
    replacement: "false",
    check: LINES,
  },
  {
    rule: "a mark counts in its boot only",
    file: "storage/journal-state",
    search: "if (mark === this.#bootId && entry.stuck.size === 0)",
    replacement: "if (entry.stuck.size === 0)",
    check: LINES,
  },
  {
    rule: "a rotation writes a seal that competes for the next number",
    file: "storage/journal",
    search:
      'handle.write(encodeLine({ kind: "seal", v: JOURNAL_VERSION, n: base, prev: this.head.id, id, next: name }));',
    replacement: "this.open(name);",
    check: ROTATION,
  },
  {
    rule: "nothing counts behind a seal",
    file: "storage/journal-state",
    search: "this.header === null || this.sealedBy !== null || this.poisoned",
    replacement: "this.header === null || this.poisoned",
    check: ROTATION,
  },
  {
    rule: "a rotation does not pass over a record without ok",
    file: "storage/journal",
    search: "handle === null || this.head.n > this.ok",
    replacement: "handle === null",
    check: ROTATION,
  },
  {
    rule: "a seal that leads nowhere is void",
    file: "storage/journal-reader",
    search: "this.deadEnds.add(next);",
    replacement: "if (this.version > 500) throw new Error(next);",
    check: ROTATION,
  },
  {
    rule: "a failed sync poisons the file",
    file: "storage/journal",
    search: "this.#poison(handle);",
    replacement: "",
    check: FAILED_SYNC,
  },
  {
    rule: "records of a writer that is gone are written once more",
    file: "storage/journal",
    search: "others && mustSync && k <= n",
    replacement: "false",
    check: FAILED_SYNC,
  },
  {
    rule: "nothing counts behind a poison",
    file: "storage/journal-state",
    search: "this.#takePoison();",
    replacement: "",
    check: FAILED_SYNC,
  },
  {
    rule: "a copied folder is another clone",
    file: "storage/journal-reader",
    search: "return header.local !== this.disk.stat(LOCAL)?.ino;",
    replacement: "return false;",
    check: REMOVED,
  },
  {
    rule: "a journal that was removed is noticed before the caller is answered",
    file: "storage/journal-reader",
    search: "if (stat.nlink > 0)",
    replacement: "if (stat.nlink >= 0)",
    check: REMOVED,
  },
  {
    rule: "a record is synced before it is answered",
    file: "storage/journal",
    search:
      "if (sync)\n                this.#sync(handle);\n            this.#readBack(line.length);",
    replacement: "this.#readBack(line.length);",
    check: POWER,
  },
  {
    rule: "the journal's name is synced before its first record is answered",
    file: "storage/journal",
    search: "this.#syncNames();",
    replacement: "",
    check: POWER,
  },
  {
    rule: "a successor's name is synced before its seal is written",
    file: "storage/journal",
    search: "this.disk.syncFolder(JOURNAL);",
    replacement: "void path;",
    check: POWER,
  },
  {
    rule: "applied files are synced before the floor rises",
    file: "storage/upkeep",
    search: "this.#syncOne(path, n);\n                count += 1;",
    replacement: "count += 1;",
    check: POWER,
  },
  {
    rule: "all folders above an applied file are synced before the floor rises",
    file: "storage/layout",
    search: "[folder, ...foldersOf(folder)]",
    replacement: "[folder]",
    check: POWER,
  },
  {
    rule: "after a power cut a torn file is brought up to date",
    file: "storage/judge",
    search: "isLeftover(found.text, image)",
    replacement: "false",
    also: [
      { file: "storage/judge", search: "isTorn(pathOf(change), found.text)", replacement: "false" },
    ],
    check: POWER,
  },
  {
    rule: "whoever finds a record without ok syncs it before it lets it count",
    file: "storage/journal",
    search: "if (mustSync)\n            this.#sync(handle);",
    replacement: "",
    check: LINES,
  },
  {
    rule: "a decision follows what it saw, not a record that waits for its ok",
    file: "storage/committer",
    search: "this.#seenAtAttempt = journal.ok;",
    replacement: "this.#seenAtAttempt = journal.head.n;",
    check: UNCONFIRMED,
  },
  {
    rule: "nothing is applied before it was confirmed",
    file: "storage/committer",
    search: "journal.confirm(areOthers || this.#sync, areOthers);",
    replacement: "journal.confirm(false);",
    check: HELPER,
  },
  {
    rule: "a temporary is put in place for the record that it was made for alone",
    file: "storage/apply",
    search: "staged.record === entry.record.id && text === image",
    replacement: "text === image",
    check: FOLLOWED,
  },
  {
    rule: "all other fences are taken down",
    file: "storage/fence",
    search: "if (name === own)",
    replacement: "if (name !== null)",
    check: SLEEPER,
  },
  {
    rule: "readers look at the journal again after the files",
    file: "storage/storage",
    search: "if (!this.#readingIsStale)",
    replacement: "if (true)",
    check: READERS,
  },
  {
    rule: "readers overlay what is pending",
    file: "storage/overlay",
    search: "if (!imageCounts(entry, change, found, this.#journal.window.values()))",
    replacement: "if (true)",
    check: READERS,
  },
  {
    rule: "a look is out of date when a pending commit comes into the files",
    file: "storage/journal-state",
    search: "this.#listener.applied(entry.record);",
    replacement: "",
    check: READERS,
  },
  {
    rule: "all that was read is looked at again before the record",
    file: "storage/committer",
    search: "if (!this.#isUnchanged(record))",
    replacement: "if (false)",
    check: HAND_EDITS,
  },
  {
    rule: "a hand edit between record and rename is kept",
    file: "storage/apply",
    search: "quarantine(context, path, entry);\n",
    replacement: ";\n",
    check: HAND_EDITS,
  },
  {
    rule: "a young file's stat does not prove its content",
    file: "storage/files",
    search: "return seen?.settled === true ? seen.entry : undefined;",
    replacement: "return seen?.entry;",
    check: HAND_EDITS,
  },
  {
    rule: "a path that cannot be written does not stop the others",
    file: "storage/apply",
    search: "stuck.push({ n: entry.record.n, path, reason: error.message });",
    replacement: "throw error;",
    check: STUCK,
  },
  {
    rule: "what may have happened is not tried again",
    file: "storage/group-commit",
    search: "group.length === 1 || isUnknown(error)",
    replacement: "group.length === 1",
    check: GROUPS,
  },
  {
    rule: "log lines go to a recorded offset",
    file: "storage/apply",
    search: "handle.write(data, change.at);",
    replacement: "handle.write(data, size);",
    check: LOG,
  },
  {
    rule: "a segment that is not as it was left is not appended to",
    file: "storage/log-writer",
    search: "return log.size === bytes && tailOf(log.handle, bytes) === own.tail ? found : null;",
    replacement: "return found;",
    check: LOG,
  },
  {
    rule: "a number is given once",
    file: "storage/ledger",
    search: "this.nextSequence = Math.max(this.nextSequence, from + count);",
    replacement: "",
    check: LOG,
  },
];
