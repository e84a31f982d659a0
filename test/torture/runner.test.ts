/** The runner says what it found, and ends as it says. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Claim, Task, Verdict } from "./claim.ts";
import type { ClaimId, Load } from "./claims.ts";
import {
  CleanUps,
  EXIT_HELD,
  EXIT_NOT_RUN,
  EXIT_SHORT,
  EXIT_VIOLATED,
  exitCodeOf,
  runClaims,
  table,
  type Outcome,
  type Settings,
} from "./runner.ts";

type Attack = (task: Task) => Promise<Partial<Verdict>>;

function planted(id: string, attack: Attack, needs: Claim["needs"] = []): Load {
  return async () => ({
    ...{ id, title: `claim ${id}`, needs, goals: { short: 10, release: 100 } },
    attack: async (task) => {
      const found = await attack(task);
      return { tried: task.goal, unit: "tries", violations: [], notes: [], ...found };
    },
  });
}

interface Ran {
  readonly outcomes: Outcome[];
  readonly text: string;
}

async function run(
  claims: Partial<Record<ClaimId, Load>>,
  changed: Partial<Settings> = {},
): Promise<Ran> {
  const lines: string[] = [];
  const only = Object.keys(claims) as ClaimId[];
  const settings: Settings = { only, seed: 7, size: "short", budgetMs: Infinity, ...changed };
  const speaker = { say: (line: string) => void lines.push(line), progress: () => undefined };
  const lacks = (needs: readonly string[]): string[] => needs.map((need) => `${need} (lost)`);
  const outcomes = await runClaims(claims, settings, speaker, new CleanUps(), lacks);
  return { outcomes, text: [...lines, ...table(outcomes)].join("\n") };
}

const holds = planted("C1", async () => ({ notes: ["all quiet"] }));

test("what held says what was tried, how long it took, and what repeats it", async () => {
  const { outcomes, text } = await run({ C1: holds });
  assert.match(text, /10 tries of 10 in \d+\.\d s: held\n    all quiet\n/);
  assert.match(text, /repeat: npm run torture -- --only C1 --seed 7\n/);
  assert.match(text, /1 held, 0 short of their goal, 0 did not hold\n0 not run$/);
  assert.equal(exitCodeOf(outcomes), EXIT_HELD);
});

test("a release has its own goals, and its command says so", async () => {
  const { text } = await run({ C1: holds }, { size: "release" });
  assert.match(text, /100 tries of 100 .*--only C1 --seed 7 --release\n/s);
});

test("violations are shown, and decide the end", async () => {
  const violations = Array.from({ length: 25 }, (_, index) => `wrong ${index}`);
  const bad = planted("C2", async () => ({ violations }));
  const { outcomes, text } = await run({ C1: holds, C2: bad, C3: null });
  assert.match(
    text,
    /25 VIOLATIONS\n    VIOLATION: wrong 0\n.*VIOLATION: wrong 19\n    and 5 more/s,
  );
  assert.match(text, /1 held, 0 short of their goal, 1 did not hold\n1 not run$/);
  assert.equal(exitCodeOf(outcomes), EXIT_VIOLATED);
});

test("an attack that breaks off did not hold, and the others go on", async () => {
  const broken = planted("C1", async () => {
    throw new Error("out of memory");
  });
  const { outcomes, text } = await run({ C1: broken, C2: planted("C2", async () => ({})) });
  assert.match(text, /BROKE OFF: Error: out of memory/);
  assert.deepEqual(
    outcomes.map(({ fate }) => fate),
    ["broke off", "held"],
  );
  assert.equal(exitCodeOf(outcomes), EXIT_VIOLATED);
});

test("what did not reach its goal is not taken for shown", async () => {
  const { outcomes, text } = await run({ C1: planted("C1", async () => ({ tried: 9 })) });
  assert.match(text, /9 tries of 10 .*the goal was not reached/);
  assert.equal(exitCodeOf(outcomes), EXIT_SHORT);
});

test("a part that there was no time for is said, and the goal is not reached", async () => {
  const { outcomes, text } = await run({ C4: planted("C4", async () => ({ untried: ["xfs"] })) });
  assert.match(text, /10 tries of 10 .*the goal was not reached\n {4}not tried: xfs/);
  assert.equal(exitCodeOf(outcomes), EXIT_SHORT);
});

test("what cannot run here is said, and counts as not run", async () => {
  const needy = planted("C4", async () => ({}), ["root", "loop devices"]);
  const { outcomes, text } = await run({ C1: holds, C4: needy, C8: null });
  assert.match(text, /C4  NOT RUN: needs root \(lost\), loop devices \(lost\)/);
  assert.match(text, /C8  NOT RUN: nobody has written its attack/);
  assert.match(text, /1 held, 0 short of their goal, 0 did not hold\n2 not run$/);
  assert.equal(exitCodeOf(outcomes), EXIT_NOT_RUN);
});

test("a budget is shared, and what an attack holds is let go of, whatever happens", async () => {
  const deadlines: number[] = [];
  const gone: string[] = [];
  const attack: Attack = async ({ deadline, cleanUp }) => {
    deadlines.push(deadline - performance.now());
    cleanUp(() => gone.push("first"));
    cleanUp(() => gone.push("second"));
    if (deadlines.length === 1) throw new Error("broken");
    return {};
  };
  await run({ C1: planted("C1", attack), C2: planted("C2", attack) }, { budgetMs: 1000 });
  assert.deepEqual(gone, ["second", "first", "second", "first"]);
  const [first = 0, second = 0] = deadlines;
  assert.ok(first > 400 && first <= 500, `${first} ms for the first`);
  assert.ok(second > 800 && second <= 1000, `${second} ms for the second`);
});
