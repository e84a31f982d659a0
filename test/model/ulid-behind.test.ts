import assert from "node:assert/strict";
import { test } from "node:test";
import { isUlid, ulidBehind } from "#src/model/ulid.js";

const TIME = "01ARZ3NDEK";
const fresh = `${TIME}AAAAAAAABBBBBBBB`;

test("an id that comes last anyway stays as it was drawn", () => {
  assert.equal(ulidBehind(fresh, null), fresh);
  assert.equal(ulidBehind(fresh, `${TIME}9ZZZZZZZZZZZZZZZ`), fresh);
  assert.equal(ulidBehind(fresh, "01ARZ3NDEJZZZZZZZZZZZZZZZZ"), fresh);
});

test("one of the same millisecond goes behind, with chance of its own", () => {
  const behind = ulidBehind(fresh, `${TIME}AAAAAAAACCCCCCCC`);
  assert.equal(behind, `${TIME}AAAAAAABBBBBBBBB`);
  assert.equal(ulidBehind(fresh, `${TIME}CCCCCCCZ00000000`), `${TIME}CCCCCCD0BBBBBBBB`);
  assert.notEqual(ulidBehind(fresh, fresh), fresh);
});

test("many of one millisecond are ULIDs in the order they were made", () => {
  let previous: string | null = null;
  for (let at = 0; at < 1000; at += 1) {
    const random = String(at * 7919)
      .padStart(16, "0")
      .slice(-16);
    const next: string = ulidBehind(`${TIME}${random}`, previous);
    assert.ok(isUlid(next) && (previous === null || next > previous), next);
    previous = next;
  }
});

test("one from a later millisecond is not followed: two clones would follow it alike", () => {
  assert.equal(ulidBehind(fresh, "01ARZ3NDEMAAAAAAAAAAAAAAAA"), fresh);
  assert.equal(ulidBehind(fresh, `${TIME}ZZZZZZZZZZZZZZZZ`), fresh);
});
