/**
 * A store on one small file system that is filled again and again to within a few blocks, then
 * called: `c04-full-disk.worker.js FOLDER JSON`, in namespaces of its own (see `c04-namespace.ts`).
 * Tells one line of JSON a call. What was refused has not happened, what was answered has, the
 * rest of the store is as it was, and once there is room again everything works.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FlowStore, isFlowError } from "flowstore";
import { randomOf } from "../process/store-random.ts";
import { tell } from "../process/store-worker.ts";
import { judge, type Tried } from "./c04-account.ts";
import { KINDS, OPTIONS, prepare, type Writer } from "./c04-changes.ts";
import type { FullFileSystem } from "./c04-full-disks.ts";
import { FILL, LoopDisk } from "./c04-loop-disk.ts";
import { dieWithParent } from "./c04-namespace.ts";
import { tornFiles } from "./c04-plain-files.ts";
import { stateOf } from "./c04-state.ts";

export interface FullLife {
  readonly fileSystem: FullFileSystem;
  readonly seed: number;
  /** How often each kind is called. */
  readonly rounds: number;
}

export interface FullCase {
  readonly kind: string;
  /** About so many bytes were left. */
  readonly free: number;
  readonly answer: "done" | "nothing to do" | "refused" | "unknown";
  /** Whether it happened and could not be brought into its files before there was room again. */
  readonly isStuck: boolean;
  readonly violations: readonly string[];
}

const MEGABYTES = { ext4: 24, tmpfs: 24, xfs: 320, btrfs: 128 };
const BLOCK = 4096;
/** Enough for the largest call here; most have fewer. */
const MOST_BLOCKS = 40;

class SmallDisk {
  readonly folder: string;
  readonly #loop: LoopDisk | null;
  readonly #filler: string;

  constructor(name: FullFileSystem, folder: string) {
    if (name === "tmpfs") {
      this.#loop = null;
      this.folder = join(folder, "mount");
      mkdirSync(this.folder);
      const size = `size=${MEGABYTES.tmpfs}m`;
      execFileSync("mount", ["-t", "tmpfs", "-o", size, "tmpfs", this.folder]);
    } else {
      this.#loop = LoopDisk.make(name, folder, MEGABYTES[name]);
      this.#loop.mount();
      this.folder = this.#loop.folder;
    }
    this.#filler = join(this.folder, "filler");
  }

  /** Leaves about so many bytes, and not one when there are to be none. */
  fill(left: number): void {
    const script = `${FILL} truncate --size $((size - $2)) "$1"; sync --file-system "$1"`;
    execFileSync("sh", ["-c", script, "sh", this.#filler, String(left)]);
  }

  makeRoom(): void {
    rmSync(this.#filler, { force: true });
    execFileSync("sync", ["--file-system", this.folder]);
  }

  release(): void {
    if (this.#loop === null) execFileSync("umount", ["--lazy", this.folder]);
    else this.#loop.release();
  }
}

function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

class FullDiskAttack {
  readonly #disk: SmallDisk;
  readonly #project: string;
  readonly #random: () => number;
  #writer: Writer | null = null;
  #there: ReadonlySet<string> = new Set();
  #number = 0;
  #isStuck = false;

  constructor(disk: SmallDisk, random: () => number) {
    this.#disk = disk;
    this.#project = join(disk.folder, "project");
    this.#random = random;
  }

  async prepare(): Promise<void> {
    mkdirSync(this.#project);
    const store = await FlowStore.init(this.#project, OPTIONS);
    await prepare(store);
    await store.close();
    const writer = await this.#open();
    // Something that each kind can go on from.
    for (const kind of ["create", "create", "claim", "lock", "save", "turn"]) {
      await KINDS[kind]?.act(writer, `${kind}.first-${(this.#number += 1)}`);
    }
    this.#there = new Set((await stateOf(writer.store)).facts.map(({ key }) => key));
  }

  async #open(): Promise<Writer> {
    const store = await FlowStore.open(this.#project, OPTIONS);
    const { claimed = [], locked = [], saved = [] } = this.#writer ?? {};
    this.#writer = { store, random: this.#random, claimed, locked, saved };
    return this.#writer;
  }

  async call(kind: string): Promise<FullCase> {
    const writer = this.#writer ?? (await this.#open());
    const blocks = Math.floor(this.#random() ** 2 * MOST_BLOCKS);
    const free = blocks * BLOCK;
    const violations: string[] = [];
    this.#disk.fill(free);
    const key = `${kind}.full-${(this.#number += 1)}`;
    const begunMs = now();
    const { answer, why } = await answerOf(async () => KINDS[kind]?.act(writer, key));
    if (why !== null) violations.push(why);
    const tried: Tried = {
      key,
      begunMs,
      doneMs: answer === "done" ? now() : null,
      durability: "full",
    };
    violations.push(...(await this.#look("while it is full", tried, answer)));
    const isStuck = this.#isStuck;
    this.#disk.makeRoom();
    violations.push(...(await this.#goOn(answer === "unknown")));
    violations.push(...(await this.#look("with room again", tried, answer)));
    return { kind, free, answer, isStuck, violations };
  }

  /** The same store works on; one whose sync failed says so, and works once it is open again. */
  async #goOn(mayBeOver: boolean): Promise<string[]> {
    const writer = this.#writer ?? (await this.#open());
    const next = await answerOf(() => writer.store.changes.logEvent(5, "next", { agent: "next" }));
    const isFine = next.answer === "done" || mayBeOver;
    if (next.answer !== "done" || this.#random() < 0.3) {
      await writer.store.close();
      const again = await this.#open();
      await again.store.changes.logEvent(5, "next", { agent: "next" });
    }
    return isFine ? [] : [`with room again, the next call: ${next.error}`];
  }

  async #look(when: string, tried: Tried, answer: FullCase["answer"]): Promise<string[]> {
    const reader = await FlowStore.open(this.#project, { ...OPTIONS, readOnly: true });
    const state = await stateOf(reader);
    const found = await reader.check();
    await reader.close();
    const round = { before: this.#there, tried: [tried], cutMs: now(), forgetsMs: null };
    const { violations, there } = judge(round, state);
    const isFull = when.startsWith("while");
    if (!isFull) this.#there = there;
    const happened = there.has(tried.key) && answer !== "done" && answer !== "unknown";
    // What could not be brought into its file yet is named, and shown all the same.
    const wrong = found.filter(
      ({ rule }) => !(isFull && (rule === "stuck" || rule === "poisoned")),
    );
    return [
      ...violations,
      ...(happened ? [`it was ${answer}, and has happened`] : []),
      ...wrong.map(({ rule, file, message }) => `check: ${rule} ${file}: ${message}`),
      ...tornFiles(join(this.#project, ".flow")).map((file) => `torn: ${file}`),
    ].map((text) => `${when}: ${text}`);
  }

  /** Making a store is a call as well. */
  async init(): Promise<FullCase> {
    const project = join(this.#disk.folder, `other-${(this.#number += 1)}`);
    mkdirSync(project);
    const free = Math.floor(this.#random() * MOST_BLOCKS) * BLOCK;
    this.#disk.fill(free);
    const init = async (): Promise<void> => (await FlowStore.init(project, OPTIONS)).close();
    const { answer, why } = await answerOf(init);
    this.#disk.makeRoom();
    const again = await answerOf(init);
    const store = await FlowStore.open(project, OPTIONS);
    const found = await store.check();
    await store.close();
    rmSync(project, { recursive: true });
    const violations = [
      ...(why === null ? [] : [why]),
      ...(again.answer === "done" ? [] : [`with room again: ${again.error}`]),
      ...found.map(({ rule, file }) => `check: ${rule} ${file}`),
    ];
    return { kind: "init", free, answer, isStuck: false, violations };
  }

  async end(): Promise<void> {
    await this.#writer?.store.close();
  }
}

interface Answer {
  readonly answer: FullCase["answer"];
  readonly error: string;
  /** Why no call may end so; `null` when it may. */
  readonly why: string | null;
}

async function answerOf(act: () => Promise<unknown>): Promise<Answer> {
  try {
    const isDone = (await act()) !== false;
    return { answer: isDone ? "done" : "nothing to do", error: "", why: null };
  } catch (error) {
    const isUnknown = isFlowError(error) && error.context["outcome"] === "unknown";
    const text = isFlowError(error) ? `${error.code}: ${error.message}` : String(error);
    const isExpected = isFlowError(error, "IO");
    const answer = isUnknown ? "unknown" : "refused";
    return { answer, error: text, why: isExpected ? null : `it ended with ${text}` };
  }
}

dieWithParent();
const [folder = "", spec = ""] = process.argv.slice(2);
const life = JSON.parse(spec) as FullLife;
const random = randomOf(life.seed);
const disk = new SmallDisk(life.fileSystem, folder);
try {
  const attack = new FullDiskAttack(disk, random);
  await attack.prepare();
  for (let round = 0; round < life.rounds; round += 1) {
    for (const kind of Object.keys(KINDS)) tell(JSON.stringify(await attack.call(kind)));
    tell(JSON.stringify(await attack.init()));
  }
  await attack.end();
} finally {
  disk.release();
}
process.stdin.destroy();
