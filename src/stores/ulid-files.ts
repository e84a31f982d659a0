/** Documents that are named after their id, a ULID: in small letters, for file systems that ignore case. */

import { isUlid, ulidBehind } from "../model/ulid.ts";
import type { Reading, Writing } from "../storage/view.ts";

const SUFFIX = ".json";
/** The characters of a ULID that hold its time. */
const TIME_LENGTH = 10;
const MAX_ID_SHOWN = 100;

/** The name of the file for an id. */
export function fileOfUlid(id: string): string {
  return `${id.toLowerCase()}${SUFFIX}`;
}

/** {@link fileOfUlid} of what a caller gave, in either case; `null` where it can be nobody's id. */
export function fileOfGivenUlid(id: string): string | null {
  return isUlid(id.toUpperCase()) ? fileOfUlid(id) : null;
}

/** What a caller gave for an id, as a refusal repeats it: one of ours has 26 characters, what is none any number. */
export function shortened(id: string): string {
  return id.slice(0, MAX_ID_SHOWN);
}

/** Why a file's name does not fit the id that it holds; `null` when it does. */
export function namedAfterUlid(name: string, { id }: { readonly id: string }): string | null {
  const expected = fileOfUlid(id);
  return name === expected ? null : `it holds ${id}, which belongs into ${expected}`;
}

/** An id that no file of a folder has, greater than those of the same millisecond. */
export function nextUlidIn(view: Reading | Writing, folder: string, fresh: string): string {
  const time = fresh.slice(0, TIME_LENGTH).toLowerCase();
  const last = view.names(folder).findLast((name) => name.startsWith(time));
  const previous = last?.slice(0, -SUFFIX.length).toUpperCase();
  return ulidBehind(fresh, isUlid(previous) ? previous : null);
}
