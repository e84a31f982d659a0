/** The play itself: agents work, one is killed, somebody watches, and at the end it is proved. */
import { setTimeout as wait } from "node:timers/promises";
import { FlowError } from "../../errors.ts";
import type { ChangeEvent, Feature, FlowStore } from "../../index.ts";
import { clock, type Board } from "./board.ts";
import { startCrew, type Crew, type Killed } from "./crew.ts";
import { prove, type Proof } from "./proof.ts";
import { monotonicMs, type Report } from "./report.ts";

/** How long a claim lasts without a sign of life: longer than any work, short enough to wait for. */
export const LEASE_MS = 1500;

/** How often the board looks at the store. */
const LOOK_EVERY_MS = 80;

/** A plan that takes longer does not move any more. */
const DEADLINE_MS = 180_000;

export interface PlayOptions {
  readonly folder: string;
  /** How many features the plan has. */
  readonly features: number;
  readonly agents: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly board: Board;
}

export interface Played {
  readonly durationMs: number;
  readonly killed: Killed | null;
  readonly proof: Proof;
}

/**
 * Plays until every feature passes.
 *
 * @throws FlowError `ABORTED`, `TIMEOUT`; `INTERNAL` when an agent ended as none should.
 */
export async function play(store: FlowStore, options: PlayOptions): Promise<Played> {
  const begunMs = monotonicMs();
  const reports: Report[] = [];
  const passedBy = new Map<string, number>();
  const late = new AbortController();
  let killed: Killed | null = null;
  let isTakenOver = false;
  const say = (text: string): void => {
    options.board.say(`${clock(monotonicMs() - begunMs)}  ${text}`);
  };

  const crew = startCrew({
    folder: options.folder,
    count: options.agents,
    features: options.features,
    seed: options.seed,
    leaseMs: LEASE_MS,
    signal: AbortSignal.any([options.signal, late.signal]),
    onKill: (victim) => {
      killed = victim;
      const { agent, pid, featureId } = victim;
      say(`${agent} (process ${pid}) was killed by kill -9; it held feature ${featureId}`);
    },
    onReport: (report) => {
      reports.push(report);
      const { agent, kind, featureId } = report;
      if (kind === "passed") passedBy.set(agent, (passedBy.get(agent) ?? 0) + 1);
      if (kind === "claimed" && killed?.featureId === featureId && !isTakenOver) {
        isTakenOver = true;
        say(`the lease of ${killed.agent} is over: ${agent} took feature ${featureId}`);
      }
    },
  });
  const { members } = crew;
  say(`${members.length} agents started, as processes ${members.map(({ pid }) => pid).join(", ")}`);

  const deadline = setTimeout(() => late.abort(), DEADLINE_MS);
  try {
    await watch(store, crew, (features) => {
      const elapsedMs = monotonicMs() - begunMs;
      options.board.show({ elapsedMs, features, members, passedBy, killed: killed?.agent ?? null });
    });
  } finally {
    clearTimeout(deadline);
    options.board.end();
  }
  if (options.signal.aborted) throw new FlowError("ABORTED", "The demo was interrupted");
  if (late.signal.aborted) {
    throw new FlowError("TIMEOUT", `The plan is not done after ${DEADLINE_MS / 1000} s`);
  }
  const durationMs = Math.round(monotonicMs() - begunMs);

  const features = await store.features.getAll();
  const proof = prove({
    features,
    events: await historyOf(store, features),
    sequences: await sequencesOf(store),
    reports,
    killed,
    leaseMs: LEASE_MS,
    findings: await store.check(),
  });
  return { durationMs, killed, proof };
}

/** Looks at the store again and again until the agents have ended, and once more then. */
async function watch(
  store: FlowStore,
  crew: Crew,
  look: (features: readonly Feature[]) => void,
): Promise<void> {
  let isOver = false;
  const ended = crew.ended.finally(() => (isOver = true));
  try {
    while (!isOver) {
      look(await store.features.getAll());
      await Promise.race([ended, wait(LOOK_EVERY_MS)]);
    }
  } finally {
    await ended;
  }
  look(await store.features.getAll());
}

/** What happened to all features, in the order of the log. */
async function historyOf(store: FlowStore, features: readonly Feature[]): Promise<ChangeEvent[]> {
  const histories = await Promise.all(features.map(({ id }) => store.changes.getEvents(id)));
  return histories.flat().toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

async function sequencesOf(store: FlowStore): Promise<number[]> {
  const sequences: number[] = [];
  for await (const { sequence } of store.events.replayAll()) sequences.push(sequence);
  return sequences;
}
