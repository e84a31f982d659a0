/** The journal by itself: which lines count, who wins a number, where it goes on. */

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { isFlowError } from "#src/errors.js";
import type { Disk, Handle } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { randomName } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { Journal } from "#src/storage/journal.js";
import {
  encodeLine,
  JOURNAL_VERSION,
  type CommitRecord,
  type JournalLine,
} from "#src/storage/journal-lines.js";
import { inFolder, JOURNAL, LOCAL } from "#src/storage/layout.js";

const BOOT = "this boot";

/** A journal that notes what it was told. */
class Told extends Journal {
  /** Ids of commits in order; `lost` where anything may have happened. */
  readonly told: string[];
  /** Ids of commits that came into the files after they were told of. */
  readonly applied: string[];

  constructor(disk: Disk, boot = BOOT) {
    const told: string[] = [];
    const applied: string[] = [];
    const listener = {
      committed: (record: CommitRecord) => void told.push(record.id),
      applied: (record: CommitRecord) => void applied.push(record.id),
      lost: () => void told.push("lost"),
    };
    super(disk, listener, {
      bootId: boot,
      randomName,
      nowIso: () => new Date().toISOString(),
      readOnly: false,
    });
    this.told = told;
    this.applied = applied;
  }
}

let disk: MemoryDisk;

beforeEach(() => {
  disk = new MemoryDisk();
  disk.makeFolder(LOCAL);
  disk.makeFolder(JOURNAL);
});

function open(on: Disk = disk, boot = BOOT): Told {
  const journal = new Told(on, boot);
  journal.begin(true);
  return journal;
}

function reader(boot = BOOT): Told {
  const journal = new Told(disk, boot);
  journal.tail();
  return journal;
}

function recordAfter(journal: Journal, id: string, boot = BOOT): CommitRecord {
  const { n, id: prev } = journal.head;
  return {
    kind: "record",
    v: JOURNAL_VERSION,
    n: n + 1,
    prev,
    id,
    boot,
    at: 0,
    changes: [{ put: `features/${id}.json`, pre: null, data: "{}\n" }],
  };
}

/** Appends behind what is there and lets it count; whether it won. */
function commit(journal: Journal, id: string): boolean {
  journal.tail();
  const record = recordAfter(journal, id);
  if (!journal.append(record, true)) return false;
  journal.acknowledge(record, true);
  return true;
}

function names(): string[] {
  return disk.list(JOURNAL) ?? [];
}

/** Bytes at the end of the current file, whatever they are. */
function scribble(journal: Journal, bytes: Buffer): void {
  const handle = disk.open(inFolder(JOURNAL, journal.file ?? ""), "append");
  assert.ok(handle);
  handle.write(bytes);
  handle.close();
}

function idsOf(journal: Journal): string[] {
  return [...journal.window.values()].map(({ record }) => record.id);
}

describe("of the lines of a journal", () => {
  test("the first record of a number wins, for everybody", () => {
    const a = open();
    const b = open();
    const ofA = recordAfter(a, "a");
    const ofB = recordAfter(b, "b");
    assert.equal(b.append(ofB, true), true);
    assert.equal(a.append(ofA, true), false);
    for (const journal of [a, b, reader()]) assert.equal(journal.head.id, "b");
    assert.ok(commit(a, "a"), "it goes on behind the winner");
    assert.deepEqual(idsOf(reader()), ["b", "a"]);
  });

  test("a record that names another head, or skips a number, is void", () => {
    const journal = open();
    commit(journal, "one");
    const good = recordAfter(journal, "two");
    scribble(journal, encodeLine({ ...good, id: "stranger", prev: "else" }));
    scribble(journal, encodeLine({ ...good, id: "early", n: good.n + 1 }));
    scribble(journal, encodeLine({ ...good, id: "late", n: good.n - 1 }));
    assert.ok(commit(journal, "two"));
    assert.deepEqual(idsOf(reader()), ["one", "two"]);
  });

  test("a line cut anywhere is void and takes no other with it; without its last LF it counts", () => {
    const line = encodeLine(recordAfter(open(), "cut"));
    for (let length = 1; length <= line.length; length += 1) {
      disk = disk.crash("all");
      for (const name of names()) disk.remove(inFolder(JOURNAL, name));
      const journal = open();
      const whole = encodeLine(recordAfter(journal, "cut"));
      const cut = whole.subarray(0, Math.min(length, whole.length));
      scribble(journal, cut);
      const counts = length >= whole.length - 1;
      assert.deepEqual(idsOf(reader()), counts ? ["cut"] : [], `${length} bytes, before`);
      const other = open();
      assert.ok(commit(other, "next"), `${length} bytes`);
      const expected = counts ? ["cut", "next"] : ["next"];
      assert.deepEqual(idsOf(reader()), expected, `${length} bytes, after`);
      assert.equal(commit(journal, "stale"), true, "a reader of the torn line goes on as well");
      assert.deepEqual(idsOf(reader()), [...expected, "stale"]);
    }
  });

  test("a record that is too long for one string of a reader is refused before it is written", () => {
    const journal = open();
    const { size } = journal;
    const [change] = recordAfter(journal, "long").changes;
    const data = "\u00e4".repeat(135 * 1024 * 1024);
    const record = { ...recordAfter(journal, "long"), changes: [{ ...change, data }] };
    assert.throws(
      () => journal.append(record as CommitRecord, false),
      (error) => isFlowError(error, "BAD_REQUEST"),
    );
    assert.equal(journal.size, size);
    assert.ok(commit(journal, "next"));
  });

  test("zeros, and a line with one bit turned, are void", () => {
    const journal = open();
    commit(journal, "one");
    scribble(journal, Buffer.alloc(700));
    const turned = encodeLine(recordAfter(journal, "turned"));
    const at = turned.indexOf('"turned"') + 3;
    turned[at] = (turned[at] ?? 0) ^ 1;
    scribble(journal, turned);
    assert.ok(commit(journal, "two"));
    scribble(journal, Buffer.alloc(300));
    assert.deepEqual(idsOf(reader()), ["one", "two"]);
  });

  test("one of an unknown kind or version stops everybody, again and again", () => {
    for (const line of [
      { kind: "future", v: JOURNAL_VERSION },
      { ...recordAfter(open(), "newer"), v: JOURNAL_VERSION + 1 },
    ]) {
      disk = disk.crash("all");
      for (const name of names()) disk.remove(inFolder(JOURNAL, name));
      const journal = open();
      commit(journal, "one");
      scribble(journal, encodeLine(line as JournalLine));
      const before = disk.operations;
      for (const act of [
        () => journal.tail(),
        () => journal.tail(),
        () => journal.begin(true),
        () => journal.append(recordAfter(journal, "two"), true),
        () => reader(),
      ]) {
        assert.throws(
          act,
          (error) => isFlowError(error, "UNSUPPORTED_FORMAT") || isFlowError(error, "IO"),
        );
      }
      assert.equal(disk.operations, before, "nothing was written");
    }
  });

  test("a record counts from its ok on; one of an earlier boot counts by itself", () => {
    const journal = open();
    const record = recordAfter(journal, "one");
    journal.append(record, true);
    assert.deepEqual([reader().ok, reader().head.n], [0, 1]);
    assert.deepEqual([reader("next boot").ok, reader("next boot").synced], [1, 1]);
    journal.acknowledge(record, true);
    assert.deepEqual([reader().ok, reader().synced], [1, 1]);
  });

  test("a mark counts in its boot only", () => {
    const journal = open();
    commit(journal, "one");
    journal.mark(1, []);
    assert.deepEqual(reader().unapplied(), []);
    assert.deepEqual(
      reader("next boot")
        .unapplied()
        .map(({ record }) => record.id),
      ["one"],
    );
  });

  test("whoever finds a record without ok syncs it before it lets it count", () => {
    const journal = open();
    journal.append(recordAfter(journal, "one"), false);
    const other = open();
    other.confirm(true);
    assert.equal(other.synced, 1);
    const left = disk.crash("nothing");
    assert.equal(new Told(left, "next boot").tail(), true);
    const after = new Told(left, "next boot");
    after.tail();
    assert.equal(after.head.id, "one");
  });
});

describe("a journal that goes on in a new file", () => {
  test("has one successor when two rotate at once", () => {
    const a = open();
    commit(a, "one");
    const b = open();
    a.rotate({ sync: true });
    b.rotate({ sync: true });
    a.tail();
    assert.equal(a.file, b.file);
    assert.equal(a.head.id, b.head.id);
    assert.ok(commit(a, "two"));
    assert.ok(commit(b, "three"));
    assert.equal(reader().head.id, "three");
    const files = names();
    assert.equal(files.length, 1, files.join(" "));
  });

  test("has one successor when the loser had read the same head before", () => {
    const a = open();
    commit(a, "one");
    let isSecond = false;
    const racing = wrapDisk(disk, (operation, path, act) => {
      // The other one seals between this one's successor and its seal.
      if (operation === "syncFolder" && path === JOURNAL && !isSecond) {
        isSecond = true;
        a.rotate({ sync: true });
      }
      return act();
    });
    const b = new Told(racing);
    b.tail();
    b.rotate({ sync: true });
    a.tail();
    assert.equal(isSecond, true);
    assert.equal(a.file, b.file);
    assert.deepEqual(names(), [a.file], "the loser's successor is gone");
  });

  test("leaves out the record of a writer that slept over it", () => {
    const sleeper = open();
    commit(sleeper, "one");
    const record = recordAfter(sleeper, "slept");
    const other = open();
    other.rotate({ sync: true });
    commit(other, "two");
    assert.equal(sleeper.append(record, true), false);
    assert.equal(sleeper.head.id, "two");
    assert.deepEqual(reader().head, other.head);
  });

  test("does not pass over a record that waits for its ok", () => {
    const a = open();
    commit(a, "one");
    const b = open();
    const record = recordAfter(a, "two");
    assert.equal(a.append(record, true), true);
    b.tail();
    b.rotate({ sync: true });
    a.acknowledge(record, true);
    assert.equal(reader().ok, 2);
    assert.ok(idsOf(reader()).includes("two"));
  });

  test("is followed from any place, also through files that are gone", () => {
    const writer = open();
    const readers = [reader()];
    const committed: string[] = [];
    for (let file = 0; file < 5; file += 1) {
      for (let count = 0; count < 3; count += 1) {
        const id = `${file}-${count}`;
        commit(writer, id);
        committed.push(id);
        const late = reader();
        late.told.length = 0;
        readers.push(late);
      }
      writer.mark(writer.ok, []);
      writer.raiseFloor(writer.ok);
      writer.rotate({ sync: true });
    }
    assert.equal(names().length, 1);
    commit(writer, "last");
    committed.push("last");
    for (const [index, one] of readers.entries()) {
      one.tail();
      assert.deepEqual(one.head, writer.head, `reader ${index}`);
      assert.equal(one.file, writer.file);
      // Each commit is told, or it is told that anything may have happened.
      const known = one.told.filter((id) => committed.includes(id));
      if (!one.told.includes("lost"))
        assert.deepEqual(known, committed.slice(index), `reader ${index}`);
    }
  });

  test("tells what came into the files meanwhile, also where the mark is in a file that is gone", () => {
    const writer = open();
    const pending = reader();
    commit(writer, "one");
    pending.tail();
    assert.deepEqual([pending.unapplied().length, pending.applied], [1, []]);
    writer.rotate({ sync: true });
    writer.mark(writer.ok, []);
    writer.rotate({ sync: true });
    pending.tail();
    assert.equal(pending.file, writer.file);
    assert.deepEqual(
      pending.unapplied().filter(({ record }) => record.id === "one"),
      [],
    );
    assert.ok(pending.applied.includes("one") || pending.told.includes("lost"));
  });

  test("carries what is not yet synced into the files, and the numbers of the log", () => {
    const writer = open();
    commit(writer, "one");
    writer.mark(1, []);
    commit(writer, "two");
    writer.rotate({ sync: true });
    const after = reader();
    assert.deepEqual(
      after
        .unapplied()
        .map(({ record }) => record.id)
        .filter((id) => /one|two/.test(id)),
      ["two"],
    );
    assert.ok(after.window.has(1), "until the floor rises");
  });

  test("is found by whoever opens it although the seal was lost", () => {
    const writer = open();
    commit(writer, "one");
    const old = writer.file ?? "";
    writer.rotate({ sync: true });
    commit(writer, "two");
    const { file } = writer;
    // The power took the seal and brought the old file back.
    disk.create(inFolder(JOURNAL, old), encodeLine(recordAfter(writer, "nonsense")));
    assert.equal(reader().file, file);
    assert.equal(reader().head.id, "two");
  });

  test("goes on in the old one when the seal names a file that is not there", () => {
    const writer = open();
    commit(writer, "one");
    const prev = writer.head.id;
    const seal: JournalLine = {
      kind: "seal",
      v: JOURNAL_VERSION,
      n: 2,
      prev,
      id: "s",
      next: "000000000002-gone.jsonl",
    };
    scribble(writer, encodeLine(seal));
    const other = open();
    assert.equal(other.head.id, "one");
    assert.ok(commit(other, "two"));
    writer.tail();
    assert.equal(writer.head.id, "two");
    assert.equal(reader().head.id, "two");
  });

  test("leaves no orphan of a rotation that was killed", () => {
    const writer = open();
    commit(writer, "one");
    const dying = wrapDisk(disk, (operation, path, act) => {
      if (operation === "write") throw ioError(operation, path, "EIO");
      return act();
    });
    const killed = new Told(dying);
    killed.tail();
    assert.throws(() => killed.rotate({ sync: true }));
    assert.equal(names().length, 2);
    const next = open();
    commit(next, "two");
    next.removeOldFiles(true);
    assert.deepEqual(names(), [next.file]);
  });
});

describe("a failed sync", () => {
  /** A disk whose file cannot be synced any more; later syncs say yes and do nothing, as Linux does. */
  function failing(): { on: Disk; fail: { now: boolean } } {
    const fail = { now: false };
    const broken = new Set<string>();
    const on = wrapDisk(disk, (operation, path, act) => {
      if (operation !== "sync") return act();
      if (broken.has(path)) return undefined as ReturnType<typeof act>;
      if (!fail.now) return act();
      fail.now = false;
      broken.add(path);
      throw ioError(operation, path, "EIO");
    });
    return { on, fail };
  }

  test("leaves the outcome unknown, and nobody builds on the record", () => {
    const { on, fail } = failing();
    const journal = open(on);
    commit(journal, "one");
    fail.now = true;
    assert.throws(
      () => journal.append(recordAfter(journal, "two"), true),
      (error) =>
        isFlowError(error, "IO") &&
        error.context["outcome"] === "unknown" &&
        error.context["mustReopen"] === true,
    );
    const old = journal.file;
    const next = open(on);
    assert.notEqual(next.file, old);
    assert.deepEqual(
      idsOf(next).filter((id) => /one|two/.test(id)),
      ["one"],
    );
    assert.ok(commit(next, "three"));
    const left = disk.crash("nothing");
    const after = new Told(left, "next boot");
    after.tail();
    assert.equal(after.head.id, "three");
    assert.deepEqual(
      idsOf(after).filter((id) => /one|two|three/.test(id)),
      ["one", "three"],
    );
  });

  test("of a relaxed record keeps what counted already", () => {
    const { on, fail } = failing();
    const journal = open(on);
    const record = recordAfter(journal, "relaxed");
    journal.append(record, false);
    journal.acknowledge(record, false);
    fail.now = true;
    assert.throws(() => journal.confirm(true));
    const next = open(on);
    assert.ok(idsOf(next).includes("relaxed"));
    commit(next, "next");
    const after = new Told(disk.crash("nothing"), "next boot");
    after.tail();
    assert.ok(idsOf(after).includes("relaxed"));
  });

  test("that could not even be noted takes nothing along that others build on it", () => {
    const fail = { now: false };
    let lost: readonly [path: string, from: number, to: number] = ["", 0, 0];
    let sizeBefore = 0;
    const on = wrapDisk(disk, (operation, path, act) => {
      if (!fail.now || !path.startsWith(JOURNAL)) return act();
      if (operation === "write" && lost[1] === 0) {
        sizeBefore = disk.stat(path)?.size ?? 0;
        return act();
      }
      if (operation === "sync") {
        // What was written before will never reach the disk, although it can be read.
        lost = [path, sizeBefore, disk.stat(path)?.size ?? 0];
        throw ioError(operation, path, "ENOSPC");
      }
      if (operation === "write") throw ioError(operation, path, "ENOSPC");
      return act();
    });
    const journal = open(on);
    commit(journal, "one");
    fail.now = true;
    assert.throws(() => journal.append(recordAfter(journal, "two"), true));
    const helper = open();
    helper.confirm(true, true);
    assert.ok(commit(helper, "three"));
    const left = disk.crash("nothing");
    const [path, from, to] = lost;
    left.open(path, "write")?.write(Buffer.alloc(to - from), from);
    const after = new Told(left, "next boot");
    after.tail();
    assert.equal(after.head.id, "three");
  });

  test("is told as such even when nothing can be written any more", () => {
    let isDead = false;
    const on = wrapDisk(disk, (operation, path, act) => {
      if (operation === "sync") isDead = true;
      if (isDead) throw ioError(operation, path, "EIO");
      return act();
    });
    const journal = new Told(on);
    open();
    journal.tail();
    assert.throws(
      () => journal.append(recordAfter(journal, "one"), true),
      (error) => isFlowError(error, "IO") && error.context["outcome"] === "unknown",
    );
  });
});

describe("a journal that cannot be read", () => {
  /** Reads a few bytes at a time, and fails once in the middle. */
  function stammering(failAt: number): { on: Disk; hasFailed: () => boolean } {
    let reads = 0;
    const on = wrapDisk(disk, (_operation, _path, act) => act());
    on.open = (path, mode): Handle | null => {
      const handle = disk.open(path, mode);
      if (handle === null) return null;
      const read: Handle["read"] = (buffer, offset, length, position) => {
        reads += 1;
        if (reads === failAt) throw ioError("pread", path, "EIO");
        return handle.read(buffer, offset, Math.min(length, 97), position);
      };
      return { ...handle, read };
    };
    return { on, hasFailed: () => reads >= failAt };
  }

  test("for a moment, in the middle, is read right the next time", () => {
    const writer = open();
    for (const id of ["one", "two", "three"]) commit(writer, id);
    let failures = 0;
    for (let failAt = 1; ; failAt += 1) {
      const { on, hasFailed } = stammering(failAt);
      const journal = new Told(on);
      try {
        journal.tail();
      } catch (error) {
        assert.ok(isFlowError(error, "IO"));
        failures += 1;
      }
      journal.tail();
      assert.deepEqual(idsOf(journal), ["one", "two", "three"], `failed at read ${failAt}`);
      assert.ok(journal.told.includes("lost"));
      if (!hasFailed()) break;
    }
    assert.ok(failures > 5, `${failures} failures`);
  });

  test("on a read-only root is read all the same", () => {
    commit(open(), "one");
    const readOnly = wrapDisk(disk, (_operation, _path, act) => act());
    readOnly.open = (path, mode) => {
      if (mode !== "read") throw ioError("open", path, "EROFS");
      return disk.open(path, mode);
    };
    const journal = new Told(readOnly);
    journal.tail();
    assert.equal(journal.head.id, "one");
  });
});

describe("a journal that is removed", () => {
  function removeAll(): void {
    for (const name of names()) disk.remove(inFolder(JOURNAL, name));
  }

  test("ends its epoch: a reader knows nothing, a writer begins another", () => {
    const journal = open();
    commit(journal, "one");
    const { epoch } = journal;
    const looking = reader();
    removeAll();
    looking.tail();
    assert.deepEqual([looking.head.n, looking.epoch], [0, null]);
    assert.equal(looking.told.at(-1), "lost");
    journal.begin(true);
    assert.notEqual(journal.epoch, epoch);
    assert.deepEqual(idsOf(journal), []);
    assert.ok(commit(journal, "two"));
    looking.tail();
    assert.equal(looking.head.id, "two");
  });

  test("while a record is written is noticed before the caller is answered", () => {
    const at = { now: false };
    const on = wrapDisk(disk, (operation, _path, act) => {
      const result = act();
      if (operation === "sync" && at.now) removeAll();
      return result;
    });
    const journal = open(on);
    commit(journal, "one");
    const { epoch } = journal;
    at.now = true;
    journal.append(recordAfter(journal, "two"), true);
    at.now = false;
    assert.equal(journal.isOver(epoch), true);
    journal.begin(true);
    assert.ok(commit(journal, "three"));
  });

  test("after its record counted is noticed before the caller is answered", () => {
    const journal = open();
    const { epoch } = journal;
    commit(journal, "one");
    assert.equal(journal.isOver(epoch), false);
    removeAll();
    open();
    assert.equal(journal.isOver(epoch), true);
  });

  test("and whose first file a power cut emptied begins again", () => {
    disk.create(inFolder(JOURNAL, "000000000000-first.jsonl"), "");
    const journal = open();
    assert.ok(commit(journal, "one"));
    assert.equal(open().head.id, "one");
    assert.equal(reader().head.id, "one");
  });

  test("by a copy of the folder makes a new clone of it", () => {
    const journal = open();
    commit(journal, "one");
    journal.mark(1, []);
    const { clone } = journal.header ?? {};
    const copy = new MemoryDisk();
    copy.makeFolder("other");
    copy.makeFolder(LOCAL);
    copy.makeFolder(JOURNAL);
    for (const name of names()) {
      copy.create(inFolder(JOURNAL, name), disk.read(inFolder(JOURNAL, name)) ?? "");
    }
    const copied = new Told(copy);
    copied.tail();
    assert.equal(copied.unapplied().length, 1, "its marks speak of other files");
    copied.begin(true);
    assert.notEqual(copied.header?.clone, clone);
    assert.ok(commit(copied, "two"));
    const again = new Told(copy);
    again.begin(true);
    assert.equal(again.header?.clone, copied.header?.clone, "once");
    assert.equal(again.head.id, "two");
  });
});
