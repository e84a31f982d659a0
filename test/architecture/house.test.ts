/**
 * The rules of the house that a linter cannot see whole: which room may know which, also through a
 * dynamic import, and what no file may do. `.oxlintrc.json` says the same while one types.
 */
import assert from "node:assert/strict";
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { describe, test } from "node:test";
import { importsOf, readLock, readPackage, readSources, type Source } from "./sources.ts";

/** A room is a folder of `src/` or a file in it; `node` stands for all of node but its files. */
const MAY_KNOW: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": [],
  "finding.ts": [],
  "nearest.ts": [],
  model: ["zod"],
  disk: ["node", "node:fs", "proper-lockfile", "write-file-atomic", "fast-glob"],
  storage: ["disk", "node"],
  query: ["model", "node", "squirreling", "sql.js"],
  stores: ["model", "storage", "query", "node"],
  "init.ts": ["model", "disk", "storage"],
  check: ["init.ts", "model", "disk", "storage", "stores", "node"],
  "store-options.ts": ["model", "disk", "storage", "stores", "node"],
  "flow-store.ts": [
    "init.ts",
    "store-options.ts",
    "model",
    "disk",
    "storage",
    "stores",
    "check",
    "node",
  ],
  engine: ["model", "stores", "node"],
  "ports.ts": ["model", "stores", "flow-store.ts"],
  "index.ts": ["model", "query", "stores", "engine", "flow-store.ts", "ports.ts"],
  adapters: ["index.ts", "node"],
  cli: ["index.ts", "adapters", "node"],
};

/** What all rooms may know. */
const LEAVES = ["errors.ts", "finding.ts", "nearest.ts"];

/** What single files may know beyond their room. */
const EXCEPTIONS: readonly (readonly [path: RegExp, known: readonly string[]])[] = [
  // Loads zod at the first call instead of the start, by node's own `require`.
  [/^model\/zod\.ts$/, ["node"]],
  // A file that the user names, or a pattern of files; and the file that is written for the user,
  // by the one way of replacing files.
  [/^cli\/input\.ts$/, ["node:fs", "fast-glob"]],
  [/^cli\/output\.ts$/, ["disk"]],
  // The program of the command, and what V8 made of it.
  [/^cli\/code-cache\.ts$/, ["node:fs"]],
  // Plays a user with a folder of their own.
  [/^cli\/demo\//, ["node:fs"]],
];

/** Who may ask for the time or for chance (of the disks, what is a machine); others are given them. */
const AMBIENT_ALLOWED =
  /^(model\/time\.ts|store-options\.ts|flow-store\.ts|engine\/engine\.ts|cli\/.*|disk\/(machine|memory-disk)\.ts)$/;

/** Above this a file holds more than one thing. */
const MAX_LINES = 400;

const sources = readSources("src");
const tests = readSources("test");

function roomOf(path: string): string {
  return path.split("/")[0] ?? path;
}

/** The room, package or part of node that an import leads to. */
function targetOf(from: Source, specifier: string): string {
  if (specifier.startsWith(".")) {
    return roomOf(posix.normalize(posix.join(posix.dirname(from.path), specifier)));
  }
  if (/^node:fs(\/|$)/.test(specifier)) return "node:fs";
  if (isBuiltin(specifier)) return "node";
  return packageOf(specifier);
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

describe("the house", () => {
  test("every room has its line in the table", () => {
    const unknown = new Set(sources.map(({ path }) => roomOf(path)));
    for (const room of Object.keys(MAY_KNOW)) unknown.delete(room);
    assert.deepEqual([...unknown], []);
  });

  test("a room imports only what it may know", () => {
    const wrong: string[] = [];
    for (const source of sources) {
      const room = roomOf(source.path);
      const leaves = LEAVES.includes(room) ? [] : LEAVES;
      const allowed = new Set([room, ...leaves, ...(MAY_KNOW[room] ?? [])]);
      for (const [path, known] of EXCEPTIONS) {
        if (path.test(source.path)) for (const name of known) allowed.add(name);
      }
      for (const specifier of importsOf(source)) {
        if (!allowed.has(targetOf(source, specifier))) wrong.push(`${source.path} → ${specifier}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  test("no file imports itself by a way round, not even for types or when it is called", () => {
    const imports = new Map(
      sources.map((source) => [
        source.path,
        importsOf(source)
          .filter((specifier) => specifier.startsWith("."))
          .map((specifier) => posix.normalize(posix.join(posix.dirname(source.path), specifier))),
      ]),
    );
    // A file whose imports are all gone stands in no circle; what is left at the end leads to one.
    for (let before = -1; before !== imports.size;) {
      before = imports.size;
      for (const [path, targets] of imports) {
        if (!targets.some((target) => imports.has(target))) imports.delete(path);
      }
    }
    assert.deepEqual([...imports.keys()], []);
  });

  test(`no file of src has more than ${MAX_LINES} lines`, () => {
    const long = sources
      .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
      .filter(({ lines }) => lines > MAX_LINES);
    assert.deepEqual(long, []);
  });

  test("time and chance are passed in", () => {
    const asking = sources
      .filter(({ path }) => !AMBIENT_ALLOWED.test(path))
      .filter(({ code }) => /\bDate\.now\b|\bMath\.random\b|\bnew Date\(\s*\)/.test(code))
      .map(({ path }) => path);
    assert.deepEqual(asking, []);
  });

  test("the packages declared are the packages imported", () => {
    const external = (files: readonly Source[]): string[] => [
      ...new Set(
        files
          .flatMap(importsOf)
          .filter((specifier) => !/^[.#]/.test(specifier) && !isBuiltin(specifier))
          .map(packageOf),
      ),
    ];
    const { dependencies, devDependencies, peerDependencies } = readPackage();
    // What a user may add is declared as well.
    const declared = [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
    assert.deepEqual(external(sources).toSorted(), declared.toSorted());
    const known = new Set([...Object.keys(dependencies), ...Object.keys(devDependencies)]);
    assert.deepEqual(
      external(tests).filter((name) => name !== "flowstore" && !known.has(name)),
      [],
    );
  });
});

describe("the lock file", () => {
  // npm leaves out what its registry does not have; `npm ci` then fails on every other machine.
  test("names the packages of every platform", () => {
    const packages = readLock();
    const missing = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies).filter((name) => !(`node_modules/${name}` in packages)),
    );
    assert.deepEqual(missing, []);
  });
});

describe("the tests", () => {
  test("none is skipped or alone", () => {
    const forbidden =
      /\b(?:test|it|describe|suite)\.(?:skip|only|todo)\s*\(|\b(?:skip|only|todo):\s*true\b/;
    const found = tests
      .filter(({ path }) => path.endsWith(".test.ts") && !path.startsWith("architecture/"))
      .filter(({ code }) => forbidden.test(code))
      .map(({ path }) => path);
    assert.deepEqual(found, []);
  });

  test("code is reached by the package's name or by #src/", () => {
    const wrong = tests.flatMap((source) =>
      importsOf(source)
        .filter((specifier) => /^\.\.?\/.*\b(?:src|dist)\//.test(specifier))
        .map((specifier) => `${source.path} → ${specifier}`),
    );
    assert.deepEqual(wrong, []);
  });
});
