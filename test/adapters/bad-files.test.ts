/** Plans that cannot be read: each refusal names file and line, and nothing is written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowError } from "#src/index.js";
import { recogniseFormat } from "#src/adapters/formats.js";
import { importPlan } from "#src/adapters/import-plan.js";
import { lines, openStore } from "./support.ts";

const ISSUE = '{"id":"a","title":"A"}';

interface BadPlan {
  readonly text: string;
  readonly code: "CORRUPT" | "BAD_REQUEST";
  readonly line: number | null;
}

const PLANS: Readonly<Record<string, BadPlan>> = {
  "an empty file": { text: " \n", code: "BAD_REQUEST", line: null },
  "no JSON at all": { text: "Dear team,\nplease", code: "CORRUPT", line: 1 },
  "JSON that ends early": { text: '[\n  {"name": "A"},\n', code: "CORRUPT", line: 2 },
  "a comma too much": { text: '[\n  {"name": "A"},\n]\n', code: "CORRUPT", line: 3 },
  "conflict markers in a list": {
    text: '[\n<<<<<<< ours\n  {"name": "A"}\n=======\n>>>>>>> theirs\n]\n',
    code: "CORRUPT",
    line: 2,
  },
  "conflict markers between issues": {
    text: `${ISSUE}\n<<<<<<< HEAD\n${ISSUE}\n`,
    code: "CORRUPT",
    line: 2,
  },
  "a torn line": { text: `${ISSUE}\n{"id":"b","ti`, code: "CORRUPT", line: 2 },
  "an issue without a title": { text: `${ISSUE}\n\n{"id":"b"}\n`, code: "BAD_REQUEST", line: 3 },
  "an id twice": { text: `${ISSUE}\n${ISSUE}\n`, code: "BAD_REQUEST", line: 2 },
  "a description that is no text": {
    text: '{"id":"a","title":"A","description":3}\n',
    code: "BAD_REQUEST",
    line: 1,
  },
  "edges that are no list": {
    text: '{"id":"a","title":"A","dependencies":"b"}\n',
    code: "BAD_REQUEST",
    line: 1,
  },
  "an id twice in a list": {
    text: '[\n  {"id": 1, "name": "A"},\n  {"id": "1", "name": "B"}\n]',
    code: "BAD_REQUEST",
    line: 3,
  },
  "a name twice without ids": {
    text: '[{"name":"A"},\n{"name":"A"}]',
    code: "BAD_REQUEST",
    line: 2,
  },
  "no list": { text: '{"tasks": []}', code: "BAD_REQUEST", line: 1 },
  "a feature without a name": { text: '[\n\n{"title":"A"}]', code: "BAD_REQUEST", line: 3 },
  "a priority that is no integer": {
    text: '[{"name":"A","priority":1.5}]',
    code: "BAD_REQUEST",
    line: 1,
  },
  "a place outside of the list": {
    text: '[{"name":"A","dependencies":[{"index":4}]}]',
    code: "BAD_REQUEST",
    line: 1,
  },
  "half a character": { text: '[{"name":"A","x":"\\ud800"}]', code: "BAD_REQUEST", line: null },
};

for (const [name, { text, code, line }] of Object.entries(PLANS)) {
  test(`${name} is refused`, async (context) => {
    const store = await openStore(context);
    const format = recogniseFormat(text, "plan.x");
    await assert.rejects(importPlan(store, { format, fileName: "plan.x", text }), (error) => {
      assert.ok(error instanceof FlowError, String(error));
      assert.equal(error.code, code, error.message);
      if (line !== null) {
        assert.equal(error.context["line"], line, error.message);
        assert.ok(error.message.includes(`plan.x:${line}`), error.message);
      }
      return true;
    });
    assert.deepEqual(await store.features.getAll(), []);
    assert.equal((await store.status()).events.total, 0);
  });
}

test("a line of 50 MB is refused by its length", async (context) => {
  const store = await openStore(context);
  const text = `${ISSUE}\n{"id":"b","title":"${"x".repeat(50 * 1024 * 1024)}"}\n`;
  const format = recogniseFormat(text, "issues.jsonl");
  await assert.rejects(importPlan(store, { format, fileName: "issues.jsonl", text }), (error) => {
    assert.ok(error instanceof FlowError);
    assert.deepEqual([error.code, error.context["line"]], ["BAD_REQUEST", 2]);
    assert.ok(error.message.length < 200);
    return true;
  });
  assert.deepEqual(await store.features.getAll(), []);
});

test("an interruption leaves nothing behind", async (context) => {
  const store = await openStore(context);
  const controller = new AbortController();
  const text = lines([1, 2, 3, 4].map((at) => ({ id: `x-${at}`, title: "A", status: "closed" })));
  const plan = { format: recogniseFormat(text, "x"), fileName: "x", text };
  const onProgress = (done: number): void => {
    if (done === 2) controller.abort();
  };
  await assert.rejects(
    importPlan(store, plan, { signal: controller.signal, onProgress }),
    (error) => error instanceof FlowError && error.code === "ABORTED",
  );
  assert.deepEqual(await store.features.getAll(), []);
});
