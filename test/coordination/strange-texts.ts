/** Texts that are no names of files, or nearly the same as others. */

/** All different; none may be taken for another, lead out of its folder, or be refused. */
export const STRANGE_TEXTS: readonly string[] = [
  ...["a:b", "a/b", "a_b", "a\\b", "a.b", "a b", "A:B", "a%3ab"],
  ...[".", "..", "../../escaped", "/etc/passwd", ".hidden", "trailing.", "trailing "],
  ...["CON", "con", "nul.txt", "-rf", "--json", "*", "?", "a\nb", "a\0b", "\u202e", "~"],
  ...["é", "e\u0301", "日本語", "👩\u200d💻", "__proto__", "constructor", "x.json", "x.md"],
  ...["k".repeat(5000), `${"k".repeat(4999)}l`, "K".repeat(5000)],
];

/** What is no text, or none that can be kept. */
export const NO_TEXTS: readonly unknown[] = [
  ...[undefined, null, 7, true, {}, [], ["a"], "", "\ud800", Symbol.iterator, () => "a"],
];
