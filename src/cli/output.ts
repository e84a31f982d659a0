/** Where the command line writes: standard output and error, and a file that a user names. */
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { FlowError } from "../errors.ts";

/**
 * Lets a reader go away early (`flowstore events | head`): what is left unwritten is dropped, and
 * the command ends as it would have. Its changes, if any, have happened.
 */
export function surviveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

/** Writes a text and waits until it is handed on, so that the process may end. */
export function print(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    stream.write(text, () => resolve());
  });
}

/**
 * Writes a file whole or not at all: whoever looks sees the old content or the new one.
 *
 * @throws FlowError `IO`
 */
export async function writeWholeFile(name: string, text: string): Promise<void> {
  const temporary = `${name}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, name);
  } catch (error) {
    await rm(temporary, { force: true });
    if (!(error instanceof Error) || !("code" in error)) throw error;
    const context = { file: name, errno: error.code };
    throw new FlowError("IO", `Cannot write ${name}: ${String(error.code)}`, { context, cause: error });
  }
}
