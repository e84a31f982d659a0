/**
 * What became of each mutant, kept in `build/mutation/` so that a run goes on where one before it
 * ended. It holds for the same engine and the same checks: a test that was weakened may miss what it
 * noticed before, and one that was mended notice what it missed.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import type { Prints } from "./c17-checks.ts";
import type { Change } from "./c17-mutants.ts";
import type { Baseline } from "./c17-trials.ts";

const USUAL_FOLDER = resolve(import.meta.dirname, "../../mutation");

interface Line extends Change {
  readonly checks: string;
  /** The check that noticed; `null` where none did. */
  readonly by: string | null;
}

export class Results {
  readonly #folder: string;
  readonly #prints: Prints;
  readonly #lines = new Map<string, Line>();

  constructor(prints: Prints, folder = USUAL_FOLDER) {
    this.#folder = folder;
    this.#prints = prints;
    mkdirSync(folder, { recursive: true });
    if (!existsSync(this.#path)) return;
    for (const text of readFileSync(this.#path, "utf8").split("\n")) {
      // A run that was ended in its last line has a part of it.
      if (!text.endsWith("}")) continue;
      const line = JSON.parse(text) as Line;
      this.#lines.set(nameOf(line), line);
    }
  }

  get #path(): string {
    return join(this.#folder, `${this.#prints.engine}.jsonl`);
  }

  get #baselinesPath(): string {
    return join(this.#folder, `${this.#prints.engine}-${this.#prints.checks}.json`);
  }

  /** Who noticed it, `null` if nobody; `undefined` where that is not known. */
  of(change: Change): string | null | undefined {
    const line = this.#lines.get(nameOf(change));
    if (line === undefined) return undefined;
    return line.checks === this.#prints.checks ? line.by : undefined;
  }

  /** Which check noticed what in an engine like this. */
  noticed(): { readonly file: string; readonly by: string }[] {
    return [...this.#lines.values()].flatMap(({ file, by }) => (by === null ? [] : [{ file, by }]));
  }

  add({ file, start, end, replacement }: Change, by: string | null): void {
    const line: Line = { file, start, end, replacement, checks: this.#prints.checks, by };
    this.#lines.set(nameOf(line), line);
    appendFileSync(this.#path, `\n${JSON.stringify(line)}`);
  }

  baselines(): Baseline[] {
    if (!existsSync(this.#baselinesPath)) return [];
    return JSON.parse(readFileSync(this.#baselinesPath, "utf8")) as Baseline[];
  }

  keepBaselines(baselines: readonly Baseline[]): void {
    writeFileSync(this.#baselinesPath, JSON.stringify(baselines));
  }
}

function nameOf({ file, start, end, replacement }: Change): string {
  return JSON.stringify([file, start, end, replacement]);
}
