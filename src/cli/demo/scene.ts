/** Where the demo plays: a git repository in a temporary folder with a store and a plan in it. */
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { plain } from "../../adapters/plain.ts";
import { importPlan } from "../../adapters/import-plan.ts";
import { FlowStore } from "../../index.ts";
import { commitAll, git, initRepository } from "./git.ts";

/** The plan that comes with the package, wherever this file was bundled to. */
const PLAN_FILE = join(
  dirname(createRequire(import.meta.url).resolve("flowstore/package.json")),
  "fixtures/plans/tool-library.json",
);

export interface Scene {
  /** The project's folder, absolute. */
  readonly folder: string;
  readonly store: FlowStore;
  readonly plan: string;
  readonly features: number;
  /** The short name of the first commit. */
  readonly commit: string;
}

/**
 * Makes the folder and all that is in it.
 *
 * @throws FlowError `IO` when git is missing; then nothing is left behind.
 */
export async function buildScene(): Promise<Scene> {
  git(".", "--version");
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "flowstore-demo-")));
  try {
    initRepository(folder);
    writeFileSync(join(folder, "README.md"), "# Tool library\n\nA town lends tools.\n");
    const store = await FlowStore.init(folder, { actor: "planner", source: "demo" });
    try {
      const fileName = basename(PLAN_FILE);
      const text = readFileSync(PLAN_FILE, "utf8");
      const { created } = await importPlan(store, { format: plain, fileName, text });
      const commit = commitAll(folder, `Plan: ${created} features`);
      return { folder, store, plan: fileName, features: created, commit };
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    strike(folder);
    throw error;
  }
}

/** Removes the folder; a file that somebody still has open is tried again. */
export function strike(folder: string): void {
  if (existsSync(folder)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
