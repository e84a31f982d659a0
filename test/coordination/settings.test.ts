/** Settings: a JSON value for a key. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { FlowStore } from "flowstore";
import {
  FRESH_MS,
  makeStore,
  pass,
  refused,
  refusedWithoutTrace,
  reopen,
  committed,
  warnings,
} from "../features/support.ts";
import { eventsOf, logsNothing } from "./events.ts";
import { NO_TEXTS, STRANGE_TEXTS } from "./strange-texts.ts";

function fileOf(store: FlowStore, name: string): string {
  return join(store.root, "settings", name);
}

test("a value comes back as it was given, whatever JSON it is", async (context) => {
  const store = await makeStore(context);
  const deep = JSON.parse('{"a":[1,{"b":null}],"__proto__":{"c":"é"}}') as unknown;
  for (const value of [true, false, 0, -1.5, "", "text", [], {}, [[1]], deep, null]) {
    assert.deepEqual(await store.settings.set("k", value), { key: "k", value });
    const again = await reopen(context, store);
    assert.deepEqual(await again.settings.get("k"), value);
    assert.deepEqual(await again.settings.list(), [{ key: "k", value }]);
  }
  assert.equal(await store.settings.get("other"), null);
  const text = readFileSync(fileOf(store, "k.json"), "utf8");
  assert.equal(
    text,
    '{\n  "$schema": "../schema/setting.json",\n  "key": "k",\n  "value": null\n}\n',
  );
});

test("any key is a key of its own; the list is in their order", async (context) => {
  const store = await makeStore(context);
  for (const key of STRANGE_TEXTS) await store.settings.set(key, `of ${key}`);
  const again = await reopen(context, store);
  for (const key of STRANGE_TEXTS) assert.equal(await again.settings.get(key), `of ${key}`);
  assert.deepEqual(
    (await again.settings.list()).map(({ key }) => key),
    STRANGE_TEXTS.toSorted(),
  );
  assert.ok(!existsSync(join(store.root, "escaped.json")));
  assert.equal(readdirSync(join(store.root, "settings")).length, STRANGE_TEXTS.length);
  assert.deepEqual(await store.check(), []);
});

test("a change is logged with what was before, no change is not", async (context) => {
  const store = await makeStore(context);
  await store.settings.set("a/b", 1, { agent: "ann", note: "why" });
  await store.settings.set("a/b", { two: 2 });
  await logsNothing(store, () => store.settings.set("a/b", { two: 2 }));
  const events = await eventsOf(store, "setting:a/b");
  assert.deepEqual(
    events.map(({ type, agent, metadata, payload }) => [type, agent, metadata, payload]),
    [
      ["setting_changed", "ann", { note: "why" }, { key: "a/b", newValue: 1 }],
      ["setting_changed", "tester", null, { key: "a/b", oldValue: 1, newValue: { two: 2 } }],
    ],
  );
});

test("reading writes nothing, not even the folder", async (context) => {
  const store = await makeStore(context);
  const before = committed(store.root);
  assert.equal(await store.settings.get("k"), null);
  assert.deepEqual(await store.settings.list(), []);
  assert.deepEqual(committed(store.root), before);
});

test("refuses what cannot be, and writes nothing", async (context) => {
  const store = await makeStore(context);
  for (const key of NO_TEXTS) {
    const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
      store.settings.set(key as string, 1),
    );
    assert.equal(error.context["field"], "key");
    await refused("BAD_REQUEST", () => store.settings.get(key as string));
  }
  for (const value of [undefined, Number.NaN, () => 1, new Date(), 1n, Symbol("x"), "\ud800"]) {
    const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
      store.settings.set("k", value),
    );
    assert.equal(error.context["field"], "value");
  }
  const wrong = await refused("BAD_REQUEST", () => store.settings.set("k", 1, "ann" as never));
  assert.equal(wrong.context["field"], "options");
});

test("what was given and what was returned share nothing with the store", async (context) => {
  const store = await makeStore(context);
  const value = { list: [1] };
  const setting = store.settings.set("k", value);
  value.list.push(2);
  ((await setting).value as typeof value).list.push(3);
  ((await store.settings.get("k")) as typeof value).list.push(4);
  assert.deepEqual(await store.settings.get("k"), { list: [1] });
});

// Of the old system, a configuration that did not parse was overwritten with defaults.
test("a damaged one is CORRUPT and stays byte for byte; the others go on", async (context) => {
  const { findings, onWarning } = warnings();
  const store = await makeStore(context, { onWarning });
  await store.settings.set("a", 1);
  await store.settings.set("b", 2);
  const torn = '{ "key": "a", <<<<<<< ours\n';
  writeFileSync(fileOf(store, "a.json"), torn);
  await pass(FRESH_MS);
  await refused("CORRUPT", store.settings.get("a"));
  await refused("CORRUPT", store.settings.set("a", 3));
  assert.deepEqual(await store.settings.list(), [{ key: "b", value: 2 }]);
  assert.equal(await store.settings.get("b"), 2);
  await pass(0);
  assert.equal(findings[0]?.file, "settings/a.json");
  await store.settings.set("b", 4);
  assert.equal(readFileSync(fileOf(store, "a.json"), "utf8"), torn);
});

test("a file of another key is not taken for this one's", async (context) => {
  const store = await makeStore(context);
  await store.settings.set("a", 1);
  writeFileSync(fileOf(store, "b.json"), readFileSync(fileOf(store, "a.json")));
  await pass(FRESH_MS);
  await refused("CORRUPT", store.settings.get("b"));
  assert.deepEqual(await store.settings.list(), [{ key: "a", value: 1 }]);
});

test("a tombstone is no setting, and setting it anew ends it", async (context) => {
  const store = await makeStore(context);
  const text = '{"key":"a","value":1,"mine":true,"deletedAt":"2026-03-01T00:00:00.000Z"}\n';
  await store.settings.set("b", 2);
  writeFileSync(fileOf(store, "a.json"), text);
  await pass(FRESH_MS);
  assert.equal(await store.settings.get("a"), null);
  assert.deepEqual(await store.settings.list(), [{ key: "b", value: 2 }]);
  await store.settings.set("a", 1);
  assert.equal(await store.settings.get("a"), 1);
  const [event] = await eventsOf(store, "setting:a");
  assert.deepEqual(event?.payload, { key: "a", newValue: 1 });
  assert.equal(
    readFileSync(fileOf(store, "a.json"), "utf8"),
    '{"key":"a","value":1,"mine":true}\n',
  );
});
