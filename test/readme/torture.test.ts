/** The table of claims in README.md is what `npm run torture` attacks, with its goals. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { CLAIMS } from "../torture/claims.ts";
import { README, tablesOf } from "./blocks.ts";

test("the claims, their goals and their needs", async () => {
  const claims = await Promise.all(
    Object.entries(CLAIMS).map(async ([id, load]) => {
      const claim = await load?.();
      assert.ok(claim !== undefined, `nobody attacks ${id}`);
      const { title, goals, needs } = claim;
      const count = (goal: number): string => goal.toLocaleString("en");
      const needed = needs.length === 0 ? "nothing" : needs.join(", ");
      return [id, title, count(goals.short), count(goals.release), needed];
    }),
  );
  assert.deepEqual(tablesOf(README).get("claim|attacked|goal|for a release|needs"), claims);
});
