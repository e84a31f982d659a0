/** What is played in every interleaving: who meets whom, on what disk. */
import { thisProcess } from "#src/disk/machine.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { ioError } from "#src/disk/io-error.js";
import { openStorage } from "../storage/support.ts";
import { addLong, type Change, type Writer } from "./simulation-programs.ts";
import { Beginning } from "./simulation.ts";
import type { Plan } from "./simulation-run.ts";
import type { ToldCommit } from "../crash/kept-commits.ts";
import { EPOCH_MS } from "./simulation-time.ts";

/** Processes that meet on a disk. */
export interface Duel {
  readonly name: string;
  readonly beginning: Beginning;
  /** Changes that were made before. */
  readonly before: readonly ToldCommit[];
  readonly plans: readonly Plan[];
}

const TWO = ["left.json", "right.json"] as const;

/** So much in one change that the journal goes on in a new file when it is closed. */
const LONG_BYTES = 70_000;

function writer(changes: readonly Change[], rest: Omit<Writer, "changes"> = {}): Plan {
  return { program: "write", given: { changes, ...rest } satisfies Writer };
}

const A: readonly Change[] = [
  { tag: "a1", documents: TWO },
  { tag: "a2", documents: ["left.json"] },
];
const B: readonly Change[] = [{ tag: "b1", documents: ["right.json", "left.json"] }];
const D: readonly Change[] = [
  { tag: "d1", documents: ["left.json"] },
  { tag: "d2", documents: ["right.json"] },
];
/** Each rotation is in the run itself, for others to come between. */
const LONG_A: readonly Change[] = [
  { tag: "a1", documents: ["left.json"], bytes: LONG_BYTES },
  { tag: "a2", documents: TWO },
];
const C: readonly Change[] = [{ tag: "c1", documents: TWO, by: "transaction" }];

/** Nobody bears this pid. */
export const NOBODY = 2 ** 30 - 1;

/** Where a writer dies: so many operations after its record, or in the middle of a log's lines. */
type Death = number | "in its lines";

/** An empty root, or one with some changes made before, the last of them not to its end. */
async function made(
  changes: readonly Change[],
  diesAt: Death | null = null,
): Promise<{ beginning: Beginning; before: ToldCommit[] }> {
  const disk = new MemoryDisk({ now: () => EPOCH_MS - 60_000 });
  for (const folder of ["features", "events"]) disk.makeFolder(folder);
  const before: ToldCommit[] = [];
  for (const [index, change] of changes.entries()) {
    const isLast = index === changes.length - 1 && diesAt !== null;
    // Who died is dead: whoever comes next need not wait until its guard is silent for long enough.
    const identity = { ...thisProcess(), pid: NOBODY };
    const storage = openStorage(isLast ? dying(disk, diesAt) : disk, {
      identity,
      gitHead: () => "head",
    });
    const { tag, documents } = change;
    // One after another, all of them before the run.
    const from = 2 * (index - changes.length);
    const told = { tag, documents, from, to: from + 1 };
    try {
      await storage.commit((write) => addLong(write, change));
      before.push({ ...told, fate: "kept" });
    } catch (error) {
      if (!isLast) throw error;
      before.push({ ...told, fate: "open" });
    }
    await storage.close();
  }
  return { beginning: new Beginning(disk), before };
}

/** Nothing works any more from there on. */
function dying(inner: MemoryDisk, diesAt: Death): ReturnType<typeof wrapDisk> {
  let count = -1;
  let isDead = false;
  return wrapDisk(inner, (operation, path, act, write) => {
    const isRecord = operation === "write" && path.startsWith("local/journal/");
    if (count >= 0 || isRecord) count += 1;
    const isInLines = operation === "write" && path.startsWith("events/");
    if (diesAt === "in its lines" && isInLines && !isDead && write !== undefined) {
      write.first(Math.floor(write.length / 2));
      isDead = true;
    }
    isDead ||= diesAt !== "in its lines" && count > diesAt;
    if (isDead) throw ioError(operation, path, "EIO");
    return act();
  });
}

/** Where a writer died that others find. */
const DEATHS: readonly Death[] = [0, 1, 4, 8, 10, 12, 14, "in its lines"];

/** Every duel, made anew. */
export async function makeDuels(): Promise<Duel[]> {
  const usual = await made([
    { tag: "z1", documents: ["left.json", "right.json", "third.json"] },
    { tag: "z2", documents: ["left.json"] },
  ]);
  const empty = await made([]);
  const deaths = await Promise.all(
    DEATHS.map(async (diesAt) => {
      const half = await made(
        [
          { tag: "z1", documents: TWO },
          { tag: "z2", documents: ["right.json", "left.json"] },
        ],
        diesAt,
      );
      const plans = [{ program: "recover", given: {} }, writer(B)];
      return {
        name: `recover and commit after a death ${typeof diesAt === "number" ? `${diesAt} operations after the record` : diesAt}`,
        ...half,
        plans,
      };
    }),
  );
  return [
    { name: "commit and commit", ...usual, plans: [writer(A), writer(B)] },
    { name: "the first commits ever", ...empty, plans: [writer(A), writer(B)] },
    { name: "commit and rotate", ...usual, plans: [writer(LONG_A), writer(B)] },
    {
      name: "rotate and go on",
      ...usual,
      plans: [writer(LONG_A, { reopens: true }), writer(D, { reopens: true })],
    },
    { name: "commit and transaction", ...usual, plans: [writer(A), writer(C)] },
    {
      name: "commit and begin a segment",
      ...usual,
      plans: [writer(A), writer(B, { head: "moved" })],
    },
    {
      name: "full and relaxed",
      ...usual,
      plans: [writer(A, { durability: "relaxed" }), writer(B)],
    },
    {
      name: "commit and read",
      ...usual,
      plans: [writer(A), { program: "read", given: { times: 2 } }],
    },
    ...deaths,
  ];
}

/** Three and more processes, for schedules by chance. */
export function crowd(duel: Duel): Duel {
  const rest: Plan[] = [
    writer([
      { tag: "e1", documents: ["left.json"], by: "group" },
      { tag: "e2", documents: TWO, by: "group" },
      { tag: "e3", documents: ["right.json"] },
    ]),
    { program: "read", given: { times: 3 } },
  ];
  return { ...duel, name: `${duel.name}, and two more`, plans: [...duel.plans, ...rest] };
}
