import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";

import type { Disk, Handle, OpenMode } from "#src/disk/disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { isFlowError } from "#src/errors.js";
import { tempFolder } from "./temp-folder.ts";

/** Few names, so that operations meet; some paths go through files. */
const path = fc
  .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join("/"));
const folder = fc.oneof(fc.constant(""), path);
const data = fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes));
const slot = fc.nat({ max: 2 });

/** A disk and the files opened on it. */
interface Actor {
  readonly disk: Disk;
  readonly handles: (Handle | null)[];
}
type Step = { readonly say: string; readonly act: (actor: Actor) => unknown };

function step<A extends readonly unknown[]>(
  name: string,
  args: { [K in keyof A]: fc.Arbitrary<A[K]> },
  act: (actor: Actor, ...args: A) => unknown,
): fc.Arbitrary<Step> {
  return fc.tuple(...args).map((given) => ({
    say: `${name}(${given.map((value) => JSON.stringify(value)).join(", ")})`,
    act: (actor) => act(actor, ...(given as unknown as A)),
  }));
}

const facts = (disk: Disk, at: string): unknown => {
  const found = disk.stat(at);
  return found && [found.isFile(), found.isFile() ? [found.size, found.nlink] : null];
};

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  step("create", [path, data], ({ disk }, at, bytes) => disk.create(at, bytes)),
  step("makeFolder", [path], ({ disk }, at) => disk.makeFolder(at)),
  step("rename", [path, path], ({ disk }, from, to) => disk.rename(from, to)),
  step("link", [path, path], ({ disk }, from, to) => disk.link(from, to)),
  step("remove", [path], ({ disk }, at) => disk.remove(at)),
  step("removeFolder", [path], ({ disk }, at) => disk.removeFolder(at)),
  step("touch", [path, fc.nat()], ({ disk }, at, ms) => {
    disk.touch(at, ms);
    return Math.round(disk.stat(at)?.mtimeMs ?? -1);
  }),
  step("syncFile", [path], ({ disk }, at) => disk.syncFile(at)),
  step("syncFolder", [folder], ({ disk }, at) => disk.syncFolder(at)),
  step("read", [path], ({ disk }, at) => disk.read(at)),
  step("readText", [path], ({ disk }, at) => disk.readText(at)),
  step("list", [folder], ({ disk }, at) => disk.list(at)),
  step("stat", [path], ({ disk }, at) => facts(disk, at)),
  step(
    "open",
    [slot, path, fc.constantFrom<OpenMode>("read", "append", "write")],
    ({ disk, handles }, at, file, mode) => {
      const opened = disk.open(file, mode);
      handles[at]?.close();
      handles[at] = opened;
      return opened === null;
    },
  ),
  step("write", [slot, data, fc.nat({ max: 12 })], ({ handles }, at, bytes, position) => {
    handles[at]?.write(bytes, position);
  }),
  step("pread", [slot, fc.nat({ max: 8 })], ({ handles }, at, position) => {
    const buffer = Buffer.alloc(8);
    return [handles[at]?.read(buffer, 0, 8, position), buffer];
  }),
  step("fstat", [slot], ({ handles }, at) => {
    const found = handles[at]?.stat();
    return found?.isFile() ? [found.size, found.nlink] : null;
  }),
  step("close", [slot], ({ handles }, at) => handles[at]?.close()),
);

/** The result, or what is said of the failure. */
function outcome(actor: Actor, { act }: Step): unknown {
  try {
    return { result: act(actor) };
  } catch (error) {
    if (!isFlowError(error)) throw error;
    return { code: error.code, message: error.message, context: error.context };
  }
}

function everything(disk: Disk, at = ""): unknown[] {
  return (disk.list(at) ?? []).map((name) => {
    const inside = at === "" ? name : `${at}/${name}`;
    const isFile = disk.stat(inside)?.isFile();
    return [inside, facts(disk, inside), isFile ? disk.read(inside) : everything(disk, inside)];
  });
}

describe("node disk and memory disk", () => {
  // Linux's order of checks is the memory disk's model.
  const skip = process.platform === "linux" ? false : "SKIPPED: modelled after Linux";
  it("answer any sequence of operations alike", { skip }, () => {
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 1, maxLength: 60, size: "max" }), (steps) => {
        const real: Actor = { disk: nodeDisk(tempFolder()), handles: [] };
        const model: Actor = { disk: new MemoryDisk(), handles: [] };
        try {
          for (const [index, each] of steps.entries()) {
            const said = steps.slice(0, index + 1).map(({ say }) => say);
            assert.deepEqual(outcome(model, each), outcome(real, each), said.join("\n"));
          }
          assert.deepEqual(everything(model.disk), everything(real.disk));
        } finally {
          for (const handle of real.handles) handle?.close();
        }
      }),
      { numRuns: 300, seed: 20_260_727 },
    );
  });
});
