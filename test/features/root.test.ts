/** Making, finding, opening and closing a root; options. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { FlowStore, type FlowStoreOptions } from "flowstore";

import { makeProject, makeStore, QUICK, refused, reopen, snapshot, tracked } from "./support.ts";
import { atEnd } from "../at-end.ts";

/** Sets a variable of the environment for one test. */
function withEnv(context: TestContext, name: string, value: string | undefined): void {
  const before = process.env[name];
  const set = (to: string | undefined): void => {
    if (to === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = to;
  };
  set(value);
  atEnd(context, () => set(before));
}

describe("init", () => {
  test("makes what storage.md lists, and nothing that changes by itself", async (context) => {
    const project = makeProject(context);
    const store = await FlowStore.init(project, QUICK);
    assert.equal(store.root, join(project, ".flow"));
    assert.deepEqual(readdirSync(store.root).toSorted(), [
      ".gitattributes",
      ".gitignore",
      "events",
      "features",
      "flow.json",
      "local",
      "schema",
    ]);
    assert.equal(readFileSync(join(store.root, "flow.json"), "utf8"), '{\n  "format": 1\n}\n');
    assert.equal(FlowStore.format, 1);
    assert.match(readFileSync(join(store.root, ".gitattributes"), "utf8"), /^\* -text$/m);
    assert.match(readFileSync(join(store.root, ".gitignore"), "utf8"), /^local\/$/m);
    assert.equal(readFileSync(join(store.root, "local/.gitignore"), "utf8"), "*\n");
    const schema = JSON.parse(
      readFileSync(join(store.root, "schema/feature.json"), "utf8"),
    ) as Record<string, unknown>;
    assert.equal(schema["type"], "object");
    assert.deepEqual(await store.check(), []);
    await store.close();
  });

  test("again changes no byte, no time and no inode, and keeps what is in the store", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "kept" });
    await store.close();
    const before = snapshot(store.root);
    const again = await FlowStore.init(join(store.root, ".."), QUICK);
    assert.deepEqual(snapshot(store.root), before);
    assert.equal((await again.features.getAll()).length, 1);
    await again.close();
    const byRoot = await FlowStore.init(store.root, QUICK);
    assert.equal(byRoot.root, store.root);
    await byRoot.close();
  });

  test("writes the same bytes whoever runs it", async (context) => {
    const one = await makeStore(context, { actor: "ann" });
    const other = await makeStore(context, { actor: "bob", durability: "full" });
    assert.deepEqual(tracked(one), tracked(other));
  });

  test("keeps a user's own lines, mends its block, and stands a file without a last newline", async (context) => {
    const store = await makeStore(context);
    await store.close();
    const ignore = join(store.root, ".gitignore");
    const managed = readFileSync(ignore, "utf8");
    const cases: readonly (readonly [before: string, after: string])[] = [
      ["", managed],
      [`mine\n${managed}yours\n`, `mine\n${managed}yours\n`],
      ["mine", `mine\n${managed}`],
      [managed.replace("local/", "nothing/"), managed],
      [`a\n${managed.replace("local/\n", "")}b\n`, `a\n${managed}b\n`],
    ];
    for (const [before, after] of cases) {
      writeFileSync(ignore, before);
      await (await FlowStore.init(join(store.root, ".."), QUICK)).close();
      assert.equal(readFileSync(ignore, "utf8"), after, JSON.stringify(before));
    }
  });

  test("makes what is missing in a half-made root: no root before its manifest", async (context) => {
    const project = makeProject(context);
    mkdirSync(join(project, ".flow/features"), { recursive: true });
    await refused("NOT_INITIALIZED", () => FlowStore.open(project));
    const store = await FlowStore.init(project, QUICK);
    assert.deepEqual(await store.check(), []);
    await store.close();
    for (const name of ["flow.json", "schema", "events", "local"]) {
      rmSync(join(store.root, name), { recursive: true });
      const again = await FlowStore.init(project, QUICK);
      assert.deepEqual(await again.check(), []);
      await again.close();
    }
  });

  test("makes the folders above, and takes the working folder without an argument", async (context) => {
    const project = makeProject(context);
    const deep = join(project, "a/b/c");
    await (await FlowStore.init(deep, QUICK)).close();
    assert.ok(existsSync(join(deep, ".flow/flow.json")));
    const before = process.cwd();
    atEnd(context, () => process.chdir(before));
    process.chdir(project);
    await (await FlowStore.init(undefined, QUICK)).close();
    assert.ok(existsSync(join(project, ".flow/flow.json")));
    const opened = await FlowStore.open(undefined, QUICK);
    assert.equal(opened.root, join(project, ".flow"));
    await opened.close();
  });

  test("refuses what it cannot make, and has made nothing then", async (context) => {
    const project = makeProject(context);
    await refused("READ_ONLY", () => FlowStore.init(project, { readOnly: true }));
    await refused("BAD_REQUEST", () => FlowStore.init(project, { durability: "most" as "full" }));
    assert.deepEqual(readdirSync(project), []);
    writeFileSync(join(project, ".flow"), "a file");
    await refused("IO", () => FlowStore.init(project));
    assert.equal(readFileSync(join(project, ".flow"), "utf8"), "a file");
  });

  test("says what is in the way: of the root by its path, of a file in it from the root on", async (context) => {
    const store = await makeStore(context);
    await store.close();
    const said = async (act: () => Promise<unknown>): Promise<string> =>
      (await refused("IO", act)).message;
    for (const name of ["features", "events", "schema", "local"]) {
      const path = join(store.root, name);
      rmSync(path, { recursive: true });
      writeFileSync(path, "a file");
      const message = await said(() => FlowStore.init(store.root));
      assert.match(message, new RegExp(`^Cannot make folder ${name}: file already exists`));
      rmSync(path);
    }
    for (const name of [".gitignore", ".gitattributes"]) {
      rmSync(join(store.root, name));
      mkdirSync(join(store.root, name));
      const message = await said(() => FlowStore.init(store.root));
      assert.match(message, new RegExp(`^Cannot read ${name.replace(".", "[.]")}: `));
      rmSync(join(store.root, name), { recursive: true });
    }
    const project = makeProject(context);
    symlinkSync("nowhere", join(project, ".flow"));
    assert.match(await said(() => FlowStore.init(project)), /^Cannot make folder \/.*\/\.flow: /);
  });

  test("ends where a folder is there and takes nothing, and where the working folder is gone", async (context) => {
    if (process.platform === "linux") await refused("IO", () => FlowStore.init("/proc"));
    const gone = makeProject(context);
    const before = process.cwd();
    atEnd(context, () => process.chdir(before));
    process.chdir(gone);
    rmSync(gone, { recursive: true });
    for (const dir of [undefined, ".", "below"]) {
      for (const act of [() => FlowStore.init(dir, QUICK), () => FlowStore.open(dir, QUICK)]) {
        const { message } = await refused("IO", act);
        assert.match(message, /^Cannot find the working folder: no such file or directory/);
      }
    }
    process.chdir(before);
  });

  test("touches nothing of a newer format, nor of a manifest that says nothing", async (context) => {
    const store = await makeStore(context);
    await store.close();
    for (const [text, code] of [
      ['{"format": 2}', "UNSUPPORTED_FORMAT"],
      ['{"format": 1e300}', "CORRUPT"],
      ['{"format": 0}', "CORRUPT"],
      ['{"format": "1"}', "CORRUPT"],
      ['{"format": 1.5}', "CORRUPT"],
      ["{}", "CORRUPT"],
      ["[]", "CORRUPT"],
      ["null", "CORRUPT"],
      ["", "CORRUPT"],
      ["<<<<<<< HEAD\n", "CORRUPT"],
      ["\0\0\0\0", "CORRUPT"],
      [`${"[".repeat(10_000)}`, "CORRUPT"],
    ] as const) {
      writeFileSync(join(store.root, "flow.json"), text);
      const before = snapshot(store.root);
      const error = await refused(code, () => FlowStore.open(store.root));
      assert.equal(error.context["file"], "flow.json");
      await refused(code, () => FlowStore.init(store.root));
      assert.deepEqual(snapshot(store.root), before, text.slice(0, 40));
    }
    writeFileSync(join(store.root, "flow.json"), '{"mine": [1], "format": 1}');
    await (await FlowStore.init(store.root, QUICK)).close();
    assert.equal(readFileSync(join(store.root, "flow.json"), "utf8"), '{"mine": [1], "format": 1}');
  });
});

describe("open", () => {
  test("finds the root from the project, from folders below it, from .flow and from inside it", async (context) => {
    const store = await makeStore(context);
    const project = join(store.root, "..");
    mkdirSync(join(project, "src/deep/er"), { recursive: true });
    writeFileSync(join(project, "src/file.txt"), "");
    symlinkSync(join(project, "src"), join(project, "link"));
    for (const dir of [
      ...[project, `${project}/`, join(project, "src/deep/er"), store.root, `${store.root}/`],
      ...[join(store.root, "features"), join(store.root, "local/journal")],
      ...[join(project, "src/file.txt"), join(project, "link/deep"), join(project, "not/there")],
    ]) {
      const opened = await FlowStore.open(dir, QUICK);
      assert.equal(opened.root, store.root, dir);
      await opened.close();
    }
  });

  test("takes the nearest root, and passes by a .flow that is none", async (context) => {
    const outer = makeProject(context);
    await (await FlowStore.init(outer, QUICK)).close();
    const inner = join(outer, "inner");
    await (await FlowStore.init(inner, QUICK)).close();
    mkdirSync(join(inner, "below/.flow"), { recursive: true });
    mkdirSync(join(outer, "other"));
    writeFileSync(join(outer, "other/.flow"), "a file");
    for (const [dir, project] of [
      [join(inner, "below"), inner],
      [join(outer, "other"), outer],
    ] as const) {
      const opened = await FlowStore.open(dir, QUICK);
      assert.equal(opened.root, join(project, ".flow"));
      await opened.close();
    }
  });

  test("does not look above the home folder", async (context) => {
    const project = makeProject(context);
    await (await FlowStore.init(project, QUICK)).close();
    const home = join(project, "home/ann");
    mkdirSync(join(home, "work"), { recursive: true });
    withEnv(context, "HOME", home);
    await refused("NOT_INITIALIZED", () => FlowStore.open(join(home, "work")));
    await refused("NOT_INITIALIZED", () => FlowStore.open(home));
    // Beside the home folder there is no such border.
    const beside = await FlowStore.open(join(project, "home"), QUICK);
    await beside.close();
    await (await FlowStore.init(home, QUICK)).close();
    const own = await FlowStore.open(join(home, "work"), QUICK);
    assert.equal(own.root, join(home, ".flow"));
    await own.close();
  });

  test("says where it looked when there is no root, and what to do", async (context) => {
    const project = makeProject(context);
    const error = await refused("NOT_INITIALIZED", () => FlowStore.open(project));
    assert.ok(error.message.includes(project));
    assert.match(error.hint ?? "", /init/);
    assert.equal(error.retryable, false);
    assert.deepEqual(readdirSync(project), []);
  });

  test("a root that is reached through a link is a root", async (context) => {
    const store = await makeStore(context);
    const project = makeProject(context);
    symlinkSync(store.root, join(project, ".flow"));
    const opened = await FlowStore.open(project, QUICK);
    await opened.features.create({ name: "through the link" });
    await opened.close();
    assert.equal((await store.features.getAll()).length, 1);
  });

  test("writes nothing, nor does closing", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    await store.close();
    const before = snapshot(store.root);
    const opened = await FlowStore.open(store.root, { durability: "full" });
    await opened.features.getAll();
    await opened.close();
    assert.deepEqual(snapshot(store.root), before);
  });

  test("refuses a folder name that is none", async () => {
    for (const dir of [null, "", "a\0b", 1, {}, []]) {
      await refused("BAD_REQUEST", () => FlowStore.open(dir as string));
      await refused("BAD_REQUEST", () => FlowStore.init(dir as string));
    }
  });
});

describe("openTemporary", () => {
  test("is a whole store that is gone after close", async () => {
    const store = await FlowStore.openTemporary(QUICK);
    assert.ok(store.root.startsWith(tmpdir()));
    assert.equal((await store.features.create({ name: "a" })).id, 1);
    assert.deepEqual(await store.check(), []);
    const other = await FlowStore.openTemporary(QUICK);
    assert.notEqual(other.root, store.root);
    assert.deepEqual(await other.features.getAll(), []);
    await Promise.all([store.close(), other.close(), store.close()]);
    assert.equal(existsSync(join(store.root, "..")), false);
    assert.equal(existsSync(join(other.root, "..")), false);
  });

  test("leaves no folder behind when it is refused", async (context) => {
    const folder = makeProject(context);
    withEnv(context, "TMPDIR", folder);
    await refused("BAD_REQUEST", () => FlowStore.openTemporary({ actor: "" }));
    await refused("BAD_REQUEST", () =>
      FlowStore.openTemporary(null as unknown as FlowStoreOptions),
    );
    assert.deepEqual(readdirSync(folder), []);
    withEnv(context, "TMPDIR", join(folder, "not/there"));
    await refused("IO", () => FlowStore.openTemporary(QUICK));
  });
});

describe("close", () => {
  test("lets calls under way end, then every call is CLOSED", async (context) => {
    const store = await makeStore(context);
    const begun = store.features.create({ name: "begun" });
    const transaction = store.transaction(() =>
      store.features.create({ name: "in a transaction" }),
    );
    await store.close();
    assert.equal((await begun).id, 1);
    assert.equal((await transaction).id, 2);
    const calls: (() => Promise<unknown>)[] = [
      () => store.features.create({ name: "late" }),
      () => store.features.getAll(),
      () => store.features.getById(1),
      () => store.features.claimNext(),
      () => store.features.delete(1),
      () => store.features.history(1),
      () => store.changes.logEvent(1, "comment"),
      () => store.changes.getEvents(1),
      () => store.events.query(),
      () => store.transaction(() => 1),
      () => store.check(),
      () => store.repair(),
      () => store.repair({ dryRun: true }),
      () => store.status(),
    ];
    for (const call of calls) assert.equal((await refused("CLOSED", call)).retryable, false);
    await store.close();
    await store[Symbol.asyncDispose]();
    const again = await reopen(context, store);
    assert.deepEqual(
      (await again.features.getAll()).map(({ name }) => name),
      ["begun", "in a transaction"],
    );
  });
});

describe("status", () => {
  test("counts everything, and says where and how", async (context) => {
    const store = await makeStore(context, { actor: "ann" });
    const empty = await store.status();
    assert.deepEqual(empty.features, {
      ...{ total: 0, passing: 0, failing: 0, inProgress: 0, blocked: 0 },
    });
    assert.deepEqual(empty.events, {
      ...{ total: 0, provisional: 0, segments: 0, bytes: 0, lastSequence: 0, epoch: null },
    });
    await store.features.createBulk([{ name: "a" }, { name: "b" }]);
    await store.features.markPassing(1);
    const status = await store.status();
    assert.equal(status.root, store.root);
    assert.equal(status.format, 1);
    assert.equal(status.durability, "none");
    assert.equal(status.readOnly, false);
    assert.equal(status.actor, "ann");
    assert.deepEqual(status.features, await store.features.getStats());
    const [segment = ""] = readdirSync(join(store.root, "events"));
    assert.deepEqual(status.events, {
      ...{ total: 3, provisional: 0, segments: 1, lastSequence: 3 },
      bytes: statSync(join(store.root, "events", segment)).size,
      epoch: status.events.epoch,
    });
    assert.ok(typeof status.events.epoch === "string" && status.events.epoch !== "");
    assert.equal(status.journal.pending, 0);
    assert.ok(status.journal.bytes > 0);
    assert.equal(typeof status.fileSystem.name, "string");
    assert.deepEqual(status.problems, []);
  });
});

describe("options", () => {
  test("what is none of the values is refused, each by its name", async (context) => {
    const store = await makeStore(context);
    const nobody = Object.create(null) as unknown;
    const wrong: Record<string, readonly unknown[]> = {
      durability: ["", "FULL", null, 1, true, nobody],
      guardTimeoutMs: [-1, Number.NaN, "10", null, 5n, nobody],
      actor: ["", null, 5, "\ud800", nobody],
      source: ["", null, 5, "\udc00", []],
      readOnly: [null, 1, "true", nobody],
      clock: [null, 5, "now", {}],
      onWarning: [null, 5, {}],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const error = await refused("BAD_REQUEST", () =>
          FlowStore.open(store.root, { [name]: value }),
        );
        assert.equal(error.context["field"], name);
        assert.ok(error.message.includes(name), error.message);
      }
    }
    for (const value of [null, 5, "full", [], () => 1]) {
      await refused("BAD_REQUEST", () => FlowStore.open(store.root, value as FlowStoreOptions));
    }
  });

  test("a key that is undefined counts as absent", async (context) => {
    const store = await makeStore(context);
    const opened = await FlowStore.open(store.root, {
      durability: undefined,
      guardTimeoutMs: undefined,
      actor: undefined,
      source: undefined,
      readOnly: undefined,
      clock: undefined,
      onWarning: undefined,
    });
    const status = await opened.status();
    assert.equal(status.durability, "full");
    assert.equal(status.readOnly, false);
    await opened.close();
  });

  test("waiting for ever is a number that a timer can hold", async (context) => {
    const store = await makeStore(context, { guardTimeoutMs: Number.MAX_SAFE_INTEGER });
    const waited = await store.transaction(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return store.features.create({ name: "a" });
      },
      { timeoutMs: 1e12 },
    );
    assert.equal(waited.id, 1);
    const unbounded = await reopen(context, store, { guardTimeoutMs: Infinity });
    assert.equal((await unbounded.features.create({ name: "b" })).id, 2);
  });

  test("the actor is the option, else FLOW_ACTOR, else git's user.email, else USER, else unknown", async (context) => {
    const project = makeProject(context);
    await (await FlowStore.init(project, QUICK)).close();
    const home = join(project, "home");
    mkdirSync(join(project, ".git"));
    mkdirSync(home);
    const actorNow = async (options: FlowStoreOptions = {}): Promise<string> => {
      const store = await FlowStore.open(project, { durability: "none", ...options });
      const { id } = await store.features.create({ name: "a" });
      const [created] = await store.changes.getEvents(id);
      const { actor } = await store.status();
      assert.equal(store.actor, actor);
      await store.close();
      assert.equal(created?.agent, actor);
      return actor;
    };
    withEnv(context, "HOME", home);
    withEnv(context, "XDG_CONFIG_HOME", join(home, "xdg"));
    withEnv(context, "USER", undefined);
    withEnv(context, "FLOW_ACTOR", undefined);
    assert.equal(await actorNow(), "unknown");
    process.env["USER"] = "user";
    assert.equal(await actorNow(), "user");
    writeFileSync(join(home, ".gitconfig"), "[user]\n\temail = home@example.org\n");
    assert.equal(await actorNow(), "home@example.org");
    writeFileSync(
      join(project, ".git/config"),
      '[core]\n\temail = no@example.org\n[user]\n\tname = A\n\temail = "here@example.org" ; mine\n',
    );
    assert.equal(await actorNow(), "here@example.org");
    process.env["FLOW_ACTOR"] = "agent-7";
    assert.equal(await actorNow(), "agent-7");
    assert.equal(await actorNow({ actor: "given" }), "given");
    process.env["FLOW_ACTOR"] = "";
    assert.equal(await actorNow(), "here@example.org");
  });

  test("readOnly refuses every change, and a transaction, and reads everything", async (context) => {
    const store = await makeStore(context);
    await store.features.createBulk([{ name: "a" }, { name: "b", dependencies: [{ index: 0 }] }]);
    await store.close();
    const reader = await reopen(context, store, { readOnly: true });
    const before = snapshot(store.root);
    const { features, changes } = reader;
    const calls: (() => Promise<unknown>)[] = [
      () => features.create({ name: "c" }),
      () => features.createBulk([{ name: "c" }]),
      () => features.claimAndGet(1),
      () => features.claimNext(),
      () => features.markPassing(1),
      () => features.markFailing(1),
      () => features.markInProgress(1),
      () => features.clearInProgress(1),
      () => features.skip(1),
      () => features.addDependency(1, 2),
      () => features.removeDependency(2, 1),
      () => features.setDependencies(2, []),
      () => features.update(1, { name: "x" }),
      () => features.delete(1),
      () => features.renewClaim(1, "a", { leaseMs: 1 }),
      () => features.releaseExpired(),
      () => changes.logEvent(1, "comment"),
      () => reader.transaction(() => 1),
      () => reader.repair(),
    ];
    for (const call of calls) await refused("READ_ONLY", call);
    assert.equal((await features.getReady()).length, 1);
    assert.equal((await changes.getEvents(1)).length, 1);
    assert.deepEqual(await reader.check(), []);
    assert.deepEqual((await reader.repair({ dryRun: true })).done, []);
    assert.equal((await reader.status()).readOnly, true);
    assert.deepEqual(snapshot(store.root), before);
  });

  test("the clock is the one of events, leases and creation; one that breaks is refused", async (context) => {
    let ms = Date.parse("2020-02-02T02:02:02.002Z");
    const store = await makeStore(context, { clock: () => ms });
    const { createdAt, updatedAt, id } = await store.features.create({ name: "a" });
    assert.equal(createdAt, "2020-02-02T02:02:02.002Z");
    assert.equal(updatedAt, createdAt);
    const before = tracked(store);
    for (const broken of [Number.NaN, Infinity, -Infinity, 2 ** 60]) {
      ms = broken;
      await refused("BAD_REQUEST", () => store.features.create({ name: "b" }));
      await refused("BAD_REQUEST", () => store.features.markPassing(id));
    }
    assert.deepEqual(tracked(store), before);
    ms = Date.parse("2020-02-02T02:02:03.000Z") + 0.75;
    assert.equal((await store.features.markPassing(id)).updatedAt, "2020-02-02T02:02:03.000Z");
  });

  test("onWarning that throws or calls the store breaks no call", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    writeFileSync(join(store.root, "features/7-x.json"), "{");
    const said: Error[] = [];
    const listener = (warning: Error): void => void said.push(warning);
    process.on("warning", listener);
    atEnd(context, () => void process.off("warning", listener));
    let calls = 0;
    const strict = await reopen(context, store, {
      onWarning: () => {
        calls += 1;
        throw new Error("the listener's own");
      },
    });
    assert.equal((await strict.features.getAll()).length, 1);
    assert.equal((await strict.features.create({ name: "b" })).id, 8);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(calls, 1);
    assert.deepEqual(
      said.map(({ name, message }) => [name, message]),
      [["FlowStoreWarning", "onWarning threw: Error: the listener's own"]],
    );
    let seen = 0;
    const nosy: FlowStore = await reopen(context, store, {
      onWarning: () => void nosy.features.getAll().then((all) => (seen = all.length)),
    });
    await nosy.features.claimNext();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(seen, 2);
  });
});
