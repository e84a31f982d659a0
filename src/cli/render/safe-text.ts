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
  /[\p{Cc}\p{Surrogate}\u{00ad}\u{061c}\u{115f}\u{1160}\u{180e}\u{200b}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{3164}\u{feff}\u{ffa0}\u{fff9}-\u{fffb}\u{e0000}-\u{e007f}]|\u{17b4}|\u{17b5}/gu;

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
