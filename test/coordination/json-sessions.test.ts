/** What programs get: the whole envelope of every command of coordination, value by value. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { REGISTRY } from "#src/cli/registry.js";
import { masked, openStoreShell, type RunOptions } from "../cli/support.ts";

interface Expected extends RunOptions {
  readonly exit?: number;
  readonly data: unknown;
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** Groups whose commands are all called here; locks have sessions of their own. */
const GROUPS = [
  ...["phase", "pipeline", "gap", "decision", "approval", "memory"],
  ...["scout-cache", "output", "setting", "checkpoint"],
];

const called = new Set<string>();

/** Types a command with `--json`, compares all that it printed, and gives the data unmasked. */
async function openJsonSession(
  context: TestContext,
): Promise<(command: string, words: readonly string[], expected: Expected) => Promise<unknown>> {
  const { folder, run } = await openStoreShell(context);
  return async (command, words, { exit = 0, data, meta = {}, ...options }) => {
    called.add(command);
    const typed = [...command.split(" "), ...words];
    const outcome = await run([...typed, "--json"], options);
    assert.equal(outcome.stderr, "", typed.join(" "));
    assert.deepEqual(
      JSON.parse(masked(outcome.stdout, folder)),
      { ok: true, schemaVersion: 1, command, data, warnings: [], meta },
      typed.join(" "),
    );
    assert.equal(outcome.exit, exit);
    return (JSON.parse(outcome.stdout) as { data: unknown }).data;
  };
}

function idOf(data: unknown): string {
  return String((data as { id: unknown }).id);
}

const AT = "<time>";

test("json session: phases", async (context) => {
  const call = await openJsonSession(context);
  const [one, two] = [
    { phase: "1", at: AT },
    { phase: "2", at: AT },
  ];
  await call("phase done", ["t", "1"], { data: one });
  await call("phase done", ["t", "1", "2", "--note", "both"], { data: [one, two] });
  await call("phase list", ["t"], { data: [one, two], meta: { count: 2 } });
  await call("phase list", ["t", "--sequence", "S"], {
    data: [one, two],
    meta: { count: 2, next: "5" },
  });
  await call("phase list", ["u"], { data: [], meta: { count: 0 } });
  await call("phase next", ["t", "--phases", "1,2"], {
    data: null,
    meta: { completed: ["1", "2"], sequence: ["1", "2"] },
  });
  await call("phase next", ["t", "--sequence", "S"], {
    data: { phase: "5", title: "Implement", doneWhen: null },
    meta: { completed: ["1", "2"], sequence: ["1", "2", "5", "6", "7", "10", "12"] },
  });
  await call("phase reset", ["t", "u", "--dry-run"], {
    data: [
      { taskId: "t", count: 2 },
      { taskId: "u", count: 0 },
    ],
    meta: { dryRun: true },
  });
  await call("phase reset", ["t"], { data: { taskId: "t", count: 2 }, meta: { dryRun: false } });
  await call("phase list", ["t"], { data: [], meta: { count: 0 } });
});

test("json session: the pipeline", async (context) => {
  const call = await openJsonSession(context);
  const state = (epicId: string, phase: string): object => {
    return { epicId, phase, startedAt: AT, updatedAt: AT };
  };
  await call("pipeline list", [], { data: [], meta: { count: 0 } });
  await call("pipeline start", ["fn-10", "fn-2"], {
    data: [state("fn-10", "plan"), state("fn-2", "plan")],
    meta: { created: ["fn-10", "fn-2"] },
  });
  await call("pipeline start", ["fn-2"], { data: state("fn-2", "plan"), meta: { created: [] } });
  await call("pipeline advance", ["fn-2", "--from", "plan"], {
    data: state("fn-2", "plan_review"),
  });
  await call("pipeline set", ["fn-10", "close", "--note", "by hand"], {
    data: state("fn-10", "close"),
  });
  await call("pipeline set", ["fn-3", "work"], { data: state("fn-3", "work") });
  await call("pipeline advance", ["fn-10", "--from", "close"], {
    data: state("fn-10", "completed"),
  });
  await call("pipeline list", [], {
    data: [state("fn-2", "plan_review"), state("fn-3", "work"), state("fn-10", "completed")],
    meta: { count: 3 },
  });
  await call("pipeline show", ["fn-3"], { data: state("fn-3", "work") });
});

test("json session: gaps", async (context) => {
  const call = await openJsonSession(context);
  const open = {
    ...{ id: 1, uid: "<uid>", epicId: "fn-1", capability: "Log in", priority: "required" },
    ...{ source: "review", taskId: "fn-1.2", status: "open", evidence: null },
    ...{ createdAt: AT, resolvedAt: null },
  };
  const nice = {
    ...open,
    ...{ id: 2, capability: "Dark mode", priority: "nice-to-have", source: "manual", taskId: null },
  };
  const resolved = { ...open, status: "resolved", evidence: "test/login", resolvedAt: AT };
  await call("gap add", ["fn-1", "Log in", "--source", "review", "--task", "fn-1.2"], {
    data: { gap: open, created: true, reopened: false },
  });
  await call("gap add", ["fn-1", "Dark mode", " log IN ", "--priority", "nice-to-have"], {
    data: [
      { gap: nice, created: true, reopened: false },
      { gap: open, created: false, reopened: false },
    ],
  });
  await call("gap list", ["fn-1"], { data: [open, nice], meta: { count: 2 } });
  await call("gap check", ["fn-1"], {
    exit: 4,
    data: {
      ...{ gate: "fail", total: 2, openBlocking: [open], openNonBlocking: [nice], resolved: [] },
    },
  });
  await call("gap resolve", ["fn-1", "1", "--evidence", "test/login"], {
    data: { gap: resolved, changed: true },
  });
  await call("gap resolve", ["fn-1", "--capability", "log in", "--evidence", "other"], {
    data: { gap: resolved, changed: false },
  });
  await call("gap list", ["fn-1", "--status", "resolved"], {
    data: [resolved],
    meta: { count: 1 },
  });
  await call("gap list", ["fn-1", "--status", "open"], { data: [nice], meta: { count: 1 } });
  await call("gap list", ["fn-2"], { data: [], meta: { count: 0 } });
  await call("gap check", ["fn-1"], {
    data: {
      ...{ gate: "pass", total: 2, openBlocking: [], openNonBlocking: [nice] },
      resolved: [resolved],
    },
  });
  await call("gap add", ["fn-1", "Log in"], {
    data: { gap: open, created: false, reopened: true },
  });
  await call("gap remove", ["fn-1", "2"], { data: nice, meta: { dryRun: false, count: 1 } });
  await call("gap remove", ["fn-1", "--all"], {
    data: [open],
    meta: { dryRun: false, count: 1 },
  });
});

test("json session: decisions", async (context) => {
  const call = await openJsonSession(context);
  const general = {
    ...{ id: "<uid>", epicId: "_global", taskId: null, key: "review", value: "codex" },
    ...{ reason: null, agent: "tester", createdAt: AT },
  };
  const own = {
    ...{ id: "<uid>", epicId: "fn-1", taskId: "fn-1.2", key: "storage", value: "files\nonly" },
    ...{ reason: "git carries them", agent: "ann", createdAt: AT },
  };
  await call("decision log", ["review", "codex"], { data: general });
  await call(
    "decision log",
    [
      ...["storage", "-", "--reason", "git carries them", "--epic", "fn-1", "--task", "fn-1.2"],
      ...["--actor", "ann"],
    ],
    { input: "files\nonly\n", data: own },
  );
  await call("decision list", [], { data: [own, general], meta: { count: 2 } });
  await call("decision list", ["--epic", "_global"], { data: [general], meta: { count: 1 } });
  await call("decision list", ["--epic", "fn-10"], { data: [], meta: { count: 0 } });
});

test("json session: approvals", async (context) => {
  const call = await openJsonSession(context);
  const asked = {
    ...{ id: "<uid>", taskId: "t", kind: "file_access", payload: { files: ["a.ts"] } },
    ...{ status: "pending", createdAt: AT, resolvedAt: null, resolver: null, reason: null },
  };
  const plain = { ...asked, kind: "generic", payload: null };
  const create = ["--task", "t", "--kind", "file_access", "--payload", '{"files":["a.ts"]}'];
  const first = idOf(await call("approval create", create, { data: asked }));
  const second = idOf(await call("approval create", ["--task", "t"], { data: plain }));
  await call("approval list", [], { data: [plain, asked], meta: { count: 2 } });
  const rejected = {
    ...asked,
    ...{ status: "rejected", resolvedAt: AT, resolver: "ann", reason: "too wide" },
  };
  const approved = { ...plain, status: "approved", resolvedAt: AT, resolver: "tester" };
  await call("approval reject", [first, "--reason", "too wide", "--actor", "ann"], {
    data: rejected,
  });
  await call("approval approve", [second], { data: approved });
  await call("approval show", [first, second], { data: [rejected, approved] });
  await call("approval list", ["--status", "rejected"], { data: [rejected], meta: { count: 1 } });
  await call("approval list", ["--status", "pending"], { data: [], meta: { count: 0 } });
  await call("approval wait", [second], { data: approved });
  await call("approval wait", [first], { exit: 4, data: rejected });
  const third = idOf(await call("approval create", ["--task", "t"], { data: plain }));
  await call("approval reject", [third], {
    data: { ...plain, status: "rejected", resolvedAt: AT, resolver: "tester" },
  });
});

test("json session: memory", async (context) => {
  const call = await openJsonSession(context);
  const plain = {
    ...{ id: "<uid>", type: "general", text: "Prices are in cents", tags: [], module: null },
    ...{ severity: null, createdAt: AT, lastVerified: null },
  };
  const full = {
    ...plain,
    ...{ type: "pitfall", text: "Safari drops it", tags: ["auth", "web"], module: "shop" },
    severity: "high",
  };
  const first = idOf(
    await call("memory add", ["Prices are in cents"], { data: plain, meta: { created: true } }),
  );
  await call("memory add", [" Prices are in cents\n"], { data: plain, meta: { created: false } });
  const second = idOf(
    await call(
      "memory add",
      [
        ...["Safari drops it", "--type", "pitfall", "--tag", "auth", "--tag", "web"],
        ...["--module", "shop", "--severity", "high"],
      ],
      { data: full, meta: { created: true } },
    ),
  );
  await call("memory list", [], { data: [full, plain], meta: { count: 2 } });
  await call("memory list", ["--tag", "web"], { data: [full], meta: { count: 1 } });
  await call("memory search", ["cents"], { data: [plain], meta: { count: 1 } });
  await call("memory search", ["c.n|safari", "--regex"], {
    data: [full, plain],
    meta: { count: 2 },
  });
  await call("memory show", [first], { data: plain });
  const verified = { ...full, lastVerified: AT };
  await call("memory verify", [second], { data: verified });
  await call("memory delete", [second, "--dry-run"], { data: verified, meta: { dryRun: true } });
  await call("memory delete", [second], { data: verified, meta: { dryRun: false } });
  await call("memory list", [], { data: [plain], meta: { count: 1 } });
});

test("json session: the scout cache", async (context) => {
  const call = await openJsonSession(context);
  const result = { files: ["a.ts"] };
  await call("scout-cache get", ["repo:1"], { data: { hit: false, key: "repo:1", result: null } });
  await call(
    "scout-cache set",
    ["repo:1", "--result", '{"files":["a.ts"]}', "--type", "repo", "--commit", "1f2e"],
    {
      data: {
        ...{ key: "repo:1", type: "repo", commit: "1f2e", createdAt: AT, expiresAt: AT },
        result,
      },
    },
  );
  await call("scout-cache set", ["k:no-git", "--result", "plain text"], {
    data: {
      ...{ key: "k:no-git", type: null, commit: null, createdAt: AT, expiresAt: AT },
      result: "plain text",
    },
  });
  await call("scout-cache get", ["repo:1"], { data: { hit: true, key: "repo:1", result } });
  await call("scout-cache clear", ["--dry-run"], { data: { cleared: 2 }, meta: { dryRun: true } });
  await call("scout-cache clear", [], { data: { cleared: 2 }, meta: { dryRun: false } });
  await call("scout-cache clear", [], { data: { cleared: 0 }, meta: { dryRun: false } });
});

test("json session: outputs", async (context) => {
  const call = await openJsonSession(context);
  const written = { taskId: "fn-1.2", path: "outputs/fn-1.2.md", bytes: 9 };
  const other = { taskId: "a/b", path: "outputs/a%2fb.md", bytes: 0 };
  await call("output list", [], { data: [], meta: { count: 0 } });
  await call("output write", ["fn-1.2", "--file", "-"], { input: "# Döne\n\n", data: written });
  await call("output write", ["a/b", "--file", "-"], { input: "", data: other });
  await call("output show", ["fn-1.2"], { data: { taskId: "fn-1.2", content: "# Döne\n\n" } });
  await call("output list", [], {
    data: [
      { ...other, updatedAt: AT },
      { ...written, updatedAt: AT },
    ],
    meta: { count: 2 },
  });
  await call("output list", ["--epic", "fn-1", "--limit", "1"], {
    data: [{ ...written, updatedAt: AT }],
    meta: { count: 1 },
  });
});

test("json session: settings", async (context) => {
  const call = await openJsonSession(context);
  await call("setting list", [], { data: [], meta: { count: 0 } });
  await call("setting set", ["size", "3"], { data: { key: "size", value: 3 } });
  await call("setting set", ["name", '"3"'], { data: { key: "name", value: "3" } });
  await call("setting set", ["a/b", "-"], {
    input: '{"deep":[null,"x"]}\n',
    data: { key: "a/b", value: { deep: [null, "x"] } },
  });
  await call("setting set", ["plain", "not JSON"], { data: { key: "plain", value: "not JSON" } });
  await call("setting get", ["a/b"], { data: { key: "a/b", value: { deep: [null, "x"] } } });
  await call("setting list", [], {
    data: [
      { key: "a/b", value: { deep: [null, "x"] } },
      { key: "name", value: "3" },
      { key: "plain", value: "not JSON" },
      { key: "size", value: 3 },
    ],
    meta: { count: 4 },
  });
});

const DOCUMENT = '{\n  "$schema": "../schema/setting.json",\n  "key": "k",\n  "value": 1\n}\n';

test("json session: checkpoints", async (context) => {
  const call = await openJsonSession(context);
  await call("setting set", ["k", "1"], { data: { key: "k", value: 1 } });
  const saved = {
    ...{ name: "a", createdAt: AT, agent: "tester", note: "why", scope: ["settings"] },
    ...{ documents: 1, bytes: Buffer.byteLength(DOCUMENT) },
  };
  const words = ["a", "--scope", "settings", "--note", "why"];
  await call("checkpoint save", [...words, "--dry-run"], { data: saved, meta: { dryRun: true } });
  await call("checkpoint list", [], { data: [], meta: { count: 0 } });
  await call("checkpoint save", words, { data: saved, meta: { dryRun: false } });
  await call("checkpoint show", ["a"], { data: saved });
  await call("checkpoint list", [], { data: [saved], meta: { count: 1 } });
  await call("checkpoint restore", ["a"], {
    data: {
      ...{ checkpoint: saved, saved: null },
      counts: { restored: 0, recreated: 0, deleted: 0, unchanged: 1, left: 0 },
      documents: [{ path: "settings/k.json", change: "unchanged" }],
    },
    meta: { dryRun: false },
  });
  await call("setting set", ["k", "2"], { data: { key: "k", value: 2 } });
  await call("setting set", ["new", "2"], { data: { key: "new", value: 2 } });
  await call("checkpoint restore", ["a", "--dry-run"], {
    data: {
      ...{ checkpoint: saved, saved: null },
      counts: { restored: 1, recreated: 0, deleted: 1, unchanged: 0, left: 0 },
      documents: [
        { path: "settings/k.json", change: "restored" },
        { path: "settings/new.json", change: "deleted" },
      ],
    },
    meta: { dryRun: true },
  });
  await call("checkpoint delete", ["a"], { data: { name: "a" }, meta: { dryRun: false } });
});

test("every command of these groups is called above", () => {
  const commands = Object.keys(REGISTRY).filter((name) =>
    GROUPS.some((group) => name.startsWith(`${group} `)),
  );
  assert.deepEqual([...called].toSorted(), commands.toSorted());
});
