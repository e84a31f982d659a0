/**
 * `npm run torture -- [--only C1,C5] [--seed N] [--budget MINUTES] [--release]`: attacks the claims
 * about the store, one after another, each until it has tried what its goal asks for. Without
 * `--release` the goals are those of a continuous integration.
 *
 * Ends with 0 when all ran, held, and reached their goals; 1 when something did not hold; 2 when a
 * budget ended an attack before its goal, or a part could not run; 3 when something
 * could not run here; 64 for a bad word.
 */
import { parseArgs } from "node:util";

import { CLAIMS, type ClaimId } from "./claims.ts";
import { CleanUps, exitCodeOf, runClaims, table, type Settings, type Speaker } from "./runner.ts";

const EXIT_USAGE = 64;
/** What a shell says of a program that was interrupted. */
const EXIT_INTERRUPTED = 130;
const MINUTE_MS = 60_000;
const MAX_SEED = 2 ** 31;
/** Where no terminal shows it at once, progress is told so often. */
const TELL_EVERY_MS = 15_000;

class BadWord extends Error {}

function settingsOf(words: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...words],
    options: {
      only: { type: "string" },
      seed: { type: "string" },
      budget: { type: "string" },
      release: { type: "boolean", default: false },
    },
  });
  const { only, seed, budget, release } = values;
  return {
    only: only === undefined ? idsOf(Object.keys(CLAIMS)) : idsOf(only.split(",")),
    seed: seed === undefined ? Date.now() % MAX_SEED : wholeNumberOf("--seed", seed),
    size: release ? "release" : "short",
    budgetMs: budget === undefined ? Infinity : numberOf("--budget", budget) * MINUTE_MS,
  };
}

function idsOf(words: readonly string[]): ClaimId[] {
  const isId = (word: string): word is ClaimId => Object.hasOwn(CLAIMS, word);
  return words.map((word) => {
    const id = word.trim().toUpperCase();
    if (!isId(id)) throw new BadWord(`There is no claim ${word}.`);
    return id;
  });
}

function numberOf(option: string, word: string): number {
  const number = Number(word);
  if (word.trim() === "" || !Number.isFinite(number) || number < 0)
    throw new BadWord(`${option} takes a number, not ${word}.`);
  return number;
}

function wholeNumberOf(option: string, word: string): number {
  const number = numberOf(option, word);
  if (!Number.isSafeInteger(number))
    throw new BadWord(`${option} takes a whole number, not ${word}.`);
  return number;
}

function speaker(): Speaker {
  const { stderr } = process;
  let toldAt = performance.now();
  const wipe = (): void => void (stderr.isTTY && stderr.write("\r\x1b[K"));
  return {
    say: (line) => {
      wipe();
      console.log(line);
    },
    progress: (line) => {
      if (stderr.isTTY) {
        stderr.write(`\r\x1b[K${line.slice(0, stderr.columns - 1)}`);
      } else if (performance.now() - toldAt > TELL_EVERY_MS) {
        toldAt = performance.now();
        stderr.write(`    … ${line}\n`);
      }
    },
  };
}

async function main(): Promise<void> {
  const settings = settingsOf(process.argv.slice(2));
  const cleanUps = new CleanUps();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      cleanUps.run();
      process.exit(EXIT_INTERRUPTED);
    });
  }
  const voice = speaker();
  voice.say(`seed ${settings.seed}, goals: ${settings.size}`);
  const outcomes = await runClaims(CLAIMS, settings, voice, cleanUps);
  voice.say(`\n${table(outcomes).join("\n")}`);
  process.exitCode = exitCodeOf(outcomes);
}

try {
  await main();
} catch (error) {
  const isUsage =
    error instanceof BadWord ||
    String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
  if (!isUsage) throw error;
  console.error((error as Error).message);
  process.exitCode = EXIT_USAGE;
}
