/** Where the command line speaks: standard output and error. */

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

/**
 * Writes a text and waits until it is handed on, so that the process may end.
 *
 * @returns false when the reader is gone.
 */
export function print(stream: NodeJS.WriteStream, text: string): Promise<boolean> {
  return new Promise((resolve) => {
    stream.write(text, (error) => resolve(error === null || error === undefined));
  });
}

/**
 * Writes bytes to standard output as they come, no faster than they are taken. When the reader is
 * gone, the rest is not asked for.
 */
export async function printBytes(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) {
    const isTaken = await new Promise<boolean>((resolve) => {
      process.stdout.write(chunk, (error) => resolve(error === null || error === undefined));
    });
    if (!isTaken) return;
  }
}
