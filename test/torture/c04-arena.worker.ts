/**
 * One file system and all that befalls it: `c04-arena.worker.js FOLDER JSON`, in namespaces of its own
 * (see `c04-namespace.ts`). Tells one line of JSON a cut.
 *
 * Other processes of the machine know one boot only; here each cut begins another, as marks and
 * locks of an earlier boot are judged by it.
 */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { cpSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { randomOf } from "../process/store-random.ts";
import { stopListening, tell } from "../process/store-worker.ts";
import { LoopDisk, type FileSystemName } from "./c04-loop-disk.ts";
import { dieWithParent } from "./c04-namespace.ts";
import { isBaseline, workload, type Cut, type WorkloadName } from "./c04-workloads.ts";

export interface Life {
  readonly fileSystem: FileSystemName;
  readonly workload: WorkloadName;
  readonly seed: number;
  /** So many at the most, */
  readonly cuts: number;
  /** and none after so many ms. */
  readonly withinMs: number;
  /** Ends with the first loss. */
  readonly untilLoss: boolean;
}

/** What is told of a cut. */
export interface ToldCut extends Cut {
  /** Where that is kept which the cut left; `null` where all was well. */
  readonly kept: string | null;
}

/** How often, at the least, something else on the file system makes its log go out. */
const NOISE_MS = 60;
const NOISY_SHARE = 0.5;

/**
 * Another program on the same file system that syncs files of its own: with them goes what the
 * file system's log holds of ours, names without data.
 */
class Noise {
  #isOver = false;
  #done: Promise<void> = Promise.resolve();

  begin(folder: string, random: () => number): void {
    this.#isOver = false;
    this.#done = this.#make(folder, random);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #make(folder: string, random: () => number): Promise<void> {
    const file = await open(join(folder, "noise"), "a");
    try {
      while (!this.#isOver) {
        await file.write("noise\n");
        await file.sync();
        await sleep(random() * NOISE_MS);
      }
    } catch (error) {
      // The power is gone.
      if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
    } finally {
      await file.close();
    }
  }
}

/** Keeps what a cut left, as it was before anybody looked, for whoever seeks the reason. */
function keep(left: string, cut: number): string {
  const name = `${life.fileSystem}-${life.workload}-${life.seed}-${cut}`.replaceAll(" ", "-");
  const kept = join(tmpdir(), `flowstore-power-cut-${name}`);
  rmSync(kept, { recursive: true, force: true });
  renameSync(left, kept);
  return kept;
}

dieWithParent();
const [folder = "", spec = ""] = process.argv.slice(2);
const life = JSON.parse(spec) as Life;
const random = randomOf(life.seed);
const boot = join(folder, "boot");
const newBoot = (): void => writeFileSync(boot, `${randomUUID()}\n`);
newBoot();
execFileSync("mount", ["--bind", boot, "/proc/sys/kernel/random/boot_id"]);
const disk = LoopDisk.make(life.fileSystem, folder);
const noise = new Noise();
try {
  disk.mount();
  const project = join(disk.folder, "project");
  const work = workload(life.workload, { project, random });
  await work.prepare();
  execFileSync("sync", ["--file-system", disk.folder]);
  for (let cut = 0; cut < life.cuts && performance.now() < life.withinMs; cut += 1) {
    await disk.arm();
    // What others make durable of ours is never lost, however long we put it off: not at each cut.
    if (random() < NOISY_SHARE) noise.begin(disk.folder, random);
    await work.run();
    const cutMs = Number(process.hrtime.bigint()) / 1e6;
    await disk.cut();
    await work.end();
    await noise.end();
    await disk.remount();
    newBoot();
    const left = join(folder, "left");
    cpSync(disk.folder, left, { recursive: true, preserveTimestamps: true });
    const seen = await work.look(cutMs);
    const isWell = seen.violations.length === 0 || isBaseline(life.workload);
    const kept = isWell ? null : keep(left, cut);
    rmSync(left, { recursive: true, force: true });
    tell(JSON.stringify({ ...seen, kept } satisfies ToldCut));
    if (seen.violations.length > 0 && life.untilLoss) break;
  }
  await disk.unmount();
} finally {
  disk.release();
}
stopListening();
