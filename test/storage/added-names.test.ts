/** The names in a folder while a write adds to it: always sorted, and not sorted anew each time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { FEATURES } from "#src/storage/layout.js";
import { Writing, type WriteBase } from "#src/storage/view.js";
import { makeRoot, openStorage, putValue } from "./support.ts";

const FOLDER = "settings";

/** A folder with these names; nothing else is asked of it. */
function baseWith(below: readonly string[]): WriteBase {
  return {
    get: () => null,
    names: (folder) => (folder === FOLDER ? below : []),
    ids: { eventId: () => assert.fail(), highestId: () => 0 },
  };
}

const NAME = fc.string({ minLength: 1, maxLength: 4 }).filter((name) => !name.includes("/"));

test("names of calls and of their transaction are sorted, and each there once", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(NAME),
      fc.array(fc.array(NAME, { maxLength: 40 }), { maxLength: 8 }),
      (below, calls) => {
        const outer = new Writing(baseWith(below.toSorted()));
        const expected = new Set(below);
        for (const added of calls) {
          const inner = outer.nested();
          for (const name of added) {
            inner.put(FOLDER, name, "{}");
            expected.add(name);
            assert.deepEqual(inner.names(FOLDER), [...expected].toSorted());
          }
          outer.merge(inner);
          assert.deepEqual(outer.names(FOLDER), [...expected].toSorted());
          assert.equal(outer.names(FOLDER), outer.names(FOLDER), "the same list: it is indexed");
        }
      },
    ),
  );
});

test("a list that was handed out stays as it was", () => {
  const write = new Writing(baseWith(["b"]));
  write.put(FOLDER, "a", "{}");
  const before = write.names(FOLDER);
  write.put(FOLDER, "c", "{}");
  assert.deepEqual(
    [before, write.names(FOLDER)],
    [
      ["a", "b"],
      ["a", "b", "c"],
    ],
  );
});

test("a name that comes costs less than half of sorting all", () => {
  const below = Array.from({ length: 4000 }, (_, at) => `${at}-name.json`).toSorted();
  const outer = new Writing(baseWith(below));
  let [addingMs, sortingMs] = [0, 0];
  for (let at = 0; at < 1000; at += 1) {
    // By turns, so that whatever else the machine does meets both.
    const begun = performance.now();
    const inner = outer.nested();
    inner.put(FOLDER, `new-${at}.json`, "{}");
    outer.merge(inner);
    const names = outer.names(FOLDER);
    const added = performance.now();
    [...new Set(names)].sort();
    addingMs += added - begun;
    sortingMs += performance.now() - added;
  }
  assert.ok(addingMs < sortingMs / 2, `${addingMs} ms of adding, ${sortingMs} ms of sorting`);
});

test("what is committed and not in the files yet leaves the list the same one", async () => {
  const names = Array.from({ length: 40 }, (_, n) => `${n + 10}.json`);
  const disk = makeRoot(new MemoryDisk());
  const before = openStorage(disk);
  await before.commit((write) => {
    for (const name of names) putValue(write, name, { v: 0 });
  });
  await before.close();
  const storage = openStorage(disk, { durability: "relaxed" });
  const listed = await storage.read((view) => view.names(FEATURES));
  for (const name of names.slice(0, 30)) {
    await storage.commit((write) => putValue(write, name, { v: 1 }));
  }
  // Else each of thousands of changes would sort and index all the names anew.
  assert.equal(await storage.read((view) => view.names(FEATURES)), listed);
  await storage.commit((write) => assert.equal(write.names(FEATURES), listed));
  await storage.commit((write) => putValue(write, "100.json", { v: 1 }));
  const added = await storage.read((view) => view.names(FEATURES));
  assert.deepEqual(added, ["10.json", "100.json", ...names.slice(1)]);
  assert.equal(await storage.read((view) => view.names(FEATURES)), added);
  await storage.close();
});

test("what pending commits take away is no name any more", async () => {
  const disk = makeRoot(new MemoryDisk());
  const before = openStorage(disk);
  await before.commit((write) => {
    for (const name of ["a.json", "b.json"]) putValue(write, name, { v: 0 });
  });
  await before.close();
  const storage = openStorage(disk, { durability: "relaxed" });
  await storage.commit((write) => write.drop(FEATURES, "a.json"));
  assert.deepEqual(disk.list(FEATURES), ["a.json", "b.json"], "its file is still there");
  assert.deepEqual(await storage.read((view) => view.names(FEATURES)), ["b.json"]);
  await storage.commit((write) => assert.deepEqual(write.names(FEATURES), ["b.json"]));
  await storage.commit((write) => putValue(write, "a.json", { v: 1 }));
  assert.deepEqual(await storage.read((view) => view.names(FEATURES)), ["a.json", "b.json"]);
  await storage.close();
});
