/** P5, P6, P8: files that people and git change, and files that cannot be written. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { isFlowError } from "#src/errors.js";
import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { FEATURES, QUARANTINE } from "#src/storage/layout.js";
import type { Storage } from "#src/storage/storage.js";
import { isFault } from "#src/storage/files.js";
import { increment, makeRoot, openStorage, putValue, until, valueOf, wholeLog } from "./support.ts";

const HEAD = { gitHead: () => "head" };

function rooted(): MemoryDisk {
  const disk = new MemoryDisk();
  makeRoot(disk);
  return disk;
}

/** Puts other bytes into a file by hand. */
function edit(disk: Disk, path: string, text: string | Buffer): void {
  disk.remove(path);
  disk.create(path, text);
}

/** A disk that does something once, before the first operation that `when` names. */
function before(
  inner: Disk,
  when: (operation: string, path: string) => boolean,
  act: () => void,
): { disk: Disk; arm: () => void } {
  let isArmed = false;
  const disk = wrapDisk(inner, (operation, path, go) => {
    if (isArmed && when(operation, path)) {
      isArmed = false;
      act();
    }
    return go();
  });
  return { disk, arm: () => (isArmed = true) };
}

function quarantined(disk: Disk): string[] {
  return (disk.list(QUARANTINE) ?? [])
    .filter((name) => !name.endsWith(".why.json"))
    .map((name) => disk.read(`${QUARANTINE}/${name}`)?.toString("latin1") ?? "");
}

async function n(storage: Storage, name = "counter.json"): Promise<number | undefined> {
  return (await storage.read((view) => valueOf<{ n: number }>(view, name)))?.n;
}

describe("a hand edit", () => {
  test("before the record is written is decided upon again", async () => {
    const raw = rooted();
    const { disk, arm } = before(
      raw,
      (operation, path) => operation === "create" && path.startsWith("local/fence"),
      () => edit(raw, "features/counter.json", '{ "n": 40 }'),
    );
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    arm();
    assert.equal(await increment(storage), 41);
    assert.equal(await n(storage), 41);
    assert.deepEqual(quarantined(raw), []);
    await storage.close();
  });

  test("of a file that a commit makes, before the record, is decided upon again", async () => {
    const raw = rooted();
    const { disk, arm } = before(
      raw,
      (operation, path) => operation === "create" && path.startsWith("local/fence"),
      () => raw.create("features/new.json", '{ "n": 40 }'),
    );
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    arm();
    assert.equal(await increment(storage, "new.json"), 41);
    await storage.close();
  });

  for (const [what, bytes] of [
    ["text", Buffer.from('{ "n": 40, "mine": true }')],
    ["no text", Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ] as const) {
    test(`between record and rename (${what}) goes to quarantine, and the commit stands`, async () => {
      const raw = rooted();
      const { disk, arm } = before(
        raw,
        (operation, path) => operation === "sync" && path.startsWith("local/journal"),
        () => edit(raw, "features/counter.json", bytes),
      );
      const storage = openStorage(disk, HEAD);
      await increment(storage);
      arm();
      assert.equal(await increment(storage), 2);
      assert.equal(await n(storage), 2);
      assert.deepEqual(quarantined(raw), [bytes.toString("latin1")]);
      const why = (raw.list(QUARANTINE) ?? []).find((name) => name.endsWith(".why.json")) ?? "";
      const told = JSON.parse(raw.readText(`${QUARANTINE}/${why}`) ?? "") as { path: string };
      assert.equal(told.path, "features/counter.json");
      await storage.close();
    });
  }

  test("of a file that a commit makes, between record and rename, is kept as well", async () => {
    for (const bytes of [Buffer.from("mine"), Buffer.from([0xff, 0xfe])]) {
      const raw = rooted();
      const { disk, arm } = before(
        raw,
        (operation, path) => operation === "sync" && path.startsWith("local/journal"),
        () => raw.create("features/new.json", bytes),
      );
      const storage = openStorage(disk, HEAD);
      await increment(storage);
      arm();
      await increment(storage, "new.json");
      assert.deepEqual(quarantined(raw), [bytes.toString("latin1")]);
      await storage.close();
    }
  });

  test("within one tick of the file system's clock, of the same length, is seen as well", async () => {
    const raw = new MemoryDisk({ now: () => 1_700_000_000_000 });
    makeRoot(raw);
    const { disk, arm } = before(
      raw,
      (operation, path) => operation === "sync" && path.startsWith("local/journal"),
      () => {
        const handle = raw.open("features/counter.json", "write");
        handle?.write(Buffer.from('{\n  "n": 7\n}\n'), 0);
        handle?.close();
      },
    );
    const clock = { wallMs: () => 1_700_000_000_000, nowMs: () => 1_700_000_000_000 };
    const storage = openStorage(disk, { ...HEAD, ...clock });
    await increment(storage);
    arm();
    await increment(storage);
    assert.deepEqual(quarantined(raw), ['{\n  "n": 7\n}\n']);
    await storage.close();
  });

  test("after the commit stays, although it is what was there before", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    const old = disk.readText("features/counter.json") ?? "";
    await increment(storage);
    edit(disk, "features/counter.json", old);
    await storage.close();
    const next = openStorage(disk, HEAD);
    await next.recover();
    assert.equal(await n(next), 1);
    assert.equal(await increment(next), 2);
    await next.close();
  });

  test("that took a document away stays as well", async () => {
    const disk = rooted();
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    await increment(storage, "other.json");
    disk.remove("features/counter.json");
    await until(() => storage.readNow((view) => view.get(FEATURES, "counter.json") === null));
    await increment(storage, "other.json");
    assert.equal(disk.stat("features/counter.json"), null);
    assert.equal(await increment(storage), 1);
    await storage.close();
  });

  test("of bytes that are no text is no obstacle to others, and is kept when it is replaced", async () => {
    const disk = rooted();
    const bytes = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]);
    disk.create("features/bad.json", bytes);
    const storage = openStorage(disk, HEAD);
    for (const name of ["counter.json", "bad.json"]) {
      const result = await storage.commit((write) => {
        const seen = write.list(FEATURES).filter(isFault);
        const own = write.get(FEATURES, "bad.json");
        putValue(write, name, { n: 1 });
        return seen.length + (own !== null && isFault(own) ? 10 : 0);
      });
      assert.equal(result, 11);
    }
    await storage.transaction(async () => {
      await storage.read((view) => view.list(FEATURES));
      await increment(storage);
    }, 1000);
    assert.equal(await n(storage, "bad.json"), 1);
    assert.equal(await n(storage), 2);
    assert.deepEqual(quarantined(disk), [bytes.toString("latin1")]);
    await storage.close();
  });

  test("that is no text does not make a transaction conflict with itself", async () => {
    const disk = rooted();
    disk.create("features/bad.json", Buffer.from([0xff]));
    const storage = openStorage(disk, HEAD);
    await storage.transaction(async () => {
      await storage.read((view) => view.list(FEATURES));
      await increment(storage);
    }, 1000);
    assert.equal(await n(storage), 1);
    await storage.close();
  });
});

describe("a path that cannot be written", () => {
  /** Renames onto one path fail while `stuck` says so. */
  function stuckAt(inner: Disk, path: RegExp): { disk: Disk; stuck: { now: boolean } } {
    const stuck = { now: false };
    const disk: Disk = {
      ...wrapDisk(inner, (_operation, _path, act) => act()),
      open(at, mode) {
        const isWriting = mode !== "read" && path.test(at);
        if (stuck.now && isWriting) throw ioError("open", at, "EACCES");
        return inner.open(at, mode);
      },
      rename(from, to) {
        if (stuck.now && path.test(to)) throw ioError("rename", from, "EACCES", undefined, { to });
        inner.rename(from, to);
      },
    };
    return { disk, stuck };
  }

  test("waits: its commit stands, others go on, and it is brought up to date later", async () => {
    const raw = rooted();
    const { disk, stuck } = stuckAt(raw, /features\/stuck\.json/);
    const told: string[] = [];
    const storage = openStorage(disk, {
      ...HEAD,
      onApplyPending: (paths) => told.push(...paths.map(({ path }) => path)),
    });
    await increment(storage, "stuck.json");
    stuck.now = true;
    assert.equal(await increment(storage, "stuck.json"), 2);
    assert.ok(told.includes("features/stuck.json"));
    assert.equal(await n(storage, "stuck.json"), 2, "it is read as committed");
    const other = openStorage(raw, { ...HEAD, readOnly: true });
    assert.equal(await n(other, "stuck.json"), 2, "by others too");
    assert.equal((await wholeLog(other)).events.length, 2);
    assert.equal(await increment(storage, "free.json"), 1);
    assert.equal(raw.readText("features/free.json"), '{\n  "n": 1\n}\n');
    await assert.rejects(increment(storage, "stuck.json"), (error) => {
      assert.ok(isFlowError(error, "IO"));
      assert.equal(error.context["outcome"], undefined);
      assert.match(error.message, /features\/stuck\.json/);
      return true;
    });
    // The group of a call that fails so is not harmed.
    const [refused, taken] = await Promise.allSettled([
      increment(storage, "stuck.json"),
      increment(storage, "free.json"),
    ]);
    assert.deepEqual([refused.status, taken.status], ["rejected", "fulfilled"]);
    stuck.now = false;
    await increment(storage, "free.json");
    assert.equal(raw.readText("features/stuck.json"), '{\n  "n": 2\n}\n');
    assert.equal(await increment(storage, "stuck.json"), 3);
    await storage.close();
    await other.close();
  });

  test("is kept when the journal goes on in a new file, and by the next process", async () => {
    const raw = rooted();
    const { disk, stuck } = stuckAt(raw, /features\/stuck\.json/);
    const storage = openStorage(disk, HEAD);
    await increment(storage, "stuck.json");
    stuck.now = true;
    await increment(storage, "stuck.json");
    await storage.commit((write) => putValue(write, "long.json", { text: "x".repeat(300_000) }));
    await increment(storage, "free.json");
    assert.doesNotMatch(storage.journal.file ?? "", /first/, "it went on");
    await storage.close();
    const next = openStorage(raw, HEAD);
    assert.equal(await n(next, "stuck.json"), 2);
    await next.recover();
    assert.equal(raw.readText("features/stuck.json"), '{\n  "n": 2\n}\n');
    await next.close();
  });

  test("that is the own segment: the log goes on in another", async () => {
    const raw = rooted();
    const storage = openStorage(raw, HEAD);
    await increment(storage);
    await storage.close();
    const { disk, stuck } = stuckAt(raw, new RegExp(raw.list("events")?.[0] ?? ""));
    const next = openStorage(disk, HEAD);
    stuck.now = true;
    assert.equal(await increment(next), 2);
    assert.equal(await increment(next), 3);
    assert.deepEqual(
      (await wholeLog(next)).events.map(({ sequence }) => sequence),
      [1, 2, 3],
    );
    assert.equal(raw.list("events")?.length, 2);
    await next.close();
  });

  test("that is the whole log: calls with events fail before anything happens", async () => {
    const raw = rooted();
    const { disk, stuck } = stuckAt(raw, /^events\//);
    const storage = openStorage(disk, HEAD);
    await increment(storage);
    stuck.now = true;
    // The first one is told by its rename, after the commit.
    assert.equal(await increment(storage), 2);
    for (let times = 0; times < 3; times += 1) {
      await assert.rejects(increment(storage), (error) => isFlowError(error, "IO"));
    }
    await storage.commit((write) => putValue(write, "free.json", { n: 1 }));
    assert.equal(await n(storage), 2);
    stuck.now = false;
    assert.equal(await increment(storage), 3);
    const { events } = await wholeLog(storage);
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      [1, 2, 3],
    );
    await storage.close();
  });
});
