/** What the processes of a simulation do. */
import { createRequire } from "node:module";
import type * as ProperLockfile from "proper-lockfile";

import type { Disk } from "#src/disk/disk.js";
import { isFlowError } from "#src/errors.js";
import { Guard } from "#src/storage/guard.js";
import { LOCAL_FOLDERS } from "#src/storage/layout.js";
import { Storage, type StorageOptions } from "#src/storage/storage.js";
import type { Writing } from "#src/storage/view.js";
import { add, lookAt } from "../crash/scenarios.ts";
import { putValue, valueOf } from "../storage/support.ts";
import { lockfileOn } from "./lockfile-on-disk.ts";

/** A process's surroundings. */
export interface World {
  readonly disk: Disk;
  /** What the plan says. */
  readonly given: unknown;
  readonly random: () => number;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Tells whoever checks the run. */
  readonly note: (name: string, data?: unknown) => void;
  readonly options: (changed?: Partial<StorageOptions>) => StorageOptions;
}

export type Program = (world: World) => Promise<void>;

/** A change that adds one to each of some documents, and logs it. */
export interface Change {
  readonly tag: string;
  readonly documents: readonly string[];
  /** `group`: with the next one, at once; `transaction`: in one, with a savepoint that is undone. */
  readonly by?: "commit" | "group" | "transaction";
  /** So many bytes more in each document. */
  readonly bytes?: number;
}

/** A process that makes changes, one after another. */
export interface Writer {
  readonly changes: readonly Change[];
  readonly durability?: StorageOptions["durability"];
  /** The state of git's HEAD. */
  readonly head?: string;
  /** The boot of the machine; default: the one that is. */
  readonly boot?: string;
  /** How long it does nothing between two changes, in ms; default 0. */
  readonly pauseMs?: number;
  /** Whether the store is closed after each change and opened anew. */
  readonly reopens?: boolean;
  /** Whether the store is closed at the end, and not only left; default true. */
  readonly closes?: boolean;
}

/** {@link add}, with documents as long as one likes. */
export function addLong(write: Writing, { documents, tag, bytes = 0 }: Change): void {
  if (bytes === 0) {
    add(write, documents, tag);
    return;
  }
  for (const name of documents) {
    const n = (valueOf<{ n: number }>(write, name)?.n ?? 0) + 1;
    putValue(write, name, { n, tag, text: "x".repeat(bytes) });
    write.append({ stream: `counter:${name}`, type: "Incremented", payload: { n, tag } });
  }
}

async function change(storage: Storage, one: Change): Promise<void> {
  if (one.by !== "transaction") return storage.commit((write) => addLong(write, one));
  await storage.transaction(async () => {
    await storage
      .transaction(async () => {
        await storage.commit((write) => addLong(write, { ...one, tag: "undone" }));
        throw new Undone();
      }, 60_000)
      .catch((error: unknown) => {
        if (!(error instanceof Undone)) throw error;
      });
    for (const name of one.documents) {
      await storage.commit((write) => addLong(write, { ...one, documents: [name] }));
    }
  }, 60_000);
}

class Undone extends Error {}

/** As the hint of such a conflict says: a transaction that lost the guard is run again. */
async function untilNoConflict(act: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      const isPassing = isFlowError(error, "CONFLICT") && error.context["retryable"] === true;
      if (!isPassing) throw error;
    }
  }
}

/** Tells when a change began and how it ended; `false` when the store must be opened anew. */
async function tell(world: World, storage: Storage, one: Change): Promise<boolean> {
  const { tag, documents } = one;
  world.note("begun", { tag, documents });
  try {
    await untilNoConflict(() => change(storage, one));
    world.note("kept", { tag });
  } catch (error) {
    if (!isFlowError(error)) throw error;
    const { outcome, mustReopen } = error.context;
    const why = `${error.code} ${error.message}`;
    world.note(outcome === "unknown" ? "unknown" : "refused", { tag, code: error.code, why });
    return mustReopen !== true;
  }
  return true;
}

async function write(world: World): Promise<void> {
  const { changes, pauseMs = 0, closes = true, reopens = false } = world.given as Writer;
  const open = (): Storage => new Storage(world.disk, writerOptions(world));
  let storage = open();
  let group: Promise<boolean>[] = [];
  for (const [index, one] of changes.entries()) {
    group.push(tell(world, storage, one));
    if (one.by === "group" && index < changes.length - 1) continue;
    const isUsable = (await Promise.all(group)).every(Boolean);
    group = [];
    if (!isUsable || (reopens && index < changes.length - 1)) {
      await storage.close();
      storage = open();
    }
    if (pauseMs > 0) await world.sleep(pauseMs);
  }
  if (closes) await storage.close();
}

function writerOptions(world: World): StorageOptions {
  const { durability = "full", head = "head", boot } = world.given as Writer;
  return inBoot(world, boot, { durability, gitHead: () => head });
}

function inBoot(
  world: World,
  boot: string | undefined,
  changed: Partial<StorageOptions> = {},
): StorageOptions {
  const usual = world.options(changed);
  return boot === undefined ? usual : { ...usual, identity: { ...usual.identity, bootId: boot } };
}

async function recover(world: World): Promise<void> {
  const storage = new Storage(world.disk, inBoot(world, (world.given as { boot?: string }).boot));
  try {
    await storage.recover();
  } catch (error) {
    if (!isFlowError(error, "IO")) throw error;
    world.note("refused", { tag: "recovery", code: error.code, why: error.message });
  }
  await storage.close();
}

async function read(world: World): Promise<void> {
  const { times } = world.given as { times: number };
  const storage = new Storage(world.disk, world.options({ readOnly: true }));
  for (let count = 0; count < times; count += 1) {
    world.note("looking");
    world.note("seen", await lookAt(storage));
    await world.sleep(1);
  }
  await storage.close();
}

/** Holds the guard for a few operations, some times. */
async function guard(world: World): Promise<void> {
  const { times } = world.given as { times: number };
  const options = world.options();
  for (const folder of LOCAL_FOLDERS) world.disk.makeFolder(folder);
  for (let count = 0; count < times; count += 1) {
    const own = new Guard(world.disk, { ...options, nowIso: () => "" });
    await own.take(options.guardTimeoutMs);
    await hold(world, () => own.isHeld);
    await own.release();
  }
}

/** The same with the package alone, as its users take it: it steals what is stale. */
async function lockfile(world: World): Promise<void> {
  const { staleMs } = world.given as { staleMs: number };
  const { lock } = createRequire(import.meta.url)("proper-lockfile") as typeof ProperLockfile;
  let release: () => Promise<void>;
  try {
    release = await lock(`${world.disk.root}/file-${world.random()}`, {
      ...{ lockfilePath: "lock", fs: lockfileOn(world.disk), realpath: false },
      ...{ retries: 0, stale: staleMs, update: staleMs / 2, onCompromised: () => undefined },
    });
  } catch (error) {
    if ((error as { code?: unknown }).code === "ELOCKED") return;
    throw error;
  }
  await hold(world, () => true);
  await release();
}

async function hold(world: World, isHeld: () => boolean): Promise<void> {
  world.note("entered");
  for (let count = 0; count < 3; count += 1) {
    world.disk.stat("");
    await world.sleep(1);
  }
  if (isHeld()) world.note("left");
  else world.note("lost");
}

export const PROGRAMS: Readonly<Record<string, Program>> = {
  write,
  recover,
  read,
  guard,
  lockfile,
};
