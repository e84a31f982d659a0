/**
 * Calls `flowstore check --json` in each of the folders that are given, all in one process, and
 * tells what each printed and its exit code: `corpus.worker.js FOLDER…`.
 */
import { run } from "#src/cli/run.js";
import { stopListening, tell } from "../process/store-worker.ts";

/** What one call came to. */
export interface Called {
  readonly folder: string;
  readonly exit: number;
  readonly out: string;
}

const speak = process.stdout.write.bind(process.stdout);
let out = "";

for (const folder of process.argv.slice(2)) {
  out = "";
  process.stdout.write = ((text: string, done?: () => void) => {
    out += text;
    done?.();
    return true;
  }) as typeof process.stdout.write;
  const exit = await run(["check", "--json", "--dir", folder]);
  process.stdout.write = speak;
  tell(JSON.stringify({ folder, exit, out } satisfies Called));
}
stopListening();
