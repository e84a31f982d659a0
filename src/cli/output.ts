/** A file that a user names, written whole. Apart from `streams.ts`, which every command loads. */
import { resolve } from "node:path";
import { replaceAt, replaceFrom } from "../disk/replace.ts";

/**
 * Writes a file whole or not at all: whoever looks sees the old content or the new one. A link is
 * followed, and the rights of a file that is there stay.
 *
 * @throws FlowError `IO`
 */
export function writeWholeFile(name: string, text: string): void {
  replaceAt(resolve(name), name, text);
}

/**
 * The same for bytes as they come; when they end with an error, the file stays as it was.
 *
 * @throws FlowError `IO`; whatever the bytes end with.
 */
export async function writeWholeStream(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  await replaceFrom(resolve(name), name, chunks);
}
