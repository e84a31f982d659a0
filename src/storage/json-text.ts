/**
 * Changing top-level members of a JSON object in its text. What is not changed keeps its bytes:
 * order, numbers that JavaScript cannot hold, a person's own layout. So unknown keys survive any
 * write by construction, and a diff shows what changed and nothing else.
 */

/** A member of the outermost object, by positions in the text. */
interface Member {
  readonly key: string;
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

interface ObjectText {
  readonly open: number;
  readonly close: number;
  readonly members: readonly Member[];
}

const INDENT = "  ";
const QUOTE = 34;
const BACKSLASH = 92;

/** The text of a new document: two spaces, LF, one array element a line, a final newline. */
export function formatJson(value: object): string {
  return `${JSON.stringify(value, null, INDENT)}\n`;
}

/**
 * `text` with members set and removed.
 *
 * @param text a JSON object that `JSON.parse` takes.
 * @param order known keys: a new one goes behind the nearest of those before it; others go last.
 */
export function patchJson(
  text: string,
  set: ReadonlyMap<string, unknown>,
  unset: readonly string[],
  order: readonly string[],
): string {
  let patched = text;
  for (const key of unset) patched = removeMember(patched, key);
  for (const [key, value] of set) patched = setMember(patched, key, value, order);
  return patched;
}

function setMember(text: string, key: string, value: unknown, order: readonly string[]): string {
  const object = scanObject(text);
  const newline = `${endOfLine(text)}${indentOf(text, object)}`;
  const json = JSON.stringify(value, null, INDENT).replaceAll("\n", newline);
  const present = lastOf(object, key);
  if (present !== undefined) {
    return text.slice(0, present.valueStart) + json + text.slice(present.valueEnd);
  }
  const member = `${JSON.stringify(key)}: ${json}`;
  const before = predecessor(object, key, order);
  if (before !== undefined) {
    return `${text.slice(0, before.valueEnd)},${newline}${member}${text.slice(before.valueEnd)}`;
  }
  const first = object.members[0];
  if (first === undefined) {
    return `${text.slice(0, object.open + 1)}${newline}${member}${endOfLine(text)}${text.slice(object.close)}`;
  }
  return `${text.slice(0, first.keyStart)}${member},${newline}${text.slice(first.keyStart)}`;
}

function removeMember(text: string, key: string): string {
  const object = scanObject(text);
  const member = lastOf(object, key);
  if (member === undefined) return text;
  const at = object.members.indexOf(member);
  const before = object.members[at - 1];
  const after = object.members[at + 1];
  let rest: string;
  if (before !== undefined) rest = text.slice(0, before.valueEnd) + text.slice(member.valueEnd);
  else if (after !== undefined) rest = text.slice(0, member.keyStart) + text.slice(after.keyStart);
  else rest = text.slice(0, object.open + 1) + text.slice(object.close);
  // A key that stands twice (a merge may do that) goes wholly.
  return removeMember(rest, key);
}

/** Of a key that stands twice the last one counts, as in `JSON.parse`. */
function lastOf(object: ObjectText, key: string): Member | undefined {
  return object.members.findLast((member) => member.key === key);
}

function predecessor(
  object: ObjectText,
  key: string,
  order: readonly string[],
): Member | undefined {
  const rank = order.indexOf(key);
  if (rank < 0) return object.members.at(-1);
  const earlier = new Set(order.slice(0, rank));
  return object.members.findLast((member) => earlier.has(member.key));
}

/** How lines end here: some editors write CR LF. */
function endOfLine(text: string): string {
  return text[text.indexOf("\n") - 1] === "\r" ? "\r\n" : "\n";
}

/** The blanks before the first member, where it begins a line. */
function indentOf(text: string, object: ObjectText): string {
  const first = object.members[0];
  if (first === undefined) return INDENT;
  const lead = text.slice(object.open + 1, first.keyStart);
  const lineStart = lead.lastIndexOf("\n");
  return lineStart < 0 ? INDENT : lead.slice(lineStart + 1);
}

function scanObject(text: string): ObjectText {
  const open = text.indexOf("{");
  const members: Member[] = [];
  let at = skipBlanks(text, open + 1);
  while (text[at] !== "}") {
    const keyStart = at;
    const keyEnd = skipString(text, at);
    const valueStart = skipBlanks(text, skipBlanks(text, keyEnd) + 1);
    const valueEnd = skipValue(text, valueStart);
    const key = JSON.parse(text.slice(keyStart, keyEnd)) as string;
    members.push({ key, keyStart, valueStart, valueEnd });
    at = skipBlanks(text, valueEnd);
    if (text[at] === ",") at = skipBlanks(text, at + 1);
  }
  return { open, close: at, members };
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at += 1;
  return at;
}

/** The position behind a string that begins at `from`. */
function skipString(text: string, from: number): number {
  for (let at = from + 1; ; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at + 1;
  }
}

/** The position behind a value; without recursion, however deep it nests. */
function skipValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  for (;;) {
    const character = text[at];
    if (character === '"') {
      at = skipString(text, at);
    } else {
      if (character === "{" || character === "[") depth += 1;
      else if (character === "}" || character === "]") depth -= 1;
      at += 1;
    }
    if (depth > 0) continue;
    if (character === '"' || character === "}" || character === "]") return at;
    const next = text[at];
    if (next === undefined || ",}] \n\r\t".includes(next)) return at;
  }
}

/**
 * Where `text` stops being JSON: the position of the first character that may not stand there, its
 * length when it ends too early, `null` when it is JSON. (What `JSON.parse` says of it differs
 * from one version of Node to the next, and most often names no position.)
 */
export function syntaxErrorAt(text: string): number | null {
  /** What closes the lists and objects that are open. */
  const closers: string[] = [];
  let next: "value" | "value or end" | "key" | "key or end" | "colon" | "comma or end" = "value";
  for (let at = skipBlanks(text, 0); ; at = skipBlanks(text, at)) {
    const character = text[at] ?? "";
    const closer = closers.at(-1);
    if (next === "comma or end" && closer === undefined) return at === text.length ? null : at;
    if (next.endsWith("or end") && character === closer) {
      closers.pop();
      next = "comma or end";
      at += 1;
    } else if (next === "comma or end") {
      if (character !== ",") return at;
      next = closer === "}" ? "key" : "value";
      at += 1;
    } else if (next === "colon") {
      if (character !== ":") return at;
      next = "value";
      at += 1;
    } else if (next.startsWith("value") && (character === "{" || character === "[")) {
      closers.push(character === "{" ? "}" : "]");
      next = character === "{" ? "key or end" : "value or end";
      at += 1;
    } else {
      const isKey = next.startsWith("key");
      if (isKey && character !== '"') return at;
      const { end, isWhole } = character === '"' ? stringAt(text, at) : wordAt(text, at);
      if (!isWhole) return end;
      next = isKey ? "colon" : "comma or end";
      at = end;
    }
  }
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const FIRST_PRINTABLE = 32;

/** The end of a string that begins at `from`, or where it goes wrong. */
function stringAt(text: string, from: number): { end: number; isWhole: boolean } {
  for (let at = from + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return { end: at + 1, isWhole: true };
    if (code < FIRST_PRINTABLE) return { end: at, isWhole: false };
    if (code !== BACKSLASH) continue;
    ESCAPE.lastIndex = at;
    if (!ESCAPE.test(text)) return { end: at, isWhole: false };
    at = ESCAPE.lastIndex - 1;
  }
  return { end: text.length, isWhole: false };
}

/** The end of a number, `true`, `false` or `null` that begins at `from`. */
function wordAt(text: string, from: number): { end: number; isWhole: boolean } {
  WORD.lastIndex = from;
  const isWhole = WORD.test(text);
  return { end: isWhole ? WORD.lastIndex : from, isWhole };
}
