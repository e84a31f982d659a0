/** The order of names that hold numbers: `fn-2` before `fn-10`. */

const COLLATOR = new Intl.Collator("en", { numeric: true });

/** Numbers in a name by their value; what is alike then, by its characters. */
export function compareNaturally(left: string, right: string): number {
  const order = COLLATOR.compare(left, right);
  if (order !== 0) return order;
  return left < right ? -1 : left > right ? 1 : 0;
}
