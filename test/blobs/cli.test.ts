/** `flowstore blob`, as people and programs call it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REGISTRY } from "#src/cli/registry.js";
import { one, outcomeOf, start } from "../cli/support.ts";
import { openSession } from "../coordination/session.ts";

const sha = (data: Uint8Array | string): string => createHash("sha256").update(data).digest("hex");
const HELLO = "hello\n";
const DIGEST = sha(HELLO);
const FILE = `.flow/blobs/data/${DIGEST.slice(0, 2)}/${DIGEST}`;
const UNKNOWN = [
  'flowstore: There is no blob "none"',
  "  flowstore blob list shows those that there are.",
];

test("session: put, looked at, got, removed, collected", async (context) => {
  const { step, run, folder } = await openSession(context);
  writeFileSync(join(folder, "hello.txt"), HELLO);
  await step(["blob", "list"], { stdout: ["No blobs"] });
  await step(["blob", "put", "a/b:C", "--file", "hello.txt", "--type", "text/plain"], {
    stdout: ["Put a/b:C (6 bytes)"],
  });
  await step(["blob", "put", "empty", "--file", "-", "--quiet"]);
  await step(["blob", "list"], {
    stdout: [
      "KEY    BYTES  TYPE        SHA-256",
      `a/b:C      6  text/plain  ${DIGEST.slice(0, 12)}`,
      `empty      0              ${sha("").slice(0, 12)}`,
    ],
  });
  await step(["blob", "stat", "empty", "a/b:C"], {
    stdout: [
      ...["key: empty", "size: 0", `sha256: ${sha("")}`, ""],
      ...["key: a/b:C", "size: 6", "contentType: text/plain", `sha256: ${DIGEST}`],
    ],
  });
  await step(["blob", "get", "a/b:C"], { stdout: ["hello"] });
  await step(["blob", "get", "a/b:C", "--output", "copy"], {
    stdout: ["Wrote copy: a/b:C (6 bytes)"],
  });
  assert.equal(readFileSync(join(folder, "copy"), "utf8"), HELLO);
  for (const words of [
    ["get", "none"],
    ["stat", "a/b:C", "none"],
    ["remove", "empty", "none"],
  ]) {
    await step(["blob", ...words], { exit: 3, stderr: UNKNOWN });
  }
  await step(["status"], {
    stdout: [
      "<folder>/.flow  format 1, full, ext4",
      ...["Features  none", "Also      2 blobs", "Events    0 in 0 segments", "Problems  none"],
    ].map((line) => line.replace("ext4", fileSystemOf(folder))),
  });
  await step(["blob", "remove", "a/b:C", "--dry-run"], { stdout: ["Would remove a/b:C"] });
  await step(["blob", "remove", "-"], { input: "a/b:C\n", stdout: ["Removed a/b:C"] });
  await step(["blob", "gc"], { stdout: ["Removed 0 contents (0 bytes); 2 kept"] });
  await step(["blob", "verify"], {
    stdout: ["No damage found", "Without a key: 1 content (6 bytes)"],
  });
  await step(["blob", "gc", "--older-than", "1ms", "--dry-run"], {
    stdout: ["Would remove 1 content (6 bytes); 1 kept"],
  });
  assert.ok(existsSync(join(folder, FILE)));
  await step(["blob", "gc", "--older-than", "1ms"], {
    stdout: ["Removed 1 content (6 bytes); 1 kept"],
  });
  assert.equal(existsSync(join(folder, FILE)), false);
  await step(["blob", "verify"], { stdout: ["No damage found"] });
  const { stdout } = await run(["events"]);
  assert.match(stdout, /blobs_collected +\{"removed":1,"bytes":6\} +tester/);
});

function fileSystemOf(folder: string): string {
  const { stdout } = spawnSync("stat", ["--file-system", "--format=%T", folder], {
    encoding: "utf8",
  });
  const name = stdout.trim();
  return name === "ext2/ext3" ? "ext4" : name;
}

const called = new Set<string>();

test("programs get the whole envelope of every command", async (context) => {
  const { json: call } = await openSession(context);
  const json = async (words: string[], input = ""): ReturnType<typeof call> => {
    called.add(words.slice(0, 2).join(" "));
    const outcome = await call(words, { input });
    assert.deepEqual([outcome.exit, outcome.command], [0, words.slice(0, 2).join(" ")]);
    return outcome;
  };
  const entry = { key: "k", sha256: DIGEST, size: 6, contentType: "text/plain" };
  const put = await json(["blob", "put", "k", "--file", "-", "--type", "text/plain"], HELLO);
  assert.deepEqual(put.data, entry);
  const { data, meta } = await json(["blob", "list"]);
  assert.deepEqual([data, meta], [[entry], { count: 1 }]);
  assert.deepEqual((await json(["blob", "stat", "k"])).data, entry);
  assert.deepEqual((await json(["blob", "stat", "k", "k"])).data, [entry, entry]);
  const got = await json(["blob", "get", "k", "--output", "out"]);
  assert.deepEqual(got.data, { ...entry, file: "out" });
  assert.deepEqual((await json(["blob", "remove", "k"])).data, { key: "k" });
  const verified = await json(["blob", "verify"]);
  assert.deepEqual(verified.data, []);
  assert.deepEqual(verified.meta, {
    ...{ count: 0, errors: 0, warnings: 0, unreferenced: 1, unreferencedBytes: 6 },
  });
  const collected = await json(["blob", "gc", "--older-than", "1ms"]);
  assert.deepEqual(collected.data, { removed: 1, bytes: 6, kept: 0, unfinished: 0 });
  assert.deepEqual(
    Object.keys(REGISTRY).filter((name) => name.startsWith("blob ") && !called.has(name)),
    [],
  );
});

test("bytes of any kind and size pass as they are, through pipes and files", async (context) => {
  const { folder, json } = await openSession(context);
  const data = randomBytes(5_000_000);
  const child = start(folder, ["blob", "put", "big", "--file", "-"]);
  const ended = outcomeOf(child);
  child.stdin.end(data);
  assert.equal((await ended).exit, 0);
  const reader = start(folder, ["blob", "get", "big"]);
  const hash = createHash("sha256");
  reader.stdout.on("data", (chunk: Buffer) => hash.update(chunk));
  assert.equal((await outcomeOf(reader)).exit, 0);
  assert.equal(hash.digest("hex"), sha(data));
  symlinkSync("real", join(folder, "link"));
  writeFileSync(join(folder, "real"), "old", { mode: 0o600 });
  const got = one(await json(["blob", "get", "big", "--output", "link"]));
  assert.equal(got["sha256"], sha(data));
  assert.ok(readFileSync(join(folder, "real")).equals(data));
  assert.equal(statSync(join(folder, "real")).mode & 0o777, 0o600);
  assert.ok(lstatSync(join(folder, "link")).isSymbolicLink());
});

test("a reader that goes away early ends the command and not the store", async (context) => {
  const { folder, run } = await openSession(context);
  writeFileSync(join(folder, "big"), randomBytes(3_000_000));
  await run(["blob", "put", "big", "--file", "big"]);
  const child = start(folder, ["blob", "get", "big"]);
  child.stdout.once("data", () => child.stdout.destroy());
  assert.deepEqual(await outcomeOf(child).then(({ exit, stderr }) => [exit, stderr]), [0, ""]);
});

test("what is wrong has its exit code, and leaves what was there", async (context) => {
  const { folder, json, run } = await openSession(context);
  writeFileSync(join(folder, "old"), "old");
  await run(["blob", "put", "k", "--file", "-"], { input: HELLO });
  for (const [code, exit, words] of [
    ["BAD_REQUEST", 2, ["put", "k"]],
    ["BAD_REQUEST", 2, ["put", "", "--file", "-"]],
    ["BAD_REQUEST", 2, ["put", "k", "--file", "."]],
    ["NOT_FOUND", 3, ["put", "k", "--file", "missing"]],
    ["BAD_REQUEST", 2, ["get", "k"]],
    ["BAD_REQUEST", 2, ["gc", "--older-than", "soon"]],
    ["NOT_FOUND", 3, ["get", "none", "--output", "old"]],
    ["IO", 7, ["get", "k", "--output", "no/such/folder"]],
  ] as const) {
    const refusal = await json(["blob", ...words]);
    assert.deepEqual([refusal.exit, refusal.error.code], [exit, code], words.join(" "));
  }
  writeFileSync(join(folder, FILE), "Hello\n");
  const damaged = await json(["blob", "get", "k", "--output", "old"]);
  assert.deepEqual([damaged.exit, damaged.error.code], [6, "CORRUPT"]);
  assert.equal(damaged.error.context["file"], FILE.replace(".flow/", ""));
  assert.equal(readFileSync(join(folder, "old"), "utf8"), "old");
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith(".tmp")),
    [],
  );
  const printed = await run(["blob", "get", "k"]);
  assert.equal(printed.exit, 6);
  assert.match(printed.stderr, /its content is not the one that its name stands for/);
  const verified = await run(["blob", "verify"]);
  assert.equal(verified.exit, 4);
  assert.match(verified.stdout, /error blobs\/keys\/k\.json: .*\(blob-content\)\n1 error, 0 warn/);
});

test("an unfinished content is told of, and collected, when its writer is silent for long", async (context) => {
  const { folder, run, json } = await openSession(context);
  await run(["blob", "put", "k", "--file", "-"], { input: HELLO });
  const part = join(folder, ".flow/local/blobs/0123456789ab");
  writeFileSync(part, "half");
  assert.deepEqual((await json(["blob", "verify"])).data, []);
  await run(["blob", "gc", "--older-than", "1ms"]);
  assert.ok(existsSync(part), "its writer may be at work");
  const longAgo = Date.now() / 1000 - 3700;
  utimesSync(part, longAgo, longAgo);
  const [finding] = (await json(["blob", "verify"])).data as { rule: string; file: string }[];
  assert.deepEqual([finding?.rule, finding?.file], ["unfinished-blob", "local/blobs/0123456789ab"]);
  assert.equal(one(await json(["blob", "gc"]))["unfinished"], 1);
  assert.equal(existsSync(part), false);
  rmSync(join(folder, FILE));
  const { data } = await json(["blob", "verify"]);
  assert.deepEqual(
    (data as { rule: string; message: string }[]).map(({ rule, message }) => [rule, message]),
    [["blob-content", `blobs/keys/k.json: its content ${FILE.replace(".flow/", "")} is missing`]],
  );
});
