/** C15 in short, and that a version which loses keys is found. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Disk } from "#src/disk/disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { attackKeys } from "./c15-forward.ts";
import { lostKeys, membersOf } from "./c15-keys.ts";
import { shortTask } from "./short-task.ts";

const DOCUMENTS = 240;

test("documents of a newer version are written again: no key is lost", async (context) => {
  const { tried, violations, notes } = await attackKeys(shortTask(context, DOCUMENTS));
  assert.deepEqual(violations, []);
  assert.ok(tried >= DOCUMENTS);
  context.diagnostic(notes.join());
});

/** A disk on which documents are written as a careless version would. */
function careless(change: (text: string) => string): (disk: Disk) => Disk {
  return (disk) => ({
    ...wrapDisk(disk, (_operation, _path, act) => act()),
    create: (path, data) => {
      const text = String(data);
      disk.create(path, text.startsWith('{\n  "$schema"') ? change(text) : data);
    },
  });
}

const parsed = (change: (value: Record<string, unknown>) => object) => (text: string) =>
  `${JSON.stringify(change(JSON.parse(text) as Record<string, unknown>), null, 2)}\n`;

const CARELESS: Readonly<Record<string, (text: string) => string>> = {
  "numbers as JavaScript has them": parsed((value) => value),
  "keys in another order": (text) => {
    const [first, ...others] = membersOf(text);
    const lines = [first, ...others.toReversed()].map((one) => `  "${one?.[0]}": ${one?.[1]}`);
    return `{\n${lines.join(",\n")}\n}\n`;
  },
  "without keys that are not known": (text) => text.replace(/^ {2}"estimate": \S*,\n/m, ""),
};

for (const [name, change] of Object.entries(CARELESS)) {
  test(`a version that writes ${name} is found`, async (context) => {
    const { violations } = await attackKeys(shortTask(context, 80), careless(change));
    assert.notDeepEqual(violations, []);
  });
}

test("what is lost within an object is seen, and what only moved", () => {
  const inner = { key: "claim", by: "agent", isOrdered: true };
  const text = (claim: object): string => `{\n  "id": 1,\n  "claim": ${JSON.stringify(claim)}\n}\n`;
  const before = text({ agent: "a", "x-newer": 1, at: "b" });
  const lost = (after: object, rule = inner): number =>
    lostKeys(before, text(after), new Set(["id", "claim"]), rule).length;
  assert.equal(lost({ agent: "a", "x-newer": 1, at: "c" }), 0);
  assert.equal(lost({ agent: "a", at: "b" }), 1);
  assert.equal(lost({ agent: "a", at: "b", "x-newer": 1 }), 1);
  assert.equal(lost({ agent: "a", at: "b", "x-newer": 1 }, { ...inner, isOrdered: false }), 0);
  assert.equal(lost({ agent: "other" }), 0);
});
