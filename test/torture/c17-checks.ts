/** What C17 changes, and what should notice. */
import { createHash } from "node:crypto";
import {
  cpSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";

import { tempFolder } from "../storage/support.ts";
import type { Check } from "./c17-trials.ts";

const PROJECT = resolve(import.meta.dirname, "../../..");
const MODULES = realpathSync(
  dirname(dirname(createRequire(import.meta.url).resolve("proper-lockfile/package.json"))),
);

/** Commit, recovery, guard, transactions, archive, blobs and the readers of logs: compiled files below `dist/`. */
export const CHANGED_FILES = [
  "disk/exclusive",
  ...[
    ...["storage", "transaction", "files", "log-archive", "blob-files"],
    ...["committer", "group-commit", "hold", "upkeep", "view", "overlay", "ledger"],
    ...["apply", "judge", "guard", "fence"],
    ...["journal", "journal-files", "journal-lines", "journal-reader", "journal-state"],
    ...["event-lines", "segments", "segment-bytes", "log-writer", "local-log", "open-logs"],
    ...["segment-files", "packed-lines", "sealed-lines", "log-parts", "last-events", "parts"],
    ...["log-index", "log-reader", "log-readers", "log-scan", "log-tail", "log-twins"],
    ...["indexed-reader", "unnumbered"],
    ...["index-build", "index-files", "index-keys", "index-part", "index-upkeep"],
  ].map((name) => `storage/${name}`),
];

/** Tests, by their files: the quickest that together run through most places. */
const TESTS = [
  ...inFolder("storage", ["added-names", "defects", "denied", "fence", "fenced", "guard-life"]),
  ...inFolder("storage", ["hand-edits", "journal", "linked-segments", "local-log", "log"]),
  ...inFolder("storage", ["log-archive", "log-index", "lost-journal", "restarted-log"]),
  ...inFolder("storage", ["older-texts", "orphan", "readers", "remnants", "transactions"]),
  ...inFolder("storage", ["stuck-log", "transaction-look", "unconfirmed", "unsynced"]),
  ...inFolder("features", ["transactions", "history"]),
  ...inFolder("damage", ["acknowledge", "hand-edits", "repair", "segments", "told", "read-only"]),
  ...inFolder("coordination", ["memory", "outputs"]),
  ...inFolder("blobs", ["blobs"]),
  "ports/transactions",
  "process/guard",
];

/** Attacks, with how much each tries. */
const ATTACKS = [
  ["C2", 120],
  ["C11", 120],
  ["C13", 10],
] as const;

export const CHECKS: readonly Check[] = [
  ...TESTS.map((name) => testCheck(name)),
  ...ATTACKS.map(([claim, goal]) => ({
    name: `torture ${claim}`,
    words: ["build/test/torture/attack.worker.js", claim, String(goal)],
  })),
];

function inFolder(folder: string, names: readonly string[]): string[] {
  return names.map((name) => `${folder}/${name}`);
}

function testCheck(name: string): Check {
  return { name, words: [`build/test/${name}.test.js`] };
}

/** What no check needs. */
const UNUSED = /\.(?:d\.ts|map|tsbuildinfo)$|\/build\/(?:mutation|test\/\.groups)(?:\/|$)/;

/** The compiled project in a folder of its own; gone when this process ends. */
export function copyOfProject(): string {
  const tree = tempFolder();
  const code = { recursive: true, filter: (from: string) => !UNUSED.test(from) };
  for (const folder of ["dist", "build", "fixtures"])
    cpSync(join(PROJECT, folder), join(tree, folder), code);
  symlinkSync(MODULES, join(tree, "node_modules"));
  const manifest = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as object;
  // The modules in place of their bundle: it is they that are changed.
  const exports = "./dist/index.js";
  writeFileSync(join(tree, "package.json"), JSON.stringify({ ...manifest, exports }));
  return tree;
}

/** What stands for the engine in a copy, and for all that should notice. */
export interface Prints {
  readonly engine: string;
  readonly checks: string;
}

export function printsOf(tree: string): Prints {
  const ownFiles = /torture\/c17-(?!checks)/;
  return {
    engine: printOf(join(tree, "dist"), (path) => /^(?:storage|disk)\//.test(path)),
    checks: printOf(join(tree, "build/test"), (path) => !ownFiles.test(path)),
  };
}

function printOf(folder: string, counts: (path: string) => boolean): string {
  const hash = createHash("sha256");
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".js"))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"));
  for (const path of paths.filter(counts).toSorted())
    hash.update(path).update(readFileSync(join(folder, path)));
  return hash.digest("hex").slice(0, 16);
}
