/** Power cuts in the middle of public calls of every store. */
import assert from "node:assert/strict";

import { MemoryDisk, type CrashState } from "#src/disk/memory-disk.js";
import type { Durability } from "#src/storage/storage.js";
import { booted, hurried, named } from "../crash/rebooted.ts";
import type { Pains, Tally } from "../crash/power-attacks.ts";
import { inLanes } from "../storage/support.ts";
import { isNew } from "./c02-cuts.ts";
import { prepare, PUBLIC_CALLS, type PublicCall } from "./public-calls.ts";
import { everythingIn, makeStoreRoot, StoresOnDisk } from "./stores-on-disk.ts";

/** One call that was answered, and which operations it lasted. */
interface Step {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly shown: string;
}

const AT_ONCE = 8;
/** Those that leave the less to others come last. */
const LAST = ["gaps.removeAll", "features.delete", "locks.releaseAll", "checkpoints.delete"];

/** What is tried: by default every call, as durable as can be. */
export interface StoresScope {
  readonly calls?: readonly PublicCall[];
  readonly durability?: Durability;
}

async function lookAt(disk: MemoryDisk, boot: string): Promise<string> {
  const stores = new StoresOnDisk(disk, booted(boot, { readOnly: true }));
  const shown = await everythingIn(stores);
  await stores.close();
  return shown;
}

/** All calls, one after another; each is a step, and so is all before it. */
async function workload({
  calls = PUBLIC_CALLS,
  durability = "full",
}: StoresScope): Promise<{ disk: MemoryDisk; steps: Step[] }> {
  const start = new MemoryDisk();
  makeStoreRoot(start);
  const disk = start.crash("all");
  const before = new StoresOnDisk(disk, booted("boot-1"));
  await prepare(before);
  await before.close();
  const stores = new StoresOnDisk(disk, booted("boot-1", { durability }));
  const steps: Step[] = [];
  const isLast = ({ name }: { name: string }): boolean => LAST.includes(name);
  const inOrder = [
    { name: "prepare", act: async () => undefined },
    ...calls.filter((call) => !isLast(call)),
    ...calls.filter(isLast),
  ];
  for (const { name, act } of inOrder) {
    const from = disk.operations;
    // A call may be refused after others were made: then it changes nothing.
    await act(stores).catch(() => undefined);
    const to = disk.operations;
    steps.push({ name, from, to, shown: await lookAt(disk, "boot-1") });
  }
  await stores.close();
  return { disk, steps };
}

/** The first and the last step that what is seen may be of; `relaxed`: the last moments may go. */
function boundsOf(
  steps: readonly Step[],
  at: number,
  durability: Durability = "full",
): [least: number, most: number] {
  const least = durability === "full" ? steps.findLastIndex(({ to }) => to <= at) : 0;
  return [least, steps.findLastIndex(({ from }) => from <= at)];
}

async function tryCut(
  steps: readonly Step[],
  { at, disk }: CrashState,
  durability: Durability | undefined,
): Promise<void> {
  const [least, most] = boundsOf(steps, at, durability);
  const seen = await lookAt(disk, "boot-2");
  const place = steps.slice(least, most + 1).find(({ shown }) => shown === seen);
  const between = `${steps[least]?.name} and ${steps[most]?.name}`;
  assert.ok(
    place !== undefined,
    `what is seen is not as between ${between}: ${seen}, not ${steps
      .slice(least, most + 1)
      .map(({ shown }) => shown)
      .join(" or ")}`,
  );
  const stores = new StoresOnDisk(disk, booted("boot-2", hurried()));
  await stores.storage.recover();
  assert.equal(await everythingIn(stores), seen, "recovered, not as seen");
  const wrong = (await stores.check()).filter(({ severity }) => severity === "error");
  assert.deepEqual(wrong, [], "check");
  await stores.settings.set("one more", 1);
  await stores.close();
}

/** States of a power cut in the middle of every public call. */
export async function attackStores(
  { seed, randoms, goesOn = () => true, isWanted = () => true }: Pains,
  scope: StoresScope = {},
): Promise<Tally> {
  const { disk, steps } = await workload(scope);
  const begun = steps[0]?.to ?? 0;
  let disks = 0;
  const seen = new Set<string>();
  function* cases(): Generator<() => Promise<void>> {
    for (const state of disk.crashStates({ from: begun, seed, randoms, isWanted })) {
      if (!isNew(seen, state, boundsOf(steps, state.at, scope.durability).join(" "))) continue;
      if (!goesOn()) return;
      disks += 1;
      yield () => named(state, () => tryCut(steps, state, scope.durability));
    }
  }
  await inLanes(cases(), AT_ONCE);
  return { disks, operations: disk.operations };
}
