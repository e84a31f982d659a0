/** git at work in the very moment in which two processes write. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { eventLines, tornFiles } from "../process/store-files.ts";
import { pick, randomOf } from "../process/store-random.ts";
import { BusyWriters } from "./busy.ts";
import { Project } from "./project.ts";
import { assertSaysWhatFilesSay } from "./truth.ts";

const ROUNDS = 20;
const MAX_PAUSE_MS = 20;

test("commits, switches and merges beside two writers", { timeout: 60_000 }, async (context) => {
  const random = randomOf(7);
  const project = Project.create(context);
  const store = await project.init(context);
  await store.features.createBulk(["A", "B", "C", "D", "E", "F"].map((name) => ({ name })));
  project.commit("start");
  for (const branch of ["one", "two"]) project.git("branch", branch);
  const writers = await BusyWriters.start(context, project, { way: "all" });
  let done = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await writers.progress();
    await after(random() * MAX_PAUSE_MS);
    // What is written between these two is not in the commit, and its segment has ended with it.
    project.tryGit("add", "--all");
    project.tryGit("commit", "--quiet", "--message", `round ${round}`);
    const commands = [
      ["switch", "--quiet", pick(random, ["main", "one", "two"])],
      ["merge", "--no-edit", pick(random, ["main", "one", "two"])],
    ];
    const { ok, text } = project.tryGit(...pick(random, commands));
    done += ok ? 1 : 0;
    const conflicts = project.conflicts();
    assert.deepEqual(
      conflicts.filter((path) => !path.includes("/features/")),
      [],
      text,
    );
    if (conflicts.length > 0) project.git("checkout", "--ours", "--", ...conflicts);
    assert.deepEqual(tornFiles(project.root), []);
  }
  const { did, unknown, refusals } = await writers.stop();
  project.tryGit("add", "--all");
  await assertSaysWhatFilesSay(store);

  // Every note lies in a file here, or in a commit of some branch.
  const notes = project.git(
    "grep",
    "--no-color",
    "-h",
    "-o",
    "note\\.w[01]\\.[0-9]*",
    "main",
    "one",
    "two",
    "--",
    ".flow/events",
  );
  const here = eventLines(project.root).map(({ payload }) => payload.newValue ?? "");
  const there = new Set([...notes.split("\n"), ...here]);
  const missing = [...did].filter((key) => key.startsWith("note.") && !there.has(key));
  context.diagnostic(
    `${done} of ${ROUNDS} commands of git done, ${did.size} changes acknowledged, ${unknown.size} unknown, ` +
      `refused: ${refusals.join("; ") || "none"}`,
  );
  assert.deepEqual(missing, []);
});
