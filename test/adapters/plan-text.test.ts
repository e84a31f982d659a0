import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorPosition } from "#src/adapters/json-position.js";
import { elementLines, lineAt } from "#src/adapters/plan-text.js";

describe("the place of a syntax error", () => {
  /** The bar stands before the first character that is wrong. */
  const TEXTS = [
    "|Dear team",
    "[1, |]",
    "[1 |2]",
    '{"a" |1}',
    '{"a": 1, |}',
    "{|a: 1}",
    "[1]|]",
    "[1|}",
    '{"a": [1, {"b": |tru}]}',
    '["a\\u12|',
    '[|"a\nb"]',
    "[01|",
    "[1,|",
    '{"a":|',
    "[|.5]",
  ];
  for (const marked of TEXTS) {
    test(marked, () => {
      const text = marked.replace("|", "");
      assert.throws(() => JSON.parse(text), SyntaxError);
      const line = lineAt(text, errorPosition(text));
      assert.equal(line, lineAt(text, marked.indexOf("|")));
    });
  }

  test("names the very character where a token begins it", () => {
    for (const marked of ["[1, |]", '{"a" |1}', "[1]  |]", '{"a":\n|}']) {
      assert.equal(errorPosition(marked.replace("|", "")), marked.indexOf("|"));
    }
  });

  test("nothing wrong: the end", () => {
    const text = '{"a": [1, -2.5e3, true, null, "x\\n\\u00e9"], "b": {}, "c": []}';
    assert.equal(errorPosition(`${text}\n`), text.length);
  });
});

test("the lines on which the elements of a list begin", () => {
  assert.deepEqual(elementLines('[\n {"a": [1,\n2]},\n\n "x,]", 3\n]'), [2, 5, 5]);
  assert.deepEqual(elementLines('{"features": [\n{}\n,\n{}]}'), [2, 4]);
  assert.deepEqual(elementLines("[]"), []);
});
