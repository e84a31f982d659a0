/** The command line, told that a terminal is at its other end. Arguments: those of `flowstore`. */
import { run } from "#src/cli/run.js";

Object.defineProperty(process.stdout, "isTTY", { value: true });
process.exitCode = await run(process.argv.slice(2));
