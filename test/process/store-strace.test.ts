/** The promises about files, seen from below: the system calls of a process at work. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { FlowStore } from "flowstore";
import { Child, temporaryFolder } from "./store-children.ts";
import {
  callsOf,
  offsetOf,
  straceCommand,
  whyNoStrace,
  writtenText,
  type SystemCall,
} from "./store-strace.ts";

const JOURNAL = "local/journal/";

interface Traced {
  readonly root: string;
  /** The size of each event segment before. */
  readonly sizes: ReadonlyMap<string, number>;
  /** What the process did from its start to its end. */
  readonly calls: readonly SystemCall[];
}

/** Makes a store, then does `calls` in a traced process, one after another. */
async function trace(
  context: TestContext,
  { access, calls }: { access: "read" | "write"; calls: readonly [string, ...unknown[]][] },
): Promise<Traced> {
  const project = temporaryFolder(context);
  const root = join(project, ".flow");
  const store = await FlowStore.init(project);
  await store.features.createBulk([
    { name: "One", kept: 1 },
    { name: "Two", dependencies: [{ index: 0 }] },
  ]);
  await store.features.claimAndGet(1, { leaseMs: 60_000 });
  await store.close();
  const events = readdirSync(join(root, "events"));
  const sizes = new Map(
    events.map((name) => [`events/${name}`, statSync(join(root, "events", name)).size]),
  );

  const file = join(project, "trace");
  const prefix = straceCommand(file);
  const child = Child.start(context, "store-rpc", [project, "ann", "full", access], { prefix });
  await child.next((line) => line === "ready");
  for (const [id, [call, ...args]] of calls.entries()) {
    const answer = child.next((line) => line.startsWith(`{"id":${id},`));
    child.send(JSON.stringify({ id, call, args }));
    assert.doesNotMatch(await answer, /^\{"id":\d+,"error"/);
  }
  child.send("end");
  await child.done();
  return { root, sizes, calls: callsOf(file, root) };
}

/** Where the answer of call number `id` was told. */
function toldAt(calls: readonly SystemCall[], id: number): number {
  const at = calls.findIndex(
    (call) => call.name === "write" && writtenText(call).startsWith(`{"id":${id},`),
  );
  assert.notEqual(at, -1);
  return at;
}

function isJournal(call: SystemCall): boolean {
  return call.paths[0]?.startsWith(JOURNAL) === true;
}

/** The paths that a record names; `null` for other lines of the journal. */
function recordPaths(call: SystemCall): string[] | null {
  const json = /^\n[0-9a-f]+ (\{.*\})\n$/s.exec(writtenText(call))?.[1];
  if (call.name !== "write" || !isJournal(call) || json === undefined) return null;
  const line = JSON.parse(json) as { kind: string; changes?: Record<string, string>[] };
  if (line.kind !== "record") return null;
  return (line.changes ?? []).map(({ put, append, drop }) => put ?? append ?? drop ?? "");
}

const isOfProject = (path: string): boolean => !path.startsWith("local/");

test("a durable change is in the journal and synced before any file is touched", async (context) => {
  const missing = whyNoStrace();
  if (missing !== null) {
    context.skip(`NOT RUN: ${missing}`);
    return;
  }
  const { root, sizes, calls } = await trace(context, {
    access: "write",
    calls: [
      ["features.claimAndGet", 2],
      ["features.update", 1, { name: "Uno", kept: 2 }],
      ["features.create", { name: "Three" }],
      ["features.delete", 2],
    ],
  });

  const opened = calls.filter(({ name }) => name === "openat" || name === "open");
  for (const { text, paths, line } of opened) {
    const [path = ""] = paths;
    if (path === "" || !/O_WRONLY|O_RDWR|O_CREAT/.test(text)) continue;
    assert.doesNotMatch(text, /O_TRUNC/, line);
    if (isOfProject(path)) assert.match(path, /^events\//, line);
    if (path.startsWith(JOURNAL)) assert.match(text, /O_APPEND|O_EXCL/, line);
  }

  const promised = new Set<string>();
  let unsynced: string[] = [];
  const lengths = new Map(sizes);
  let touched = 0;
  for (const call of calls) {
    const { name, paths, line } = call;
    const target = paths.at(-1) ?? "";
    unsynced.push(...(recordPaths(call) ?? []));
    if (name === "fdatasync" && isJournal(call)) {
      for (const path of unsynced) promised.add(path);
      unsynced = [];
    } else if (
      /^(rename|link|unlink|truncate|ftruncate|pwrite|write|mkdir|rmdir|fallocate)/.test(name)
    ) {
      if (target === "" || !isOfProject(target)) continue;
      touched += 1;
      assert.ok(promised.has(target), `before its record was synced: ${line}`);
      if (name === "rename") {
        assert.match(paths[0] ?? "", /^local\/fence\/[a-z0-9]+\/\d+$/, line);
        continue;
      }
      // All else that is done to what git tracks is bytes at the end of a segment.
      assert.equal(name, "pwrite64", line);
      assert.match(target, /^events\//, line);
      assert.equal(offsetOf(call), lengths.get(target), line);
      lengths.set(target, offsetOf(call) + call.result);
    }
  }
  assert.ok(touched >= 8, `only ${touched} changes of files were seen`);
  for (const [path, length] of lengths)
    assert.equal(readFileSync(join(root, path)).length, length, path);

  // One sync a call; and when a call is answered, its files say so.
  const answers = [0, 1, 2, 3].map((id) => toldAt(calls, id));
  for (const [id, answer] of answers.entries()) {
    const own = calls.slice(id === 0 ? 0 : answers[id - 1], answer);
    assert.equal(own.filter(({ name }) => name === "fdatasync").length, 1, `syncs of call ${id}`);
    assert.ok(
      own.some((call) => call.paths.some(isOfProject)),
      `call ${id} changed no file`,
    );
  }
  const late = calls.slice(answers.at(-1)).filter(({ name }) => /^(rename|pwrite)/.test(name));
  assert.deepEqual(
    late.filter(({ paths }) => paths.some(isOfProject)),
    [],
  );
});

test("reading opens nothing for writing and makes nothing", async (context) => {
  const missing = whyNoStrace();
  if (missing !== null) {
    context.skip(`NOT RUN: ${missing}`);
    return;
  }
  const reads: [string, ...unknown[]][] = [
    ["features.getById", 1],
    ["features.getAll"],
    ["features.getReady"],
    ["features.getBlocked"],
    ["features.getStats"],
    ["features.getGraph"],
    ["features.list", { limit: 1 }],
    ["features.history", 1],
    ["changes.getEvents", 2],
    ["events.query", { type: "claimed" }],
    ["status"],
    ["check"],
  ];
  for (const access of ["read", "write"] as const) {
    const { calls } = await trace(context, { access, calls: reads });
    const changing = calls.filter(({ name, text, paths: [path = ""] }) => {
      // A store that may write later holds the journal open for it, and writes nothing.
      const isKept =
        access === "write" && path.startsWith(JOURNAL) && /\bO_RDWR\|O_APPEND\b/.test(text);
      return (
        path !== "" &&
        (!name.startsWith("open") || (/O_WRONLY|O_RDWR|O_CREAT/.test(text) && !isKept))
      );
    });
    assert.deepEqual(
      changing.map(({ line }) => line),
      [],
      access,
    );
  }
});
