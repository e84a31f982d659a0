/**
 * The tests of the engine have teeth: each rule that is taken out of the compiled engine is missed
 * by a test. One mutant is a copy of the engine with one text replaced, and the tests that run
 * against it in a process of their own must fail.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { inLanes, tempFolder } from "../storage/support.ts";

/** The tests that should notice: a file below `test/` and a pattern of names. */
type Check = readonly [file: string, names: string];

interface Mutant {
  /** The rule that is taken out. */
  readonly rule: string;
  readonly file: string;
  readonly search: string;
  readonly replacement: string;
  readonly check: Check;
}

const LINES: Check = ["storage/journal", "of the lines of a journal"];
const ROTATION: Check = ["storage/journal", "a journal that goes on in a new file"];
const FAILED_SYNC: Check = ["storage/journal", "a failed sync"];
const REMOVED: Check = ["storage/journal", "a journal that is removed"];
const POWER: Check = ["crash/power", "durability full"];
const HELPER: Check = ["crash/power", "a helper goes on"];
const SLEEPER: Check = ["process/sleeper", "a commit loses nothing"];
const READERS: Check = ["storage/readers", "a reader"];
const HAND_EDITS: Check = ["storage/hand-edits", "a hand edit"];
const STUCK: Check = ["storage/hand-edits", "a path that cannot be written"];
const GROUPS: Check = ["storage/transactions", "calls of one process"];
const UNCONFIRMED: Check = ["storage/unconfirmed", "a record without its ok"];
const LOG: Check = ["storage/log", "the segment that a clone writes|numbers"];

const MUTANTS: readonly Mutant[] = [
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
    search: "if (mark === this.#bootId)",
    replacement: "if (true)",
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
    search: "if (sync)\n                this.#sync(handle);\n            this.#readBack();",
    replacement: "this.#readBack();",
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
    search: "disk.syncFile(path);\n                count += 1;",
    replacement: "count += 1;",
    check: POWER,
  },
  {
    rule: "all folders above an applied file are synced before the floor rises",
    file: "storage/upkeep",
    search: "[folder, ...foldersOf(folder)]",
    replacement: "[folder]",
    check: POWER,
  },
  {
    rule: "after a power cut a torn file is brought up to date",
    file: "storage/judge",
    search: "isLeftover(pathOf(change), found.text, image)",
    replacement: "false",
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
    search: "journal.confirm(isFresh || this.#sync, isFresh);",
    replacement: "journal.confirm(false);",
    check: HELPER,
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
    search: "return isOurs ? found : null;",
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

/** One mutant at a time and core: each child has work for one. */
const AT_ONCE = 2;
/** A mutant that hangs is noticed as well. */
const LONGEST_MS = 60_000;

const DIST = dirname(fileURLToPath(import.meta.resolve("#src/errors.js")));
const TESTS = resolve(import.meta.dirname, "..");
const MODULES = realpathSync(
  dirname(dirname(createRequire(import.meta.url).resolve("proper-lockfile/package.json"))),
);

/** The engine and its tests in a folder of their own. */
function copyOfEverything(): string {
  const folder = tempFolder();
  mkdirSync(join(folder, "dist"));
  const code = { recursive: true, filter: (from: string) => !/\.(?:d\.ts|map)$/.test(from) };
  for (const room of ["errors.js", "disk", "storage", "model"]) {
    cpSync(join(DIST, room), join(folder, "dist", room), code);
  }
  for (const room of ["storage", "crash", "process"]) {
    cpSync(join(TESTS, room), join(folder, "test", room), code);
  }
  symlinkSync(MODULES, join(folder, "node_modules"));
  const manifest = { type: "module", imports: { "#src/*": "./dist/*" } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  return folder;
}

const living = new Set<() => void>();

after(() => {
  for (const end of living) end();
});

/** Whether the tests pass there. */
async function passes(folder: string, [file, names]: Check): Promise<boolean> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(
    process.execPath,
    [`--test-name-pattern=${names}`, join(folder, "test", `${file}.test.js`)],
    { stdio: "ignore", env: { ...env, POWER_RANDOMS: "1" }, cwd: folder },
  );
  const end = (): void => void child.kill("SIGKILL");
  living.add(end);
  const timer = setTimeout(end, LONGEST_MS);
  const code = await new Promise((resolvePromise) => child.on("close", resolvePromise));
  clearTimeout(timer);
  living.delete(end);
  return code === 0;
}

describe("the tests", () => {
  test("pass on the engine as it is", async () => {
    const folder = copyOfEverything();
    const checks = new Map(MUTANTS.map(({ check }) => [check.join(" "), check]));
    const failing: string[] = [];
    function* cases(): Generator<() => Promise<void>> {
      for (const [name, check] of checks) {
        yield async () => {
          if (!(await passes(folder, check))) failing.push(name);
        };
      }
    }
    await inLanes(cases(), AT_ONCE);
    assert.deepEqual(failing, []);
  });

  test("notice each rule that is taken out", async (t) => {
    const survivors: string[] = [];
    function* cases(): Generator<() => Promise<void>> {
      for (const { rule, file, search, replacement, check } of MUTANTS) {
        yield async () => {
          const folder = copyOfEverything();
          const path = join(folder, "dist", `${file}.js`);
          const text = readFileSync(path, "utf8");
          assert.equal(text.split(search).length, 2, `${rule}: "${search}" is not once in ${file}`);
          writeFileSync(
            path,
            text.replace(search, () => replacement),
          );
          if (await passes(folder, check)) survivors.push(rule);
        };
      }
    }
    await inLanes(cases(), AT_ONCE);
    t.diagnostic(`${MUTANTS.length} mutants`);
    assert.deepEqual(survivors, []);
  });
});
