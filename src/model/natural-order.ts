/** The order of names that hold numbers: `fn-2` before `fn-10`. */

/** Made at the first use: that takes as long as opening a store. */
let collator: Intl.Collator | undefined;

/** Numbers in a name by their value; what is alike then, by its characters. */
export function compareNaturally(left: string, right: string): number {
  collator ??= new Intl.Collator("en", { numeric: true });
  const order = collator.compare(left, right);
  if (order !== 0) return order;
  return left < right ? -1 : left > right ? 1 : 0;
}
