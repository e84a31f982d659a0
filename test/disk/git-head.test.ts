import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { gitHead } from "#src/disk/git-head.js";
import { tempFolder } from "./temp-folder.ts";

const WHO = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];

function git(cwd: string, ...args: string[]): string {
  // Without the machine's own settings and without a surrounding repository's variables.
  const { PATH } = process.env;
  const env = { PATH, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  return execFileSync("git", [...WHO, ...args], { cwd, env, encoding: "utf8", stdio: "pipe" });
}

function repository(): string {
  const folder = realpathSync(tempFolder());
  git(folder, "init", "--quiet", "--initial-branch=main");
  git(folder, "commit", "--quiet", "--allow-empty", "-m", "first");
  return folder;
}

/** Asserts that a fingerprint moves with each of `acts` and stands still otherwise. */
function movesWith(fingerprint: () => string | null, acts: Record<string, () => unknown>): void {
  for (const [name, act] of Object.entries(acts)) {
    const before = fingerprint();
    assert.equal(fingerprint(), before, `still before ${name}`);
    act();
    assert.notEqual(fingerprint(), before, `moved by ${name}`);
  }
}

describe("gitHead", () => {
  it("is null outside git, and notices a repository that comes and goes", () => {
    const folder = tempFolder();
    const fingerprint = gitHead(folder);
    assert.equal(fingerprint(), null);
    assert.equal(gitHead(join(folder, "none"))(), null);
    mkdirSync(join(folder, ".git"));
    assert.equal(fingerprint(), null, "an empty .git is no repository");
    git(folder, "init", "--quiet");
    assert.notEqual(fingerprint(), null, "a repository without a commit has a HEAD");
    rmSync(join(folder, ".git"), { recursive: true });
    assert.equal(fingerprint(), null);
  });

  it("moves with commit, checkout, branch, reset, detaching and amending", () => {
    const folder = repository();
    movesWith(gitHead(folder), {
      commit: () => git(folder, "commit", "--quiet", "--allow-empty", "-m", "second"),
      branch: () => git(folder, "checkout", "--quiet", "-b", "topic/one"),
      "commit there": () => git(folder, "commit", "--quiet", "--allow-empty", "-m", "third"),
      checkout: () => git(folder, "checkout", "--quiet", "main"),
      reset: () => git(folder, "reset", "--quiet", "--hard", "HEAD~1"),
      detach: () => git(folder, "checkout", "--quiet", "--detach", "topic/one"),
      amend: () => git(folder, "commit", "--quiet", "--allow-empty", "--amend", "-m", "else"),
      merge: () => {
        git(folder, "checkout", "--quiet", "main");
        git(folder, "merge", "--quiet", "topic/one");
      },
    });
  });

  it("stands still while files are changed and staged, and when another branch moves", () => {
    const folder = repository();
    git(folder, "branch", "other");
    const fingerprint = gitHead(folder);
    const before = fingerprint();
    writeFileSync(join(folder, "a"), "1");
    git(folder, "add", "a");
    git(folder, "update-ref", "refs/heads/other", git(folder, "rev-parse", "HEAD").trim());
    git(folder, "branch", "third");
    git(folder, "status");
    assert.equal(fingerprint(), before);
    assert.equal(gitHead(folder)(), before, "and is the same for another instance");
  });

  it("moves when only the ref does, without a log", () => {
    const folder = repository();
    git(folder, "config", "core.logAllRefUpdates", "false");
    rmSync(join(folder, ".git/logs"), { recursive: true });
    movesWith(gitHead(folder), {
      commit: () => git(folder, "commit", "--quiet", "--allow-empty", "-m", "second"),
      "commit on packed refs": () => {
        git(folder, "pack-refs", "--all");
        git(folder, "commit", "--quiet", "--allow-empty", "-m", "third");
      },
      "packing refs": () => git(folder, "pack-refs", "--all"),
    });
  });

  it("looks at HEAD, its log, its ref and packed-refs", () => {
    const folder = repository();
    git(folder, "pack-refs", "--all");
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "second");
    const files = ["HEAD", "logs/HEAD", "refs/heads/main", "packed-refs"];
    const touches = files.map((file) => [
      file,
      () => appendFileSync(join(folder, ".git", file), "\n"),
    ]);
    movesWith(gitHead(folder), Object.fromEntries(touches));
  });

  it("finds the repository above a folder, through a link as well", () => {
    const folder = repository();
    mkdirSync(join(folder, "deep/er"), { recursive: true });
    const elsewhere = join(tempFolder(), "link");
    symlinkSync(join(folder, "deep/er"), elsewhere);
    const [top, below, linked] = [folder, join(folder, "deep/er"), elsewhere].map(gitHead);
    assert.ok(top && below && linked);
    assert.deepEqual([below(), linked()], [top(), top()]);
    movesWith(below, {
      commit: () => git(folder, "commit", "--quiet", "--allow-empty", "-m", "second"),
    });
  });

  it("follows a linked worktree to its own HEAD and the common refs", () => {
    const folder = repository();
    const worktree = join(tempFolder(), "tree");
    git(folder, "worktree", "add", "--quiet", "-b", "topic", worktree);
    const main = gitHead(folder);
    const mainBefore = main();
    movesWith(gitHead(worktree), {
      commit: () => git(worktree, "commit", "--quiet", "--allow-empty", "-m", "second"),
      checkout: () => git(worktree, "checkout", "--quiet", "-b", "topic2"),
      "the ref moved from the main tree": () =>
        git(folder, "update-ref", "refs/heads/topic2", "main"),
      "moving the worktree": () => {
        git(folder, "worktree", "move", worktree, `${worktree}2`);
        renameSync(`${worktree}2`, worktree);
        git(worktree, "commit", "--quiet", "--allow-empty", "-m", "third");
      },
    });
    assert.equal(main(), mainBefore, "the main tree's HEAD did not move");
  });

  it("follows a submodule's file .git", () => {
    const inner = repository();
    const outer = repository();
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "sub");
    const sub = join(outer, "sub");
    movesWith(gitHead(sub), {
      commit: () => git(sub, "commit", "--quiet", "--allow-empty", "-m", "second"),
    });
    assert.notEqual(gitHead(sub)(), gitHead(outer)());
  });
});
