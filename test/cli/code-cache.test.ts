/** What V8 made of the command is kept beside it: a help where it is right, and nothing elsewhere. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { atEnd } from "../at-end.ts";

const PACKAGE = dirname(dirname(dirname(fileURLToPath(import.meta.resolve("#src/bin/main.cjs")))));
/** After so many calls nothing is added to what is remembered. */
const MOST_CALLS = 16;

interface Installed {
  readonly bin: string;
  /** Calls the command; its version, unless something is wrong. */
  version(...flags: readonly string[]): string;
  /** The files that remember. */
  caches(): string[];
}

/** The command in a folder of its own, as an installation has it. */
function install(context: TestContext): Installed {
  const home = mkdtempSync(join(tmpdir(), "flowstore-installed-"));
  atEnd(context, () => rmSync(home, { recursive: true, force: true }));
  const bin = join(home, "dist/bin");
  for (const name of ["main.cjs", "program.cjs"])
    cpSync(join(PACKAGE, "dist/bin", name), join(bin, name));
  cpSync(join(PACKAGE, "package.json"), join(home, "package.json"));
  symlinkSync(join(PACKAGE, "node_modules"), join(home, "node_modules"));
  return {
    bin,
    version: (...flags) => {
      const command = [...flags, join(bin, "main.cjs"), "--version"];
      const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
      assert.deepEqual([status, stderr], [0, ""]);
      return stdout.trim();
    },
    caches: () => readdirSync(bin).filter((name) => !["main.cjs", "program.cjs"].includes(name)),
  };
}

const { version: VERSION } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as {
  version: string;
};

/** The one file that remembers. */
function cacheOf({ bin, caches }: Installed): string {
  const [name = "", ...others] = caches();
  assert.match(name, /^program\.cjs\.\d+-[\d.]+\.cache$/);
  assert.deepEqual(others, []);
  return join(bin, name);
}

test("what is damaged is not believed, and is made anew", (context) => {
  const installed = install(context);
  assert.equal(installed.version(), VERSION);
  const cache = cacheOf(installed);
  const whole = readFileSync(cache);
  const middle = Math.floor(whole.length / 2);
  const damages = [
    whole.subarray(0, 0),
    whole.subarray(0, 20),
    whole.subarray(0, middle),
    Buffer.from(whole).fill(0, middle),
    Buffer.from(whole).fill(0xff, middle, middle + 1),
  ];
  for (const damaged of damages) {
    writeFileSync(cache, damaged);
    assert.equal(installed.version(), VERSION);
    assert.ok(readFileSync(cacheOf(installed)).length > middle);
  }
});

test("another program of the same length, or another node, takes nothing from it", (context) => {
  const installed = install(context);
  installed.version();
  const old = cacheOf(installed);
  const path = join(installed.bin, "program.cjs");
  const text = readFileSync(path, "latin1");
  const changed = text.replaceAll("manifest.version", "manifest.license");
  assert.ok(changed !== text && changed.length === text.length);
  writeFileSync(path, changed, "latin1");
  assert.equal(installed.version(), "MIT");
  assert.equal(installed.caches().length, 2);
  rmSync(old);
  // V8 with other features compiles otherwise.
  assert.equal(installed.version("--no-opt"), "MIT");
  assert.equal(installed.caches().length, 2);
});

test("the first calls add to it, and then it stays", (context) => {
  const installed = install(context);
  const sizes = Array.from({ length: MOST_CALLS + 2 }, () => {
    installed.version();
    return readFileSync(cacheOf(installed));
  });
  assert.ok(sizes[MOST_CALLS]?.equals(sizes[MOST_CALLS - 1] ?? Buffer.of()));
  assert.ok(!sizes[MOST_CALLS - 1]?.equals(sizes[MOST_CALLS - 2] ?? Buffer.of()));
});

test("where nothing can be written the command runs all the same", (context) => {
  const installed = install(context);
  installed.version();
  const cache = cacheOf(installed);
  rmSync(cache);
  mkdirSync(join(cache, "in-the-way"), { recursive: true });
  assert.equal(installed.version(), VERSION);
  assert.deepEqual(installed.caches().length, 1);
});
