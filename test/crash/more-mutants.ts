/**
 * Weaker engines beside those of `mutants.ts`: each sync left out, steps that come too early, and rules
 * that the attacks must miss as well as the tests.
 *
 * Three syncs are belts beside braces, so that no state of a disk shows that they are gone: that of
 * a first journal before it gets its name and that of a successor before its seal (a file without
 * a header, and a seal that leads to one, are passed over, and the sync of the first record saves
 * the header), and that of the seal (a successor with a record of its own is found without it).
 * What the disk is asked for, step by step, shows that they are gone: see `STEP_BY_STEP`.
 * Of the poison and the second copy of a record one is enough, so both are taken out together.
 * That a record names the head that it follows shows in no interleaving: within one file the
 * number says the same. It is for lines of another history, and only `mutants.ts` takes it out.
 */

import { HELPER, POWER, type Check, type Edit, type Mutant } from "./mutants.ts";

const UNSYNCED: Check = [
  "storage/unsynced",
  "beside a path|a path that could|whose sync failed|a sync that fails",
];
const ORDER: Check = ["storage/disk-operations-order", "by "];
const INTERLEAVINGS: Check = { claim: "C8", goal: 400 };
const LIVES: Check = { claim: "C2", goal: 4000 };

const LEFT_OUT: readonly Mutant[] = [
  {
    rule: "folders of applied files are synced before the floor rises in the background",
    file: "storage/upkeep",
    search: "disk.syncFolder(folder);\n            journal.tail();",
    replacement: "void folder;\n            journal.tail();",
    check: POWER,
  },
  {
    rule: "applied files are synced before a rotation",
    file: "storage/upkeep",
    search: "this.#syncOne(path, n);\n            for (const folder",
    replacement: "void path;\n            for (const folder",
    check: LIVES,
  },
  {
    rule: "folders of applied files are synced before a rotation",
    file: "storage/upkeep",
    search: "this.#storage.disk.syncFolder(folder);",
    replacement: "void folder;",
    check: LIVES,
  },
  {
    rule: "a file whose sync failed is put anew",
    file: "storage/upkeep",
    search: "this.#doubt(path, n);",
    replacement: "void n;",
    check: UNSYNCED,
  },
  {
    rule: "a path that was stuck is synced as soon as it can be",
    file: "storage/apply",
    search: "syncPut(context, path);",
    replacement: "void syncPut;",
    check: UNSYNCED,
  },
  {
    rule: "lines wait behind lines of the same log that could not be written",
    file: "storage/apply",
    search: 'if ("append" in change && stuck.some((one) => one.path === path))',
    replacement: "if (false)",
    check: ["storage/stuck-log", "wait behind those"],
  },
  {
    rule: "lines of a log that may not be on the disk are written once more",
    file: "storage/apply",
    search: "const isStuck = entry.stuck.has(change.append);",
    replacement: "const isStuck = false;",
    check: UNSYNCED,
  },
  {
    rule: "what was applied beside a stuck path is judged in the next boot, too",
    file: "storage/journal-state",
    search: "return appliedIn !== this.#bootId || stuck.has(path);",
    replacement: "return appliedIn === null || stuck.has(path) || stuck.size === 0;",
    check: UNSYNCED,
  },
  {
    rule: "a mark frees the stuck paths that it names alone",
    file: "storage/journal-state",
    search: "entry.appliedIn = mark;",
    replacement: "entry.appliedIn = mark;\n            entry.stuck = NO_PATHS;",
    check: UNSYNCED,
  },
  {
    rule: "what a later commit has replaced is not stuck",
    file: "storage/journal-state",
    search: "entry === undefined || this.#isReplaced(k, path)",
    replacement: "entry === undefined",
    check: ["torture/late-doubt", "stays as it is"],
  },
  {
    rule: "of a commit that is kept for a stuck path nothing else is judged below the floor",
    file: "storage/journal-state",
    search: "else if (entry.record.changes.some((change) => !entry.stuck.has(pathOf(change))))",
    replacement: "else if (false)",
    check: ["storage/unsynced", "of a commit that is kept"],
  },
];

const OK_BEFORE_SYNC: Edit = {
  file: "storage/journal",
  search:
    "this.#writeRecord(handle, line, mine);\n            if (sync)\n                this.#sync(handle);",
  replacement:
    'this.#writeRecord(handle, line, mine);\n            handle.write(encodeLine({ kind: "ok", v: JOURNAL_VERSION, n: record.n, id: record.id, synced: sync }));\n            if (sync)\n                this.#sync(handle);',
};

const APPLY_BEFORE_OK: Edit & { readonly also: readonly Edit[] } = {
  file: "storage/committer",
  search: 'journal.acknowledge(record, durability === "full");',
  replacement:
    'if (durability !== "relaxed") this.#apply({ record: record.id, byPath: staged });\n            journal.acknowledge(record, durability === "full");',
  also: [
    {
      file: "storage/journal-state",
      search: "if (n <= this.ok)\n                entries.push(entry);",
      replacement: "entries.push(entry);",
    },
  ],
};

/** Seen in the order of what the disk is asked for, without a power cut or another process. */
const STEP_BY_STEP: readonly Mutant[] = [
  {
    rule: "a first journal is synced before it gets its name",
    file: "storage/journal",
    search: "this.disk.syncFile(temporary);",
    replacement: "void temporary;",
    check: ORDER,
  },
  {
    rule: "a successor is synced before its seal is written",
    file: "storage/journal",
    search: "this.disk.syncFile(path);",
    replacement: "void path;",
    check: ORDER,
  },
  {
    rule: "a seal is synced before its successor goes on",
    file: "storage/journal",
    search: "if (sync && !wasPoisoned)\n            this.#sync(handle);",
    replacement: "void wasPoisoned;",
    check: ORDER,
  },
  { rule: "the sync comes before `ok`, step by step", ...OK_BEFORE_SYNC, check: ORDER },
  {
    rule: "`ok` comes before the files are changed, step by step",
    ...APPLY_BEFORE_OK,
    check: ORDER,
  },
  {
    rule: "all other fences are taken down, step by step",
    file: "storage/fence",
    search: "if (name === own)",
    replacement: "if (name !== null)",
    check: ORDER,
  },
];

const SWAPPED: readonly Mutant[] = [
  { rule: "the sync comes before `ok`", ...OK_BEFORE_SYNC, check: HELPER },
  {
    rule: "`ok` comes before the files are changed",
    ...APPLY_BEFORE_OK,
    check: INTERLEAVINGS,
  },
  {
    rule: "the mark comes after the files are changed",
    file: "storage/apply",
    search: "const stuck = [];",
    replacement: "const stuck = [];\n    journal.mark(journal.ok, []);",
    check: INTERLEAVINGS,
  },
  {
    rule: "an older journal goes after its successor holds a synced record",
    file: "storage/journal",
    search: "this.#appendEmpty(sync);",
    replacement:
      "for (const name of this.disk.list(JOURNAL) ?? []) if (name !== this.file) this.disk.remove(inFolder(JOURNAL, name));",
    check: LIVES,
  },
];

const RACES: readonly Mutant[] = [
  {
    rule: "a record is read back, with the guard stolen in the middle of everything",
    file: "storage/journal",
    search: "return mine.won;",
    replacement: "return true;",
    check: INTERLEAVINGS,
  },
  {
    rule: "all other fences are taken down, with the guard stolen",
    file: "storage/fence",
    search: "if (name === own)",
    replacement: "if (name !== null)",
    check: { claim: "C8", goal: 1500 },
  },
  {
    rule: "a rotation writes a seal, with the guard stolen",
    file: "storage/journal",
    search:
      'handle.write(encodeLine({ kind: "seal", v: JOURNAL_VERSION, n: base, prev: this.head.id, id, next: name }));',
    replacement: "",
    also: [
      {
        file: "storage/journal",
        search: "if (this.file !== name)",
        replacement:
          "this.open(name);\n            this.tail();\n            if (this.file !== name)",
      },
    ],
    check: { claim: "C8", goal: 4500 },
  },
  {
    rule: "readers look at the journal again after the files, between any two operations",
    file: "storage/storage",
    search: "if (!this.#readingIsStale)",
    replacement: "if (true)",
    check: INTERLEAVINGS,
  },
  {
    rule: "the guard of a dead holder is stolen by a new name, not by taking the old one away",
    file: "storage/guard",
    search: "const path = inFolder(GUARD, `${generation + 1}.generation`);",
    replacement:
      "this.#disk.removeFolder(inFolder(GUARD, `${generation}.lock`));\n        const path = inFolder(GUARD, `${this.#options.randomName()}.tmp`);",
    check: INTERLEAVINGS,
  },
  {
    rule: "whoever took the guard looks whether another went on to the next name",
    file: "storage/guard",
    search: "if (this.#generation() !== generation) {",
    replacement: "if (generation < 0) {",
    check: INTERLEAVINGS,
  },
  {
    rule: "log lines go to a recorded offset, with helpers and sleepers",
    file: "storage/apply",
    search: "handle.write(data, change.at);",
    replacement: "handle.write(data, size);",
    check: INTERLEAVINGS,
  },
];

const DAMAGE: readonly Mutant[] = [
  {
    rule: "records of an earlier boot need no ok, whatever the power cut left",
    file: "storage/journal-state",
    search: "record.boot !== this.#bootId",
    replacement: "false",
    check: LIVES,
  },
  {
    rule: "a mark counts in its boot only, whatever the power cut left",
    file: "storage/journal-state",
    search: "if (mark === this.#bootId && entry.stuck.size === 0)",
    replacement: "if (entry.stuck.size === 0)",
    check: LIVES,
  },
  {
    rule: "a failed sync poisons the file, or its records are written once more, in a store that lives on",
    file: "storage/journal",
    search: "this.#poison(handle);",
    replacement: "",
    also: [
      { file: "storage/journal", search: "others && mustSync && k <= n", replacement: "false" },
    ],
    check: LIVES,
  },
  {
    rule: "a line whose checksum is wrong is void, whatever the power cut left",
    file: "storage/journal-lines",
    search: 'bytes.toString("latin1", 0, CHECKSUM_BYTES - 1) !== checksum(json)',
    replacement: "false",
    check: LIVES,
  },
  {
    rule: "a record is synced before it is answered, in a store that lives on",
    file: "storage/journal",
    search:
      "if (sync)\n                this.#sync(handle);\n            this.#readBack(line.length);",
    replacement: "this.#readBack(line.length);",
    check: LIVES,
  },
];

const KEPT: Check = ["storage/left-journals", "kept aside"];

/** What nobody goes on from, and what is newer than a power cut. */
const LEFT_BEHIND: readonly Mutant[] = [
  {
    rule: "a file of the journal that was not taken over is kept aside",
    file: "storage/journal-leftovers",
    search: "keepAside(disk, name, clearing);",
    replacement: "disk.remove(path);",
    check: KEPT,
  },
  {
    rule: "a file of the journal that lacks a commit is kept aside when it was sealed, too",
    file: "storage/journal-state",
    search: "this.lacksCommits ||= line.synced",
    replacement: "this.lacksCommits ||= false",
    check: KEPT,
  },
  {
    rule: "what cannot be read is no leftover of a power cut when it is newer by far",
    file: "storage/judge",
    search: "return laterMs <= WRITING_MS;",
    replacement: "return true;",
    check: ["storage/remnants", "what git or a person wrote since"],
  },
];

/** Of these the tests try some; a torture tries all. */
export const MORE_MUTANTS: readonly Mutant[] = [
  ...STEP_BY_STEP,
  ...LEFT_OUT,
  ...SWAPPED,
  ...RACES,
  ...DAMAGE,
  ...LEFT_BEHIND,
];
