import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isIso, toIso } from "#src/model/time.js";
import { encodeUlid, isUlid, nextUlid, ulidTime } from "#src/model/ulid.js";
import { refusal } from "./world.ts";

const bytes = (value: number): Uint8Array => new Uint8Array(10).fill(value);
const LAST_MS = 2 ** 48 - 1;

describe("ULIDs", () => {
  test("known texts", () => {
    assert.equal(encodeUlid(0, bytes(0)), "0".repeat(26));
    assert.equal(encodeUlid(LAST_MS, bytes(255)), `7${"Z".repeat(25)}`);
    assert.equal(encodeUlid(1469918176385, bytes(0)).slice(0, 10), "01ARYZ6S41");
    assert.equal(
      encodeUlid(0, Uint8Array.from([0, 0, 0, 0, 1, 0, 0, 0, 0, 32])).slice(10),
      "0000000100000010",
    );
  });

  test("time and order survive the encoding", () => {
    const parts = fc.tuple(fc.nat(LAST_MS), fc.uint8Array({ minLength: 10, maxLength: 10 }));
    fc.assert(
      fc.property(parts, parts, ([timeA, randomA], [timeB, randomB]) => {
        const [a, b] = [encodeUlid(timeA, randomA), encodeUlid(timeB, randomB)];
        assert.ok(isUlid(a));
        assert.equal(ulidTime(a), timeA);
        const expected = timeA - timeB || Buffer.compare(randomA, randomB);
        assert.equal(Math.sign(expected), a === b ? 0 : a < b ? -1 : 1);
      }),
    );
  });

  test("what is no ULID", () => {
    const good = encodeUlid(5, bytes(7));
    for (const bad of [
      "",
      good.toLowerCase(),
      `8${good.slice(1)}`,
      `${good.slice(1)}U`,
      `${good}0`,
      5,
      null,
    ]) {
      assert.equal(isUlid(bad), false, String(bad));
    }
    refusal("BAD_REQUEST", () => ulidTime("x"));
    refusal("BAD_REQUEST", () => encodeUlid(-1, bytes(0)));
    refusal("BAD_REQUEST", () => encodeUlid(LAST_MS + 1, bytes(0)));
    refusal("BAD_REQUEST", () => encodeUlid(1, new Uint8Array(9)));
  });

  test("the next one is greater, whatever the clock says", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3), { minLength: 1, maxLength: 30 }),
        fc.constantFrom(0, 255, 254),
        (clock, fill) => {
          let previous: string | null = null;
          let highest = 0;
          for (const now of clock) {
            const next = nextUlid(previous, now, () => bytes(fill));
            highest = Math.max(highest, now);
            assert.ok(previous === null || next > previous);
            assert.ok(ulidTime(next) >= highest);
            previous = next;
          }
        },
      ),
    );
  });

  test("the same millisecond counts up, an overflow begins the next one", () => {
    const first = encodeUlid(9, bytes(0));
    assert.equal(
      nextUlid(first, 9, () => bytes(1)),
      `${first.slice(0, 25)}1`,
    );
    assert.equal(
      nextUlid(`${first.slice(0, 24)}ZZ`, 3, () => bytes(1)),
      `${first.slice(0, 23)}100`,
    );
    assert.equal(
      nextUlid(encodeUlid(9, bytes(255)), 9, () => bytes(1)),
      encodeUlid(10, bytes(1)),
    );
    assert.equal(
      nextUlid(first, 10, () => bytes(3)),
      encodeUlid(10, bytes(3)),
    );
    refusal("BAD_REQUEST", () => nextUlid(encodeUlid(LAST_MS, bytes(255)), 0, () => bytes(0)));
  });
});

describe("times", () => {
  test("are written in UTC with milliseconds", () => {
    assert.equal(toIso(0), "1970-01-01T00:00:00.000Z");
    assert.equal(toIso(Date.UTC(2026, 1, 3, 4, 5, 6, 7)), "2026-02-03T04:05:06.007Z");
    for (const bad of [NaN, Infinity, 8.64e15]) refusal("BAD_REQUEST", () => toIso(bad));
  });

  test("are told from other texts", () => {
    assert.ok(isIso("2024-02-29T00:00:00.000Z"));
    for (const bad of [
      "2026-02-30T00:00:00.000Z",
      "2026-02-03T04:05:06Z",
      "2026-02-03 04:05:06",
      "2026-02-03T04:05:06.007+01:00",
      7,
      null,
    ]) {
      assert.equal(isIso(bad), false, String(bad));
    }
  });
});
