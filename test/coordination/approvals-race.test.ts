/** Two processes decide the same approvals at the same moment: of each pair exactly one counts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowStore, type Approval } from "flowstore";
import { temporaryFolder } from "../process/store-children.ts";
import { RemoteStore, type Answer } from "../process/store-remote.ts";

const ROUNDS = 1000;
/** So many rounds go on side by side: calls of one process then share commits, as they do in use. */
const LANES = 5;
const AGENTS = ["ann", "bob"];

test(`of two racing decisions one wins and the other is CONFLICT, ${ROUNDS} of ${ROUNDS} times`, async (context) => {
  const project = temporaryFolder(context);
  const store = await FlowStore.init(project, { durability: "none" });
  const asked = await store.transaction(async () => {
    const made: Approval[] = [];
    for (let at = 0; at < ROUNDS; at += 1)
      made.push(await store.approvals.create({ taskId: `t.${at}`, kind: "generic" }));
    return made;
  });
  const processes = await Promise.all(
    AGENTS.map((actor) => RemoteStore.open(context, project, { actor, durability: "none" })),
  );

  const wins = [0, 0];
  /** One round: both decide one approval at the same moment, in a half of the rounds differently. */
  const race = async (at: number): Promise<void> => {
    const { id = "" } = asked[at] ?? {};
    const answers: Answer<Approval>[] = [];
    const decide = async (who: number): Promise<void> => {
      const call = who === 1 && at % 4 < 2 ? "approvals.reject" : "approvals.approve";
      answers[who] = await (processes[who] as RemoteStore).try<Approval>(call, id);
    };
    // Either may be told first.
    await Promise.all((at % 2 === 0 ? [0, 1] : [1, 0]).map(decide));
    const winner = answers.findIndex(({ error }) => error === undefined);
    const won = answers[winner]?.value;
    const lost = answers[1 - winner]?.error;
    assert.equal(lost?.code, "CONFLICT", `round ${at}: ${JSON.stringify(answers)}`);
    assert.equal(won?.resolver, AGENTS[winner]);
    for (const key of ["status", "resolver", "resolvedAt"] as const)
      assert.equal(lost.context[key], won?.[key]);
    wins[winner] = (wins[winner] ?? 0) + 1;
  };
  await Promise.all(
    Array.from({ length: LANES }, async (_, lane) => {
      for (let at = lane; at < ROUNDS; at += LANES) await race(at);
    }),
  );
  await Promise.all(processes.map((remote) => remote.end()));

  const decisions = (await store.events.query()).filter(({ type }) => type !== "approval_created");
  assert.equal(decisions.length, ROUNDS);
  const resolvers = new Map(
    decisions.map(({ stream, payload }) => [stream, (payload as { resolver: string }).resolver]),
  );
  assert.equal(resolvers.size, ROUNDS);
  for (const { taskId, status, resolver } of await store.approvals.list()) {
    assert.notEqual(status, "pending");
    assert.equal(resolver, resolvers.get(`task:${taskId}`));
  }
  assert.deepEqual(await store.check(), []);
  await store.close();
  context.diagnostic(`ann won ${wins[0]}, bob ${wins[1]}`);
});

// Of the old system, creations of several processes were lost: each wrote the whole list.
test("approvals that four processes create at once are all there", async (context) => {
  const project = temporaryFolder(context);
  const store = await FlowStore.init(project, { durability: "none" });
  const processes = await Promise.all(
    ["a", "b", "c", "d"].map((actor) =>
      RemoteStore.open(context, project, { actor, durability: "none" }),
    ),
  );
  const asked = await Promise.all(
    processes.flatMap((remote, who) =>
      Array.from({ length: 50 }, (_, at) =>
        remote.call<Approval>("approvals.create", { taskId: `${who}.${at}`, kind: "mutation" }),
      ),
    ),
  );
  await Promise.all(processes.map((remote) => remote.end()));
  const listed = await store.approvals.list();
  assert.deepEqual(new Set(listed.map(({ id }) => id)), new Set(asked.map(({ id }) => id)));
  assert.equal(listed.length, 200);
  await store.close();
});
