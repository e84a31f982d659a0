/** Texts of a length that no string, no line of the journal and no reader could bear. */
import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import type { FlowStore } from "flowstore";

import { asTooLarge } from "#src/stores/call-size.js";

import { makeStore, refused, refusedWithoutTrace, reopen, FRESH_MS, pass } from "./support.ts";

/** What the page promises: of one text, and of all texts of one call. */
const TEXT = 16 * 1024 * 1024;
const CALL = 64 * 1024 * 1024;

/** Long, and cheap as long as nobody looks at its characters: `repeat` notes down what it would hold. */
const HUGE = "x".repeat(300_000_000);
const FULL = "y".repeat(TEXT);

const TOO_LONG: Readonly<Record<string, (store: FlowStore) => Promise<unknown>>> = {
  "a description": ({ features }) => features.create({ name: "a", description: HUGE }),
  "a name": ({ features }) => features.create({ name: HUGE }),
  "a step": ({ features }) => features.create({ name: "a", steps: ["s", HUGE] }),
  "a value of one's own": ({ features }) => features.create({ name: "a", mine: [{ of: HUGE }] }),
  "a key": ({ features }) => features.create({ name: "a", [`${FULL}y`]: 1 }),
  "a key within": ({ features }) => features.create({ name: "a", mine: { [`${FULL}y`]: 1 } }),
  "one character too many": ({ features }) => features.update(1, { name: `${FULL}y` }),
  "a note": ({ features }) => features.markPassing(1, { note: HUGE }),
  "an agent": ({ features }) => features.claimAndGet(1, { agent: HUGE }),
  "a holder": ({ features }) => features.markPassing(1, { claimedBy: HUGE }),
  "who renews": ({ features }) => features.renewClaim(1, HUGE, { leaseMs: 1 }),
  "a source": ({ features }) => features.skip(1, { source: HUGE }),
  "the value of an event": ({ changes }) => changes.logEvent(1, "comment", { newValue: HUGE }),
  "the type of an event": ({ changes }) => changes.logEvent(1, HUGE),
  "one in a batch": ({ features }) =>
    features.createBulk([{ name: "a" }, { name: "b", description: HUGE }]),
};

const MANY = Math.floor(CALL / TEXT) + 1;

const TOO_MUCH: Readonly<Record<string, (store: FlowStore) => Promise<unknown>>> = {
  "features of a batch": ({ features }) =>
    features.createBulk(Array.from({ length: MANY }, () => ({ name: "a", description: FULL }))),
  "beyond what a string can hold": ({ features }) =>
    features.createBulk(Array.from({ length: 40 }, () => ({ name: "a", description: FULL }))),
  "steps of one feature": ({ features }) =>
    features.update(1, { steps: Array.from({ length: MANY }, () => FULL) }),
  "the same note with each event": ({ features }) =>
    features.createBulk(
      Array.from({ length: 1000 }, () => ({ name: "a" })),
      { note: "n".repeat(CALL / 1000) },
    ),
};

async function makeOne(context: TestContext): Promise<FlowStore> {
  const store = await makeStore(context);
  await store.features.create({ name: "a" });
  return store;
}

describe("a text that is too long", () => {
  test("is refused by its name before anybody looks at it, wherever it stands", async (context) => {
    const store = await makeOne(context);
    for (const [what, call] of Object.entries(TOO_LONG)) {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () => call(store));
      assert.match(error.message, /is longer than 16 Mi characters$/, what);
      assert.ok(error.message.length < 500, what);
      assert.ok(JSON.stringify(error.context).length < 1000, what);
    }
    for (const name of ["actor", "source"]) {
      await refused("BAD_REQUEST", () => reopen(context, store, { [name]: `${FULL}y` }));
    }
  });

  test("of the greatest length is kept", async (context) => {
    const store = await makeOne(context);
    const { revision } = await store.features.update(1, { description: FULL });
    await pass(FRESH_MS);
    const again = await reopen(context, store);
    const read = await again.features.getById(1);
    assert.ok(read?.description === FULL);
    assert.equal(read.revision, revision);
  });
});

describe("more text than a call may write", () => {
  for (const [what, call] of Object.entries(TOO_MUCH)) {
    test(what, async (context) => {
      const store = await makeOne(context);
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () => call(store));
      assert.match(error.message, /more text than one commit can \(64 Mi characters a call\)$/);
      assert.equal(error.context["limit"], CALL);
      assert.equal((await store.features.create({ name: "next" })).id, 2);
    });
  }

  test("a transaction whose sum no string can hold is refused by the same name", async (context) => {
    // Making such a sum takes gigabytes: here is only what V8 says of it, and who is told.
    const say = (): unknown => {
      try {
        return "x".repeat(2 ** 30);
      } catch (error) {
        // A RangeError, of which this looks at the kind.
        return error;
      }
    };
    const made = asTooLarge(say()) as { code?: string };
    assert.equal(made.code, "BAD_REQUEST");
    const own = new RangeError("Invalid string length");
    const store = await makeOne(context);
    await assert.rejects(
      store.transaction(async () => {
        await store.features.create({ name: "b" });
        throw own;
      }),
      (error) => error === own,
    );
  });
});
