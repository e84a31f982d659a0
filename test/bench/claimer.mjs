/** One process of the race in bench.mjs: claims what it can get until nothing is left. */
import * as fs from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [, , kind, folder, countText, agent] = process.argv;
const repository = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const require = createRequire(join(repository, "package.json"));
const count = Number(countText);
let claimed = 0;

async function byFlowStore() {
  const { FlowStore } = await import(join(repository, "dist", "index.js"));
  const store = await FlowStore.open(folder, { guardTimeoutMs: 120_000 });
  await store.features.getAll();
  return async () => {
    for (let id = 1; id <= count; id += 1) {
      try {
        await store.features.claimAndGet(id, { agent });
        claimed += 1;
      } catch (error) {
        // Somebody else has it.
        if (error.code !== "CONFLICT") throw error;
      }
    }
    await store.close();
  };
}

async function byLockfile() {
  const lockfile = require("proper-lockfile");
  const write = require("write-file-atomic");
  const retries = { retries: 10_000, factor: 1, minTimeout: 2, maxTimeout: 10, randomize: true };
  return async () => {
    for (let id = 1; id <= count; id += 1) {
      const file = join(folder, `${id}.json`);
      const release = await lockfile.lock(folder, { retries, realpath: false, stale: 60_000 });
      try {
        const feature = JSON.parse(fs.readFileSync(file, "utf8"));
        if (feature.agent === undefined) {
          await write(file, JSON.stringify({ ...feature, agent }));
          fs.appendFileSync(
            join(folder, "events.jsonl"),
            `${JSON.stringify({ id, agent, type: "claimed", pad: "x".repeat(250) })}\n`,
          );
          claimed += 1;
        }
      } finally {
        await release();
      }
    }
  };
}

const run = await (kind === "flowstore" ? byFlowStore() : byLockfile());
process.stdout.write("ready\n");
process.stdin.once("end", () => undefined).resume();
await new Promise((resolve) => process.stdin.once("end", resolve));
await run();
process.stdout.write(`claimed ${claimed}\n`);
