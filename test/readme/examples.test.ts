/**
 * Every example of README.md is run: programs one by one, sessions of commands line by line in a
 * temporary project. What the page shows below an example is what the example prints.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { masked, partsOf, README, REPOSITORY, type Block, type Mark } from "./blocks.ts";

/** Far beyond what any example takes. */
const TIMEOUT_MS = 60_000;

const manifest = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as {
  readonly bin: { readonly flowstore: string };
};

const temporary = realpathSync(mkdtempSync(join(tmpdir(), "flowstore-readme-")));
/** Inside the repository, so that `flowstore` is found by its name. */
mkdirSync(join(REPOSITORY, "build"), { recursive: true });
const programs = mkdtempSync(join(REPOSITORY, "build/readme-"));
after(() => {
  rmSync(temporary, { recursive: true, force: true });
  rmSync(programs, { recursive: true, force: true });
});

/** Only what the examples need, so that nothing of the machine shows. */
const ENVIRONMENT = {
  PATH: `${join(temporary, "bin")}:${process.env["PATH"] ?? ""}`,
  HOME: temporary,
  TMPDIR: temporary,
  LANG: "C.UTF-8",
  LC_ALL: "C.UTF-8",
  FLOW_ACTOR: "agent-1",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "you",
  GIT_AUTHOR_EMAIL: "you@example.com",
  GIT_COMMITTER_NAME: "you",
  GIT_COMMITTER_EMAIL: "you@example.com",
};

function run(
  folder: string,
  file: string,
  args: readonly string[],
): { status: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    cwd: folder,
    env: ENVIRONMENT,
    encoding: "utf8",
    timeout: TIMEOUT_MS,
  });
  return { status, output: error === undefined ? stdout + stderr : String(error) };
}

/** Both streams as one, in the order in which they were written. */
function runScript(folder: string, script: string): { status: number | null; output: string } {
  return run(folder, "sh", ["-c", `exec 2>&1\nset -eu\n${script}`]);
}

function isBlock(part: Block | Mark | undefined): part is Block {
  return part !== undefined && "language" in part;
}

const parts = partsOf(README);

/** The block of output that stands right below a part. */
function outputBelow(at: number): Block | null {
  const next = parts[at + 1];
  return isBlock(next) && next.language === "text" ? next : null;
}

/** Not marked as one that is only shown. */
function isRun(at: number): boolean {
  const before = parts[at - 1];
  return isBlock(before) || before?.mark !== "not run";
}

/** The name under which the session around a program has it as a file. */
function fileNameOf(at: number): string | null {
  const before = parts[at - 1];
  return isBlock(before) ? null : (/^file: ([\w.]+)$/.exec(before?.mark ?? "")?.[1] ?? null);
}

function makeProject(name: string): string {
  const folder = join(temporary, name, "shop");
  mkdirSync(folder, { recursive: true });
  const made = run(folder, "git", ["init", "--quiet", "--initial-branch=main"]);
  assert.equal(made.status, 0, made.output);
  return folder;
}

describe("README: programs", () => {
  const files: string[] = [];
  for (const [at, part] of parts.entries()) {
    if (!isBlock(part) || part.language !== "js" || !isRun(at)) continue;
    const file = join(programs, `line-${part.line}.mjs`);
    writeFileSync(file, part.text);
    files.push(file);
    if (fileNameOf(at) !== null) continue;
    test(`line ${part.line}`, () => {
      const folder = makeProject(`program-${part.line}`);
      const { status, output } = run(folder, process.execPath, [file]);
      assert.equal(status, 0, output);
      const expected = outputBelow(at);
      assert.ok(expected !== null, "nothing is shown below the program");
      assert.equal(masked(output, folder), masked(expected.text, folder));
    });
  }

  test("fit the types of the package", () => {
    assert.ok(files.length > 0);
    const options =
      "--ignoreConfig --noEmit --allowJs --checkJs --strict --skipLibCheck --target es2023";
    const module = "--module nodenext --lib es2023,esnext.disposable --types node";
    const compiler = join(REPOSITORY, "node_modules/typescript/bin/tsc");
    const words = [compiler, ...options.split(" "), ...module.split(" "), ...files];
    const { status, output } = run(REPOSITORY, process.execPath, words);
    assert.equal(status, 0, output);
  });
});

const hasShell = runScript(temporary, "git --version").status === 0;
const hasJq = runScript(temporary, "jq --version").status === 0;

describe("README: sessions", { skip: hasShell ? false : "no sh or no git" }, () => {
  mkdirSync(join(temporary, "bin"));
  const main = join(REPOSITORY, manifest.bin.flowstore);
  const call = `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`;
  writeFileSync(join(temporary, "bin/flowstore"), call, { mode: 0o755 });

  let folder = "";
  for (const [at, part] of parts.entries()) {
    if (!isBlock(part)) {
      const name = /^session: (\w+)$/.exec(part.mark)?.[1];
      if (name !== undefined) test(`${name} begins`, () => void (folder = makeProject(name)));
      if (part.mark === "shown here") test("what the page shows first", () => showsFirst(folder));
      continue;
    }
    const file = fileNameOf(at);
    if (file !== null) test(`line ${part.line}: ${file}`, () => putFile(folder, file, part.text));
    if (part.language !== "sh" || !isRun(at)) continue;
    const skip = /\bjq\b/.test(part.text) && !hasJq ? "jq is missing: NOT RUN" : false;
    test(`line ${part.line}`, { skip }, () => {
      assert.notEqual(folder, "", "the commands belong to no session");
      const { status, output } = runScript(folder, part.text);
      assert.equal(status, 0, output);
      assert.equal(masked(output, folder), masked(outputBelow(at)?.text ?? "", folder));
    });
  }

  /** A program of the session's project, which finds the package as one that is installed. */
  function putFile(project: string, name: string, text: string): void {
    const packages = join(project, "node_modules");
    mkdirSync(packages, { recursive: true });
    symlinkSync(REPOSITORY, join(packages, "flowstore"));
    // A package of its own, whatever lies in a folder above.
    writeFileSync(join(project, "package.json"), '{ "private": true }\n');
    writeFileSync(join(project, name), text);
  }

  /** Files that stand above the session that makes them. */
  function showsFirst(project: string): void {
    let count = 0;
    for (const [at, part] of parts.entries()) {
      const command = isBlock(part) ? undefined : /^shown: (.*)$/.exec(part.mark)?.[1];
      const block = parts[at + 1];
      if (command === undefined || !isBlock(block)) continue;
      const { status, output } = runScript(project, command);
      assert.equal(status, 0, output);
      assert.equal(masked(output, project), masked(block.text, project));
      count += 1;
    }
    assert.ok(count > 0);
    const tree = parts.find((part) => isBlock(part) && part.text.startsWith(".flow/\n")) as Block;
    const drawn = [...tree.text.matchAll(/[\w.-]+\.(?:jsonl?|git\w+)|\.git\w+/g)].map(
      ([name]) => name,
    );
    const found = runScript(project, "find .flow -type f -not -path '*/local/*'").output;
    const names = found.split("\n").map((path) => path.slice(path.lastIndexOf("/") + 1));
    const sorted = (list: readonly string[]): string[] =>
      list
        .filter((name) => name !== "")
        .map((name) => masked(name, project))
        .toSorted();
    assert.deepEqual(sorted(drawn), sorted(names));
  }
});
