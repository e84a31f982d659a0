/** `flowstore scout-cache`, `output` and `setting`, as people and programs call them. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { list, one, openStoreShell } from "../cli/support.ts";
import { openSession } from "./session.ts";

test("session: a result is kept, found and dropped", async (context) => {
  const { folder, step, json } = await openSession(context);
  await step(["scout-cache", "get", "repo:4f2a91c"], {
    stdout: ["Nothing is kept for repo:4f2a91c"],
  });
  await step(
    ["scout-cache", "set", "repo:4f2a91c", "--type", "repo", "--result", '{"files":["a.ts"]}'],
    { stdout: ["Kept repo:4f2a91c until <time>"] },
  );
  await step(["scout-cache", "get", "repo:4f2a91c"], {
    stdout: ["{", '  "files": [', '    "a.ts"', "  ]", "}"],
  });
  await step(["scout-cache", "get", "repo_4f2a91c"], {
    stdout: ["Nothing is kept for repo_4f2a91c"],
  });
  writeFileSync(join(folder, "found.txt"), "two\tlines\n\x1b[31mred");
  await step(["scout-cache", "set", "docs:no-git", "--result", "@found.txt", "--quiet"]);
  await step(["scout-cache", "get", "docs:no-git"], { stdout: ["two\tlines", "\\x1b[31mred"] });
  const set = one(await json(["scout-cache", "set", "k", "--result", "-"], { input: "[1]" }));
  assert.deepEqual(set["result"], [1]);
  const hit = await json(["scout-cache", "get", "k"]);
  assert.deepEqual([hit.exit, hit.data], [0, { hit: true, key: "k", result: [1] }]);
  const miss = await json(["scout-cache", "get", "l"]);
  assert.deepEqual([miss.exit, miss.data], [0, { hit: false, key: "l", result: null }]);
  await step(["scout-cache", "set", "k"], {
    exit: 2,
    stderr: ["flowstore: Say what to keep: give --result"],
  });
  await step(["scout-cache", "clear"], { stdout: ["Cleared 3 results"] });
  assert.deepEqual((await json(["scout-cache", "clear"])).data, { cleared: 0 });
});

test("session: a task hands on, another reads", async (context) => {
  const { folder, step, json } = await openSession(context);
  await step(["output", "list"], { stdout: ["No outputs"] });
  await step(["output", "write", "fn-1.2", "--file", "-"], {
    input: "# Done\n\n\tall of it",
    stdout: ["Wrote .flow/outputs/fn-1.2.md (18 bytes)"],
  });
  writeFileSync(join(folder, "handoff.md"), "# More\n");
  await step(["output", "write", "fn-10.1", "--file", "handoff.md"], {
    stdout: ["Wrote .flow/outputs/fn-10.1.md (7 bytes)"],
  });
  await step(["output", "show", "fn-1.2"], { stdout: ["# Done", "", "\tall of it"] });
  assert.deepEqual((await json(["output", "show", "fn-1.2"])).data, {
    taskId: "fn-1.2",
    content: "# Done\n\n\tall of it",
  });
  await step(["output", "list"], {
    stdout: [
      "TASK     WRITTEN                   BYTES  FILE",
      "fn-10.1  <time>      7  .flow/outputs/fn-10.1.md",
      "fn-1.2   <time>     18  .flow/outputs/fn-1.2.md",
    ],
  });
  const ofEpic = await json(["output", "list", "--epic", "fn-1", "--limit", "5"]);
  assert.deepEqual(
    list(ofEpic).map(({ taskId }) => taskId),
    ["fn-1.2"],
  );
  assert.equal(ofEpic.meta["count"], 1);
  await step(["output", "show", "fn-1"], {
    exit: 3,
    stderr: ['flowstore: There is no output of task "fn-1"'],
  });
  await step(["output", "write", "fn-1.2"], {
    exit: 2,
    stderr: ["flowstore: Say what to write: give --file"],
  });
  await step(["output", "write", "../../escaped", "--file", "-"], {
    input: "x",
    stdout: ["Wrote .flow/outputs/%2e.%2f..%2fescaped.md (1 byte)"],
  });
  const text = readFileSync(join(folder, ".flow/outputs/%2e.%2f..%2fescaped.md"), "utf8");
  assert.equal(text, '---\ntask: "../../escaped"\n---\nx');
});

test("session: the project agrees on values", async (context) => {
  const { step, json } = await openSession(context);
  await step(["setting", "list"], { stdout: ["No settings"] });
  await step(["setting", "get", "review"], {
    exit: 3,
    stderr: ['flowstore: The setting "review" has no value'],
  });
  await step(["setting", "set", "review", "codex", "--note", "agreed"], {
    stdout: ["review = codex"],
  });
  await step(["setting", "set", "scouts", '{"github":true}'], {
    stdout: ['scouts = {"github":true}'],
  });
  await step(["setting", "set", "agents", "3"], { stdout: ["agents = 3"] });
  await step(["setting", "set", "none", "-"], { input: "null\n", stdout: ["none = null"] });
  await step(["setting", "get", "review"], { stdout: ["codex"] });
  await step(["setting", "get", "none"], { stdout: ["null"] });
  await step(["setting", "get", "scouts"], { stdout: ["{", '  "github": true', "}"] });
  await step(["setting", "list"], {
    stdout: [
      "KEY     VALUE",
      "agents  3",
      "none    null",
      "review  codex",
      'scouts  {"github":true}',
    ],
  });
  assert.deepEqual((await json(["setting", "get", "agents"])).data, { key: "agents", value: 3 });
  const [event] = list(await json(["events", "--stream", "setting:review"]));
  assert.deepEqual(
    [event?.["type"], event?.["payload"], event?.["metadata"]],
    ["setting_changed", { key: "review", newValue: "codex" }, { note: "agreed" }],
  );
});

test("no control character of a text reaches the terminal", async (context) => {
  const { run, json } = await openStoreShell(context);
  const evil = "\x1b[31m\u202e\x07\r\x9b";
  const ask = async (): Promise<string> =>
    String(one(await json(["approval", "create", "--task", evil, "--payload", "-"], asJson))["id"]);
  const asJson = { input: JSON.stringify({ [evil]: evil }) };
  const [asked, waited, learnt] = [
    await ask(),
    await ask(),
    String(one(await json(["memory", "add", evil, "--tag", evil, "--module", evil]))["id"]),
  ];
  for (const words of [
    ["approval", "show", asked],
    ["approval", "wait", waited, "--timeout", "1ms"],
    ["approval", "reject", asked, "--reason", evil, "--actor", evil],
    ["approval", "wait", asked],
    ["approval", "approve", asked],
    ["approval", "approve", evil],
    ["approval", "list"],
    ["memory", "add", ` ${evil}`],
    ["memory", "list"],
    ["memory", "show", learnt],
    ["memory", "show", evil],
    ["memory", "search", evil],
    ["memory", "search", `(${evil}`, "--regex"],
    ["memory", "verify", learnt],
    ["memory", "delete", learnt],
    ["scout-cache", "set", evil, "--result", evil],
    ["scout-cache", "get", evil],
    ["scout-cache", "get", `${evil}x`],
    ["output", "write", evil, "--file", "-"],
    ["output", "show", evil],
    ["output", "show", `${evil}x`],
    ["output", "list"],
    ["setting", "set", evil, evil],
    ["setting", "get", evil],
    ["setting", "get", `${evil}x`],
    ["setting", "list"],
    ["events"],
  ]) {
    const { stdout, stderr } = await run(words, { input: evil });
    const unsafe = `${stdout}${stderr}`.match(/[\p{Cc}\u202e]/gu);
    assert.deepEqual(new Set(unsafe), new Set(["\n"]), words.join(" "));
  }
});
