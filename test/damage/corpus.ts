/** The corpus of damaged trees, `fixtures/damaged`: reading its cases and making their trees. */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { schemaFiles } from "#src/init.js";
import { decodeLine, encodeLine, splitLines } from "#src/storage/journal-lines.js";
import { edit, type Edit } from "./corpus-edits.ts";

const CORPUS = resolve(import.meta.dirname, "../../../fixtures/damaged");
const HEALTHY = join(CORPUS, "healthy");
const CASES = join(CORPUS, "cases");

/** One tree, and what is to be said of it; see `fixtures/damaged/README.md`. */
export interface Case {
  readonly title: string;
  /** How such a tree comes to be. */
  readonly how: string;
  readonly edits: readonly Edit[];
  /** What `check` finds: `severity file:line rule`. */
  readonly findings?: readonly string[];
  /** What of the healthy tree readers do not show, and what they show beside it. */
  readonly gone?: readonly string[];
  readonly shown?: readonly string[];
  /** Which of the findings `repair` mends. */
  readonly done?: readonly string[];
  /** What is left after it, where that is not all the others. */
  readonly left?: readonly string[];
  /** The files of which it keeps a copy. */
  readonly backup?: readonly string[];
  /** Files whose bytes a commit replaces that was under way: those are not looked for. */
  readonly replaced?: readonly string[];
  /** Files of the journal with a finding that hold nothing which is not in the one that goes on. */
  readonly spent?: readonly string[];
  /** What readers show after it, where that is another. */
  readonly after?: {
    readonly gone?: readonly string[];
    readonly shown?: readonly string[];
  };
  /** The code of the error with which all calls are refused; then nothing else is said. */
  readonly refused?: string;
  /** The code of the error with which `repair` is refused. */
  readonly repairRefused?: string;
}

/** The names of all cases. */
export function caseNames(): string[] {
  return readdirSync(CASES)
    .map((name) => name.replace(/\.json$/, ""))
    .toSorted();
}

export function readCase(name: string): Case {
  return JSON.parse(readFileSync(join(CASES, `${name}.json`), "utf8")) as Case;
}

/** Makes the healthy tree at `root`, which is not there yet. */
export function makeHealthy(root: string): void {
  cpSync(HEALTHY, root, { recursive: true });
  // Under their own names git would follow them, here.
  for (const [from, to] of [
    ["_gitignore", ".gitignore"],
    ["_gitattributes", ".gitattributes"],
    ["local/_gitignore", "local/.gitignore"],
  ] as const) {
    renameSync(join(root, from), join(root, to));
  }
  // Each version writes its own.
  mkdirSync(join(root, "schema"));
  for (const [name, text] of schemaFiles()) writeFileSync(join(root, "schema", name), text);
  for (const name of readdirSync(join(root, "local/journal"))) settle(root, name);
}

/** The journal names the folder that it was made in: a tree elsewhere would be another clone. */
function settle(root: string, name: string): void {
  const path = join(root, "local/journal", name);
  const lines: Buffer[] = [];
  splitLines(readFileSync(path), (bytes) => {
    const line = decodeLine(bytes, name);
    if (line === null) throw new Error(`${name} of the healthy tree is damaged`);
    const local = statSync(join(root, "local")).ino;
    lines.push(encodeLine(line.kind === "header" ? { ...line, local } : line));
  });
  writeFileSync(path, Buffer.concat(lines));
}

/** Makes the tree of a case at `root`. */
export function makeTree(root: string, { edits }: Case): void {
  mkdirSync(dirname(root), { recursive: true });
  makeHealthy(root);
  for (const one of edits) edit(root, one);
}
