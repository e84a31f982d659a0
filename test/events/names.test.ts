/** A slip in the name of an option: an expectation that nobody reads would let everything pass. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppendOptions, EventQuery, LoadOptions, SubscribeOptions } from "flowstore";
import { refused } from "../features/support.ts";
import { temporaryStore } from "./support.ts";

test("is told, and nothing is done", async (context) => {
  const store = await temporaryStore(context);
  const { events } = store;
  const slips: Readonly<Record<string, () => Promise<unknown>>> = {
    expectedVerson: () =>
      events.append("s", [{ type: "a", payload: 1 }], { expectedVerson: 3 } as AppendOptions),
    expectedVersion: () =>
      events.appendAll([{ stream: "s", type: "a", payload: 1 }], {
        expectedVersion: 3,
      } as AppendOptions),
    after: () => events.load("s", { after: 1 } as LoadOptions),
    agents: () => events.query({ agents: "ann" } as EventQuery),
    types: async () => {
      for await (const item of events.subscribe({ types: ["a"] } as SubscribeOptions)) return item;
      return null;
    },
  };
  for (const [field, act] of Object.entries(slips)) {
    const error = await refused("BAD_REQUEST", act);
    assert.equal(error.context["field"], field);
  }
  assert.deepEqual(await events.load("s"), []);
});
