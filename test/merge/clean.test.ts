/** `git clean` while writers are at work: it takes `local/` with journal, guard and fence. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { randomOf } from "../process/store-random.ts";
import { BusyWriters, type Answers } from "./busy.ts";
import { Project } from "./project.ts";
import { assertSaysWhatFilesSay } from "./truth.ts";

const CLEANS = 25;
/** Between two cleans, at most: time for some commits, each of which may be cut in two. */
const MAX_PAUSE_MS = 40;

/** Cleans again and again while two processes write. */
async function cleanUnderWriters(
  context: TestContext,
  project: Project,
  { way, clean }: { way: "create" | "count"; clean: "-fdx" | "-fdX" },
): Promise<Answers> {
  const random = randomOf(CLEANS);
  const writers = await BusyWriters.start(context, project, { way, durability: "full" });
  for (let times = 0; times < CLEANS; times += 1) {
    await writers.progress();
    await after(random() * MAX_PAUSE_MS);
    // It may find a folder filled again that it has just emptied.
    project.tryGit("clean", "--quiet", clean);
  }
  const answers = await writers.stop();
  context.diagnostic(
    `${CLEANS} times git clean ${clean}: ${answers.did.size} changes acknowledged, ` +
      `${answers.unknown.size} unknown; refused: ${answers.refusals.join("; ") || "none"}`,
  );
  return answers;
}

test(
  "git clean -fdx: what was acknowledged is in the tracked files",
  { timeout: 60_000 },
  async (context) => {
    const project = Project.create(context);
    const setup = await project.init(context);
    await setup.features.create({ name: "Counter", count: 0 });
    project.commit("start");
    await setup.close();
    const { did, unknown } = await cleanUnderWriters(context, project, {
      way: "count",
      clean: "-fdx",
    });

    // It takes new segments too, since git does not know them: only the document can be held to.
    const store = await project.open(context);
    const count = Number((await store.features.getById(1))?.["count"]);
    assert.ok(
      did.size <= count && count <= did.size + unknown.size,
      `${did.size} + ${unknown.size}: ${count}`,
    );
    await assertSaysWhatFilesSay(store);
  },
);

test(
  "git clean -fdX: what was acknowledged is there once, with its event",
  { timeout: 60_000 },
  async (context) => {
    const project = Project.create(context);
    const setup = await project.init(context);
    project.commit("start");
    await setup.close();
    const { did, unknown } = await cleanUnderWriters(context, project, {
      way: "create",
      clean: "-fdX",
    });

    const store = await project.open(context);
    await assertSaysWhatFilesSay(store);
    const names = (await store.features.getAll()).map(({ name }) => name);
    assert.equal(new Set(names).size, names.length, "made twice");
    for (const key of did) assert.ok(names.includes(key), `${key} is lost`);
    for (const name of names) assert.ok(did.has(name) || unknown.has(name), `${name} was refused`);
    assert.deepEqual(await store.check(), []);
  },
);
