/** Hand edits on a file system whose times are coarse: every one must be seen. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";

import type { Disk, Stat } from "#src/disk/disk.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { FEATURES } from "#src/storage/layout.js";
import { pick, randomOf } from "../process/store-random.ts";
import { makeRoot, openStorage, tempFolder, valueOf } from "../storage/support.ts";

/** A read that begins so much later than a hand edit sees it. */
const SEEN_AFTER_MS = 20;
const MAX_WAIT_MS = 60;
/** All of one length, so that only its time tells a file from the one before. */
const FIRST = 100_000;

export interface Edits {
  /** Between two times that the file system can tell apart. */
  readonly tickMs: number;
  readonly edits: number;
  readonly seed: number;
  /** `performance.now()` after which no other edit begins. Default: none. */
  readonly deadline?: number;
}

/** What one edit takes at the most, on a machine that is not busy. */
export const MOST_EDIT_MS = 2 * MAX_WAIT_MS + SEEN_AFTER_MS;

/** Edits one document again and again, in place, by a rename, and under a new name. */
export async function missedEdits(options: Edits): Promise<string[]> {
  const { tickMs, edits, seed, deadline = Infinity } = options;
  const root = tempFolder();
  const raw = makeRoot(nodeDisk(root));
  const folder = join(root, FEATURES);
  const random = randomOf(seed);
  const reader = openStorage(coarse(raw, tickMs), { readOnly: true });
  const missed: string[] = [];
  const ways: Readonly<Record<string, (name: string, text: string) => void>> = {
    "in place": (name, text) => writeFileSync(join(folder, name), text),
    "by a rename": (name, text) => {
      writeFileSync(join(folder, "new"), text);
      renameSync(join(folder, "new"), join(folder, name));
    },
    "removed and made anew": (name, text) => {
      rmSync(join(folder, name), { force: true });
      writeFileSync(join(folder, name), text);
    },
  };
  for (let number = 0; number < edits && performance.now() < deadline; number += 1) {
    const way = pick(random, Object.keys(ways));
    const name = random() < 0.2 ? `${number}.json` : "one.json";
    ways[way]?.(name, `{\n  "n": ${FIRST + number}\n}\n`);
    await after(SEEN_AFTER_MS + 1 + random() * MAX_WAIT_MS);
    const seen = await reader.read((view) => ({
      value: valueOf<{ n: number }>(view, name)?.n,
      isListed: view.names(FEATURES).includes(name),
    }));
    if (seen.value !== FIRST + number || !seen.isListed)
      missed.push(`edit ${number + 1} of seed ${seed}, ${way}: ${JSON.stringify(seen)}`);
    await after(random() * MAX_WAIT_MS);
  }
  await reader.close();
  return missed;
}

/** The same disk, as a file system with such times would show it. */
function coarse(disk: Disk, tickMs: number): Disk {
  return { ...disk, stat: (path) => rounded(disk.stat(path), tickMs) };
}

function rounded(stat: Stat | null, tickMs: number): Stat | null {
  if (stat === null) return null;
  const floor = (time: number): number => Math.floor(time / tickMs) * tickMs;
  const { dev, ino, size, nlink, mtimeMs, ctimeMs } = stat;
  return {
    ...{ dev, ino, size, nlink, mtimeMs: floor(mtimeMs), ctimeMs: floor(ctimeMs) },
    isFile: () => stat.isFile(),
    isDirectory: () => stat.isDirectory(),
    isSymbolicLink: () => stat.isSymbolicLink(),
  };
}
