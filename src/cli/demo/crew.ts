/** The agent processes: started together, one of them killed while it holds a feature. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { FlowError } from "../../errors.ts";
import { seededRandom } from "./random.ts";
import { monotonicMs, type AgentTask, type Report } from "./report.ts";

const AGENT_FILE = fileURLToPath(new URL("./agent.js", import.meta.url));

/** The agent that is killed dies over this part of its share of the plan: much is left to do. */
const FATAL_PART = 1 / 3;

/** How long the one that is killed has worked on its last feature. */
const LAST_WORK_MS = 150;

export interface CrewOptions {
  readonly folder: string;
  readonly count: number;
  /** How many features the plan has. */
  readonly features: number;
  readonly seed: number;
  readonly leaseMs: number;
  readonly onReport: (report: Report) => void;
  readonly onKill: (killed: Killed) => void;
  /** Ends all agents at once. */
  readonly signal: AbortSignal;
}

/** The agent that was killed, and what it held. */
export interface Killed {
  readonly agent: string;
  readonly pid: number;
  readonly featureId: number;
  /** ISO 8601, and in ms of the clock of the reports. */
  readonly at: string;
  readonly atMs: number;
}

export interface Member {
  readonly agent: string;
  readonly pid: number;
}

export interface Crew {
  readonly members: readonly Member[];
  /** Settles when every process has ended; refused when one ended in a way it was not meant to. */
  readonly ended: Promise<void>;
}

/** Starts the agents. */
export function startCrew(options: CrewOptions): Crew {
  const random = seededRandom(options.seed);
  const unlucky = Math.floor(random() * options.count);
  const share = options.features / options.count;
  const fatal = Math.max(1, Math.floor(share * FATAL_PART));
  const children: ChildProcess[] = [];
  const members: Member[] = [];
  const ends: Promise<void>[] = [];
  for (let index = 0; index < options.count; index += 1) {
    const task: AgentTask = {
      folder: options.folder,
      agent: `agent-${index + 1}`,
      seed: Math.floor(random() * 2 ** 32),
      leaseMs: options.leaseMs,
      endlessAtClaim: index === unlucky ? fatal : null,
    };
    const child = fork(AGENT_FILE, [JSON.stringify(task)], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    children.push(child);
    members.push({ agent: task.agent, pid: child.pid ?? 0 });
    ends.push(follow(child, task, options));
  }
  const killAll = (): void => {
    for (const child of children) child.kill("SIGKILL");
  };
  if (options.signal.aborted) killAll();
  options.signal.addEventListener("abort", killAll, { once: true });
  const ended = allEnded(ends).finally(() => {
    options.signal.removeEventListener("abort", killAll);
  });
  return { members, ended };
}

/** Passes on what an agent reports, kills it at its time, and settles when it is gone. */
async function follow(
  child: ChildProcess,
  task: AgentTask,
  { onReport, onKill, signal }: CrewOptions,
): Promise<void> {
  let claims = 0;
  let isKilled = false;
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  child.on("message", (message) => {
    const report = message as Report;
    onReport(report);
    if (report.kind !== "claimed") return;
    claims += 1;
    if (claims !== task.endlessAtClaim) return;
    setTimeout(() => {
      isKilled = child.kill("SIGKILL");
      const { agent, featureId } = report;
      const at = new Date().toISOString();
      onKill({ agent, pid: child.pid ?? 0, featureId, at, atMs: monotonicMs() });
    }, LAST_WORK_MS);
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code === 0 || isKilled || signal.aborted) return;
  throw new FlowError("INTERNAL", `${task.agent} ended with code ${code}: ${complaint.trim()}`);
}

/** Waits for all, also when one has failed: none may outlive the folder. */
async function allEnded(ends: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(ends);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
