/** A restore that is killed before any of its operations: all documents as they were, or all back. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FlowStore } from "flowstore";
import { documentsIn, fill } from "../coordination/checkpoint-support.ts";
import { changeAtRandom } from "../coordination/random-changes.ts";
import { makeStore } from "../features/support.ts";
import { inLanes, tempFolder } from "../storage/support.ts";

const WORKER = fileURLToPath(new URL("./checkpoint-kill.worker.js", import.meta.url));
/** Children at once. */
const AT_ONCE = 3;
/** `KILL_ALL=1` kills at every operation; the suite at the first and last ones, and some between. */
const ALL = process.env["KILL_ALL"] !== undefined;
/** Where the record is written, and where the last file follows. */
const EDGE = 7;
/** Operations of one kind follow each other: each document's file is moved into its place. */
const STEP = 23;

interface Ended {
  readonly signal: string | null;
  readonly out: string;
}

async function run(root: string, k: number): Promise<Ended> {
  const child = spawn(process.execPath, [WORKER, root, String(k)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => (out += String(data)));
  child.stderr.on("data", (data) => (err += String(data)));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.on("close", (...ended) => resolve(ended)),
  );
  assert.ok(signal === "SIGKILL" || code === 0, `operation ${k}: exit ${code} ${signal}: ${err}`);
  return { signal, out };
}

function copyOf(root: string): string {
  const copy = join(tempFolder(), ".flow");
  cpSync(root, copy, { recursive: true });
  return copy;
}

/** What a reader sees of a root, before anybody brings its files up to date. */
async function lookAt(root: string): Promise<string> {
  const store = await FlowStore.open(root, { readOnly: true });
  const log = await store.events.query({ type: "checkpoint_restored" });
  const seen = {
    restored: log.length,
    checkpoints: (await store.checkpoints.list()).map(({ name }) => name),
    dry: (await store.checkpoints.restore("saved", { dryRun: true })).counts,
    features: await store.features.getAll(),
    settings: await store.settings.list(),
  };
  await store.close();
  return JSON.stringify(seen);
}

/**
 * Raises the journal's floor, as a process that is done does: in a copy of the root, files that were
 * removed by hand since are else taken for files that the copying missed.
 */
async function bringToTheDisk(root: string): Promise<void> {
  const store = await FlowStore.open(root, { durability: "full" });
  await store.settings.set("colour", { dark: true });
  await store.settings.set("colour", { dark: false });
  await store.close();
}

test("kill -9 before each operation of a restore after 500 random changes", async (context) => {
  const store = await makeStore(context);
  await fill(store);
  await store.checkpoints.save("saved");
  const saved = documentsIn(store.root);
  const changes = await changeAtRandom(store, 500, 3);
  await store.close();
  await bringToTheDisk(store.root);
  const before = { seen: await lookAt(store.root), documents: documentsIn(store.root) };
  const whole = copyOf(store.root);
  const { out } = await run(whole, 0);
  const after = { seen: await lookAt(whole), documents: documentsIn(whole) };
  for (const [path, bytes] of Object.entries(saved)) assert.equal(after.documents[path], bytes);
  assert.notEqual(before.seen, after.seen);

  const last = Number(out.split(" ")[1]);
  const points = Array.from({ length: last }, (_, index) => index + 1).filter(
    (k) => ALL || k <= EDGE || k > last - EDGE || k % STEP === 0,
  );
  const ends = { before: 0, after: 0 };
  const cases = points.map((k) => async () => {
    const root = copyOf(store.root);
    const ended = await run(root, k);
    assert.equal(ended.signal, "SIGKILL", `operation ${k} of ${last}`);
    const seen = await lookAt(root);
    if (seen !== after.seen)
      assert.equal(seen, before.seen, `a reader sees neither, operation ${k}`);
    const mender = await FlowStore.open(root, { durability: "none" });
    await mender.repair();
    await mender.close();
    // A record that was written and not confirmed is believed by who recovers it, not by readers.
    const recovered = await lookAt(root);
    const is = recovered === before.seen && seen === before.seen ? before : after;
    ends[is === before ? "before" : "after"] += 1;
    assert.equal(recovered, is.seen, `recovered to neither, operation ${k}`);
    assert.deepEqual(documentsIn(root), is.documents, `killed before operation ${k}`);
  });
  await inLanes(cases, AT_ONCE);
  assert.ok(ends.before > 0 && ends.after > 0, JSON.stringify(ends));
  context.diagnostic(`${points.length} of ${last} points, ${JSON.stringify({ ends, changes })}`);
});
