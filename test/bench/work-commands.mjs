/** The command line, whole processes: beside node that does nothing, and a script over SQLite. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { alternate, mustBe } from "./measure.mjs";
import { plan, readyOf } from "./plan.mjs";
import { filled, systemOf } from "./systems.mjs";

const GROUP = "command line";
const SIZE = 1000;
/** The program of the command line. */
export const MAIN = join(import.meta.dirname, "../../dist/bin/main.cjs");
const SCRIPT = join(import.meta.dirname, "child-sqlite-command.mjs");
const NODE = "node -e 0";

export async function run(results, settings) {
  const flowStore = await systemOf("FlowStore");
  const sqlite = await systemOf("SQLite FULL");
  const ready = readyOf(plan(SIZE)).length;
  const folders = {
    plan: await filled(flowStore, plan(SIZE)),
    fresh: await filled(flowStore, plan(SIZE, { fresh: true })),
    sqlitePlan: await filled(sqlite, plan(SIZE)),
    sqliteFresh: await filled(sqlite, plan(SIZE, { fresh: true })),
  };
  const countOf = (text) => JSON.parse(text).data.length;
  const nothing = { name: NODE, act: () => output(["-e", "0"], folders.plan) };
  const compare = async (work, contenders, goals = {}) => {
    const times = await alternate([...contenders, nothing], settings);
    results.compare({ group: GROUP, work, size: SIZE, times, goals, main: [NODE] });
  };

  const checkReady = (text) => mustBe("ready features", countOf(text), ready);
  await compare(
    "flowstore feature ready --json",
    [
      {
        name: "FlowStore",
        act: () => output([MAIN, "feature", "ready", "--json"], folders.plan),
        check: checkReady,
      },
      {
        name: "SQLite script",
        act: () => output([SCRIPT, "ready"], folders.sqlitePlan),
        check: checkReady,
      },
    ],
    { [NODE]: 1.5 },
  );

  let claimed = 0;
  const checkClaim = (text) => mustBe("in progress", JSON.parse(text).data.inProgress, true);
  await compare("flowstore feature claim --json", [
    {
      name: "FlowStore",
      act: (n) => {
        claimed += 1;
        return output([MAIN, "feature", "claim", String(n + 1), "--json"], folders.fresh);
      },
      check: checkClaim,
    },
    {
      name: "SQLite script",
      act: (n) => output([SCRIPT, "claim", String(n + 1)], folders.sqliteFresh),
      check: checkClaim,
    },
  ]);
  const handle = await flowStore.open(folders.fresh);
  mustBe("claims of the command line", (await handle.counts()).claims, claimed);

  let locked = 0;
  await compare("flowstore lock --json", [
    {
      name: "FlowStore",
      act: (n) => {
        locked += 1;
        const words = ["lock", "--task", "fn-1.1", "--files", `src/file-${n}.ts`, "--json"];
        return output([MAIN, ...words], folders.fresh);
      },
      check: (text) => mustBe("locks", countOf(text), 1),
    },
  ]);
  mustBe("locks of the command line", (await handle.store.locks.list()).length, locked);
  await handle.close();
}

/** What a process prints; it must end well. */
export function output(args, cwd) {
  const env = { ...process.env, FLOW_ACTOR: "agent", NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd,
    env,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  mustBe(`exit code of ${args.join(" ")} (${stderr})`, status, 0);
  return stdout;
}
