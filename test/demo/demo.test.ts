/** The demo as a user runs it: a process, its output, its exit code, and what it leaves behind. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, test } from "node:test";

const BIN = resolve(import.meta.dirname, "../../../dist/bin/main.cjs");

/** The promise of the README is 30 s; a machine busy with other tests gets twice that. */
const TIMEOUT_MS = 60_000;

const temporary = mkdtempSync(join(tmpdir(), "flowstore-demo-test-"));
after(() => rmSync(temporary, { recursive: true, force: true }));

/** A user whose git settings would break whoever relied on them; all temporary files stay here. */
function environment(name: string): NodeJS.ProcessEnv {
  const home = mkdtempSync(join(temporary, `${name}-`));
  writeFileSync(
    join(home, ".gitconfig"),
    "[commit]\n\tgpgsign = true\n[gpg]\n\tprogram = false\n[user]\n\tuseConfigOnly = true\n" +
      "[core]\n\tautocrlf = true\n\thooksPath = /nowhere\n[init]\n\tdefaultBranch = other\n",
  );
  const { NODE_TEST_CONTEXT: _context, ...rest } = process.env;
  return { ...rest, HOME: home, USERPROFILE: home, TMPDIR: home, TEMP: home, TMP: home };
}

function leftIn(env: NodeJS.ProcessEnv): string[] {
  return readdirSync(env["TMPDIR"] ?? "").filter((name) => name.startsWith("flowstore-demo-"));
}

function demo(
  env: NodeJS.ProcessEnv,
  ...args: readonly string[]
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [BIN, "demo", ...args], {
    env,
    encoding: "utf8",
    timeout: TIMEOUT_MS,
  });
}

interface Envelope {
  readonly ok: boolean;
  readonly command: string;
  readonly data: {
    readonly folder: string;
    readonly durationMs: number;
    readonly killed: { readonly agent: string; readonly featureId: number };
    readonly proof: Readonly<Record<string, unknown>> & {
      readonly problems: readonly string[];
      readonly takeover: { readonly featureId: number; readonly from: string; readonly to: string };
    };
    readonly shown: readonly { readonly command: string; readonly output: string[] | null }[];
  };
}

describe("flowstore demo", () => {
  test("proves by one JSON document that nothing was lost or done twice", () => {
    const env = environment("json");
    const { status, stdout, stderr } = demo(env, "--json");
    assert.equal(stderr, "");
    const { ok, command, data } = JSON.parse(stdout) as Envelope;
    const { proof, killed, folder, durationMs, shown } = data;
    assert.deepEqual([ok, command, proof.problems], [true, "demo", []]);
    assert.equal(status, 0);
    for (const key of ["features", "passing", "passedOnce"]) assert.equal(proof[key], 72, key);
    for (const key of ["heldByTwo", "heldByTwoByClock", "passedTooEarly", "lost", "unexplained"]) {
      assert.equal(proof[key], 0, key);
    }
    assert.ok(Number(proof["claims"]) > 72, "some work failed and was claimed again");
    assert.ok(Number(proof["leasesExpired"]) >= 1);
    assert.equal(proof.takeover.featureId, killed.featureId);
    assert.equal(proof.takeover.from, killed.agent);
    assert.notEqual(proof.takeover.to, killed.agent);
    assert.ok(durationMs < 30_000, `${durationMs} ms`);
    assert.ok(shown.some((look) => look.command.startsWith("cat ") && look.output !== null));
    assert.ok(!existsSync(folder));
    assert.deepEqual(leftIn(env), []);
  });

  test("tells in plain lines what happens, and keeps the folder when asked", () => {
    const env = environment("text");
    const { status, stdout, stderr } = demo(env, "--agents", "2", "--seed", "7", "--keep");
    assert.equal(stderr, "");
    assert.equal(status, 0, stdout);
    assert.ok(!stdout.includes("\x1b"), "no control sequences in a pipe");
    assert.match(stdout, /was killed by kill -9/);
    assert.match(stdout, /\d+ in progress/);
    assert.match(stdout, /72 of 72 features pass; 72 were passed exactly once/);
    assert.match(stdout, /0 of \d+ acknowledged changes are missing/);
    assert.match(stdout, /\$ cat \.flow\/features\/\d+-\*\.json\n {2}\{/);
    assert.match(stdout, /\$ git diff --stat\n/);

    const [name] = leftIn(env);
    assert.ok(name !== undefined && stdout.includes(name));
    const git = (...args: string[]): string =>
      execFileSync("git", args, {
        cwd: join(env["TMPDIR"] ?? "", name),
        env,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    assert.equal(git("log", "--format=%s"), "Built: 72 features\nPlan: 72 features\n");
    assert.equal(git("branch", "--show-current"), "main\n");
    assert.match(git("diff", "--stat"), /\.flow\/features\/\d+-.*2 files changed/s);
  });

  test("leaves nothing behind when it is interrupted", async () => {
    const env = environment("interrupt");
    const child = spawn(process.execPath, [BIN, "demo"], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let isInterrupted = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      // Once: a second interruption means "at once".
      if (isInterrupted || !output.includes("agents started")) return;
      isInterrupted = child.kill("SIGINT");
    });
    const [code] = (await once(child, "close")) as [number | null];
    assert.equal(code, 130, output);
    assert.deepEqual(leftIn(env), []);
    const agents = /as processes ([\d, ]+)/.exec(output)?.[1]?.split(", ") ?? [];
    assert.equal(agents.length, 4);
    for (const pid of agents) assert.throws(() => process.kill(Number(pid), 0), /ESRCH/);
  });

  test("says so when git is missing, and leaves nothing behind", () => {
    const env = { ...environment("no-git"), PATH: "/nowhere" };
    const { status, stdout, stderr } = demo(env);
    assert.equal(status, 7);
    assert.equal(stdout, "");
    assert.match(stderr, /Cannot run git: there is no such command/);
    assert.deepEqual(leftIn(env), []);
  });

  test("refuses a number of agents that proves nothing", () => {
    for (const agents of ["0", "1", "17", "many"]) {
      const { status, stderr } = demo(environment("count"), "--agents", agents);
      assert.equal(status, 2, agents);
      assert.match(stderr, /agents/);
    }
  });
});
