/** Repair: what it mends, what it leaves, what it keeps a copy of, and that it may be repeated. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import type { Finding, FlowStore } from "flowstore";

import { FRESH_MS, makeStore, pass, refused, snapshot, told } from "../features/support.ts";

const BOTH = {
  ...{ id: 7, name: "both", passes: true, inProgress: true },
  ...{ claim: { agent: "ann", at: "2026-01-01T00:00:00.000Z" }, uid: "01ARZ3NDEKTSV4RRFFQ69G5FAV" },
};

/** A store with everything that repair mends, and with things that it must not touch. */
async function makeDamaged(context: TestContext): Promise<FlowStore> {
  const store = await makeStore(context);
  await store.features.createBulk([{ name: "a" }, { name: "b" }]);
  const put = (path: string, text: string | Buffer): void =>
    writeFileSync(join(store.root, path), text);
  put("features/5-hand.json", '{\r\n\t"name": "by hand", "id": 5, "note": 1.0\r\n}');
  put("features/7-both.json", JSON.stringify(BOTH));
  put("features/8-broken.json", "{ broken");
  put("features/9-latin.json", Buffer.from('{"id": 9, "name": "\xff"}', "latin1"));
  put(
    "features/10-twice.json",
    '{"id": 10, "name": "x", "id": 10, "uid": "01ARZ3NDEKTSV4RRFFQ69G5FAW"}',
  );
  put(".gitignore", "mine\n");
  put("schema/feature.json", "{}");
  rmSync(join(store.root, ".gitattributes"));
  const [segment = ""] = readdirSync(join(store.root, "events"));
  appendFileSync(join(store.root, "events", segment), "a note\n");
  await pass(FRESH_MS);
  return store;
}

const MENDED = [
  [".gitattributes", "managed-block"],
  [".gitignore", "managed-block"],
  ["features/5-hand.json", "no-uid"],
  ["features/7-both.json", "passing-in-progress"],
  ["schema/feature.json", "schema-file"],
];

/** Made by hand, so no event tells of them: their files stay as they are, the log speaks of them. */
const ACKNOWLEDGED = [
  ["features/10-twice.json", "unexplained"],
  ["features/5-hand.json", "unexplained"],
  ["features/7-both.json", "unexplained"],
];

function sorted(pairs: readonly (readonly string[])[]): string[] {
  return pairs.map((pair) => pair.join(" ")).toSorted();
}

function shown(findings: readonly Finding[]): string[][] {
  return findings.map(({ file, rule }) => [file, rule]);
}

/** Without the parts that every write touches. */
function state(store: FlowStore): Record<string, string> {
  return Object.fromEntries(
    Object.entries(snapshot(store.root))
      .filter(([path, { kind }]) => kind !== "folder" && !path.startsWith("local"))
      .map(([path, { bytes }]) => [path, bytes]),
  );
}

describe("check", () => {
  test("gives findings of one shape, in the order of files and lines, each time the same", async (context) => {
    const store = await makeDamaged(context);
    const before = snapshot(store.root);
    const found = await store.check();
    assert.ok(found.length > 8);
    for (const { file, line, rule, severity, message, fix, ...more } of found) {
      assert.deepEqual(more, {});
      assert.ok(typeof file === "string" && !file.startsWith("/"), file);
      assert.ok(line === undefined || (Number.isSafeInteger(line) && line >= 1));
      assert.match(rule, /^[a-z0-9-]+$/);
      assert.ok(severity === "error" || severity === "warning");
      assert.ok(message.includes(file), message);
      assert.ok(fix === undefined || fix.length > 3);
    }
    const places = found.map(({ file, line }) => `${file} ${String(line ?? 0).padStart(6, "0")}`);
    assert.deepEqual(places, places.toSorted());
    assert.deepEqual(await store.check(), found);
    assert.deepEqual(snapshot(store.root), before);
  });
});

describe("repair", () => {
  test("as a dry run says what it would do and does nothing", async (context) => {
    const store = await makeDamaged(context);
    const before = snapshot(store.root);
    const all = await store.check();
    const report = await store.repair({ dryRun: true });
    assert.deepEqual(sorted(shown(report.done)), sorted([...MENDED, ...ACKNOWLEDGED]));
    assert.ok(report.done.every(({ fix }) => fix !== undefined));
    const names = [...report.done, ...report.left].map(({ message }) => message);
    assert.deepEqual(names.toSorted(), all.map(({ message }) => message).toSorted());
    assert.equal(report.backup, null);
    assert.deepEqual(snapshot(store.root), before);
  });

  test("mends that and nothing else, and keeps what the changed files held", async (context) => {
    const store = await makeDamaged(context);
    const before = state(store);
    const report = await store.repair();
    for (const finding of [...MENDED, ...ACKNOWLEDGED]) {
      assert.ok(
        shown(report.done).some(([file, rule]) => file === finding[0] && rule === finding[1]),
        finding[0],
      );
    }
    assert.match(report.backup ?? "", /^local\/backup\/[\w-]+$/);
    const backup = join(store.root, report.backup ?? "");
    for (const [file = "", rule] of MENDED) {
      if (file === ".gitattributes") assert.equal(existsSync(join(backup, file)), false, rule);
      else assert.equal(readFileSync(join(backup, file)).toString("latin1"), before[file], file);
    }
    const after = state(store);
    for (const file of Object.keys(before)) {
      const isMended = MENDED.some(([mended]) => mended === file);
      if (isMended) continue;
      // A segment may have grown; what it held stands.
      if (file.startsWith("events/")) assert.ok(after[file]?.startsWith(before[file] ?? "?"), file);
      else assert.equal(after[file], before[file], file);
    }
    assert.match(
      after[".gitignore"] ?? "",
      /^mine\n# flowstore: begin.*\nlocal\/\n# flowstore: end\n$/,
    );
    assert.match(after[".gitattributes"] ?? "", /^\* -text$/m);
    assert.equal(
      (JSON.parse(after["schema/feature.json"] ?? "") as { type?: string }).type,
      "object",
    );
    // The document: its uid at the place of uids, every other byte as it was.
    const uid = (await store.features.getById(5))?.uid ?? "";
    assert.equal(
      after["features/5-hand.json"],
      `{\r\n\t"name": "by hand", "id": 5,\r\n\t"uid": "${uid}", "note": 1.0\r\n}`,
    );
    assert.deepEqual(JSON.parse(after["features/7-both.json"] ?? ""), {
      ...BOTH,
      ...{ inProgress: false, claim: null },
    });
    assert.deepEqual(await told(store, 5), [
      `updated uid null>${uid}`,
      "status_change status null>pending",
    ]);
    assert.deepEqual(await told(store, 7), [
      "updated inProgress true>false",
      `updated claim ${JSON.stringify(BOTH.claim)}>null`,
      "status_change status null>completed",
    ]);
    const [event] = await store.events.query({ type: "updated", limit: 1 });
    assert.deepEqual(event?.metadata, { note: "repair" });
    await refused("CORRUPT", () => store.features.getById(8));
    await refused("CORRUPT", () => store.features.getById(9));
  });

  test("again does nothing, and changes nothing", async (context) => {
    const store = await makeDamaged(context);
    const first = await store.repair();
    const before = state(store);
    for (let round = 0; round < 2; round += 1) {
      const dry = await store.repair({ dryRun: true });
      const report = await store.repair();
      assert.deepEqual(report.done, []);
      assert.equal(report.backup, null);
      assert.deepEqual(shown(report.left), shown(dry.left));
      assert.deepEqual(shown(report.left), shown(await store.check()));
      assert.deepEqual(state(store), before);
    }
    assert.equal(readdirSync(join(store.root, "local/backup")).length, 1);
    assert.deepEqual(shown(first.left), shown(await store.check()));
  });

  test("of a whole store has nothing to do and writes no tracked byte", async (context) => {
    const store = await makeStore(context);
    await store.features.createBulk([{ name: "a" }, { name: "b", dependencies: [{ index: 0 }] }]);
    const before = state(store);
    assert.deepEqual(await store.repair(), { done: [], left: [], backup: null });
    assert.deepEqual(state(store), before);
  });

  test("writes a manifest that is missing, and leaves one that says nothing", async (context) => {
    const store = await makeStore(context);
    const path = join(store.root, "flow.json");
    const text = readFileSync(path, "utf8");
    rmSync(path);
    assert.deepEqual(shown(await store.check()), [["flow.json", "manifest"]]);
    assert.deepEqual(shown((await store.repair()).done), [["flow.json", "manifest"]]);
    assert.equal(readFileSync(path, "utf8"), text);
    for (const damaged of ["{", "{}", '{"format": 99}']) {
      writeFileSync(path, damaged);
      const report = await store.repair();
      assert.deepEqual(shown(report.left), [["flow.json", "manifest"]]);
      assert.equal(readFileSync(path, "utf8"), damaged);
    }
  });
});
