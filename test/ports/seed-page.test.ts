/**
 * The examples of FlowForge's page on its database layer, as they stand there; only what they import
 * is this store. Then its rules, one by one.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createDbContext, FlowStore, type DbContext, type PortEvent } from "flowstore";
import { atEnd } from "../at-end.ts";

/** What the page's `window.db` has, by its own description: the ports without transactions. */
function windowOver({ eventStore, projectionStore }: DbContext): {
  db: {
    appendEvent: DbContext["eventStore"]["append"];
    loadEvents: DbContext["eventStore"]["load"];
    queryProjection: DbContext["projectionStore"]["query"];
    upsertProjection: DbContext["projectionStore"]["upsert"];
  };
} {
  return {
    db: {
      appendEvent: eventStore.append,
      loadEvents: eventStore.load,
      queryProjection: projectionStore.query,
      upsertProjection: projectionStore.upsert,
    },
  };
}

/** The page's tests speak so. */
function expect(actual: unknown): { toBe(expected: unknown): void; toHaveLength(n: number): void } {
  return {
    toBe: (expected) => assert.equal(actual, expected),
    toHaveLength: (n) => assert.equal((actual as unknown[]).length, n),
  };
}

async function opened(t: { after(fn: () => Promise<void>): void }): Promise<{
  store: FlowStore;
  dbContext: DbContext;
}> {
  const store = await FlowStore.openTemporary({ durability: "none" });
  atEnd(t, () => store.close());
  return { store, dbContext: createDbContext(store) };
}

describe("the page's examples", () => {
  test("from the renderer", async (t) => {
    const { dbContext } = await opened(t);
    const window = windowOver(dbContext);
    const logged: unknown[][] = [];
    const console = { log: (...words: unknown[]) => logged.push(words) };

    // Append an event
    const event = await window.db.appendEvent({
      aggregateId: "workflow:my-workflow-123",
      eventType: "WorkflowCreated",
      payload: {
        name: "Data Processing Pipeline",
        description: "Process user data from CSV",
      },
      metadata: {
        userId: "john.doe",
        source: "ui",
      },
    });
    console.log("Event appended:", event.seq);

    // Load events for a workflow
    const events = await window.db.loadEvents({
      aggregateId: "workflow:my-workflow-123",
    });

    // Query workflows
    const workflows = await window.db.queryProjection({
      sql: "SELECT * FROM workflows WHERE name LIKE ?",
      params: ["%Pipeline%"],
    });

    // Upsert workflow runs
    await window.db.upsertProjection({
      table: "runs",
      rows: [
        {
          id: "run-123",
          workflow_version_id: "wfv-456",
          trigger: "manual",
          status: "queued",
          created_at: new Date().toISOString(),
        },
      ],
    });

    assert.deepEqual(logged, [["Event appended:", 1]]);
    assert.deepEqual(events, [event]);
    assert.deepEqual(workflows, []);
    const runs = await window.db.queryProjection({ sql: "SELECT id, status FROM runs" });
    assert.deepEqual(runs, [{ id: "run-123", status: "queued" }]);
  });

  test("from the main process", async (t) => {
    const { dbContext } = await opened(t);
    let ids = 0;
    const generateId = (): string => `wf-${(ids += 1)}`;

    // Use ports directly in main process
    async function createWorkflow(name: string): Promise<string> {
      const workflowId = `workflow:${generateId()}`;

      // Append event
      await dbContext.eventStore.append({
        aggregateId: workflowId,
        eventType: "WorkflowCreated",
        payload: { name },
      });

      // Update projection in same transaction
      await dbContext.tx.runInTransaction(async () => {
        await dbContext.projectionStore.upsert({
          table: "workflows",
          rows: [
            {
              id: workflowId,
              name: name,
              created_at: new Date().toISOString(),
            },
          ],
        });
      });

      return workflowId;
    }

    const id = await createWorkflow("Data Pipeline");
    await createWorkflow("Other");
    const found = await dbContext.projectionStore.query({
      sql: "SELECT * FROM workflows WHERE name LIKE ?",
      params: ["%Pipeline%"],
    });
    assert.deepEqual(
      found.map((row) => [row["id"], row["name"], row["description"]]),
      [[id, "Data Pipeline", null]],
    );
  });

  test("append and load events", async (t) => {
    const { eventStore } = (await opened(t)).dbContext;
    const aggregateId = "test:123";

    // Append event
    const event = await eventStore.append({
      aggregateId,
      eventType: "TestEvent",
      payload: { value: 42 },
    });

    expect(event.seq).toBe(1);

    // Load events
    const events = await eventStore.load({ aggregateId });
    expect(events).toHaveLength(1);
    expect((events[0] as PortEvent).payload["value"]).toBe(42);
  });
});

describe("the page's rules", () => {
  test("the type of an aggregate is what stands before its colon, or default", async (t) => {
    const { dbContext } = await opened(t);
    const types: string[] = [];
    for (const aggregateId of ["run:run-1", "plain", "a:b:c", ":x"]) {
      const event = await dbContext.eventStore.append({ aggregateId, eventType: "E", payload: {} });
      types.push(event.aggregateType);
      assert.equal(event.aggregateId, aggregateId);
    }
    assert.deepEqual(types, ["run", "default", "a", "default"]);
    const sql = "SELECT aggregate_type, aggregate_id, seq FROM events WHERE aggregate_id = ?";
    const rows = await dbContext.projectionStore.query({ sql, params: ["plain"] });
    assert.deepEqual(rows, [{ aggregate_type: "default", aggregate_id: "plain", seq: 1 }]);
  });

  test("afterSeq is exclusive, and snapshots say up to where they go", async (t) => {
    const { eventStore, projectionStore } = (await opened(t)).dbContext;
    const aggregateId = "a:1";
    for (let n = 1; n <= 3; n += 1) {
      await eventStore.append({ aggregateId, eventType: "E", payload: { n } });
    }
    const behind = await eventStore.load({ aggregateId, afterSeq: 2 });
    assert.deepEqual(
      behind.map(({ seq }) => seq),
      [3],
    );
    assert.equal(await eventStore.latestSnapshot({ aggregateId }), null);
    await eventStore.saveSnapshot({ aggregateId, lastSeq: 2, state: { sum: 3 } });
    await eventStore.saveSnapshot({ aggregateId, lastSeq: 1, state: { sum: 1 } });
    const snapshot = await eventStore.latestSnapshot({ aggregateId });
    assert.deepEqual([snapshot?.lastSeq, snapshot?.state], [2, { sum: 3 }]);
    const rows = await projectionStore.query({ sql: "SELECT last_seq, state_json FROM snapshots" });
    assert.deepEqual(rows, [{ last_seq: 2, state_json: '{"sum":3}' }]);
  });
});
