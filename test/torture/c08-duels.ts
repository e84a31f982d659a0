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

/** So that a journal is made short when it is closed. */
const LONG_BYTES = 70_000;

function writer(changes: readonly Change[], rest: Omit<Writer, "changes"> = {}): Plan {
  return { program: "write", given: { changes, ...rest } satisfies Writer };
}

const A: readonly Change[] = [
  { tag: "a1", documents: TWO },
  { tag: "a2", documents: ["left.json"] },
];
const B: readonly Change[] = [{ tag: "b1", documents: ["right.json", "left.json"] }];
const C: readonly Change[] = [{ tag: "c1", documents: TWO, by: "transaction" }];

/** Nobody bears this pid. */
const NOBODY = 2 ** 30 - 1;

/** An empty root, or one with some changes made before, the last of them not to its end. */
async function made(
  changes: readonly Change[],
  diesAt: number | null = null,
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

/** Nothing works any more from so many operations after the record was written. */
function dying(inner: MemoryDisk, diesAt: number): ReturnType<typeof wrapDisk> {
  let count = -1;
  return wrapDisk(inner, (operation, path, act) => {
    const isRecord = operation === "write" && path.startsWith("local/journal/");
    if (count >= 0 || isRecord) count += 1;
    if (count > diesAt) throw ioError(operation, path, "EIO");
    return act();
  });
}

/** How far after its record a writer died that others find. */
const DEATHS = [0, 1, 4, 8, 10, 12, 14] as const;

/** Every duel, made anew. */
export async function makeDuels(): Promise<Duel[]> {
  const usual = await made([
    { tag: "z1", documents: ["left.json", "right.json", "third.json"] },
    { tag: "z2", documents: ["left.json"] },
  ]);
  const long = await made([{ tag: "z1", documents: ["left.json"], bytes: LONG_BYTES }]);
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
        name: `recover and commit after a death ${diesAt} operations after the record`,
        ...half,
        plans,
      };
    }),
  );
  return [
    { name: "commit and commit", ...usual, plans: [writer(A), writer(B)] },
    { name: "the first commits ever", ...empty, plans: [writer(A), writer(B)] },
    { name: "commit and rotate", ...long, plans: [writer(A), writer(B)] },
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
      { tag: "d1", documents: ["left.json"], by: "group" },
      { tag: "d2", documents: TWO, by: "group" },
      { tag: "d3", documents: ["right.json"] },
    ]),
    { program: "read", given: { times: 3 } },
  ];
  return { ...duel, name: `${duel.name}, and two more`, plans: [...duel.plans, ...rest] };
}
