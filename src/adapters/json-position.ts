/** Where a text stops being JSON. JSON.parse knows, but does not say it in every version of Node. */

/** One token: punctuation, a string, a number or a word. Space before it is skipped. */
const TOKEN =
  // oxlint-disable-next-line no-control-regex
  /[ \t\n\r]*(?:([{}[\],:])|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;

/** What may come next. */
type Expected = "value" | "value or ]" | "key" | "key or }" | ":" | ", or end";

/**
 * The place of the first character that JSON does not allow there; the text's end when it stops
 * too early, or when nothing is wrong.
 */
export function errorPosition(text: string): number {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  let at = 0;
  for (;;) {
    TOKEN.lastIndex = at;
    const [all, mark, string] = TOKEN.exec(text) ?? [];
    if (all === undefined) return skipSpace(text, at);
    const place = at + all.length - all.trimStart().length;
    const next: Expected | null =
      mark === undefined
        ? afterScalar(expected, string !== undefined)
        : afterMark(expected, mark, open);
    if (next === null) return place;
    expected = next;
    at += all.length;
    if (open.length === 0 && expected === ", or end") return skipSpace(text, at);
  }
}

function afterScalar(expected: Expected, isString: boolean): Expected | null {
  if (expected.startsWith("value")) return ", or end";
  return expected.startsWith("key") && isString ? ":" : null;
}

/** Keeps `open`, the brackets that are not closed yet. */
function afterMark(expected: Expected, mark: string, open: ("{" | "[")[]): Expected | null {
  if (mark === "{" || mark === "[") {
    if (!expected.startsWith("value")) return null;
    open.push(mark);
    return mark === "{" ? "key or }" : "value or ]";
  }
  if (mark === ":") return expected === ":" ? "value" : null;
  const inner = open.at(-1);
  if (mark === ",") {
    if (expected !== ", or end") return null;
    return inner === "{" ? "key" : "value";
  }
  const mayClose =
    expected === ", or end" || expected === (mark === "}" ? "key or }" : "value or ]");
  if (!mayClose || inner !== (mark === "}" ? "{" : "[")) return null;
  open.pop();
  return ", or end";
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (" \t\n\r".includes(text[at] ?? "x")) at += 1;
  return at < text.length ? at : text.trimEnd().length;
}
