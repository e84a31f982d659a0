/**
 * Programs that mount things: each in namespaces of its own for mounts and processes, so that
 * nothing of it is left once it has ended, however it has ended.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bareEnvironment } from "../process/store-children.ts";
import type { Task } from "./claim.ts";

const NAMESPACES = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];

/**
 * Runs a script with a folder of its own and one more argument, and gives each line that it tells.
 *
 * @throws Error when it ends with an error
 */
export async function runApart(
  script: string,
  argument: string,
  task: Pick<Task, "cleanUp">,
  listen: (line: string) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "flowstore-mounts-"));
  const path = fileURLToPath(new URL(`./${script}.worker.js`, import.meta.url));
  const args = [...NAMESPACES, "--mount-proc", process.execPath, path, folder, argument];
  const child = spawn("unshare", args, { env: bareEnvironment(tmpdir()) });
  const release = (): void => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  task.cleanUp(release);
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  createInterface({ input: child.stdout }).on("line", listen);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  release();
  if (code !== 0) throw new Error(`${script} ended with code ${code}: ${errors}`);
}

/** In such a script: ends it, and with it all that it started, when its parent has ended. */
export function dieWithParent(): void {
  process.stdin.on("end", () => process.exit(1));
  process.stdin.resume();
}
