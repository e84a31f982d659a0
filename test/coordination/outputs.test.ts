/** Outputs: what a task hands on, byte for byte. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { FlowStore, ListOutputsOptions } from "flowstore";
import {
  FRESH_MS,
  makeStore,
  pass,
  refused,
  refusedWithoutTrace,
  reopen,
  committed,
  TestClock,
  warnings,
} from "../features/support.ts";
import { Project } from "../merge/project.ts";
import { eventsOf, logsNothing } from "./events.ts";
import { NO_TEXTS, STRANGE_TEXTS } from "./strange-texts.ts";

function fileOf(store: FlowStore, name: string): string {
  return join(store.root, "outputs", name);
}

async function tasksOf(store: FlowStore, options: ListOutputsOptions = {}): Promise<string[]> {
  return (await store.outputs.list(options)).map(({ taskId }) => taskId);
}

describe("a text", () => {
  test("comes back exactly; the file names its task before it", async (context) => {
    const store = await makeStore(context);
    const markdown = "# Done\n\n* é\tx\r\n";
    const entry = await store.outputs.write("fn-1.2", markdown, { agent: "ann", note: "why" });
    assert.deepEqual(entry, { taskId: "fn-1.2", path: "outputs/fn-1.2.md", bytes: 16 });
    assert.equal(await store.outputs.read("fn-1.2"), markdown);
    const text = readFileSync(join(store.root, entry.path), "utf8");
    assert.equal(text, `---\ntask: "fn-1.2"\n---\n${markdown}`);
    const [event] = await eventsOf(store, "task:fn-1.2");
    assert.deepEqual(
      [event?.type, event?.agent, event?.metadata, event?.payload],
      ["output_written", "ann", { note: "why" }, { taskId: "fn-1.2", bytes: 16 }],
    );
    await logsNothing(store, () => store.outputs.write("fn-1.2", markdown));
    await store.outputs.write("fn-1.2", "other");
    assert.equal(await store.outputs.read("fn-1.2"), "other");
    assert.equal((await eventsOf(store, "task:fn-1.2")).length, 2);
    assert.deepEqual(await store.check(), []);
  });

  test("of any sort, of any task", async (context) => {
    const store = await makeStore(context);
    const tricky = [
      ...["", "\n", "---\n", '---\ntask: "other"\n---\n', '---\ntask: "fn-1.2"\n---\nx'],
      ...["\ufeffx", "no end", "\r\n", "\0", "---\r\n", "# a\n---\n---"],
    ];
    for (const markdown of [...tricky, ...STRANGE_TEXTS]) {
      await store.outputs.write("fn-1.2", markdown);
      assert.equal(await store.outputs.read("fn-1.2"), markdown);
    }
    for (const taskId of STRANGE_TEXTS) await store.outputs.write(taskId, `of ${taskId}`);
    const again = await reopen(context, store);
    for (const taskId of STRANGE_TEXTS)
      assert.equal(await again.outputs.read(taskId), `of ${taskId}`);
    assert.deepEqual(new Set(await tasksOf(again)), new Set(["fn-1.2", ...STRANGE_TEXTS]));
    assert.ok(!existsSync(join(store.root, "escaped.md")));
    assert.equal(readdirSync(join(store.root, "outputs")).length, STRANGE_TEXTS.length + 1);
  });

  test("of chance comes back too", async (context) => {
    const store = await makeStore(context);
    const unit = fc.constantFrom(
      "-",
      "-",
      "\n",
      "\r",
      "task: ",
      '"',
      "\\",
      "é",
      "\u2028",
      " ",
      "x",
    );
    const text = fc.array(unit, { maxLength: 20 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(text, text, async (name, markdown) => {
        const taskId = `t${name}`;
        await store.outputs.write(taskId, markdown);
        assert.equal(await store.outputs.read(taskId), markdown);
      }),
      { numRuns: 100 },
    );
  });

  test("is refused where it is none, and nothing is written", async (context) => {
    const store = await makeStore(context);
    for (const wrong of NO_TEXTS) {
      const task = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.outputs.write(wrong as string, "x"),
      );
      assert.equal(task.context["field"], "taskId");
      await refused("BAD_REQUEST", () => store.outputs.read(wrong as string));
      if (wrong === "") continue;
      const markdown = await refusedWithoutTrace(store, "BAD_REQUEST", () =>
        store.outputs.write("t", wrong as string),
      );
      assert.equal(markdown.context["field"], "markdown");
    }
    const wrong = await refused("BAD_REQUEST", () => store.outputs.write("t", "x", "ann" as never));
    assert.equal(wrong.context["field"], "options");
  });
});

describe("a file made by hand", () => {
  test("without front matter of ours is the text as it is", async (context) => {
    const store = await makeStore(context);
    await store.outputs.write("other", "x");
    for (const text of [
      "# Mine\n",
      "---\ntitle: Mine\n---\n# Mine\n",
      "---\ntask: fn-1.2\n---\n",
      "",
    ]) {
      writeFileSync(fileOf(store, "fn-1.2.md"), text);
      await pass(FRESH_MS);
      assert.equal(await store.outputs.read("fn-1.2"), text);
    }
    await store.outputs.write("fn-1.2", "ours");
    assert.equal(
      readFileSync(fileOf(store, "fn-1.2.md"), "utf8"),
      '---\ntask: "fn-1.2"\n---\nours',
    );
  });

  test("with front matter and the line ends of another system is read like ours", async (context) => {
    const store = await makeStore(context);
    await store.outputs.write("fn-1.2", "x");
    writeFileSync(fileOf(store, "fn-1.2.md"), '---\r\ntask: "fn-1.2"\r\n---\r\n# Mine\r\n');
    await pass(FRESH_MS);
    assert.equal(await store.outputs.read("fn-1.2"), "# Mine\r\n");
  });

  test("that belongs to another task, or is no text, is CORRUPT and stays", async (context) => {
    const { findings, onWarning } = warnings();
    const store = await makeStore(context, { onWarning });
    await store.outputs.write("good", "x");
    const long = "k".repeat(5000);
    const { path } = await store.outputs.write(long, "x");
    const files: Readonly<Record<string, [task: string, bytes: string | Buffer]>> = {
      "copied.md": ["copied", '---\ntask: "good"\n---\nx'],
      "bytes.md": ["bytes", Buffer.from([0x23, 0xff])],
      // The name of a long id is cut, so that only front matter could tell whose it is.
      [path.slice("outputs/".length)]: [long, "# no front matter"],
    };
    for (const [name, [, bytes]] of Object.entries(files))
      writeFileSync(fileOf(store, name), bytes);
    await pass(FRESH_MS);
    for (const [name, [task, bytes]] of Object.entries(files)) {
      for (const call of [
        () => store.outputs.read(task),
        () => store.outputs.write(task, "mine"),
      ]) {
        const error = await refused("CORRUPT", call);
        assert.equal(error.context["file"], `outputs/${name}`);
      }
      assert.deepEqual(readFileSync(fileOf(store, name)), Buffer.from(bytes as string));
    }
    // Of the old system, names that were no task's were passed over without a word.
    writeFileSync(fileOf(store, "README.md"), "no task");
    writeFileSync(fileOf(store, "notes.txt"), "no output");
    await pass(FRESH_MS);
    assert.deepEqual(await tasksOf(store), ["good"]);
    await pass(0);
    const named = new Set(findings.map(({ file }) => file));
    for (const name of [...Object.keys(files), "README.md"])
      assert.ok(named.has(`outputs/${name}`), name);
    // What was mended and is damaged again is told again.
    findings.length = 0;
    for (const text of ["mended", Buffer.from([0xff])]) {
      writeFileSync(fileOf(store, "bytes.md"), text);
      await pass(FRESH_MS);
      await store.outputs.list();
    }
    await pass(0);
    assert.deepEqual(
      findings.map(({ file }) => file),
      ["outputs/bytes.md"],
    );
  });
});

describe("the list", () => {
  test("is empty without outputs, and nothing is written", async (context) => {
    const store = await makeStore(context);
    const before = committed(store.root);
    assert.deepEqual(await store.outputs.list(), []);
    assert.equal(await store.outputs.read("fn-1.2"), null);
    assert.deepEqual(committed(store.root), before);
  });

  // Of the old system, outputs of one second came in any order.
  test("is newest first by when it was written, also within one millisecond", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    const order = ["b.1", "a.1", "c.1", "a.10", "a.2"];
    for (const task of order) await store.outputs.write(task, "x");
    assert.deepEqual(await tasksOf(store), order.toReversed());
    clock.ms += 1000;
    await store.outputs.write("a.1", "y");
    // Other events of a task are no writing of its output.
    await store.approvals.create({ taskId: "b.1", kind: "generic" });
    const listed = await store.outputs.list();
    assert.equal(listed[0]?.taskId, "a.1");
    assert.equal(listed.at(-1)?.taskId, "b.1");
    assert.deepEqual(listed[0], {
      taskId: "a.1",
      path: "outputs/a.1.md",
      bytes: 1,
      updatedAt: (await eventsOf(store, "task:a.1")).at(-1)?.createdAt,
    });
    assert.deepEqual(await tasksOf(store, { limit: 2 }), ["a.1", "a.2"]);
    for (const limit of [0, -1, 1.5, "1", null]) {
      const error = await refused("BAD_REQUEST", () =>
        store.outputs.list({ limit: limit as number }),
      );
      assert.equal(error.context["field"], "limit");
    }
  });

  test("of an epic holds its tasks and no others", async (context) => {
    const store = await makeStore(context);
    const tasks = [
      "fn-1.1",
      "fn-1.10",
      "fn-10.1",
      "fn-1",
      "fn-1.x",
      "fn-1.1.2",
      "fn-1-a.1",
      "fn-11.1",
    ];
    for (const task of tasks) await store.outputs.write(task, "x");
    const of = async (epicId: string): Promise<string[]> =>
      (await tasksOf(store, { epicId })).toSorted();
    assert.deepEqual(await of("fn-1"), ["fn-1.1", "fn-1.10"]);
    assert.deepEqual(await of("fn-10"), ["fn-10.1"]);
    assert.deepEqual(await of("fn-1.1"), ["fn-1.1.2"]);
    assert.deepEqual(await of("fn"), []);
    assert.deepEqual(await of("FN-1"), []);
    assert.deepEqual(await tasksOf(store, { epicId: "fn-1", limit: 1 }), ["fn-1.10"]);
    await refused("BAD_REQUEST", () => store.outputs.list({ epicId: "" }));
    await refused("BAD_REQUEST", () => store.outputs.list("fn-1" as never));
  });

  test("takes the file's own time where no event tells", async (context) => {
    const clock = new TestClock();
    const store = await makeStore(context, { clock: clock.now });
    await store.outputs.write("logged", "x");
    for (const [name, offset] of [
      ["older", -1],
      ["newer", 1],
    ] as const) {
      writeFileSync(fileOf(store, `${name}.md`), "x");
      const seconds = clock.ms / 1000 + offset;
      utimesSync(fileOf(store, `${name}.md`), seconds, seconds);
    }
    await pass(FRESH_MS);
    assert.deepEqual(await tasksOf(store), ["newer", "logged", "older"]);
    assert.equal((await store.outputs.list())[0]?.updatedAt, clock.iso(1000));
  });

  test("is the same in a clone, whose files are all of one time", async (context) => {
    const project = Project.create(context);
    const clock = new TestClock();
    const store = await project.init(context, { clock: clock.now });
    for (const task of ["b", "c", "a"]) {
      await store.outputs.write(task, `of ${task}`);
      clock.ms += 60_000;
    }
    const listed = await store.outputs.list();
    await store.close();
    project.commit("outputs");
    const clone = await project.clone("second").open(context);
    assert.deepEqual(await clone.outputs.list(), listed);
    assert.equal(await clone.outputs.read("b"), "of b");
  });

  test("shows what a transaction has written, in the transaction", async (context) => {
    const store = await makeStore(context);
    await store.outputs.write("a", "x");
    await store.transaction(async () => {
      await store.outputs.write("b", "y");
      assert.deepEqual(await tasksOf(store), ["b", "a"]);
      assert.equal(await store.outputs.read("b"), "y");
    });
    assert.deepEqual(await tasksOf(store), ["b", "a"]);
  });
});
