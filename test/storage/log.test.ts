/** The event log: where lines go, how they are numbered, what git and the clock may do to it. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { MUTATING, wrapDisk } from "#src/disk/wrapped-disk.js";
import { EVENTS } from "#src/storage/layout.js";
import type { Storage, StorageOptions } from "#src/storage/storage.js";
import { increment, makeRoot, openStorage, until, valueOf, wholeLog } from "./support.ts";

const HEAD = { gitHead: () => "head" };

function rooted(): MemoryDisk {
  const disk = new MemoryDisk();
  makeRoot(disk);
  return disk;
}

function segments(disk: Disk): string[] {
  return disk.list(EVENTS) ?? [];
}

function linesOf(disk: Disk, name: string): string[] {
  return (disk.readText(`${EVENTS}/${name}`) ?? "").split("\n").slice(0, -1);
}

async function numbersOf(storage: Storage): Promise<number[]> {
  return (await wholeLog(storage)).events.map(({ sequence }) => sequence);
}

/** What each event says: the tags, in the order of the log. */
async function tagsOf(storage: Storage): Promise<string[]> {
  const { events } = await wholeLog(storage);
  return events.map(({ event }) => (event.payload as { tag: string }).tag);
}

/** Does `act` with a store of its own, which is closed. */
async function withStore<T>(
  disk: Disk,
  act: (storage: Storage) => Promise<T>,
  options: Partial<StorageOptions> = {},
): Promise<T> {
  const storage = openStorage(disk, { ...HEAD, ...options });
  const result = await act(storage);
  await storage.close();
  return result;
}

/** The segments that another clone wrote, as a merge would bring them. */
async function otherClone(
  tags: readonly string[],
  nowMs = Date.now(),
): Promise<Map<string, string>> {
  const disk = rooted();
  await withStore(
    disk,
    async (storage) => {
      for (const tag of tags) await increment(storage, "theirs.json", tag);
    },
    { nowMs: () => nowMs },
  );
  return new Map(segments(disk).map((name) => [name, disk.readText(`${EVENTS}/${name}`) ?? ""]));
}

function merge(disk: Disk, from: ReadonlyMap<string, string>): void {
  for (const [name, text] of from) disk.create(`${EVENTS}/${name}`, text);
}

describe("the segment that a clone writes", () => {
  test("is the same from commit to commit and from process to process", async () => {
    const disk = rooted();
    for (let count = 0; count < 3; count += 1) {
      await withStore(disk, (storage) => increment(storage));
    }
    assert.equal(segments(disk).length, 1);
    assert.equal(linesOf(disk, segments(disk)[0] ?? "").length, 4);
  });

  test("is another after HEAD moved", async () => {
    const disk = rooted();
    await withStore(disk, (storage) => increment(storage));
    await withStore(disk, (storage) => increment(storage), { gitHead: () => "moved" });
    await withStore(disk, (storage) => increment(storage), { gitHead: () => "moved" });
    assert.equal(segments(disk).length, 2);
    await withStore(disk, async (storage) => assert.deepEqual(await numbersOf(storage), [1, 2, 3]));
  });

  for (const [what, change] of [
    ["another's line at its end", (text: string) => `${text}{"id":"x"}\n`],
    ["a torn line at its end", (text: string) => `${text}{"id":"01`],
    ["a missing end", (text: string) => text.slice(0, -9)],
    ["zeros at its end", (text: string) => `${text}\0\0\0\0`],
    [
      "another text of the same length",
      (text: string) => text.replace(/"n":1,"tag"/, '"n":7,"tag"'),
    ],
  ] as const) {
    test(`is another when it is found with ${what}`, async () => {
      const disk = rooted();
      await withStore(disk, (storage) => increment(storage, "counter.json", "one"));
      const [own = ""] = segments(disk);
      const changed = change(disk.readText(`${EVENTS}/${own}`) ?? "");
      disk.remove(`${EVENTS}/${own}`);
      disk.create(`${EVENTS}/${own}`, changed);
      await withStore(disk, async (storage) => {
        await increment(storage, "counter.json", "two");
        await increment(storage, "counter.json", "three");
        assert.deepEqual((await tagsOf(storage)).slice(-2), ["two", "three"]);
      });
      assert.equal(disk.readText(`${EVENTS}/${own}`), changed, "it is left as it was found");
      assert.equal(segments(disk).length, 2);
    });
  }

  test("gives a new one to lines that git overtook", async () => {
    const disk = rooted();
    await withStore(disk, (storage) => increment(storage, "counter.json", "one"));
    const [own = ""] = segments(disk);
    const text = disk.readText(`${EVENTS}/${own}`) ?? "";
    let isArmed = true;
    const racing = wrapDisk(disk, (operation, path, act) => {
      const result = act();
      if (isArmed && operation === "sync" && path.startsWith("local/journal")) {
        isArmed = false;
        disk.remove(`${EVENTS}/${own}`);
        disk.create(`${EVENTS}/${own}`, text.split("\n").slice(0, 1).join("\n") + "\n");
      }
      return result;
    });
    await withStore(racing, async (storage) => {
      await increment(storage, "counter.json", "two");
      assert.deepEqual(await tagsOf(storage), ["two"]);
      await increment(storage, "counter.json", "three");
      assert.deepEqual(await tagsOf(storage), ["two", "three"]);
    });
    await withStore(disk, async (storage) =>
      assert.deepEqual(await tagsOf(storage), ["two", "three"]),
    );
  });

  test("is finished by whoever comes next, whatever was written of a line", async () => {
    for (let bytes = 0; bytes < 500; bytes += 7) {
      const disk = rooted();
      await withStore(disk, (storage) => increment(storage, "counter.json", "one"));
      let isDead = false;
      const dying: Disk = wrapDisk(disk, (operation, path, act, write) => {
        if (operation === "write" && path.startsWith(EVENTS)) {
          write?.first(Math.min(bytes, write.length));
          isDead = true;
        }
        if (isDead) throw ioError(operation, path, "EIO");
        return act();
      });
      const killed = openStorage(dying, {
        ...HEAD,
        identity: { ...thisProcess(), pid: 2 ** 30, pidStart: null },
      });
      await increment(killed, "counter.json", "two").catch(() => undefined);
      await killed.close();
      const seen = openStorage(disk, { ...HEAD, readOnly: true });
      assert.deepEqual(await tagsOf(seen), ["one", "two"], `a reader, ${bytes} bytes`);
      assert.deepEqual(await numbersOf(seen), [1, 2]);
      await seen.close();
      await withStore(disk, async (storage) => {
        await increment(storage, "counter.json", "three");
        assert.deepEqual(await tagsOf(storage), ["one", "two", "three"], `${bytes} bytes`);
      });
      assert.equal(segments(disk).length, 1);
    }
  });
});

describe("numbers", () => {
  test("of merged lines are provisional until the next commit gives them for good", async () => {
    const disk = rooted();
    const theirs = await otherClone(["t1", "t2"]);
    await withStore(disk, async (storage) => {
      await increment(storage, "counter.json", "o1");
      merge(disk, theirs);
      await until(() => segments(disk).length === 2);
      await sleep(25);
      const { events } = await wholeLog(storage);
      assert.deepEqual(
        events.map(({ sequence, provisional }) => [sequence, provisional]),
        [
          [1, false],
          [2, true],
          [3, true],
        ],
      );
      await increment(storage, "counter.json", "o2");
      const after = (await wholeLog(storage)).events;
      assert.deepEqual(
        after.map(({ sequence, provisional }) => [sequence, provisional]),
        [
          [1, false],
          [2, false],
          [3, false],
          [4, false],
        ],
      );
      assert.deepEqual(await tagsOf(storage), ["o1", "t1", "t2", "o2"]);
    });
    await withStore(disk, async (storage) => {
      assert.deepEqual(await tagsOf(storage), ["o1", "t1", "t2", "o2"]);
      assert.deepEqual(await numbersOf(storage), [1, 2, 3, 4]);
    });
  });

  test("are given once: a line that went away takes its number along, and has it when it comes back", async () => {
    const disk = rooted();
    await withStore(disk, (storage) => increment(storage, "counter.json", "one"));
    const [first = ""] = segments(disk);
    const text = disk.readText(`${EVENTS}/${first}`) ?? "";
    disk.remove(`${EVENTS}/${first}`);
    await withStore(disk, async (storage) => {
      await increment(storage, "counter.json", "two");
      assert.deepEqual(await numbersOf(storage), [2]);
    });
    disk.create(`${EVENTS}/${first}`, text);
    await withStore(disk, async (storage) => {
      await increment(storage, "counter.json", "three");
      assert.deepEqual(await numbersOf(storage), [1, 2, 3]);
      assert.deepEqual(await tagsOf(storage), ["one", "two", "three"]);
    });
  });

  test("stay through rotations of the journal", async () => {
    const disk = rooted();
    await withStore(disk, async (storage) => {
      for (let count = 0; count < 4; count += 1) {
        await increment(storage, "counter.json", `${count}`);
        await storage.commit((write) =>
          write.put("features", "long.json", `"${"x".repeat(140_000 + count)}"\n`),
        );
      }
      assert.doesNotMatch(storage.journal.file ?? "", /first/);
    });
    await withStore(disk, async (storage) => {
      await increment(storage, "counter.json", "last");
      assert.deepEqual(await numbersOf(storage), [1, 2, 3, 4, 5]);
    });
  });

  test("begin anew when local/ is gone, behind nothing that is in the tree", async () => {
    const disk = rooted();
    await withStore(disk, async (storage) => {
      await increment(storage, "counter.json", "one");
      await increment(storage, "counter.json", "two");
    });
    const copy = rooted();
    for (const folder of ["features", EVENTS]) {
      for (const name of disk.list(folder) ?? []) {
        copy.create(`${folder}/${name}`, disk.read(`${folder}/${name}`) ?? "");
      }
    }
    await withStore(copy, async (storage) => {
      assert.equal(await increment(storage, "counter.json", "three"), 3);
      assert.deepEqual(await tagsOf(storage), ["one", "two", "three"]);
      assert.deepEqual(await numbersOf(storage), [1, 2, 3]);
    });
    assert.equal(segments(copy).length, 2, "it does not append to the other clone's segment");
  });

  test("cost the next commits nothing when a merge left a torn line", async () => {
    const disk = rooted();
    const [[name = "", text = ""] = []] = await otherClone(["t1", "t2"]);
    disk.create(`${EVENTS}/${name}`, text.slice(0, -20));
    let reads = 0;
    const counting = wrapDisk(disk, (operation, path, act) => {
      if ((operation === "open" || operation === "read") && path === `${EVENTS}/${name}`)
        reads += 1;
      return act();
    });
    await withStore(counting, async (storage) => {
      await increment(storage);
      await increment(storage);
      reads = 0;
      for (let count = 0; count < 10; count += 1) await increment(storage);
      assert.ok(reads <= 1, `${reads} reads of a segment that nobody changed`);
    });
  });
});

describe("the ids of events", () => {
  test("rise although the clock goes back", async () => {
    let now = 1_800_000_000_000;
    const clock = { nowMs: () => now };
    const disk = rooted();
    for (const step of [0, -3_600_000, 5, -86_400_000 * 30, 0]) {
      now += step;
      await withStore(disk, async (storage) => void (await increment(storage)), clock);
    }
    await withStore(disk, async (storage) => {
      const ids = (await wholeLog(storage)).events.map(({ event }) => event.id);
      assert.deepEqual(ids, ids.toSorted());
      assert.equal(new Set(ids).size, 5);
      assert.deepEqual(await numbersOf(storage), [1, 2, 3, 4, 5]);
    });
  });

  test("rise behind a merged one that is an hour ahead, and not behind one a week ahead", async () => {
    const hour = 3_600_000;
    for (const [ahead, follows] of [
      [hour, true],
      [hour * 24 * 7, false],
    ] as const) {
      const disk = rooted();
      merge(disk, await otherClone(["t"], Date.now() + ahead));
      const [theirs = ""] = segments(disk);
      await withStore(disk, async (storage) => {
        await increment(storage, "counter.json", "own");
        const own = (await wholeLog(storage)).events.find(
          ({ event }) => (event.payload as { tag: string }).tag === "own",
        );
        assert.equal((own?.event.id ?? "") > theirs, follows);
      });
    }
  });
});

describe("a log of very many segments", () => {
  test("does not make the journal go on in a new file each time", async () => {
    const disk = rooted();
    let head = 0;
    const options = { gitHead: () => `head ${head}`, durability: "none" } as const;
    const storage = openStorage(disk, options);
    for (head = 1; head <= 900; head += 1) await increment(storage);
    await storage.close();
    const [name = ""] = (disk.list("local/journal") ?? []).slice(-1);
    const header = (disk.readText(`local/journal/${name}`) ?? "").trimStart().split("\n")[0] ?? "";
    assert.ok(header.length > 64 * 1024, `a header of ${header.length} bytes`);
    for (let count = 0; count < 3; count += 1) {
      const again = openStorage(disk, options);
      await increment(again);
      await again.close();
    }
    assert.deepEqual(disk.list("local/journal"), [name]);
  });
});

describe("durability", () => {
  test("relaxed: answered at once, in the files within 100 ms", async () => {
    const disk = rooted();
    const storage = openStorage(disk, { ...HEAD, durability: "relaxed" });
    await increment(storage);
    await until(() => disk.stat("features/counter.json") !== null);
    const began = performance.now();
    await increment(storage);
    assert.match(disk.readText("features/counter.json") ?? "", /"n": 1/, "not yet");
    assert.deepEqual(await storage.read((view) => valueOf(view, "counter.json")), { n: 2 });
    await until(() => /"n": 2/.test(disk.readText("features/counter.json") ?? ""));
    const took = performance.now() - began;
    assert.ok(took < 250, `took ${took} ms (on a machine at rest at most 100)`);
    await storage.close();
  });

  test("relaxed: in the files when the store is closed, and when another process waits", async () => {
    const disk = rooted();
    const storage = openStorage(disk, { ...HEAD, durability: "relaxed" });
    const other = openStorage(disk, HEAD);
    await increment(storage);
    assert.equal(await increment(other), 2);
    await increment(storage);
    await storage.close();
    assert.match(disk.readText("features/counter.json") ?? "", /"n": 3/);
    await other.close();
  });

  test("relaxed: a long run does not let the journal grow without end", async () => {
    const disk = rooted();
    const storage = openStorage(disk, { ...HEAD, durability: "relaxed" });
    for (let count = 0; count < 30; count += 1) {
      await storage.commit((write) =>
        write.put("features", "long.json", `"${"x".repeat(30_000 + count)}"\n`),
      );
      if (count % 5 === 4) await storage.recover();
    }
    assert.ok(storage.journal.size < 500_000, `${storage.journal.size} bytes`);
    await storage.close();
  });

  test("relaxed: what could not be confirmed is settled before the next call decides", async () => {
    const disk = rooted();
    let isFailing = false;
    const failing = wrapDisk(disk, (operation, path, act, write) => {
      // Of a commit's two lines the second one, its `ok`, is short.
      const isOk =
        operation === "write" && path.startsWith("local/journal/") && write !== undefined;
      if (isOk && isFailing && write.length < 200) throw ioError("write", path, "ENOSPC");
      return act();
    });
    const storage = openStorage(failing, { ...HEAD, durability: "relaxed" });
    assert.equal(await increment(storage), 1);
    isFailing = true;
    await assert.rejects(increment(storage), /outcome|tell/);
    isFailing = false;
    assert.equal(await increment(storage), 3);
    await storage.close();
    assert.match(disk.readText("features/counter.json") ?? "", /"n": 3/);
    assert.deepEqual(await numbersOf(openStorage(disk, HEAD)), [1, 2, 3]);
  });

  test("none: no sync at all, and old journals go", async () => {
    const disk = rooted();
    const syncs: string[] = [];
    const counting = wrapDisk(disk, (operation, path, act) => {
      if (MUTATING.has(operation) && /sync/i.test(operation)) syncs.push(`${operation} ${path}`);
      return act();
    });
    const storage = openStorage(counting, { ...HEAD, durability: "none" });
    for (let count = 0; count < 10; count += 1) await increment(storage);
    assert.deepEqual(syncs, []);
    for (let count = 0; count < 30; count += 1) {
      await storage.commit((write) =>
        write.put("features", "long.json", `"${"x".repeat(60_000 + count)}"\n`),
      );
    }
    assert.ok(
      (disk.list("local/journal")?.length ?? 0) <= 2,
      disk.list("local/journal")?.join(" "),
    );
    await storage.close();
  });
});
