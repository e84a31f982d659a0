/** Changing a member of a JSON text: everything else keeps its bytes; and where a text goes wrong. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { repeatedKeysWithin } from "#src/check/repeated-keys.js";
import { formatJson, patchJson, syntaxErrorAt } from "#src/storage/json-text.js";

const RUNS = 300;

/** Values as a person or another program may write them, which JSON.stringify never would. */
const rawValue = fc.oneof(
  fc.constantFrom("1.0", "1e400", "-0", "12345678901234567890", "1E+2", "0.10", "-1.5e-7"),
  fc.constantFrom(
    '"\\u0041\\/\\ud800"',
    '"}{][,:\\""',
    "[ ]",
    "{ }",
    '[1 , 2\t,{"a" :[]}]',
    "null",
  ),
  fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value, null, 2)),
);

const key = fc.oneof(
  fc.constantFrom(
    "id",
    "name",
    "priority",
    "own",
    "__proto__",
    "constructor",
    "",
    "a b",
    '"',
    "é",
    "\\",
  ),
  fc.string({ maxLength: 5 }),
);

interface Member {
  readonly key: string;
  readonly raw: string;
}

const members = fc.uniqueArray(fc.record({ key, raw: rawValue }), {
  selector: (member) => member.key,
  maxLength: 6,
});

const layout = fc.constantFrom(
  { open: "{\n", indent: "  ", colon: ": ", comma: ",\n", close: "\n}\n" },
  { open: "{", indent: "", colon: ":", comma: ",", close: "}" },
  { open: "{\r\n", indent: "\t", colon: " :\t", comma: " ,\r\n", close: "\r\n}\r\n" },
  { open: "\n\n  {  ", indent: "", colon: ": ", comma: ",", close: " } \n\n" },
);

const ORDER = ["id", "name", "priority", "own"];

function textOf(
  list: readonly Member[],
  { open, indent, colon, comma, close }: Record<string, string>,
): string {
  const body = list.map(({ key: name, raw }) => `${indent}${JSON.stringify(name)}${colon}${raw}`);
  return `${open}${body.join(comma)}${close}`;
}

/** The members of a text, each with its bytes: by a scan of the test's own. */
function membersOf(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let at = text.indexOf("{") + 1;
  const blank = /[\s,]*/y;
  const string = /"(?:[^"\\]|\\.)*"/y;
  for (;;) {
    blank.lastIndex = at;
    blank.test(text);
    at = blank.lastIndex;
    if (text[at] === "}") return found;
    string.lastIndex = at;
    const name = JSON.parse((string.exec(text) as RegExpExecArray)[0]) as string;
    at = text.indexOf(":", string.lastIndex) + 1;
    while (/\s/.test(text[at] ?? "")) at += 1;
    const from = at;
    let depth = 0;
    for (; at < text.length; at += 1) {
      if (text[at] === '"') {
        string.lastIndex = at;
        string.test(text);
        at = string.lastIndex - 1;
      } else if ("{[".includes(text[at] ?? "")) depth += 1;
      else if ("}]".includes(text[at] ?? "") && depth > 0) depth -= 1;
      else if (depth === 0 && /[,}\s]/.test(text[at] ?? "")) break;
    }
    found.set(name, text.slice(from, at));
  }
}

describe("patchJson", () => {
  test("sets and removes what it is told; every other member keeps its bytes and its place", () => {
    fc.assert(
      fc.property(
        members,
        layout,
        fc.array(fc.tuple(key, fc.jsonValue({ maxDepth: 2 })), { maxLength: 3 }),
        fc.array(key, { maxLength: 2 }),
        (list, style, changes, unset) => {
          const text = textOf(list, style);
          const set = new Map(changes.filter(([name]) => !unset.includes(name)));
          const patched = patchJson(text, set, unset, ORDER);
          const value = JSON.parse(patched) as Record<string, unknown>;
          for (const [name, expected] of set) {
            const own = Object.getOwnPropertyDescriptor(value, name)?.value as unknown;
            assert.equal(JSON.stringify(own), JSON.stringify(expected));
          }
          for (const name of unset) assert.ok(!Object.hasOwn(value, name));
          const kept = list.filter((member) => !set.has(member.key) && !unset.includes(member.key));
          const after = membersOf(patched);
          for (const member of kept) assert.equal(after.get(member.key), member.raw);
          const places = [...after.keys()].filter((name) => kept.some((one) => one.key === name));
          assert.deepEqual(
            places,
            kept.map((one) => one.key),
          );
          // Whatever is around the object stays.
          assert.equal(patched.slice(0, patched.indexOf("{")), text.slice(0, text.indexOf("{")));
          assert.equal(patched.slice(patched.lastIndexOf("}")), text.slice(text.lastIndexOf("}")));
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("setting what is there already, as it is written, changes no byte of a document of ours", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ maxDepth: 2 })),
        (value) => {
          const text = formatJson(value);
          const entries = Object.entries(value);
          fc.pre(!entries.some(([, one]) => Object.is(one, -0)));
          assert.equal(patchJson(text, new Map(entries), [], []), text);
          assert.equal(patchJson(text, new Map(), [], []), text);
          assert.deepEqual(JSON.parse(patchJson(text, new Map(), Object.keys(value), [])), {});
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("a new known key goes behind those before it, an unknown one last; lines end as the others do", () => {
    const patch = (text: string, name: string): string =>
      patchJson(text, new Map([[name, ["x"]]]), [], ORDER);
    assert.equal(
      patch('{\n  "id": 1,\n  "own": 2\n}\n', "name"),
      '{\n  "id": 1,\n  "name": [\n    "x"\n  ],\n  "own": 2\n}\n',
    );
    assert.equal(patch('{\n  "own": 2\n}\n', "id"), '{\n  "id": [\n    "x"\n  ],\n  "own": 2\n}\n');
    assert.equal(
      patch('{\r\n\t"own": 2\r\n}\r\n', "z"),
      '{\r\n\t"own": 2,\r\n\t"z": [\r\n\t  "x"\r\n\t]\r\n}\r\n',
    );
    assert.equal(patch("{}", "id"), '{\n  "id": [\n    "x"\n  ]\n}');
    assert.equal(patch("{ }", "id"), '{\n  "id": [\n    "x"\n  ]\n}');
  });

  test("of a key that stands twice the last one counts and is set; removed, both go", () => {
    const text = '{"a": 1, "b": 2, "a": 3}';
    assert.deepEqual(repeatedKeysWithin(text), ["a"]);
    assert.equal(patchJson(text, new Map([["a", 4]]), [], []), '{"a": 1, "b": 2, "a": 4}');
    assert.deepEqual(JSON.parse(patchJson(text, new Map(), ["a"], [])), { b: 2 });
    assert.deepEqual(JSON.parse(patchJson(text, new Map(), ["a", "b"], [])), {});
    assert.deepEqual(repeatedKeysWithin('{"\\u0061": 1, "a": {"b": 1, "b": 2}}'), ["a", "b"]);
    assert.deepEqual(repeatedKeysWithin('{"__proto__": 1, "constructor": 2}'), []);
  });

  test("a value that nests 100,000 levels deep is passed over without recursion", () => {
    const deep = `${'{"a":['.repeat(50_000)}${"]}".repeat(50_000)}`;
    const text = `{\n  "deep": ${deep},\n  "b": 1\n}\n`;
    assert.equal(patchJson(text, new Map([["b", 2]]), [], []), text.replace('"b": 1', '"b": 2'));
    assert.deepEqual(repeatedKeysWithin(text), []);
  });

  test("a key that stands twice is found behind a text of very many escapes", () => {
    const long = JSON.stringify('"'.repeat(3_000_000));
    assert.deepEqual(repeatedKeysWithin(`{"a": ${long}, "b": 1, "b": 2}`), ["b"]);
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** `\uD83D` without its last digit. */
const LONGEST = 5;

describe("syntaxErrorAt", () => {
  test("is null exactly for what JSON.parse takes", () => {
    const piece = fc.constantFrom(
      ...[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        '"a"',
        '"\\n"',
        '"\\x"',
        '"\\u12G4"',
        '"\\ud800"',
        "\\",
      ],
      ...["1", "-", "0", "01", "-0", "1.", ".5", "1.5e+7", "1e", "e", "+1", "NaN", "Infinity"],
      ...[
        "true",
        "false",
        "null",
        "nul",
        "truefalse",
        " ",
        "\n",
        "\r\n",
        "\t",
        "\u00a0",
        "\ufeff",
        "\0",
        "x",
      ],
    );
    const soup = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(soup, (text) => assert.equal(syntaxErrorAt(text) === null, isJson(text), text)),
      { numRuns: 3000 },
    );
  });

  test("names the first character that is wrong: up to it the text could have gone on", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 3 }),
        fc.nat(),
        fc.string({ maxLength: 2 }),
        (value, seed, added) => {
          const text = JSON.stringify(value, null, 2);
          assert.equal(syntaxErrorAt(text), null);
          const at = seed % (text.length + 1);
          // Cut, or with something put in, what stands before was right; a word or an escape that
          // is not whole is named at its beginning.
          const cut = syntaxErrorAt(text.slice(0, at));
          if (cut !== null) assert.ok(cut >= at - LONGEST && cut <= at, `${cut} of ${at}`);
          const broken = syntaxErrorAt(text.slice(0, at) + added + text.slice(at));
          if (broken !== null) assert.ok(broken >= at - LONGEST, `${broken} of ${at}`);
        },
      ),
      { numRuns: RUNS },
    );
    for (const [text, position] of [
      ["", 0],
      ["  ", 2],
      ["{", 1],
      ['{"a"', 4],
      ['{"a":1,}', 7],
      ["[1,]", 3],
      ["[1 2]", 3],
      ['{"a" 1}', 5],
      ["{a: 1}", 1],
      ['{"a": 1} x', 9],
      ['"a\nb"', 2],
      ['"\\q"', 1],
      ["tru", 0],
      ["01", 1],
      ["]", 0],
      ["[}", 1],
    ] as const) {
      assert.equal(syntaxErrorAt(text), position, JSON.stringify(text));
    }
  });

  test("takes a text of 10 MB and one of 100,000 levels", () => {
    assert.equal(syntaxErrorAt("[".repeat(100_000)), 100_000);
    assert.equal(syntaxErrorAt(`${"[".repeat(100_000)}${"]".repeat(100_000)}`), null);
    const long = `"${"x".repeat(10_000_000)}`;
    assert.equal(syntaxErrorAt(long), long.length);
    assert.equal(syntaxErrorAt(`${long}"`), null);
    assert.equal(syntaxErrorAt("1".repeat(10_000_000)), null);
  });
});
