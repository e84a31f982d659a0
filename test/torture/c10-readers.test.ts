/** C10 in short, and that torn and mixed data would be seen. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { attackReaders } from "./c10-readers.ts";
import { shortTask } from "./short-task.ts";

const LONGEST_MS = 60_000;

test("plain readers and snapshots beside writers: nothing torn, nothing mixed", async (context) => {
  const { violations, tried } = await attackReaders(shortTask(context, 5_000), {});
  assert.deepEqual(violations, []);
  assert.ok(tried >= 5_000);
});

test("files that are written in their place are seen torn", async (context) => {
  // Only by those who look at files alone: it ends with what anybody sees first.
  const task = shortTask(context, 200_000, { deadline: performance.now() + LONGEST_MS });
  const patches = { writers: ["in place"], sights: ["plain", "plain"] } as const;
  const { violations } = await attackReaders(task, patches);
  assert.match(violations.join("\n"), /plain: .*(torn|no end)/);
});

test("readers that look at the files alone see mixed data", async (context) => {
  const task = shortTask(context, 1_000_000);
  const { violations } = await attackReaders(task, { readers: ["files alone"] });
  assert.match(violations.join("\n"), /mixed/);
});
