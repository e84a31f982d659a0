/** A consumer of a group that leaves inside a transaction: the next one goes on when that is over. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isFlowError, type SubscriptionItem } from "flowstore";
import { numbersOf, temporaryStore } from "./support.ts";

type Items = AsyncGenerator<SubscriptionItem, void, void>;

const LEAVING: Readonly<Record<string, (items: Items) => Promise<unknown>>> = {
  "ended by its return": (items) => items.return(),
  "left by a loop": async (items) => {
    for await (const item of items) return item;
    return null;
  },
  "asked for what it may not give": (items) => items.next(),
};

describe("a consumer of a group, inside a transaction", () => {
  for (const [how, leave] of Object.entries(LEAVING)) {
    for (const isUndone of [true, false]) {
      test(`${how}, in one that is ${isUndone ? "undone" : "committed"}`, async (context) => {
        const store = await temporaryStore(context);
        await store.events.append("s", [
          { type: "a", payload: 1 },
          { type: "a", payload: 2 },
        ]);
        const first = store.events.subscribe({ group: "g" });
        const next = store.events.subscribe({ group: "g" });
        assert.deepEqual(numbersOf([(await first.next()).value as SubscriptionItem]), [1]);
        const waiting = next.next();
        const undo = new Error("undo");
        const transaction = store.transaction(async () => {
          // Nested, too, it is the whole that must be over.
          await store.transaction(async () => {
            await leave(first).catch((error: unknown) => {
              if (!isFlowError(error, "BAD_REQUEST")) throw error;
            });
          });
          await store.settings.set("k", 1);
          if (isUndone) throw undo;
        });
        if (isUndone) await assert.rejects(transaction, undo);
        else await transaction;
        // What was not taken comes again.
        assert.deepEqual(numbersOf([(await waiting).value as SubscriptionItem]), [1]);
        assert.equal(await store.settings.get("k"), isUndone ? null : 1);
        await next.return();
        assert.deepEqual(await store.check(), []);
      });
    }
  }
});
