/** Which texts of a file count as older ones: only what records say of this very file. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { digest } from "#src/storage/hash.js";
import { JOURNAL_VERSION, type CommitRecord } from "#src/storage/journal-lines.js";
import { isOlder } from "#src/storage/judge.js";

const PATH = "features/a.json";
const BEFORE = '{"n":1}\n';
const AFTER = '{"n":2}\n';

function windowOf(path: string): Parameters<typeof isOlder>[2] {
  const record: CommitRecord = {
    ...{ kind: "record", v: JOURNAL_VERSION, n: 1, prev: "", id: "one", boot: "boot", at: 0 },
    changes: [{ put: path, pre: digest(BEFORE), data: AFTER }],
  };
  return [{ record, appliedIn: null, stuck: new Set() }];
}

test("what a record found, and what it made, is older", () => {
  for (const text of [BEFORE, AFTER]) assert.ok(isOlder(PATH, text, windowOf(PATH)), text);
});

test("what a person wrote is not, nor that there is no file", () => {
  for (const text of ['{"n":3}\n', "", null]) assert.ok(!isOlder(PATH, text, windowOf(PATH)));
});

test("what a record found or made at another path is not", () => {
  for (const text of [BEFORE, AFTER])
    assert.ok(!isOlder(PATH, text, windowOf("features/b.json")), text);
});

test("a beginning of what a record made is, where it is asked for", () => {
  const cut = AFTER.slice(0, 3);
  assert.ok(isOlder(PATH, cut, windowOf(PATH), true));
  assert.ok(!isOlder(PATH, cut, windowOf(PATH)));
});
