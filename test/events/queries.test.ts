/** Looking: streams, types, prefixes, times, causes; snapshots; types and their versions. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { FlowStore, StandardSchema, StoredEvent } from "flowstore";
import { z } from "zod";
import { said, temporaryStore, withCode } from "./support.ts";
import { atEnd } from "../at-end.ts";

const event = (type: string, payload: unknown = null) => ({ type, payload });

describe("queries", () => {
  async function filled(store: FlowStore): Promise<FlowStore["events"]> {
    const { events } = store;
    await events.append("fn-1", [event("a", 1)], { agent: "x" });
    await events.append("fn-10", [event("a", 2), event("b", 3)], { agent: "y" });
    await events.append("fn-1:z", [event("b", 4)], { agent: "x" });
    await events.append("fn-1", [event("b", 5), event("c", 6)], { agent: "y" });
    return events;
  }
  const payloads = (events: readonly StoredEvent[]): unknown[] =>
    events.map(({ payload }) => payload);

  test("a stream is found by its exact name, with its own versions", async (context) => {
    const events = await filled(await temporaryStore(context));
    assert.deepEqual(said(await events.load("fn-1")), [
      [1, "fn-1", 1, "a", 1],
      [5, "fn-1", 2, "b", 5],
      [6, "fn-1", 3, "c", 6],
    ]);
    assert.deepEqual(payloads(await events.load("fn-1", { afterVersion: 1, limit: 1 })), [5]);
    assert.deepEqual(payloads(await events.load("fn-1", { afterVersion: 3 })), []);
    assert.deepEqual(await events.load("fn-"), []);
    assert.deepEqual(payloads(await events.query({ stream: "fn-1" })), [1, 5, 6]);
  });

  test("by type, prefix, agent, from either end", async (context) => {
    const events = await filled(await temporaryStore(context));
    assert.deepEqual(payloads(await events.queryByType("b")), [3, 4, 5]);
    assert.deepEqual(payloads(await events.queryByStreamPrefix("fn-1")), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(payloads(await events.queryByStreamPrefix("fn-10")), [2, 3]);
    assert.deepEqual(payloads(await events.query({ streamPrefix: "fn-1:", type: "b" })), [4]);
    assert.deepEqual(payloads(await events.query({ agent: "y", type: "b" })), [3, 5]);
    assert.deepEqual(payloads(await events.query({ order: "desc", limit: 2 })), [6, 5]);
    assert.deepEqual(payloads(await events.query({ limit: 2 })), [1, 2]);
    assert.deepEqual(await events.countByType(), { a: 2, b: 3, c: 1 });
    assert.deepEqual(await events.countByType({ stream: "fn-10" }), { a: 1, b: 1 });
    assert.deepEqual(await events.countByType({ stream: "none" }), {});
  });

  test("by time: from inclusive, to exclusive", async (context) => {
    let nowMs = Date.parse("2026-11-21T10:00:00.000Z");
    const { events } = await temporaryStore(context, { clock: () => nowMs });
    for (const at of [1, 2, 3]) {
      await events.append("s", [event("a", at)]);
      nowMs += 1000;
    }
    const since = "2026-11-21T10:00:01.000Z";
    assert.deepEqual(payloads(await events.query({ since })), [2, 3]);
    assert.deepEqual(payloads(await events.query({ until: since })), [1]);
    assert.deepEqual(
      payloads(await events.query({ since: "2026-11-21T11:00:01+01:00", limit: 1 })),
      [2],
    );
    // Without a zone: UTC, whatever the machine's is.
    assert.deepEqual(payloads(await events.query({ since: "2026-11-21T10:00:02" })), [3]);
    assert.deepEqual(payloads(await events.query({ until: "2026-11-21" })), []);
  });

  test("what cannot be asked is refused", async (context) => {
    const { events } = await temporaryStore(context);
    const wrong: readonly Promise<unknown>[] = [
      events.load(""),
      events.load("s", { afterVersion: -1 }),
      events.load("s", { limit: 0 }),
      events.query({ order: "up" as never }),
      ...["soon", "1", "Sat Nov 21 2026", "2026-13-01", "2026-02-30", "", null].map((since) =>
        events.query({ since: since as never }),
      ),
      ...[{ stream: 7 }, { streamPrefix: 7 }, { type: 7 }, { agent: null }].map((query) =>
        events.query(query as never),
      ),
      events.queryByType(""),
      events.queryByStreamPrefix(7 as never),
      events.countByType({ stream: "" }),
      events.causes(""),
      events.registerType("", {}),
      events.registerType("a", { schema: {} as never }),
      events.registerType("a", { upcast: [1] as never }),
      events.saveSnapshot({ stream: "s", version: 0, state: 1 }),
      events.saveSnapshot({ stream: "s", version: 1 } as never),
      events.aggregate("s", null as never, 0),
    ];
    for (const one of await Promise.allSettled(wrong)) {
      assert.ok(one.status === "rejected" && withCode("BAD_REQUEST")(one.reason));
    }
  });
});

describe("causes and effects", () => {
  test("lead along causedBy, over causes that are not here and circles that hands made", async (context) => {
    const { events } = await temporaryStore(context);
    const caused = async (type: string, causedBy?: string): Promise<string> => {
      const { events: appended } = await events.append(`s:${type}`, [{ ...event(type), causedBy }]);
      return appended[0]?.id ?? "";
    };
    const root = await caused("root");
    const left = await caused("left", root);
    const right = await caused("right", root);
    const leaf = await caused("leaf", left);
    const stray = await caused("stray", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    const types = (found: readonly StoredEvent[]): string[] => found.map(({ type }) => type);
    assert.deepEqual(types(await events.causes(leaf)), ["left", "root"]);
    assert.deepEqual(types(await events.causes(root)), []);
    assert.deepEqual(types(await events.causes(stray)), []);
    assert.deepEqual(types(await events.effects(root)), ["left", "right", "leaf"]);
    assert.deepEqual(types(await events.effects(right)), []);
    assert.deepEqual(types(await events.effects("01ARZ3NDEKTSV4RRFFQ69G5FAV")), ["stray"]);
    assert.deepEqual(await events.causes("unknown"), []);
  });
});

describe("snapshots", () => {
  const sum = (state: number, { payload }: StoredEvent): number => state + Number(payload);
  const fileOf = (store: FlowStore): string => {
    const folder = join(store.root, "local/snapshots");
    return join(folder, readdirSync(folder)[0] ?? "");
  };

  async function counted(store: FlowStore): Promise<FlowStore["events"]> {
    const { events } = store;
    await events.append(
      "s:1",
      [1, 2, 3, 4].map((payload) => event("added", payload)),
    );
    return events;
  }

  test("an older one never replaces a newer one", async (context) => {
    const events = await counted(await temporaryStore(context));
    assert.equal(await events.latestSnapshot("s:1"), null);
    const { createdAt } = await events.saveSnapshot({ stream: "s:1", version: 3, state: { n: 6 } });
    const kept = { stream: "s:1", version: 3, state: { n: 6 }, createdAt };
    assert.deepEqual(await events.latestSnapshot("s:1"), kept);
    assert.deepEqual(await events.saveSnapshot({ stream: "s:1", version: 2, state: 3 }), kept);
    assert.deepEqual(await events.latestSnapshot("s:1"), kept);
    assert.equal((await events.saveSnapshot({ stream: "s:1", version: 4, state: 10 })).version, 4);
    assert.equal(await events.latestSnapshot("s:10"), null);
  });

  test("an aggregate goes on from it, and comes to the same without it", async (context) => {
    const store = await temporaryStore(context);
    const events = await counted(store);
    const whole = await events.aggregate("s:1", sum, 0);
    assert.deepEqual(whole, { state: 10, version: 4 });
    await events.saveSnapshot({ stream: "s:1", version: 3, state: 6 });
    const seen: number[] = [];
    const watched = (state: number, one: StoredEvent): number => {
      seen.push(one.version);
      return sum(state, one);
    };
    assert.deepEqual(await events.aggregate("s:1", watched, 0), whole);
    assert.deepEqual(seen, [4]);
    rmSync(join(store.root, "local/snapshots"), { recursive: true });
    assert.deepEqual(await events.aggregate("s:1", sum, 0), whole);
    assert.deepEqual(await events.aggregate("none", sum, 7), { state: 7, version: 0 });
  });

  test("a damaged one counts as none, wherever a byte is wrong, and is made anew", async (context) => {
    const store = await temporaryStore(context);
    const events = await counted(store);
    await events.saveSnapshot({ stream: "s:1", version: 3, state: 6 });
    const file = fileOf(store);
    const whole = readFileSync(file);
    const step = 7;
    for (let at = 0; at < whole.length; at += step) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      writeFileSync(file, damaged);
      // By another store: it has seen nothing of the file before.
      const seen = await (await reopened(store)).latestSnapshot("s:1");
      assert.equal(seen, null, `byte ${at}`);
    }
    writeFileSync(file, whole.subarray(0, whole.length - step));
    const again = await reopened(store);
    assert.deepEqual(await again.aggregate("s:1", sum, 0), { state: 10, version: 4 });
    await again.saveSnapshot({ stream: "s:1", version: 2, state: 3 });
    assert.equal((await again.latestSnapshot("s:1"))?.version, 2);

    async function reopened({ root }: FlowStore): Promise<FlowStore["events"]> {
      const { FlowStore: Store } = await import("flowstore");
      const other = await Store.open(root, { durability: "none" });
      atEnd(context, () => other.close());
      return other.events;
    }
  });

  test("one that the log does not bear out is not gone on from", async (context) => {
    const events = await counted(await temporaryStore(context));
    await events.saveSnapshot({ stream: "s:1", version: 9, state: 1000 });
    assert.deepEqual(await events.aggregate("s:1", sum, 0), { state: 10, version: 4 });
    assert.equal((await events.latestSnapshot("s:1"))?.version, 9);
    await events.append(
      "s:1",
      Array.from({ length: 6 }, () => event("added", 1)),
    );
    assert.equal(await events.latestSnapshot("s:1"), null);
    await events.saveSnapshot({ stream: "s:1", version: 1, state: 1 });
    assert.deepEqual(await events.aggregate("s:1", sum, 0), { state: 16, version: 10 });
  });

  test("in a transaction that is undone none was saved", async (context) => {
    const store = await temporaryStore(context);
    const events = await counted(store);
    await assert.rejects(
      store.transaction(async () => {
        await events.append("s:1", [event("added", 5)]);
        await events.saveSnapshot({ stream: "s:1", version: 5, state: 15 });
        assert.deepEqual(await events.aggregate("s:1", sum, 0), { state: 15, version: 5 });
        throw new Error("undo");
      }),
      /undo/,
    );
    assert.equal(await events.latestSnapshot("s:1"), null);
  });
});

describe("types", () => {
  test("a schema is asked before anything is written; unknown types are anything", async (context) => {
    const { events } = await temporaryStore(context);
    const schema = z.object({ items: z.array(z.object({ price: z.number() })) });
    await events.registerType("ordered", { schema });
    await events.append("o:1", [event("ordered", { items: [{ price: 3, more: "kept" }] })]);
    await assert.rejects(
      events.append("o:1", [event("other", 7), event("ordered", { items: [{ price: "3" }] })]),
      (error: Error) =>
        withCode("BAD_REQUEST")(error) &&
        error.message.includes("events[1].payload.items[0].price"),
    );
    const [first, ...rest] = await events.load("o:1");
    assert.deepEqual(first?.payload, { items: [{ price: 3, more: "kept" }] });
    assert.deepEqual(rest, []);
    await assert.rejects(events.registerType("ordered"), withCode("CONFLICT"));
    const broken = z.unknown().refine(() => {
      throw new TypeError("no such table");
    });
    await events.registerType("judged", { schema: broken });
    const append = events.append("order:1", [{ type: "judged", payload: 1 }]);
    await assert.rejects(append, (error: Error) => {
      assert.ok(withCode("BAD_REQUEST")(error));
      assert.match(error.message, /payload cannot be judged.*judged failed: no such table/);
      assert.ok(error.cause instanceof TypeError);
      return true;
    });
  });

  test("a schema that gives no verdict is told; what it changes is not written", async (context) => {
    const { events } = await temporaryStore(context);
    const schemaOf = (validate: (value: unknown) => unknown): StandardSchema =>
      ({ "~standard": { version: 1, vendor: "test", validate } }) as StandardSchema;
    await events.registerType("silent", { schema: schemaOf(() => undefined) });
    await assert.rejects(events.append("s", [event("silent", 1)]), (error: Error) => {
      assert.ok(withCode("BAD_REQUEST")(error), String(error));
      assert.match(error.message, /payload cannot be judged.*silent gave no verdict/);
      return true;
    });
    const schema = schemaOf((value) => ({ value: Object.assign(value as object, { when: 1n }) }));
    await events.registerType("changed", { schema });
    await events.append("s", [event("changed", { kept: true })]);
    assert.deepEqual((await events.load("s"))[0]?.payload, { kept: true });
  });

  test("older payloads are read in their newest shape; the log keeps what was written", async (context) => {
    const store = await temporaryStore(context);
    await store.events.append("p:1", [event("named", "Ann Lee")], { commandId: "c-1" });
    const { FlowStore: Store } = await import("flowstore");
    const newer = await Store.open(store.root, { durability: "none" });
    atEnd(context, () => newer.close());
    await newer.events.registerType("named", {
      upcast: [
        (name) => ({ first: String(name).split(" ")[0], last: String(name).split(" ")[1] }),
        (name, { stream }) => ({ ...(name as object), of: stream }),
      ],
    });
    const shape = { first: "Ann", last: "Lee", of: "p:1" };
    await newer.events.append("p:1", [event("named", { ...shape, first: "Bob" })]);
    const read = await newer.events.load("p:1");
    assert.deepEqual(
      read.map(({ payload, schemaVersion }) => [payload, schemaVersion]),
      [
        [shape, 3],
        [{ ...shape, first: "Bob" }, 3],
      ],
    );
    assert.deepEqual(await newer.events.queryByType("named"), read);
    // A retry knows the newest shape alone.
    const again = await newer.events.append("p:1", [event("named", shape)], { commandId: "c-1" });
    assert.equal(again.duplicate, true);
    // Who does not know the type gets what was written.
    const [raw, next] = await store.events.load("p:1");
    assert.deepEqual([raw?.payload, raw?.schemaVersion, next?.schemaVersion], ["Ann Lee", 1, 3]);
  });

  test("a command that is sent again is known by the payload of then, and by that of now", async (context) => {
    const { events } = await temporaryStore(context);
    const once = { commandId: "c-1" };
    await events.append("s", [event("a", { n: 1 })], once);
    await events.registerType("a", {
      upcast: (payload) => ({ ...(payload as object), unit: "s" }),
    });
    for (const payload of [{ n: 1 }, { n: 1, unit: "s" }]) {
      const { duplicate, events: found } = await events.append("s", [event("a", payload)], once);
      assert.equal(duplicate, true);
      assert.deepEqual(found[0]?.payload, { n: 1, unit: "s" });
    }
    await assert.rejects(
      events.append("s", [event("a", { n: 1, unit: "ms" })], once),
      withCode("CONFLICT"),
    );
  });

  test("an upcast that throws is named with its event", async (context) => {
    const { events } = await temporaryStore(context);
    const { events: appended } = await events.append("p:1", [event("named", null)]);
    await events.registerType("named", {
      upcast: (name) => (name as { first: string }).first,
    });
    await assert.rejects(
      events.load("p:1"),
      (error: Error) =>
        withCode("BAD_REQUEST")(error) &&
        error.message.includes(appended[0]?.id ?? "?") &&
        /threw: .*null/.test(error.message) &&
        error.cause instanceof TypeError,
    );
  });

  test("an upcast that gives a promise, or nothing, is named with its event", async (context) => {
    const { events } = await temporaryStore(context);
    for (const [type, upcast] of [
      ["promised", async (payload: unknown) => payload],
      ["nothing", () => undefined],
    ] as const) {
      await events.append("p:1", [event(type, 1)]);
      await events.registerType(type, { upcast });
      await assert.rejects(events.queryByType(type), (error: Error) => {
        assert.ok(withCode("BAD_REQUEST")(error), String(error));
        assert.match(error.message, /the upcast of ".*" from version 1 gave (a promise|nothing)/);
        return true;
      });
    }
  });

  test("an upcast that changes what it is given makes no command another one", async (context) => {
    const { events } = await temporaryStore(context);
    const once = { commandId: "c-1" };
    await events.append("p:1", [event("named", { first: "Ann" })], once);
    await events.registerType("named", {
      upcast: (payload) => Object.assign(payload as object, { last: "Lee" }),
    });
    const again = await events.append("p:1", [event("named", { first: "Ann" })], once);
    assert.equal(again.duplicate, true);
    assert.deepEqual(again.events[0]?.payload, { first: "Ann", last: "Lee" });
  });
});
