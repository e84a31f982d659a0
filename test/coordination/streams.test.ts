/**
 * Seed finding 4: events were found by a part of their stream, so that those of `fn-10` and of
 * `fn-1.1` were taken for those of `fn-1`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FlowStore } from "flowstore";
import { list, openStoreShell } from "../cli/support.ts";
import { makeStore } from "../features/support.ts";

const NAMES = ["fn-1", "fn-10", "fn-1.1", "xfn-1", "FN-1"];

async function fill(store: FlowStore): Promise<void> {
  for (const name of NAMES) {
    await store.gaps.add({ epicId: name, capability: `of epic ${name}` });
    await store.phases.markDone(name, `of task ${name}`);
    await store.approvals.create({ taskId: name, kind: "generic", payload: name });
    await store.decisions.log({ epicId: name, key: "k", value: name });
    await store.settings.set(name, name);
  }
}

test("seed finding 4: events of one stream are those of exactly that stream", async (context) => {
  const store = await makeStore(context);
  await fill(store);
  const streams = async (stream: string): Promise<string[]> =>
    (await store.events.query({ stream })).map((event) => `${event.stream} ${event.type}`);
  for (const name of NAMES) {
    assert.deepEqual(await streams(`epic:${name}`), [
      `epic:${name} gap_opened`,
      `epic:${name} decision`,
    ]);
    assert.deepEqual(await streams(`task:${name}`), [
      `task:${name} phase_done`,
      `task:${name} approval_created`,
    ]);
    assert.deepEqual(await streams(`setting:${name}`), [`setting:${name} setting_changed`]);
    assert.deepEqual(
      (await store.decisions.list({ epicId: name })).map(({ value }) => value),
      [name],
    );
  }
  // A part of a name, a pattern or nothing at all is no stream.
  for (const part of [
    "fn-1",
    "epic",
    "epic:",
    "epic:fn-",
    "epic:fn-1%",
    "epic:fn-*",
    "",
    ":fn-1",
  ]) {
    assert.deepEqual(await streams(part), [], part);
  }
});

test("seed finding 4: events --stream at the command line", async (context) => {
  const { run, json } = await openStoreShell(context);
  for (const name of NAMES) {
    assert.equal((await run(["gap", "add", name, "search", "--quiet"])).exit, 0);
    assert.equal((await run(["phase", "done", name, "1", "--quiet"])).exit, 0);
  }
  for (const name of NAMES) {
    for (const [kind, type] of [
      ["epic", "gap_opened"],
      ["task", "phase_done"],
    ] as const) {
      const found = await json(["events", "--stream", `${kind}:${name}`]);
      assert.deepEqual(
        list(found).map((event) => [event["stream"], event["type"]]),
        [[`${kind}:${name}`, type]],
      );
      assert.deepEqual(found.meta, { count: 1 });
    }
  }
  for (const part of ["fn-1", "epic:fn-", "epic:fn-1%"]) {
    assert.deepEqual((await json(["events", "--stream", part])).data, [], part);
  }
});
