/** What the engine is given, and the parts of it that the others work with. */

import type { Disk } from "../disk/disk.ts";
import type { ProcessIdentity } from "../disk/machine.ts";
import type { EventLine } from "./event-lines.ts";
import type { Files } from "./files.ts";
import type { Journal } from "./journal.ts";
import type { LastEvents } from "./last-events.ts";
import type { LogIndex } from "./log-index.ts";
import type { LogReaders } from "./log-readers.ts";
import type { Overlay } from "./overlay.ts";

/** How long commits wait for the disk. */
export type Durability = "full" | "relaxed" | "none";

export interface StorageOptions {
  readonly durability: Durability;
  readonly guardTimeoutMs: number;
  readonly readOnly: boolean;
  readonly actor: string;
  readonly identity: ProcessIdentity;
  /** On a file system that several kernels may share. */
  readonly shared: boolean;
  /** State of git's HEAD, opaque; null outside git. */
  readonly gitHead: () => string | null;
  /** The machine's clock: file times are compared with it. */
  readonly wallMs: () => number;
  /** The user's clock: events and leases are stamped with it. */
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly randomName: () => string;
  readonly newUlid: (after: string | null, nowMs: number) => string;
  readonly toIso: (ms: number) => string;
  readonly sleep: (ms: number) => Promise<void>;
  /** The integer ids that an event names, by kind: none of them is given out again. */
  readonly idsOf: (event: EventLine) => readonly (readonly [kind: string, id: number])[];
  /** Whether an event of a stream may name such ids: only then is its payload looked into. */
  readonly namesIds: (stream: string) => boolean;
  /** A change was committed and some files follow later. */
  readonly onApplyPending: (paths: readonly { path: string; reason: string }[]) => void;
}

/** The shared parts of one open root. */
export interface Parts {
  readonly disk: Disk;
  readonly journal: Journal;
  readonly files: Files;
  readonly overlay: Overlay;
  readonly log: LogIndex;
  readonly readers: LogReaders;
  readonly lastEvents: LastEvents;
}
