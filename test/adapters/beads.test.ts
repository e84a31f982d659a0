import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { stepsOf } from "#src/adapters/beads-issue.js";
import { largePlan } from "./beads-plan.ts";
import { bring, byName, give, importedOf, lines, openStore, realPlan } from "./support.ts";

const TIME = "2026-01-01T00:00:00.123456789Z";

/** An issue as beads writes it; what is not said is usual. */
function issue(id: string, fields: Readonly<Record<string, unknown>> = {}) {
  return {
    id,
    title: id,
    status: "open",
    priority: 2,
    issue_type: "task",
    created_at: TIME,
    ...fields,
  };
}

function edge(from: string, to: string, type = "blocks") {
  return { issue_id: from, depends_on_id: to, type, created_at: TIME, created_by: "ann" };
}

type Issue = ReturnType<typeof issue> & Record<string, unknown>;

function parse(text: string): Map<string, Issue> {
  const issues = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Issue);
  return new Map(issues.map((parsed) => [parsed.id, parsed]));
}

const FINISHED = ["closed", "done", "cancelled", "tombstone"];

/** The issues of a plan with how many of them are finished, in progress and waited for. */
function countsOf(issues: readonly Issue[]) {
  const edges = issues.flatMap((one) => (one["dependencies"] ?? []) as { type: string }[]);
  return {
    issues: issues.length,
    finished: issues.filter(({ status }) => FINISHED.includes(status)).length,
    held: issues.filter(({ status }) => status === "in_progress").length,
    blocking: edges.filter(({ type }) => type === "blocks").length,
  };
}

async function comesInOnce(context: TestContext, text: string): Promise<void> {
  const source = [...parse(text).values()];
  const { issues, finished, held, blocking } = countsOf(source);
  assert.ok(issues > 0 && finished > 0 && held > 0 && blocking > 0);
  const store = await openStore(context);
  const report = await bring(store, "beads", text);
  assert.deepEqual([report.created, report.updated, report.unchanged], [issues, 0, 0]);
  assert.deepEqual(report.droppedEdges, []);

  const features = await store.features.getAll();
  assert.equal(features.length, issues);
  assert.equal(features.filter(({ passes }) => passes).length, finished);
  assert.equal(features.filter(({ inProgress }) => inProgress).length, 0);
  assert.equal(features.flatMap(({ dependencies }) => dependencies).length, blocking);
  const keptHeld = report.keptAside.find(({ what }) => what === "status in_progress");
  assert.equal(keptHeld?.count, held);

  // Lists are in the order (priority, created_at) of the source.
  const expected = source
    .sort((left, right) => (left.created_at < right.created_at ? -1 : 1))
    .sort((left, right) => left.priority - right.priority);
  assert.deepEqual(
    features.map((feature) => importedOf(feature)["id"]),
    expected.map(({ id }) => id),
  );

  const again = await bring(store, "beads", text);
  assert.deepEqual([again.created, again.updated, again.unchanged], [0, 0, issues]);
  assert.equal((await store.status()).events.total, issues + finished);
}

async function goesOutAsItCame(context: TestContext, text: string): Promise<void> {
  const store = await openStore(context);
  await bring(store, "beads", text);
  const [came, went] = [parse(text), parse(await give(store, "beads"))];
  assert.deepEqual([...went.keys()].sort(), [...came.keys()].sort());
  for (const [id, original] of came) assert.deepEqual(went.get(id), original);
}

async function survivesAnotherStore(context: TestContext, text: string): Promise<void> {
  const [first, second] = [await openStore(context), await openStore(context)];
  await bring(first, "beads", text);
  await bring(second, "plain", await give(first, "plain"));
  const [came, went] = [parse(text), parse(await give(second, "beads"))];
  for (const [id, original] of came) {
    const { updated_at: _came, ...expected } = original;
    const { updated_at: _went, ...actual } = went.get(id) ?? original;
    assert.deepEqual(actual, expected);
  }
  const report = await bring(second, "beads", text);
  assert.equal(report.created, 0);
}

const REAL = realPlan("beads-issues.jsonl");
const PLANS = [
  { name: "a large plan", text: largePlan() },
  // Beside this clone on some machines only; the plan above has all that it has.
  ...(REAL === null ? [] : [{ name: "the 513 issues of a real project", text: REAL }]),
];

for (const { name, text } of PLANS) {
  describe(name, () => {
    test("comes in once, by the rules", (context) => comesInOnce(context, text));
    test("goes out as it came", (context) => goesOutAsItCame(context, text));
    test("survives a way through the plain format and another store", (context) =>
      survivesAnotherStore(context, text));
  });
}

describe("what an issue says", () => {
  test("every word for finished passes, and stays", async (context) => {
    const store = await openStore(context);
    const words = ["closed", "done", "cancelled", "tombstone", "open", "in_progress", "deferred"];
    await bring(store, "beads", lines(words.map((status) => issue(`x-${status}`, { status }))));
    for (const feature of await store.features.getAll()) {
      const status = String(importedOf(feature)["status"]);
      assert.equal(feature.name, `x-${status}`);
      assert.equal(feature.passes, ["closed", "done", "cancelled", "tombstone"].includes(status));
      assert.equal(feature.inProgress, false);
    }
  });

  test("criteria that are a list become steps", () => {
    assert.deepEqual(stepsOf("- [ ] one\n- [x] two\n\n* three\n4. four"), [
      "one",
      "two",
      "three",
      "four",
    ]);
    assert.deepEqual(stepsOf("- one\\n- two"), ["one", "two"]);
    assert.deepEqual(stepsOf("Everything works.\n- one"), []);
    assert.deepEqual(stepsOf(undefined), []);
  });

  test("a field that bears a name of the import's own is not lost", async (context) => {
    const store = await openStore(context);
    const odd = issue("x-1", {
      source: "s",
      lastImport: 1,
      list: [],
      shadowed: { a: 1 },
      description: "",
    });
    await bring(store, "beads", lines([odd]));
    assert.deepEqual(parse(await give(store, "beads")).get("x-1"), odd);
  });

  test("odd shapes of fields come back: no type, empty edges, a far priority", async (context) => {
    const store = await openStore(context);
    const { issue_type: _type, ...untyped } = issue("x-1", { dependencies: [], priority: 9 });
    const other = issue("x-2", {
      issue_type: "",
      description: null,
      dependencies: null,
      priority: -1,
    });
    await bring(store, "beads", lines([untyped, other]));
    const went = parse(await give(store, "beads"));
    assert.deepEqual([went.get("x-1"), went.get("x-2")], [untyped, other]);
  });
});

describe("edges", () => {
  test("only blocking ones are dependencies; circles and strangers stay aside and are named", async (context) => {
    const store = await openStore(context);
    const issues = [
      issue("x-a", { dependencies: [edge("x-a", "x-b"), edge("x-a", "x-z")] }),
      issue("x-b", { dependencies: [edge("x-b", "x-c")] }),
      issue("x-c", { dependencies: [edge("x-c", "x-a"), edge("x-c", "x-b", "parent-child")] }),
      issue("x-d", { dependencies: [edge("x-d", "x-d")] }),
    ];
    const report = await bring(store, "beads", lines(issues));
    assert.deepEqual(report.droppedEdges, [
      { from: "x-a", id: "x-z", reason: "unknown" },
      { from: "x-c", id: "x-a", reason: "circle", path: ["x-c", "x-a", "x-b", "x-c"] },
      { from: "x-d", id: "x-d", reason: "self" },
    ]);
    const features = await store.features.getAll();
    const [a, b, c] = ["x-a", "x-b", "x-c"].map((name) => byName(features, name));
    assert.deepEqual([a?.dependencies, b?.dependencies, c?.dependencies], [[b?.id], [c?.id], []]);
    assert.deepEqual(c && importedOf(c)["droppedDependencies"], [{ id: "x-a", reason: "circle" }]);
    const went = parse(await give(store, "beads"));
    for (const original of issues) assert.deepEqual(went.get(original.id), original);
  });

  test("the file's order decides which edge of a circle goes, not the time", async (context) => {
    const store = await openStore(context);
    const report = await bring(
      store,
      "beads",
      lines([
        issue("x-late", {
          created_at: "2026-02-02T00:00:00Z",
          dependencies: [edge("x-late", "x-early")],
        }),
        issue("x-early", { dependencies: [edge("x-early", "x-late")] }),
      ]),
    );
    assert.deepEqual(
      report.droppedEdges.map(({ from }) => from),
      ["x-early"],
    );
  });

  test("a stranger that comes later is taken in", async (context) => {
    const store = await openStore(context);
    const waiting = issue("x-a", { dependencies: [edge("x-a", "x-b")] });
    await bring(store, "beads", lines([waiting]));
    const report = await bring(store, "beads", lines([waiting, issue("x-b")]));
    assert.deepEqual([report.created, report.updated, report.droppedEdges], [1, 1, []]);
    const features = await store.features.getAll();
    assert.deepEqual(byName(features, "x-a").dependencies, [byName(features, "x-b").id]);
    assert.equal("droppedDependencies" in importedOf(byName(features, "x-a")), false);
  });
});

describe("what was changed here", () => {
  test("goes out with the rest of the issue", async (context) => {
    const store = await openStore(context);
    const issues = [
      issue("x-a", { acceptance_criteria: "- [ ] one", labels: ["l"], updated_at: TIME }),
      issue("x-b", { status: "closed", closed_at: TIME, close_reason: "done", updated_at: TIME }),
      issue("x-c", { dependencies: [edge("x-c", "x-a"), edge("x-c", "x-b", "relates-to")] }),
    ];
    await bring(store, "beads", lines(issues));
    const [a, b, c] = await store.features.getAll();
    assert.ok(a && b && c);
    await store.features.markPassing(a.id);
    await store.features.markFailing(b.id);
    await store.features.claimAndGet(b.id, { agent: "ann" });
    await store.features.update(c.id, { dependencies: [b.id], steps: ["see"], name: "See" });
    const made = await store.features.create({
      name: "Made here",
      dependencies: [c.id],
      category: "chore",
    });

    const went = parse(await give(store, "beads"));
    const [wentA, wentB, wentC] = ["x-a", "x-b", "x-c"].map((id) => went.get(id));
    assert.equal(wentA?.["status"], "closed");
    assert.equal(typeof wentA?.["closed_at"], "string");
    assert.deepEqual([wentA?.["labels"], wentA?.["acceptance_criteria"]], [["l"], "- [ ] one"]);
    assert.notEqual(wentA?.["updated_at"], TIME);
    assert.deepEqual([wentB?.["status"], wentB?.["assignee"]], ["in_progress", "ann"]);
    assert.equal(wentB !== undefined && ("closed_at" in wentB || "close_reason" in wentB), false);
    assert.deepEqual([wentC?.title, wentC?.["acceptance_criteria"]], ["See", "- [ ] see"]);
    const edges = wentC?.["dependencies"] as { depends_on_id: string; type: string }[];
    assert.deepEqual(
      edges.map(({ depends_on_id: to, type }) => [to, type]),
      [
        ["x-b", "relates-to"],
        ["x-b", "blocks"],
      ],
    );
    const own = [...went.values()].find(({ title }) => title === "Made here");
    assert.equal(own?.id, `x-${made.uid.slice(-6).toLowerCase()}`);
    assert.deepEqual([own?.status, own?.priority, own?.issue_type], ["open", 3, "chore"]);

    // And it comes back without making anything twice.
    const report = await bring(store, "beads", await give(store, "beads"));
    assert.equal(report.created, 0);
    assert.equal((await store.features.getAll()).length, 4);
  });

  test("is not undone by the same plan again, and only what changed there is taken over", async (context) => {
    const store = await openStore(context);
    const [a, b] = [issue("x-a"), issue("x-b", { dependencies: [edge("x-b", "x-a")] })];
    await bring(store, "beads", lines([a, b]));
    const find = async (id: string) => {
      const features = await store.features.getAll();
      const feature = features.find((candidate) => importedOf(candidate)["id"] === id);
      assert.ok(feature);
      return feature;
    };
    await store.features.markPassing((await find("x-a")).id);
    await store.features.update((await find("x-a")).id, { name: "Our name", mine: 1 });
    await store.features.removeDependency((await find("x-b")).id, (await find("x-a")).id);
    const same = await bring(store, "beads", lines([a, b]));
    assert.deepEqual([same.created, same.updated, same.unchanged], [0, 0, 2]);

    const report = await bring(
      store,
      "beads",
      lines([
        { ...a, title: "Their name" },
        { ...b, title: "B" },
      ]),
    );
    assert.deepEqual([report.created, report.updated], [0, 2]);
    const after = await find("x-a");
    assert.deepEqual([after.name, after["mine"], after.passes], ["Their name", 1, true]);
    assert.deepEqual((await find("x-b")).dependencies, []);
  });

  test("closed there, reopened there", async (context) => {
    const store = await openStore(context);
    const passes = async (): Promise<boolean | undefined> =>
      (await store.features.getAll())[0]?.passes;
    await bring(store, "beads", lines([issue("x-a")]));
    await bring(store, "beads", lines([issue("x-a", { status: "closed" })]));
    assert.equal(await passes(), true);
    await bring(store, "beads", lines([issue("x-a", { status: "open" })]));
    assert.equal(await passes(), false);
  });

  test("an edge that is turned round closes no circle on its way", async (context) => {
    const store = await openStore(context);
    await bring(
      store,
      "beads",
      lines([issue("x-a", { dependencies: [edge("x-a", "x-b")] }), issue("x-b")]),
    );
    const turned = [issue("x-a"), issue("x-b", { dependencies: [edge("x-b", "x-a")] })];
    const report = await bring(store, "beads", lines(turned));
    assert.deepEqual([report.updated, report.droppedEdges], [2, []]);
    const features = await store.features.getAll();
    assert.deepEqual(byName(features, "x-b").dependencies, [byName(features, "x-a").id]);
    assert.deepEqual(byName(features, "x-a").dependencies, []);
  });
});
