/** The order of lists that show what came last first. */

/** Something that was made at a time; its id grows with the order of creation. */
export interface Dated {
  readonly id: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** By time, newest first; of one millisecond, the later id first. */
export function newestFirst(left: Dated, right: Dated): number {
  const ms = Date.parse(right.createdAt) - Date.parse(left.createdAt);
  if (ms !== 0) return ms;
  return left.id < right.id ? 1 : left.id > right.id ? -1 : 0;
}
