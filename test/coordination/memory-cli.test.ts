/** `flowstore memory`, as people and programs call it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { list, one } from "../cli/support.ts";
import { openSession } from "./session.ts";

const HEAD = "ID                          TYPE     SEVERITY  TEXT";

test("session: remembered, found, verified, forgotten", async (context) => {
  const { step, json } = await openSession(context);
  await step(["memory", "list"], { stdout: ["Nothing found"] });
  const words = ["memory", "add", "The cookie is lost in Safari\nsince 17", "--type", "pitfall"];
  const first = await step(
    [...words, "--tag", "auth", "--tag", "web", "--severity", "high", "--module", "shop"],
    { stdout: ["<uid>"] },
  );
  await step(["memory", "add", "-"], { input: "Prices are in cents\n", stdout: ["<uid>"] });
  await step(["memory", "add", " Prices are in cents "], {
    stdout: ["<uid> (known since <time>)"],
  });
  await step(["memory", "list"], {
    stdout: [
      `${HEAD}                          TAGS      MODULE  VERIFIED`,
      "<uid>  general            Prices are in cents",
      "<uid>  pitfall  high      The cookie is lost in Safari  auth,web  shop",
    ],
  });
  for (const found of [
    ["search", "SAFARI"],
    ["search", "auth"],
    ["search", "safari|webkit", "--regex"],
    ["list", "--type", "pitfall", "--tag", "auth", "--tag", "web"],
    ["list", "--severity", "high", "--module", "shop", "--limit", "1"],
  ]) {
    await step(["memory", ...found], {
      stdout: [
        `${HEAD}                          TAGS      MODULE  VERIFIED`,
        "<uid>  pitfall  high      The cookie is lost in Safari  auth,web  shop",
      ],
    });
  }
  await step(["memory", "search", "severity"], { stdout: ["Nothing found"] });
  await step(["memory", "show", first], {
    stdout: [
      "id: <uid>",
      "type: pitfall",
      "severity: high",
      "module: shop",
      "tags: auth, web",
      "createdAt: <time>",
      "",
      "The cookie is lost in Safari",
      "since 17",
    ],
  });
  await step(["memory", "verify", first], {
    stdout: ["Verified <uid> The cookie is lost in Safari"],
  });
  assert.match(String(one(await json(["memory", "show", first]))["lastVerified"]), /^\d{4}-/);
  await step(["memory", "delete", first, "--dry-run"], {
    stdout: ["Would delete <uid> The cookie is lost in Safari"],
  });
  await step(["memory", "show", "-"], { input: first, stdout: await shown() });
  await step(["memory", "delete", first], {
    stdout: ["Deleted <uid> The cookie is lost in Safari"],
  });
  await step(["memory", "delete", first], {
    exit: 3,
    stderr: ['flowstore: There is no entry "<uid>" in memory'],
  });
  await step(["memory", "show", first], {
    exit: 3,
    stderr: ['flowstore: There is no entry "<uid>" in memory'],
  });

  async function shown(): Promise<string[]> {
    return [
      ...["id: <uid>", "type: pitfall", "severity: high", "module: shop", "tags: auth, web"],
      ...[
        "createdAt: <time>",
        "lastVerified: <time>",
        "",
        "The cookie is lost in Safari",
        "since 17",
      ],
    ];
  }
});

test("programs learn whether an entry is new, and how many are found", async (context) => {
  const { json } = await openSession(context);
  const first = await json(["memory", "add", "A fact"]);
  const again = await json(["memory", "add", " A fact\n"]);
  assert.deepEqual([first.meta["created"], again.meta["created"]], [true, false]);
  assert.deepEqual(again.data, first.data);
  const piped = await json(["memory", "add", "-"], { input: "By a pipe\n\n" });
  assert.equal(one(piped)["text"], "By a pipe\n");
  await json(["memory", "delete", String(one(piped)["id"])]);
  await json(["memory", "add", "Another fact", "--tag", "x"]);
  const found = await json(["memory", "search", "fact", "--limit", "1"]);
  assert.deepEqual([list(found).length, found.meta["count"]], [1, 1]);
  const ids = list(await json(["memory", "list"])).map(({ id }) => String(id));
  const verified = list(await json(["memory", "verify", ...ids]));
  assert.deepEqual(
    verified.map(({ id }) => id),
    ids,
  );
  const { exit } = await json(["memory", "delete", ids[0] ?? "", "nobody"]);
  assert.equal(exit, 3);
  assert.equal(list(await json(["memory", "list"])).length, 2);
});

test("what cannot be is refused with a word on why", async (context) => {
  const { step } = await openSession(context);
  await step(["memory", "add", "  "], {
    exit: 2,
    stderr: ["flowstore: Cannot remember it: text holds nothing but white space"],
  });
  await step(["memory", "add", "x", "--severity", "urgent"], {
    exit: 2,
    stderr: ['flowstore: "urgent" is not a severity: expected one of critical, high, medium, low'],
  });
  await step(["memory", "search", ""], {
    exit: 2,
    stderr: ["flowstore: There is nothing to search for"],
  });
  await step(["memory", "search", "(", "--regex"], {
    exit: 2,
    stderr: [
      'flowstore: "(" is not a pattern: Invalid regular expression: /(/i: Unterminated group',
    ],
  });
  await step(["memory", "add", `${"a".repeat(60)}!`], { stdout: ["<uid>"] });
  await step(["memory", "search", "^(a+)+$", "--regex"], {
    exit: 2,
    stderr: [
      "flowstore: Cannot search: the pattern takes longer than 500 ms",
      "  Write it without a repetition inside a repetition, or search for a text.",
    ],
  });
});
