/** What a path names: however it is written, over links, as a pattern. */
import assert from "node:assert/strict";
import { mkdirSync, realpathSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { FlowStore, type Locks } from "flowstore";
import { LockPaths, type ProjectFiles } from "#src/stores/lock-paths.js";
import {
  FRESH_MS,
  makeProject,
  pass,
  QUICK,
  refused,
  refusedWithoutTrace,
  until,
  type TestClock,
} from "../features/support.ts";
import { brief, filesIn, gets, lockOne, makeLocks } from "./lock-support.ts";
import { atEnd } from "../at-end.ts";

/** A store in a project with these files; a name that ends in `/` is a folder. */
async function makeTree(
  context: TestContext,
  names: readonly string[],
): Promise<{ store: FlowStore; locks: Locks; project: string; clock: TestClock }> {
  const { store, locks, project, clock } = await makeLocks(context);
  for (const name of names) {
    const path = join(project, name);
    mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
    if (!name.endsWith("/")) writeFileSync(path, "");
  }
  return { store, locks, project, clock };
}

async function pathsOf(locks: Locks, words: readonly string[]): Promise<string[]> {
  const taken = await locks.acquire({ paths: words, taskId: "t" });
  await locks.releaseAll();
  return taken.map(({ path }) => path);
}

describe("a path", () => {
  // flowctl's L-6: `./a` and `a` never met.
  test("is the same however it is written", async (context) => {
    const { store, locks, project } = await makeTree(context, ["src/a.ts"]);
    const ways = ["src/a.ts", "./src/a.ts", "src//a.ts", "src/../src/a.ts", "src/./a.ts"];
    const outAndIn = `../${project.slice(dirname(project).length + 1)}/src/a.ts`;
    for (const way of [...ways, "lib/../src/a.ts", outAndIn, join(project, "src/a.ts")]) {
      await lockOne(locks, way, "a");
      assert.deepEqual(filesIn(store, "locks"), ["src%2fa.ts.json"], way);
      for (const other of ways) assert.equal(await gets(locks, other, "b"), false, other);
      assert.equal((await locks.check(way)).length, 1);
      assert.equal(await locks.release({ taskId: "a", paths: [way] }), 1);
    }
    assert.deepEqual(await pathsOf(locks, [".", "./", project, "src/.."]), ["."]);
  });

  test("is of the project, wherever the process works", async (context) => {
    const { locks, project } = await makeTree(context, ["deep/er/x.ts"]);
    const before = process.cwd();
    atEnd(context, () => process.chdir(before));
    process.chdir(join(project, "deep/er"));
    assert.deepEqual(await pathsOf(locks, ["x.ts"]), ["x.ts"]);
  });

  test("says whether it is a folder: on the disk, else by its slash or its mode", async (context) => {
    const { store, locks } = await makeTree(context, ["folder/", "file"]);
    const words = ["folder", "file", "file/", "new", "new2/"];
    await locks.acquire({ paths: words, taskId: "t" });
    await lockOne(locks, "names", "t", "directory_add");
    const { readFileSync } = await import("node:fs");
    const kinds = filesIn(store, "locks").map((name) => {
      const text = readFileSync(join(store.root, "local/locks", name), "utf8");
      const { path, kind } = JSON.parse(text) as { path: string; kind: string };
      return `${path} ${kind}`;
    });
    assert.deepEqual(kinds.toSorted(), [
      ...["file file", "folder folder", "names folder", "new file", "new2 folder"],
    ]);
  });

  test("may be anything that a file may be called", async (context) => {
    const { store, locks } = await makeTree(context, []);
    const names = [
      ...["a:b", "a\\b", "a_b", "A", "a", "a%2fb", "CON", "nul.txt", "-rf", ".hidden", "trailing."],
      ...["~", "a b", " ", "a\nb", "é", "e\u0301", "日本語", "__proto__", "..a", "a..", "x.json"],
      ...["k".repeat(255), "k/".repeat(200) + "k", "k".repeat(5000), `${"k".repeat(4999)}l`],
    ];
    const taken = await locks.acquire({ paths: names, taskId: "a" });
    assert.deepEqual(
      taken.map(({ path }) => path),
      names,
    );
    assert.equal(filesIn(store, "locks").length, names.length);
    for (const name of names) assert.equal(await gets(locks, name, "b"), false, name);
    assert.deepEqual(
      (await locks.list()).map(({ path }) => path),
      names.toSorted(),
    );
    for (const name of names) {
      assert.equal(await locks.release({ taskId: "a", paths: [name] }), 1, name);
    }
  });

  test("outside of the project, in .flow, or too long is refused", async (context) => {
    const { store, locks, project } = await makeTree(context, ["src/a.ts"]);
    const words = [
      ...["..", "../x", "src/../../x", "/", "/etc/passwd", `${project}x/a`, "x".repeat(10_001)],
      ...[".flow", ".flow/features", "./.flow/local/../flow.json", join(project, ".flow")],
      ...["../*.ts", "/etc/*", ".flow/*", ".flow/**", ".flow/**/*.json"],
    ];
    for (const word of words) {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        locks.acquire({ paths: ["src/a.ts", word], taskId: "a" }),
      );
      assert.equal(error.context["field"], "paths[1]", word);
    }
    assert.deepEqual(await locks.list(), []);
    assert.deepEqual(await pathsOf(locks, [".flow2", "src/.flow", ".FLOW/x"]), [
      ...[".flow2", "src/.flow", ".FLOW/x"],
    ]);
  });
});

describe("a link", () => {
  test("is what it leads to: files, folders, what is not there yet, and the project itself", async (context) => {
    const { locks, project } = await makeTree(context, ["src/deep/a.ts"]);
    symlinkSync("src/deep", join(project, "short"));
    symlinkSync("deep/a.ts", join(project, "src/file"));
    symlinkSync("../later/b.ts", join(project, "src/dangling"));
    symlinkSync("dangling", join(project, "src/twice"));
    assert.deepEqual(await pathsOf(locks, ["short/a.ts", "short/new.ts", "src/twice"]), [
      ...["src/deep/a.ts", "src/deep/new.ts", "later/b.ts"],
    ]);
    assert.deepEqual(await pathsOf(locks, ["src/file", "src/deep/a.ts"]), ["src/deep/a.ts"]);
    await lockOne(locks, "short", "a");
    assert.equal(await gets(locks, "src/deep/a.ts", "b"), false);
    assert.deepEqual(brief(await locks.check("src/file")), ["a write src/deep"]);

    const alias = join(makeProject(context), "alias");
    symlinkSync(project, alias);
    await locks.releaseAll();
    assert.deepEqual(await pathsOf(locks, [join(alias, "src/deep/a.ts")]), ["src/deep/a.ts"]);
    const store = await FlowStore.open(alias, QUICK);
    atEnd(context, () => store.close());
    assert.deepEqual(await pathsOf(store.locks, [join(project, "short"), join(alias, "q")]), [
      ...["src/deep", "q"],
    ]);
  });

  test("that leads out, or into .flow, or in a circle is refused", async (context) => {
    const { locks, project } = await makeTree(context, ["src/"]);
    symlinkSync("/etc/passwd", join(project, "out"));
    symlinkSync("../../nowhere/x", join(project, "src/dangling"));
    symlinkSync(".flow/local", join(project, "inner"));
    symlinkSync("circle", join(project, "circle"));
    for (const word of ["out", "src/dangling", "inner", "inner/x"]) {
      await refused("BAD_REQUEST", lockOne(locks, word, "a"));
    }
    const error = await refused("IO", lockOne(locks, "circle", "a"));
    assert.equal(error.context["errno"], "ELOOP");
    // A guard looks at names that git knows: a link is one of them.
    assert.deepEqual(await locks.conflicts({ paths: ["out", "src/dangling"] }), []);
  });

  test("is followed before the `..` behind it, as the system does", async (context) => {
    const { locks, project } = await makeTree(context, ["src/deep/a.ts", "src/f", "f", "lib/"]);
    symlinkSync("src/deep", join(project, "short"));
    symlinkSync("../short", join(project, "lib/again"));
    symlinkSync("../lib/again/../f", join(project, "lib/up"));
    symlinkSync("nowhere/deep", join(project, "dangling"));
    // Of what is there the system itself says where it leads.
    for (const [way, path] of [
      ["short/../f", "src/f"],
      ["lib/again/../f", "src/f"],
      ["lib/up", "src/f"],
      ["short/../../f", "f"],
      ["src/deep/../f", "src/f"],
      ["lib/../f", "f"],
    ] as const) {
      // Joined as texts, not by `join`, which would take the dots out.
      assert.equal(realpathSync.native(`${project}/${way}`), join(project, path), way);
      assert.deepEqual(await pathsOf(locks, [way, `${project}/${way}`]), [path], way);
    }
    assert.deepEqual(
      await pathsOf(locks, ["short/../new", "dangling/../x", "none/../x", "f/../y"]),
      ["src/new", "nowhere/x", "x", "y"],
    );
    assert.deepEqual(await pathsOf(locks, ["short/../*", "short/../deep/**"]), [
      ...["src/f", "src/deep"],
    ]);
    await lockOne(locks, "short/../f", "a");
    assert.equal(await gets(locks, "src/f", "b"), false);
    assert.equal(await gets(locks, "f", "b"), true);
    assert.deepEqual(brief(await locks.check("lib/up")), ["a write src/f"]);
    await refused("BAD_REQUEST", lockOne(locks, "short/../../../f", "a"));
  });

  test("in a circle of dots and links is refused", async (context) => {
    const { locks, project } = await makeTree(context, ["src/"]);
    symlinkSync("nope/../x", join(project, "y"));
    symlinkSync("y/../q", join(project, "x"));
    for (const word of ["x", "y", "x/../a", "y/b"]) {
      const error = await refused("IO", lockOne(locks, word, "a"));
      assert.equal(error.context["errno"], "ELOOP", word);
    }
  });

  // `git checkout` of a branch where a folder is a link makes one of every lock in it.
  test("that came later hides no lock, whoever asks", async (context) => {
    const { store, locks, project } = await makeTree(context, ["src/a.ts"]);
    const old = await locks.acquire({ paths: ["b.ts", "new/f.ts"], taskId: "a" });
    symlinkSync("src/a.ts", join(project, "b.ts"));
    symlinkSync("src", join(project, "new"));
    symlinkSync("new", join(project, "twice"));
    const outside = join(makeProject(context), "alias");
    symlinkSync(project, outside);
    assert.deepEqual(brief(await locks.check("b.ts")), ["a write b.ts"]);
    for (const [word, holder] of [
      ["b.ts", "a write b.ts"],
      ["new/f.ts", "a write new/f.ts"],
      ["new", "a write new/f.ts"],
      ["new/**", "a write new/f.ts"],
      ["twice/f.ts", "a write new/f.ts"],
      [join(project, "new/f.ts"), "a write new/f.ts"],
      [join(outside, "new/f.ts"), "a write new/f.ts"],
    ] as const) {
      const error = await refused("LOCKED", lockOne(locks, word, "b"));
      assert.deepEqual(brief(error.context["holders"] as never), [holder], word);
    }
    const { message } = await refused("LOCKED", lockOne(locks, "new/f.ts", "b"));
    assert.match(
      message,
      /^Cannot lock src\/f\.ts: task a \(tester\) holds new\/f\.ts for writing/,
    );
    const both = { paths: ["src/f.ts", "new/f.ts"], taskId: "b" };
    await refused("LOCKED", locks.acquire(both));
    await refused("LOCKED", locks.acquire({ ...both, waitMs: 60 }));
    assert.deepEqual(brief(await locks.conflicts({ paths: ["twice/f.ts"] })), ["a write new/f.ts"]);
    assert.deepEqual(await locks.list(), old, "one holder of each");

    // Its task is not in its own way; what it locks now is where the link leads.
    const now = await lockOne(locks, "new/f.ts", "a");
    assert.equal(now.path, "src/f.ts");
    await refused("LOCK_LOST", locks.assertHeld("new/f.ts", old[1]?.token ?? 0));
    assert.deepEqual(await locks.assertHeld("new/f.ts", now.token), now);
    assert.equal(await locks.release({ taskId: "a", paths: ["b.ts", "new/f.ts"] }), 3);
    assert.equal(await gets(locks, "new/f.ts", "b"), true);
    assert.deepEqual(filesIn(store, "locks"), ["src%2ff.ts.json"], "the real path is kept");
  });

  test("that came later hides no damaged lock, and nobody who waits", async (context) => {
    const { store, locks, project } = await makeTree(context, ["src/a.ts"]);
    await lockOne(locks, "x", "a");
    const waiting = { paths: ["x", "new/f.ts"], taskId: "b", waitMs: 60_000 };
    const served = locks.acquire(waiting);
    await until(() => filesIn(store, "lock-queue").length === 1);
    symlinkSync("src", join(project, "new"));
    const error = await refused("LOCKED", lockOne(locks, "new/f.ts", "c"));
    assert.equal((error.context["waiters"] as unknown[]).length, 1);
    // The one who came second is asked by each of its names as well.
    const second = locks.acquire({ ...waiting, taskId: "d" });
    await until(() => filesIn(store, "lock-queue").length === 2);
    await lockOne(locks, "lib", "c");
    const later = await refused("LOCKED", lockOne(locks, "src/f.ts", "c"));
    assert.deepEqual(
      (later.context["waiters"] as { taskId: string }[]).map(({ taskId }) => taskId),
      ["d"],
    );
    await locks.releaseForTask("a");
    await served;
    await locks.releaseForTask("b");
    await second;
    await locks.releaseAll();

    writeFileSync(join(store.root, "local/locks/new%2ff.ts.json"), "{");
    await pass(FRESH_MS);
    for (const word of ["new/f.ts", "new", "new/f.ts/below"]) {
      await refused("CORRUPT", lockOne(locks, word, "c"));
    }
    assert.equal(await gets(locks, "src/f.ts", "c"), true);
  });

  test("taken away hides no lock either", async (context) => {
    const { locks, project } = await makeTree(context, ["src/a.ts"]);
    symlinkSync("src/a.ts", join(project, "b.ts"));
    const lock = await lockOne(locks, "b.ts", "a");
    unlinkSync(join(project, "b.ts"));
    assert.deepEqual(await locks.check("src/a.ts"), [lock]);
    await locks.assertHeld("src/a.ts", lock.token);
  });
});

describe("a pattern", () => {
  const TREE = [
    ...["src/auth/login.ts", "src/auth/deep/token.ts", "src/b.ts", "src/c.js", "src/.hidden.ts"],
    ...["packages/one/gen/x.ts", "packages/two/y.ts", "node_modules/p/i.ts", ".git/config"],
    ...["src/node_modules/q/j.ts", "app/[id]/page.ts", "app/i/page.ts", "app/(shop)/cart.ts"],
  ];

  // The issue: `src/auth/**`, expanded now, and new files under it covered too.
  test("of all below a folder is the folder, so that new files are covered", async (context) => {
    const { locks, project } = await makeTree(context, TREE);
    const words = [
      "src/auth/**",
      "./src/auth/**/*",
      "src//auth/**",
      "src/auth/**/**/*",
      "src/auth/**/",
    ];
    for (const word of [...words, join(project, "src/auth/**")]) {
      assert.deepEqual(await pathsOf(locks, [word]), ["src/auth"], word);
    }
    await lockOne(locks, "src/auth/**", "a");
    writeFileSync(join(project, "src/auth/new.ts"), "");
    assert.equal(await gets(locks, "src/auth/new.ts", "b"), false);
    assert.equal(await gets(locks, "src/auth/not-yet/there.ts", "b"), false);
    assert.equal(await locks.release({ taskId: "a", paths: ["src/auth/**"] }), 1);
    assert.deepEqual(await pathsOf(locks, ["not/there/**", "**", "**/*"]), ["not/there", "."]);
  });

  test("gives back what it locked, though it is gone from the disk", async (context) => {
    const { locks, project } = await makeTree(context, [
      ...TREE,
      "lib/sub/",
      "lib/g.ts",
      "lib/h.ts",
    ]);
    await locks.acquire({ paths: ["lib/*"], taskId: "a" });
    await locks.acquire({ paths: ["lib/sub", "lib/deep/x.ts", "lib/gone.ts"], taskId: "a" });
    await lockOne(locks, "lib/theirs.ts", "b");
    unlinkSync(join(project, "lib/g.ts"));
    assert.equal(await locks.release({ taskId: "a", paths: ["lib/*"] }), 3, "files, and no others");
    assert.deepEqual(brief(await locks.list()), [
      ...["a write lib/deep/x.ts", "a write lib/sub", "b write lib/theirs.ts"],
    ]);
    rmSync(join(project, "lib/sub"), { recursive: true });
    assert.equal(await locks.release({ taskId: "a", paths: ["lib/s?b/"] }), 1);
    assert.equal(await locks.release({ taskId: "a", paths: ["**/{x,y}.ts"] }), 1);
    await locks.releaseAll();

    await locks.acquire({ paths: ["packages/*/**", "app/[id]/page.ts"], taskId: "a" });
    rmSync(join(project, "packages"), { recursive: true });
    rmSync(join(project, "app"), { recursive: true });
    assert.equal(await locks.release({ taskId: "a", paths: ["packages/*/**"] }), 2);
    assert.equal(await locks.release({ taskId: "a", paths: ["app/[id]/page.ts"] }), 1, "as it was");

    symlinkSync("src", join(project, "link"));
    await locks.acquire({ paths: ["link/*.ts"], taskId: "a" });
    unlinkSync(join(project, "src/b.ts"));
    assert.equal(await locks.release({ taskId: "a", paths: ["link/*.ts"] }), 2);
    assert.deepEqual(await locks.list(), []);
  });

  test("is heard by heartbeat when it names what was lost", async (context) => {
    const { locks, project, clock } = await makeTree(context, ["lib/g.ts", "lib/h.ts"]);
    await locks.acquire({ paths: ["lib/*"], taskId: "a", ttlMs: 10 });
    unlinkSync(join(project, "lib/g.ts"));
    clock.ms += 10;
    assert.equal((await locks.heartbeat("a")).lost.length, 2);
    assert.equal(await locks.release({ taskId: "a", paths: ["lib/*"] }), 0);
    assert.deepEqual(await locks.heartbeat("a"), { extended: 0, lost: [] });
  });

  test("of folders is these folders as they are now", async (context) => {
    const { locks } = await makeTree(context, TREE);
    assert.deepEqual(await pathsOf(locks, ["packages/*/**"]), ["packages/one", "packages/two"]);
    assert.deepEqual(await pathsOf(locks, ["packages/*/"]), ["packages/one", "packages/two"]);
    assert.deepEqual(await pathsOf(locks, ["packages/{one,three}/**"]), ["packages/one"]);
    assert.deepEqual(await pathsOf(locks, ["**/gen/**"]), ["packages/one/gen"]);
  });

  test("any other is the files that match now, hidden ones too, sorted", async (context) => {
    const { locks, project } = await makeTree(context, TREE);
    assert.deepEqual(await pathsOf(locks, ["src/*.ts"]), ["src/.hidden.ts", "src/b.ts"]);
    assert.deepEqual(await pathsOf(locks, ["src/**/*.ts"]), [
      ...["src/.hidden.ts", "src/auth/deep/token.ts", "src/auth/login.ts", "src/b.ts"],
    ]);
    assert.deepEqual(await pathsOf(locks, ["src/?.{ts,js}", "src/b.ts", "src/*.js"]), [
      ...["src/b.ts", "src/c.js"],
    ]);
    await lockOne(locks, "src/*.ts", "a");
    assert.equal(await gets(locks, "src/new.ts", "b"), true, "which is not covered");
    symlinkSync("b.ts", join(project, "src/link.ts"));
    await locks.releaseAll();
    assert.deepEqual(await pathsOf(locks, ["src/l*.ts", "src/b*"]).catch(() => "none"), "none");
  });

  test("leaves out what is nobody's source, unless it names it", async (context) => {
    const { locks } = await makeTree(context, TREE);
    const all = await pathsOf(locks, ["**/*.ts"]);
    assert.ok(all.includes("packages/one/gen/x.ts"));
    assert.deepEqual(
      all.filter((path) => /node_modules|\.git|\.flow/.test(path)),
      [],
    );
    assert.deepEqual(await pathsOf(locks, ["node_modules/*/*.ts"]), ["node_modules/p/i.ts"]);
    assert.deepEqual(await pathsOf(locks, ["*/node_modules/*/j.ts"]), ["src/node_modules/q/j.ts"]);
    assert.deepEqual(await pathsOf(locks, [".git/con*"]), [".git/config"]);
  });

  test("that matches nothing is refused: a lock on nothing protects nothing", async (context) => {
    const { store, locks } = await makeTree(context, TREE);
    for (const word of ["src/*.rs", "lib/*", "nothing/*/", "nothing/*/**", "!src/b.ts"]) {
      const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        lockOne(locks, word, "a"),
      );
      assert.match(error.message, /is a pattern that matches nothing/, word);
    }
    // To give back what is not there is no mistake.
    assert.equal(await locks.release({ taskId: "a", paths: ["src/*.rs"] }), 0);
  });

  test("is none where a name, or the folder above it, is there as it is written", async (context) => {
    const { locks } = await makeTree(context, [...TREE, "odd/a*b.ts", "odd/!"]);
    assert.deepEqual(await pathsOf(locks, ["app/[id]/page.ts"]), ["app/[id]/page.ts"]);
    assert.deepEqual(await pathsOf(locks, ["app/[id]/new.ts"]), ["app/[id]/new.ts"]);
    assert.deepEqual(await pathsOf(locks, ["app/[id]/*.ts"]), ["app/[id]/page.ts"]);
    assert.deepEqual(await pathsOf(locks, ["app/[id]/**"]), ["app/[id]"]);
    assert.deepEqual(await pathsOf(locks, ["app/(new)/x.ts", "app/[i"]), [
      "app/(new)/x.ts",
      "app/[i",
    ]);
    assert.deepEqual(await pathsOf(locks, ["odd/a*b.ts", "odd/!"]), ["odd/a*b.ts", "odd/!"]);
    // A backslash takes the meaning away.
    assert.deepEqual(await pathsOf(locks, ["app/\\[new\\]/x.ts"]), ["app/[new]/x.ts"]);
    assert.deepEqual(await pathsOf(locks, ["app/\\[new\\]/**"]), ["app/[new]"]);
    assert.deepEqual(await pathsOf(locks, ["app/\\(shop\\)/c*.ts"]), ["app/(shop)/cart.ts"]);
    await refused("BAD_REQUEST", lockOne(locks, "app/[new]/x.ts", "a"));
  });

  test("of too many files is refused", async (context) => {
    const { locks, project } = await makeTree(context, ["many/"]);
    for (let at = 0; at < 10_001; at += 1) writeFileSync(join(project, "many", `${at}.ts`), "");
    const error = await refused("BAD_REQUEST", lockOne(locks, "many/*.ts", "a"));
    assert.match(error.message, /more than 10000 paths; lock their folder/);
    assert.deepEqual(await pathsOf(locks, ["many/**"]), ["many"]);
  });
});

test("where case does not count, it counts nowhere, not even for what is not there yet", async () => {
  const there = new Map([["src/Auth.ts", "file" as const]]);
  /** A disk as macOS has it: names keep their case and are found by any. */
  const project: ProjectFiles = {
    place: (text) => {
      const real = [...there.keys()].find((name) => name.toLowerCase() === text.toLowerCase());
      const names = [...new Set([text, real ?? text])];
      return { written: text, names, real: real ?? text, kind: real === undefined ? null : "file" };
    },
    exists: () => false,
    ignoresCase: () => true,
    isPattern: async () => false,
    glob: async () => [],
  };
  const paths = new LockPaths(project);
  const words = ["SRC/AUTH.TS", "src/auth.ts", "src/Neu\u0308.ts", "SRC/NEÜ.ts"];
  const targets = await paths.targets("Cannot lock", words, "write");
  assert.deepEqual(
    targets.map(({ path }) => path),
    ["src/Auth.ts", "src/Neu\u0308.ts"],
  );
  assert.equal(paths.keyOf("SRC/x"), paths.keyOf("src/X"));
  await assert.rejects(paths.targets("Cannot lock", [".Flow/x"], "write"), {
    name: "FlowError",
    code: "BAD_REQUEST",
  });
});

test("the project is the real folder, whatever path led to it", async (context) => {
  const folder = makeProject(context);
  const store = await FlowStore.init(folder, QUICK);
  atEnd(context, () => store.close());
  assert.equal(realpathSync(folder), store.root.slice(0, -"/.flow".length));
  assert.equal(relative(folder, store.root), ".flow");
});
