/** `git clean` while writers are at work: it takes `local/` with journal, guard and fence. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { Child } from "../process/store-children.ts";
import { randomOf } from "../process/store-random.ts";
import { Project } from "./project.ts";
import { assertSaysWhatFilesSay, settle } from "./truth.ts";

const WRITERS = 2;
const CLEANS = 25;
/** Between two cleans, at most: time for some commits, each of which may be cut in two. */
const MAX_PAUSE_MS = 40;

interface Outcome {
  readonly did: Set<string>;
  readonly unknown: Set<string>;
}

/** Cleans again and again while two processes write; what they told. */
async function cleanUnderWriters(
  context: TestContext,
  project: Project,
  { way, clean }: { way: "create" | "update"; clean: readonly string[] },
): Promise<Outcome> {
  const random = randomOf(way.length);
  const children = Array.from({ length: WRITERS }, (_, index) =>
    Child.start(context, "../merge/clean", [project.folder, `w${index}`, way]),
  );
  await Promise.all(children.map((child) => child.next((line) => line === "ready")));
  for (let times = 0; times < CLEANS; times += 1) {
    await Promise.all(children.map((child) => child.next((line) => line.startsWith("did"))));
    await after(random() * MAX_PAUSE_MS);
    // It may find a folder filled again that it has just emptied.
    project.tryGit("clean", ...clean);
  }
  for (const child of children) child.send("end");
  await Promise.all(children.map((child) => child.done()));
  const lines = children.flatMap((child) => child.lines);
  const told = (word: string): Set<string> =>
    new Set(lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.split(" ")[1] ?? ""));
  assert.deepEqual(lines.filter((line) => line.startsWith("wrong")), []);
  const outcome = { did: told("did"), unknown: told("unknown") };
  const refused = lines.filter((line) => line.startsWith("not")).map((line) => line.split(" ").slice(2).join(" "));
  context.diagnostic(
    `${CLEANS} times git clean ${clean.join(" ")}: ${outcome.did.size} acknowledged, ` +
      `${outcome.unknown.size} unknown, ${refused.length} refused ${[...new Set(refused)].join("; ")}`,
  );
  return outcome;
}

test("git clean -fdx: what was acknowledged is in the tracked files", { timeout: 60_000 }, async (context) => {
  const project = Project.create(context);
  const setup = await project.init(context);
  await setup.features.create({ name: "Counter", count: 0 });
  project.commit("start");
  await setup.close();
  const { did, unknown } = await cleanUnderWriters(context, project, { way: "update", clean: ["-fdx"] });

  // It takes new segments too, since git does not know them: only the document can be held to.
  const store = await project.open(context);
  const count = Number((await store.features.getById(1))?.["count"]);
  assert.ok(did.size <= count && count <= did.size + unknown.size, `${did.size} to ${did.size + unknown.size}: ${count}`);
  await assertSaysWhatFilesSay(store);
});

test("git clean -fdX: what was acknowledged is there once, with its event", { timeout: 60_000 }, async (context) => {
  const project = Project.create(context);
  const setup = await project.init(context);
  project.commit("start");
  await setup.close();
  const { did, unknown } = await cleanUnderWriters(context, project, { way: "create", clean: ["-fdX"] });

  const store = await project.open(context);
  await settle();
  const features = await store.features.getAll();
  const names = features.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length, "made twice");
  for (const name of did) assert.ok(names.includes(name), `${name} is lost`);
  for (const name of names) assert.ok(did.has(name) || unknown.has(name), `${name} was refused`);
  await assertSaysWhatFilesSay(store);
  assert.deepEqual(await store.check(), []);
});
