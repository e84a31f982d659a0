/** Damage in the event log: what counts, what does not, and that nothing of it changes. */
import assert from "node:assert/strict";
import { appendFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { crc32 } from "node:zlib";

import type { FlowStore } from "flowstore";

import { FRESH_MS, makeStore, pass, QUICK, reopen, told, warnings } from "../features/support.ts";

const EVENTS = ["created", "comment 1", "comment 2", "comment 3", "comment 4"];

/** A store with one segment: a header, `created` and four comments, then closed. */
async function makeLog(
  context: TestContext,
): Promise<{ store: FlowStore; path: string; file: string }> {
  const store = await makeStore(context);
  await store.features.create({ name: "a" });
  for (const comment of EVENTS.slice(1)) await store.changes.logEvent(1, comment);
  await store.close();
  const [name = "", ...others] = readdirSync(join(store.root, "events"));
  assert.deepEqual(others, []);
  return { store, path: join(store.root, "events", name), file: `events/${name}` };
}

function linesOf(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

function writeLines(path: string, lines: readonly string[]): void {
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
}

/** A line with a right checksum, whatever it says. */
function sealed(body: string): string {
  const checksum = crc32(body).toString(16).padStart(8, "0");
  return `${body},"crc":"${checksum}"}`;
}

/** The line of one event, changed and sealed again. */
function resealed(line: string, change: Record<string, unknown>): string {
  const { crc: _, ...event } = JSON.parse(line) as Record<string, unknown>;
  return sealed(JSON.stringify({ ...event, ...change }).slice(0, -1));
}

interface Damage {
  readonly change: (lines: string[]) => readonly string[];
  /** The events that count afterwards. */
  readonly left: readonly string[];
  readonly found: readonly (readonly [line: number | undefined, rule: string])[];
}

const without = (...gone: number[]): string[] => EVENTS.filter((_, index) => !gone.includes(index));

/** Line 1 is the header, line 2 is `created`. */
const DAMAGES: Readonly<Record<string, Damage>> = {
  "a letter changed": {
    change: (lines) => lines.map((line) => line.replace("comment 2", "comment X")),
    left: without(2),
    found: [[4, "event-damaged"]],
  },
  "a line cut": {
    change: (lines) => lines.map((line, index) => (index === 3 ? line.slice(0, 40) : line)),
    left: without(2),
    found: [[4, "event-damaged"]],
  },
  "a line of zeros": {
    change: (lines) => lines.map((line, index) => (index === 3 ? "\0".repeat(line.length) : line)),
    left: without(2),
    found: [[4, "event-damaged"]],
  },
  "conflict markers": {
    change: (lines) => [
      ...[...lines.slice(0, 3), "<<<<<<< HEAD", lines[3] ?? "", "======="],
      ...[lines[4] ?? "", ">>>>>>> theirs", ...lines.slice(5)],
    ],
    left: EVENTS,
    found: [
      [4, "conflict-markers"],
      [6, "conflict-markers"],
      [8, "conflict-markers"],
    ],
  },
  "a foreign line of text": {
    change: (lines) => [...lines.slice(0, 2), "a note of mine", ...lines.slice(2)],
    left: EVENTS,
    found: [[3, "event-damaged"]],
  },
  "foreign lines of JSON": {
    change: (lines) => [
      ...lines,
      '{"id": 5}',
      "null",
      "[]",
      "5",
      '"x"',
      '{"a":1,"crc":"00000000"}',
    ],
    left: EVENTS,
    found: [7, 8, 9, 10, 11, 12].map((line) => [line, "event-damaged"] as const),
  },
  "a foreign line of JSON with a right checksum": {
    change: (lines) => [...lines, sealed('{"kind":"another"')],
    left: EVENTS,
    found: [[7, "event-damaged"]],
  },
  "the header gone": {
    change: (lines) => lines.slice(1),
    left: EVENTS,
    found: [[1, "no-header"]],
  },
  "the header damaged": {
    change: (lines) =>
      lines.map((line, index) => (index === 0 ? line.replace("clone", "clown") : line)),
    left: EVENTS,
    found: [[1, "event-damaged"]],
  },
  "a second header": {
    change: (lines) => [...lines, lines[0] ?? ""],
    left: EVENTS,
    found: [],
  },
  "a line twice": {
    change: (lines) => [...lines, lines[3] ?? ""],
    left: EVENTS,
    found: [],
  },
  "lines in another order": {
    change: (lines) => [lines[0] ?? "", ...lines.slice(1).toReversed()],
    left: EVENTS,
    found: [],
  },
  "the same id with another content": {
    change: (lines) => [...lines, resealed(lines[3] ?? "", { type: "another" })],
    left: EVENTS,
    found: [[7, "event-conflict"]],
  },
  "an id a day ahead": {
    change: (lines) => [
      ...lines,
      resealed(lines[5] ?? "", { id: "7ZZZZZZZZZ0000000000000000", txId: "x", type: "ahead" }),
    ],
    left: [...EVENTS, "ahead"],
    found: [[7, "event-ahead"]],
  },
  "a batch that lacks its end": {
    change: (lines) => [
      ...lines.slice(0, 3),
      resealed(lines[3] ?? "", { of: 2 }),
      ...lines.slice(4),
    ],
    left: without(2),
    found: [[4, "event-damaged"]],
  },
  "a batch that lacks its beginning": {
    change: (lines) => [
      ...lines.slice(0, 3),
      resealed(lines[3] ?? "", { n: 2, of: 2 }),
      ...lines.slice(4),
    ],
    left: without(2),
    found: [[4, "event-damaged"]],
  },
  "a batch that still lacks its end": {
    change: (lines) => [...lines.slice(0, 5), resealed(lines[5] ?? "", { of: 9 })],
    left: without(4),
    found: [[6, "torn-tail"]],
  },
  CRLF: {
    change: (lines) => lines.map((line) => `${line}\r`),
    left: [],
    found: [1, 2, 3, 4, 5, 6].map((line) => [line, "event-damaged"] as const),
  },
  "everything gone": { change: () => [], left: [], found: [[undefined, "unreadable"]] },
  "keys of the future": {
    change: (lines) => [
      ...lines.slice(0, 5),
      resealed(lines[5] ?? "", {
        schemaVersion: 99,
        future: { a: [1] },
        payload: JSON.parse(lines[5] ?? "").payload,
      }),
    ],
    left: EVENTS,
    found: [],
  },
};

function shownFindings(
  found: readonly { file: string; line?: number; rule: string }[],
  file: string,
): unknown[] {
  return found.filter((one) => one.file === file).map(({ line, rule }) => [line, rule]);
}

describe("a damaged segment", () => {
  for (const [name, { change, left, found }] of Object.entries(DAMAGES)) {
    test(name, async (context) => {
      const { store: closed, path, file } = await makeLog(context);
      writeLines(path, change(linesOf(path)));
      const before = readFileSync(path);
      const { findings, onWarning } = warnings();
      const store = await reopen(context, closed, { onWarning });
      assert.deepEqual(await told(store, 1), left);
      const errors = found.filter(
        ([, rule]) => !["no-header", "event-ahead", "torn-tail"].includes(rule),
      );
      assert.deepEqual(shownFindings(findings, file), errors);
      assert.deepEqual(shownFindings(await store.check(), file), found);
      assert.deepEqual(shownFindings((await store.status()).problems, file), found);
      assert.equal((await store.events.query()).length, left.length);
      // Nobody appends to a segment that is not as it was left; nothing of it is lost or mended.
      await store.changes.logEvent(1, "after");
      await store.features.markPassing(1);
      await store.repair();
      assert.deepEqual(readFileSync(path).subarray(0, before.length), before);
      const all = [
        ...left.filter((one) => one !== "ahead"),
        "after",
        "status_change status pending>completed",
      ];
      const again = await reopen(context, store);
      for (const seen of [store, again]) {
        assert.deepEqual(
          (await told(seen, 1)).filter((one) => one !== "ahead"),
          all,
        );
        const ids = (await seen.changes.getEvents(1)).map(({ id }) => id);
        assert.deepEqual(ids.toSorted(), ids);
      }
      assert.equal((await store.features.getById(1))?.passes, true);
    });
  }

  test("a last line without its end does not count, and is not built upon", async (context) => {
    const { store: closed, path, file } = await makeLog(context);
    const whole = readFileSync(path);
    for (const cut of [1, 2, 20, 100]) {
      writeFileSync(path, whole.subarray(0, whole.length - cut));
      const store = await reopen(context, closed);
      assert.deepEqual(await told(store, 1), without(4));
      assert.deepEqual(shownFindings(await store.check(), file), [[6, "torn-tail"]]);
      await store.close();
    }
    const store = await reopen(context, closed);
    await store.changes.logEvent(1, "after");
    assert.deepEqual(await told(store, 1), [...without(4), "after"]);
    assert.equal(readdirSync(join(store.root, "events")).length, 2);
    // git brings the end back: the event is there again.
    writeFileSync(path, whole);
    await pass(FRESH_MS);
    assert.deepEqual(await told(store, 1), [...EVENTS, "after"]);
    assert.deepEqual(shownFindings(await store.check(), file), []);
  });

  test("zeros at its end, as a power cut leaves them", async (context) => {
    const { store: closed, path, file } = await makeLog(context);
    appendFileSync(path, Buffer.alloc(500));
    const store = await reopen(context, closed);
    assert.deepEqual(await told(store, 1), EVENTS);
    assert.deepEqual(shownFindings(await store.check(), file), [[7, "torn-tail"]]);
    await store.changes.logEvent(1, "after");
    assert.deepEqual(await told(store, 1), [...EVENTS, "after"]);
  });

  test("a batch cut in the middle is absent as a whole, its features are named", async (context) => {
    const store = await makeStore(context);
    await store.features.createBulk(
      Array.from({ length: 5 }, (_, index) => ({ name: `f${index}` })),
    );
    await store.close();
    const [name = ""] = readdirSync(join(store.root, "events"));
    const path = join(store.root, "events", name);
    for (const keep of [4, 2]) {
      writeLines(path, linesOf(path).slice(0, keep));
      const again = await reopen(context, store);
      assert.deepEqual(await again.events.query(), []);
      const found = await again.check();
      assert.equal(found.filter(({ rule }) => rule === "torn-tail").length, keep - 1);
      assert.equal(found.filter(({ rule }) => rule === "unexplained").length, 5);
      assert.equal((await again.features.getAll()).length, 5);
      await again.close();
    }
  });

  for (const [which, index] of [
    ["first", 1],
    ["third", 3],
    ["last", 5],
  ] as const) {
    test(`a damaged line, the ${which} of a batch, takes no other event with it`, async (context) => {
      const store = await makeStore(context);
      const names = Array.from({ length: 5 }, (_, at) => ({ name: `f${at}` }));
      await store.features.createBulk(names);
      await store.features.create({ name: "later" });
      await store.close();
      const [name = ""] = readdirSync(join(store.root, "events"));
      const path = join(store.root, "events", name);
      const lines = linesOf(path);
      writeLines(path, lines.with(index, (lines[index] ?? "").replace("created", "cReated")));
      const again = await reopen(context, store);
      const ids = (await again.events.query()).map(({ payload }) => payload);
      assert.deepEqual(
        ids.map((payload) => (payload as { featureId: number }).featureId),
        [1, 2, 3, 4, 5, 6].filter((id) => id !== index),
      );
      const found = (await again.check()).filter(({ rule }) => rule === "event-damaged");
      assert.deepEqual(
        found.map(({ file, line }) => [file, line]),
        [[`events/${name}`, index + 1]],
      );
      await again.close();
    });
  }

  test("a header that stands twice hides no event", async (context) => {
    const store = await makeStore(context);
    for (const name of ["a", "b", "c"]) await store.features.create({ name });
    await store.close();
    const [name = ""] = readdirSync(join(store.root, "events"));
    const path = join(store.root, "events", name);
    const lines = linesOf(path);
    writeLines(path, lines.toSpliced(1, 0, lines[0] ?? ""));
    const again = await reopen(context, store);
    assert.equal((await again.events.query()).length, 3);
    assert.deepEqual(await again.check(), []);
    await again.close();
  });

  test("the same lines in two segments are one event each", async (context) => {
    const { store: closed, path } = await makeLog(context);
    const copy = join(path, "../01ARZ3NDEKTSV4RRFFQ69G5FAV.jsonl");
    cpSync(path, copy);
    const store = await reopen(context, closed);
    assert.deepEqual(await told(store, 1), EVENTS);
    assert.deepEqual(await store.check(), []);
    const sequences = (await store.events.query()).map(({ sequence }) => sequence);
    assert.deepEqual(sequences, [1, 2, 3, 4, 5]);
    // One of them damaged: the other stands for both.
    writeLines(
      copy,
      linesOf(copy).map((line) => line.replace("comment 3", "comment X")),
    );
    await pass(FRESH_MS);
    const again = await reopen(context, closed);
    assert.deepEqual(await told(again, 1), EVENTS);
  });

  test("a line of 50 MB, of garbage and of an event", async (context) => {
    const { store: closed, path, file } = await makeLog(context);
    const lines = linesOf(path);
    writeLines(path, [...lines, "x".repeat(50 * 1024 * 1024)]);
    let store = await reopen(context, closed);
    assert.deepEqual(await told(store, 1), EVENTS);
    assert.deepEqual(shownFindings(await store.check(), file), [[7, "event-damaged"]]);
    await store.close();
    const payload = {
      ...(JSON.parse(lines[5] ?? "") as { payload: object }).payload,
      newValue: "y".repeat(50 * 1024 * 1024),
    };
    writeLines(path, [...lines.slice(0, 5), resealed(lines[5] ?? "", { payload })]);
    store = await reopen(context, closed);
    assert.equal((await store.changes.getEvents(1)).at(-1)?.newValue?.length, 50 * 1024 * 1024);
    assert.deepEqual(await store.check(), []);
  });

  test("a letter changed in its middle while the store is open is found by check", async (context) => {
    const { store: closed, path, file } = await makeLog(context);
    const store = await reopen(context, closed);
    assert.deepEqual(await told(store, 1), EVENTS);
    writeFileSync(path, readFileSync(path, "utf8").replace("comment 2", "comment X"));
    await pass(FRESH_MS);
    assert.deepEqual(shownFindings(await store.check(), file), [[4, "event-damaged"]]);
    assert.deepEqual(await told(await reopen(context, closed), 1), without(2));
  });

  test("hand edits while the store is open: appended, replaced, removed, brought by git", async (context) => {
    const { store: closed, path, file } = await makeLog(context);
    const store = await reopen(context, closed, QUICK);
    assert.deepEqual(await told(store, 1), EVENTS);
    const whole = readFileSync(path);
    appendFileSync(path, "a note of mine\n");
    await pass(FRESH_MS);
    assert.deepEqual(await told(store, 1), EVENTS);
    assert.deepEqual(shownFindings(await store.check(), file), [[7, "event-damaged"]]);
    writeFileSync(path, whole.subarray(0, whole.indexOf("\n", whole.indexOf("comment 1")) + 1));
    await pass(FRESH_MS);
    assert.deepEqual(await told(store, 1), ["created", "comment 1"]);
    writeFileSync(path, whole);
    await pass(FRESH_MS);
    assert.deepEqual(await told(store, 1), EVENTS);
    await store.changes.logEvent(1, "after");
    assert.deepEqual(await told(store, 1), [...EVENTS, "after"]);
  });
});
