/** Whether tests, or an attack, notice that a rule was taken out of the engine. */

import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { inLanes, tempFolder } from "../storage/support.ts";
import type { Check, Edit, Mutant } from "./mutants.ts";

/** One mutant at a time and core: each child has work for one. */
const AT_ONCE = 2;
/** A mutant that hangs is noticed as well, when the engine as it is does not hang there then. */
const LONGEST_TEST_MS = 150_000;
const LONGEST_ATTACK_MS = 300_000;

const DIST = dirname(fileURLToPath(import.meta.resolve("#src/errors.js")));
const TESTS = resolve(import.meta.dirname, "..");
const MODULES = realpathSync(
  dirname(dirname(createRequire(import.meta.url).resolve("proper-lockfile/package.json"))),
);
/** What lies beside the rooms, and what no test of the engine needs. */
const UNUSED = /\.(?:d\.ts|map|tsbuildinfo)$|\/dist\/(?:cli|bin|lib|adapters)(?:\/|$)/;

/** The engine and its tests in a folder of their own. */
function copyOfEverything(edits: readonly Edit[]): string {
  const folder = tempFolder();
  const code = { recursive: true, filter: (from: string) => !UNUSED.test(from) };
  cpSync(DIST, join(folder, "dist"), code);
  mkdirSync(join(folder, "test"));
  for (const room of ["storage", "crash", "process", "torture"]) {
    cpSync(join(TESTS, room), join(folder, "test", room), code);
  }
  cpSync(join(TESTS, "at-end.js"), join(folder, "test/at-end.js"));
  symlinkSync(MODULES, join(folder, "node_modules"));
  const imports = { "#src/*": "./dist/*" };
  const manifest = { name: "flowstore", type: "module", imports, exports: "./dist/index.js" };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  for (const edit of edits) change(folder, edit);
  return folder;
}

function change(folder: string, { file, search, replacement }: Edit): void {
  const path = join(folder, "dist", `${file}.js`);
  const text = readFileSync(path, "utf8");
  const times = text.split(search).length - 1;
  if (times !== 1) throw new Error(`"${search}" is there ${times} times in ${file}, not once`);
  writeFileSync(
    path,
    text.replace(search, () => replacement),
  );
}

/** How a check ended. */
type Outcome = "passed" | "failed" | "hung";

/** Runs what should notice in a process of its own, and lets go of it at the end. */
export class MutantRuns {
  readonly #living = new Set<() => void>();

  /** Ends every child that still runs. */
  end(): void {
    for (const end of this.#living) end();
  }

  /** How a check ends with some texts replaced. */
  async #outcome(check: Check, edits: readonly Edit[]): Promise<Outcome> {
    const folder = copyOfEverything(edits);
    const isTest = !("claim" in check);
    const words = isTest
      ? [`--test-name-pattern=${check[1]}`, join(folder, "test", `${check[0]}.test.js`)]
      : [join(folder, "test/torture/attack.worker.js"), check.claim, String(check.goal)];
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const child = spawn(process.execPath, words, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...env, POWER_RANDOMS: "1" },
      cwd: folder,
    });
    let isTornCopy = false;
    for (const output of [child.stdout, child.stderr])
      output.on("data", (text: Buffer) => (isTornCopy ||= text.includes("ERR_MODULE_NOT_FOUND")));
    let hasHung = false;
    const end = (): void => void child.kill("SIGKILL");
    const endLate = (): void => {
      hasHung = true;
      end();
    };
    this.#living.add(end);
    const timer = setTimeout(endLate, isTest ? LONGEST_TEST_MS : LONGEST_ATTACK_MS);
    const code = await new Promise((resolvePromise) => child.on("close", resolvePromise));
    clearTimeout(timer);
    this.#living.delete(end);
    if (isTornCopy) throw new Error(`The copy for ${words.join(" ")} lacks a file`);
    if (hasHung) return "hung";
    return code === 0 ? "passed" : "failed";
  }

  async #isMissed({ file, search, replacement, also = [], check }: Mutant): Promise<boolean> {
    const outcome = await this.#outcome(check, [{ file, search, replacement }, ...also]);
    if (outcome === "failed") return true;
    return outcome === "hung" && (await this.#outcome(check, [])) === "passed";
  }

  /** The checks that do not pass on the engine as it is, by their names. */
  async failingOnItself(
    mutants: readonly Mutant[],
    goesOn: () => boolean = () => true,
  ): Promise<string[]> {
    const checks = new Map(mutants.map(({ check }) => [JSON.stringify(check), check]));
    const failing: string[] = [];
    function* cases(self: MutantRuns): Generator<() => Promise<void>> {
      for (const [name, check] of checks) {
        if (!goesOn()) return;
        yield async () => {
          if ((await self.#outcome(check, [])) !== "passed") failing.push(name);
        };
      }
    }
    await inLanes(cases(this), AT_ONCE);
    return failing;
  }

  /** The rules that nobody misses; `tried` is told of each mutant. */
  async survivors(
    mutants: readonly Mutant[],
    tried: (rule: string) => boolean = () => true,
  ): Promise<string[]> {
    const survivors: string[] = [];
    function* cases(self: MutantRuns): Generator<() => Promise<void>> {
      for (const mutant of mutants) {
        if (!tried(mutant.rule)) return;
        yield async () => {
          if (!(await self.#isMissed(mutant))) survivors.push(mutant.rule);
        };
      }
    }
    await inLanes(cases(this), AT_ONCE);
    return survivors;
  }
}
