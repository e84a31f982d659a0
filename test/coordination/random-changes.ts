/** Changes of documents at random, by calls and by hand: the same seed, the same changes. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FlowStore } from "flowstore";
import { FRESH_MS, pass } from "../features/support.ts";
import { pick, randomOf } from "../process/store-random.ts";
import { documentsIn } from "./checkpoint-support.ts";

/** Makes so many changes; a few of them by hand, as an editor or git would. */
export async function changeAtRandom(
  store: FlowStore,
  count: number,
  seed: number,
): Promise<Readonly<Record<string, number>>> {
  const random = randomOf(seed);
  const done: Record<string, number> = {};
  const act = actsOn(store, random);
  for (let number = 0; number < count; number += 1) {
    const name = pick(random, Object.keys(act));
    await act[name]?.(number);
    done[name] = (done[name] ?? 0) + 1;
  }
  await pass(FRESH_MS);
  return done;
}

type Act = (number: number) => Promise<unknown>;

function actsOn(store: FlowStore, random: () => number): Readonly<Record<string, Act>> {
  const epic = (): string => `fn-${1 + Math.floor(random() * 4)}`;
  const task = (): string => `${epic()}.${1 + Math.floor(random() * 3)}`;
  const some = <T>(all: readonly T[]): readonly T[] =>
    all.length === 0 ? [] : [pick(random, all)];
  const feature = async (change: (uid: string) => Promise<unknown>): Promise<void> => {
    for (const { uid } of some(await store.features.getAll())) await change(uid);
  };
  return {
    createFeature: (number) => store.features.create({ name: `new ${number}`, own: number }),
    updateFeature: (number) => feature((uid) => store.features.update(uid, { own: [number] })),
    claimFeature: () => feature((uid) => store.features.claimNext({ agent: uid, leaseMs: 60_000 })),
    passFeature: () => feature((uid) => store.features.markPassing(uid)),
    deleteFeature: () => feature((uid) => store.features.delete(uid)),
    addGap: (number) => store.gaps.add({ epicId: epic(), capability: `lacks ${number % 40}` }),
    resolveGap: async (number) => {
      const epicId = epic();
      for (const { id } of some(await store.gaps.list(epicId)))
        await store.gaps.resolve(epicId, id, `seen ${number}`);
    },
    removeGap: async () => {
      const epicId = epic();
      for (const { id } of some(await store.gaps.list(epicId))) await store.gaps.remove(epicId, id);
    },
    phase: (number) => store.phases.markDone(task(), String(number % 12)),
    resetPhases: () => store.phases.reset(task()),
    pipeline: () =>
      store.pipeline.write(epic(), pick(random, ["plan", "work", "close", "completed"])),
    ask: () => store.approvals.create({ taskId: task(), kind: "generic" }),
    decide: async () => {
      for (const { id } of some(await store.approvals.list({ status: "pending" })))
        await store.approvals.approve(id);
    },
    remember: (number) => store.memory.append({ text: `learnt ${number}` }),
    forget: async () => {
      for (const { id } of some(await store.memory.list())) await store.memory.delete(id);
    },
    setting: (number) => store.settings.set(`key ${number % 5}`, { number }),
    byHand: async (number) => {
      for (const path of some(Object.keys(documentsIn(store.root))))
        editByHand(store, path, number);
    },
    goneByHand: async () => {
      for (const path of some(Object.keys(documentsIn(store.root)))) rmSync(join(store.root, path));
    },
  };
}

function editByHand(store: FlowStore, path: string, number: number): void {
  const file = join(store.root, path);
  const text = readFileSync(file, "utf8").replace("{\n", `{\n  "byHand${number}": ${number}.0,\n`);
  writeFileSync(file, number % 2 === 0 ? text : text.replaceAll("\n", "\r\n"));
}
