/**
 * Attacks one claim with the engine that lies here: `attack.worker.js CLAIM GOAL [SEED]`. Ends with 1
 * as soon as it is known not to hold.
 */
import { CLAIMS, type ClaimId } from "./claims.ts";

/** Nobody waits for longer. */
const LONGEST_MS = 280_000;

const [id = "", goal = "", seed = "1"] = process.argv.slice(2);
const load = CLAIMS[id as ClaimId];
if (load === null || load === undefined) throw new Error(`there is no attack on ${id}`);
const claim = await load();
const acts: (() => void)[] = [];
const { violations } = await claim.attack({
  size: "short",
  goal: Number(goal),
  seed: Number(seed),
  deadline: performance.now() + LONGEST_MS,
  progress: () => undefined,
  cleanUp: (act) => void acts.push(act),
});
for (const act of acts.toReversed()) act();
for (const violation of violations) console.error(violation);
process.exit(violations.length === 0 ? 0 : 1);
