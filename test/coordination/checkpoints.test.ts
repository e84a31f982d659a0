/** Checkpoints: what is saved, and exactly that comes back. */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, test } from "node:test";
import type { CheckpointScope, Feature, FlowStore } from "flowstore";
import {
  fileOf,
  FRESH_MS,
  makeStore,
  pass,
  refused,
  refusedWithoutTrace,
  reopen,
  committed,
  TestClock,
  told,
  warnings,
} from "../features/support.ts";
import { asOwner } from "../features/user.ts";
import { documentsIn, fill, living, tombstones } from "./checkpoint-support.ts";
import { eventsOf, logOf, logsNothing } from "./events.ts";
import { NO_TEXTS, STRANGE_TEXTS } from "./strange-texts.ts";

const ALL: readonly CheckpointScope[] = [
  ...(["features", "gaps", "phases", "pipeline", "approvals", "memory", "settings"] as const),
];

function folderOf(store: FlowStore, name: string): string {
  return join(store.root, "local/checkpoints", name);
}

function edit(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

/** The only file of a folder whose name holds this. */
function fileIn(store: FlowStore, folder: string, part: string): string {
  const names = readdirSync(join(store.root, folder)).filter((name) => name.includes(part));
  assert.equal(names.length, 1, `${part} in ${folder}: ${names.join(" ")}`);
  return join(store.root, folder, names[0] ?? "");
}

async function errorsOf(store: FlowStore): Promise<string[]> {
  return (await store.check()).map(({ file, rule }) => `${file} ${rule}`);
}

describe("saving", () => {
  test("the exact bytes of every document, in two files that cat shows", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await fill(store);
    const saved = await store.checkpoints.save("before lunch", {
      agent: "ann",
      note: "to be safe",
    });
    const bytes = documentsIn(store.root);
    const count = Object.keys(bytes).length;
    const sizes = Object.values(bytes).reduce((sum, text) => sum + text.length, 0);
    assert.deepEqual(saved, {
      name: "before lunch",
      createdAt: clock.iso(),
      agent: "ann",
      note: "to be safe",
      scope: [...ALL],
      documents: count,
      bytes: sizes,
    });
    assert.deepEqual(await store.checkpoints.get("before lunch"), saved);
    assert.deepEqual(await store.checkpoints.list(), [saved]);
    const folder = folderOf(store, "before%20lunch");
    assert.deepEqual(readdirSync(folder), ["documents.json", "manifest.json"]);
    const text = readFileSync(join(folder, "documents.json"), "utf8");
    const content = JSON.parse(text) as { documents: Record<string, string> };
    const copies = Object.entries(content.documents).map(([path, copy]) => {
      return [path, Buffer.from(copy).toString("latin1")];
    });
    assert.deepEqual(Object.fromEntries(copies), bytes);
    // A document a line, so that grep finds it by its path.
    const line = text.split("\n").find((one) => one.includes(`"settings/colour.json"`));
    assert.match(line ?? "", /^ {4}"settings\/colour\.json": ".*\\"dark\\": true/);
  });

  test("only the kinds that are asked for, each once, in their order", async (context) => {
    const store = await makeStore(context);
    await fill(store);
    const saved = await store.checkpoints.save("a", { scope: ["settings", "gaps", "settings"] });
    assert.deepEqual(saved.scope, ["gaps", "settings"]);
    assert.equal(saved.documents, 5);
    await store.settings.set("colour", "none");
    await store.phases.markDone("fn-1.1", "5");
    await store.gaps.resolve("fn-1", 1, "done");
    const { counts, documents } = await store.checkpoints.restore("a");
    assert.deepEqual(counts, { restored: 2, recreated: 0, deleted: 0, unchanged: 3, left: 0 });
    assert.ok(documents.every(({ path }) => /^(?:gaps|settings)\//.test(path)));
    assert.deepEqual(await store.settings.get("colour"), { dark: true });
    assert.deepEqual(await store.phases.getCompleted("fn-1.1"), ["1", "2", "5"]);
  });

  test("an empty store, and nothing of a kind", async (context) => {
    const store = await makeStore(context);
    assert.equal((await store.checkpoints.save("empty")).documents, 0);
    await fill(store);
    const { counts } = await store.checkpoints.restore("empty");
    assert.equal(counts.deleted, Object.keys(documentsIn(store.root)).length);
    assert.deepEqual(living(documentsIn(store.root)), {});
    assert.deepEqual(await store.features.getAll(), []);
    assert.deepEqual(await store.gaps.list("fn-1"), []);
    assert.equal(await store.pipeline.read("fn-1"), null);
    assert.deepEqual(await store.phases.getCompleted("fn-1.1"), []);
    assert.deepEqual(await store.approvals.list(), []);
    assert.deepEqual(await store.memory.list(), []);
    assert.deepEqual(await store.settings.list(), []);
    assert.deepEqual(await store.pipeline.list(), []);
    assert.deepEqual(await errorsOf(store), []);
  });

  // The old system had one slot an epic, which was overwritten silently.
  test("a name that is taken is refused, and replaced where one says so", async (context) => {
    const store = await makeStore(context);
    await store.settings.set("k", 1);
    await store.checkpoints.save("a");
    await store.settings.set("k", 2);
    const error = await refusedWithoutTrace(store, "CONFLICT", () => store.checkpoints.save("a"));
    assert.deepEqual(error.context, { kind: "checkpoint", name: "a" });
    await store.checkpoints.restore("a");
    assert.equal(await store.settings.get("k"), 1);
    await store.settings.set("k", 3);
    await store.checkpoints.save("a", { replace: true });
    await store.settings.set("k", 4);
    await store.checkpoints.restore("a");
    assert.equal(await store.settings.get("k"), 3);
  });

  test("any name is one of its own", async (context) => {
    const store = await makeStore(context);
    for (const [index, name] of STRANGE_TEXTS.entries()) {
      await store.settings.set("k", index);
      await store.checkpoints.save(name);
    }
    const again = await reopen(context, store);
    const names = (await again.checkpoints.list()).map(({ name }) => name);
    assert.deepEqual(names.toSorted(), STRANGE_TEXTS.toSorted());
    for (const index of [0, 7, STRANGE_TEXTS.length - 1]) {
      await again.checkpoints.restore(STRANGE_TEXTS[index] ?? "");
      assert.equal(await again.settings.get("k"), index);
    }
    assert.ok(!existsSync(join(store.root, "escaped")));
  });

  // The old system copied the file of a database and not the log beside it.
  test("what is committed and not yet in the files is in the copy", async (context) => {
    const store = await makeStore(context, { durability: "relaxed" });
    await store.settings.set("k", "committed");
    await store.checkpoints.save("a");
    await store.settings.set("k", "later");
    await store.checkpoints.restore("a");
    assert.equal(await store.settings.get("k"), "committed");
  });

  test("a copy sees an epic that came a moment ago, also in its own transaction", async (context) => {
    const store = await makeStore(context);
    for (let number = 1; number <= 20; number += 1) {
      await store.gaps.add({ epicId: `fn-${number}`, capability: "a" });
      assert.equal((await store.checkpoints.save(`c${number}`)).documents, number);
    }
    await store.transaction(async () => {
      await store.gaps.add({ epicId: "inside", capability: "a" });
      assert.equal((await store.checkpoints.save("inside")).documents, 21);
      assert.equal((await store.checkpoints.list()).length, 21);
      await store.gaps.add({ epicId: "inside-too", capability: "b" });
      const { counts } = await store.checkpoints.restore("inside");
      assert.deepEqual([counts.unchanged, counts.deleted], [21, 1]);
    });
    assert.equal((await store.gaps.list("inside")).length, 1);
    assert.deepEqual(await store.gaps.list("inside-too"), []);
  });

  test("a transaction that fails saves nothing and brings nothing back", async (context) => {
    const store = await makeStore(context);
    await store.settings.set("k", 1);
    await store.checkpoints.save("a");
    await store.settings.set("k", 2);
    const failing = store.transaction(async () => {
      await store.checkpoints.restore("a");
      await store.checkpoints.save("b");
      assert.equal(await store.settings.get("k"), 1);
      throw new Error("no");
    });
    await assert.rejects(failing, /no/);
    assert.equal(await store.settings.get("k"), 2);
    assert.deepEqual(
      (await store.checkpoints.list()).map(({ name }) => name),
      ["a"],
    );
  });

  test("saving and deleting log nothing: nobody else has the copy", async (context) => {
    const store = await makeStore(context);
    await fill(store);
    await logsNothing(store, async () => {
      await store.checkpoints.save("a");
      assert.deepEqual(await store.checkpoints.delete("a"), { name: "a" });
    });
    assert.deepEqual(await store.checkpoints.list(), []);
    assert.equal(await store.checkpoints.get("a"), null);
    await refused("NOT_FOUND", store.checkpoints.delete("a"));
    await refused("NOT_FOUND", store.checkpoints.restore("a"));
  });

  test("refuses what cannot be", async (context) => {
    const store = await makeStore(context);
    for (const name of NO_TEXTS) {
      for (const call of [
        () => store.checkpoints.save(name as string),
        () => store.checkpoints.restore(name as string),
        () => store.checkpoints.get(name as string),
        () => store.checkpoints.delete(name as string),
      ]) {
        const error = await refusedWithoutTrace(store, "BAD_REQUEST", call);
        assert.equal(error.context["field"], "name");
      }
    }
    for (const scope of [
      [],
      "features",
      ["feature"],
      [undefined],
      null,
      {},
      ["outputs"],
      ["gaps", 7],
    ]) {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.checkpoints.save("a", { scope: scope as never }),
      );
      assert.equal(error.context["field"], "scope");
      assert.match(error.message, /settings/);
    }
    for (const [field, options] of [
      ["replace", { replace: 1 }],
      ["agent", { agent: "" }],
      ["options", null],
    ] as const) {
      const error = await refused("BAD_REQUEST", store.checkpoints.save("a", options as never));
      assert.equal(error.context["field"], field);
    }
    const dry = await refused(
      "BAD_REQUEST",
      store.checkpoints.restore("a", { dryRun: "yes" as never }),
    );
    assert.equal(dry.context["field"], "dryRun");
    assert.deepEqual(await store.checkpoints.list(), []);
  });
});

describe("restoring", () => {
  test("brings back the bytes, whatever was done to them since", async (context) => {
    const store = await makeStore(context);
    await fill(store);
    const [cart, prices, checkout] = (await store.features.getAll()) as [Feature, Feature, Feature];
    edit(fileOf(store, checkout), (text) => text.replaceAll("\n", "\r\n"));
    edit(fileIn(store, "settings", "colour"), (text) =>
      text.replace('"value"', '"own": 1.0, "value"'),
    );
    await pass(FRESH_MS);
    await store.checkpoints.save("a");
    const before = documentsIn(store.root);

    edit(fileOf(store, cart), (text) =>
      text.replace('"Cart"', '"Basket"').replace(/.*"mine".*\n/, ""),
    );
    edit(fileOf(store, checkout), (text) => text.replaceAll("\r\n", "\n"));
    await store.features.delete(prices.id);
    await store.settings.set("colour", "red");
    await store.gaps.resolve("fn-1", 1, "done");
    await store.gaps.removeAll("fn-2");
    await store.pipeline.advance("fn-1", { from: "plan" });
    rmSync(fileIn(store, "pipeline", "fn-2"));
    await store.phases.reset("fn-1.1");
    const [approval] = await store.approvals.list();
    await store.approvals.approve(approval?.id ?? "");
    const [memory] = await store.memory.list();
    await store.memory.delete(memory?.id ?? "");
    await store.features.create({ name: "Search" });
    await store.settings.set("new", 1);
    await store.gaps.add({ epicId: "fn-3", capability: "new" });
    await pass(FRESH_MS);

    const result = await store.checkpoints.restore("a");
    const after = documentsIn(store.root);
    for (const [path, bytes] of Object.entries(before)) assert.equal(after[path], bytes, path);
    const added = Object.keys(after).filter((path) => !Object.hasOwn(before, path));
    assert.equal(added.length, 3);
    assert.deepEqual(tombstones(after), added.toSorted());
    assert.equal(result.documents.length, Object.keys(after).length);
    assert.deepEqual(
      result.documents.map(({ path }) => path),
      Object.keys(after).toSorted(),
    );
    const changed = result.documents.filter(({ change }) => change !== "unchanged");
    assert.deepEqual(
      changed
        .map(({ path, change }) => `${change} ${path.replace(/-[^/]*$/, "").split("/")[0]}`)
        .toSorted(),
      [
        ...["deleted features", "deleted gaps", "deleted settings"],
        ...["recreated features", "recreated gaps", "recreated gaps", "recreated memory"],
        ...["recreated pipeline", "restored approvals", "restored features", "restored features"],
        ...["restored gaps", "restored phases", "restored pipeline", "restored settings"],
      ],
    );
    assert.deepEqual(result.counts, {
      restored: 7,
      recreated: 5,
      deleted: 3,
      unchanged: 2,
      left: 0,
    });
    // Seen by the calls at once, here and elsewhere.
    for (const seen of [store, await reopen(context, store)]) {
      assert.deepEqual(
        (await seen.features.getAll()).map(({ name }) => name),
        ["Cart", "Prices", "Checkout"],
      );
      assert.deepEqual(await seen.settings.list(), [{ key: "colour", value: { dark: true } }]);
      assert.equal((await seen.approvals.list({ status: "pending" })).length, 1);
      assert.equal((await seen.memory.list()).length, 2);
      assert.deepEqual(await seen.gaps.list("fn-3"), []);
      assert.deepEqual(await errorsOf(seen), []);
    }
  });

  test("can be undone: what it replaces is a checkpoint first", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await fill(store);
    await store.checkpoints.save("a");
    const first = documentsIn(store.root);
    await store.features.update(1, { name: "Basket" });
    await store.features.create({ name: "Search" });
    await store.features.delete(2);
    await store.gaps.removeAll("fn-1");
    const second = documentsIn(store.root);
    clock.ms += 1;
    const there = await store.checkpoints.restore("a", { agent: "ann", note: "a mistake" });
    assert.equal(there.saved, "before-restore-2026-03-01-000000001");
    const kept = await store.checkpoints.get(there.saved ?? "");
    assert.deepEqual([kept?.agent, kept?.note], ["ann", "a mistake"]);
    assert.equal((await store.features.getById(1))?.name, "Cart");
    const back = await store.checkpoints.restore(there.saved ?? "");
    assert.equal(back.saved, "before-restore-2026-03-01-000000001-2");
    assert.deepEqual(documentsIn(store.root), second);
    const note = (await store.checkpoints.get(back.saved ?? ""))?.note;
    assert.equal(note, 'before "before-restore-2026-03-01-000000001" was restored');
    const again = await store.checkpoints.restore("a");
    assert.equal(again.counts.deleted, 1);
    assert.deepEqual(living(documentsIn(store.root)), living(first));
    assert.deepEqual(await errorsOf(store), []);
  });

  test("a dry run tells the same and writes nothing, in a store opened for reading too", async (context) => {
    const store = await makeStore(context);
    await fill(store);
    await store.checkpoints.save("a");
    await store.features.update(1, { name: "Basket" });
    await store.features.delete(3);
    await store.settings.set("new", 1);
    await store.close();
    const reader = await reopen(context, store, { readOnly: true });
    const before = committed(store.root);
    const dry = await reader.checkpoints.restore("a", { dryRun: true });
    assert.deepEqual(committed(store.root), before);
    assert.equal(dry.saved, null);
    assert.deepEqual(dry.counts, { restored: 1, recreated: 1, deleted: 1, unchanged: 12, left: 0 });
    const writer = await reopen(context, store);
    const { saved, ...real } = await writer.checkpoints.restore("a");
    assert.ok(saved !== null);
    assert.deepEqual({ ...real, saved: null }, dry);
    await refused("READ_ONLY", reader.checkpoints.restore("a"));
    await refused("READ_ONLY", reader.checkpoints.save("b"));
  });

  test("where nothing differs nothing is written", async (context) => {
    const store = await makeStore(context);
    await fill(store);
    await store.checkpoints.save("a");
    const files = documentsIn(store.root);
    await logsNothing(store, async () => {
      const { counts, saved } = await store.checkpoints.restore("a");
      assert.equal(saved, null);
      assert.equal(counts.unchanged, Object.keys(files).length);
    });
    assert.equal((await store.checkpoints.list()).length, 1);
  });

  test("events stay as they are; it adds its own, one for each document", async (context) => {
    const store = await makeStore(context);
    await fill(store);
    await store.checkpoints.save("a/b");
    const saved = (await store.checkpoints.get("a/b"))?.createdAt;
    await store.features.markPassing(1);
    await store.features.delete(2);
    await store.features.create({ name: "Search" });
    await store.pipeline.advance("fn-1", { from: "plan" });
    await store.gaps.add({ epicId: "fn-1", capability: "new" });
    await store.phases.markDone("fn-1.1", "5");
    await store.settings.set("colour", 1);
    const [approval] = await store.approvals.list();
    await store.approvals.reject(approval?.id ?? "");
    const [memory] = await store.memory.list();
    await store.memory.verify(memory?.id ?? "");
    const before = await store.events.query();
    const result = await store.checkpoints.restore("a/b", { agent: "ann", note: "why" });
    const events = await store.events.query();
    assert.deepEqual(events.slice(0, before.length), before);
    const [own, ...others] = events.slice(before.length);
    assert.deepEqual(
      { stream: own?.stream, type: own?.type, agent: own?.agent, metadata: own?.metadata },
      {
        stream: "checkpoint:a/b",
        type: "checkpoint_restored",
        agent: "ann",
        metadata: { note: "why" },
      },
    );
    assert.deepEqual(own?.payload, {
      checkpoint: "a/b",
      createdAt: saved,
      scope: [...ALL],
      saved: result.saved,
      ...result.counts,
    });
    assert.ok(others.every((event) => event.txId === own?.txId && event.causedBy === own?.id));
    assert.ok(others.every(({ agent }) => agent === "ann"));
    const shown = others.map(({ stream, type, payload }) => {
      const { change = "" } = payload as { change?: string };
      return `${stream.replace(/:[0-9A-Z]{26}$/, ":*")} ${type} ${change}`.trim();
    });
    assert.deepEqual(shown.toSorted(), [
      ...["epic:fn-1 gap_restored deleted", "epic:fn-1 pipeline_restored restored"],
      ...[
        "feature:* deleted",
        "feature:* restored",
        "feature:* restored",
        "feature:* restored",
        "memory:* memory_restored restored",
      ],
      ...["setting:colour setting_restored restored", "task:fn-1.1 approval_restored restored"],
      "task:fn-1.1 phases_restored restored",
    ]);
    assert.deepEqual((await told(store, 1)).slice(-1), ["restored status completed>pending"]);
    const [, prices] = await store.features.getAll();
    assert.deepEqual((await told(store, prices?.uid ?? "")).slice(-1), [
      "restored status null>pending",
    ]);
    const phase = (await eventsOf(store, "task:fn-1.1")).find(
      ({ type }) => type === "phases_restored",
    );
    const payload = phase?.payload as { completed?: { phase: string }[] } | undefined;
    assert.deepEqual(
      payload?.completed?.map((one) => one.phase),
      ["1", "2"],
    );
    assert.deepEqual(await errorsOf(store), []);
  });

  test("no id is given again", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    await store.gaps.add({ epicId: "e", capability: "a" });
    await store.checkpoints.save("a");
    assert.equal((await store.features.create({ name: "b" })).id, 2);
    assert.equal((await store.gaps.add({ epicId: "e", capability: "b" })).gap.id, 2);
    await store.checkpoints.restore("a");
    assert.equal(await store.features.getById(2), null);
    assert.equal((await store.features.create({ name: "c" })).id, 3);
    assert.equal((await store.gaps.add({ epicId: "e", capability: "c" })).gap.id, 3);
    assert.deepEqual(await told(store, 2), ["created", "deleted"]);
  });

  test("a file that was given another name by hand keeps it", async (context) => {
    const store = await makeStore(context);
    const feature = await store.features.create({ name: "a" });
    const { gap } = await store.gaps.add({ epicId: "e", capability: "a" });
    await store.checkpoints.save("a");
    const saved = readFileSync(fileOf(store, feature));
    const uid6 = feature.uid.slice(-6).toLowerCase();
    renameSync(fileOf(store, feature), join(store.root, `features/1-renamed-${uid6}.json`));
    renameSync(fileIn(store, "gaps/e", "1-a"), join(store.root, "gaps/e/mine.json"));
    await pass(FRESH_MS);
    await store.features.update(1, { name: "b" });
    await store.gaps.resolve("e", gap.id, "done");
    const { counts } = await store.checkpoints.restore("a");
    assert.deepEqual(counts, { restored: 2, recreated: 0, deleted: 0, unchanged: 0, left: 0 });
    assert.deepEqual(readdirSync(join(store.root, "features")), [`1-renamed-${uid6}.json`]);
    assert.deepEqual(readdirSync(join(store.root, "gaps/e")), ["mine.json"]);
    assert.deepEqual(readFileSync(fileOf(store, feature)), saved);
    assert.deepEqual(await errorsOf(store), []);
  });

  test("a tombstone that was saved comes back as one", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    await store.checkpoints.save("there");
    await store.features.delete(1);
    await store.checkpoints.save("gone");
    const bytes = documentsIn(store.root);
    await store.checkpoints.restore("there");
    assert.equal((await store.features.getById(1))?.name, "a");
    const { counts } = await store.checkpoints.restore("gone");
    assert.equal(counts.deleted, 1);
    assert.deepEqual(documentsIn(store.root), bytes);
    assert.deepEqual(await errorsOf(store), []);
  });

  test("thousands of features", async (context) => {
    const store = await makeStore(context);
    const names = Array.from({ length: 2000 }, (_, index) => ({ name: `feature ${index}` }));
    await store.features.createBulk(names);
    await store.checkpoints.save("a");
    const before = documentsIn(store.root);
    for (const path of Object.keys(before)) {
      edit(join(store.root, path), (text) => text.replace('"passes": false', '"passes": true'));
    }
    await pass(FRESH_MS);
    const { counts } = await store.checkpoints.restore("a");
    assert.equal(counts.restored, 2000);
    assert.deepEqual(documentsIn(store.root), before);
    assert.deepEqual(await errorsOf(store), []);
  });
});

describe("claims and their leases", () => {
  const HALF_HOUR = 30 * 60_000;

  test("a claim that comes back ends when it would have ended", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.features.createBulk([{ name: "a" }, { name: "b" }]);
    const claimed = await store.features.claimAndGet(1, { agent: "ann", leaseMs: HALF_HOUR });
    await store.checkpoints.save("a");
    await store.features.markPassing(1);
    clock.ms += 1000;
    await store.checkpoints.restore("a");
    const { claim } = (await store.features.getById(1)) as Feature;
    assert.deepEqual(claim, claimed.claim);
    await store.features.markPassing(1);
    clock.ms += HALF_HOUR;
    await store.checkpoints.restore("a");
    // The file says so, and everybody knows that it is over.
    assert.equal(JSON.parse(readFileSync(fileOf(store, claimed), "utf8")).inProgress, true);
    assert.equal((await store.features.getById(1))?.status, "ready");
    assert.equal((await store.features.claimAndGet(1, { agent: "bob" })).claim?.agent, "bob");
    assert.deepEqual(await errorsOf(store), []);
  });

  test("who keeps the claim keeps the lease as it was renewed", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.features.create({ name: "a" });
    await store.features.claimAndGet(1, { agent: "ann", leaseMs: HALF_HOUR });
    await store.checkpoints.save("a");
    clock.ms += HALF_HOUR / 2;
    await store.features.renewClaim(1, "ann", { leaseMs: HALF_HOUR });
    await store.features.update(1, { name: "b" });
    await store.checkpoints.restore("a");
    const { claim, name } = (await store.features.getById(1)) as Feature;
    assert.equal(name, "a");
    assert.equal(claim?.expiresAt, clock.iso(HALF_HOUR));
  });

  test("a claim that came since is gone with its lease, and an undo brings both back", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.features.create({ name: "a" });
    await store.checkpoints.save("a");
    const claimed = await store.features.claimAndGet(1, { agent: "ann", leaseMs: HALF_HOUR });
    await store.features.create({ name: "b" });
    await store.features.claimAndGet(2, { agent: "ann", leaseMs: HALF_HOUR });
    assert.equal(readdirSync(join(store.root, "local/claims")).length, 2);
    const { saved } = await store.checkpoints.restore("a");
    assert.deepEqual(readdirSync(join(store.root, "local/claims")), []);
    assert.equal((await store.features.getById(1))?.claim, null);
    const lost = await refused("CONFLICT", store.features.markPassing(1, { claimedBy: "ann" }));
    assert.match(lost.message, /nobody|hold/i);
    await store.checkpoints.restore(saved ?? "");
    assert.deepEqual((await store.features.getById(1))?.claim, claimed.claim);
    assert.equal((await store.features.getById(2))?.claim?.expiresAt, claimed.claim?.expiresAt);
    assert.equal(readdirSync(join(store.root, "local/claims")).length, 2);
  });
});

describe("damage", () => {
  const MARKERS = "<<<<<<< ours\n{}\n=======\n{}\n>>>>>>> theirs\n";

  test("a copy to go back to must be whole: saving names the damaged document", async (context) => {
    const { findings, onWarning } = warnings();
    const store = await makeStore(context, { onWarning });
    await fill(store);
    for (const [folder, part] of [
      ["features", "1-cart"],
      ["gaps/fn-1", "1-search"],
      ["phases", "fn-1.1"],
      ["pipeline", "fn-2"],
      ["approvals", ".json"],
      ["settings", "colour"],
    ] as const) {
      const path = fileIn(store, folder, part);
      const whole = readFileSync(path);
      writeFileSync(path, MARKERS);
      await pass(FRESH_MS);
      const error = await refused("CORRUPT", store.checkpoints.save("a"));
      const file = `${folder}/${basename(path)}`;
      assert.deepEqual(
        [error.context["file"], error.context["rule"], error.context["line"]],
        [file, "conflict-markers", 1],
      );
      assert.ok(findings.some((one) => one.file === file));
      assert.deepEqual(await store.checkpoints.list(), []);
      writeFileSync(path, whole);
      await pass(FRESH_MS);
    }
    const path = fileIn(store, "settings", "colour");
    writeFileSync(path, MARKERS);
    await pass(FRESH_MS);
    // What is whole can be saved without it.
    const scope = ALL.filter((one) => one !== "settings");
    assert.equal((await store.checkpoints.save("others", { scope })).scope.length, 6);
  });

  test("restoring over a damaged text keeps it in what was saved first", async (context) => {
    const store = await makeStore(context);
    await fill(store);
    await store.checkpoints.save("a");
    const before = documentsIn(store.root);
    const feature = fileIn(store, "features", "1-cart");
    const gap = fileIn(store, "gaps/fn-1", "1-search");
    writeFileSync(feature, MARKERS);
    writeFileSync(gap, "");
    await pass(FRESH_MS);
    const { counts, saved } = await store.checkpoints.restore("a");
    assert.equal(counts.restored, 2);
    assert.deepEqual(documentsIn(store.root), before);
    assert.deepEqual(await errorsOf(store), []);
    // Also what was damaged can be had back.
    await store.checkpoints.restore(saved ?? "");
    assert.equal(readFileSync(feature, "utf8"), MARKERS);
    assert.equal(readFileSync(gap, "utf8"), "");
  });

  test("restoring over bytes that are no text puts them into the quarantine", async (context) => {
    const store = await makeStore(context);
    await fill(store);
    await store.checkpoints.save("a");
    const before = documentsIn(store.root);
    const path = fileIn(store, "settings", "colour");
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x7b]);
    writeFileSync(path, bytes);
    await pass(FRESH_MS);
    const { saved } = await store.checkpoints.restore("a");
    assert.deepEqual(documentsIn(store.root), before);
    const quarantine = join(store.root, "local/quarantine");
    const [name = ""] = readdirSync(quarantine).filter((one) => !one.endsWith(".why.json"));
    assert.deepEqual(readFileSync(join(quarantine, name)), bytes);
    // Undone, it stays: nobody knows what it was.
    const undone = await store.checkpoints.restore(saved ?? "");
    assert.deepEqual(
      undone.documents.filter(({ change }) => change !== "unchanged"),
      [{ path: "settings/colour.json", change: "left" }],
    );
  });

  test("what came since and cannot be read is left, and said", async (context) => {
    const store = await makeStore(context);
    await fill(store);
    await store.checkpoints.save("a");
    writeFileSync(join(store.root, "features/9-new.json"), MARKERS);
    writeFileSync(join(store.root, "settings/torn.json"), Buffer.from([0xff]));
    mkdirSync(join(store.root, "memory/folder.json"));
    await store.settings.set("colour", 1);
    await pass(FRESH_MS);
    const result = await store.checkpoints.restore("a");
    assert.deepEqual(
      result.documents.filter(({ change }) => change === "left").map(({ path }) => path),
      ["features/9-new.json", "memory/folder.json", "settings/torn.json"],
    );
    assert.equal(result.counts.left, 3);
    assert.equal(readFileSync(join(store.root, "features/9-new.json"), "utf8"), MARKERS);
    assert.deepEqual(await store.settings.get("colour"), { dark: true });
  });

  test("nothing is written through a link or over a folder", async (context) => {
    const store = await makeStore(context);
    await fill(store);
    await store.checkpoints.save("a");
    await store.settings.set("colour", 1);
    await store.settings.set("other", 1);
    const path = fileIn(store, "settings", "colour");
    for (const make of [() => symlinkSync("/etc/hostname", path), () => mkdirSync(path)]) {
      rmSync(path);
      make();
      await pass(FRESH_MS);
      const error = await refusedWithoutTrace(store, "CORRUPT", () =>
        store.checkpoints.restore("a"),
      );
      assert.deepEqual(error.context, { file: "settings/colour.json", rule: "not-a-file" });
      rmSync(path, { recursive: true });
      writeFileSync(path, "{}");
    }
    for (const folder of ["settings", "gaps/fn-1", "gaps"]) {
      const real = join(store.root, folder);
      renameSync(real, `${store.root}-aside`);
      symlinkSync(`${store.root}-aside`, real);
      await pass(FRESH_MS);
      const error = await refused("CORRUPT", store.checkpoints.restore("a"));
      assert.deepEqual(error.context, { file: folder, rule: "not-a-folder" });
      await refused("CORRUPT", store.checkpoints.save("b"));
      rmSync(real);
      renameSync(`${store.root}-aside`, real);
      await pass(FRESH_MS);
    }
    assert.equal(await store.settings.get("other"), 1);
  });

  test("a copy that was edited, or is not whole, is not brought back", async (context) => {
    const { findings, onWarning } = warnings();
    const store = await makeStore(context, { onWarning });
    await store.settings.set("k", 1);
    await store.checkpoints.save("a");
    await store.checkpoints.save("other");
    await store.settings.set("k", 2);
    const content = join(folderOf(store, "a"), "documents.json");
    const manifest = join(folderOf(store, "a"), "manifest.json");
    const [whole, described] = [readFileSync(content, "utf8"), readFileSync(manifest, "utf8")];
    for (const [rule, damage] of [
      ["checksum", () => edit(content, (text) => text.replace(": 1", ": 7"))],
      ["checksum", () => edit(content, (text) => text.slice(0, 20))],
      ["not-utf8", () => writeFileSync(content, Buffer.from([0xff]))],
      ["missing", () => rmSync(content)],
    ] as const) {
      damage();
      await pass(FRESH_MS);
      const error = await refusedWithoutTrace(store, "CORRUPT", () =>
        store.checkpoints.restore("a"),
      );
      assert.deepEqual(
        [error.context["file"], error.context["rule"]],
        ["local/checkpoints/a/documents.json", rule],
      );
      writeFileSync(content, whole);
    }
    for (const text of ["", MARKERS, described.replace('"name": "a"', '"name": "b"'), "{}"]) {
      writeFileSync(manifest, text);
      await pass(FRESH_MS);
      for (const call of [store.checkpoints.restore("a"), store.checkpoints.get("a")]) {
        const error = await refused("CORRUPT", call);
        assert.equal(error.context["file"], "local/checkpoints/a/manifest.json");
      }
      const names = (await store.checkpoints.list()).map(({ name }) => name);
      assert.deepEqual(names, ["other"]);
      assert.ok(findings.some(({ file }) => file === "local/checkpoints/a/manifest.json"));
      await refused("CONFLICT", store.checkpoints.save("a"));
    }
    await store.checkpoints.save("a", { replace: true });
    writeFileSync(manifest, MARKERS);
    await pass(FRESH_MS);
    await store.checkpoints.delete("a");
    assert.deepEqual(readdirSync(folderOf(store, "a")), []);
    assert.deepEqual(
      (await store.checkpoints.list()).map(({ name }) => name),
      ["other"],
    );
    await store.checkpoints.save("a");
  });

  test("a copy that names other files than documents is not brought back", async (context) => {
    const store = await makeStore(context);
    await store.settings.set("k", 1);
    await store.checkpoints.save("a", { scope: ["settings", "gaps"] });
    await store.settings.set("k", 2);
    const { createHash } = await import("node:crypto");
    const content = join(folderOf(store, "a"), "documents.json");
    const manifest = join(folderOf(store, "a"), "manifest.json");
    for (const path of [
      "flow.json",
      "../evil.json",
      "settings/.x.json",
      "settings/a/b.json",
      "features/1-a.json",
      "gaps/x.json",
      "settings/x.md",
    ]) {
      const text = JSON.stringify({ documents: { [path]: "{}" }, leases: {} });
      writeFileSync(content, text);
      const sha256 = createHash("sha256").update(text).digest("hex");
      edit(manifest, (before) => before.replace(/"sha256": "[^"]*"/, `"sha256": "${sha256}"`));
      await pass(FRESH_MS);
      const error = await refusedWithoutTrace(store, "CORRUPT", () =>
        store.checkpoints.restore("a"),
      );
      assert.equal(error.context["rule"], "schema", path);
    }
  });

  test("a document that cannot be written waits, as with every commit", async (context) => {
    const store = await makeStore(context);
    await store.settings.set("k", 1);
    await store.checkpoints.save("a");
    await store.settings.set("k", 2);
    const folder = join(store.root, "settings");
    const held = (): unknown => JSON.parse(readFileSync(join(folder, "k.json"), "utf8"));
    chmodSync(folder, 0o500);
    await asOwner(dirname(store.root), async () => {
      assert.equal((await store.checkpoints.restore("a")).counts.restored, 1);
      assert.equal(await store.settings.get("k"), 1);
      assert.equal((held() as { value: unknown }).value, 2, "the file follows");
      assert.deepEqual(await errorsOf(store), ["settings/k.json stuck"]);
      chmodSync(folder, 0o700);
      await store.settings.set("other", 1);
      assert.equal((held() as { value: unknown }).value, 1);
      assert.deepEqual(await errorsOf(store), []);
    });
  });
});

test("the log of a store that went back tells each step", async (context) => {
  const store = await makeStore(context);
  await store.settings.set("k", 1);
  await store.checkpoints.save("a");
  await store.settings.set("k", 2);
  await store.checkpoints.restore("a");
  assert.deepEqual(await logOf(store), [
    "setting:k setting_changed",
    "setting:k setting_changed",
    "checkpoint:a checkpoint_restored",
    "setting:k setting_restored",
  ]);
});
