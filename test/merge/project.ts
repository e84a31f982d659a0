/** Projects under real git, in temporary folders, where no configuration of the machine counts. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { FlowStore, type FlowStoreOptions } from "flowstore";
import { atEnd } from "../at-end.ts";

const SETTINGS = [
  "user.name=tester",
  "user.email=tester@example.org",
  "init.defaultBranch=main",
  "commit.gpgsign=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "advice.detachedHead=false",
].flatMap((setting) => ["-c", setting]);

/** What git said, and whether it did what it was asked. */
export interface GitOutcome {
  readonly ok: boolean;
  readonly text: string;
}

/** A working tree with a store in it. */
export class Project {
  readonly folder: string;
  readonly root: string;
  readonly #home: string;

  private constructor(folder: string, home: string) {
    this.folder = folder;
    this.root = join(folder, ".flow");
    this.#home = home;
  }

  /** An empty repository; with `context` it goes with the test. */
  static create(context: TestContext): Project {
    const home = mkdtempSync(join(tmpdir(), "flowstore-merge-"));
    atEnd(context, () => rmSync(home, { recursive: true, force: true }));
    const project = new Project(join(home, "first"), home);
    mkdirSync(project.folder);
    project.git("init", "--quiet");
    return project;
  }

  /** Another working tree beside this one, not made yet. */
  beside(name: string): Project {
    return new Project(join(this.#home, name), this.#home);
  }

  clone(name: string, ...options: string[]): Project {
    const other = this.beside(name);
    this.git("clone", "--quiet", ...options, this.folder, other.folder);
    return other;
  }

  /** The whole folder with its `local/` and its `.git`, as `cp -a` does. */
  copy(name: string): Project {
    const other = this.beside(name);
    cpSync(this.folder, other.folder, { recursive: true, preserveTimestamps: true });
    return other;
  }

  /** Runs git and returns what it printed; fails when git does. */
  git(...args: string[]): string {
    const { ok, text } = this.tryGit(...args);
    assert.ok(ok, `git ${args.join(" ")}: ${text}`);
    return text;
  }

  tryGit(...args: string[]): GitOutcome {
    try {
      const text = execFileSync("git", [...SETTINGS, ...args], {
        cwd: args[0] === "clone" ? this.#home : this.folder,
        env: {
          PATH: process.env["PATH"] ?? "",
          HOME: this.#home,
          GIT_CONFIG_NOSYSTEM: "1",
          GIT_EDITOR: "true",
          LC_ALL: "C",
        },
        stdio: ["ignore", "pipe", "pipe"],
        encoding: "utf8",
      });
      return { ok: true, text: text.trim() };
    } catch (error) {
      const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
      return { ok: false, text: `${stdout}${stderr}`.trim() };
    }
  }

  /** Commits everything; `false` when there was nothing to commit. */
  commit(message: string): boolean {
    this.git("add", "--all");
    const { ok, text } = this.tryGit("commit", "--quiet", "--message", message);
    assert.ok(ok || text.includes("nothing to commit"), text);
    return ok;
  }

  /** A plain merge that must have no conflict. */
  merge(branch: string): void {
    this.git("merge", "--quiet", "--no-edit", branch);
  }

  /** The files in which git left a conflict. */
  conflicts(): string[] {
    const text = this.git("diff", "--name-only", "--diff-filter=U");
    return text === "" ? [] : text.split("\n");
  }

  /** Opens the store; closed with the test at the latest. */
  async open(context: TestContext, options: FlowStoreOptions = {}): Promise<FlowStore> {
    return keep(context, await FlowStore.open(this.folder, { ...DEFAULTS, ...options }));
  }

  async init(context: TestContext, options: FlowStoreOptions = {}): Promise<FlowStore> {
    return keep(context, await FlowStore.init(this.folder, { ...DEFAULTS, ...options }));
  }
}

/** Nothing here is about power cuts. */
const DEFAULTS: FlowStoreOptions = { durability: "none", actor: "tester" };

function keep(context: TestContext, store: FlowStore): FlowStore {
  atEnd(context, () => store.close());
  return store;
}
