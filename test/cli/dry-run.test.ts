/** `--dry-run`: what it tells, or refuses, is what the command itself then does, or refuses. */
import assert from "node:assert/strict";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FlowStore, type ExecutionStatus } from "flowstore";
import { REGISTRY } from "#src/cli/registry.js";
import { snapshot } from "../features/support.ts";
import { list, one, openStoreShell, type Envelope, type Shell } from "./support.ts";

/** The files of a store, but for those by which writers keep out of each other's way. */
function filesOf({ folder }: Shell): Record<string, string> {
  return Object.fromEntries(
    Object.entries(snapshot(join(folder, ".flow")))
      .filter(([path, { kind }]) => kind !== "folder" && !ENGINE.test(path))
      .map(([path, { kind, bytes }]) => [path, `${kind} ${bytes}`]),
  );
}

const ENGINE = /^local\/(?:journal|guard|fence|cache)\/|^local\/\.gitignore$/;

function fileIn({ folder }: Shell, kind: string, part = ""): string {
  const names = readdirSync(join(folder, ".flow", kind)).filter((name) => name.includes(part));
  assert.equal(names.length, 1, `${part} in ${kind}: ${names.join(" ")}`);
  return join(folder, ".flow", kind, names[0] ?? "");
}

function damage(path: string): void {
  writeFileSync(path, "{");
}

interface Case {
  readonly prepare: (shell: Shell) => Promise<unknown>;
  readonly words: (shell: Shell) => Promise<readonly string[]> | readonly string[];
  /** Default 0. */
  readonly exit?: number;
}

async function type({ run }: Shell, ...lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const { exit, stderr } = await run(line.split(" "));
    assert.equal(exit, 0, `${line}: ${stderr}`);
  }
}

async function put({ run }: Shell, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await run(["blob", "put", key, "--file", "-"], { input: `of ${key}` });
}

/** Executions in these statuses, by their names. */
async function executions({ folder }: Shell, all: Record<string, ExecutionStatus>): Promise<void> {
  const store = await FlowStore.open(folder, { durability: "none" });
  const [createdAt, workflowId] = ["2026-01-01T00:00:00.000Z", "wf-order"];
  const workflow = { workflowId, workflowType: "order", createdAt };
  for (const [workflowExecutionId, status] of Object.entries(all)) {
    const execution = { workflowExecutionId, workflowId, status, createdAt, updatedAt: createdAt };
    await store.workflows.createIfAbsent(execution, { workflow });
  }
  await store.close();
}

const GAPS = ["gap add fn-1 search", "gap add fn-1 sorting"];
const PLAN = ["feature create A", "feature create B --depends 1", "feature create C --depends 1"];

async function remembered(shell: Shell): Promise<string[]> {
  return list(await shell.json(["memory", "list"])).map(({ id }) => String(id));
}

const CASES: Readonly<Record<string, readonly (readonly [what: string, one: Case])[]>> = {
  "gap remove": [
    ["two", { prepare: (shell) => type(shell, ...GAPS), words: () => ["fn-1", "1", "2"] }],
    ["all", { prepare: (shell) => type(shell, ...GAPS), words: () => ["fn-1", "--all"] }],
    ["none", { prepare: async () => undefined, words: () => ["fn-1", "--all"] }],
    [
      "unknown",
      { prepare: (shell) => type(shell, ...GAPS), words: () => ["fn-1", "1", "9"], exit: 3 },
    ],
    [
      "one twice",
      { prepare: (shell) => type(shell, ...GAPS), words: () => ["fn-1", "1", "1"], exit: 3 },
    ],
    [
      "a damaged one",
      {
        prepare: async (shell) => {
          await type(shell, ...GAPS);
          damage(fileIn(shell, "gaps/fn-1", "search"));
        },
        words: () => ["fn-1", "1"],
        exit: 6,
      },
    ],
    [
      "all, of which one is damaged",
      {
        prepare: async (shell) => {
          await type(shell, ...GAPS);
          damage(fileIn(shell, "gaps/fn-1", "search"));
        },
        words: () => ["fn-1", "--all"],
      },
    ],
    [
      "one id of two",
      {
        prepare: async (shell) => {
          await type(shell, "gap add fn-1 search");
          const path = fileIn(shell, "gaps/fn-1");
          const twin = readFileSync(path, "utf8").replace(/"uid": ".{6}/, '"uid": "01ARZ3');
          writeFileSync(path.replace("search", "twin"), twin);
        },
        words: () => ["fn-1", "1"],
        exit: 5,
      },
    ],
  ],
  "feature delete": [
    ["two", { prepare: (shell) => type(shell, ...PLAN), words: () => ["1", "2"] }],
    ["unknown", { prepare: (shell) => type(shell, ...PLAN), words: () => ["1", "9"], exit: 3 }],
    ["one twice", { prepare: (shell) => type(shell, ...PLAN), words: () => ["1", "1"], exit: 3 }],
    [
      "another revision",
      {
        prepare: (shell) => type(shell, ...PLAN),
        words: () => ["1", "--expected-revision", "old"],
        exit: 5,
      },
    ],
    [
      "a damaged one",
      {
        prepare: async (shell) => {
          await type(shell, ...PLAN);
          damage(fileIn(shell, "features", "1-"));
        },
        words: () => ["1"],
        exit: 6,
      },
    ],
  ],
  "feature dep rm": [
    ["one", { prepare: (shell) => type(shell, ...PLAN), words: () => ["2", "1"] }],
    ["unknown", { prepare: (shell) => type(shell, ...PLAN), words: () => ["9", "1"], exit: 3 }],
  ],
  "feature dep set": [
    ["none", { prepare: (shell) => type(shell, ...PLAN), words: () => ["2"] }],
    ["a circle", { prepare: (shell) => type(shell, ...PLAN), words: () => ["1", "2"], exit: 5 }],
  ],
  "memory delete": [
    ["one", { prepare: (shell) => type(shell, "memory add A"), words: remembered }],
    [
      "one twice",
      {
        prepare: (shell) => type(shell, "memory add A"),
        words: async (shell) => [...(await remembered(shell)), ...(await remembered(shell))],
        exit: 3,
      },
    ],
    [
      "a damaged one",
      {
        prepare: (shell) => type(shell, "memory add A"),
        words: async (shell) => {
          const ids = await remembered(shell);
          damage(fileIn(shell, "memory"));
          return ids;
        },
        exit: 6,
      },
    ],
  ],
  "phase reset": [
    ["two", { prepare: (shell) => type(shell, "phase done t 1 2"), words: () => ["t", "u"] }],
    ["one twice", { prepare: (shell) => type(shell, "phase done t 1 2"), words: () => ["t", "t"] }],
    [
      "a damaged one",
      {
        prepare: async (shell) => {
          await type(shell, "phase done t 1");
          damage(fileIn(shell, "phases"));
        },
        words: () => ["u", "t"],
        exit: 6,
      },
    ],
  ],
  "scout-cache clear": [
    [
      "all, a damaged one too",
      {
        prepare: async (shell) => {
          await type(shell, "scout-cache set a --result 1", "scout-cache set b --result 2");
          damage(fileIn(shell, "local/scout-cache", "a"));
        },
        words: () => [],
      },
    ],
  ],
  unlock: [
    [
      "all",
      { prepare: (shell) => type(shell, "lock --task t --files a,b"), words: () => ["--all"] },
    ],
  ],
  "checkpoint save": [
    ["a new one", { prepare: (shell) => type(shell, ...PLAN), words: () => ["a"] }],
    [
      "in place of another",
      {
        prepare: (shell) => type(shell, "checkpoint save a", ...PLAN),
        words: () => ["a", "--replace"],
      },
    ],
    [
      "one that there is",
      { prepare: (shell) => type(shell, "checkpoint save a"), words: () => ["a"], exit: 5 },
    ],
  ],
  "checkpoint restore": [
    [
      "a change and an addition",
      {
        prepare: (shell) =>
          type(shell, ...PLAN, "checkpoint save a", "feature pass 1", "setting set k 1"),
        words: () => ["a"],
      },
    ],
    [
      "over a damaged document, and beside one",
      {
        prepare: async (shell) => {
          await type(shell, ...PLAN, "checkpoint save a");
          damage(fileIn(shell, "features", "1-"));
          damage(join(shell.folder, ".flow/features/7-x.json"));
        },
        words: () => ["a"],
      },
    ],
    ["unknown", { prepare: async () => undefined, words: () => ["a"], exit: 3 }],
  ],
  "checkpoint delete": [
    [
      "a damaged one too",
      {
        prepare: async (shell) => {
          await type(shell, "checkpoint save a", "checkpoint save b");
          damage(join(shell.folder, ".flow/local/checkpoints/b/manifest.json"));
        },
        words: () => ["a", "b"],
      },
    ],
    [
      "one twice",
      { prepare: (shell) => type(shell, "checkpoint save a"), words: () => ["a", "a"], exit: 3 },
    ],
  ],
  "blob remove": [
    ["two", { prepare: (shell) => put(shell, "a", "b"), words: () => ["a", "b"] }],
    ["unknown", { prepare: (shell) => put(shell, "a"), words: () => ["a", "c"], exit: 3 }],
    ["one twice", { prepare: (shell) => put(shell, "a"), words: () => ["a", "a"], exit: 3 }],
    [
      "a damaged one",
      {
        prepare: async (shell) => {
          await put(shell, "a", "b");
          damage(fileIn(shell, "blobs/keys", "b"));
        },
        words: () => ["a", "b"],
        exit: 6,
      },
    ],
  ],
  "blob gc": [
    [
      "one of two",
      {
        prepare: async (shell) => {
          await put(shell, "a", "b");
          await type(shell, "blob remove a");
        },
        words: () => ["--older-than", "1ms"],
      },
    ],
    [
      "beside a damaged key",
      {
        prepare: async (shell) => {
          await put(shell, "a");
          damage(fileIn(shell, "blobs/keys", "a"));
        },
        words: () => ["--older-than", "1ms"],
        exit: 6,
      },
    ],
  ],
  "workflow cancel": [
    [
      "two",
      {
        prepare: (shell) => executions(shell, { a: "PENDING", b: "SUSPENDED" }),
        words: () => ["a", "b"],
      },
    ],
    [
      "one that is over",
      { prepare: (shell) => executions(shell, { a: "FAILED" }), words: () => ["a"] },
    ],
    [
      "unknown",
      { prepare: (shell) => executions(shell, { a: "PENDING" }), words: () => ["a", "c"], exit: 3 },
    ],
  ],
  "workflow retry": [
    ["one", { prepare: (shell) => executions(shell, { a: "FAILED" }), words: () => ["a"] }],
    [
      "one that is not over",
      {
        prepare: (shell) => executions(shell, { a: "CANCELLED", b: "RUNNING" }),
        words: () => ["a", "b"],
        exit: 5,
      },
    ],
  ],
  "workflow gc": [
    [
      "what is over",
      {
        prepare: (shell) => executions(shell, { a: "FAILED", b: "COMPLETED", c: "PENDING" }),
        words: () => ["--older-than", "1ms"],
      },
    ],
    [
      "of one status",
      {
        prepare: (shell) => executions(shell, { a: "FAILED", b: "COMPLETED" }),
        words: () => ["--older-than", "1ms", "--status", "failed"],
      },
    ],
  ],
  import: [
    [
      "two plans that share an item",
      {
        prepare: async ({ folder }) => {
          const issue = { id: "x-1", title: "A", status: "open" };
          writeFileSync(join(folder, "one.jsonl"), `${JSON.stringify(issue)}\n`);
          copyFileSync(join(folder, "one.jsonl"), join(folder, "two.jsonl"));
        },
        words: () => ["one.jsonl", "two.jsonl"],
      },
    ],
  ],
};

/** They tell the same by rules of their own: nothing of a repair, or of packing, can be undone. */
const BY_THEMSELVES = ["events archive", "repair"];

/** What differs all the same: that it was a dry run, what only exists after the real one, times. */
const DIFFERENT: ReadonlySet<string> = new Set([
  ...["dryRun", "saved", "locks", "createdAt", "updatedAt"],
]);

function comparable({ exit, ok, data, error }: Envelope): unknown {
  const text = JSON.stringify({ exit, ok, data, error }, (key, value: unknown) =>
    DIFFERENT.has(key) ? undefined : value,
  );
  return JSON.parse(text);
}

/** Each case is some ten processes: `DRY_RUNS=all` tries all of them. */
const MOST_CASES = process.env["DRY_RUNS"] === "all" ? Infinity : 2;

test("whatever removes something can be tried", async () => {
  const able: string[] = [];
  for (const [name, { load }] of Object.entries(REGISTRY)) {
    if ("dry-run" in (await load()).options) able.push(name);
  }
  assert.deepEqual(able.toSorted(), [...Object.keys(CASES), ...BY_THEMSELVES].toSorted());
});

for (const [name, cases] of Object.entries(CASES)) {
  describe(`${name} --dry-run`, () => {
    for (const [what, { prepare, words, exit = 0 }] of cases.slice(0, MOST_CASES)) {
      test(what, async (context) => {
        const shell = await openStoreShell(context);
        await prepare(shell);
        const call = [...name.split(" "), ...(await words(shell))];
        const before = filesOf(shell);
        const dry = await shell.json([...call, "--dry-run"]);
        assert.deepEqual(filesOf(shell), before);
        const real = await shell.json(call);
        assert.equal(dry.exit, exit, JSON.stringify(dry));
        assert.deepEqual(comparable(dry), comparable(real));
        if (exit !== 0) {
          assert.deepEqual(filesOf(shell), before);
        } else if (name === "import") {
          assert.deepEqual([one(dry)["dryRun"], one(real)["dryRun"]], [true, false]);
        } else {
          assert.deepEqual([dry.meta["dryRun"], real.meta["dryRun"]], [true, false]);
        }
      });
    }
  });
}
