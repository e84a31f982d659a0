/**
 * C11: an operation of the disk that fails leaves the old state or the new one, with the right error,
 * and the next call works.
 *
 * Each public call that changes something, on a store that has something to change; of each the
 * k-th operation fails, for every k and every way to fail, those that read as well as those that
 * write, once or from then on. A failed sync loses what it was to save for good, as file systems do.
 *
 * * An error says, itself or by the one underneath, with which errno the operation failed.
 * * Answered well: the change is there, for readers and after a power cut that takes all that is not
 *   synced. Refused: the old state is there, and the same call works as soon as nothing fails.
 * * A call is never answered well when the sync of its record failed.
 * * After a failed sync the instance writes no more; another one goes on from the old or new state.
 * * What is answered after all that lasts: a power cut then takes nothing of it.
 */
import assert from "node:assert/strict";

import type { Disk } from "#src/disk/disk.js";
import { ioError } from "#src/disk/io-error.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { seededRandom } from "#src/disk/power-cut.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { isFlowError } from "#src/errors.js";
import { FENCE } from "#src/storage/layout.js";
import {
  answerOf,
  failing,
  isMutating,
  isReading,
  type Answer,
  type Fault,
} from "../crash/faults.ts";
import { booted, hurried } from "../crash/rebooted.ts";
import { inLanes } from "../storage/support.ts";
import type { Claim, Task, Verdict } from "./claim.ts";
import { prepare, PUBLIC_CALLS, type PublicCall } from "./public-calls.ts";
import { everythingIn, makeStoreRoot, StoresOnDisk, withoutChance } from "./stores-on-disk.ts";

const ERRNOS = ["ENOSPC", "EIO", "EMFILE", "EACCES", "EROFS"] as const;
const WAYS = [false, true].flatMap((forever): Fault[] => [
  ...ERRNOS.map((errno) => ({ errno, forever })),
  ...[1, "half" as const, -1].map((short) => ({ errno: "ENOSPC", short, forever })),
]);
const READING_WAYS = ["EMFILE", "EIO", "EACCES"].flatMap((errno): Fault[] => [
  { errno, forever: false },
  { errno, forever: true },
]);

const AT_ONCE = 8;
const MOST_VIOLATIONS = 20;

/** One call, and what a store shows before it and after it. */
interface Subject {
  readonly call: PublicCall;
  readonly start: MemoryDisk;
  readonly before: string;
  readonly after: string;
  /** How many operations it has, of both kinds. */
  readonly writes: number;
  readonly reads: number;
}

interface Case {
  readonly subject: Subject;
  readonly k: number;
  readonly fault: Fault;
  readonly reading: boolean;
}

function copyOf(disk: MemoryDisk): MemoryDisk {
  return new MemoryDisk({}, disk.beginning());
}

const HERE = booted("boot-1", hurried());

/** Lets so much time pass that files are looked at anew. */
async function pass(): Promise<void> {
  await HERE.sleep?.(50);
}

async function lookAt(disk: MemoryDisk, boot = "boot-1"): Promise<string> {
  const stores = new StoresOnDisk(disk, booted(boot, { readOnly: true }));
  const shown = withoutChance(await everythingIn(stores));
  await stores.close();
  return shown;
}

/** What every call is tried on. */
async function prepared(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  makeStoreRoot(disk);
  const stores = new StoresOnDisk(disk, HERE);
  await prepare(stores);
  await stores.close();
  return disk;
}

async function subjectOf(call: PublicCall, start: MemoryDisk): Promise<Subject> {
  const counts: number[] = [];
  let after = "";
  for (const meant of [isMutating, isReading]) {
    const raw = copyOf(start);
    const { disk, control } = failing(raw, Infinity, { errno: "EIO", forever: false }, meant);
    const stores = new StoresOnDisk(disk, HERE);
    control.armed = true;
    await call.act(stores);
    counts.push(control.count);
    control.armed = false;
    after = withoutChance(await everythingIn(stores));
    await stores.close();
  }
  const before = await lookAt(copyOf(start));
  const [writes = 0, reads = 0] = counts;
  return { call, start, before, after, writes, reads };
}

/** Every case of a call. */
function casesOf(subject: Subject, { ways = WAYS, readingWays = READING_WAYS }: Scope): Case[] {
  return [false, true].flatMap((reading) => {
    const { writes, reads } = subject;
    const places = Array.from({ length: reading ? reads : writes }, (_, index) => index + 1);
    const faults = reading ? readingWays : ways;
    return places.flatMap((k) => faults.map((fault) => ({ subject, k, fault, reading })));
  });
}

/**
 * Calls that decide over all documents of their kind, and do so over those that can be read: the
 * others are named, and stay as they are. All other calls make the whole change or none.
 */
const OVER_ALL: ReadonlySet<string> = new Set([
  ...[
    "features.create",
    "features.createBulk",
    "features.claimNext",
    "features.skip",
    "features.delete",
  ],
  ...["gaps.removeAll", "locks.release", "locks.releaseForTask", "locks.releaseAll"],
  "scoutCache.clear",
]);

/** The document that could not be read, for good and not only for lack of something. */
function hiddenOf({ fault, reading }: Case, failed: string | null): string | null {
  const match = /^(?:readText|stat) (?!local\/j)(.*)$/.exec(failed ?? "");
  return reading && fault.errno !== "EMFILE" ? (match?.[1] ?? null) : null;
}

/** What the call leaves where a document cannot be read at all. */
async function stateWithout(
  { call, start }: Subject,
  path: string,
  errno: string,
): Promise<string> {
  const raw = copyOf(start);
  const disk = wrapDisk(raw, (operation, at, act) => {
    if (operation === "readText" && at === path) throw ioError(operation, at, errno);
    return act();
  });
  const stores = new StoresOnDisk(disk, HERE);
  await call.act(stores);
  await stores.close();
  return lookAt(raw);
}

/** Whether an error, or one underneath it, says with which errno an operation failed. */
function tellsOf(error: unknown, errno: string): boolean {
  if (!isFlowError(error)) return false;
  return error.context["errno"] === errno || tellsOf(error.cause, errno);
}

/** One fault at one operation of one call. */
async function tryFault(one: Case, plant: Plant): Promise<Answer> {
  const { subject, k, fault, reading } = one;
  const { call, start, before, after } = subject;
  const raw = copyOf(start);
  const { disk, control } = failing(raw, k, fault, reading ? isReading : isMutating);
  const stores = new StoresOnDisk(plant(disk), HERE);
  control.armed = true;
  const answered = call.act(stores).catch((error: unknown) => {
    // Among what can be listed is nothing that it could have asked for.
    const isMissing = isFlowError(error, "BAD_REQUEST") && hiddenOf(one, control.failed) !== null;
    if (isMissing) throw ioError("read", String(control.failed), fault.errno);
    assert.ok(tellsOf(error, fault.errno), `nothing of ${fault.errno}: ${String(error)}`);
    throw error;
  });
  const { answer, why } = await answerOf(answered);
  const failed = control.failed ?? "nothing";
  const cut = raw.crash("nothing");
  control.armed = false;
  await pass();
  try {
    const hidden = OVER_ALL.has(call.name) ? hiddenOf(one, failed) : null;
    const isPartial = answer !== "IO" && hidden !== null && failed.startsWith("readText");
    const partial = isPartial ? [await stateWithout(subject, hidden, fault.errno)] : [];
    const done = [after, ...partial];
    const expected = answer === "ok" ? done : answer === "IO" ? [before] : [before, ...done];
    const shown = await lookAt(raw);
    assertOneOf(shown, expected, "a reader sees");
    const isRecord = failed.startsWith("sync local/journal");
    assert.ok(answer !== "ok" || !isRecord, "answered well, and its sync failed");
    if (answer === "ok") assertOneOf(await lookAt(cut, "boot-2"), [shown], "after a power cut");
    await assertGoesOn(subject, stores, answer, done);
    await stores.close();
    await assertReopens(raw, answer === "reopen" ? [before, ...done] : done);
  } catch (error) {
    throw new Error(`${failed}, answered ${answer} (${why}): ${String((error as Error).stack)}`, {
      cause: error,
    });
  }
  return answer;
}

/** Nothing fails any more: the same store goes on, unless a sync failed. */
async function assertGoesOn(
  { call }: Subject,
  stores: StoresOnDisk,
  answer: Answer,
  done: readonly string[],
): Promise<void> {
  if (answer === "reopen") {
    const refused = (error: unknown): boolean =>
      isFlowError(error, "IO") && error.context["outcome"] === "unknown";
    await assert.rejects(stores.settings.set("next", 1), refused);
    return;
  }
  if (answer === "IO") await call.act(stores);
  if (answer === "unknown") await stores.storage.recover();
  assertOneOf(withoutChance(await everythingIn(stores)), done, "the same store shows");
}

async function assertReopens(raw: MemoryDisk, expected: readonly string[]): Promise<void> {
  const stores = new StoresOnDisk(raw, HERE);
  await stores.storage.recover();
  assertOneOf(withoutChance(await everythingIn(stores)), expected, "opened anew");
  const wrong = (await stores.check()).filter(({ severity }) => severity === "error");
  assert.deepEqual(wrong, [], "check");
  await stores.settings.set("one more", 1);
  const answered = withoutChance(await everythingIn(stores));
  assertOneOf(await lookAt(raw.crash("nothing"), "boot-2"), [answered], "a power cut later");
  await stores.close();
  assert.deepEqual(raw.list(FENCE), [], "the fence folder");
}

function assertOneOf(shown: string, expected: readonly string[], where: string): void {
  if (expected.includes(shown)) return;
  const [first = ""] = expected;
  let at = 0;
  while (at < shown.length && shown[at] === first[at]) at += 1;
  const part = (text: string): string => text.slice(Math.max(0, at - 80), at + 120);
  assert.fail(`${where} …${part(shown)}…, not …${part(first)}…`);
}

/** What is put between the store and the disk whose operations fail. */
type Plant = (disk: Disk) => Disk;

/** What is tried: by default every call and every way to fail, and nothing is planted. */
export interface Scope {
  readonly calls?: readonly string[];
  readonly ways?: readonly Fault[];
  readonly readingWays?: readonly Fault[];
  readonly plant?: Plant;
}

export async function attackFaults(
  { goal, seed, deadline, progress }: Task,
  scope: Scope = {},
): Promise<Verdict> {
  const { calls, plant = (disk: Disk) => disk } = scope;
  const start = await prepared();
  const subjects: Subject[] = [];
  for (const call of PUBLIC_CALLS) {
    const isMeant = calls?.includes(call.name) ?? call.isGroup !== true;
    if (isMeant) subjects.push(await subjectOf(call, start));
  }
  const random = seededRandom(seed);
  const all = subjects.map((subject) => shuffled(casesOf(subject, scope), random));
  const chosen = inTurns(all).slice(0, goal);
  const violations: string[] = [];
  const answers: Record<Answer, number> = { ok: 0, IO: 0, unknown: 0, reopen: 0 };
  let tried = 0;
  function* runs(): Generator<() => Promise<void>> {
    for (const one of chosen) {
      if (performance.now() > deadline || violations.length >= MOST_VIOLATIONS) return;
      tried += 1;
      progress(`${tried} faults, now in ${one.subject.call.name}`);
      yield async () => {
        try {
          answers[await tryFault(one, plant)] += 1;
        } catch (error) {
          violations.push(`${nameOf(one)}: ${String((error as Error).message)}`);
        }
      };
    }
  }
  await inLanes(runs(), AT_ONCE);
  const notes = [
    `${subjects.length} calls, ${all.flat().length} faults in all, ${tried} of them tried`,
    `answers: ${JSON.stringify(answers)}`,
    "file systems that are really full (tmpfs, ext4, xfs) are C4's",
  ];
  return { tried, unit: "faults", violations, notes };
}

function nameOf({ subject, k, fault, reading }: Case): string {
  const kind = reading ? "reading" : "changing";
  return `${subject.call.name}, ${kind} operation ${k}, ${JSON.stringify(fault)}`;
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const order = all.map((one) => ({ one, at: random() }));
  return order.toSorted((a, b) => a.at - b.at).map(({ one }) => one);
}

/** The first of each, the second of each, and so on. */
function inTurns<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) =>
    lists.flatMap((list) => list.slice(at, at + 1)),
  ).flat();
}

export const C11: Claim = {
  id: "C11",
  title: "an operation that fails leaves the old state or the new one, and the next call works",
  needs: [],
  goals: { short: 1000, release: 3000 },
  attack: (task) => attackFaults(task),
};
