/** File names from user text: one name a text, on every file system. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";

import fc from "fast-check";

import { isFlowError } from "#src/errors.js";
import { decodeName, encodeName, MAX_NAME_BYTES } from "#src/storage/names.js";

const RUNS = 1000;

/** Texts of the kind that makes trouble, beside any at all. */
const nasty = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 40 }) },
  { weight: 3, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }) },
  {
    weight: 4,
    arbitrary: fc
      .array(
        fc.constantFrom(
          ...[
            "con",
            "CON",
            "nul",
            "com1",
            "lpt9",
            "aux",
            "prn",
            ".",
            "..",
            "-",
            "_",
            "+",
            "%",
            "%61",
          ],
          ...[
            " ",
            "/",
            "\\",
            ":",
            "a",
            "A",
            "b",
            "é",
            "e\u0301",
            "ß",
            "ſ",
            "K",
            "İ",
            "\u0130",
            "\u212A",
          ],
          ...["\0", "\n", "\u007f", "\ufeff", "😀", "json", "~1", "*", "?", "<", "|", '"', "日本"],
        ),
        { minLength: 1, maxLength: 8 },
      )
      .map((parts) => parts.join("")),
  },
  { weight: 1, arbitrary: fc.string({ minLength: 90, maxLength: 400 }) },
);

const DEVICES = /^(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])$/i;

/** What Windows, macOS and Linux all take, as a file name by itself and with a suffix. */
function assertLegal(name: string): void {
  assert.match(name, /^[a-z0-9_.+%-]+$/, name);
  assert.doesNotMatch(name, /^[.-]|[. ]$/, name);
  for (const whole of [name, `${name}.json`, `${name}.md`]) {
    assert.doesNotMatch(whole.split(".")[0]?.trimEnd() ?? "", DEVICES, whole);
  }
  assert.ok(Buffer.byteLength(name) <= MAX_NAME_BYTES, `${name.length} bytes`);
}

/** The coarsest a file system can be: case and accents composed, decomposed, dropped. */
function folded(name: string): string {
  return name.normalize("NFKD").toLowerCase().toUpperCase().toLowerCase().replace(/\p{M}/gu, "");
}

describe("names from user text", () => {
  test("every name is legal everywhere and at most 200 bytes", () => {
    fc.assert(
      fc.property(nasty, (text) => assertLegal(encodeName(text))),
      { numRuns: RUNS },
    );
  });

  test("up to 200 bytes a name gives its text back, beyond that it gives nothing", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const name = encodeName(text);
        const isCut = name.includes("%-");
        assert.equal(decodeName(name), isCut ? null : text);
        if (!isCut) return;
        assert.match(name.slice(100), /^%-[0-9a-f]{32}$/);
      }),
      { numRuns: RUNS },
    );
  });

  test("no two texts have one name, on a file system that folds case and accents either", () => {
    fc.assert(
      fc.property(nasty, nasty, (one, other) => {
        if (one === other) return;
        assert.notEqual(folded(encodeName(one)), folded(encodeName(other)));
      }),
      { numRuns: RUNS },
    );
    fc.assert(
      fc.property(nasty, (text) => {
        const name = folded(encodeName(text));
        const changed = [
          text.toUpperCase(),
          text.toLowerCase(),
          text.normalize("NFC"),
          text.normalize("NFD"),
          text.normalize("NFKC"),
          `${text}.`,
          `${text} `,
          `.${text}`,
          text.replaceAll(":", "/"),
          encodeName(text),
        ];
        for (const other of changed) {
          if (other !== text) assert.notEqual(folded(encodeName(other)), name, other);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("long texts that begin alike differ, and none looks like a whole name", () => {
    const long = "x".repeat(300);
    const names = new Set([long, `${long}x`, `${long}X`, `${long}.`].map(encodeName));
    assert.equal(names.size, 4);
    for (const name of names) {
      assert.equal(decodeName(name), null);
      // The text that a cut name spells is another text, with another name.
      assert.notEqual(encodeName(name), name);
    }
    assert.equal(encodeName("x".repeat(200)), "x".repeat(200));
    assert.equal(encodeName("x".repeat(201)).length, 134);
    // An escape is not counted as one byte: 67 capitals with accents are 402.
    assert.equal(decodeName(encodeName("É".repeat(33))), "É".repeat(33));
    assert.equal(decodeName(encodeName("É".repeat(34))), null);
  });

  test("the names of storage.md are all different and can be recognised", () => {
    const table: readonly (readonly [text: string, name: string])[] = [
      ["fn-1.2", "fn-1.2"],
      ["agent_events", "agent_events"],
      ["a:b", "a%3ab"],
      ["a/b", "a%2fb"],
      ["a\\b", "a%5cb"],
      ["a_b", "a_b"],
      ["a", "a"],
      ["A", "+a"],
      ["TASK-12", "+t+a+s+k-12"],
      ["taskId", "task+id"],
      ["..", "%2e%2e"],
      [".", "%2e"],
      ["../../etc/passwd", "%2e.%2f..%2fetc%2fpasswd"],
      [".git", "%2egit"],
      ["a.", "a%2e"],
      ["a ", "a%20"],
      ["-rf", "%2drf"],
      ["CON", "+c+o+n"],
      ["con", "co%6e"],
      ["con.txt", "co%6e.txt"],
      ["Con", "+con"],
      ["console", "console"],
      ["com1", "co%6d1"],
      ["com10", "com10"],
      ["nul.a.b", "nu%6c.a.b"],
      ["é", "%c3%a9"],
      ["e\u0301", "e%cc%81"],
      ["__proto__", "__proto__"],
      ["\0", "%00"],
    ];
    for (const [text, name] of table) {
      assert.equal(encodeName(text), name);
      assert.equal(decodeName(name), text);
    }
    assert.equal(new Set(table.map(([, name]) => folded(name))).size, table.length);
  });

  test("what is no name decodes to nothing", () => {
    const foreign = [
      ...["", "A", "a b", "%", "%6", "%61", "%2F", "%zz", "+", "+1", "+A", "a+", "a/b", "a:b", "."],
      ...["..", ".a", "a.", "-a", "con", "con.txt", "nul", "%ff", "%c3", "%c3%28", "%ed%a0%80"],
      ...["é", "%-", `a%-${"0".repeat(32)}`, "x".repeat(201), "\ud800", "%%", "a\n"],
    ];
    for (const name of foreign) assert.equal(decodeName(name), null, JSON.stringify(name));
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ab+%-._1cf2e".split("")) }), (name) => {
        const text = decodeName(name);
        if (text !== null) assert.equal(encodeName(text), name);
      }),
      { numRuns: RUNS },
    );
  });

  test("an empty text, half a surrogate pair and what is no text are refused", () => {
    for (const text of [
      "",
      "\ud800",
      "a\udc00b",
      "\udc00\ud800",
      null,
      undefined,
      1,
      {},
      Symbol("x"),
    ]) {
      assert.throws(
        () => encodeName(text as string),
        (error) => isFlowError(error, "BAD_REQUEST"),
      );
    }
  });

  test("this machine's file system keeps every one of 2,000 apart", () => {
    const folder = mkdtempSync(join(tmpdir(), "flowstore-names-"));
    try {
      const texts = [...new Set(fc.sample(nasty, { numRuns: 2000, seed: 7 }))];
      for (const text of texts) {
        writeFileSync(join(folder, `${encodeName(text)}.json`), text, { flag: "wx" });
      }
      assert.equal(readdirSync(folder).length, texts.length);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
