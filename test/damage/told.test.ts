/** Warnings: each thing is told once, and again when it was mended and comes back. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import type { Finding, FlowStore } from "flowstore";

import { Told } from "#src/stores/told.js";

import { FRESH_MS, makeStore, pass, reopen } from "../features/support.ts";

interface Hearing {
  readonly store: FlowStore;
  /** The rules told since it was last asked. */
  heard(): Promise<string[]>;
  /** Writes a file under the root, and lets it become visible. */
  put(path: string, text: string): Promise<void>;
}

async function listen(context: TestContext): Promise<Hearing> {
  const maker = await makeStore(context);
  await maker.features.create({ name: "a" });
  let findings: Finding[] = [];
  const onWarning = (finding: Finding): void => void findings.push(finding);
  const store = await reopen(context, maker, { onWarning });
  const heard = async (): Promise<string[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    const rules = findings.map(({ rule }) => rule);
    findings = [];
    return rules;
  };
  const put = async (path: string, text: string): Promise<void> => {
    writeFileSync(join(store.root, path), text);
    await pass(FRESH_MS);
  };
  return { store, heard, put };
}

const FILE = "features/7-x.json";
const GOOD = '{"id": 7, "name": "x", "uid": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}';

/** Each call comes upon the file, or is glad of it. */
const LOOKS: Readonly<Record<string, (store: FlowStore) => Promise<unknown>>> = {
  getAll: ({ features }) => features.getAll(),
  getStats: ({ features }) => features.getStats(),
  getById: ({ features }) => features.getById(7).catch(() => null),
  "a change": ({ features }) => features.skip(7).catch(() => null),
};

describe("a finding", () => {
  for (const [name, look] of Object.entries(LOOKS)) {
    test(`is told once, when it changes, and when it comes back: ${name}`, async (context) => {
      const { store, heard, put } = await listen(context);
      for (let round = 0; round < 2; round += 1) {
        await put(FILE, "{");
        await look(store);
        await look(store);
        assert.deepEqual(await heard(), ["not-json"]);
        await put(FILE, '{"id": 7}');
        await look(store);
        await look(store);
        assert.deepEqual(await heard(), ["schema"]);
        await put(FILE, GOOD);
        await look(store);
        assert.deepEqual(await heard(), []);
      }
    });
  }

  test("of a file that went is told when one like it comes", async (context) => {
    const { store, heard, put } = await listen(context);
    for (let round = 0; round < 2; round += 1) {
      await put(FILE, "{");
      await store.features.getAll();
      assert.deepEqual(await heard(), ["not-json"]);
      rmSync(join(store.root, FILE));
      await pass(FRESH_MS);
      await store.features.getAll();
      assert.deepEqual(await heard(), []);
    }
  });

  test("about several files stays told while each alone is fine", async (context) => {
    const { store, heard, put } = await listen(context);
    for (let round = 0; round < 2; round += 1) {
      await put(FILE, GOOD);
      await put("features/7-y.json", GOOD.replace("5FAV", "5FAW"));
      await store.features.getAll();
      assert.deepEqual(await heard(), ["duplicate-id", "duplicate-id"]);
      await store.features.getById("01ARZ3NDEKTSV4RRFFQ69G5FAV");
      await store.features.getAll();
      await store.features.getStats();
      assert.deepEqual(await heard(), []);
      rmSync(join(store.root, "features/7-y.json"));
      await pass(FRESH_MS);
      await store.features.getAll();
    }
  });

  test("of a lease, and of the log", async (context) => {
    const { store, heard, put } = await listen(context);
    const { uid } = await store.features.claimAndGet(1, { leaseMs: 60_000 });
    const lease = `local/claims/${uid.toLowerCase()}.json`;
    const whole = readFileSync(join(store.root, lease), "utf8");
    const [segment = ""] = readdirSync(join(store.root, "events"));
    const log = readFileSync(join(store.root, "events", segment), "utf8");
    for (let round = 0; round < 2; round += 1) {
      await put(lease, "{");
      appendFileSync(join(store.root, "events", segment), "no event\n");
      await pass(FRESH_MS);
      for (let count = 0; count < 2; count += 1) {
        await store.features.getAll();
        await store.events.query();
      }
      assert.deepEqual(await heard(), ["lease", "event-damaged"]);
      await put(lease, whole);
      await put(`events/${segment}`, log);
      await store.features.getAll();
      await store.events.query();
      assert.deepEqual(await heard(), []);
    }
  });

  test("of a change that follows later is told once, and again after it has followed", async (context) => {
    const { store, heard } = await listen(context);
    const { features } = store;
    const [{ uid } = { uid: "" }] = await features.getAll();
    const lease = join(store.root, `local/claims/${uid.toLowerCase()}.json`);
    for (let round = 0; round < 2; round += 1) {
      // A folder in its place: the change is kept and cannot be written.
      mkdirSync(join(lease, "full"), { recursive: true });
      await pass(FRESH_MS);
      await features.claimAndGet(1, { leaseMs: 60_000 });
      await features.create({ name: "b" });
      await features.getAll();
      assert.deepEqual(await heard(), ["APPLY_PENDING"]);
      rmSync(lease, { recursive: true });
      await pass(FRESH_MS);
      await features.clearInProgress(1);
      await features.getAll();
      assert.deepEqual(await heard(), []);
    }
  });
});

describe("what was told", () => {
  const finding = (file: string, rule = "not-json", message = "m"): Finding => {
    return { file, rule, severity: "error", message };
  };

  test("does not grow without bound, and the latest are known", () => {
    const heard: string[] = [];
    const told = new Told(({ file }) => void heard.push(file));
    for (let count = 0; count < 25_000; count += 1) told.report(finding(`features/${count}.json`));
    assert.equal(heard.length, 25_000);
    for (let count = 15_000; count < 25_000; count += 1) {
      told.report(finding(`features/${count}.json`));
    }
    assert.equal(heard.length, 25_000);
    told.report(finding("features/1.json"));
    assert.equal(heard.length, 25_001);
  });

  test("of a change to follow is forgotten when it waits no more, by nothing else", () => {
    const heard: string[] = [];
    const told = new Told(({ rule }) => void heard.push(rule));
    const pending = finding("features/1.json", "APPLY_PENDING");
    const tell = (): number => {
      told.report(pending);
      return heard.length;
    };
    assert.equal(tell(), 1);
    told.fine(pending.file);
    told.settle("features", []);
    told.applied((file) => file === pending.file);
    assert.equal(tell(), 1);
    told.applied(() => false);
    assert.equal(tell(), 2);
  });
});
