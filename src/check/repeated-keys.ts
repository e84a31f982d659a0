/** Keys that stand twice in one object of a JSON text, at any depth of it. */

/** Texts, those that are keys with their colon, and brackets: the values between tell nothing here. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g;

/** @param text that is JSON */
export function repeatedKeysWithin(text: string): string[] {
  const open: Set<string>[] = [];
  const repeated = new Set<string>();
  for (const [token, colon] of text.matchAll(TOKENS)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (colon !== undefined) {
      const key = JSON.parse(token.slice(0, -colon.length)) as string;
      const seen = open.at(-1);
      if (seen?.has(key) === true) repeated.add(key);
      seen?.add(key);
    }
  }
  return [...repeated];
}
