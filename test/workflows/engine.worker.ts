/**
 * An engine in a process of its own, until its standard input ends. Runs the execution that it is
 * named, if any, and recovers what there is. Says in `effects.log` what its actions do.
 */
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DurableEngine, FlowStore, isFlowError, type WorkflowBody } from "flowstore";

const [project = "", leaseMs = "", id = ""] = process.argv.slice(2);
/** In place of an id: what is there is recovered once, and no more is looked for. */
const ONCE = "once";
const RECOVER_EVERY_MS = 50;

function note(...words: readonly unknown[]): void {
  appendFileSync(join(project, "effects.log"), `${[...words, process.pid].join(" ")}\n`);
}

/** Takes something, waits for word, and gives it back unless the word is good. */
const order: WorkflowBody = async (work) => {
  await work.step("take", ({ idempotencyKey }) => note("take", idempotencyKey), {
    compensate: () => note("give back", work.executionId),
  });
  const word = await work.waitSignal("go");
  if (word === "bad") throw new Error("the word is bad");
  return work.step("end", () => `${String(word)} by ${process.pid}`);
};

/** One action, which lasts until there is a file `release`. */
const hold: WorkflowBody = (work) =>
  work.step("hold", async () => {
    note("begin", work.executionId);
    while (!existsSync(join(project, "release"))) await sleep(10);
    note("end", work.executionId);
    return process.pid;
  });

const store = await FlowStore.open(project, { actor: "engine" });
const engine = new DurableEngine({
  store,
  workflows: { order, hold },
  leaseMs: Number(leaseMs),
});

let isOver = false;
process.stdin.on("end", () => (isOver = true)).resume();

if (id !== "" && id !== ONCE) {
  engine
    .run(id.startsWith("hold") ? "hold" : "order", { executionId: id })
    .catch((error: unknown) => {
      note("rejected", id, isFlowError(error) ? error.code : "ERROR");
    });
}
process.stdout.write("ready\n");
await engine.recover();
while (!isOver) {
  await sleep(RECOVER_EVERY_MS);
  if (id !== ONCE) await engine.recover();
}
await engine.dispose();
await store.close();
