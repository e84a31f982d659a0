/** Being somebody who may be denied something, which root is not. */
import { chownSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The user and the group that own nothing. */
const NOBODY = 65_534;
const ROOT = 0;

/**
 * Runs `act` as a user to whom all of `folder` belongs and who is not root: as whoever runs the
 * tests, or where that is root as nobody, to whom `folder` is given. Children are nobody too.
 */
export async function asOwner<T>(folder: string, act: () => Promise<T> | T): Promise<T> {
  if (process.getuid?.() !== ROOT) return act();
  giveAway(folder);
  // The group first: who is not root any more may not change it.
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  try {
    return await act();
  } finally {
    process.seteuid?.(ROOT);
    process.setegid?.(ROOT);
  }
}

function giveAway(path: string): void {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return;
  chownSync(path, NOBODY, NOBODY);
  if (stat.isDirectory()) for (const name of readdirSync(path)) giveAway(join(path, name));
}
