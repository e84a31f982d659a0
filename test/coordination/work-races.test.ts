/** Many processes mark, move and add at once: everything happens once, and each is told what it did. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { FlowStore, type AddedGap, type PipelineState, type ResolvedGap } from "flowstore";
import { temporaryFolder } from "../process/store-children.ts";
import { RemoteStore } from "../process/store-remote.ts";

const PHASES = ["plan", "plan_review", "work", "impl_review", "close"];

interface Race {
  readonly store: FlowStore;
  readonly processes: readonly RemoteStore[];
}

/** A store that so many processes have open. */
async function openRace(context: TestContext, count: number): Promise<Race> {
  const project = temporaryFolder(context);
  const store = await FlowStore.init(project, { durability: "none" });
  const processes = await Promise.all(
    Array.from({ length: count }, (_, at) =>
      RemoteStore.open(context, project, { actor: `agent-${at}`, durability: "none" }),
    ),
  );
  return { store, processes };
}

async function endRace({ store, processes }: Race): Promise<void> {
  await Promise.all(processes.map((remote) => remote.end()));
  assert.deepEqual(await store.check(), []);
  await store.close();
}

test("of two that advance one epic from one phase one moves it, 500 of 500 times", async (context) => {
  const race = await openRace(context, 2);
  const { store, processes } = race;
  const epics = Array.from({ length: 100 }, (_, at) => `fn-${at}`);
  await store.transaction(async () => {
    for (const epic of epics) await store.pipeline.start(epic);
  });
  const moves = [0, 0];
  const run = async (epic: string): Promise<void> => {
    for (const [at, from] of PHASES.entries()) {
      const answers = await Promise.all(
        processes.map((remote) => remote.try<PipelineState>("pipeline.advance", epic, { from })),
      );
      const winner = answers.findIndex(({ error }) => error === undefined);
      const lost = answers[1 - winner]?.error;
      const phase = PHASES[at + 1] ?? "completed";
      assert.equal(answers[winner]?.value?.phase, phase);
      assert.equal(lost?.code, "CONFLICT", JSON.stringify(answers));
      assert.equal(lost.context["phase"], phase);
      moves[winner] = (moves[winner] ?? 0) + 1;
    }
  };
  await Promise.all(epics.map(run));

  for (const { phase } of await store.pipeline.list()) assert.equal(phase, "completed");
  const events = await store.events.query({ type: "pipeline_advanced" });
  assert.equal(events.length, epics.length * PHASES.length);
  for (const epic of epics) {
    const own = events.filter(({ stream }) => stream === `epic:${epic}`);
    const steps = own.map(({ payload }) => (payload as { from: string }).from);
    assert.deepEqual(steps, PHASES);
  }
  await endRace(race);
  context.diagnostic(`one moved ${moves[0]}, the other ${moves[1]}`);
});

test("eight that walk one epic to its end take each step once", async (context) => {
  const race = await openRace(context, 8);
  const { store, processes } = race;
  await store.pipeline.start("fn-1");
  const walk = async (remote: RemoteStore): Promise<number> => {
    let moved = 0;
    for (;;) {
      const { phase } = await remote.call<PipelineState>("pipeline.read", "fn-1");
      if (phase === "completed") return moved;
      const { error } = await remote.try("pipeline.advance", "fn-1", { from: phase });
      assert.ok(error === undefined || error.code === "CONFLICT", error?.message);
      if (error === undefined) moved += 1;
    }
  };
  const moved = await Promise.all(processes.map(walk));
  assert.equal(
    moved.reduce((sum, one) => sum + one, 0),
    PHASES.length,
  );
  assert.equal((await store.events.query({ type: "pipeline_advanced" })).length, PHASES.length);
  await endRace(race);
});

test("phases that eight processes mark at once are each done once", async (context) => {
  const race = await openRace(context, 8);
  const { store, processes } = race;
  const phases = Array.from({ length: 40 }, (_, at) => String(at + 1));
  const answers = await Promise.all(
    processes.map((remote, who) => {
      // Each in an order of its own, all of them meeting again and again.
      const turned = [...phases.slice(who * 5), ...phases.slice(0, who * 5)];
      return Promise.all(
        turned.map((phase) =>
          remote.call<{ phase: string; at: string }>("phases.markDone", "fn-1.1", phase),
        ),
      );
    }),
  );
  const completed = await store.phases.get("fn-1.1");
  assert.deepEqual(completed.map(({ phase }) => phase).toSorted(), phases.toSorted());
  // Everybody was told the time of the first.
  const at = new Map(completed.map((one) => [one.phase, one.at]));
  for (const one of answers.flat()) assert.equal(one.at, at.get(one.phase));
  const events = await store.events.query({ stream: "task:fn-1.1" });
  assert.deepEqual(
    events.map(({ payload }) => (payload as { phase: string }).phase),
    completed.map(({ phase }) => phase),
  );
  await endRace(race);
});

test("one capability that four processes add at once is one gap, and opens again once", async (context) => {
  const race = await openRace(context, 4);
  const { store, processes } = race;
  const ways = ["Log in %", "log in %", " LOG IN %", "Log In % "];
  const numbers = Array.from({ length: 25 }, (_, at) => String(at));
  /** What each process made of every capability. */
  const addAll = (): Promise<AddedGap[][]> =>
    Promise.all(
      numbers.map((number) =>
        Promise.all(
          processes.map((remote, who) => {
            const capability = (ways[who] ?? "").replace("%", number);
            return remote.call<AddedGap>("gaps.add", { epicId: "fn-1", capability });
          }),
        ),
      ),
    );

  for (const added of await addAll()) {
    assert.equal(new Set(added.map(({ gap }) => gap.uid)).size, 1);
    assert.equal(added.filter(({ created }) => created).length, 1);
  }
  const gaps = await store.gaps.list("fn-1");
  assert.deepEqual(
    gaps.map(({ id }) => id),
    numbers.map((_, at) => at + 1),
  );

  // Of several that resolve one, one does; and of several that add it again, one opens it again.
  for (const { id } of gaps) {
    const answers = await Promise.all(
      processes.map((remote, who) =>
        remote.try<ResolvedGap>("gaps.resolve", "fn-1", id, `evidence ${who}`),
      ),
    );
    assert.equal(answers.filter(({ value }) => value?.changed === true).length, 1);
    assert.equal(new Set(answers.map(({ value }) => value?.gap.evidence)).size, 1);
  }
  for (const added of await addAll()) {
    assert.equal(added.filter(({ reopened }) => reopened).length, 1);
    assert.equal(added.filter(({ created }) => created).length, 0);
  }
  assert.equal((await store.gaps.check("fn-1")).openBlocking.length, numbers.length);
  const count = new Map<string, number>();
  for (const { type } of await store.events.query()) count.set(type, (count.get(type) ?? 0) + 1);
  assert.deepEqual(
    [...count],
    [
      ["gap_opened", 25],
      ["gap_resolved", 25],
      ["gap_reopened", 25],
    ],
  );
  await endRace(race);
});

// The old system gave two creators one number, and the file of one was written over.
test("gaps that four processes add at once have ids of their own, and none is lost", async (context) => {
  const race = await openRace(context, 4);
  const { store, processes } = race;
  const added = await Promise.all(
    processes.flatMap((remote, who) =>
      Array.from({ length: 40 }, (_, at) =>
        remote.call<AddedGap>("gaps.add", { epicId: "fn-1", capability: `${who} ${at}` }),
      ),
    ),
  );
  const gaps = await store.gaps.list("fn-1");
  assert.deepEqual(
    gaps.map(({ id }) => id),
    added.map((_, at) => at + 1),
  );
  assert.deepEqual(new Set(gaps.map(({ uid }) => uid)), new Set(added.map(({ gap }) => gap.uid)));
  await endRace(race);
});
