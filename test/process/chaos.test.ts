/**
 * P1, P3 and P4 at once: several processes change one store while they are stopped, killed, and
 * let in together; a reader looks at every moment.
 *
 * `CHAOS_SECONDS=60 CHAOS_WORKERS=5 CHAOS_SEED=7` make it longer, harder, another.
 */

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { nodeDisk } from "#src/disk/node-disk.js";
import { seededRandom } from "#src/disk/power-cut.js";
import type { Storage } from "#src/storage/storage.js";
import { assertPlainFilesAreWhole } from "../crash/checks.ts";
import { makeRoot, openStorage, tempFolder, valueOf, logIn, wholeLog } from "../storage/support.ts";
import { SUM, type ChaosOptions } from "./chaos.worker.ts";

const WORKER = fileURLToPath(new URL("./chaos.worker.js", import.meta.url));
const SECONDS = Number(process.env["CHAOS_SECONDS"] ?? 3);
const WORKERS = Number(process.env["CHAOS_WORKERS"] ?? 3);
const ANSWERS_AT_LEAST = 10;
const PATIENCE_MS = 60_000;
const SEED = Number(process.env["CHAOS_SEED"] ?? Math.floor(performance.now()));

interface Chaos extends Omit<ChaosOptions, "seed" | "durability"> {
  /** Of the plans for a worker: it is killed, else stopped for a while. */
  readonly kills: number;
  /** Milliseconds between two removals of `local/`; 0 for none. */
  readonly removeEveryMs: number;
}

interface Tally {
  kills: number;
  stops: number;
  removals: number;
  snapshots: number;
}

/** Keeps workers running, and stops and kills them, until the time is over. */
class Workers {
  readonly #live = new Set<ChildProcess>();
  readonly #random: () => number;
  readonly #root: string;
  readonly #notes: string;
  readonly #chaos: Chaos;
  readonly tally: Tally;
  #over = false;
  #failure = "";

  constructor(root: string, notes: string, chaos: Chaos, tally: Tally) {
    this.#root = root;
    this.#notes = notes;
    this.#chaos = chaos;
    this.tally = tally;
    this.#random = seededRandom(SEED);
  }

  async runFor(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    await Promise.all(Array.from({ length: WORKERS }, (_, index) => this.#lane(index, deadline)));
    this.#over = true;
    assert.equal(this.#failure, "", "a worker failed");
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** One worker after another, until the deadline, and until enough was answered to tell. */
  async #lane(index: number, deadline: number): Promise<void> {
    while (performance.now() < deadline) await this.#life(index, deadline);
    const last = deadline + PATIENCE_MS;
    while (performance.now() < last && readNotes(this.#notes).ok.length < ANSWERS_AT_LEAST) {
      await this.#life(index, performance.now() + 500);
    }
  }

  async #life(index: number, deadline: number): Promise<void> {
    const options: ChaosOptions = {
      seed: Math.floor(this.#random() * 2 ** 31),
      guard: this.#chaos.guard,
      // What is answered before it is in the files goes with local/.
      durability: index % 3 === 2 && this.#chaos.removeEveryMs === 0 ? "relaxed" : "full",
      naps: this.#chaos.naps,
    };
    const child = spawn(
      process.execPath,
      [WORKER, this.#root, this.#notes, JSON.stringify(options)],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#live.add(child);
    child.stderr?.on("data", (data) => (this.#failure += String(data)));
    const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
    let isLive = true;
    void ended.then(() => (isLive = false));
    // On a busy machine a process takes longer to start than it would be left alone.
    await Promise.race([ended, new Promise((resolve) => child.stdout?.once("data", resolve))]);
    while (isLive) {
      await Promise.race([ended, sleep(100 + this.#random() * 400)]);
      const isLast = performance.now() >= deadline;
      if (isLast || this.#random() < this.#chaos.kills) {
        this.tally.kills += 1;
        child.kill("SIGKILL");
        await ended;
      } else {
        this.tally.stops += 1;
        child.kill("SIGSTOP");
        // Now and then so long that its guard counts as silent.
        const long = this.#random() < 0.1 ? 1300 : 150;
        await sleep(this.#random() * long);
        if (this.#random() < 0.2) child.kill("SIGKILL");
        child.kill("SIGCONT");
      }
    }
    this.#live.delete(child);
  }
}

interface Notes {
  readonly ok: string[];
  readonly no: string[];
  readonly unknown: string[];
}

function readNotes(path: string): Notes {
  const notes: Notes = { ok: [], no: [], unknown: [] };
  for (const line of readFileSync(path, "utf8").split("\n").slice(0, -1)) {
    const [kind = "", tag = ""] = line.split(" ");
    notes[kind as keyof Notes].push(tag);
  }
  return notes;
}

interface Snapshot {
  readonly sum: number;
  readonly counter: number;
  readonly events: number;
}

/** Everything of one moment. */
async function snapshot(reader: Storage): Promise<Snapshot> {
  return reader.read((view) => {
    const x = valueOf<{ v: number }>(view, "x.json")?.v ?? SUM / 2;
    const y = valueOf<{ v: number }>(view, "y.json")?.v ?? SUM / 2;
    const counter = valueOf<{ n: number }>(view, "counter.json")?.n ?? 0;
    const events = logIn(reader, view).events.length;
    return { sum: x + y, counter, events };
  });
}

/** Reads as fast as it can while the workers run. */
async function readAllTheTime(root: string, notes: string, workers: Workers): Promise<void> {
  const disk = nodeDisk(root);
  const reader = openStorage(disk, { readOnly: true });
  let last = 0;
  while (!workers.isOver) {
    const answered = workers.tally.removals === 0 ? readNotes(notes).ok.length : 0;
    const seen = await snapshot(reader);
    workers.tally.snapshots += 1;
    if (workers.tally.removals === 0) {
      assert.equal(seen.sum, SUM, `snapshot ${workers.tally.snapshots}: ${JSON.stringify(seen)}`);
      assert.equal(seen.events, seen.counter, `events of ${JSON.stringify(seen)}`);
      assert.ok(seen.counter >= last, `the counter went back from ${last} to ${seen.counter}`);
      assert.ok(seen.counter >= answered, `${answered} answered, ${seen.counter} seen`);
      last = seen.counter;
    }
    if (workers.tally.snapshots % 4 === 0) assertPlainFilesAreWhole(disk);
    await setImmediate();
  }
  await reader.close();
}

async function removeLocal(root: string, everyMs: number, workers: Workers): Promise<void> {
  while (everyMs > 0 && !workers.isOver) {
    await sleep(everyMs);
    try {
      rmSync(join(root, "local"), { recursive: true, force: true });
    } catch (error) {
      // Somebody makes files faster than they are removed; most are gone.
      if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
    }
    workers.tally.removals += 1;
  }
}

/** What is there at the end, against what was answered. */
async function checkEnd(root: string, notes: Notes, isWhole: boolean): Promise<number> {
  const disk = nodeDisk(root);
  const storage = openStorage(disk);
  await storage.recover();
  const { events, damage } = await wholeLog(storage);
  const tags = events.map(({ event }) => (event.payload as { tag: string }).tag);
  const there = new Map<string, number>();
  for (const tag of tags) there.set(tag, (there.get(tag) ?? 0) + 1);
  const lost = notes.ok.filter((tag) => !there.has(tag));
  const doubled = [...there].filter(([, times]) => times > 1).map(([tag]) => tag);
  const refused = notes.no.filter((tag) => there.has(tag));
  assert.deepEqual(
    { lost, doubled, refused, damage },
    { lost: [], doubled: [], refused: [], damage: [] },
  );
  if (isWhole) {
    assert.deepEqual(await snapshot(storage), {
      sum: SUM,
      counter: tags.length,
      events: tags.length,
    });
    const numbers = events.map(({ event }) => (event.payload as { n: number }).n);
    const sequences = events.map(({ sequence }) => sequence);
    const counted = tags.map((_, index) => index + 1);
    assert.deepEqual(numbers, counted, "an event for each number, in order");
    assert.deepEqual(sequences, counted, "sequences without gaps");
  }
  await storage.close();
  assertPlainFilesAreWhole(disk);
  return tags.length;
}

async function run(chaos: Chaos): Promise<string> {
  const folder = tempFolder();
  const root = join(folder, "root");
  const notes = join(folder, "notes");
  writeFileSync(notes, "");
  nodeDisk(folder).makeFolder("root");
  makeRoot(nodeDisk(root));
  const tally: Tally = { kills: 0, stops: 0, removals: 0, snapshots: 0 };
  const workers = new Workers(root, notes, chaos, tally);
  await Promise.all([
    workers.runFor(SECONDS * 1000),
    readAllTheTime(root, notes, workers),
    removeLocal(root, chaos.removeEveryMs, workers),
  ]);
  const answers = readNotes(notes);
  const changes = await checkEnd(root, answers, chaos.removeEveryMs === 0);
  assert.ok(answers.ok.length >= ANSWERS_AT_LEAST, `${answers.ok.length} changes answered`);
  const { ok, no, unknown } = answers;
  const counts = { ok: ok.length, no: no.length, unknown: unknown.length, changes, ...tally };
  return `seed ${SEED}: ${JSON.stringify(counts)}`;
}

describe("chaos", () => {
  test("with a guard that lets everybody in", async (t) => {
    t.diagnostic(await run({ guard: "broken", naps: 0.02, kills: 0.3, removeEveryMs: 0 }));
  });

  test("with the real guard", async (t) => {
    t.diagnostic(await run({ guard: "real", naps: 0.005, kills: 0.3, removeEveryMs: 0 }));
  });

  test("with local/ removed now and then, and everybody let in", async (t) => {
    t.diagnostic(await run({ guard: "broken", naps: 0.01, kills: 0.2, removeEveryMs: 300 }));
  });

  test("with local/ removed now and then, and the real guard", async (t) => {
    t.diagnostic(await run({ guard: "real", naps: 0.005, kills: 0.2, removeEveryMs: 300 }));
  });
});
