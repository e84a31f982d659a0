/** Copies of roots, to try something on. */

import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { nodeDisk } from "#src/disk/node-disk.js";
import { decodeLine, encodeLine, splitLines } from "#src/storage/journal-lines.js";
import { inFolder, JOURNAL, LOCAL } from "#src/storage/layout.js";
import { tempFolder } from "../storage/support.ts";

/** A copy that is taken for the folder itself: its journal names the inode of its `local/`. */
export function copyOf(root: string, copy = join(tempFolder(), "root")): string {
  cpSync(root, copy, { recursive: true });
  const disk = nodeDisk(copy);
  for (const name of disk.list(JOURNAL) ?? []) {
    const path = inFolder(JOURNAL, name);
    const bytes = disk.read(path) ?? Buffer.alloc(0);
    const parts: Buffer[] = [];
    splitLines(bytes, (line) => {
      const read = decodeLine(line, name);
      const local = disk.stat(LOCAL)?.ino ?? 0;
      parts.push(
        read?.kind === "header"
          ? encodeLine({ ...read, local })
          : Buffer.from(`\n${line.toString()}\n`),
      );
    });
    parts.push(bytes.subarray(bytes.lastIndexOf(10) + 1));
    writeFileSync(join(copy, path), Buffer.concat(parts));
  }
  return copy;
}
