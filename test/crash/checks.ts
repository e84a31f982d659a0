/** What must hold of the files themselves, whatever happened: seen with cat and grep. */

import assert from "node:assert/strict";

import type { Disk } from "#src/disk/disk.js";
import { decodeLine, splitLines } from "#src/storage/journal-lines.js";
import { FENCE, GUARD, inFolder, JOURNAL } from "#src/storage/layout.js";
import type { Storage } from "#src/storage/storage.js";
import { add } from "./scenarios.ts";

/** Every file below a folder, `local/` left out. */
export function plainFiles(disk: Disk, folder = ""): string[] {
  return (disk.list(folder) ?? []).flatMap((name) => {
    const path = inFolder(folder, name);
    if (path === "local") return [];
    return disk.stat(path)?.isDirectory() === true ? plainFiles(disk, path) : [path];
  });
}

/** Each document parses, and each line of the log, but for a last one that is still growing. */
export function assertPlainFilesAreWhole(disk: Disk): void {
  for (const path of plainFiles(disk)) {
    const text = disk.readText(path);
    if (text === null) continue;
    try {
      if (path.endsWith(".jsonl")) {
        for (const line of text.split("\n").slice(0, -1)) JSON.parse(line);
      } else {
        JSON.parse(text);
      }
    } catch (error) {
      assert.fail(`${path} is torn (${String(error)}): ${JSON.stringify(text.slice(0, 300))}`);
    }
  }
}

/** The files of the journal that are neither the one that goes on nor one that leads to it. */
export function strays(disk: Disk): string[] {
  const names = disk.list(JOURNAL) ?? [];
  const leads = (name: string): boolean => {
    let next: string | null = null;
    splitLines(disk.read(inFolder(JOURNAL, name)) ?? Buffer.alloc(0), (bytes) => {
      const line = decodeLine(bytes, name);
      if (line?.kind === "seal") next = line.next;
    });
    return next !== null && names.includes(next);
  };
  const last = names.at(-1);
  return names.filter((name) => name !== last && !leads(name));
}

/** After one more write and a close nothing temporary is left. */
export async function assertTidyAfterOneMore(disk: Disk, storage: Storage): Promise<void> {
  await storage.commit((write) => add(write, ["more.json"], "more"));
  await storage.close();
  assert.deepEqual(disk.list(FENCE), [], "the fence folder");
  assert.deepEqual(strays(disk), [], `strays in the journal: ${disk.list(JOURNAL)?.join(" ")}`);
  const guard = (disk.list(GUARD) ?? []).filter((name) => /lock|owner/.test(name));
  assert.deepEqual(guard, [], "the guard");
  assert.deepEqual(disk.list(inFolder(GUARD, "queue")), [], "the guard's queue");
  assertPlainFilesAreWhole(disk);
}
