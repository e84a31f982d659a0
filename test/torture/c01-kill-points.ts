/**
 * C1: killed before any system call that changes, syncs or opens something for writing, by strace,
 * which counts the calls of a real process: all of the call is there or nothing of it, no file is
 * torn, and what was acknowledged is there.
 */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FlowStore, type Durability } from "flowstore";

import { JOURNAL } from "#src/storage/layout.js";
import { documentsIn } from "../coordination/checkpoint-support.ts";
import { copyOf } from "../crash/copies.ts";
import type { Scope } from "../at-end.ts";
import { Child, temporaryFolder } from "../process/store-children.ts";
import { filesBelow, strangeNames, tornFiles } from "../process/store-files.ts";
import { shuffled } from "../process/store-random.ts";
import { begunCalls, killCommand, straceCommand, type BegunCall } from "../process/store-strace.ts";
import { inLanes } from "../storage/support.ts";
import {
  callNamed,
  CALLS,
  comparable,
  DURABILITIES,
  prepare,
  shownBy,
  type Call,
} from "./c01-calls.ts";
import type { Claim, Task, Verdict } from "./claim.ts";
import { patchedTree, type PatchName } from "./engine-patches.ts";
import { scopeOf } from "./scope.ts";

/** Processes at once. */
const AT_ONCE = 3;

/** The system calls of which each is a point. */
const KILLED_BEFORE = [
  ...["write", "pwrite64", "openat", "rename", "link", "unlink"],
  ...["fsync", "fdatasync", "mkdir", "rmdir", "utimensat"],
] as const;

export const killPoints: Claim = {
  id: "C1",
  title: "kill -9 at any system call: all or nothing, no torn file, acknowledged = there",
  needs: ["linux", "strace"],
  goals: { short: 200, release: 1500 },
  attack: (task) => attackCalls(task, { calls: CALLS }),
};

export interface Killed {
  readonly calls: readonly Call[];
  readonly durabilities?: readonly Durability[];
  /** What is taken out of the engine of those who are killed. */
  readonly patches?: readonly PatchName[];
  /** Only before these system calls. */
  readonly before?: readonly (typeof KILLED_BEFORE)[number][];
}

/** Tries calls at points of all of them, dealt by the seed. */
export async function attackCalls(
  task: Task,
  { calls, durabilities = DURABILITIES, patches = [], before = KILLED_BEFORE }: Killed,
): Promise<Verdict> {
  const scope = scopeOf(task);
  const violations: string[] = [];
  const found = new Map<string, number>();
  const cases: Case[] = [];
  const counts = calls.flatMap((call) =>
    durabilities.map((durability) => async () => {
      task.progress(`${call.name}, ${durability}: counting system calls`);
      cases.push(await caseOf(scope, { call, durability, patches }, before));
    }),
  );
  await inLanes(counts, AT_ONCE);
  cases.sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  const all = cases.flatMap((one) => one.points.map((point) => ({ one, point })));
  const dealt = inTurns(shuffled(all, task.seed)).slice(0, Math.ceil(task.goal * 1.1));
  let [tried, missed, late] = [0, 0, 0];
  const attempts = dealt.map(({ one, point }) => async () => {
    if (tried >= task.goal || performance.now() > task.deadline) return;
    const wrong = await killAt(scope, one, point);
    if (wrong === "missed") {
      missed += 1;
      return;
    }
    tried += 1;
    if (point.isAnswered) late += 1;
    found.set(point.name, (found.get(point.name) ?? 0) + 1);
    const where = `${nameOf(one)}, before ${point.name} number ${point.at}`;
    violations.push(...wrong.map((text) => `${where}: ${text}`));
    task.progress(`${tried} of ${task.goal} points, ${violations.length} violations`);
  });
  await inLanes(attempts, AT_ONCE);
  const kinds = [...found].map(([name, count]) => `${name} ${count}`).join(", ");
  return {
    tried,
    unit: "kill points",
    violations,
    notes: [
      `of ${all.length} points of ${calls.length} calls at ${durabilities.length} durabilities; ` +
        `killed before ${kinds}; ${late} of them after the answer`,
      ...(missed > 0 ? [`${missed} processes came to their end before their point`] : []),
    ],
  };
}

interface Drawn {
  readonly one: Case;
  readonly point: Point;
}

/**
 * The first of each kind, the second of each kind, and so on: a close that syncs many files has as
 * many points, all alike, as all else has together.
 */
function inTurns(drawn: readonly Drawn[]): Drawn[] {
  const kinds = new Map<string, Drawn[]>();
  for (const each of drawn) {
    const kind = `${nameOf(each.one)} ${each.point.name} ${each.point.isAnswered}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), each]);
  }
  const groups = [...kinds.values()];
  const longest = Math.max(0, ...groups.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) =>
    groups.flatMap((group) => group.slice(turn, turn + 1)),
  ).flat();
}

/** A call, and how it is made. */
interface Way {
  readonly call: Call;
  readonly durability: Durability;
  readonly patches: readonly PatchName[];
}

/** And what a root looks like before and after it. */
interface Case extends Way {
  readonly root: string;
  readonly before: string;
  readonly after: string;
  readonly points: readonly Point[];
}

/** Before the system call `name` that is made as number `at`. */
interface Point {
  readonly name: string;
  readonly at: number;
  /** Whether the call was answered before. */
  readonly isAnswered: boolean;
}

function nameOf({ call, durability }: Way): string {
  return `${call.name}, ${durability}`;
}

async function caseOf(
  scope: Scope,
  way: Way,
  names: readonly string[] = KILLED_BEFORE,
): Promise<Case> {
  const root = await rootFor(scope, way.call);
  const seen = (await look(root)).shown;
  const whole = copyOf(root, join(temporaryFolder(scope), ".flow"));
  const trace = join(temporaryFolder(scope), "trace");
  await start(scope, whole, way, straceCommand(trace, names)).done();
  const after = comparable((await look(whole)).shown);
  return { ...way, root, before: seen, after, points: pointsIn(begunCalls(trace), whole) };
}

function start(
  scope: Scope,
  root: string,
  { call, durability, patches }: Way,
  prefix: readonly string[],
): Child {
  const tree = patches.length > 0 ? patchedTree(patches) : undefined;
  const args = [root, call.name, durability];
  return Child.start(scope, "../torture/c01-kill-points", args, { prefix, tree });
}

/** A root as the call finds it. */
async function rootFor(scope: Scope, { on }: Call): Promise<string> {
  const project = temporaryFolder(scope);
  const store = await FlowStore.init(project, { durability: "none" });
  if (on !== "an empty store") await prepare(store);
  await store.close();
  if (on === "a call that was killed") await killBulk(scope, store.root);
  return store.root;
}

/** Leaves a call behind that was committed, and brought into half of its files. */
async function killBulk(scope: Scope, root: string): Promise<void> {
  const call = callNamed("createBulk");
  const way: Way = { call, durability: "full", patches: [] };
  const { points } = await caseOf(scope, way);
  const renames = points.filter(({ name }) => name === "rename");
  const middle = renames[renames.length >> 1];
  if (middle === undefined) throw new Error("A bulk that renames nothing");
  await run(scope, root, way, middle);
}

/** The points after the call began, by the number that strace counts for the main thread. */
function pointsIn(begun: readonly BegunCall[], root: string): Point[] {
  const main = begun[0]?.thread;
  const counts = new Map<string, number>();
  const points: Point[] = [];
  let [hasBegun, isAnswered] = [false, false];
  for (const { thread, name, text } of begun) {
    if (thread !== main) continue;
    const at = (counts.get(name) ?? 0) + 1;
    counts.set(name, at);
    if (hasBegun && isPoint(name, text, root)) points.push({ name, at, isAnswered });
    hasBegun ||= isTelling(name, text, "begin");
    isAnswered ||= isTelling(name, text, "ack");
  }
  return points;
}

function isPoint(name: string, text: string, root: string): boolean {
  if (isTelling(name, text, "ack")) return true;
  if (name === "openat" && !/O_WRONLY|O_RDWR|O_CREAT/.test(text)) return false;
  return text.includes(root);
}

function isTelling(name: string, text: string, word: string): boolean {
  return name === "write" && text.startsWith("1<") && text.includes(`"${word}\\n"`);
}

/** What a reader sees, who writes nothing: with what `check` says while nobody has mended anything. */
interface Look {
  readonly shown: string;
  readonly findings: readonly string[];
}

async function look(root: string): Promise<Look> {
  const store = await FlowStore.open(root, { readOnly: true });
  try {
    return { shown: await shownBy(store), findings: await findingsOf(store) };
  } finally {
    await store.close();
  }
}

async function findingsOf(store: FlowStore): Promise<string[]> {
  return (await store.check()).map((finding) => JSON.stringify(finding));
}

interface Ran {
  readonly wasKilled: boolean;
  readonly told: readonly string[];
}

async function run(scope: Scope, root: string, way: Way, { name, at }: Point): Promise<Ran> {
  const child = start(scope, root, way, killCommand("/dev/null", name, at));
  const { code, signal } = await child.exited;
  if (signal !== "SIGKILL" && code !== 0)
    throw new Error(`${nameOf(way)} ended with code ${code}, signal ${signal}: ${child.errors}`);
  return { wasKilled: signal === "SIGKILL", told: child.lines };
}

/** Kills a call at a point, on a copy, and says what is wrong then. */
async function killAt(scope: Scope, one: Case, point: Point): Promise<string[] | "missed"> {
  const project = temporaryFolder(scope);
  const root = copyOf(one.root, join(project, ".flow"));
  try {
    const { wasKilled, told } = await run(scope, root, one, point);
    if (!wasKilled || !told.includes("begin")) return "missed";
    return await wrongIn(root, one, told.includes("ack"));
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** What may lie there beside what writers of features leave; a content without a key is collected. */
const OTHERS = [
  /^projections\/orders\/[^/]+\.json$/,
  /^blobs\/(?:keys\/[^/]+\.json|data\/[0-9a-f]{2}\/[0-9a-f]{64})$/,
  /^local\/blobs\/[^/]+$/,
  /^local\/workflow/,
];

async function wrongIn(root: string, one: Case, isAcknowledged: boolean): Promise<string[]> {
  const wrong = [...tornFiles(root)];
  const isBefore = (shown: string): boolean => shown === one.before;
  const isAfter = (shown: string): boolean => comparable(shown) === one.after;
  const { shown: seen, findings } = await look(root);
  wrong.push(...findings.map((finding) => `check by a reader: ${finding}`));
  if (!isBefore(seen) && !isAfter(seen))
    wrong.push(`a reader sees neither state: ${oddIn(seen, one)}`);
  if (isAcknowledged && !isAfter(seen)) wrong.push("acknowledged, and a reader does not see it");
  const [documents, lines] = [JSON.stringify(documentsIn(root)), linesIn(root)];

  const store = await FlowStore.open(root, { durability: "none" });
  await store.repair();
  const recovered = await shownBy(store);
  const isKept = isAfter(recovered) || (isBefore(recovered) && isBefore(seen));
  if (!isKept) wrong.push(`recovered to neither state: ${oddIn(recovered, one)}`);
  const isInFiles = isAcknowledged && one.durability !== "relaxed";
  if (isInFiles && JSON.stringify(documentsIn(root)) !== documents)
    wrong.push("acknowledged, and not in the files");
  const added = linesIn(root).filter((line) => !lines.includes(line));
  if (isInFiles) wrong.push(...added.map((line) => `acknowledged, and not in its log: ${line}`));
  wrong.push(...(await findingsOf(store)).map((finding) => `check: ${finding}`));
  await store.settings.set("afterwards", 1);
  await store.close();
  const strange = strangeNames(root).filter((path) => !OTHERS.some((known) => known.test(path)));
  wrong.push(...strange.map((path) => `left behind: ${path}`), ...tornFiles(root));
  return wrong;
}

/** The lines of every log but the journal, each with its file: a last one that still grows is none. */
function linesIn(root: string): string[] {
  return filesBelow(root)
    .filter((path) => path.endsWith(".jsonl") && !path.startsWith(JOURNAL))
    .flatMap((path) => {
      const lines = readFileSync(join(root, path), "utf8").split("\n").slice(0, -1);
      return lines.map((line) => `${path}: ${line}`);
    });
}

/** Where a state leaves both that it could be, with what stands there. */
function oddIn(shown: string, { before, after }: Case): string {
  const common = (one: string, other: string): number => {
    let at = 0;
    while (at < one.length && one[at] === other[at]) at += 1;
    return at;
  };
  const likeAfter = comparable(shown);
  const [toBefore, toAfter] = [common(shown, before), common(likeAfter, after)];
  const [text, at] = toBefore > toAfter ? [shown, toBefore] : [likeAfter, toAfter];
  return `… ${text.slice(Math.max(0, at - SHOWN), at + SHOWN)} …`;
}

/** So many characters before and behind. */
const SHOWN = 120;
