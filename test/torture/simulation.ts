/**
 * A simulated machine: several processes (each the engine as it is, in a thread), of which at each
 * moment one goes on, and whoever directs the run says which. Every operation of the disk and
 * every timer is a point at which another may go on instead, be killed, be stopped for a while, or
 * fail. Time is simulated, so that nothing waits, and the same choices give the same run.
 *
 * Each thread has a copy of the disk in memory, and brings it up to date when its turn comes: what
 * is handed from one thread to the next at a switch is what was done since.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { MemoryDisk } from "#src/disk/memory-disk.js";
import { seededRandom } from "#src/disk/power-cut.js";
import { DirectorMailbox, sharedMemory } from "./simulation-mailbox.ts";
import { SimulatedRun, type Director, type Outcome, type Plan } from "./simulation-run.ts";
import { EPOCH_MS } from "./simulation-time.ts";
import { treeToWire, type WireTree } from "./simulation-tree.ts";

/** The pid of the first process; real ones are lower. */
const FIRST_PID = 2 ** 30;
/** No run has more processes. */
const MOST_PROCESSES = 256;

/** What a run begins with; the same one may serve many runs. */
export class Beginning {
  static #count = 0;
  readonly number: number;
  readonly wire: WireTree;
  readonly #disk: MemoryDisk;

  constructor(disk: MemoryDisk) {
    Beginning.#count += 1;
    this.number = Beginning.#count;
    this.#disk = disk;
    this.wire = treeToWire(disk.beginning());
  }

  /** A disk that holds it. */
  disk(): MemoryDisk {
    return new MemoryDisk({ now: () => EPOCH_MS }, this.#disk.beginning());
  }
}

export interface Scenario {
  readonly plans: readonly Plan[];
  readonly director: Director;
  readonly seed: number;
  /** The time at the beginning, in simulated ms; default 0. */
  readonly fromMs?: number;
}

/** Threads that play the processes of one run after another. */
export class Simulation {
  readonly #workers: readonly Worker[];
  readonly #mailboxes: readonly DirectorMailbox[];
  readonly #living: Int32Array;
  /** The number of the beginning that each thread has. */
  readonly #given: number[] = [];

  private constructor(
    workers: readonly Worker[],
    memories: readonly SharedArrayBuffer[],
    living: Int32Array,
  ) {
    this.#workers = workers;
    this.#mailboxes = memories.map((memory) => new DirectorMailbox(memory));
    this.#living = living;
  }

  /** Starts so many threads: that many processes live at once. */
  static async start(count: number): Promise<Simulation> {
    const living = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * MOST_PROCESSES);
    const memories = Array.from({ length: count }, sharedMemory);
    const workers = memories.map((memory) => {
      const workerData = { memory, living, firstPid: FIRST_PID };
      return new Worker(new URL("./simulation.worker.js", import.meta.url), { workerData });
    });
    const simulation = new Simulation(workers, memories, new Int32Array(living));
    await Promise.all(
      workers.map(async (worker, thread) => {
        await once(worker, "message");
        worker.postMessage("begin");
        simulation.#mailboxes[thread]?.awaitReady();
      }),
    );
    return simulation;
  }

  /** Runs processes to their ends; the disk knows all that they did. */
  run(beginning: Beginning, scenario: Scenario): Outcome & { readonly disk: MemoryDisk } {
    const { plans, director, seed, fromMs = 0 } = scenario;
    if (plans.length > MOST_PROCESSES) throw new Error(`${plans.length} processes are too many`);
    const random = seededRandom(seed);
    const disk = beginning.disk();
    this.#living.fill(0);
    const run = new SimulatedRun({
      disk,
      plans,
      director,
      fromMs,
      mailboxes: this.#mailboxes,
      beginningFor: (thread) => this.#beginningFor(thread, beginning),
      setLiving: (process, lives) => void (this.#living[process] = lives ? 1 : 0),
      pidOf: (process) => FIRST_PID + process,
      seedOf: () => Math.floor(random() * 2 ** 31),
    });
    return { ...run.toEnd(), disk };
  }

  #beginningFor(
    thread: number,
    { number, wire }: Beginning,
  ): { number: number; tree: WireTree | null } {
    const isKnown = this.#given[thread] === number;
    this.#given[thread] = number;
    return { number, tree: isKnown ? null : wire };
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
