/** `flowstore approval`, as people and programs call it. */
import assert from "node:assert/strict";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { list, one, openStoreShell, outcomeOf, start, type Outcome } from "../cli/support.ts";
import { until } from "../features/support.ts";
import { openSession } from "./session.ts";

test("session: one asks, another decides", async (context) => {
  const { folder, step } = await openSession(context);
  await step(["approval", "list"], { stdout: ["No approvals"] });
  const asked = ["approval", "create", "--task", "fn-1.2"];
  const first = await step([...asked, "--kind", "file_access", "--payload", '{"files":["a.ts"]}'], {
    stdout: ["<uid>"],
  });
  writeFileSync(join(folder, "split.json"), '{"type":"split"}');
  const second = await step([...asked, "--kind", "mutation", "--payload", "@split.json"], {
    stdout: ["<uid>"],
  });
  const third = await step([...asked, "--payload", "-", "--note", "x"], {
    input: "[1]",
    stdout: ["<uid>"],
  });
  await step(["approval", "list", "--status", "pending"], {
    stdout: [
      "STATUS   ID                          KIND         TASK    CREATED                   BY  REASON",
      "pending  <uid>  generic      fn-1.2  <time>",
      "pending  <uid>  mutation     fn-1.2  <time>",
      "pending  <uid>  file_access  fn-1.2  <time>",
    ],
  });
  await step(["approval", "wait", third, "--timeout", "60ms"], {
    exit: 8,
    stderr: [
      "flowstore: Cannot wait longer for approval <uid>: it is still pending",
      "  Wait again, or go on without it.",
    ],
  });
  await step(["approval", "approve", first, "--actor", "ann"], {
    stdout: ["Approval <uid> of fn-1.2: approved by ann"],
  });
  await step(["approval", "reject", second.toLowerCase(), "--reason", "Too wide"], {
    stdout: ["Approval <uid> of fn-1.2: rejected by tester: Too wide"],
  });
  await step(["approval", "reject", first, "--actor", "bob"], {
    exit: 5,
    stderr: [
      "flowstore: Cannot reject approval <uid>: it was approved by ann at <time>",
      "  A decision is final. Create another approval to ask again.",
    ],
  });
  await step(["approval", "wait", first], {
    stdout: ["Approval <uid> of fn-1.2: approved by ann"],
  });
  await step(["approval", "wait", second], {
    exit: 4,
    stdout: ["Approval <uid> of fn-1.2: rejected by tester: Too wide"],
  });
  await step(["approval", "wait", second, "--quiet"], { exit: 4 });
  await step(["approval", "list"], {
    stdout: [
      "STATUS    ID                          KIND         TASK    CREATED                   BY      REASON",
      "pending   <uid>  generic      fn-1.2  <time>",
      "rejected  <uid>  mutation     fn-1.2  <time>  tester  Too wide",
      "approved  <uid>  file_access  fn-1.2  <time>  ann",
    ],
  });
  await step(["approval", "show", first], {
    stdout: [
      "id: <uid>",
      "taskId: fn-1.2",
      "kind: file_access",
      "payload:",
      "  files:",
      "    0: a.ts",
      "status: approved",
      "createdAt: <time>",
      "resolvedAt: <time>",
      "resolver: ann",
      "reason: null",
    ],
  });
  await step(["approval", "show", "nobody"], {
    exit: 3,
    stderr: ['flowstore: There is no approval "nobody"'],
  });
  await step(["approval", "create"], {
    exit: 2,
    stderr: ["flowstore: Say which task asks: give --task"],
  });
  await step(["approval", "create", "--task", "t", "--payload", "{"], {
    exit: 2,
    stderr: [
      "flowstore: The payload is not JSON",
      "  A text stands in double quotes, such as '\"yes\"'.",
    ],
  });
  await step(["approval", "create", "--task", "t", "--kind", "other"], {
    exit: 2,
    stderr: ['flowstore: "other" is not a kind: expected one of file_access, mutation, generic'],
  });
});

test("session: several at once, all or none", async (context) => {
  const { step, json } = await openSession(context);
  const ids: string[] = [];
  for (const task of ["a", "b", "c"])
    ids.push(await step(["approval", "create", "--task", task], { stdout: ["<uid>"] }));
  const [a = "", b = "", c = ""] = ids;
  await step(["approval", "approve", b], { stdout: ["Approval <uid> of b: approved by tester"] });
  const { exit, error } = await json(["approval", "approve", a, b]);
  assert.deepEqual([exit, error.code, error.context["status"]], [5, "CONFLICT", "approved"]);
  assert.equal(one(await json(["approval", "show", a]))["status"], "pending");
  await step(["approval", "reject", "-"], {
    input: `${a}\n${c}\n`,
    stdout: ["Approval <uid> of a: rejected by tester", "Approval <uid> of c: rejected by tester"],
  });
  const shown = list(await json(["approval", "show", a, b, c]));
  assert.deepEqual(
    shown.map(({ status }) => status),
    ["rejected", "approved", "rejected"],
  );
  await step(["approval", "approve", "-"], {
    exit: 2,
    stderr: ["flowstore: Standard input held no ID"],
  });
});

// Of the old system, a caller in a pipe saw no `success` and no time of creation.
test("in a pipe everything is there", async (context) => {
  const { json } = await openStoreShell(context);
  const made = await json(["approval", "create", "--task", "t", "--payload", '{"x":null}']);
  assert.deepEqual([made.ok, made.command, made.exit], [true, "approval create", 0]);
  const approval = one(made);
  assert.deepEqual(Object.keys(approval), [
    ...["id", "taskId", "kind", "payload", "status", "createdAt"],
    ...["resolvedAt", "resolver", "reason"],
  ]);
  assert.deepEqual([approval["kind"], approval["payload"]], ["generic", { x: null }]);
  assert.deepEqual((await json(["approval", "list"])).data, [approval]);
  assert.deepEqual((await json(["approval", "show", String(approval["id"])])).data, approval);
  const timedOut = await json(["approval", "wait", String(approval["id"]), "--timeout", "50ms"]);
  assert.deepEqual(
    [timedOut.exit, timedOut.error.code, timedOut.error.retryable],
    [8, "TIMEOUT", true],
  );
});

test("wait ends when another command decides, and when it is interrupted", async (context) => {
  const { folder, run, json } = await openStoreShell(context);
  const ask = async (): Promise<string> =>
    String(one(await json(["approval", "create", "--task", "t"]))["id"]);
  const waitFor = async (id: string): Promise<{ pid: number; ended: Promise<Outcome> }> => {
    const child = start(folder, ["approval", "wait", id, "--json"]);
    const pid = child.pid ?? 0;
    await until(() => hasLooked(pid), 30_000);
    return { pid, ended: outcomeOf(child) };
  };
  const first = await ask();
  const decided = await waitFor(first);
  await run(["approval", "approve", first, "--actor", "ann"]);
  const { exit, stdout } = await decided.ended;
  assert.equal(exit, 0);
  assert.equal((JSON.parse(stdout) as { data: { resolver: string } }).data.resolver, "ann");

  const second = await ask();
  const interrupted = await waitFor(second);
  process.kill(interrupted.pid, "SIGINT");
  const outcome = await interrupted.ended;
  assert.equal(outcome.exit, 130);
  assert.equal((JSON.parse(outcome.stdout) as { error: { code: string } }).error.code, "ABORTED");
  assert.equal(one(await json(["approval", "show", second]))["status"], "pending");
});

/** Whether a command has its store open: it has looked, and waits. */
function hasLooked(pid: number): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).includes("/local/journal/");
    } catch (error) {
      // Closed since it was listed.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
  });
}
