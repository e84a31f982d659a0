/** What peon's event store shows by its own tests, and what its reviewer asked for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PEON_EVENT_TYPES } from "flowstore";
import { collect, temporaryStore, withCode } from "./support.ts";

const CREATED = {
  stream: "project:p1",
  type: "ProjectCreated",
  payload: { type: "ProjectCreated", id: "p1", name: "Shop", path: "/srv/shop", at: "2026-04-17" },
};

describe("peon", () => {
  test("replay_all_on_empty_db_returns_empty", async (context) => {
    const { events } = await temporaryStore(context);
    assert.deepEqual(await collect(events.replayAll()), []);
    assert.deepEqual(await events.appendAll([]), { events: [], duplicate: false });
    assert.deepEqual(await collect(events.replayAll()), []);
  });

  test("append_single_event_replay_verifies_sequence_and_payload", async (context) => {
    const { events } = await temporaryStore(context);
    const { events: appended } = await events.appendAll([CREATED]);
    const replayed = await collect(events.replayAll());
    assert.deepEqual(replayed, appended);
    assert.equal(replayed[0]?.sequence, 1);
    assert.deepEqual(replayed[0].payload, CREATED.payload);
    assert.equal(replayed[0].type, "ProjectCreated");
    assert.ok(Date.parse(replayed[0].createdAt) > 0);
  });

  test("append_batch_has_contiguous_sequences", async (context) => {
    const { events } = await temporaryStore(context);
    await events.appendAll([CREATED]);
    const batch = Array.from({ length: 5 }, (_, at) => ({
      stream: `thread:${at % 2}`,
      type: "ThreadCreated",
      payload: { at },
    }));
    const { events: appended } = await events.appendAll(batch);
    assert.deepEqual(
      appended.map(({ sequence }) => sequence),
      [2, 3, 4, 5, 6],
    );
    assert.deepEqual(
      appended.map(({ version }) => version),
      [1, 1, 2, 2, 3],
    );
    assert.equal(new Set(appended.map(({ txId }) => txId)).size, 1);
    assert.deepEqual((await collect(events.replayAll())).slice(1), appended);
  });

  test("replay_from_filters_correctly", async (context) => {
    const { events } = await temporaryStore(context);
    await events.appendAll(Array.from({ length: 5 }, () => CREATED));
    const numbers = async (items: AsyncIterable<{ sequence: number }>): Promise<number[]> =>
      (await collect(items)).map(({ sequence }) => sequence);
    assert.deepEqual(await numbers(events.replayFrom(3)), [3, 4, 5]);
    assert.deepEqual(await numbers(events.replayAfter(3)), [4, 5]);
    assert.deepEqual(await numbers(events.replayFrom(0)), [1, 2, 3, 4, 5]);
    assert.deepEqual(await numbers(events.replayFrom(6)), []);
    await assert.rejects(collect(events.replayFrom(-1)), withCode("BAD_REQUEST"));
    await assert.rejects(collect(events.replayAfter(1.5)), withCode("BAD_REQUEST"));
  });

  test("the type's name and the tag agree for every registered type", async (context) => {
    const { events } = await temporaryStore(context);
    const preset = Object.entries(PEON_EVENT_TYPES);
    assert.equal(preset.length, 13);
    for (const [name, options] of preset) await events.registerType(name, options);
    for (const [name] of preset) {
      const stream = "project:p1";
      await events.appendAll([{ stream, type: name, payload: { type: name } }]);
      const other = { stream, type: name, payload: { type: `${name}d` } };
      await assert.rejects(events.appendAll([other]), withCode("BAD_REQUEST"));
    }
    const stored = await collect(events.replayAll());
    assert.deepEqual(
      stored.map(({ type, payload }) => [type, (payload as { type: string }).type]),
      preset.map(([name]) => [name, name]),
    );
  });
});
