/** Many processes want the same features: each is claimed by one, and logged once. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { FlowStore } from "flowstore";
import type { Scope } from "../at-end.ts";
import { Child, temporaryFolder } from "./store-children.ts";
import { eventLines } from "./store-files.ts";
import { Readers, type Seen } from "./store-readers.ts";

export interface Race {
  readonly features: number;
  readonly processes: number;
}

export interface Raced {
  readonly seconds: number;
  /** How often somebody else was faster. */
  readonly conflicts: number;
  /** What a reader saw meanwhile. */
  readonly seen: Seen;
}

/** Of so many processes these take the dear way: each looks at all features under the guard. */
const BY_NEXT = 2;
/** Two and two of these share their order, so that they race for every feature. */
const IN_PAIRS = 12;

/** Lets processes claim features until none is left. Fails unless each has exactly one winner. */
export async function claimAll(scope: Scope, { features, processes }: Race): Promise<Raced> {
  const project = temporaryFolder(scope);
  const store = await FlowStore.init(project);
  await store.features.createBulk(
    Array.from({ length: features }, (_, index) => ({ name: `F ${index}` })),
  );
  const readers = await Readers.start(scope, project);
  const children = Array.from({ length: processes }, (_, index) => {
    const way = index < BY_NEXT ? "next" : "each";
    const seed = index < IN_PAIRS ? index >> 1 : index;
    const args = [project, `agent-${index}`, way, String(seed), String(features)];
    return Child.start(scope, "store-claims", args);
  });
  await Promise.all(children.map((child) => child.next((line) => line === "ready")));

  const started = performance.now();
  const reports = await Promise.all(children.map(reportOf));
  const seconds = (performance.now() - started) / 1000;
  const seen = await readers.stop();

  const claimed = reports.flatMap((report) => report.claimed);
  assert.equal(claimed.length, features);
  assert.equal(new Set(claimed).size, features);
  const holders = new Map(
    (await store.features.getAll()).map(({ id, claim }) => [id, claim?.agent]),
  );
  for (const [index, report] of reports.entries()) {
    for (const id of report.claimed) assert.equal(holders.get(id), `agent-${index}`);
  }

  const events = await store.events.query();
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    Array.from({ length: 2 * features }, (_, index) => index + 1),
  );
  const claims = events.filter(({ type }) => type === "claimed");
  assert.equal(claims.length, features);
  assert.equal(new Set(claims.map(({ stream }) => stream)).size, features);
  assert.equal(eventLines(join(project, ".flow")).length, 2 * features);
  assert.deepEqual(await store.check(), []);
  await store.close();
  const conflicts = reports.reduce((total, report) => total + report.conflicts, 0);
  return { seconds, conflicts, seen };
}

interface Report {
  readonly claimed: readonly number[];
  readonly conflicts: number;
}

async function reportOf(child: Child): Promise<Report> {
  const line = child.next((text) => text.startsWith("{"));
  child.send("go");
  const report = JSON.parse(await line) as Report;
  await child.done();
  return report;
}
