/** The word `-` in place of IDs: what standard input holds stands there, and never fewer than were meant. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { list, one, openStoreShell, type Envelope } from "./support.ts";

function needs(envelope: Envelope): unknown {
  return one(envelope)["dependencies"];
}

test("dependencies come from standard input, alone or beside others", async (context) => {
  const { run, json } = await openStoreShell(context);
  for (const name of ["A", "B", "C", "D"]) await run(["feature", "create", name]);
  const dep = (verb: string, words: readonly string[], input: string): Promise<Envelope> =>
    json(["feature", "dep", verb, ...words], { input });
  assert.deepEqual(needs(await dep("add", ["1", "-"], "2\n3\n")), [2, 3]);
  assert.deepEqual(needs(await dep("rm", ["1", "-"], "3 2")), []);
  assert.deepEqual(needs(await dep("set", ["1", "-", "2"], "4\n")), [4, 2]);
  const { uid } = one(await json(["feature", "show", "3"]));
  assert.deepEqual(needs(await dep("set", ["1", "-"], String(uid))), [3]);
  assert.deepEqual(
    needs(await dep("add", ["-"], "").then(() => dep("add", ["-", "4"], "1"))),
    [3, 4],
  );
});

test("an empty standard input is refused, not taken for nothing", async (context) => {
  const { run, json } = await openStoreShell(context);
  for (const name of ["A", "B"]) await run(["feature", "create", name]);
  await run(["feature", "dep", "add", "1", "2"]);
  for (const words of [
    ["dep", "set", "1", "-"],
    ["dep", "add", "1", "-"],
    ["dep", "rm", "1", "2", "-"],
    ["pass", "1", "-"],
    ["history", "-"],
    ["update", "-", "--set", "name=X"],
  ]) {
    const { exit, error } = await json(["feature", ...words], { input: " \n" });
    assert.deepEqual([exit, error?.message], [2, "Standard input held no ID"], words.join(" "));
  }
  const feature = one(await json(["feature", "show", "1"]));
  assert.deepEqual([feature["dependencies"], feature["passes"]], [[2], false]);
});

test("a command for one feature takes one ID from there", async (context) => {
  const { run, json } = await openStoreShell(context);
  for (const name of ["A", "B"]) await run(["feature", "create", name]);
  const history = list(await json(["feature", "history", "-"], { input: "2\n" }));
  assert.deepEqual(
    history.map(({ featureId, eventType }) => [featureId, eventType]),
    [[2, "created"]],
  );
  const updated = await json(["feature", "update", "-", "--set", "name=New"], { input: "2" });
  assert.equal(one(updated)["name"], "New");
  for (const words of [
    ["history", "-"],
    ["update", "-", "--set", "name=X"],
  ]) {
    const { exit, error } = await json(["feature", ...words], { input: "1 2" });
    assert.equal(exit, 2);
    assert.equal(error.message, "One ID is taken here, and standard input held 2");
  }
});
