/** The one error class. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { FlowError, isFlowError } from "flowstore";
import { FlowError as FlowErrorOfOtherCopy } from "#src/errors.js";

test("two copies of the library in one process know each other's errors", () => {
  assert.notEqual(FlowError, FlowErrorOfOtherCopy);
  const other: unknown = new FlowErrorOfOtherCopy("CONFLICT", "Taken");
  assert.ok(other instanceof FlowError);
  assert.ok(isFlowError(other, "CONFLICT") && !isFlowError(other, "LOCKED"));
  assert.doesNotMatch(inspect(other), /Symbol/);
});

test("nothing else is one, and a class made of it has only its own", () => {
  class Refusal extends FlowError {}
  assert.ok(!(new FlowError("CONFLICT", "Taken") instanceof Refusal));
  assert.ok(new Refusal("CONFLICT", "Taken") instanceof Refusal);
  assert.ok(new Refusal("CONFLICT", "Taken") instanceof FlowError);
  const alike = { name: "FlowError", code: "CONFLICT", message: "Taken" };
  for (const one of [new Error("Taken"), alike, Object.assign(new Error("Taken"), alike), null])
    assert.ok(!isFlowError(one));
});
