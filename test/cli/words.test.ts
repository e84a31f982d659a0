/** What is typed, as values. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FlowError } from "#src/errors.js";
import { nearest } from "#src/nearest.js";
import { findCommand, parseWords } from "#src/cli/parse.js";
import {
  readAssignment,
  readDuration,
  readId,
  readIds,
  readInteger,
  readMoment,
} from "#src/cli/values.js";

const isBadRequest = (error: unknown): boolean =>
  error instanceof FlowError && error.code === "BAD_REQUEST";

describe("words", () => {
  test("global options may stand before and between the command's words", () => {
    const { command, rest } = findCommand([
      "--json",
      "feature",
      "--dir",
      "x",
      "dep",
      "add",
      "1",
      "2",
    ]);
    assert.equal(command, "feature dep add");
    assert.deepEqual(rest, ["--json", "--dir", "x", "1", "2"]);
  });

  test("a command may begin others; a word behind one of its options is none of them", () => {
    assert.deepEqual(findCommand(["events", "replay", "s:1"]), {
      command: "events replay",
      rest: ["s:1"],
    });
    const options = ["--type", "replay"];
    assert.deepEqual(findCommand(["events", ...options]), { command: "events", rest: options });
    assert.equal(findCommand(["events"]).command, "events");
  });

  test("a group without a command, and nothing at all, are no command", () => {
    assert.equal(findCommand(["feature"]).command, "feature");
    assert.equal(findCommand([]).command, "");
  });

  test("names of object prototypes are no commands", () => {
    for (const word of ["__proto__", "constructor", "toString"]) {
      assert.throws(() => findCommand([word]), isBadRequest);
    }
  });

  test("a single dash is a word, what follows two dashes too", () => {
    const { positionals } = parseWords(["-", "--", "--json"], {});
    assert.deepEqual(positionals, ["-", "--json"]);
  });

  test("a repeated option gives a list, in order", () => {
    const step = { type: "string", multiple: true, help: "" } as const;
    const { options } = parseWords(["--step", "a", "--step=-b"], { step });
    assert.deepEqual(options.list("step"), ["a", "-b"]);
  });
});

describe("values", () => {
  test("durations", () => {
    const known = {
      "30m": 1_800_000,
      "2h": 7_200_000,
      "90s": 90_000,
      "1500ms": 1500,
      "1.5s": 1500,
    };
    for (const [text, ms] of Object.entries(known)) assert.equal(readDuration(text), ms);
    for (const text of ["", "30", "m", "-1s", "0s", "1d", "1 s", "1e3s", "0.1ms"]) {
      assert.throws(() => readDuration(text), isBadRequest, text);
    }
  });

  test("ids", () => {
    assert.equal(readId("12"), 12);
    assert.equal(readId("01arz3ndektsv4rrffq69g5fav"), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    assert.deepEqual(readIds("1, 2,"), [1, 2]);
    for (const text of ["0", "-1", "1.0", "01", "x", "", "9007199254740993", "1e3"]) {
      assert.throws(() => readId(text), isBadRequest, text);
    }
  });

  test("numbers, times and assignments", () => {
    assert.equal(readInteger("-4", "a priority"), -4);
    for (const text of ["", "1.5", "0x10", "1e3", " 1"]) {
      assert.throws(() => readInteger(text, "a priority"), isBadRequest, text);
    }
    assert.equal(readMoment("2026-11-21", "a time"), "2026-11-21T00:00:00.000Z");
    assert.equal(readMoment("2026-11-21T10:00", "a time"), "2026-11-21T10:00:00.000Z");
    assert.equal(readMoment("2026-11-21T10:00:00+02:00", "a time"), "2026-11-21T08:00:00.000Z");
    for (const text of ["yesterday", "2026-13-01", "1", ""]) {
      assert.throws(() => readMoment(text, "a time"), isBadRequest, text);
    }
    assert.deepEqual(readAssignment("key=a=b"), ["key", "a=b"]);
    assert.throws(() => readAssignment("=x"), isBadRequest);
  });
});

test("the nearest word is found, a far one is not", () => {
  const words = ["claim", "release", "list"];
  assert.equal(nearest("clam", words), "claim");
  assert.equal(nearest("lsit", words), "list");
  assert.equal(nearest("xyzzy", words), null);
  assert.equal(nearest("t", ["a", "at"]), null, "so short a word is near to all");
});
