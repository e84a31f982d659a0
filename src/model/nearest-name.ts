/** The name that was probably meant. */

/** A third of the letters may be wrong; beyond that the guess would be noise. */
const TOLERATED_PART = 3;

/** The nearest of some names, the first of equals; `null` when none is near. */
export function nearestName(name: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.max(1, Math.floor(name.length / TOLERATED_PART)) + 1;
  for (const candidate of candidates) {
    const distance = lettersBetween(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** How many letters must be added, removed or replaced. */
function lettersBetween(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_one, at) => at);
  for (const [above, letter] of Array.from(left).entries()) {
    const next = [above + 1];
    for (let at = 1; at <= right.length; at += 1) {
      const replaced = (row[at - 1] ?? 0) + (right[at - 1] === letter ? 0 : 1);
      next.push(Math.min((row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
