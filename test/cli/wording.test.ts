/** One form for what users read: a message has no full stop at its end, a hint is a sentence. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../readme/blocks.ts";

const TEXTS = readdirSync(join(REPOSITORY, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => [name, readFileSync(join(REPOSITORY, "src", name), "utf8")] as const);

/** A text of the source, as far as it stands in one pair of quotes. */
const QUOTED = String.raw`("(?:[^"\\]|\\.)*"|${"`"}(?:[^${"`"}\\]|\\.)*${"`"})`;

/** What follows `before` in all sources, with the file it stands in. */
function textsAfter(before: string): [file: string, text: string][] {
  return TEXTS.flatMap(([file, source]) =>
    [...source.matchAll(new RegExp(`${before}${QUOTED}`, "g"))].map(
      ([, text = ""]): [string, string] => [file, text.slice(1, -1)],
    ),
  );
}

test("messages of errors end without a full stop", () => {
  const messages = textsAfter(String.raw`new FlowError\(\s*"[A-Z_]+",\s*`);
  assert.ok(messages.length > 50);
  assert.deepEqual(
    messages.filter(([, text]) => text.endsWith(".")),
    [],
  );
});

test("hints are sentences", () => {
  const hints = textsAfter(String.raw`\bhint:\s*(?:didYouMean\([^)]*\) \?\?\s*)?`);
  assert.ok(hints.length > 10);
  assert.deepEqual(
    hints.filter(([, text]) => !/[.?]$/.test(text)),
    [],
  );
});
