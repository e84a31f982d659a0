/** Creating features: inputs, defaults, priorities, ids, batches. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";

import type { CreateFeatureInput } from "flowstore";

import {
  documentOf,
  fileOf,
  FRESH_MS,
  ids,
  makeStore,
  pass,
  refusedWithoutTrace,
  reopen,
  TestClock,
  told,
} from "./support.ts";

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

describe("create", () => {
  test("gives every field its default, in the call's result, in the file and in a later read", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const feature = await store.features.create({ name: "Log in: OAuth & Co." });
    assert.match(feature.uid, ULID);
    const { uid, revision, ...rest } = feature;
    assert.deepEqual(rest, {
      id: 1,
      priority: 1,
      category: "",
      name: "Log in: OAuth & Co.",
      description: "",
      steps: [],
      passes: false,
      inProgress: false,
      dependencies: [],
      claim: null,
      createdAt: clock.iso(),
      updatedAt: clock.iso(),
      status: "ready",
    });
    assert.ok(revision.length > 0);
    const path = fileOf(store, feature);
    assert.equal(basename(path), `1-log-in-oauth-co-${uid.slice(-6).toLowerCase()}.json`);
    const text = readFileSync(path, "utf8");
    assert.deepEqual(Object.keys(JSON.parse(text) as object), [
      ...["$schema", "id", "name", "category", "description", "steps", "uid", "priority"],
      ...["dependencies", "createdAt", "passes", "inProgress", "claim"],
    ]);
    assert.ok(text.startsWith('{\n  "$schema": "../schema/feature.json",\n  "id": 1,\n'));
    assert.ok(text.endsWith('"claim": null\n}\n'));
    assert.deepEqual(await store.features.getById(1), feature);
    assert.deepEqual(await (await reopen(context, store)).features.getById(uid), feature);
  });

  test("keeps what is given, unknown keys and __proto__ among them", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "first" });
    const input = JSON.parse(`{
      "name": "", "description": "two\\nlines \\u0000 \\u2028", "category": "ui", "priority": -7,
      "steps": ["", "b", "b"], "dependencies": [1, 1],
      "__proto__": {"polluted": true}, "constructor": "c", "toString": null, "own": {"__proto__": [1, {"a": null}]}
    }`) as CreateFeatureInput;
    const feature = await store.features.create(input);
    assert.equal(feature.name, "");
    assert.equal(feature.priority, -7);
    assert.deepEqual(feature.dependencies, [1]);
    assert.deepEqual(feature.steps, ["", "b", "b"]);
    assert.equal(feature.status, "blocked");
    for (const seen of [feature, await store.features.getById(2), documentOf(store, feature)]) {
      assert.ok(seen !== null);
      const own = seen as Record<string, unknown>;
      for (const key of ["__proto__", "constructor", "toString", "own"]) {
        assert.ok(Object.hasOwn(own, key), key);
        assert.deepEqual(
          JSON.stringify(Object.getOwnPropertyDescriptor(own, key)?.value),
          JSON.stringify(Object.getOwnPropertyDescriptor(input, key)?.value),
        );
      }
    }
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    // A name without a letter leaves no slug.
    assert.match(basename(fileOf(store, feature)), /^2-[0-9a-z]{6}\.json$/);
  });

  test("shares nothing with its input nor with what it returned before", async (context) => {
    const store = await makeStore(context);
    const own = { list: [1] };
    const steps = ["a"];
    const feature = await store.features.create({ name: "a", steps, own });
    own.list.push(2);
    steps.push("b");
    (feature.steps as string[]).push("c");
    (feature["own"] as typeof own).list.push(3);
    const again = await store.features.getById(1);
    assert.deepEqual(again?.steps, ["a"]);
    assert.deepEqual(again?.["own"], { list: [1] });
    assert.ok(again !== null);
    (again["own"] as typeof own).list.push(4);
    assert.deepEqual((await store.features.getAll())[0]?.["own"], { list: [1] });
  });

  test("priority: the highest + 1, whatever the others are; a given one is kept", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    assert.equal((await features.create({ name: "a" })).priority, 1);
    assert.equal((await features.create({ name: "b", priority: 40 })).priority, 40);
    assert.equal((await features.create({ name: "c" })).priority, 41);
    assert.equal((await features.create({ name: "d", priority: -3 })).priority, -3);
    assert.equal((await features.create({ name: "e", priority: 0 })).priority, 0);
    await features.delete(3);
    assert.equal((await features.create({ name: "f" })).priority, 41);
    const last = Number.MAX_SAFE_INTEGER;
    await features.create({ name: "g", priority: last });
    await refusedWithoutTrace(store, "BAD_REQUEST", () => features.create({ name: "h" }));
    assert.equal((await features.create({ name: "h", priority: last })).priority, last);
  });

  test("an unknown dependency is NOT_FOUND, an index reference BAD_REQUEST; nothing is written", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    const { uid } = await features.create({ name: "a" });
    const gone = await features.create({ name: "gone" });
    await features.delete(2);
    for (const [dependencies, code, named] of [
      [[1, 9, 8], "NOT_FOUND", "9"],
      [[2], "NOT_FOUND", "2"],
      [[gone.uid], "NOT_FOUND", gone.uid],
      [[3], "NOT_FOUND", "3"],
      [[{ index: 0 }], "BAD_REQUEST", "index"],
      [[1, { index: 5 }], "BAD_REQUEST", "index"],
      [[uid.toLowerCase()], "BAD_REQUEST", "dependencies"],
      [[0], "BAD_REQUEST", "dependencies[0]"],
      [[1, -1], "BAD_REQUEST", "dependencies[1]"],
      [[1.5], "BAD_REQUEST", "dependencies"],
      [["1"], "BAD_REQUEST", "dependencies"],
      [[null], "BAD_REQUEST", "dependencies"],
      [[{ index: -1 }], "BAD_REQUEST", "dependencies"],
      [[{ index: 0, id: 1 }], "BAD_REQUEST", "dependencies"],
      [[{}], "BAD_REQUEST", "dependencies"],
    ] as const) {
      const input = { name: "b", dependencies } as unknown as CreateFeatureInput;
      const error = await refusedWithoutTrace(store, code, () => features.create(input));
      assert.ok(error.message.includes(named), error.message);
    }
    const b = await features.create({ name: "b", dependencies: [uid, 1] });
    assert.equal(b.id, 3);
    assert.deepEqual(b.dependencies, [1]);
  });

  test("every field of a wrong type is named, all in one error", async (context) => {
    const store = await makeStore(context);
    const wrong = {
      name: 5,
      description: null,
      category: ["ui"],
      priority: "1",
      steps: "a",
      dependencies: { 0: 1 },
      id: 7,
      uid: "x",
      passes: true,
      inProgress: false,
      claim: null,
      createdAt: "now",
      updatedAt: "now",
      revision: "r",
      status: "ready",
      $schema: "s",
      deletedAt: "now",
      own: 1n,
    };
    const error = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
      store.features.create(wrong as unknown as CreateFeatureInput),
    );
    const issues = error.context["issues"] as { path: string }[];
    assert.deepEqual(issues.map(({ path }) => path).toSorted(), Object.keys(wrong).toSorted());
    for (const key of Object.keys(wrong)) {
      const one = { name: "n", [key]: wrong[key as keyof typeof wrong] };
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.features.create(one as unknown as CreateFeatureInput),
      );
    }
    for (const priority of [1.5, Number.NaN, Infinity, 2 ** 53, null, "1", 1n]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.features.create({ name: "n", priority: priority as number }),
      );
    }
    assert.equal((await store.features.create({ name: "n", priority: -0 })).id, 1);
    assert.ok(Object.is((await store.features.getById(1))?.priority, 0));
  });

  test("what is no JSON is refused wherever it hides", async (context) => {
    const store = await makeStore(context);
    const circle: Record<string, unknown> = {};
    circle["self"] = { circle };
    let deep: unknown = 1;
    for (let level = 0; level < 10_000; level += 1) deep = { deep };
    const holes: unknown[] = [1];
    holes[2] = 3;
    for (const own of [
      ...[circle, deep, holes, Number.NaN, Infinity, 1n, Symbol("s"), () => 1, new Date()],
      ...[new Map(), /x/, "\ud800", { "\udc00": 1 }, [undefined], { a: [new Set()] }],
    ]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.features.create({ name: "n", own }),
      );
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.features.create({ name: "n", list: [{ own }] }),
      );
    }
    for (const input of [null, undefined, 5, "n", [], () => 1, new Map([["name", "n"]])]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.features.create(input as unknown as CreateFeatureInput),
      );
    }
    assert.equal((await store.features.create({ name: "n", gone: undefined })).id, 1);
  });

  test("a text of 2 MB, a thousand steps and an odd name lie in their file unharmed", async (context) => {
    const store = await makeStore(context);
    const description = 'ä\n"\\\u0007'.repeat(400_000);
    const steps = Array.from({ length: 1000 }, (_, index) => `step ${index}`);
    const name = "../../etc/passwd \u001b[31m\n\r\0 C:\\con 😀 e\u0301 " + "x".repeat(100_000);
    const feature = await store.features.create({ name, description, steps });
    assert.deepEqual(await (await reopen(context, store)).features.getById(1), feature);
    assert.match(
      basename(fileOf(store, feature)),
      /^1-etc-passwd-31m-c-con-e-x{17}-[0-9a-z]{6}\.json$/,
    );
    assert.deepEqual(readdirSync(join(store.root, "features")).length, 1);
    assert.deepEqual(await store.check(), []);
  });
});

describe("createBulk", () => {
  test("returns input order; one counter from the highest before gives the priorities", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "before", priority: 10 });
    const made = await store.features.createBulk([
      { name: "a" },
      { name: "b", priority: 12 },
      { name: "c" },
      { name: "d", priority: 1 },
      { name: "e" },
    ]);
    assert.deepEqual(
      made.map(({ id, name, priority }) => [id, name, priority]),
      [
        [2, "a", 11],
        [3, "b", 12],
        [4, "c", 12],
        [5, "d", 1],
        [6, "e", 13],
      ],
    );
    assert.deepEqual(ids(await store.features.getAll()), [5, 1, 2, 3, 4, 6]);
    assert.deepEqual(await store.features.getAll(), [
      ...[made[3], await store.features.getById(1), made[0], made[1], made[2], made[4]],
    ]);
  });

  test("a dependency is an id, a uid or a place, forward too, mixed and in the order given", async (context) => {
    const store = await makeStore(context);
    const old = await store.features.create({ name: "old" });
    const made = await store.features.createBulk([
      { name: "a", dependencies: [{ index: 2 }, 1, { index: 1 }, { index: 2 }] },
      { name: "b", dependencies: [old.uid, 1] },
      { name: "c", dependencies: [{ index: 1 }] },
    ]);
    assert.deepEqual(
      made.map(({ dependencies }) => dependencies),
      [[4, 1, 3], [1], [3]],
    );
    assert.deepEqual(
      made.map(({ status }) => status),
      ["blocked", "blocked", "blocked"],
    );
    for (const feature of made) {
      assert.deepEqual(await told(store, feature.id), ["created"]);
      assert.deepEqual(documentOf(store, feature)["dependencies"], feature.dependencies);
    }
    assert.deepEqual(await store.check(), []);
  });

  test("an empty list is no change", async (context) => {
    const store = await makeStore(context);
    assert.deepEqual(await store.features.createBulk([]), []);
    assert.deepEqual(readdirSync(join(store.root, "features")), []);
    assert.deepEqual(readdirSync(join(store.root, "events")), []);
  });

  test("all or nothing, and a failed batch uses no id", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "old" });
    const good = { name: "good" };
    for (const [inputs, code, index] of [
      [[good, good, { name: "bad", dependencies: [9] }], "NOT_FOUND", 2],
      [[good, { name: "bad", dependencies: [{ index: 2 }] }], "BAD_REQUEST", 1],
      [[good, { name: "bad", dependencies: [{ index: 1 }] }], "BAD_REQUEST", 1],
      [[good, { name: 5 }], "BAD_REQUEST", 1],
      [[good, null], "BAD_REQUEST", 1],
      [[good, good, undefined], "BAD_REQUEST", 2],
      [
        Object.assign(
          Array.from({ length: 2 }, () => good),
          { length: 3 },
        ),
        "BAD_REQUEST",
        2,
      ],
      [
        [
          { name: "a", dependencies: [{ index: 1 }] },
          { name: "b", dependencies: [{ index: 2 }] },
          { name: "c", dependencies: [{ index: 0 }] },
        ],
        "CYCLE_DETECTED",
        0,
      ],
    ] as const) {
      const error = await refusedWithoutTrace(store, code, () =>
        store.features.createBulk(inputs as unknown as CreateFeatureInput[]),
      );
      assert.equal(error.context["index"], index);
    }
    for (const inputs of [null, undefined, {}, "ab", 3, new Set([good])]) {
      await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.features.createBulk(inputs as unknown as CreateFeatureInput[]),
      );
    }
    assert.deepEqual(ids(await store.features.createBulk([good, good])), [2, 3]);
  });

  test("a circle names its path, of any length, also through an old feature that names a coming id", async (context) => {
    const store = await makeStore(context);
    const size = 300;
    const ring = Array.from({ length: size }, (_, index) => ({
      name: `r${index}`,
      dependencies: [{ index: (index + 1) % size }],
    }));
    const error = await refusedWithoutTrace(store, "CYCLE_DETECTED", () =>
      store.features.createBulk(ring),
    );
    const path = error.context["path"] as number[];
    assert.equal(path.length, size + 1);
    assert.equal(path[0], path.at(-1));
    writeFileSync(
      join(store.root, "features/5-hand.json"),
      JSON.stringify({ id: 5, name: "by hand", dependencies: [6] }),
    );
    await pass(FRESH_MS);
    await refusedWithoutTrace(store, "CYCLE_DETECTED", () =>
      store.features.create({ name: "six", dependencies: [5] }),
    );
    assert.equal((await store.features.create({ name: "six" })).id, 6);
  });
});

describe("ids", () => {
  test("are not used again after a delete, a failed call, a rolled back transaction", async (context) => {
    const store = await makeStore(context);
    const { features } = store;
    await features.createBulk([{ name: "a" }, { name: "b" }]);
    await features.delete(2);
    assert.equal((await features.create({ name: "c" })).id, 3);
    await features.delete(3);
    const again = await reopen(context, store);
    assert.equal((await again.features.create({ name: "d" })).id, 4);
    await assert.rejects(
      again.transaction(async () => {
        assert.equal((await again.features.create({ name: "e" })).id, 5);
        throw new Error("never mind");
      }),
    );
    assert.equal((await features.create({ name: "f" })).id, 5);
  });

  test("are not used again when the file was removed by hand", async (context) => {
    const store = await makeStore(context);
    const last = await store.features.create({ name: "a" });
    rmSync(fileOf(store, last));
    await pass(FRESH_MS);
    assert.equal((await store.features.create({ name: "b" })).id, 2);
    rmSync(fileOf(store, (await store.features.getAll())[0] ?? last));
    assert.equal((await (await reopen(context, store)).features.create({ name: "c" })).id, 3);
  });

  test("are not used again when local/ was lost as well: the events know them", async (context) => {
    const store = await makeStore(context);
    const made = await store.features.createBulk([{ name: "a" }, { name: "b" }, { name: "c" }]);
    await store.close();
    for (const feature of made.slice(1)) rmSync(fileOf(store, feature));
    rmSync(join(store.root, "local"), { recursive: true });
    const again = await reopen(context, store);
    const [next, nextButOne] = await again.features.createBulk([{ name: "d" }, { name: "e" }]);
    assert.deepEqual([next?.id, nextButOne?.id], [4, 5]);
    assert.deepEqual(await told(again, 3), ["created"]);
  });

  test("follow the highest in any file: made by hand, damaged, with another name", async (context) => {
    const store = await makeStore(context);
    const folder = join(store.root, "features");
    const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
    put("10-hand.json", '{"id": 10, "name": "by hand"}');
    assert.equal((await store.features.create({ name: "a" })).id, 11);
    put("20-damaged.json", "{");
    await pass(FRESH_MS);
    assert.equal((await store.features.create({ name: "b" })).id, 21);
    put("odd.json", '{"id": 30, "name": "an odd name"}');
    await pass(FRESH_MS);
    assert.equal((await store.features.create({ name: "c" })).id, 31);
    put("40-other.json", '{"id": 50, "name": "its content says another id"}');
    await pass(FRESH_MS);
    assert.equal((await store.features.create({ name: "d" })).id, 51);
    put("60-tombstone.json", '{"id": 60, "name": "gone", "deletedAt": "2026-01-01T00:00:00.000Z"}');
    await pass(FRESH_MS);
    assert.equal((await store.features.create({ name: "e" })).id, 61);
    put("99999999999999999999.json", "{}");
    await pass(FRESH_MS);
    assert.equal((await store.features.create({ name: "f" })).id, 62);
  });

  test("end at the last safe integer with a clear refusal, and go on when it is gone", async (context) => {
    const store = await makeStore(context);
    await store.features.create({ name: "a" });
    const path = join(store.root, `features/${Number.MAX_SAFE_INTEGER}-hand.json`);
    writeFileSync(
      path,
      JSON.stringify({ id: Number.MAX_SAFE_INTEGER, name: "by hand", priority: 1 }),
    );
    await pass(FRESH_MS);
    const error = await refusedWithoutTrace(store, "CONFLICT", () =>
      store.features.create({ name: "b" }),
    );
    assert.equal(error.context["highest"], Number.MAX_SAFE_INTEGER);
    rmSync(path);
    await pass(FRESH_MS);
    assert.equal((await store.features.create({ name: "b" })).id, 2);
  });
});
