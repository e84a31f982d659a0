/**
 * The engine with a rule taken out, for processes of their own: what an attack must find, or the
 * guard that it must do without. The texts are those of the compiled files, each there exactly once.
 */
import { cpSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { tempFolder } from "../storage/support.ts";

const DIST = dirname(fileURLToPath(import.meta.resolve("#src/errors.js")));
const TESTS = resolve(import.meta.dirname, "..");
const MODULES = realpathSync(
  dirname(dirname(createRequire(import.meta.url).resolve("proper-lockfile/package.json"))),
);

/** One text of a file replaced by another. */
export interface Edit {
  /** Below `dist/`, without its ending. */
  readonly file: string;
  readonly search: string;
  readonly replacement: string;
}

const guard = (search: string, replacement: string): Edit => ({
  file: "storage/guard",
  search,
  replacement,
});

export const PATCHES = {
  /** Everybody gets the guard at once, nobody is seen to wait, nothing is left behind. */
  "no guard": [
    guard(
      "async take(timeoutMs) {",
      `async take(timeoutMs) {
        const release = async () => undefined;
        this.#held = { generation: 0, release, since: this.#options.monotonicMs(), beat: null, lost: false };
        if (timeoutMs >= 0) return;`,
    ),
    guard("    beat() {", "    beat() {\n        if (this.#beatAt === 0) return;"),
  ],
  /** A record is not read back before the caller is answered. */
  "no read-back": [
    { file: "storage/journal", search: "return mine.won;", replacement: "return true;" },
  ],
  /** What `relaxed` puts off it puts off for ever. */
  "put off": [
    {
      file: "storage/hold",
      search: "const RELAXED_MS = 80;",
      replacement: "const RELAXED_MS = 1e9;",
    },
  ],
  /** Other fences are left standing. */
  "no fence": [
    {
      file: "storage/fence",
      search: "if (name === own)",
      replacement: "if (name !== null)",
    },
  ],
  /** Readers take each file as it is, be it before or after the others of its commit. */
  "files alone": [
    { file: "storage/storage", search: "if (!this.#readingIsStale)", replacement: "if (true)" },
    {
      file: "storage/overlay",
      search: "if (!imageCounts(entry, change, found, this.#journal.window.values()))",
      replacement: "if (true)",
    },
  ],
  /** Readers take files as they saw them in the last seconds, whatever the journal says meanwhile. */
  "lagging readers": [
    {
      file: "storage/storage",
      search: "const since = this.files.freshSince();\n        for (let tries",
      replacement: "const since = this.files.freshSince() - 3000;\n        for (let tries",
    },
    {
      file: "storage/storage",
      search: "this.journal.tail();\n            const reading",
      replacement: "const reading",
    },
    {
      file: "storage/storage",
      search: "this.journal.tail();\n                if (!this.#readingIsStale)",
      replacement: "if (true)",
    },
  ],
  /** A commit of lines alone is answered from the journal, and brought into its log by the next. */
  "lines later": [
    {
      file: "storage/committer",
      search: "if (!this.#apply({ record: record.id, byPath: staged }))",
      replacement: `const isLines = record.changes.every((change) => "append" in change);
        if (!isLines && !this.#apply({ record: record.id, byPath: staged }))`,
    },
  ],
  /** Files are written in their place, in two steps. */
  "in place": [
    {
      file: "disk/node-disk",
      search: "rename(from, to) {",
      replacement: `rename(from, to) {
            if (to.endsWith(".json") && fs.existsSync(prefix + to)) {
                const data = fs.readFileSync(prefix + from);
                const file = fs.openSync(prefix + to, "w");
                fs.writeSync(file, data, 0, data.length >> 1);
                fs.writeSync(file, data, data.length >> 1);
                fs.closeSync(file);
                fs.unlinkSync(prefix + from);
                return;
            }`,
    },
  ],
} as const satisfies Readonly<Record<string, readonly Edit[]>>;

export type PatchName = keyof typeof PATCHES;

const trees = new Map<string, string>();

/** A folder with the compiled tests beside such an engine; gone when this process ends. */
export function patchedTree(names: readonly PatchName[]): string {
  const key = names.join();
  const known = trees.get(key);
  if (known !== undefined) return known;
  const tree = tempFolder();
  const code = {
    recursive: true,
    filter: (from: string) => !/\.(?:d\.ts|map)$|\/dist\/(?:bin|lib)(?:\/|$)/.test(from),
  };
  cpSync(DIST, join(tree, "dist"), code);
  const rooms = ["process", "storage", "crash", "coordination", "features", "torture", "workflows"];
  for (const room of rooms) cpSync(join(TESTS, room), join(tree, "test", room), code);
  cpSync(join(TESTS, "at-end.js"), join(tree, "test/at-end.js"));
  symlinkSync(MODULES, join(tree, "node_modules"));
  const manifest = { name: "flowstore", type: "module", exports: "./dist/index.js" };
  const all = { ...manifest, imports: { "#src/*": "./dist/*" } };
  writeFileSync(join(tree, "package.json"), JSON.stringify(all));
  for (const name of names) for (const edit of PATCHES[name]) apply(tree, edit);
  trees.set(key, tree);
  return tree;
}

function apply(tree: string, { file, search, replacement }: Edit): void {
  const path = join(tree, "dist", `${file}.js`);
  const text = readFileSync(path, "utf8");
  if (text.split(search).length !== 2) throw new Error(`"${search}" is not once in ${file}`);
  writeFileSync(
    path,
    text.replace(search, () => replacement),
  );
}
