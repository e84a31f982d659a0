/**
 * Loaded by `--import` into a process: counts what it asks of `node:fs` in one folder, and writes
 * the counts into a file when it ends. Its clock stands still, as that of `disk-operations.ts`.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { COUNTED_FOLDER: folder = "", COUNTED_RESULT: result = "" } = process.env;
const counts: Record<string, number> = {};
const descriptors = new Set<unknown>();
const { writeFileSync } = fs;

const isCounted = (target: unknown): boolean =>
  descriptors.has(target) ||
  (typeof target === "string" && (target === folder || target.startsWith(`${folder}/`)));

type Call = (target: unknown, ...rest: unknown[]) => unknown;
const calls = fs as unknown as Record<string, unknown>;
for (const [name, call] of Object.entries(calls)) {
  if (!name.endsWith("Sync") || typeof call !== "function") continue;
  const act = call as Call;
  const counted: Call = (target, ...rest) => {
    if (!isCounted(target)) return act(target, ...rest);
    const operation = name.slice(0, -"Sync".length);
    counts[operation] = (counts[operation] ?? 0) + 1;
    const value = act(target, ...rest);
    if (name === "openSync") descriptors.add(value);
    // The number of a closed descriptor soon belongs to another file.
    if (name === "closeSync") descriptors.delete(target);
    return value;
  };
  calls[name] = Object.assign(counted, act);
}
syncBuiltinESMExports();

const now = performance.now();
performance.now = () => now;

process.once("exit", () => writeFileSync(result, JSON.stringify(counts)));
