/** C10 in short, and that torn and mixed data would be seen. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { attackReaders } from "./c10-readers.ts";
import { shortTask } from "./short-task.ts";

test("plain readers and snapshots beside writers: nothing torn, nothing mixed", async (context) => {
  const { violations, tried } = await attackReaders(shortTask(context, 20_000), {});
  assert.deepEqual(violations, []);
  assert.ok(tried >= 20_000);
});

test("files that are written in their place are seen torn", async (context) => {
  const task = shortTask(context, 200_000);
  const { violations } = await attackReaders(task, { writers: ["in place"] });
  assert.match(violations.join("\n"), /plain: .*(torn|no end)/);
});

test("readers that look at the files alone see mixed data", async (context) => {
  const task = shortTask(context, 1_000_000);
  const { violations } = await attackReaders(task, { readers: ["files alone"] });
  assert.match(violations.join("\n"), /mixed/);
});
