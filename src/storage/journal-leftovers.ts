/**
 * Files of the journal that nobody starts from any more.
 *
 * INVARIANT: what is removed holds nothing that is not in the file which goes on. All else is moved
 * to the quarantine, byte for byte.
 *
 * | left behind | what becomes of it | without the rule |
 * | --- | --- | --- |
 * | sealed: the file that it names took everything over | goes | each kill in a rotation leaves a file for ever |
 * | a sync of it failed, and a file goes on behind its last commit | goes | the same, where a power cut took its seal |
 * | a header alone, of this epoch: the orphan of a seal that lost | goes | the same |
 * | a part of a header, of no other epoch, and nothing behind it | goes | the same after each power cut |
 * | commits and no seal, as a tool leaves them that syncs folders | is kept aside | what was acknowledged is deleted unseen |
 * | a header that says nothing any more, or of another epoch | is kept aside | the same, when a disk flips a bit |
 * | sealed, and a commit that was on the disk is gone from it | is kept aside | the commits behind the gap go with it |
 */

import type { Disk } from "../disk/disk.ts";
import { isFlowError } from "../errors.ts";
import { baseOf } from "./journal-files.ts";
import { decodeLine, splitLines, type JournalHeader } from "./journal-lines.ts";
import { JournalState, type JournalListener } from "./journal-state.ts";
import { inFolder, JOURNAL, QUARANTINE } from "./layout.ts";

/** Which files go, and what is needed for it. */
export interface Clearing {
  /** The file that goes on. */
  readonly current: string | null;
  readonly header: JournalHeader;
  /** Files that begin behind this commit are of no concern. */
  readonly kept: number;
  /** Files that this process has seen replaced. */
  readonly replaced: ReadonlySet<string>;
  readonly randomName: () => string;
  readonly nowIso: () => string;
}

const NOBODY: JournalListener = {
  committed: () => undefined,
  applied: () => undefined,
  lost: () => undefined,
};

/** Takes away every file but the current one whose base is at most `kept`, and temporaries of first files. */
export function clearAway(disk: Disk, clearing: Clearing): void {
  const { current, header, kept, replaced } = clearing;
  for (const name of disk.list(JOURNAL) ?? []) {
    const path = inFolder(JOURNAL, name);
    const base = baseOf(name);
    if (name.endsWith(".tmp")) disk.remove(path);
    if (base === null || base > kept || name === current) continue;
    if (replaced.has(name)) {
      disk.remove(path);
      continue;
    }
    const bytes = disk.read(path);
    if (bytes === null) continue;
    const isOver = isSpent(bytes, path, header);
    if (isOver === true) disk.remove(path);
    else if (isOver === false) keepAside(disk, name, clearing);
  }
}

/** Whether a file holds nothing of its own; `null` where only a newer version can tell. */
function isSpent(bytes: Buffer, path: string, successor: JournalHeader): boolean | null {
  if (bytes.every((byte) => byte === 0)) return true;
  const file = new ClosedFile();
  try {
    file.read(bytes, path);
  } catch (error) {
    if (!isFlowError(error)) throw error;
    return null;
  }
  return file.isSpent(successor);
}

/** All lines of a file, as those who went on from it would read them. */
class ClosedFile extends JournalState {
  #lines = 0;
  #valid = 0;
  #text = "";

  constructor() {
    super(NOBODY, "");
  }

  /** @throws FlowError of a line that a newer version wrote. */
  read(bytes: Buffer, path: string): void {
    this.#text = bytes.toString("latin1");
    const each = (line: Buffer): void => {
      this.#lines += 1;
      this.#takeLine(line, path);
    };
    // A line is whole by its checksum.
    this.#takeLine(bytes.subarray(splitLines(bytes, each)), path);
  }

  #takeLine(bytes: Buffer, path: string): void {
    const line = decodeLine(bytes, path);
    if (line === null) return;
    this.#valid += 1;
    this.take(line, () => false);
  }

  /** A part of a header, as a kill or a power cut leaves it of a file that nobody came to go on in. */
  #isUnfinished(epoch: string): boolean {
    const isPart = this.#lines === 0 || this.#text.includes("\0");
    const [, named = epoch] = /"epoch":"(\w+)"/.exec(this.#text) ?? [];
    return isPart && named === epoch;
  }

  isSpent(successor: JournalHeader): boolean {
    if (this.header === null) return this.#valid === 0 && this.#isUnfinished(successor.epoch);
    if (this.sealedBy !== null) return !this.lacksCommits;
    if (this.header.epoch !== successor.epoch) return false;
    // Nobody goes on in it, and its seal could not be synced.
    if (this.poisoned) return this.head.n < successor.base && !this.lacksCommits;
    return this.#valid === 1 && this.#lines <= 1;
  }
}

function keepAside(disk: Disk, name: string, { randomName, nowIso }: Clearing): void {
  disk.makeFolder(QUARANTINE);
  const path = inFolder(JOURNAL, name);
  const kept = `${randomName()}-${name}`;
  const reason = "the journal goes on elsewhere, and did not take over what is here";
  const why = { path, kept, at: nowIso(), reason };
  disk.create(inFolder(QUARANTINE, `${kept}.why.json`), `${JSON.stringify(why, null, 2)}\n`);
  disk.rename(path, inFolder(QUARANTINE, kept));
}
