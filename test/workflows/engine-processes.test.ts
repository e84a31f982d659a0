/** Engines in processes of their own, and the command line beside them. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { FlowStore, type CheckpointStore, type ExecutionStatus } from "flowstore";
import { list, one, openStoreShell, type Shell } from "../cli/support.ts";
import { atEnd, killed } from "../at-end.ts";

const WORKER = fileURLToPath(new URL("./engine.worker.js", import.meta.url));
const LONG_MS = 60_000;
const SHORT_MS = 400;
/** How many executions wait while nothing else happens. */
const WAITING = 200;

interface Place extends Shell {
  readonly workflows: CheckpointStore;
}

async function place(context: TestContext): Promise<Place> {
  const shell = await openStoreShell(context);
  const store = await FlowStore.open(shell.folder);
  atEnd(context, () => store.close());
  return { ...shell, workflows: store.workflows };
}

/** An engine in another process; it is killed when the test ends. */
async function engine(
  context: TestContext,
  { folder }: Place,
  leaseMs: number,
  ...ids: readonly string[]
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [WORKER, folder, String(leaseMs), ...ids], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  atEnd(context, () => killed(child));
  await once(child.stdout, "data");
  return child;
}

async function reached({ workflows }: Place, id: string, status: ExecutionStatus): Promise<void> {
  for await (const now of workflows.watchExecution(id)) if (now?.status === status) return;
}

function effects({ folder }: Place): string[] {
  const file = join(folder, "effects.log");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

async function noted(where: Place, line: string): Promise<void> {
  while (!effects(where).includes(line)) await sleep(10);
}

test("signal, cancel and retry of the command line reach an engine in another process", async (context) => {
  const where = await place(context);
  const { run, json } = where;
  const child = await engine(context, where, LONG_MS, "a");
  await reached(where, "a", "SUSPENDED");

  assert.equal((await json(["workflow", "signal", "a", "no"])).exit, 0);
  const sent = await json(["workflow", "signal", "a", "go", "--payload", '"good"']);
  assert.deepEqual([one(sent)["signalName"], one(sent)["payload"]], ["go", '"good"']);
  await reached(where, "a", "COMPLETED");
  const shown = one(await json(["workflow", "show", "a"]));
  assert.deepEqual(
    (shown["steps"] as { state: string }[]).map(({ state }) => state),
    ["completed", "completed", "completed"],
  );
  assert.match((await run(["workflow", "show", "a"])).stdout, /\nResult: "good by \d+"\n$/);

  const at = new Date().toISOString();
  const record = { workflowId: "wf-order", createdAt: at, updatedAt: at };
  await where.workflows.createIfAbsent({ ...record, workflowExecutionId: "b" });
  await reached(where, "b", "SUSPENDED");
  const cancelled = one(await json(["workflow", "cancel", "b"]));
  assert.deepEqual([cancelled["status"], cancelled["errorMessage"]], ["COMPENSATING", "Cancelled"]);
  await reached(where, "b", "CANCELLED");

  const again = await json(["workflow", "retry", "b"]);
  // Its lease may be given back a moment after its end.
  if (again.exit !== 0) assert.equal((await json(["workflow", "retry", "b"])).exit, 0);
  await reached(where, "b", "SUSPENDED");
  await run(["workflow", "signal", "b", "go", "--payload", '"bad"']);
  await reached(where, "b", "FAILED");
  assert.deepEqual(
    effects(where).filter((line) => line.includes("b")),
    [
      `take b:0 ${child.pid}`,
      `give back b ${child.pid}`,
      `take b:0:1 ${child.pid}`,
      `give back b ${child.pid}`,
    ],
  );
});

test("what was asked of an execution whose engine was killed is done where it is recovered", async (context) => {
  const where = await place(context);
  const first = await engine(context, where, SHORT_MS, "a");
  await reached(where, "a", "SUSPENDED");
  await killed(first);
  const { run } = where;
  assert.equal((await run(["workflow", "cancel", "a"])).exit, 0);
  const text = (await run(["workflow", "show", "a"])).stdout;
  assert.match(text, /\nWhat was done is taken back, because: Cancelled\n/);
  const second = await engine(context, where, SHORT_MS);
  await reached(where, "a", "CANCELLED");
  assert.deepEqual(effects(where), [`take a:0 ${first.pid}`, `give back a ${second.pid}`]);
  assert.equal((await where.json(["workflow", "signal", "a", "go"])).exit, 5);
  assert.equal((await where.json(["workflow", "signal", "x", "go"])).exit, 3);
  assert.equal((await where.json(["workflow", "signal", "x", "go", "--early"])).exit, 0);
});

test("an engine that is stopped past its lease records nothing more (D9)", async (context) => {
  const where = await place(context);
  const stopped = await engine(context, where, SHORT_MS, "hold");
  await noted(where, `begin hold ${stopped.pid}`);
  stopped.kill("SIGSTOP");
  const other = await engine(context, where, SHORT_MS);
  await noted(where, `begin hold ${other.pid}`);
  writeFileSync(join(where.folder, "release"), "");
  await reached(where, "hold", "COMPLETED");
  stopped.kill("SIGCONT");
  await noted(where, `rejected hold ABORTED ${stopped.pid}`);
  const { execution, checkpoints } = await where.workflows.history("hold");
  assert.equal(execution.outputData, String(other.pid));
  assert.deepEqual(
    checkpoints.map(({ attempt, status, outputData }) => [attempt, status, outputData]),
    [
      [1, "INTENT", null],
      [2, "COMPLETED", String(other.pid)],
    ],
  );
});

test(
  "an engine that waits takes next to no processor time",
  {
    skip: process.platform === "linux" ? false : "reads /proc",
  },
  async (context) => {
    const where = await place(context);
    const at = new Date().toISOString();
    const record = { workflowId: "wf-order", createdAt: at, updatedAt: at };
    const workflow = { workflowId: "wf-order", workflowType: "order", createdAt: at };
    const ids = Array.from({ length: WAITING }, (_, count) => `e-${count}`);
    await Promise.all(
      ids.map(async (workflowExecutionId) =>
        where.workflows.createIfAbsent({ ...record, workflowExecutionId }, { workflow }),
      ),
    );
    const child = await engine(context, where, LONG_MS, "once");
    while ((await where.workflows.countExecutions()).SUSPENDED < WAITING) await sleep(50);
    await sleep(500); // looks that the last commits called for
    /** In hundredths of a second. */
    const used = (): number => {
      const [, fields = ""] = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ");
      const [utime, stime] = fields.split(" ").slice(11, 13).map(Number);
      return (utime ?? 0) + (stime ?? 0);
    };
    const before = used();
    await sleep(2_000);
    const spent = used() - before;
    context.diagnostic(`${spent} hundredths of a second in two seconds`);
    // An engine that looks at each of them ten times a second takes several times that.
    assert.ok(spent <= 15, String(spent));
  },
);

test("a page, its cursor, and what it is narrowed by", async (context) => {
  const where = await place(context);
  const { json, workflows } = where;
  for (const [count, type] of ["order", "order", "mail"].entries()) {
    const createdAt = new Date(Date.UTC(2026, 0, 1 + count)).toISOString();
    const id = { workflowExecutionId: `e-${count}`, workflowId: `wf-${type}` };
    const workflow = { workflowId: `wf-${type}`, workflowType: type, createdAt };
    const status = count === 1 ? ("FAILED" as const) : ("COMPLETED" as const);
    await workflows.createIfAbsent(
      { ...id, status, createdAt, updatedAt: createdAt },
      { workflow },
    );
  }
  const ids = async (...words: string[]): Promise<unknown> =>
    list(await json(["workflow", "list", ...words])).map((each) => each["workflowExecutionId"]);
  assert.deepEqual(await ids(), ["e-2", "e-1", "e-0"]);
  assert.deepEqual(await ids("--workflow", "order"), ["e-1", "e-0"]);
  assert.deepEqual(await ids("--workflow", "wf-mail"), ["e-2"]);
  assert.deepEqual(await ids("--status", "failed,running"), ["e-1"]);
  const page = await json(["workflow", "list", "--limit", "2"]);
  assert.deepEqual(await ids("--after", String(page.meta["next"])), ["e-0"]);
  assert.equal((await json(["workflow", "list", "--status", "done"])).exit, 2);
  assert.equal((await json(["workflow", "list", "--after", "x"])).exit, 2);
  const dry = await json(["workflow", "gc", "--status", "failed", "--dry-run"]);
  assert.deepEqual(
    [dry.data, dry.meta["dryRun"]],
    [{ executions: 1, timers: 0, signals: 0 }, true],
  );
  assert.equal((await json(["workflow", "gc", "--status", "running"])).exit, 2);
  assert.deepEqual(one(await json(["workflow", "gc"]))["executions"], 3);
  assert.deepEqual(await ids(), []);
  assert.equal((await json(["workflow", "show", "e-0"])).exit, 3);
});
