/** Numbers with what they count. */

/** `1 error`, `2 errors`; `one` takes an s in the plural unless `many` is given. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
