/**
 * A thread of a simulation: plays one process after another, each with the engine as it is, on a
 * copy of the disk that is kept equal to the others', with a clock and pids of the simulation.
 */
import { parentPort, workerData } from "node:worker_threads";

import { ioError } from "#src/disk/io-error.js";
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { seededRandom } from "#src/disk/power-cut.js";
import { MUTATING, wrapDisk, type Around } from "#src/disk/wrapped-disk.js";
import { nextUlid } from "#src/model/ulid.js";
import type { StorageOptions } from "#src/storage/storage.js";
import { storageOptions } from "../storage/support.ts";
import {
  ThreadMailbox,
  type Failure,
  type Report,
  type Standing,
  type Told,
  type Turn,
} from "./simulation-mailbox.ts";
import { PROGRAMS, type World } from "./simulation-programs.ts";
import { OPERATION_MS, SimulatedTime } from "./simulation-time.ts";
import { treeFromWire } from "./simulation-tree.ts";

interface Given {
  readonly memory: SharedArrayBuffer;
  /** For each simulated pid whether its process lives. */
  readonly living: SharedArrayBuffer;
  readonly firstPid: number;
}

type Start = Extract<Turn, { kind: "start" }>;

const { memory, living, firstPid } = workerData as Given;
const mailbox = new ThreadMailbox(memory);
const time = new SimulatedTime();
const lives = new Int32Array(living);
const identity = thisProcess();
const ULID_RANDOM_BYTES = 10;
const NAME_LENGTH = 12;

/** Thrown out of every operation of a process that was killed. */
class Killed extends Error {
  override readonly name = "Killed";
}

// Whether a simulated process lives is what the simulation says.
const kill = process.kill.bind(process);
process.kill = (pid: number, signal?: string | number): true => {
  if (pid < firstPid) return kill(pid, signal);
  if (lives[pid - firstPid] === 1) return true;
  throw Object.assign(new Error("kill ESRCH"), { code: "ESRCH" });
};
// What a killed process was about to do fails for ever; nobody waits for it.
process.on("unhandledRejection", (error) => {
  if (!(error instanceof Killed)) throw error;
});

/** The last beginning of a disk that this thread was given. */
let beginning: { number: number; tree: ReturnType<typeof treeFromWire> } | null = null;

function diskOf({ disk, operations }: Start): MemoryDisk {
  if (disk.tree !== null) beginning = { number: disk.number, tree: treeFromWire(disk.tree) };
  if (beginning?.number !== disk.number) throw new Error(`no disk ${disk.number}`);
  const { tree, dev } = beginning.tree;
  const copy = new MemoryDisk({ now: () => time.wallMs() }, { tree: tree.clone(), dev });
  copy.replay(operations);
  return copy;
}

/** One process. */
class Incarnation {
  readonly #start: Start;
  readonly #disk: MemoryDisk;
  #isDead = false;
  #steps = 0;
  #toChange = false;
  #failure: Failure | null = null;
  #reported: number;
  #told: Told[] = [];

  constructor(start: Start) {
    this.#start = start;
    this.#disk = diskOf(start);
    this.#reported = this.#disk.operations;
    time.reset(start.nowMs);
  }

  /** Ends this process's turn. */
  report(standing: Standing): Report {
    const operations = this.#disk.recorded(this.#reported);
    this.#reported = this.#disk.operations;
    const told = this.#told;
    this.#told = [];
    return { standing, operations, told, stepsLeft: this.#steps, nowMs: time.nowMs };
  }

  /** Hands over until this process may go on. */
  #yield(standing: Standing): void {
    const turn = mailbox.exchange(this.report(standing));
    if (turn.kind !== "go") {
      this.#isDead = true;
      throw new Killed();
    }
    this.#disk.replay(turn.operations);
    this.#reported = this.#disk.operations;
    this.#steps = turn.steps;
    this.#toChange = turn.toChange;
    this.#failure = turn.failure;
    time.nowMs = turn.nowMs;
  }

  readonly #around: Around = (operation, path, act, write) => {
    if (this.#isDead) throw new Killed();
    const isThere = this.#steps === 0 || (this.#toChange && MUTATING.has(operation));
    if (isThere) this.#yield({ kind: "call", operation, path });
    this.#steps = Math.max(0, this.#steps - 1);
    time.nowMs += OPERATION_MS;
    const failure = this.#failure;
    if (failure === null) return act();
    this.#failure = null;
    if (failure.written !== undefined) write?.first(Math.min(failure.written, write.length));
    if (failure.loses === true) this.#disk.loseUnsynced(path);
    throw ioError(operation, path, failure.errno);
  };

  #world(): World {
    const random = seededRandom(this.#start.seed);
    const disk = wrapDisk(this.#disk, this.#around);
    return {
      disk,
      given: this.#start.given,
      random,
      nowMs: () => time.nowMs,
      sleep: (ms) => time.sleep(ms),
      note: (name, data = null) => {
        if (this.#isDead) return;
        this.#told.push({ name, data, at: this.#disk.operations, nowMs: time.nowMs });
      },
      options: (changed) => storageOptions(disk, { ...this.#usual(random), ...changed }),
    };
  }

  #usual(random: () => number): Partial<StorageOptions> {
    const numbers = (count: number, below: number): number[] =>
      Array.from({ length: count }, () => Math.floor(random() * below));
    return {
      identity: { ...identity, pid: this.#start.pid, pidStart: null },
      gitHead: () => "head",
      wallMs: () => time.wallMs(),
      nowMs: () => time.wallMs(),
      monotonicMs: () => time.nowMs,
      randomName: () =>
        numbers(NAME_LENGTH, 36)
          .map((digit) => digit.toString(36))
          .join(""),
      newUlid: (after, now) =>
        nextUlid(after, now, () => Buffer.from(numbers(ULID_RANDOM_BYTES, 256))),
      sleep: (ms) => time.sleep(ms),
    };
  }

  /** Runs the program; `null` when it ended well. */
  async run(): Promise<string | null> {
    const ending = { error: undefined as string | null | undefined };
    void this.#runProgram().then((error) => (ending.error = error));
    for (;;) {
      await time.settle();
      if (this.#isDead) return "killed";
      if (ending.error !== undefined) return ending.error;
      const untilMs = time.nextMs();
      if (untilMs === null) return "the program waits for nothing";
      try {
        if (untilMs > time.nowMs) this.#yield({ kind: "wait", untilMs });
        time.fire();
      } catch (error) {
        // As an uncaught exception ends a process.
        if (!(error instanceof Killed)) return `uncaught: ${String((error as Error).stack)}`;
      }
    }
  }

  async #runProgram(): Promise<string | null> {
    const program = PROGRAMS[this.#start.program];
    if (program === undefined) return `there is no program ${this.#start.program}`;
    try {
      await program(this.#world());
      return null;
    } catch (error) {
      return String((error as Error).stack ?? error);
    }
  }
}

parentPort?.postMessage("loaded");
await new Promise((resolve) => parentPort?.once("message", resolve));
time.install();

for (let last: Report | "ready" = "ready"; ;) {
  const turn = mailbox.exchange(last);
  if (turn.kind !== "start") throw new Error(`${turn.kind} is no start`);
  const incarnation: Incarnation = new Incarnation(turn);
  last = incarnation.report({ kind: "done", error: await incarnation.run() });
}
