/**
 * The loop that many would write: replaces files one after another by write-file-atomic, which
 * syncs the file and not its folder, and takes each for saved: `c04-plain.worker.js FOLDER NAME`.
 */
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { stopListening, tell } from "../process/store-worker.ts";

const FILES = 5;
const [folder = "", name = ""] = process.argv.slice(2);

function now(): string {
  return (Number(process.hrtime.bigint()) / 1e6).toFixed(3);
}

tell("ready");
try {
  for (let number = 1; ; number += 1) {
    const file = `${name}-${number % FILES}`;
    await writeFileAtomic(join(folder, file), String(number));
    tell(`did ${file} ${number} ${now()}`);
  }
} catch (error) {
  // The power is gone.
  if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
  stopListening();
}
