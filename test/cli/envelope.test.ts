/** Every command, once for programs and once for people. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fromJSONSchema, type ZodType } from "zod";
import { FlowStore } from "flowstore";
import { commandHelp } from "#src/cli/help.js";
import { REGISTRY } from "#src/cli/registry.js";
import { schemaNamed, schemaOfCommand } from "#src/cli/schemas.js";
import { list, one, openShell, openStoreShell, type Shell, type Thing } from "./support.ts";

/** Ids of documents that {@link prepare} makes by hand. */
const ASKED = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const ALSO_ASKED = "01ARZ3NDEKTSV4RRFFQ69G5FAW";
const LEARNT = "01ARZ3NDEKTSV4RRFFQ69G5FAX";

/** A call of each command that goes well after {@link prepare}; in this order. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  init: [],
  status: [],
  "feature create": ["Four", "--depends", "1"],
  "feature list": ["--limit", "2"],
  "feature show": ["1", "2"],
  "feature ready": [],
  "feature blocked": [],
  "feature next": [],
  "feature claim": ["--next", "--lease", "30m"],
  "feature renew": ["1", "--lease", "1h"],
  "feature release": ["1"],
  "feature start": ["1"],
  "feature pass": ["1", "2"],
  "feature fail": ["2"],
  "feature skip": ["2"],
  "feature update": ["2", "--set", "name=New"],
  "feature dep add": ["2", "1"],
  "feature dep rm": ["2", "1"],
  "feature dep set": ["2", "1", "3"],
  "feature graph": [],
  "feature stats": [],
  "feature history": ["1"],
  "phase done": ["fn-1.2", "1", "2"],
  "phase list": ["fn-1.2", "--sequence", "M"],
  "phase next": ["fn-1.2", "--sequence", "M"],
  "phase reset": ["fn-1.2"],
  "pipeline start": ["fn-1"],
  "pipeline show": ["fn-1"],
  "pipeline list": [],
  "pipeline advance": ["fn-1", "--from", "plan"],
  "pipeline set": ["fn-1", "work"],
  "gap add": ["fn-1", "Log in", "Log out"],
  "gap list": ["fn-1"],
  "gap resolve": ["fn-1", "1", "2", "--evidence", "test/login"],
  "gap check": ["fn-1"],
  "gap remove": ["fn-1", "--all"],
  "decision log": ["storage", "files", "--epic", "fn-1"],
  "decision list": [],
  lock: ["--task", "fn-1.2", "--files", "src/cart.ts,docs/"],
  heartbeat: ["--task", "fn-1.2"],
  locks: ["src"],
  unlock: ["--task", "fn-1.2", "--files", "src/cart.ts"],
  "approval create": ["--task", "fn-1.2", "--payload", '{"files":["a.ts"]}'],
  "approval list": ["--status", "pending"],
  "approval show": [ASKED, ALSO_ASKED],
  "approval approve": [ASKED],
  "approval reject": [ALSO_ASKED, "--reason", "Too wide"],
  "approval wait": [ASKED],
  "memory add": ["The cookie is lost", "--tag", "auth"],
  "memory list": [],
  "memory show": [LEARNT],
  "memory search": ["cookie"],
  "memory verify": [LEARNT],
  "memory delete": [LEARNT],
  "scout-cache set": ["repo:4f2a91c", "--result", '{"files":12}'],
  "scout-cache get": ["repo:4f2a91c"],
  "scout-cache clear": [],
  "output write": ["fn-1.2", "--file", "plan.json"],
  "output show": ["fn-1.2"],
  "output list": ["--epic", "fn-1"],
  "setting set": ["review", "codex"],
  "setting get": ["review"],
  "setting list": [],
  "checkpoint save": ["before", "--scope", "settings,gaps"],
  "checkpoint list": [],
  "checkpoint show": ["before"],
  "checkpoint restore": ["before"],
  "checkpoint delete": ["before"],
  "workflow list": ["--status", "running", "--workflow", "order"],
  "workflow show": ["order-7"],
  "workflow history": ["order-7"],
  "workflow signal": ["order-7", "approve", "--payload", '{"by":"ann"}'],
  "workflow cancel": ["order-7"],
  "workflow retry": ["order-7"],
  "workflow gc": ["--older-than", "1h", "--status", "completed"],
  events: ["--limit", "3"],
  "events replay": ["epic:fn-1"],
  "events archive": ["--dry-run"],
  "events verify": [],
  "blob put": ["plan", "--file", "plan.json", "--type", "application/json"],
  "blob list": [],
  "blob stat": ["plan"],
  "blob get": ["plan", "--output", "copy.json"],
  "blob verify": [],
  "blob remove": ["plan"],
  "blob gc": [],
  query: ["SELECT id FROM workflows"],
  export: [],
  import: ["plan.json"],
  check: [],
  repair: ["--dry-run"],
  schema: ["envelope"],
  "feature delete": ["3", "--dry-run"],
};

/** What has tests of its own. */
const ELSEWHERE: ReadonlySet<string> = new Set(["demo", "watch"]);

async function prepare({ folder, run }: Shell): Promise<void> {
  await writeFile(join(folder, "plan.json"), '[{"name":"Imported"}]');
  const createdAt = "2026-11-21T10:00:00.000Z";
  for (const id of [ASKED, ALSO_ASKED]) {
    const approval = { id, taskId: "fn-1.2", kind: "generic", status: "pending", createdAt };
    await writeDocument(folder, "approvals", approval);
  }
  await writeDocument(folder, "memory", { id: LEARNT, text: "Prices are in cents", createdAt });
  await prepareWorkflow(folder);
  const input = '[{"name":"One"},{"name":"Two","dependencies":[{"index":0}]},{"name":"Three"}]';
  assert.equal((await run(["feature", "create", "--from-json", "-"], { input })).exit, 0);
}

/** An execution amid its second step. */
async function prepareWorkflow(folder: string): Promise<void> {
  const store = await FlowStore.open(folder);
  const at = "2026-11-21T10:00:00.000Z";
  const execution = { workflowExecutionId: "order-7", workflowId: "wf-order" };
  const workflow = { workflowId: "wf-order", workflowType: "order", createdAt: at };
  const times = { createdAt: at, updatedAt: at };
  await store.workflows.createIfAbsent({ ...execution, ...times }, { workflow });
  const row = { ...execution, stepIndex: 0, stepName: "reserve", startedAt: at };
  const timer = { ...execution, workflowTimerId: "timer-order-7-1", stepName: "rest", ...times };
  const lease = await store.workflows.claimExecution("order-7", { owner: "engine" });
  await store.workflows.advance("order-7", {
    to: "RUNNING",
    checkpoints: [{ ...row, status: "COMPLETED", completedAt: at }],
    timers: [{ ...timer, fireAt: at }],
  });
  await store.workflows.releaseClaim("order-7", lease.token);
  await store.close();
}

async function writeDocument(
  folder: string,
  kind: string,
  document: Thing & { id: string },
): Promise<void> {
  await mkdir(join(folder, ".flow", kind), { recursive: true });
  const name = `${document.id.toLowerCase()}.json`;
  await writeFile(join(folder, ".flow", kind, name), JSON.stringify(document));
}

test("every command is called here or has tests of its own", () => {
  const known = Object.keys(REGISTRY).filter((name) => !ELSEWHERE.has(name));
  assert.deepEqual(Object.keys(CALLS).sort(), known.sort());
});

test("with --json each command prints one document, as its schema says", async (context) => {
  const shell = await openStoreShell(context);
  await prepare(shell);
  for (const [name, words] of Object.entries(CALLS)) {
    const { exit, stdout, stderr } = await shell.run([...name.split(" "), ...words, "--json"]);
    assert.equal(exit, 0, `${name}: ${stdout}${stderr}`);
    assert.equal(stderr, "", name);
    assert.equal(stdout.split("\n").length, 2, `${name}: one line and its end`);
    const command = await REGISTRY[name]?.load();
    assert.ok(command);
    const document: unknown = JSON.parse(stdout);
    assert.equal((document as { command: string }).command, name);
    assertFits(schemaOfCommand(name, command), document, name);
  }
});

test("without --json each command prints text, and --quiet only what was asked for", async (context) => {
  const shell = await openStoreShell(context);
  await prepare(shell);
  for (const [name, words] of Object.entries(CALLS)) {
    const { exit, stdout, stderr } = await shell.run([...name.split(" "), ...words]);
    assert.equal(exit, 0, `${name}: ${stderr}`);
    assert.equal(stderr, "", name);
    assert.ok(stdout.length > 1 && stdout.endsWith("\n") && !stdout.includes("\x1b"), name);
  }
  assert.equal((await shell.run(["feature", "pass", "2", "--quiet"])).stdout, "");
  assert.notEqual((await shell.run(["feature", "list", "--quiet"])).stdout, "");
});

test("every command explains itself, to people and to programs", async () => {
  const schema = schemaNamed("command");
  assert.ok(schema);
  for (const [name, { summary, load }] of Object.entries(REGISTRY)) {
    const { text, data } = commandHelp(name, await load());
    assert.equal(text.split("\n")[0], summary);
    assert.match(text, /\nExamples:\n {2}flowstore /, name);
    assert.match(text, /\nData \(--json\):\n/, name);
    for (const line of text.split("\n")) assert.ok(line.length <= 110, `${name}: ${line}`);
    assertFits(schema, data, name);
  }
});

test("help is there for everything, a group and a command, without a store", async (context) => {
  const { run, json } = await openShell(context);
  for (const words of [[], ["--help"], ["feature"], ["feature", "dep", "--help"]]) {
    const { exit, stdout } = await run(words);
    assert.equal(exit, 0);
    assert.match(stdout, /\nCommands:\n/);
  }
  assert.match((await run(["feature", "claim", "--help"])).stdout, /^Take a feature/);
  assert.equal(one(await json(["feature", "claim", "--help"]))["command"], "feature claim");
});

test("the version is the package's", async (context) => {
  const { json, run } = await openStoreShell(context);
  assert.match((await run(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
  assert.match(String(one(await json(["--version"]))["version"]), /^\d+\.\d+\.\d+$/);
});

test("one ID gives the feature, several give a list", async (context) => {
  const shell = await openStoreShell(context);
  await prepare(shell);
  assert.equal(one(await shell.json(["feature", "show", "2"]))["id"], 2);
  assert.deepEqual(
    list(await shell.json(["feature", "show", "2", "1"])).map(({ id }) => id),
    [2, 1],
  );
});

test("next shows what claim --next takes, and says why there is nothing", async (context) => {
  const shell = await openStoreShell(context);
  const none = async (): Promise<unknown> => {
    const [shown, claimed] = [
      await shell.json(["feature", "next"]),
      await shell.json(["feature", "claim", "--next"]),
    ];
    assert.deepEqual([shown.exit, shown.data, claimed.exit, claimed.data], [0, null, 0, null]);
    assert.equal(shown.meta["reason"], claimed.meta["reason"]);
    return shown.meta["reason"];
  };
  assert.equal(await none(), "empty");
  await prepare(shell);
  for (let left = 2; left > 0; left -= 1) {
    const shown = await shell.json(["feature", "next"]);
    const claimed = await shell.json(["feature", "claim", "--actor", "ann"]);
    assert.equal(one(shown)["id"], one(claimed)["id"]);
    assert.equal((one(claimed)["claim"] as { agent: string }).agent, "ann");
  }
  assert.equal(await none(), "blocked");
  await shell.run(["feature", "pass", "1"]);
  await shell.run(["feature", "claim", "2"]);
  assert.equal(await none(), "all_claimed");
  await shell.run(["feature", "pass", "2", "3"]);
  assert.equal(await none(), "all_passing");
  const other = await shell.json(["feature", "next", "--category", "none such"]);
  assert.equal(other.meta["reason"], "empty");
});

test("who acts: --actor, else FLOW_ACTOR; through what: cli", async (context) => {
  const { run, json } = await openStoreShell(context);
  await run(["feature", "create", "A"], { env: { FLOW_ACTOR: "env" } });
  await run(["feature", "pass", "1", "--actor", "flag"], { env: { FLOW_ACTOR: "env" } });
  assert.deepEqual(
    list(await json(["feature", "history", "1"])).map(({ agent, source }) => [agent, source]),
    [
      ["env", "cli"],
      ["flag", "cli"],
    ],
  );
});

test("a list goes on where the page before ended", async (context) => {
  const shell = await openStoreShell(context);
  await prepare(shell);
  const first = await shell.json(["feature", "list", "--limit", "2"]);
  assert.deepEqual([list(first).length, first.meta["count"]], [2, 2]);
  const after = String(first.meta["next"]);
  const second = await shell.json(["feature", "list", "--limit", "2", "--after", after]);
  assert.deepEqual([list(second).length, second.meta["next"]], [1, null]);
});

test("events of one feature, one type, one agent, one time", async (context) => {
  const shell = await openStoreShell(context);
  await prepare(shell);
  await shell.run(["feature", "claim", "1", "--actor", "ann"]);
  const types = async (...words: string[]): Promise<unknown[]> => {
    return list(await shell.json(["events", ...words])).map(({ type }) => type);
  };
  assert.deepEqual(await types("--feature", "1"), ["created", "claimed"]);
  assert.deepEqual(await types("--type", "claimed"), ["claimed"]);
  assert.deepEqual(await types("--agent", "ann"), ["claimed"]);
  assert.deepEqual(await types("--limit", "1"), ["claimed"]);
  assert.deepEqual(await types("--since", "2999-01-01"), []);
  assert.deepEqual(await types("--until", "2000-01-01T00:00:00Z"), []);
  assert.equal((await shell.json(["events", "--feature", "99"])).error.code, "NOT_FOUND");
});

test("graphs for other programs", async (context) => {
  const shell = await openStoreShell(context);
  await prepare(shell);
  assert.match(
    (await shell.run(["feature", "graph", "--format", "dot"])).stdout,
    /^digraph .*f1 -> f2;/s,
  );
  assert.match(
    (await shell.run(["feature", "graph", "--format", "mermaid"])).stdout,
    /f1 --> f2\n/,
  );
  assert.equal(one(await shell.json(["feature", "graph", "--format", "dot"]))["format"], "dot");
  assert.deepEqual(list(await shell.json(["feature", "graph"]))[0]?.["dependents"], [2]);
});

function assertFits(schema: object, value: unknown, name: string): void {
  const type: ZodType = fromJSONSchema(schema as Parameters<typeof fromJSONSchema>[0]);
  const { success, error } = type.safeParse(value);
  assert.ok(success, `${name}: ${JSON.stringify(error?.issues)}`);
}
