import assert from "node:assert/strict";
import { test } from "node:test";
import { SESSIONS } from "./sessions.ts";
import { masked, openShell } from "./support.ts";

for (const { name, steps } of SESSIONS) {
  test(`session: ${name}`, async (context) => {
    const { folder, run } = await openShell(context);
    for (const step of steps) {
      const options = {
        ...(step.input === undefined ? {} : { input: step.input }),
        ...(step.env === undefined ? {} : { env: step.env }),
      };
      const outcome = await run(step.run, options);
      const typed = `flowstore ${step.run.join(" ")}`;
      assert.equal(outcome.exit, step.exit, `${typed}\n${outcome.stderr}`);
      for (const stream of ["stdout", "stderr"] as const) {
        const expected = step[stream];
        if (expected !== undefined) {
          assert.deepEqual(
            linesOf(masked(outcome[stream], folder)),
            expected,
            `${typed}: ${stream}`,
          );
        }
      }
    }
  });
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
