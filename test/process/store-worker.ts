/** What every worker script does: lines in, lines out, written before the next step is taken. */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";

/** Writes a line at once: what was told is told even when the process is killed now. */
export function tell(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  for (let done = 0; done < bytes.length;) done += write(bytes.subarray(done));
}

function write(bytes: Buffer): number {
  try {
    return writeSync(1, bytes);
  } catch (error) {
    // The pipe is full for the moment.
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}

const arrived: string[] = [];
const waiting: ((line: string) => void)[] = [];
const reader = createInterface({ input: process.stdin });
reader.on("line", (line) => {
  const next = waiting.shift();
  if (next === undefined) arrived.push(line);
  else next(line);
});

/** The next line that the parent sent. */
export async function heard(): Promise<string> {
  const line = arrived.shift();
  return line ?? new Promise((resolve) => waiting.push(resolve));
}

/** Lets the process end although the parent may still send. */
export function stopListening(): void {
  reader.close();
  process.stdin.destroy();
}
