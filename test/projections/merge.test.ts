/** Rows and blobs of two branches, brought together by plain git as README says. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { FlowStore } from "flowstore";
import { Project } from "../merge/project.ts";
import { settle } from "../merge/truth.ts";

const AT = "2026-01-01T00:00:00.000Z";

interface Branches {
  readonly project: Project;
  readonly store: FlowStore;
}

type Change = (store: FlowStore) => Promise<unknown>;

/** One store, changed on two branches that begin with the same rows and blobs. */
async function branched(context: TestContext, main: Change, other: Change): Promise<Branches> {
  const project = Project.create(context);
  const store = await project.init(context);
  await store.projections.upsert({
    table: "workflows",
    rows: [
      { id: "w1", name: "Nightly", description: "at night", created_at: AT, owner: "ann" },
      { id: "w2", name: "Hourly", description: null, created_at: AT },
    ],
  });
  await store.blobs.put({ key: "logo", data: Buffer.from("first"), contentType: "text/plain" });
  project.commit("start");
  project.git("checkout", "--quiet", "-b", "other");
  await other(store);
  project.commit("other");
  project.git("checkout", "--quiet", "main");
  await settle();
  await main(store);
  project.commit("main");
  return { project, store };
}

const upsert =
  (...rows: Record<string, unknown>[]): Change =>
  ({ projections }) =>
    projections.upsert({ table: "workflows", rows });

async function rulesOf(store: FlowStore): Promise<string[][]> {
  await settle();
  return (await store.check()).map(({ file, rule }) => [file, rule]);
}

test("columns of one row merge where one that stayed lies between them", async (context) => {
  const { project, store } = await branched(
    context,
    upsert({ id: "w1", name: "Every night" }),
    upsert({ id: "w1", owner: "bob" }),
  );
  project.merge("other");
  assert.deepEqual(await rulesOf(store), []);
  assert.deepEqual(await store.projections.get("workflows", "w1"), {
    ...{ id: "w1", name: "Every night", description: "at night" },
    ...{ created_at: AT, owner: "bob" },
  });
});

test("neighbouring columns conflict; the row is named until it is mended, the others are read", async (context) => {
  const { project, store } = await branched(
    context,
    upsert({ id: "w1", name: "Every night" }),
    upsert({ id: "w1", description: "when it is dark" }),
  );
  assert.equal(project.tryGit("merge", "--quiet", "--no-edit", "other").ok, false);
  assert.deepEqual(project.conflicts(), [".flow/projections/workflows/w1.json"]);
  assert.deepEqual(await rulesOf(store), [["projections/workflows/w1.json", "conflict-markers"]]);
  assert.deepEqual(
    (await store.projections.list("workflows")).map(({ id }) => id),
    ["w2"],
  );
  await assert.rejects(upsert({ id: "w1", name: "Mine" })(store), { code: "CORRUPT" });
  project.git("checkout", "--theirs", ".flow/projections/workflows/w1.json");
  project.commit("theirs");
  assert.deepEqual(await rulesOf(store), []);
  assert.equal(
    (await store.projections.get("workflows", "w1"))?.["description"],
    "when it is dark",
  );
});

test("different rows always merge, in the order of their times", async (context) => {
  const { project, store } = await branched(
    context,
    upsert({ id: "m", name: "of main" }, { id: "w1", owner: "main" }),
    upsert({ id: "o", name: "of the other" }, { id: "w2", owner: "other" }),
  );
  project.merge("other");
  assert.deepEqual(await rulesOf(store), []);
  const sql = "SELECT id, owner FROM workflows";
  assert.deepEqual(await store.projections.query({ sql }), [
    { id: "w1", owner: "main" },
    { id: "w2", owner: "other" },
    { id: "o", owner: null },
    { id: "m", owner: null },
  ]);
});

test("one key that both insert conflicts; one unique value that both insert is named", async (context) => {
  const { project, store } = await branched(
    context,
    upsert({ id: "w3", name: "Daily" }, { id: "m", name: "Weekly" }),
    upsert({ id: "w3", name: "Every day" }, { id: "o", name: "Weekly" }),
  );
  assert.equal(project.tryGit("merge", "--quiet", "--no-edit", "other").ok, false);
  assert.deepEqual(project.conflicts(), [".flow/projections/workflows/w3.json"]);
  project.git("checkout", "--ours", ".flow/projections/workflows/w3.json");
  project.commit("ours");
  assert.deepEqual(await rulesOf(store), [["projections/workflows/o.json", "row-unique"]]);
  await upsert({ id: "o", name: "Weekly, too" })(store);
  assert.deepEqual(await rulesOf(store), []);
});

test("a row that one branch takes out and the other changes conflicts; else it stays out", async (context) => {
  const emptied: Change = (store) => store.projections.truncate({ table: "workflows" });
  const { project, store } = await branched(context, emptied, upsert({ id: "w1", owner: "bob" }));
  assert.equal(project.tryGit("merge", "--quiet", "--no-edit", "other").ok, false);
  assert.deepEqual(project.conflicts(), [".flow/projections/workflows/w1.json"]);
  project.git("checkout", "--theirs", ".flow/projections/workflows/w1.json");
  project.commit("theirs");
  assert.deepEqual(await rulesOf(store), []);
  assert.deepEqual(
    (await store.projections.list("workflows")).map(({ id }) => id),
    ["w1"],
  );
});

test("contents always merge; of one key that has two, both contents are there", async (context) => {
  const put = (key: string, text: string): Change => {
    return ({ blobs }) => blobs.put({ key, data: Buffer.from(text) });
  };
  const { project, store } = await branched(
    context,
    async (one) => {
      await put("same", "of both")(one);
      await put("main", "of main")(one);
      await put("logo", "second")(one);
    },
    async (one) => {
      await put("same", "of both")(one);
      await put("other", "of the other")(one);
      await put("logo", "another")(one);
    },
  );
  assert.equal(project.tryGit("merge", "--quiet", "--no-edit", "other").ok, false);
  assert.deepEqual(project.conflicts(), [".flow/blobs/keys/logo.json"]);
  project.git("checkout", "--theirs", ".flow/blobs/keys/logo.json");
  project.commit("theirs");
  assert.deepEqual(await rulesOf(store), []);
  for (const [key, text] of [
    ["same", "of both"],
    ["main", "of main"],
    ["other", "of the other"],
    ["logo", "another"],
  ] as const) {
    assert.equal(String((await store.blobs.get(key))?.data), text);
  }
});

test("a content that one branch collects and the other gives to a key again is named", async (context) => {
  const { project, store } = await branched(
    context,
    async ({ blobs }) => {
      await blobs.delete("logo");
      await blobs.collect({ olderThanMs: 0 });
    },
    ({ blobs }) => blobs.put({ key: "again", data: Buffer.from("first") }),
  );
  project.merge("other");
  assert.deepEqual(await rulesOf(store), [["blobs/keys/again.json", "blob-content"]]);
  project.git("checkout", "--quiet", "other", "--", ".flow/blobs/data");
  assert.deepEqual(await rulesOf(store), []);
});
