/**
 * Two and eight processes at one store: of racing calls exactly one wins, and no id is given twice.
 *
 * `WORKFLOW_ROUNDS=100` races, and kills, that often.
 */
import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import {
  FlowStore,
  type ExecutionLease,
  type StepCheckpoint,
  type WorkflowExecution,
} from "flowstore";
import { makeProject } from "../features/support.ts";
import { RemoteStore, type Answer } from "../process/store-remote.ts";
import { Child } from "../process/store-children.ts";
import { checkpoint, DEFINITION, execution, inStatus, signal } from "./support.ts";
import { atEnd } from "../at-end.ts";

const CROWD = 8;
const ROUNDS = Number(process.env["WORKFLOW_ROUNDS"] ?? 6);

async function makeCrowd(
  context: TestContext,
  processes: number,
): Promise<{ store: FlowStore; crowd: RemoteStore[] }> {
  const project = makeProject(context);
  const store = await FlowStore.init(project, { durability: "none" });
  atEnd(context, () => store.close());
  await store.workflows.saveWorkflow(DEFINITION);
  const crowd: RemoteStore[] = [];
  for (let at = 0; at < processes; at += 1)
    crowd.push(await RemoteStore.open(context, project, { actor: `p${at}`, durability: "none" }));
  return { store, crowd };
}

/** The winners; all others must have been refused with that code. */
function winners<T>(answers: readonly Answer<T>[], code: string): T[] {
  for (const { error } of answers) if (error !== undefined) assert.equal(error.code, code);
  return answers.flatMap(({ value }) => value ?? []);
}

for (const processes of [2, CROWD]) {
  describe(`${processes} processes`, () => {
    test("race: one transition, one claim, one maker and one consumer win", async (context) => {
      const { store, crowd } = await makeCrowd(context, processes);
      const { workflows } = store;
      const race = <T>(call: string, args: (at: number) => unknown[]): Promise<Answer<T>[]> =>
        Promise.all(crowd.map((one, at) => one.try<T>(`workflows.${call}`, ...args(at))));
      for (let round = 0; round < ROUNDS; round += 1) {
        const id = `e-${round}`;
        type Made = { created: boolean; execution: WorkflowExecution };
        const made = await race<Made>("createIfAbsent", (at) => [
          execution(id, { inputData: `${at}` }),
        ]);
        assert.equal(winners(made, "none").filter(({ created }) => created).length, 1);
        assert.equal(new Set(made.map(({ value }) => value?.execution.inputData)).size, 1);

        const claims = await race<ExecutionLease>("claimExecution", (at) => [
          id,
          { owner: `p${at}` },
        ]);
        const [lease, ...more] = winners(claims, "CONFLICT");
        assert.ok(lease !== undefined && more.length === 0);
        for (const { error } of claims)
          assert.equal(error?.context["holder"] ?? lease.owner, lease.owner);

        await workflows.saveSignal(signal("go", { workflowExecutionId: id, payload: id }));
        type Taken = { signal: object | null };
        const taken = await race<Taken>("advance", (at) => [
          id,
          { consume: { signalName: "go", checkpoint: checkpoint(at) } },
        ]);
        assert.equal(winners(taken, "none").filter((one) => one.signal !== null).length, 1);
        assert.equal((await workflows.loadCheckpoints(id)).length, 1);

        const ends = ["COMPLETED", "FAILED", "CANCELLED"] as const;
        const ended = await race<WorkflowExecution>("transition", (at) => [
          id,
          { from: "PENDING", to: ends[at % ends.length] },
        ]);
        const won = winners(ended, "CONFLICT");
        assert.equal(won.length, 1);
        assert.deepEqual(await workflows.loadExecution(id), won[0]);
      }
      assert.deepEqual(await store.check(), []);
    });
  });
}

test(`${CROWD} processes at one execution lose no step, and no id is given twice`, async (context) => {
  const { store, crowd } = await makeCrowd(context, CROWD);
  await store.workflows.saveExecution(inStatus("exec-1", "RUNNING"));
  const each = 25;
  const saved = await Promise.all(
    crowd.flatMap((one, at) =>
      Array.from({ length: each }, (_, n) =>
        one.try<StepCheckpoint>("workflows.saveCheckpoint", checkpoint(at * each + n)),
      ),
    ),
  );
  const ids = winners(saved, "none").map(({ id }) => id);
  assert.equal(new Set(ids).size, CROWD * each);
  const rows = await store.workflows.loadCheckpoints("exec-1");
  assert.deepEqual(
    rows.map(({ stepIndex }) => stepIndex),
    [...Array(CROWD * each).keys()],
  );
});

test("kill -9 in the middle: no step half there, no id given twice", async (context) => {
  const project = makeProject(context);
  const store = await FlowStore.init(project, { durability: "none" });
  atEnd(context, () => store.close());
  const { workflows } = store;
  await workflows.createIfAbsent(inStatus("exec-1", "RUNNING"), { workflow: DEFINITION });
  const acknowledged = new Map<number, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const told: string[] = [];
    const child = Child.start(context, "../workflows/steps", [project, String(round)], {
      listen: (line) => void told.push(line),
    });
    await child.next((line) => line.startsWith(`${round * 1000 + 3 + 4 * round} `));
    child.kill("SIGKILL");
    await child.exited;
    for (const line of told.filter((one) => / /.test(one))) {
      const [step = "", id = ""] = line.split(" ");
      assert.ok(!acknowledged.has(Number(id)), `id ${id} was given twice`);
      acknowledged.set(Number(id), Number(step));
    }
    // A step stands with its execution, or not at all.
    const { execution: now, checkpoints } = await workflows.history("exec-1");
    const last = Math.max(...checkpoints.map(({ stepIndex }) => stepIndex));
    assert.equal(now.currentStep, last);
    const byId = new Map(checkpoints.map(({ id, stepIndex }) => [id, stepIndex]));
    for (const [id, step] of acknowledged) assert.equal(byId.get(id), step);
  }
  const own = await workflows.saveCheckpoint(checkpoint(999_999));
  assert.ok((own.id ?? 0) > Math.max(...acknowledged.keys()));
  assert.deepEqual(await store.check(), []);
});
