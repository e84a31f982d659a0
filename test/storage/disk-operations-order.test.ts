/**
 * In which order the disk is asked to change and to sync. A count tells that a sync is there; here
 * stands what must be on the disk before what: every step that durability and isolation rest on.
 * A change of the engine that leaves one out, or does one too early, shows here at once.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Disk, Handle } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { MUTATING, wrapDisk } from "#src/disk/wrapped-disk.js";
import { decodeLine, splitLines } from "#src/storage/journal-lines.js";
import { CACHE, GUARD, JOURNAL } from "#src/storage/layout.js";
import type { Storage, StorageOptions } from "#src/storage/storage.js";
import { increment, makeRoot, openStorage, putValue } from "./support.ts";

/** Nobody bears this pid: the next one takes the guard from it at once. */
const DEAD = { identity: { ...thisProcess(), pid: 2 ** 30, pidStart: null } };
/** A journal of so many bytes goes on in a new file. */
const LONG = 256 * 1024;

/** Names that chance gives, by what they are. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^local\/fence\/fallen-[^/]+$/, "a fallen fence"],
  [/^local\/fence\/fallen-[^/]+\/\d+$/, "what lay in it"],
  [/^local\/fence\/[^/]+$/, "a fence"],
  [/^local\/fence\/[^/]+\/\d+$/, "a temporary"],
  [/^local\/journal\/first-[^/]+\.tmp$/, "a first journal without its name"],
  [/^local\/journal\/0+-first\.jsonl$/, "the first journal"],
  [/^local\/journal\/\d+-[^/]+\.jsonl$/, "the successor"],
  [/^events\/[^/]+\.jsonl$/, "the log"],
];

function shown(path: string): string {
  return NAMES.find(([pattern]) => pattern.test(path))?.[1] ?? (path === "" ? "the root" : path);
}

/** The lines of a journal in what is written to it. */
function linesIn(data: Buffer): string {
  const kinds: string[] = [];
  splitLines(data, (bytes) => void kinds.push(decodeLine(bytes, "written")?.kind ?? ""));
  return kinds.filter((kind) => kind !== "").join(" and ");
}

/** A disk that writes down what it is asked to change, and on which a process may die. */
class Steps {
  readonly disk: Disk;
  #steps: string[] = [];
  readonly #diesBefore: string | undefined;
  #isDead = false;

  constructor(inner: Disk, diesBefore?: string) {
    this.#diesBefore = diesBefore;
    const told = new Set(["rename", "link", "write"]);
    const plain = wrapDisk(inner, (operation, path, act) => {
      const isStep = MUTATING.has(operation) && !told.has(operation);
      if (isStep) this.#step(path, `${operation} ${shown(path)}`);
      return act();
    });
    this.disk = {
      ...plain,
      rename: (from, to) => {
        this.#step(to, `rename ${shown(from)} to ${shown(to)}`);
        plain.rename(from, to);
      },
      link: (from, to) => {
        this.#step(to, `link ${shown(from)} to ${shown(to)}`);
        return plain.link(from, to);
      },
      open: (path, mode) => {
        const handle = plain.open(path, mode);
        return handle === null ? null : this.#writing(handle);
      },
    };
  }

  #writing(handle: Handle): Handle {
    const { path } = handle;
    const what = (data: Buffer): string =>
      path.startsWith(`${JOURNAL}/`) ? linesIn(data) : shown(path);
    return {
      ...handle,
      write: (data, position) => {
        this.#step(path, `write ${what(data)}`);
        handle.write(data, position);
      },
    };
  }

  /** What concerns the guard and the cache is no part of a commit. */
  #step(path: string, step: string): void {
    if (path.startsWith(GUARD) || path.startsWith(CACHE)) return;
    this.#isDead ||= step === this.#diesBefore;
    if (this.#isDead) throw ioError("write", path, "EIO");
    this.#steps.push(step);
  }

  /** What was asked since this was asked last. */
  take(): string[] {
    const taken = this.#steps;
    this.#steps = [];
    return taken;
  }
}

interface World {
  readonly steps: Steps;
  readonly storage: Storage;
}

function world(inner: Disk, options: Partial<StorageOptions> = {}, diesBefore?: string): World {
  const steps = new Steps(inner, diesBefore);
  return { steps, storage: openStorage(steps.disk, { gitHead: () => "head", ...options }) };
}

function rooted(): Disk {
  return makeRoot(new MemoryDisk());
}

const COMMITTED = ["write record", "sync the first journal", "write ok"];
const SYNCED_FILES = ["syncFile features/counter.json", "syncFile the log"];
const SYNCED_FOLDERS = ["syncFolder features", "syncFolder the root", "syncFolder events"];

function putLong(storage: Storage): Promise<void> {
  return storage.commit((write) => putValue(write, "long.json", { text: "x".repeat(LONG) }));
}

describe("the disk is asked, in this order,", () => {
  test("by the first commit: its journal is durable, then its name, then its record", async () => {
    const { steps, storage } = world(rooted());
    await increment(storage);
    assert.deepEqual(steps.take(), [
      "makeFolder local/journal",
      "makeFolder local/fence",
      "makeFolder local/claims",
      "makeFolder a fence",
      "create a first journal without its name",
      "syncFile a first journal without its name",
      "link a first journal without its name to the first journal",
      "remove a first journal without its name",
      "syncFolder local/journal",
      "syncFolder local",
      "syncFolder the root",
      "create a temporary",
      "rename a temporary to local/.gitignore",
      "create a temporary",
      "create a temporary",
      ...COMMITTED,
      "rename a temporary to features/counter.json",
      "rename a temporary to the log",
      "write mark",
    ]);
    await storage.close();
  });

  test("by a commit: record, sync, `ok`, files, mark; the rest when the store is closed", async () => {
    const { steps, storage } = world(rooted());
    await increment(storage);
    steps.take();
    await increment(storage);
    assert.deepEqual(steps.take(), [
      "create a temporary",
      ...COMMITTED,
      "rename a temporary to features/counter.json",
      "write the log",
      "write mark",
    ]);
    await storage.close();
    const atEnd = ["removeFolder a fence", ...SYNCED_FILES, ...SYNCED_FOLDERS, "write floor"];
    assert.deepEqual(steps.take(), atEnd);
  });

  test("by `relaxed`: the record and its `ok`; the sync before the files", async () => {
    const { steps, storage } = world(rooted(), { durability: "relaxed" });
    await increment(storage);
    steps.take();
    await increment(storage);
    assert.deepEqual(steps.take(), ["write record", "write ok"]);
    await storage.close();
    assert.deepEqual(steps.take().slice(0, 4), [
      "sync the first journal",
      "write ok",
      "create a temporary",
      "rename a temporary to the log",
    ]);
  });

  test("by a rotation: what was applied, the successor, its name, the seal, a record of its own", async () => {
    const { steps, storage } = world(rooted());
    await increment(storage);
    steps.take();
    await putLong(storage);
    assert.deepEqual(steps.take(), [
      "create a temporary",
      ...COMMITTED,
      "rename a temporary to features/long.json",
      "write mark",
      ...SYNCED_FILES,
      "syncFile features/long.json",
      ...SYNCED_FOLDERS,
      "write floor",
      "create the successor",
      "syncFile the successor",
      "syncFolder local/journal",
      "write seal",
      "sync the first journal",
      "write record",
      "sync the successor",
      "write ok",
      "remove the first journal",
    ]);
    await storage.close();
  });

  test("by who finds a record without its `ok`: the fence of the dead, the record, the files", async () => {
    const disk = rooted();
    const before = world(disk);
    await increment(before.storage);
    await before.storage.close();
    const killed = world(disk, DEAD, "write ok");
    await assert.rejects(killed.storage.commit((write) => putValue(write, "a.json", {})));
    await killed.storage.close();
    const { steps, storage } = world(disk);
    await storage.recover();
    assert.deepEqual(steps.take(), [
      "makeFolder a fence",
      "rename a fence to a fallen fence",
      "remove what lay in it",
      "removeFolder a fallen fence",
      ...COMMITTED,
      "create a temporary",
      "rename a temporary to features/a.json",
      "write mark",
      "removeFolder a fence",
    ]);
    await storage.close();
  });
});
