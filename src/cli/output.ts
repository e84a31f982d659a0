/** A file that a user names, written whole. Apart from `streams.ts`, which every command loads. */
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { FlowError } from "../errors.ts";

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
    throw new FlowError("IO", `Cannot write ${name}: ${String(error.code)}`, {
      context,
      cause: error,
    });
  }
}
