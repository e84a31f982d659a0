/**
 * The fence: a folder of one's own, out of which alone files are renamed into place.
 *
 * Whoever takes the guard makes a folder and renames all other fence folders away. A writer that
 * slept through that finds nothing under its temporary's name when it wakes: its rename fails with
 * ENOENT, and no old image comes back over a newer one. (Without the fence: 17 of 1,148, 5 of
 * 1,515 and 99 of 2,823 acknowledged changes lost when sleepers were killed before they could
 * look again.) Everything temporary lies here, so one look finds what a kill left behind.
 */

import { isFlowError } from "../errors.ts";
import type { Disk } from "../disk/disk.ts";
import { FENCE, inFolder } from "./layout.ts";

/** Fence folders that were renamed away; their content is nobody's. */
const FALLEN = "fallen-";

export class Fence {
  readonly #disk: Disk;
  readonly #folder: string;
  #count = 0;
  #hasFallen = false;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /** Makes a fence and takes all others down. */
  static raise(disk: Disk, randomName: () => string): Fence {
    const own = randomName();
    const fence = new Fence(disk, inFolder(FENCE, own));
    disk.makeFolder(fence.#folder);
    for (const name of disk.list(FENCE) ?? []) {
      if (name === own) continue;
      const path = inFolder(FENCE, name);
      if (disk.stat(path)?.isDirectory() !== true) continue;
      if (name.startsWith(FALLEN)) {
        removeWithContent(disk, path);
        continue;
      }
      const fallen = inFolder(FENCE, `${FALLEN}${randomName()}`);
      if (renameIfThere(disk, path, fallen)) removeWithContent(disk, fallen);
    }
    return fence;
  }

  /** Whether it is known that somebody took this fence down. A rename out of it tells for certain. */
  get hasFallen(): boolean {
    return this.#hasFallen;
  }

  /** Whether nobody took this fence down until now. */
  stands(): boolean {
    this.#hasFallen ||= this.#disk.stat(this.#folder) === null;
    return !this.#hasFallen;
  }

  /** Writes a temporary file, to be renamed into place. */
  stage(data: string | Buffer): string {
    this.#count += 1;
    const path = inFolder(this.#folder, String(this.#count));
    this.#disk.create(path, data);
    return path;
  }

  /** A free name in the fence, for what is to be taken out of its place. */
  trash(): string {
    this.#count += 1;
    return inFolder(this.#folder, String(this.#count));
  }

  /** Removes temporaries that were not used. */
  discard(paths: Iterable<string>): void {
    for (const path of paths) this.#disk.remove(path);
  }

  /** Takes the fence down, with what lies in it. */
  lower(): void {
    removeWithContent(this.#disk, this.#folder);
  }
}

function renameIfThere(disk: Disk, from: string, to: string): boolean {
  try {
    disk.rename(from, to);
    return true;
  } catch (error) {
    // Its owner lowered it, or another process took it down, since it was listed.
    if (isFlowError(error, "IO") && error.context["errno"] === "ENOENT") return false;
    throw error;
  }
}

/** Two processes may remove one fallen fence at once: what is gone already is fine. */
function removeWithContent(disk: Disk, folder: string): void {
  for (const name of disk.list(folder) ?? []) disk.remove(inFolder(folder, name));
  disk.removeFolder(folder);
}
