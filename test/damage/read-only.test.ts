/** Reading never writes: shown by a snapshot of everything, and by a user who may not write. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, lstatSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { FlowStore, type FlowStoreOptions } from "flowstore";

import { fileOf, makeProject, QUICK, snapshot } from "../features/support.ts";

const PACKAGE = import.meta.resolve("flowstore");

/** Every call that reads, by a module that prints what came of each. */
const READS = `
  export async function readAll(store) {
    const { features, changes, events } = store;
    const [first] = await features.getAll();
    const results = {
      getAll: await features.getAll(),
      getReady: await features.getReady(),
      getBlocked: await features.getBlocked(),
      getStats: await features.getStats(),
      getGraph: await features.getGraph(),
      getById: await features.getById(1),
      byUid: first === undefined ? null : await features.getById(first.uid),
      unknown: await features.getById(999),
      list: await features.list({ limit: 2, text: "f" }),
      history: await features.history(1),
      getEvents: await changes.getEvents(2),
      query: await events.query({ order: "desc", limit: 3 }),
      check: (await store.check()).map(({ file, rule }) => [file, rule]),
      status: (await store.status()).features,
      dryRun: (await store.repair({ dryRun: true })).done,
    };
    const all = [];
    for await (const event of events.replayAll()) all.push(event.id);
    return { ...results, replayAll: all };
  }
`;

type ReadAll = (store: FlowStore) => Promise<Record<string, unknown>>;

async function makeRoot(project: string): Promise<string> {
  const store = await FlowStore.init(project, QUICK);
  await store.features.createBulk([
    { name: "f1" },
    { name: "f2", dependencies: [{ index: 0 }] },
    { name: "f3" },
  ]);
  await store.features.claimAndGet(1, { agent: "ann", leaseMs: 1 });
  await store.features.delete(3);
  writeFileSync(join(store.root, "features/8-damaged.json"), "{");
  writeFileSync(join(store.root, "features/9-hand.json"), '{"id": 9, "name": "f by hand"}');
  await store.close();
  return store.root;
}

/** A writer that is killed in the middle: committed, and not in the files yet. */
function leavePending(root: string): void {
  const script = `
    const { FlowStore } = await import(${JSON.stringify(PACKAGE)});
    const store = await FlowStore.open(${JSON.stringify(root)}, { durability: "relaxed" });
    await store.features.createBulk([{ name: "f pending" }, { name: "f pending too" }]);
    await store.features.markPassing(2);
    process.kill(process.pid, "SIGKILL");
  `;
  const path = join(root, "../pending.mjs");
  writeFileSync(path, script);
  assert.equal(spawnSync(process.execPath, [path]).signal, "SIGKILL");
  rmSync(path);
}

async function load(project: string): Promise<ReadAll> {
  const path = join(project, "reads.mjs");
  writeFileSync(path, READS);
  const { readAll } = (await import(path)) as { readAll: ReadAll };
  return readAll;
}

/** A user who may read what others may, and write nothing of root's. */
const NOBODY = 65_534;

/** Runs a module as somebody who may not write; `null` where such a user cannot even read the code. */
function runAsReader(path: string): string | null {
  if (process.getuid?.() !== 0) {
    return execFileSync(process.execPath, [path], { encoding: "utf8" });
  }
  const user = { uid: NOBODY, gid: NOBODY };
  const code = fileURLToPath(PACKAGE);
  const mayRead = spawnSync(
    process.execPath,
    ["-e", "fs.readFileSync(process.argv[1])", code],
    user,
  );
  if (mayRead.status !== 0) return null;
  return execFileSync(process.execPath, [path], { ...user, encoding: "utf8", env: { HOME: "/" } });
}

function setModes(folder: string, folderMode: number, fileMode: number): void {
  if (folderMode & 0o200) chmodSync(folder, folderMode);
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (lstatSync(path).isDirectory()) setModes(path, folderMode, fileMode);
    else chmodSync(path, fileMode);
  }
  chmodSync(folder, folderMode);
}

describe("reading", () => {
  const OPTIONS: readonly FlowStoreOptions[] = [
    {},
    { readOnly: true },
    { durability: "none" },
    { durability: "relaxed" },
  ];

  for (const [name, prepare] of [
    ["after a clean end", () => undefined],
    ["after a killed writer", leavePending],
    ["without local/", (root: string) => rmSync(join(root, "local"), { recursive: true })],
    ["without events/", (root: string) => rmSync(join(root, "events"), { recursive: true })],
    ["without features/", (root: string) => rmSync(join(root, "features"), { recursive: true })],
  ] as const) {
    test(`${name}: every read call, with every option, changes no name, byte, time or inode`, async (context) => {
      const project = makeProject(context);
      const root = await makeRoot(project);
      prepare(root);
      const readAll = await load(project);
      const before = snapshot(root);
      let first: Record<string, unknown> | undefined;
      for (const options of OPTIONS) {
        const store = await FlowStore.open(root, options);
        const seen = await readAll(store);
        // Twice, and again when the looks of the first time are old.
        await new Promise((resolve) => setTimeout(resolve, 70));
        assert.deepEqual(await readAll(store), seen);
        await store.close();
        first ??= seen;
        assert.deepEqual(seen, first);
      }
      assert.deepEqual(snapshot(root), before);
    });

    test(`${name}: by a user who may not write, the same answers`, async (context) => {
      const project = makeProject(context);
      const root = await makeRoot(project);
      prepare(root);
      const readAll = await load(project);
      const store = await FlowStore.open(root, { readOnly: true });
      const expected = await readAll(store);
      await store.close();
      const script = join(project, "run.mjs");
      writeFileSync(
        script,
        `
          import { readAll } from "./reads.mjs";
          const { FlowStore } = await import(${JSON.stringify(PACKAGE)});
          const store = await FlowStore.open(${JSON.stringify(project)});
          const seen = await readAll(store);
          const refused = await store.features.create({ name: "x" }).then(() => "written", (error) => error.code);
          await store.close();
          process.stdout.write(JSON.stringify({ seen, refused }));
        `,
      );
      chmodSync(project, 0o755);
      setModes(root, 0o555, 0o444);
      try {
        const before = snapshot(root);
        const output = runAsReader(script);
        assert.deepEqual(snapshot(root), before);
        if (output === null) {
          context.diagnostic("no user without rights could read the code: not shown here");
          return;
        }
        const { seen, refused } = JSON.parse(output) as Record<string, unknown>;
        assert.deepEqual(seen, JSON.parse(JSON.stringify(expected)));
        assert.equal(refused, "IO");
      } finally {
        setModes(root, 0o755, 0o644);
      }
    });
  }

  test("a file that may not be read is named, the others are returned", async (context) => {
    const project = makeProject(context);
    const store = await FlowStore.init(project, QUICK);
    const made = await store.features.createBulk([{ name: "a" }, { name: "b" }]);
    await store.close();
    const path = fileOf(store, made[0] as (typeof made)[number]);
    const script = join(project, "run.mjs");
    writeFileSync(
      script,
      `
        const { FlowStore } = await import(${JSON.stringify(PACKAGE)});
        const store = await FlowStore.open(${JSON.stringify(project)});
        const ids = (await store.features.getAll()).map(({ id }) => id);
        const code = await store.features.getById(1).then(() => "read", (error) => error.code);
        const found = (await store.check()).map(({ rule, file }) => [rule, file]);
        process.stdout.write(JSON.stringify({ ids, code, found }));
      `,
    );
    chmodSync(project, 0o755);
    chmodSync(path, 0o000);
    const output = runAsReader(script);
    chmodSync(path, 0o644);
    if (output === null) return context.diagnostic("not shown here");
    assert.deepEqual(JSON.parse(output), {
      ids: [2],
      code: "IO",
      found: [["unreadable", path.slice(dirname(dirname(path)).length + 1)]],
    });
  });
});
