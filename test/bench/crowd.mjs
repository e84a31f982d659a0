/** Processes that begin at one word, and each answers once. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A file of this folder that prints when it is ready, and an answer some time behind the word. */
function begin(file, words) {
  const child = spawn(process.execPath, [join(import.meta.dirname, file), ...words], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${file} ${words.join(" ")}: it ended without an answer`);
    return JSON.parse(value);
  };
  const answer = async () => {
    const told = await next();
    const [code, signal] = await ended;
    if (code !== 0) throw new Error(`${file} ${words.join(" ")}: it ended by ${signal ?? code}`);
    return told;
  };
  return { go: () => child.stdin.end("go\n"), ready: next(), answer };
}

/**
 * Starts one process for each list of `words`, and says the word when all are ready.
 *
 * @returns the time from the word to the last answer, in ms, and the answers
 */
export async function crowd(file, words) {
  const workers = words.map((one) => begin(file, one));
  await Promise.all(workers.map(({ ready }) => ready));
  const start = performance.now();
  for (const { go } of workers) go();
  const answers = await Promise.all(workers.map(({ answer }) => answer()));
  return { ms: performance.now() - start, answers };
}
