/** Subscriptions: what is there, then what comes; in order; from where one was. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { FlowStore, type SubscriptionItem } from "flowstore";
import { Child } from "../process/store-children.ts";
import { collect, isCaughtUp, numbersOf, takeUntil, temporaryStore, withCode } from "./support.ts";
import { atEnd } from "../at-end.ts";

const event = (type: string, payload: unknown = null) => ({ type, payload });

async function reopened(context: TestContext, { root }: FlowStore): Promise<FlowStore> {
  const other = await FlowStore.open(root, { durability: "none" });
  atEnd(context, () => other.close());
  return other;
}

const isNumber =
  (sequence: number) =>
  ({ event: given }: SubscriptionItem): boolean =>
    given?.sequence === sequence;

describe("a subscription", () => {
  test("gives what is there, says once that there is no more, then gives what comes", async (context) => {
    const store = await temporaryStore(context);
    const other = await reopened(context, store);
    await store.events.append("s", [event("a"), event("b")]);
    const items = other.events.subscribe();
    assert.deepEqual(numbersOf(await takeUntil(items, isCaughtUp)), [1, 2, "caught up"]);
    const next = items.next();
    await store.events.append("s", [event("c")]);
    const { value } = await next;
    assert.equal(value?.event?.type, "c");
    await store.transaction(async () => {
      await store.events.append("s", [event("d")]);
      await store.features.create({ name: "Cart" });
    });
    assert.deepEqual(numbersOf(await takeUntil(items, isNumber(5))), [4, 5]);
    assert.deepEqual(
      (await other.events.query()).map((one) => one.sequence),
      [1, 2, 3, 4, 5],
    );
    await items.return();
    assert.deepEqual(await items.next(), { value: undefined, done: true });
  });

  test("before the first write of a store waits for it", async (context) => {
    const store = await temporaryStore(context);
    const items = store.events.subscribe();
    assert.equal((await items.next()).value?.caughtUp, true);
    const next = items.next();
    await store.events.append("s", [event("a")]);
    assert.equal((await next).value?.event?.sequence, 1);
    await items.return();
  });

  test("goes on behind its cursor, with the same events or with others", async (context) => {
    const store = await temporaryStore(context);
    await store.events.appendAll(
      [1, 2, 3, 4, 5, 6].map((payload) => ({ stream: `s:${payload % 2}`, type: "a", payload })),
    );
    const all = await takeUntil(store.events.subscribe(), isCaughtUp);
    for (const [at, { cursor }] of all.entries()) {
      const rest = await takeUntil(store.events.subscribe({ from: cursor }), isCaughtUp);
      assert.deepEqual(rest.slice(0, -1), all.slice(at + 1, -1));
    }
    const [, second] = all;
    const odd = store.events.subscribe({ from: second?.cursor, stream: "s:1" });
    assert.deepEqual(numbersOf(await takeUntil(odd, isCaughtUp)), [3, 5, "caught up"]);
    assert.deepEqual(numbersOf(await takeUntil(store.events.subscribe({ from: 5 }), isCaughtUp)), [
      5,
      6,
      "caught up",
    ]);
    const fresh = store.events.subscribe({ from: "end", type: "b" });
    const first = fresh.next();
    await first;
    await store.events.append("s", [event("a"), event("b")]);
    assert.deepEqual(numbersOf(await takeUntil(fresh, ({ event: one }) => one !== undefined)), [8]);
    await fresh.return();
  });

  test("ends without an error by its signal: before, while it waits, between two events", async (context) => {
    const store = await temporaryStore(context);
    await store.events.append("s", [event("a"), event("b")]);
    assert.deepEqual(await collect(store.events.subscribe({ signal: AbortSignal.abort() })), []);
    const between = new AbortController();
    const seen: SubscriptionItem[] = [];
    for await (const item of store.events.subscribe({ signal: between.signal })) {
      seen.push(item);
      between.abort();
    }
    assert.deepEqual(numbersOf(seen), [1]);
    const waiting = new AbortController();
    const items = store.events.subscribe({ signal: waiting.signal });
    await takeUntil(items, isCaughtUp);
    const next = items.next();
    waiting.abort();
    assert.equal((await next).done, true);
  });

  test("ends with its store", async (context) => {
    const store = await temporaryStore(context);
    await store.events.append("s", [event("a")]);
    const items = store.events.subscribe({ group: "g" });
    await takeUntil(items, isCaughtUp);
    const next = items.next();
    await store.close();
    assert.equal((await next).done, true);
    const unbegun = store.events.subscribe();
    await assert.rejects(unbegun.next(), withCode("CLOSED"));
  });

  test("is refused in a transaction, and from where is no place", async (context) => {
    const store = await temporaryStore(context);
    await assert.rejects(
      store.transaction(() => collect(store.events.subscribe())),
      withCode("BAD_REQUEST"),
    );
    for (const from of [0, -1, 1.5, "", "start", "bm8gY3Vyc29y", null]) {
      assert.throws(() => store.events.subscribe({ from: from as never }), withCode("BAD_REQUEST"));
    }
    for (const options of [{ group: "" }, { stream: 7 }, { type: "" }]) {
      assert.throws(() => store.events.subscribe(options as never), withCode("BAD_REQUEST"));
    }
  });

  test("of a store that may only be read gives everything, without a group", async (context) => {
    const store = await temporaryStore(context);
    await store.events.append("s", [event("a")]);
    const reader = await FlowStore.open(store.root, { readOnly: true });
    atEnd(context, () => reader.close());
    const items = reader.events.subscribe();
    assert.deepEqual(numbersOf(await takeUntil(items, isCaughtUp)), [1, "caught up"]);
    await items.return();
    const grouped = reader.events.subscribe({ group: "g" });
    await assert.rejects(grouped.next(), withCode("READ_ONLY"));
  });
});

describe("a new epoch", () => {
  test("a cursor goes on by the event's id; what git took away is gone over", async (context) => {
    const store = await temporaryStore(context);
    await store.events.append(
      "s",
      [1, 2, 3, 4].map((payload) => event("a", payload)),
    );
    const all = await takeUntil(store.events.subscribe(), isCaughtUp);
    await store.close().catch(() => undefined);
    assert.equal(all.length, 5);

    const again = await temporaryStore(context);
    await again.events.append(
      "s",
      [1, 2, 3, 4].map((payload) => event("a", payload)),
    );
    const cursors = await takeUntil(again.events.subscribe(), isCaughtUp);
    const live = again.events.subscribe({ from: cursors[1]?.cursor });
    assert.deepEqual(numbersOf(await takeUntil(live, isCaughtUp)), [3, 4, "caught up"]);
    const first = await again.status();
    rmSync(join(again.root, "local"), { recursive: true });
    const fresh = await reopened(context, again);
    // Nothing has a number before the first write.
    const waiting = fresh.events.subscribe({ from: cursors[1]?.cursor });
    assert.deepEqual(numbersOf(await takeUntil(waiting, isCaughtUp)), ["caught up"]);
    const next = waiting.next();
    await fresh.events.append("s", [event("a", 5)]);
    assert.notEqual((await fresh.status()).events.epoch, first.events.epoch);
    assert.equal((await next).value?.event?.payload, 3);
    assert.deepEqual(numbersOf(await takeUntil(waiting, isNumber(5))), [4, 5]);
    await waiting.return();
    await live.return();
    // The events of the other store are not in this one: on it goes behind them by their ids.
    const foreign = fresh.events.subscribe({ from: all[3]?.cursor });
    assert.deepEqual(numbersOf(await takeUntil(foreign, isCaughtUp)), [1, 2, 3, 4, 5, "caught up"]);
  });
});

describe("a group", () => {
  test("goes on where its last consumer was; what was not taken comes again", async (context) => {
    const store = await temporaryStore(context);
    const other = await reopened(context, store);
    await store.events.append(
      "s",
      [1, 2, 3].map((payload) => event("a", payload)),
    );
    for await (const { event: given } of store.events.subscribe({ group: "g" })) {
      if (given?.sequence === 2) break;
    }
    // The second was given, and nobody asked for the next.
    const items = other.events.subscribe({ group: "g", from: 3 });
    assert.deepEqual(numbersOf(await takeUntil(items, isCaughtUp)), [2, 3, "caught up"]);
    await items.return();
    const again = store.events.subscribe({ group: "g" });
    assert.deepEqual(numbersOf(await takeUntil(again, isCaughtUp)), ["caught up"]);
    await again.return();
    const others = store.events.subscribe({ group: "G" });
    assert.deepEqual(numbersOf(await takeUntil(others, isCaughtUp)), [1, 2, 3, "caught up"]);
    await others.return();
    assert.deepEqual(await store.check(), []);
  });

  test("serves one at a time; the next stands by and goes on when it ends", async (context) => {
    const store = await temporaryStore(context);
    const other = await reopened(context, store);
    await store.events.append("s", [event("a"), event("b")]);
    const first = store.events.subscribe({ group: "g" });
    assert.deepEqual(numbersOf(await takeUntil(first, isNumber(1))), [1]);
    const second = other.events.subscribe({ group: "g" });
    let isServed = false;
    const next = second.next().then((item) => {
      isServed = true;
      return item;
    });
    assert.deepEqual(numbersOf(await takeUntil(first, isCaughtUp)), [2, "caught up"]);
    await store.events.append("s", [event("c")]);
    assert.deepEqual(numbersOf(await takeUntil(first, isNumber(3))), [3]);
    assert.equal(isServed, false);
    const asked = first.next();
    await store.events.append("s", [event("d")]);
    await asked;
    await first.return();
    assert.equal((await next).value?.event?.sequence, 4);
    await second.return();
    // Standing by ends by its signal too.
    const holder = store.events.subscribe({ group: "g" });
    await holder.next();
    const ending = new AbortController();
    const third = other.events.subscribe({ group: "g", signal: ending.signal }).next();
    ending.abort();
    assert.equal((await third).done, true);
    await holder.return();
  });

  test("whose file is damaged says so; without the file it begins anew", async (context) => {
    const store = await temporaryStore(context);
    await store.events.append("s", [event("a")]);
    const items = store.events.subscribe({ group: "a/b: c" });
    await takeUntil(items, isCaughtUp);
    await items.return();
    const folder = join(store.root, "local/cursors");
    const [name = ""] = readdirSync(folder);
    const text = readFileSync(join(folder, name), "utf8");
    for (const damaged of [
      "",
      text.slice(0, -9),
      text.replace("a/b", "b/a"),
      text.replace('"sequence": 1', '"sequence": -1'),
    ]) {
      writeFileSync(join(folder, name), damaged);
      const other = await reopened(context, store);
      await assert.rejects(other.events.subscribe({ group: "a/b: c" }).next(), withCode("CORRUPT"));
      assert.deepEqual(
        (await other.check()).map(({ file }) => file),
        [`local/cursors/${name}`],
      );
    }
    rmSync(join(folder, name));
    const other = await reopened(context, store);
    const again = other.events.subscribe({ group: "a/b: c" });
    assert.deepEqual(numbersOf(await takeUntil(again, isCaughtUp)), [1, "caught up"]);
    await again.return();
  });

  test("that lost its file or its seat meanwhile is told", async (context) => {
    const store = await temporaryStore(context);
    await store.events.append("s", [event("a"), event("b")]);
    const items = store.events.subscribe({ group: "g" });
    await items.next();
    rmSync(join(store.root, "local/cursors"), { recursive: true });
    // The look at a file may be up to 20 ms old.
    const other = await reopened(context, store);
    const taken = other.events.subscribe({ group: "g" });
    assert.equal((await taken.next()).value?.event?.sequence, 1);
    await assert.rejects(takeUntil(items, isCaughtUp), withCode("LOCK_LOST"));
    await taken.return();
  });
});

describe("a consumer of which nobody can tell whether it lives", () => {
  test("has its seat until it has not shown for a minute", async (context) => {
    let nowMs = Date.parse("2026-11-21T10:00:00.000Z");
    const clock = (): number => nowMs;
    const store = await temporaryStore(context, { clock });
    await store.events.append("s", [event("a"), event("b")]);
    const items = store.events.subscribe({ group: "g" });
    assert.deepEqual(numbersOf(await takeUntil(items, isNumber(1))), [1]);
    const folder = join(store.root, "local/cursors");
    const [name = ""] = readdirSync(folder);
    const file = join(folder, name);
    const elsewhere = readFileSync(file, "utf8").replace(/"host": "[^"]*"/, '"host": "elsewhere"');
    await store.events.append("s", [event("c")]);
    writeFileSync(file, elsewhere);
    const other = await FlowStore.open(store.root, { durability: "none", clock });
    atEnd(context, () => other.close());
    const ending = new AbortController();
    const standing = other.events.subscribe({ group: "g", signal: ending.signal }).next();
    ending.abort();
    assert.equal((await standing).done, true);
    nowMs += 61_000;
    const taken = other.events.subscribe({ group: "g" });
    assert.equal((await taken.next()).value?.event?.sequence, 1);
    await assert.rejects(takeUntil(items, isCaughtUp), withCode("LOCK_LOST"));
    await taken.return();
  });
});

const EVENTS = 400;
const KILLS = 6;

test(
  `consumers of a group, ${KILLS} of them killed, get every event in order while another process writes`,
  { timeout: 120_000 },
  async (context) => {
    const store = await temporaryStore(context);
    const { root } = store;
    const writer = Child.start(context, "../events/appender", [root, "w", String(EVENTS)]);
    const seen: number[][] = [];
    const consume = (): Child => {
      const numbers: number[] = [];
      seen.push(numbers);
      const listen = (line: string): void => void numbers.push(Number(line));
      return Child.start(context, "../events/consumer", [root, "g", String(EVENTS)], { listen });
    };
    // One more than is served, so that whoever is killed is followed at once.
    const alive = [consume(), consume()];
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const until = Math.floor((EVENTS * kill) / (KILLS + 1));
      const [served, ...rest] = await servedOf(alive, until);
      served?.kill("SIGKILL");
      await served?.exited;
      alive.splice(0, alive.length, ...rest, consume());
    }
    await writer.done();
    // Whoever is served ends at the last event; the other one finds it taken, and is told to end.
    const ends = alive.map(async (child) => child.exited);
    await Promise.race(ends);
    for (const child of alive) child.kill("SIGKILL");
    await Promise.all(ends);

    const all = seen.flat();
    assert.deepEqual(new Set(all), new Set(Array.from({ length: EVENTS }, (_, at) => at + 1)));
    for (const numbers of seen) {
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
        "each gets them in order",
      );
      assert.equal(new Set(numbers).size, numbers.length);
    }
    context.diagnostic(
      `${all.length - EVENTS} of ${EVENTS} events came twice after ${KILLS} kills`,
    );

    /** Waits until somebody has printed that number; that one first, then the others. */
    async function servedOf(children: readonly Child[], until: number): Promise<Child[]> {
      const found = await new Promise<Child>((resolve) => {
        const look = (): void => {
          const at = seen.findLastIndex((numbers) => (numbers.at(-1) ?? 0) >= until);
          const child = at < 0 ? undefined : children[at - (seen.length - children.length)];
          if (child !== undefined) resolve(child);
          else setTimeout(look, 2);
        };
        look();
      });
      return [found, ...children.filter((one) => one !== found)];
    }
  },
);
