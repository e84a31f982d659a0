/**
 * Texts from files and arguments, made safe to look at: a name can move the cursor, recolour the
 * screen or turn the writing direction. Every text that did not come from this program passes here
 * on its way to a terminal.
 */

/**
 * Control characters (C0, DEL, C1), halves of surrogate pairs, line separators, and characters
 * without a width that turn or hide text: zero-width space, marks and overrides of direction,
 * soft hyphen, byte order mark, tags. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
 */
const UNSAFE =
  /[\p{Cc}\p{Surrogate}\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** `text` on one line, with every unsafe character written as an escape such as `\x1b`. */
export function visible(text: string): string {
  return text.replace(UNSAFE, escapeOf);
}

/** The lines of `text`, each made visible; tabs become spaces. */
export function visibleLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => visible(line.replaceAll("\t", "    ")));
}

function escapeOf(char: string): string {
  const short = SHORT_ESCAPES[char];
  if (short !== undefined) return short;
  const code = char.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
}
