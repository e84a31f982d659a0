/** Subscriptions: where they begin, and how they end while they wait. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Project } from "../merge/project.ts";
import { isCaughtUp, numbersOf, takeUntil, temporaryStore, withCode } from "./support.ts";

const event = (type: string, payload: unknown = null) => ({ type, payload });

describe("a subscription", () => {
  test("from a number that is still to come waits for it", async (context) => {
    const { events } = await temporaryStore(context);
    await events.append("s", [event("a"), event("b")]);
    const items = events.subscribe({ from: 5 });
    assert.deepEqual(numbersOf(await takeUntil(items, isCaughtUp)), ["caught up"]);
    const next = items.next();
    await events.append("s", [event("c")]);
    await events.append("s", [event("d"), event("e")]);
    assert.equal((await next).value?.event?.sequence, 5);
    await items.return();
  });

  test("from the end begins when it is made, not when it is first asked", async (context) => {
    const { events } = await temporaryStore(context);
    await events.append("s", [event("a")]);
    const items = events.subscribe({ from: "end" });
    await events.append("s", [event("b")]);
    assert.deepEqual(numbersOf(await takeUntil(items, isCaughtUp)), [2, "caught up"]);
    await items.return();
  });

  for (const group of [undefined, "g"]) {
    test(`from the end of a fresh clone gives none of its history${group === undefined ? "" : ", in a group either"}`, async (context) => {
      const first = Project.create(context);
      const here = await first.init(context);
      await here.events.append("s:1", [event("a"), event("b")]);
      first.commit("start");
      const there = await first.clone("second").open(context);
      const items = there.events.subscribe({ from: "end", group });
      assert.deepEqual(numbersOf(await takeUntil(items, isCaughtUp)), ["caught up"]);
      const next = items.next();
      await there.events.append("s:1", [event("c")]);
      assert.equal((await next).value?.event?.sequence, 3);
      await items.return();
      const all = await takeUntil(there.events.subscribe(), isCaughtUp);
      assert.deepEqual(numbersOf(all), [1, 2, 3, "caught up"]);
    });
  }

  test("that waits is ended by its return", async (context) => {
    const { events } = await temporaryStore(context);
    const items = events.subscribe({ group: "g" });
    assert.deepEqual(numbersOf(await takeUntil(items, isCaughtUp)), ["caught up"]);
    const next = items.next();
    assert.equal((await items.return()).done, true);
    assert.equal((await next).done, true);
    // Its group is free.
    await events.append("s", [event("a")]);
    const again = events.subscribe({ group: "g" });
    assert.equal((await again.next()).value?.event?.sequence, 1);
    await again.return();
  });

  test("that was made before a transaction gives nothing in it", async (context) => {
    const store = await temporaryStore(context);
    const { events } = store;
    const items = events.subscribe();
    const inside = store.transaction(async () => {
      await events.append("s", [event("undone")]);
      await items.next();
    });
    await assert.rejects(inside, withCode("BAD_REQUEST"));
    assert.deepEqual(await events.query(), []);
  });

  test("takes no signal that is none", async (context) => {
    const { events } = await temporaryStore(context);
    for (const signal of [{}, null, 1]) {
      assert.throws(() => events.subscribe({ signal: signal as never }), withCode("BAD_REQUEST"));
    }
  });
});
