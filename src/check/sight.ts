/** What a check looks at: the documents and the log of one state. */

import type { EventLog, LogLook } from "../storage/event-log.ts";
import { EVENTS } from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";
import type { Reading, Writing } from "../storage/view.ts";

export interface Sight {
  readonly storage: Storage;
  readonly view: Reading | Writing;
  /** `null` where `events` is a link or a file: nothing is read through it. */
  readonly log: LogLook | null;
}

/** What `view` and `log` show together. */
export function sightOf(storage: Storage, view: Reading | Writing, log: EventLog): Sight {
  const { disk, files, journal } = storage;
  if (disk.stat(EVENTS)?.isDirectory() === false) return { storage, view, log: null };
  log.refresh(view.names(EVENTS), files.freshSince(), files.now());
  return { storage, view, log: log.look(journal.ledger) };
}
