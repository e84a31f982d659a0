import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

// Not a hook of the runner: called inside a test, that would belong to this one test.
process.once("exit", () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** A new folder of this test file's own; gone when the process ends. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "flowstore-disk-"));
  made.push(folder);
  return folder;
}
