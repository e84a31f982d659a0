/** Appending: what is expected of streams, what happens once, and what is refused. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { FlowError, FlowStore, type AppendOptions, type ExpectedVersion } from "flowstore";
import { atEnd } from "../at-end.ts";
import { collect, said, temporaryStore, withCode } from "./support.ts";

const A = { type: "a", payload: 1 };
const B = { type: "b", payload: { two: [2, null] } };

async function reopened(context: TestContext, { root }: FlowStore): Promise<FlowStore> {
  const other = await FlowStore.open(root, { durability: "none" });
  atEnd(context, () => other.close());
  return other;
}

async function conflictOf(act: Promise<unknown>): Promise<Readonly<Record<string, unknown>>> {
  try {
    await act;
  } catch (error) {
    assert.ok(error instanceof FlowError, String(error));
    assert.equal(error.code, "VERSION_CONFLICT");
    assert.equal(error.retryable, true);
    return error.context;
  }
  throw new Error("It was appended");
}

describe("what is expected of a stream", () => {
  const CASES: readonly [AppendOptions["expectedVersion"], empty: boolean, two: boolean][] = [
    [undefined, true, true],
    ["any", true, true],
    ["noStream", true, false],
    [0, true, false],
    ["streamExists", false, true],
    [1, false, false],
    [2, false, true],
    [3, false, false],
  ];
  for (const [expectedVersion, onEmpty, onTwo] of CASES) {
    test(`${expectedVersion}`, async (context) => {
      const { events } = await temporaryStore(context);
      await events.append("s:2", [A, A]);
      for (const [stream, isMet, actual] of [
        ["s:1", onEmpty, 0],
        ["s:2", onTwo, 2],
      ] as const) {
        const append = events.append(stream, [B], { expectedVersion });
        if (isMet) {
          assert.equal((await append).events[0]?.version, actual + 1);
          continue;
        }
        const conflict = { stream, expected: expectedVersion, actual };
        assert.deepEqual(await conflictOf(append), { ...conflict, conflicts: [conflict] });
        assert.equal((await events.load(stream)).length, actual);
      }
    });
  }

  test("of others too, each that is not as expected is named, and nothing is written", async (context) => {
    const { events } = await temporaryStore(context);
    await events.append("s:2", [A, A]);
    const alsoExpect = JSON.parse(
      '{"s:2":1,"s:3":"streamExists","s:20":"noStream","__proto__":"streamExists"}',
    ) as Record<string, ExpectedVersion>;
    const { conflicts } = await conflictOf(
      events.append("s:1", [A], {
        expectedVersion: 4,
        alsoExpect,
      }),
    );
    assert.deepEqual(conflicts, [
      { stream: "s:1", expected: 4, actual: 0 },
      { stream: "s:2", expected: 1, actual: 2 },
      { stream: "s:3", expected: "streamExists", actual: 0 },
      { stream: "__proto__", expected: "streamExists", actual: 0 },
    ]);
    assert.equal((await events.query()).length, 2);
    const fine = await events.append("s:1", [A], { alsoExpect: { "s:2": 2, "s:20": "noStream" } });
    assert.equal(fine.events[0]?.sequence, 3);
    assert.equal((await events.load("s:20")).length, 0);
  });

  test("of two that expect the same version at once one is kept", async (context) => {
    const { events } = await temporaryStore(context);
    const all = await Promise.allSettled(
      Array.from({ length: 10 }, () => events.append("s:1", [A], { expectedVersion: 0 })),
    );
    const kept = all.filter(({ status }) => status === "fulfilled");
    assert.equal(kept.length, 1);
    assert.equal((await events.load("s:1")).length, 1);
  });
});

describe("a command", () => {
  test("happens once, whatever is expected, also after the store was opened again", async (context) => {
    const store = await temporaryStore(context);
    const options = { expectedVersion: "noStream", commandId: "c-1", note: "why" } as const;
    const first = await store.events.append("s:1", [A, B], options);
    assert.equal(first.duplicate, false);
    await store.events.append("s:1", [A]);
    const again = await store.events.append("s:1", [A, B], options);
    assert.deepEqual(again, { events: first.events, duplicate: true });
    const all = await store.events.appendAll(
      [A, B].map((event) => ({ ...event, stream: "s:1", metadata: { note: "why" } })),
      { commandId: "c-1", agent: "another" },
    );
    assert.deepEqual(all, { events: first.events, duplicate: true });
    assert.equal((await store.events.query()).length, 3);
  });

  test("with its keys in another order is the same", async (context) => {
    const store = await temporaryStore(context);
    const send = (payload: unknown) =>
      store.events.append("s:1", [{ type: "A", payload }], { commandId: "c-1" });
    const { events } = await send({ a: 1, b: { c: [1, { d: 2, e: 3 }], f: null } });
    const again = await send({ b: { f: null, c: [1, { e: 3, d: 2 }] }, a: 1 });
    assert.deepEqual(again, { events, duplicate: true });
  });

  test("with other content is refused, and the events that bear its id are named", async (context) => {
    const { events } = await temporaryStore(context);
    const { events: first } = await events.append("s:1", [A], { commandId: "c-1" });
    const others = [
      events.append("s:1", [A, A], { commandId: "c-1" }),
      events.append("s:1", [], { commandId: "c-1" }),
      events.append("s:2", [A], { commandId: "c-1" }),
      events.append("s:1", [{ ...A, payload: "1" }], { commandId: "c-1" }),
      events.append("s:1", [{ ...A, metadata: { x: 1 } }], { commandId: "c-1" }),
      events.append("s:1", [{ ...A, correlationId: "x" }], { commandId: "c-1" }),
    ];
    for (const other of await Promise.allSettled(others)) {
      assert.ok(other.status === "rejected");
      assert.equal((other.reason as FlowError).code, "CONFLICT");
      assert.deepEqual((other.reason as FlowError).context["eventIds"], [first[0]?.id]);
    }
    assert.equal((await events.query()).length, 1);
  });

  test("of which a line is damaged is neither done again nor called another one", async (context) => {
    const store = await temporaryStore(context);
    const once = { commandId: "c-1" };
    const sent = [A, B, { type: "c", payload: "to be damaged" }];
    const { events: first } = await store.events.append("s:1", sent, once);
    const [name = ""] = readdirSync(join(store.root, "events"));
    const file = join(store.root, "events", name);
    const whole = readFileSync(file, "utf8");
    writeFileSync(file, whole.replace("to be damaged", "to be mended"));
    const damaged = await reopened(context, store);
    for (const events of [sent, [...sent, A]]) {
      await assert.rejects(damaged.events.append("s:1", events, once), (error: FlowError) => {
        assert.equal(error.code, "CORRUPT");
        assert.match(error.message, /"c-1" was sent before, and .*, line 4, .* is damaged/);
        assert.equal(error.context["file"], `events/${name}`);
        assert.equal(error.context["line"], 4);
        assert.deepEqual(error.context["eventIds"], [first[0]?.id, first[1]?.id]);
        return true;
      });
    }
    // What is left of it tells that this is another.
    await assert.rejects(damaged.events.append("s:1", [B, A], once), withCode("CONFLICT"));
    assert.equal((await damaged.events.query()).length, 2);
    writeFileSync(file, whole);
    const mended = await reopened(context, store);
    assert.equal((await mended.events.append("s:1", sent, once)).duplicate, true);
  });

  test("that is sent many times at once happens once", async (context) => {
    const { events } = await temporaryStore(context);
    const all = await Promise.all(
      Array.from({ length: 20 }, () => events.append("s:1", [A, B], { commandId: "c-1" })),
    );
    assert.equal(all.filter(({ duplicate }) => !duplicate).length, 1);
    assert.equal(new Set(all.map((one) => JSON.stringify(one.events))).size, 1);
    assert.equal((await events.query()).length, 2);
  });

  test("that a transaction undid has not happened", async (context) => {
    const store = await temporaryStore(context);
    const send = () => store.events.append("s:1", [A], { commandId: "c-1" });
    const undo = new Error("undo");
    await assert.rejects(
      store.transaction(async () => {
        await send();
        assert.equal((await send()).duplicate, true);
        throw undo;
      }),
      undo,
    );
    assert.equal((await send()).duplicate, false);
    assert.equal((await send()).duplicate, true);
  });
});

describe("in a transaction", () => {
  test("appends are one batch with everything else, and see each other", async (context) => {
    const store = await temporaryStore(context);
    await store.events.append("s:1", [A]);
    const { first, second } = await store.transaction(async () => {
      const { id } = await store.features.create({ name: "Cart" });
      const { events: one } = await store.events.append("s:1", [A], { expectedVersion: 1 });
      await assert.rejects(
        store.transaction(async () => {
          await store.events.append("s:1", [B], { expectedVersion: 2 });
          throw new Error("inner");
        }),
        /inner/,
      );
      const { events: two } = await store.events.append("s:1", [B], { expectedVersion: 2 });
      assert.equal((await store.events.load("s:1")).length, 3);
      await store.events.append(`note:${id}`, [A], { alsoExpect: { "s:1": 3 } });
      return { first: one, second: two };
    });
    const stored = await store.events.query();
    assert.deepEqual(
      stored.map(({ sequence, stream, version }) => [sequence, stream.split(":")[0], version]),
      [
        [1, "s", 1],
        [2, "feature", 1],
        [3, "s", 2],
        [4, "s", 3],
        [5, "note", 1],
      ],
    );
    assert.equal(new Set(stored.slice(1).map(({ txId }) => txId)).size, 1);
    assert.deepEqual([...first, ...second], stored.slice(2, 4));
  });

  test("replaying from a number leaves out its own events before that, too", async (context) => {
    const store = await temporaryStore(context);
    const { events } = store;
    await events.append("s:1", [A, A, A]);
    await store.transaction(async () => {
      await events.append("s:2", [B, B, B]);
      const numbers = async (replay: AsyncIterable<{ sequence: number }>): Promise<number[]> =>
        (await collect(replay)).map(({ sequence }) => sequence);
      assert.deepEqual(await numbers(events.replayFrom(2)), [2, 3, 4, 5, 6]);
      assert.deepEqual(await numbers(events.replayFrom(5)), [5, 6]);
      assert.deepEqual(await numbers(events.replayAfter(5)), [6]);
      assert.deepEqual(await numbers(events.replayAfter(6)), []);
    });
  });
});

describe("what is given", () => {
  test("comes back as it was, keys called __proto__ too, and shares nothing", async (context) => {
    const { events } = await temporaryStore(context);
    const payload = JSON.parse(
      '{"__proto__":{"a":1},"constructor":"x","list":[[],{}],"ü":"\\u2028"}',
    ) as {
      list: unknown[];
    };
    const metadata = JSON.parse('{"__proto__":2,"trace":{"a":[1]}}') as Record<string, unknown>;
    const given = {
      type: "odd type\n",
      payload,
      metadata,
      causedBy: "elsewhere",
      correlationId: "k",
    };
    const stream = "__proto__";
    const { events: appended } = await events.append(stream, [given], { agent: "a", source: "s" });
    assert.deepEqual(appended, await events.load(stream));
    const [event] = appended;
    assert.equal(JSON.stringify(event?.payload), JSON.stringify(payload));
    assert.equal(JSON.stringify(event?.metadata), JSON.stringify(metadata));
    assert.deepEqual(
      [
        event?.stream,
        event?.type,
        event?.causedBy,
        event?.correlationId,
        event?.agent,
        event?.source,
      ],
      [stream, given.type, "elsewhere", "k", "a", "s"],
    );
    payload.list.push(1);
    const returned = event?.payload as typeof payload | undefined;
    returned?.list.push(2);
    assert.deepEqual(
      (await events.load(stream))[0]?.payload,
      JSON.parse(JSON.stringify({ ...payload, list: [[], {}] })),
    );
  });

  const WRONG: readonly [string, (store: FlowStore) => Promise<unknown>][] = [
    ["no stream", ({ events }) => events.append("", [A])],
    ["a stream that is no text", ({ events }) => events.append(7 as never, [A])],
    ["events that are no list", ({ events }) => events.append("s", A as never)],
    ["an event that is no object", ({ events }) => events.append("s", ["a" as never])],
    ["a hole", ({ events }) => events.append("s", Array<typeof A>(1))],
    ["no type", ({ events }) => events.append("s", [{ payload: 1 } as never])],
    ["no payload", ({ events }) => events.append("s", [{ type: "a" } as never])],
    ["a payload that is no JSON", ({ events }) => events.append("s", [{ type: "a", payload: 1n }])],
    [
      "metadata that is a list",
      ({ events }) => events.append("s", [{ ...A, metadata: [] as never }]),
    ],
    ["null for a cause", ({ events }) => events.append("s", [{ ...A, causedBy: null as never }])],
    [
      "an unknown word",
      ({ events }) => events.append("s", [A], { expectedVersion: "none" as never }),
    ],
    ["a version below 0", ({ events }) => events.append("s", [A], { expectedVersion: -1 })],
    [
      "null as a version",
      ({ events }) => events.append("s", [A], { expectedVersion: null as never }),
    ],
    ["alsoExpect as a list", ({ events }) => events.append("s", [A], { alsoExpect: [] as never })],
    ["an empty command id", ({ events }) => events.append("s", [A], { commandId: "" })],
    ["a name for options", ({ events }) => events.append("s", [A], "noStream" as never)],
    [
      "a name that events do not have",
      ({ events }) => events.append("s", [{ ...A, metdata: { x: 1 } } as typeof A]),
    ],
    [
      "an event of another stream",
      ({ events }) => events.append("s", [{ ...A, stream: "t" } as typeof A]),
    ],
    ["no stream of its own", ({ events }) => events.appendAll([A as never])],
    ["half a character", ({ events }) => events.append("s\ud800", [A])],
    [
      "too much",
      ({ events }) =>
        events.append(
          "s",
          Array.from({ length: 9 }, () => ({ type: "a", payload: "x".repeat(8 << 20) })),
        ),
    ],
  ];
  for (const [what, act] of WRONG) {
    test(`${what} is refused, and nothing is written`, async (context) => {
      const store = await temporaryStore(context);
      await assert.rejects(act(store), withCode("BAD_REQUEST"));
      assert.deepEqual(await collect(store.events.replayAll()), []);
      assert.equal(existsSync(join(store.root, "local/journal")), false);
    });
  }

  test("calls that share a record keep batches of their own", async (context) => {
    const { events } = await temporaryStore(context, { durability: "full" });
    const calls = Array.from({ length: 8 }, (_, at) => events.append(`s:${at % 2}`, [A, A]));
    const refused = events.append("s:0", [A], { expectedVersion: 99 });
    const all = (await Promise.all(calls)).flatMap((one) => one.events);
    await assert.rejects(refused, withCode("VERSION_CONFLICT"));
    const stored = await events.query();
    assert.deepEqual(
      all.toSorted((a, b) => a.sequence - b.sequence),
      stored,
    );
    assert.equal(new Set(stored.map(({ txId }) => txId)).size, 8);
    assert.equal(said(stored).length, 16);
  });
});
