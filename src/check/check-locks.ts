/** What can be wrong with the files of locks, and of those who wait for them. */

import type { Finding } from "../finding.ts";
import { LOCK_QUEUE, LOCKS } from "../storage/layout.ts";
import { lockDocuments, ticketDocuments } from "../stores/lock-files.ts";
import { NOBODY } from "../stores/told.ts";
import { usableIn } from "./check-work.ts";
import type { Sight } from "./sight.ts";

/** Every file that cannot be used: what it speaks of cannot be locked until it is cleared. */
export function findLockProblems(sight: Sight): Finding[] {
  return [
    ...usableIn(sight, LOCKS, lockDocuments(NOBODY)).findings,
    ...usableIn(sight, LOCK_QUEUE, ticketDocuments(NOBODY)).findings,
  ];
}
