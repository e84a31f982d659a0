/** Gaps whose files are damaged, doubled by a merge, or not files at all: nothing passes for "no gaps". */
import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { FlowStore, type Finding, type Gap } from "flowstore";
import {
  FRESH_MS,
  makeProject,
  makeStore,
  pass,
  QUICK,
  refused,
  refusedWithoutTrace,
  reopen,
  tracked,
  warnings,
} from "../features/support.ts";

const EPIC = "fn-1";

function folderOf(store: FlowStore): string {
  return join(store.root, "gaps", EPIC);
}

function pathOf(store: FlowStore, gap: Gap): string {
  return join(folderOf(store), nameOf(gap));
}

function nameOf({ id, capability, uid }: Gap): string {
  return `${id}-${capability.toLowerCase().replaceAll(" ", "-")}-${uid.slice(-6).toLowerCase()}.json`;
}

interface Three {
  readonly store: FlowStore;
  /** A resolved one, a resolved one, an open one that blocks nothing: the gate passes. */
  readonly gaps: readonly [Gap, Gap, Gap];
  readonly findings: readonly Finding[];
}

async function makeThree(context: TestContext): Promise<Three> {
  const { findings, onWarning } = warnings();
  const store = await makeStore(context, { onWarning });
  const gaps: Gap[] = [];
  for (const capability of ["Log in", "Log out", "Dark mode"]) {
    const priority = capability === "Dark mode" ? "nice-to-have" : "required";
    gaps.push((await store.gaps.add({ epicId: EPIC, capability, priority })).gap);
  }
  await store.gaps.resolve(EPIC, 1, "e");
  await store.gaps.resolve(EPIC, 2, "e");
  assert.equal((await store.gaps.check(EPIC)).gate, "pass");
  return { store, gaps: gaps as unknown as Three["gaps"], findings };
}

// In the old system a file that could not be read was "no gaps": the gate opened, and the next
// addition wrote over what was left of it.
describe("a gap's file that cannot be used", () => {
  const DAMAGE: Readonly<Record<string, (path: string, text: string) => void>> = {
    "is empty": (path) => writeFileSync(path, ""),
    "is cut": (path, text) => writeFileSync(path, text.slice(0, 40)),
    "holds zeroes": (path, text) => writeFileSync(path, "\0".repeat(text.length)),
    "is no text": (path) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0x00])),
    "holds the markers of a merge": (path, text) =>
      writeFileSync(path, text.replace('  "status"', '<<<<<<< ours\n  "status"')),
    "is a list": (path) => writeFileSync(path, "[]"),
    "has another status": (path, text) => writeFileSync(path, text.replace("resolved", "closed")),
    "has another priority": (path, text) => writeFileSync(path, text.replace("required", "low")),
    "has the id of another": (path, text) =>
      writeFileSync(path, text.replace('"id": 1', '"id": 9')),
    "is another epic's": (path, text) => writeFileSync(path, text.replace('"fn-1"', '"fn-10"')),
    "is a folder": (path) => {
      rmSync(path);
      mkdirSync(path);
    },
    "is a link": (path) => {
      renameSync(path, `${path}.real`);
      symlinkSync(`${path}.real`, path);
    },
  };

  for (const [what, damage] of Object.entries(DAMAGE)) {
    test(`${what}: the gate is closed, the others are listed, nothing is lost`, async (context) => {
      const { store, gaps, findings } = await makeThree(context);
      const [bad, good] = gaps;
      const path = pathOf(store, bad);
      damage(path, readFileSync(path, "utf8"));
      await pass(FRESH_MS);
      const before = tracked(store);

      const closed = await refusedWithoutTrace(store, "CORRUPT", () => store.gaps.check(EPIC));
      const file = String(closed.context["file"]);
      assert.ok(file.startsWith("gaps/fn-1/1-log-in-"), file);
      assert.deepEqual(
        (await store.gaps.list(EPIC)).map(({ id }) => id),
        [2, 3],
      );
      assert.deepEqual([...new Set(findings.map((one) => one.file))], [file]);

      // Named by its id, its uid, or what its name says that it is about: refused.
      for (const call of [
        () => store.gaps.resolve(EPIC, 1, "e"),
        () => store.gaps.resolve(EPIC, bad.uid, "e"),
        () => store.gaps.remove(EPIC, 1),
        () => store.gaps.resolveByCapability(EPIC, "log IN", "e"),
        () => store.gaps.add({ epicId: EPIC, capability: "log IN" }),
      ]) {
        await refusedWithoutTrace(store, "CORRUPT", call);
      }

      // The others are worked on, and not a byte of it is touched.
      assert.equal((await store.gaps.resolve(EPIC, 3, "e")).changed, true);
      assert.deepEqual(await store.gaps.remove(EPIC, good.uid).then(({ id }) => id), 2);
      const { gap } = await store.gaps.add({ epicId: EPIC, capability: "Search" });
      assert.ok(gap.id > 3, `${gap.id}`);
      await store.gaps.removeAll(EPIC);
      const after = tracked(store);
      const kept = (files: Record<string, string>): unknown[] =>
        Object.entries(files).filter(([name]) => name.includes("1-log-in"));
      assert.deepEqual(kept(after), kept(before));
      await refused("CORRUPT", store.gaps.check(EPIC));
    });
  }

  test("has a name whose bytes are no text: it closes the gate, too", async (context) => {
    const { store, gaps, findings } = await makeThree(context);
    const path = pathOf(store, gaps[0]);
    const name = [Buffer.from(path.slice(0, -".json".length)), Buffer.from([0xff])];
    renameSync(path, Buffer.concat([...name, Buffer.from(".json")]));
    await pass(FRESH_MS);
    await refused("CORRUPT", store.gaps.check(EPIC));
    assert.deepEqual(
      (await store.gaps.list(EPIC)).map(({ id }) => id),
      [2, 3],
    );
    assert.deepEqual([...new Set(findings.map(({ rule }) => rule))], ["bad-name"]);
    await refused("CORRUPT", store.gaps.add({ epicId: EPIC, capability: "Log in" }));
  });

  test("is mended by a person, and counts again", async (context) => {
    const { store, gaps } = await makeThree(context);
    const path = pathOf(store, gaps[0]);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, "");
    await pass(FRESH_MS);
    await refused("CORRUPT", store.gaps.check(EPIC));
    writeFileSync(path, text);
    await pass(FRESH_MS);
    assert.equal((await store.gaps.check(EPIC)).gate, "pass");
  });

  test("keeps its id: no new gap gets it", async (context) => {
    const { store, gaps } = await makeThree(context);
    const path = pathOf(store, gaps[2]);
    const text = readFileSync(path, "utf8");
    // Neither what its name says nor what stands in it is given away.
    for (const [content, next] of [
      ["", 4],
      [text.replace('"id": 3', '"id": 70'), 5],
    ] as const) {
      writeFileSync(path, content);
      await pass(FRESH_MS);
      const { gap } = await store.gaps.add({ epicId: EPIC, capability: `another ${next}` });
      assert.equal(gap.id, next);
    }
    renameSync(path, join(folderOf(store), "by-hand.json"));
    await pass(FRESH_MS);
    const { gap } = await store.gaps.add({ epicId: EPIC, capability: "a third" });
    assert.equal(gap.id, 71);
  });

  test("is told once, and again when it was mended and comes back", async (context) => {
    const { store, gaps, findings } = await makeThree(context);
    const path = pathOf(store, gaps[0]);
    const text = readFileSync(path, "utf8");
    for (const [content, told] of [
      ["", 1],
      [text, 1],
      ["", 2],
    ] as const) {
      writeFileSync(path, content);
      await pass(FRESH_MS);
      for (let look = 0; look < 3; look += 1) await store.gaps.list(EPIC);
      assert.equal(findings.length, told);
    }
  });

  test("does not close the gate of another epic", async (context) => {
    const { store, gaps } = await makeThree(context);
    await store.gaps.add({ epicId: "fn-10", capability: "x", priority: "nice-to-have" });
    writeFileSync(pathOf(store, gaps[0]), "");
    await pass(FRESH_MS);
    assert.equal((await store.gaps.check("fn-10")).gate, "pass");
  });
});

describe("a folder that is none", () => {
  for (const [what, damage] of Object.entries({
    "a file in the place of the epic's": (store: FlowStore) => {
      rmSync(folderOf(store), { recursive: true });
      writeFileSync(folderOf(store), "");
    },
    "a link in the place of the epic's": (store: FlowStore) => {
      rmSync(folderOf(store), { recursive: true });
      symlinkSync(store.root, folderOf(store));
    },
    "a file in the place of all": (store: FlowStore) => {
      rmSync(join(store.root, "gaps"), { recursive: true });
      writeFileSync(join(store.root, "gaps"), "");
    },
    "a link in the place of all": (store: FlowStore) => {
      renameSync(join(store.root, "gaps"), join(store.root, "..", "elsewhere"));
      rmSync(join(store.root, "..", "elsewhere", EPIC), { recursive: true });
      symlinkSync("../elsewhere", join(store.root, "gaps"));
    },
  })) {
    test(`${what} closes the gate and takes no gaps`, async (context) => {
      const { store, findings } = await makeThree(context);
      damage(store);
      await pass(FRESH_MS);
      for (const call of [
        () => store.gaps.check(EPIC),
        () => store.gaps.list(EPIC),
        () => store.gaps.add({ epicId: EPIC, capability: "x" }),
        () => store.gaps.resolve(EPIC, 1, "e"),
        () => store.gaps.removeAll(EPIC),
      ]) {
        await refusedWithoutTrace(store, "CORRUPT", call);
      }
      assert.deepEqual(
        findings.map(({ rule }) => rule),
        ["not-a-folder"],
      );
    });
  }

  test("an editor's hidden file is none of the gaps", async (context) => {
    const { store, gaps } = await makeThree(context);
    const hidden = join(folderOf(store), `.#${nameOf(gaps[0])}`);
    symlinkSync("ann@machine.1234", hidden);
    await pass(FRESH_MS);
    assert.equal((await store.gaps.check(EPIC)).gate, "pass");
  });
});

describe("two clones that gave one id", () => {
  interface Merged extends Omit<Three, "gaps"> {
    readonly ours: Gap;
    readonly theirs: Gap;
  }

  /** Each went its own way from an empty store, and both came together. */
  async function merge(context: TestContext, theirCapability: string): Promise<Merged> {
    const { findings, onWarning } = warnings();
    const first = await makeStore(context);
    await first.close();
    const copied = join(makeProject(context), ".flow");
    mkdirSync(copied);
    for (const name of readdirSync(first.root)) {
      if (name !== "local") cpSync(join(first.root, name), join(copied, name), { recursive: true });
    }
    const branch = await FlowStore.open(copied, QUICK);
    const { gap: theirs } = await branch.gaps.add({ epicId: EPIC, capability: theirCapability });
    await branch.close();
    const store = await reopen(context, first, { onWarning });
    const { gap: ours } = await store.gaps.add({ epicId: EPIC, capability: "ours" });
    for (const folder of ["gaps", "events"]) {
      cpSync(join(copied, folder), join(store.root, folder), { recursive: true });
    }
    await pass(FRESH_MS);
    assert.deepEqual([ours.id, theirs.id], [1, 1]);
    return { store, ours, theirs, findings };
  }

  test("both are listed and reported; calls by the id are CONFLICT, by uid they work", async (context) => {
    const { store, ours, theirs, findings } = await merge(context, "theirs");
    const uids = [ours.uid, theirs.uid].toSorted();
    assert.deepEqual(
      (await store.gaps.list(EPIC)).map(({ uid }) => uid),
      uids,
    );
    assert.deepEqual(
      findings.map(({ rule, severity }) => [rule, severity]),
      [
        ["duplicate-id", "error"],
        ["duplicate-id", "error"],
      ],
    );
    for (const call of [() => store.gaps.resolve(EPIC, 1, "e"), () => store.gaps.remove(EPIC, 1)]) {
      const error = await refusedWithoutTrace(store, "CONFLICT", call);
      assert.deepEqual(error.context["uids"], uids);
      for (const uid of uids) assert.match(error.hint ?? "", new RegExp(uid));
    }
    const gate = await store.gaps.check(EPIC);
    assert.deepEqual([gate.gate, gate.total], ["fail", 2]);
    assert.equal((await store.gaps.resolve(EPIC, ours.uid, "e")).gap.capability, "ours");
    assert.equal((await store.gaps.resolveByCapability(EPIC, "THEIRS", "e")).gap.uid, theirs.uid);
    assert.equal((await store.gaps.check(EPIC)).gate, "pass");
    assert.equal((await store.gaps.add({ epicId: EPIC, capability: "new" })).gap.id, 2);
    await store.gaps.remove(EPIC, theirs.uid);
    assert.deepEqual(await store.gaps.remove(EPIC, 1).then(({ uid }) => uid), ours.uid);
  });

  test("to one capability: adding gives one of them, resolving asks which", async (context) => {
    const { store, ours, theirs } = await merge(context, "Ours");
    const added = await store.gaps.add({ epicId: EPIC, capability: "OURS" });
    assert.deepEqual([added.created, added.reopened], [false, false]);
    const error = await refusedWithoutTrace(store, "CONFLICT", () =>
      store.gaps.resolveByCapability(EPIC, "ours", "e"),
    );
    assert.deepEqual(error.context["uids"], [ours.uid, theirs.uid].toSorted());
    await store.gaps.resolve(EPIC, theirs.uid, "e");
    // One is left: now it is clear which.
    const { gap, changed } = await store.gaps.resolveByCapability(EPIC, "ours", "f");
    assert.deepEqual([gap.uid, changed], [ours.uid, true]);
    assert.equal((await store.gaps.resolveByCapability(EPIC, "ours", "g")).changed, false);
    const reopened = await store.gaps.add({ epicId: EPIC, capability: "ours" });
    assert.equal(reopened.reopened, true);
    assert.equal((await store.gaps.list(EPIC, { status: "open" })).length, 1);
  });

  test("a copied file bears the uid as well, and says so", async (context) => {
    const { store, gaps } = await makeThree(context);
    cpSync(pathOf(store, gaps[0]), join(folderOf(store), "1-copy.json"));
    await pass(FRESH_MS);
    const error = await refused("CONFLICT", store.gaps.resolve(EPIC, gaps[0].uid, "e"));
    assert.match(error.hint ?? "", /copied file/);
  });
});
