/** The 13 defects that were found in FlowForge's own layer, each with what happens here instead. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createDbContext, FlowStore, type DbContext, type FlowErrorCode } from "flowstore";
import { withCode } from "../events/support.ts";
import { atEnd, type Scope } from "../at-end.ts";

interface Opened extends DbContext {
  readonly store: FlowStore;
}

async function opened(t: Scope): Promise<Opened> {
  const store = await FlowStore.openTemporary({ durability: "none" });
  atEnd(t, () => store.close());
  return { store, ...createDbContext(store) };
}

const count = async ({ projectionStore }: Opened, table: string): Promise<unknown> =>
  (await projectionStore.query({ sql: `SELECT COUNT(*) AS n FROM ${table}` }))[0]?.["n"];
const row = (id: string): Record<string, unknown> => ({ id, name: `name of ${id}` });
const refused = (code: FlowErrorCode): ((error: unknown) => boolean) => withCode(code);

/** What never settles is a failure. */
const SETTLED = { timeout: 60_000 };

describe("defects of the original", SETTLED, () => {
  test("1: blobs have a place", async (t) => {
    const { blobStore } = await opened(t);
    await blobStore.put({ key: "k", data: Buffer.from("bytes"), contentType: "text/plain" });
    assert.deepEqual(await blobStore.get({ key: "k" }), {
      data: Buffer.from("bytes"),
      contentType: "text/plain",
    });
    assert.deepEqual(await blobStore.stat({ key: "k" }), { size: 5, contentType: "text/plain" });
    assert.equal(await blobStore.get({ key: "none" }), null);
    assert.equal(await blobStore.stat({ key: "none" }), null);
  });

  test("2: a transaction holds over awaits, and an error behind them undoes all", async (t) => {
    const db = await opened(t);
    const boom = new Error("boom");
    const failing = db.tx.runInTransaction(async () => {
      await db.eventStore.append({ aggregateId: "a:1", eventType: "E", payload: {} });
      await sleep(5);
      await db.projectionStore.upsert({ table: "workflows", rows: [row("1")] });
      await sleep(5);
      throw boom;
    });
    await assert.rejects(failing, (error) => error === boom);
    assert.deepEqual(await db.eventStore.load({ aggregateId: "a:1" }), []);
    assert.equal(await count(db, "workflows"), 0);
  });

  test("3: an upsert, and a transaction, inside a transaction settle", async (t) => {
    const db = await opened(t);
    const value = await db.tx.runInTransaction(async () => {
      await db.projectionStore.upsert({ table: "workflows", rows: [row("1")] });
      const inner = db.tx.runInTransaction(async () => {
        await db.projectionStore.upsert({ table: "workflows", rows: [row("2")] });
        throw new RangeError("inner");
      });
      await assert.rejects(inner, RangeError);
      await db.tx.runInTransaction(() =>
        db.projectionStore.upsert({ table: "workflows", rows: [row("3")] }),
      );
      return "done";
    });
    assert.equal(value, "done");
    const sql = "SELECT id FROM workflows ORDER BY id";
    assert.deepEqual(await db.projectionStore.query({ sql }), [{ id: "1" }, { id: "3" }]);
  });

  test("4: what others write meanwhile is no part of a transaction", async (t) => {
    const db = await opened(t);
    let other: Promise<void> | null = null;
    let release = (): void => undefined;
    const hasBegun = new Promise<void>((resolve) => (release = resolve));
    const failing = db.tx.runInTransaction(async () => {
      await db.projectionStore.upsert({ table: "workflows", rows: [row("mine")] });
      release();
      await sleep(30);
      throw new RangeError("undone");
    });
    const begin = async (): Promise<void> => {
      await hasBegun;
      other = db.projectionStore.upsert({ table: "workflows", rows: [row("theirs")] });
    };
    await Promise.all([assert.rejects(failing, RangeError), begin()]);
    await (other as Promise<void> | null);
    const rows = await db.projectionStore.query({ sql: "SELECT id FROM workflows" });
    assert.deepEqual(rows, [{ id: "theirs" }]);
  });

  test("5: racing appends have numbers of their own, without a gap", async (t) => {
    const { store, eventStore } = await opened(t);
    const second = await FlowStore.open(store.root, { durability: "none" });
    atEnd(t, () => second.close());
    const other = createDbContext(second).eventStore;
    const append = async (port: typeof eventStore): Promise<number> =>
      (await port.append({ aggregateId: "a:1", eventType: "E", payload: {} })).seq;
    const seqs = await Promise.all(
      Array.from({ length: 40 }, (_one, at) => append(at % 2 === 0 ? eventStore : other)),
    );
    assert.deepEqual(
      seqs.toSorted((a, b) => a - b),
      Array.from({ length: 40 }, (_one, at) => at + 1),
    );
  });

  test("6: a second start finds what the first one left", async (t) => {
    const { store, projectionStore } = await opened(t);
    await projectionStore.upsert({ table: "workflows", rows: [row("1")] });
    for (let start = 0; start < 2; start += 1) {
      const again = await FlowStore.init(join(store.root, ".."), { durability: "none" });
      const rows = await createDbContext(again).projectionStore.query({
        sql: "SELECT id FROM workflows",
      });
      assert.deepEqual(rows, [{ id: "1" }]);
      await again.close();
    }
  });

  test("7: an upsert merges, and takes no other row's place", async (t) => {
    const { projectionStore } = await opened(t);
    const created_at = "2026-01-01T00:00:00.000Z";
    const first = { id: "1", name: "one", description: "kept", created_at };
    await projectionStore.upsert({ table: "workflows", rows: [first] });
    await projectionStore.upsert({ table: "workflows", rows: [{ id: "1", name: "uno" }] });
    await assert.rejects(
      projectionStore.upsert({ table: "workflows", rows: [{ id: "2", name: "uno" }] }),
      (error: Error) =>
        refused("CONFLICT")(error) &&
        /name of the row "2" is that of the row "1"/.test(error.message),
    );
    const rows = await projectionStore.query({ sql: "SELECT * FROM workflows" });
    assert.deepEqual(rows, [{ ...first, name: "uno" }]);
    await projectionStore.upsert({
      table: "workflows",
      rows: [
        { id: "3", name: "three" },
        { id: "4", name: "four", description: "its own" },
      ],
    });
    const sql = "SELECT description AS d FROM workflows WHERE id = '4'";
    assert.deepEqual(await projectionStore.query({ sql }), [{ d: "its own" }]);
  });

  test("8: names of tables and columns are data, and odd ones are refused", async (t) => {
    const db = await opened(t);
    const evil = 'name") VALUES (1); DROP TABLE workflows; --';
    for (const [table, column] of [
      [evil, "name"],
      ["workflows", evil],
      ["workflows", "__proto__"],
      ["__proto__", "name"],
    ] as const) {
      const row = JSON.parse(`{"id":"1","name":"n",${JSON.stringify(column)}:"x"}`) as object;
      const rows = [row as Record<string, unknown>];
      await assert.rejects(db.projectionStore.upsert({ table, rows }), refused("BAD_REQUEST"));
    }
    assert.deepEqual(await db.store.projections.list("workflows"), []);
  });

  test("9: one form of time", async (t) => {
    const { projectionStore } = await opened(t);
    await projectionStore.upsert({
      table: "workflows",
      rows: [
        { id: "1", name: "1", created_at: "2026-01-01 10:00:00" },
        { id: "2", name: "2", created_at: "2026-01-01T09:00:00Z" },
        { id: "3", name: "3" },
      ],
    });
    const sql = "SELECT created_at AS at FROM workflows ORDER BY created_at";
    const times = (await projectionStore.query({ sql })).map(({ at }) => String(at));
    assert.deepEqual(times.slice(0, 2), ["2026-01-01T09:00:00.000Z", "2026-01-01T10:00:00.000Z"]);
    for (const time of times) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test("10: a query reads, whatever it begins with", async (t) => {
    const db = await opened(t);
    await db.projectionStore.upsert({ table: "workflows", rows: [row("1")] });
    for (const sql of [
      "SELECT 1 FROM workflows; DELETE FROM workflows",
      "SELECT * INTO other FROM workflows",
      "DELETE FROM workflows",
      "select",
      "PRAGMA table_info(workflows)",
    ]) {
      await assert.rejects(db.projectionStore.query({ sql }), refused("BAD_REQUEST"), sql);
    }
    assert.equal(await count(db, "workflows"), 1);
    const sql = "WITH w AS (SELECT id FROM workflows) SELECT id FROM w";
    assert.deepEqual(await db.projectionStore.query({ sql }), [{ id: "1" }]);
  });

  test("11: an event comes back whole, and those of a transaction share its id", async (t) => {
    const { eventStore, tx } = await opened(t);
    const append = (causedBy?: string): ReturnType<typeof eventStore.append> =>
      eventStore.append({ aggregateId: "a:1", eventType: "E", payload: {}, causedBy });
    const first = await append();
    const [second, third] = await tx.runInTransaction(async () => [
      await append(first.id),
      await append(first.id),
    ]);
    assert.match(first.id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
    assert.equal(first.causedBy, null);
    assert.equal(second?.causedBy, first.id);
    assert.equal(second.txId, third?.txId);
    assert.notEqual(first.txId, second.txId);
    assert.deepEqual(await eventStore.load({ aggregateId: "a:1" }), [first, second, third]);
  });

  test("12: the log is readable and closed", async (t) => {
    const { eventStore, projectionStore } = await opened(t);
    await eventStore.append({ aggregateId: "a:1", eventType: "E", payload: { n: 1 } });
    for (const table of ["events", "snapshots", "EVENTS"]) {
      const rows = [{ id: "x" }];
      await assert.rejects(projectionStore.upsert({ table, rows }), refused("BAD_REQUEST"));
      await assert.rejects(projectionStore.truncate({ table }), refused("BAD_REQUEST"));
    }
    const sql = "SELECT event_type, payload_json, caused_by_event_id AS c FROM events";
    assert.deepEqual(await projectionStore.query({ sql }), [
      { event_type: "E", payload_json: '{"n":1}', c: null },
    ]);
  });

  test("13: declared words and references count", async (t) => {
    const { store, projectionStore } = await opened(t);
    const run = { id: "r", workflow_version_id: "lost", trigger: "manual", status: "queued" };
    await assert.rejects(
      projectionStore.upsert({ table: "runs", rows: [{ ...run, status: "asleep" }] }),
      refused("BAD_REQUEST"),
    );
    await projectionStore.upsert({ table: "runs", rows: [run] });
    assert.deepEqual(
      (await store.check()).map(({ file, rule }) => [file, rule]),
      [["projections/runs/r.json", "row-reference"]],
    );
  });
});
