/** An engine on a folder or a disk double, with everything that is left to chance passed in. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Disk } from "#src/disk/disk.js";
import { gitHead } from "#src/disk/git-head.js";
import { randomName, thisProcess } from "#src/disk/machine.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { nextUlid } from "#src/model/ulid.js";
import { EVENTS, FEATURES, LOCAL } from "#src/storage/layout.js";
import type { LogFaults, NumberedLine } from "#src/storage/log-reader.js";
import { Storage, type StorageOptions } from "#src/storage/storage.js";
import { isFault } from "#src/storage/files.js";
import type { Reading, Writing } from "#src/storage/view.js";

const made: string[] = [];

// Not a hook of the runner: called inside a test, that would belong to this one test.
process.once("exit", () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** A new folder of this test file's own; gone when the process ends. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "flowstore-"));
  made.push(folder);
  return folder;
}

/** Waits until a condition holds, looking every other millisecond. */
export async function until(holds: () => boolean, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline)
      throw new Error(`not within ${withinMs} ms: ${holds.toString()}`);
    await sleep(2);
  }
}

/** Does every case, some at once: they wait for timers more than they compute. */
export async function inLanes(cases: Iterable<() => Promise<void>>, atOnce: number): Promise<void> {
  const iterator = cases[Symbol.iterator]();
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true && !hasFailed; next = iterator.next()) {
      try {
        await next.value();
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

export function storageOptions(disk: Disk, changed: Partial<StorageOptions> = {}): StorageOptions {
  return {
    durability: "full",
    guardTimeoutMs: 60_000,
    readOnly: false,
    actor: "test",
    identity: thisProcess(),
    shared: false,
    gitHead: gitHead(disk.root),
    wallMs: () => Date.now(),
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    randomName,
    newUlid: (after, now) => nextUlid(after, now, () => randomBytes(10)),
    toIso: (ms) => new Date(ms).toISOString(),
    sleep: async (ms) => {
      await sleep(ms);
    },
    idsOf: () => [],
    namesIds: () => false,
    onApplyPending: () => undefined,
    ...changed,
  };
}

/** The tracked folders that `init` makes. */
export function makeRoot(disk: Disk): Disk {
  for (const folder of [FEATURES, EVENTS, LOCAL]) disk.makeFolder(folder);
  return disk;
}

export function openStorage(
  rootOrDisk: string | Disk,
  changed: Partial<StorageOptions> = {},
): Storage {
  const disk = typeof rootOrDisk === "string" ? nodeDisk(rootOrDisk) : rootOrDisk;
  return new Storage(disk, storageOptions(disk, changed));
}

/** All of a small log. */
export interface WholeLog extends LogFaults {
  readonly events: readonly NumberedLine[];
}

/** Every event, in the order of numbers, as a look sees the log. */
export function logIn(storage: Storage, view: Reading | Writing): WholeLog {
  const reader = storage.readerIn(view);
  const events = [...reader.scan()].flat();
  return { ...reader.faults(), conflicts: reader.twins.conflicts(), events };
}

/** Every event, in the order of numbers. */
export async function wholeLog(storage: Storage): Promise<WholeLog> {
  return storage.read((view) => logIn(storage, view));
}

/** The JSON of a document, as this look sees it. */
export function valueOf<T>(view: Reading | Writing, name: string): T | null {
  const document = view.get(FEATURES, name);
  if (document === null) return null;
  if (isFault(document)) throw document.fault;
  return JSON.parse(document.text) as T;
}

export function putValue(write: Writing, name: string, value: unknown): void {
  write.put(FEATURES, name, `${JSON.stringify(value, null, 2)}\n`);
}

/** Adds one to a counter and logs it, in one commit. */
export async function increment(
  storage: Storage,
  name = "counter.json",
  tag = "",
): Promise<number> {
  return storage.commit((write) => {
    const n = (valueOf<{ n: number }>(write, name)?.n ?? 0) + 1;
    putValue(write, name, { n });
    write.append({ stream: `counter:${name}`, type: "Incremented", payload: { n, tag } });
    return n;
  });
}

/** Removes a folder and all that is in it, as `git clean -fdx` does. */
export function removeAll(disk: Disk, folder: string): void {
  for (const name of disk.list(folder) ?? []) {
    const path = `${folder}/${name}`;
    if (disk.stat(path)?.isDirectory() === true) removeAll(disk, path);
    else disk.remove(path);
  }
  disk.removeFolder(folder);
}
