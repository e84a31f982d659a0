/**
 * Random transactions over events, rows and blobs, with throws and savepoints: all of each or
 * nothing, agreeing with a model, also when their process is killed at any moment.
 *
 * `PORTS_TRANSACTIONS=1000` runs so many in one process, `PORTS_KILLS=200` kills so often.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { createDbContext, FlowStore } from "flowstore";
import { Child, temporaryFolder } from "../process/store-children.ts";
import { tornFiles } from "../process/store-files.ts";
import { pick, randomOf } from "../process/store-random.ts";
import {
  emptyState,
  isKept,
  outcomeOf,
  plain,
  programOf,
  stateOf,
  type Program,
  type State,
} from "./programs.ts";
import { atEnd } from "../at-end.ts";

const TRANSACTIONS = Number(process.env["PORTS_TRANSACTIONS"] ?? 150);
const KILLS = Number(process.env["PORTS_KILLS"] ?? 8);
const SEED = Number(process.env["PORTS_SEED"] ?? 1);
/** Far beyond what any transaction here takes: one that never settles is a failure. */
const SETTLED_MS = 30_000;
/** How often a second store, which has no part in it, looks too. */
const LOOK_EVERY = 10;
/** A killed process is killed after so many of its lines, and so many ms on. */
const MAX_LINES = 16;
const MAX_DELAY_MS = 8;
/** So many of a hundred are stopped first, longer than a guard is waited for. */
const STOPPED_PERCENT = 15;
const STOPPED_MS = 1200;

async function settled<T>(call: Promise<T>, what: string): Promise<T> {
  const over = new AbortController();
  const late = after(SETTLED_MS, null, { signal: over.signal }).then(() => {
    throw new Error(`${what} has not settled`);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    over.abort();
    late.catch(() => undefined);
  }
}

test(`${TRANSACTIONS} random transactions agree with a model`, async (context) => {
  const store = await FlowStore.openTemporary({ durability: "none" });
  atEnd(context, () => store.close());
  const other = await FlowStore.open(store.root, { readOnly: true });
  atEnd(context, () => other.close());
  const [db, seen] = [createDbContext(store), createDbContext(other)];
  const tally = { kept: 0, thrown: 0, nested: 0 };
  let model = emptyState();
  for (let number = 0; number < TRANSACTIONS; number += 1) {
    const program = programOf(SEED * 100_000 + number, "");
    const what = `transaction ${number} of seed ${SEED}`;
    const hasKept = await settled(isKept(store, db, program), what);
    const before = model;
    model = outcomeOf(model, program);
    tally[hasKept ? "kept" : "thrown"] += 1;
    tally.nested += partsOf(program);
    if (!hasKept) assert.equal(model, before, what);
    assert.deepEqual(plain(await stateOf(store, db, "")), plain(model), what);
    if (number % LOOK_EVERY === 0) {
      assert.deepEqual(
        plain(await stateOf(other, seen, "")),
        plain(model),
        `${what}, seen by others`,
      );
    }
  }
  assert.deepEqual(await store.check(), []);
  await store.blobs.collect({ olderThanMs: 0 });
  assert.deepEqual(plain(await stateOf(other, seen, "")), plain(model), "after a collection");
  assert.ok(tally.kept > 0 && tally.thrown > 0 && tally.nested > 0);
  context.diagnostic(JSON.stringify(tally));
});

function partsOf({ acts }: Program): number {
  const parts = acts.flatMap((act) => (act.kind === "nested" ? act.parts : []));
  return parts.reduce((sum, part) => sum + partsOf(part), parts.length);
}

/** One writer's names, and what it has come to. */
interface Writer {
  readonly own: string;
  /** The number of its next transaction. */
  next: number;
  state: State;
}

test(`${KILLS} kill -9 of writers and collectors`, { timeout: 600_000 }, async (context) => {
  const project = temporaryFolder(context);
  await (await FlowStore.init(project)).close();
  const writers: Writer[] = ["a", "b"].map((own) => ({ own, next: 0, state: emptyState() }));
  const tally = { transactions: 0, unanswered: 0, ofThem: 0, collections: 0 };
  const random = randomOf(SEED);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const durability = pick(random, ["full", "relaxed", "none"]);
    const children = [...writers.map(({ own, next }) => [own, String(next)]), ["collect", "0"]].map(
      ([own = "", from = ""]) =>
        Child.start(context, "../ports/transactions", [project, own, from, durability]),
    );
    await killSomeTime(children, random);
    for (const child of children)
      assert.equal((await child.exited).signal, "SIGKILL", child.errors);
    assert.deepEqual(tornFiles(join(project, ".flow")), []);
    const reader = await FlowStore.open(project, { readOnly: true });
    const seenBy = createDbContext(reader);
    const early = new Map<string, unknown>();
    for (const { own } of writers) early.set(own, plain(await stateOf(reader, seenBy, own)));
    await reader.close();
    // What was written and not confirmed when its process died, readers pass over; the next writer
    // finishes it.
    const store = await FlowStore.open(project, { durability: "none" });
    await store.settings.set("looked", kill);
    const db = createDbContext(store);
    for (const [at, writer] of writers.entries()) {
      const { lines } = children[at] as Child;
      const seen = plain(await stateOf(store, db, writer.own));
      const what = `kill ${kill} of seed ${SEED}, ${durability}, ${writer.own}`;
      const answered = account(writer, lines, seen, what, tally);
      if (isDeepStrictEqual(early.get(writer.own), seen)) continue;
      assert.deepEqual(early.get(writer.own), answered, `${what}, to a reader`);
    }
    tally.collections +=
      children.at(-1)?.lines.filter((line) => line.startsWith("did")).length ?? 0;
    const findings = await store.check();
    assert.deepEqual(
      findings.filter(({ rule }) => rule !== "torn-tail"),
      [],
    );
    await store.close();
  }
  context.diagnostic(JSON.stringify(tally));
  assert.ok(tally.transactions > 0 && tally.collections > 0);
});

/** Kills all at the same moment, some of them after they were stopped while the others went on. */
async function killSomeTime(children: readonly Child[], random: () => number): Promise<void> {
  const [first] = children;
  let lines = Math.ceil(random() * MAX_LINES);
  await pick(random, children.slice(0, 2)).next(() => (lines -= 1) < 0);
  if (random() * 100 < STOPPED_PERCENT) {
    const stopped = pick(random, [children.at(-1), first]);
    stopped?.kill("SIGSTOP");
    await after(STOPPED_MS);
    stopped?.kill("SIGCONT");
  }
  await after(random() * MAX_DELAY_MS);
  for (const child of children) child.kill("SIGKILL");
}

/** What was answered is there, which is returned; of the one that was not, all or nothing. */
function account(
  writer: Writer,
  lines: readonly string[],
  seen: unknown,
  what: string,
  tally: { transactions: number; unanswered: number; ofThem: number },
): unknown {
  const numberIn = (line: string): number => Number(line.split(" ")[1]);
  const done = lines.filter((line) => line.startsWith("did"));
  for (const line of done) {
    assert.equal(numberIn(line), writer.next);
    writer.state = outcomeOf(writer.state, programOf(writer.next, writer.own));
    writer.next += 1;
  }
  tally.transactions += done.length;
  const answered = plain(writer.state);
  const isUnanswered = lines.some((line) => line === `try ${writer.next}`);
  if (isUnanswered) {
    const possible = outcomeOf(writer.state, programOf(writer.next, writer.own));
    tally.unanswered += 1;
    const hasHappened =
      isDeepStrictEqual(seen, plain(possible)) && !isDeepStrictEqual(seen, answered);
    if (hasHappened) {
      tally.ofThem += 1;
      tally.transactions += 1;
      writer.state = possible;
      writer.next += 1;
    }
  }
  assert.deepEqual(seen, plain(writer.state), what);
  return answered;
}
