/** What `check` says of a damaged journal can be followed: nothing is lost, and it says no more. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { makeStore, reopen } from "../features/support.ts";

test("a damaged journal is told until it is moved away as the finding says", async (context) => {
  const first = await makeStore(context);
  for (const name of ["One", "Two", "Three"]) await first.features.create({ name });
  await first.close();
  const journal = join(first.root, "local/journal/000000000000-first.jsonl");
  const lines = readFileSync(journal, "utf8").split("\n");
  const at = lines.findIndex((line) => line.includes("Two"));
  lines[at] = lines[at]?.replace("Two", "Six") ?? "";
  writeFileSync(journal, lines.join("\n"));

  const damaged = await reopen(context, first);
  await damaged.repair();
  const [finding, ...others] = await damaged.check();
  assert.deepEqual(others, []);
  assert.equal(finding?.rule, "journal-damaged");
  assert.match(
    finding?.message ?? "",
    /move local\/journal\/ away while no program uses the store$/,
  );
  await damaged.close();
  renameSync(join(first.root, "local/journal"), join(first.root, "../journal-before"));

  const mended = await reopen(context, first);
  assert.deepEqual(await mended.check(), []);
  await mended.features.create({ name: "Four" });
  const names = (await mended.features.getAll()).map(({ name }) => name);
  assert.deepEqual(names, ["One", "Two", "Three", "Four"]);
  const events = await mended.events.query({ type: "created" });
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    [1, 2, 3, 4],
  );
  assert.deepEqual(await mended.check(), []);
});

test("a journal that ends behind its header is told, and kept when another goes on", async (context) => {
  const first = await makeStore(context);
  // So long that the journal goes on in another file, whose name is no first one's.
  await first.features.create({ name: "Long", description: "x".repeat(300_000) });
  await first.features.create({ name: "One" });
  await first.close();
  const folder = join(first.root, "local/journal");
  const [name = "", ...others] = readdirSync(folder);
  assert.deepEqual(others, []);
  assert.doesNotMatch(name, /first/);
  const bytes = readFileSync(join(folder, name));
  const header = bytes.subarray(0, bytes.indexOf("\n", 1) + 1);
  writeFileSync(join(folder, name), header);

  const store = await reopen(context, first);
  const found = (await store.check()).map(({ file, rule, severity }) => [file, rule, severity]);
  assert.deepEqual(found, [[`local/journal/${name}`, "journal-damaged", "error"]]);
  // Until numbers are given that lie above those of the damaged file.
  for (let count = 0; count < 20; count += 1) await store.settings.set("size", count);
  await store.close();
  const next = await reopen(context, first);
  await next.settings.set("size", "other");
  assert.ok(!readdirSync(folder).includes(name));
  const quarantine = join(first.root, "local/quarantine");
  const kept = readdirSync(quarantine).map((one) => readFileSync(join(quarantine, one)));
  assert.ok(kept.some((one) => one.equals(header)));
});
