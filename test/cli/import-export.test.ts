/** Plans at the command line: patterns, standard input, all or nothing over several files. */
import assert from "node:assert/strict";
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { list, one, openStoreShell, type Shell } from "./support.ts";

async function write(shell: Shell, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(shell.folder, "plans"), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(shell.folder, "plans", name), text);
  }
}

test("a pattern brings its files in, sorted, and no link to a folder twice", async (context) => {
  const shell = await openStoreShell(context);
  await write(shell, { "b.json": '[{"name":"B"}]', "a.json": '[{"name":"A"}]' });
  await symlink(".", join(shell.folder, "plans", "loop"));
  const envelope = await shell.json(["import", "plans/**/*.json"]);
  assert.equal(envelope.exit, 0);
  const { created, files } = one(envelope);
  assert.equal(created, 2);
  assert.deepEqual(
    (files as { file: string }[]).map(({ file }) => file),
    ["plans/a.json", "plans/b.json"],
  );
  const names = list(await shell.json(["feature", "list"])).map(({ name }) => name);
  assert.deepEqual(names, ["A", "B"]);
});

test("one bad file of several, and nothing comes in", async (context) => {
  const shell = await openStoreShell(context);
  await write(shell, { "a.json": '[{"name":"A"}]', "b.json": '[\n{"name":"B"},\n{"name":"B"}]' });
  const { exit, error } = await shell.json(["import", "plans/a.json", "plans/b.json"]);
  assert.deepEqual([exit, error.code, error.context["line"]], [2, "BAD_REQUEST", 3]);
  assert.match(error.message, /plans\/b\.json:3/);
  assert.equal(one(await shell.json(["feature", "stats"]))["total"], 0);
});

test("a dry run tells the same and writes nothing", async (context) => {
  const shell = await openStoreShell(context);
  const input = '{"id":"x-1","title":"A","status":"closed"}\n';
  const dry = one(await shell.json(["import", "-", "--dry-run"], { input }));
  assert.equal(one(await shell.json(["feature", "stats"]))["total"], 0);
  const wet = one(await shell.json(["import", "-"], { input }));
  assert.deepEqual([dry["created"], wet["created"]], [1, 1]);
  const again = one(await shell.json(["import", "-"], { input }));
  assert.deepEqual([again["created"], again["unchanged"]], [0, 1]);
});

test("the report for people names what was dropped and what was kept aside", async (context) => {
  const { run } = await openStoreShell(context);
  const edge = (to: string): string => `[{"type":"blocks","depends_on_id":"${to}"}]`;
  const input = [
    `{"id":"x-1","title":"A","labels":["l"],"dependencies":${edge("x-2")}}`,
    `{"id":"x-2","title":"B","status":"in_progress","dependencies":${edge("x-1")}}`,
    `{"id":"x-3","title":"C","dependencies":${edge("\\u001b[31m")}}`,
  ].join("\n");
  const { exit, stdout } = await run(["import", "-"], { input, env: { COLUMNS: "60" } });
  assert.equal(exit, 0);
  assert.match(stdout, /^Imported standard input as beads: 3 created, 0 updated/);
  assert.match(stdout, /x-2 needs x-1: closes the circle x-2 > x-1 > x-2/);
  assert.match(stdout, /x-3 needs \\x1b\[31m: there is no such item/);
  assert.match(stdout, /under imported: .*labels \(1\)/s);
  assert.match(stdout, /status in_progress: 1/);
  for (const line of stdout.split("\n")) assert.ok(line.length <= 60, line);
});

test("an export is a file or the text itself, and another store takes it", async (context) => {
  const [here, there] = [await openStoreShell(context), await openStoreShell(context)];
  const input = '[{"name":"A","mine":1},{"name":"B","dependencies":[{"index":0}]}]';
  await here.run(["feature", "create", "--from-json", "-"], { input });
  await here.run(["feature", "pass", "1"]);
  const file = join(there.folder, "out.json");
  const written = one(await here.json(["export", "--output", file]));
  assert.deepEqual([written["count"], written["file"], written["text"]], [2, file, null]);
  const text = await readFile(file, "utf8");
  assert.equal((await here.run(["export"])).stdout, text);
  assert.equal(one(await here.json(["export"]))["text"], text);
  assert.deepEqual(
    (await readdir(there.folder)).filter((name) => name.endsWith(".tmp")),
    [],
  );
  // Again, through a link: the file it leads to gets the content and keeps its rights.
  await chmod(file, 0o600);
  await symlink("out.json", join(there.folder, "link.json"));
  assert.equal((await here.run(["export", "--output", join(there.folder, "link.json")])).exit, 0);
  assert.ok((await lstat(join(there.folder, "link.json"))).isSymbolicLink());
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  await there.run(["import", "out.json"]);
  const features = list(await there.json(["feature", "list"]));
  assert.deepEqual(
    features.map(({ name, passes, mine, dependencies }) => [name, passes, mine, dependencies]),
    [
      ["A", true, 1, []],
      ["B", false, undefined, [1]],
    ],
  );
  const lines = (await here.run(["export", "--format", "jsonl"])).stdout.trimEnd().split("\n");
  assert.equal(lines.length, 2);
  const issues = (await here.run(["export", "--format", "beads"])).stdout.trimEnd().split("\n");
  assert.deepEqual(
    issues.map((issue) => (JSON.parse(issue) as { status: string }).status),
    ["closed", "open"],
  );
});
