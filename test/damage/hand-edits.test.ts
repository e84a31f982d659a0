/** Hand edits while stores are open: seen by reads 20 ms later, and never lost to a write. */
import assert from "node:assert/strict";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";

import fc from "fast-check";
import type { Feature, FlowStore } from "flowstore";

import {
  fileOf,
  FRESH_MS,
  ids,
  makeStore,
  pass,
  refused,
  reopen,
  told,
} from "../features/support.ts";

/** Writes a document in the ways that editors and tools do. */
const WAYS: Readonly<Record<string, (path: string, text: string) => void>> = {
  "in place": (path, text) => writeFileSync(path, text),
  "by rename": (path, text) => {
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  },
  "by removing it first": (path, text) => {
    rmSync(path);
    writeFileSync(path, text);
  },
  "with its old time kept": (path, text) => {
    const { atime, mtime } = statSync(path);
    writeFileSync(path, text);
    utimesSync(path, atime, mtime);
  },
  "by rename, with its old time kept": (path, text) => {
    const { atime, mtime } = statSync(path);
    writeFileSync(`${path}.tmp`, text);
    utimesSync(`${path}.tmp`, atime, mtime);
    renameSync(`${path}.tmp`, path);
  },
};

describe("a hand edit", () => {
  for (const [way, write] of Object.entries(WAYS)) {
    test(`${way} is seen by every kind of read, each time, also when only a letter changed`, async (context) => {
      const store = await makeStore(context);
      const other = await reopen(context, store);
      const made = await store.features.create({ name: "name 00" });
      const path = fileOf(store, made);
      const seen = new Set([made.revision]);
      for (let round = 1; round <= 15; round += 1) {
        const name = `name ${String(round).padStart(2, "0")}`;
        write(path, readFileSync(path, "utf8").replace(/name \d\d/, name));
        await pass(FRESH_MS);
        for (const { features } of [store, other]) {
          assert.equal((await features.getById(1))?.name, name);
          assert.equal((await features.getById(made.uid))?.name, name);
          assert.equal((await features.getAll())[0]?.name, name);
          assert.equal((await features.list({ text: name })).items.length, 1);
          assert.equal((await features.getGraph())[0]?.name, name);
        }
        const { revision } = (await store.features.getById(1)) as Feature;
        assert.ok(!seen.has(revision));
        seen.add(revision);
      }
    });

    test(`${way} just before a write of the store is not lost`, async (context) => {
      const store = await makeStore(context);
      const made = await store.features.create({ name: "a", count: 0 });
      const path = fileOf(store, made);
      for (let round = 1; round <= 15; round += 1) {
        write(
          path,
          readFileSync(path, "utf8").replace(/"name": "[^"]*"/, `"name": "hand ${round}"`),
        );
        // No pause: a writer looks at the real file.
        const after = await store.features.update(1, { count: round });
        assert.equal(after.name, `hand ${round}`);
        assert.equal(after["count"], round);
        assert.match(readFileSync(path, "utf8"), new RegExp(`"name": "hand ${round}"`));
      }
      assert.deepEqual(await store.check(), []);
    });
  }

  test("of what a decision depends on counts at once: dependencies, flags, claims", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    const made = await features.createBulk([
      { name: "a" },
      { name: "b", dependencies: [{ index: 0 }] },
    ]);
    const edit = (index: number, from: string | RegExp, to: string): void => {
      const path = fileOf(store, made[index] as Feature);
      writeFileSync(path, readFileSync(path, "utf8").replace(from, to));
    };
    edit(0, '"passes": false', '"passes": true');
    assert.equal((await features.claimAndGet(2, { requireReady: true })).status, "in_progress");
    edit(0, '"passes": true', '"passes": false');
    edit(1, /"claim": \{[^}]*\}/, '"claim": null');
    edit(1, '"inProgress": true', '"inProgress": false');
    await refused("CONFLICT", () => features.claimAndGet(2, { requireReady: true }));
    edit(0, '"inProgress": false', '"inProgress": true');
    const taken = await refused("CONFLICT", () => features.claimAndGet(1));
    assert.equal(taken.context["holder"], null);
    edit(0, '"dependencies": []', '"dependencies": [2]');
    const circle = await refused("CYCLE_DETECTED", () => features.setDependencies(2, [1]));
    assert.deepEqual(circle.context["path"], [2, 1, 2]);
  });

  test("is named by check when it changes a state that events tell of, until the store does", async (context) => {
    const store = await makeStore(context);
    const made = await store.features.create({ name: "a" });
    const path = fileOf(store, made);
    writeFileSync(path, readFileSync(path, "utf8").replace('"passes": false', '"passes": true'));
    await pass(FRESH_MS);
    const found = await store.check();
    assert.deepEqual(
      found.map(({ rule, severity, file }) => [rule, severity, file]),
      [["unexplained", "warning", `features/${basename(path)}`]],
    );
    await store.features.markFailing(1);
    assert.deepEqual(await store.check(), []);
    assert.deepEqual(await told(store, 1), ["created", "status_change status completed>pending"]);
  });
});

describe("files that come and go", () => {
  test("added, removed, given another name, put back", async (context) => {
    const store = await makeStore(context);
    const other = await reopen(context, store);
    const { features } = store;
    await features.create({ name: "a" });
    const folder = join(store.root, "features");
    const agree = async (expected: readonly number[]): Promise<void> => {
      await pass(FRESH_MS);
      assert.deepEqual(ids(await features.getAll()), expected);
      assert.deepEqual(ids(await other.features.getAll()), expected);
      for (const id of [1, 2, 3]) {
        const there = (await other.features.getById(id)) !== null;
        assert.equal(there, expected.includes(id), `feature ${id}`);
      }
    };
    const added = join(folder, "2-by-hand.json");
    writeFileSync(added, '{"id": 2, "name": "by hand"}');
    await agree([1, 2]);
    renameSync(added, join(folder, "another name.json"));
    await agree([1, 2]);
    assert.equal((await features.markPassing(2)).passes, true);
    rmSync(join(folder, "another name.json"));
    await agree([1]);
    await refused("NOT_FOUND", () => features.markPassing(2));
    writeFileSync(added, '{"id": 2, "name": "again"}');
    await agree([1, 2]);
    assert.equal((await features.getById(2))?.passes, false);
    rmSync(folder, { recursive: true });
    await agree([]);
    mkdirSync(folder);
    writeFileSync(added, '{"id": 2, "name": "alone"}');
    await agree([2]);
    assert.equal((await features.create({ name: "next" })).id, 3);
    await agree([2, 3]);
  });

  test("a whole plan is switched, as git does, and back", async (context) => {
    const store = await makeStore(context);
    await store.features.createBulk(
      Array.from({ length: 20 }, (_, index) => ({ name: `main ${index}` })),
    );
    const folder = join(store.root, "features");
    const main = Object.fromEntries(
      readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
    );
    const names = (all: readonly Feature[]): string[] =>
      all.map(({ name }) => name.split(" ")[0] ?? "");
    for (let round = 0; round < 3; round += 1) {
      for (const [index, name] of Object.keys(main).entries()) {
        // Half of the files go, the others change.
        if (index % 2 === 0) rmSync(join(folder, name));
        else writeFileSync(join(folder, name), (main[name] ?? "").replace("main", "side"));
      }
      await pass(FRESH_MS);
      assert.deepEqual(
        names(await store.features.getAll()),
        Array.from({ length: 10 }, () => "side"),
      );
      for (const [name, text] of Object.entries(main)) writeFileSync(join(folder, name), text);
      await pass(FRESH_MS);
      assert.deepEqual(
        names(await store.features.getAll()),
        Array.from({ length: 20 }, () => "main"),
      );
      assert.equal((await store.features.getStats()).total, 20);
    }
    assert.deepEqual(await store.check(), []);
  });

  test("what git put back after a commit counts, though it equals an older state", async (context) => {
    const store = await makeStore(context);
    const made = await store.features.create({ name: "a" });
    const path = fileOf(store, made);
    const older = readFileSync(path, "utf8");
    await store.features.markPassing(1);
    writeFileSync(path, older);
    await pass(FRESH_MS);
    assert.equal((await store.features.getById(1))?.passes, false);
    const fresh = await reopen(context, store);
    assert.equal((await fresh.features.getById(1))?.passes, false);
    await fresh.features.create({ name: "b" });
    assert.equal(readFileSync(path, "utf8"), older);
    assert.equal((await fresh.features.claimAndGet(1)).status, "in_progress");
  });

  test("local/ goes, the plan stays, and the next write begins anew", async (context) => {
    const store = await makeStore(context);
    await store.features.createBulk([{ name: "a" }, { name: "b" }]);
    await store.features.markPassing(1);
    for (let round = 0; round < 3; round += 1) {
      rmSync(join(store.root, "local"), { recursive: true });
      await pass(FRESH_MS);
      assert.deepEqual(ids(await store.features.getAll()), [
        1,
        2,
        ...Array.from({ length: round }, (_, at) => at + 3),
      ]);
      assert.equal((await store.features.create({ name: "c" })).id, round + 3);
      assert.deepEqual(await store.check(), []);
    }
    assert.equal((await store.changes.getEvents(1)).length, 2);
  });
});

/** Keys and raw values that a person may have added; JSON.stringify would write none of them so. */
const extras = fc.uniqueArray(
  fc.record({
    key: fc.constantFrom(
      "zeta",
      "alpha",
      "__proto__",
      "constructor",
      "évidence",
      "x y",
      "updatedAt",
    ),
    raw: fc.constantFrom(
      ...["1.0", "1e400", "-0", "12345678901234567890", "0.1000", "[1 ,2]", '{"b": 1,   "a": {}}'],
      ...['"\\u00e9\\/"', '"\\ud800"', "null", "[\n\n]", "true"],
    ),
    at: fc.nat({ max: 12 }),
  }),
  { selector: ({ key }) => key, minLength: 1, maxLength: 4 },
);

/** Every kind of change, on feature 2 of three. */
const CHANGES: Readonly<Record<string, (store: FlowStore) => Promise<unknown>>> = {
  claim: ({ features }) => features.claimAndGet(2, { leaseMs: 60_000 }),
  renew: ({ features }) => features.renewClaim(2, "tester", { leaseMs: 90_000 }),
  clear: ({ features }) => features.clearInProgress(2),
  start: ({ features }) => features.markInProgress(2),
  pass: ({ features }) => features.markPassing(2),
  fail: ({ features }) => features.markFailing(2),
  skip: ({ features }) => features.skip(2),
  add: ({ features }) => features.addDependency(2, 1),
  set: ({ features }) => features.setDependencies(2, [3, 1]),
  remove: ({ features }) => features.removeDependency(2, 3),
  update: ({ features }) =>
    features.update(2, { name: "new", description: "d", steps: ["s"], category: "c", fresh: 1 }),
  "remove a key": ({ features }) => features.update(2, { fresh: null }),
  log: ({ changes }) => changes.logEvent(2, "comment"),
  "delete another": ({ features }) => features.delete(1),
  repair: (store) => store.repair(),
  delete: ({ features }) => features.delete(2),
};

describe("unknown keys", () => {
  test("keep their place and every byte of their value through every kind of change", async (context) => {
    const store = await makeStore(context);
    await fc.assert(
      fc.asyncProperty(extras, async (added) => {
        rmSync(join(store.root, "features"), { recursive: true });
        mkdirSync(join(store.root, "features"));
        rmSync(join(store.root, "local"), { recursive: true });
        rmSync(join(store.root, "events"), { recursive: true });
        await pass(FRESH_MS);
        const [, two] = await store.features.createBulk([
          { name: "a" },
          { name: "b" },
          { name: "c" },
        ]);
        const path = fileOf(store, two as Feature);
        const lines = readFileSync(path, "utf8").split("\n");
        for (const { key, raw, at } of added) {
          lines.splice(1 + Math.min(at, 11), 0, `  ${JSON.stringify(key)}: ${raw},`);
        }
        writeFileSync(path, lines.join("\n"));
        for (const [name, change] of Object.entries(CHANGES)) {
          await change(store);
          const text = readFileSync(path, "utf8");
          let from = 0;
          const inOrder = lines.filter((line) =>
            added.some(({ key }) => line.startsWith(`  ${JSON.stringify(key)}: `)),
          );
          for (const line of inOrder) {
            // Its line end may change: a key that comes behind it needs a comma.
            const place = text.indexOf(line.slice(0, -1), from);
            assert.ok(place >= 0, `${name} lost ${line}\n${text}`);
            from = place + line.length - 1;
          }
        }
      }),
      { numRuns: 8 },
    );
  });

  test("a whole document in a person's own layout changes only where the store writes", async (context) => {
    const store = await makeStore(context);
    const path = join(store.root, "features/1-own.json");
    const text =
      '{ "name":"own" , "id" : 1,\r\n\t"passes":false,"note":1.0, "steps" : [ "a" ],\r\n\t"uid":"01ARZ3NDEKTSV4RRFFQ69G5FAV"   }\r\n\r\n';
    writeFileSync(path, text);
    await pass(FRESH_MS);
    await store.features.markPassing(1);
    assert.equal(readFileSync(path, "utf8"), text.replace('"passes":false', '"passes":true'));
    await store.features.markFailing(1);
    assert.equal(readFileSync(path, "utf8"), text);
    await store.features.update(1, { name: "other", steps: ["a"] });
    assert.equal(readFileSync(path, "utf8"), text.replace('"own"', '"other"'));
  });

  test("a document without a uid gets one with its first change, and its history holds together", async (context) => {
    const store = await makeStore(context);
    const path = join(store.root, "features/5.json");
    writeFileSync(path, '{"id": 5, "name": "by hand"}');
    await pass(FRESH_MS);
    const before = await store.features.getById(5);
    assert.match(before?.uid ?? "", /^0000000000/);
    assert.equal(readFileSync(path, "utf8"), '{"id": 5, "name": "by hand"}');
    const after = await store.features.claimAndGet(5);
    assert.equal(after.uid, before?.uid);
    assert.equal((JSON.parse(readFileSync(path, "utf8")) as Feature).uid, after.uid);
    assert.deepEqual(await store.features.getById(after.uid), after);
    assert.deepEqual(await told(store, 5), ["claimed status pending>in_progress"]);
  });
});
