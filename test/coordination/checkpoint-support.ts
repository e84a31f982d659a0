/** A store with documents of every kind, and what its files hold. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { FlowStore } from "flowstore";

/** The folders of what a checkpoint may hold. */
const FOLDERS = ["features", "gaps", "phases", "pipeline", "approvals", "memory", "settings"];

/** Makes some documents of every kind; two clones may do so and get different ones. */
export async function fill(store: FlowStore): Promise<void> {
  await store.transaction(async () => {
    await store.features.createBulk([
      { name: "Cart", category: "shop", mine: { kept: [1, 2.5] } },
      { name: "Prices", dependencies: [{ index: 0 }] },
      { name: "Checkout", dependencies: [{ index: 0 }, { index: 1 }] },
    ]);
    for (const epicId of ["fn-1", "fn-2"]) {
      await store.gaps.add({ epicId, capability: "search" });
      await store.gaps.add({ epicId, capability: "sorting", priority: "nice-to-have" });
      await store.pipeline.start(epicId);
    }
    await store.phases.markDone("fn-1.1", "1");
    await store.phases.markDone("fn-1.1", "2");
    await store.approvals.create({ taskId: "fn-1.1", kind: "mutation", payload: { a: 1 } });
    await store.memory.append({ text: "prices are in cents", tags: ["shop"] });
    await store.memory.append({ text: "the cookie is lost" });
    await store.settings.set("colour", { dark: true });
  });
}

/** The bytes of every document that a checkpoint may hold, by path. */
export function documentsIn(root: string): Record<string, string> {
  const texts: Record<string, string> = {};
  const visit = (folder: string): void => {
    for (const name of namesIn(join(root, folder))) {
      const path = `${folder}/${name}`;
      if (statSync(join(root, path)).isDirectory()) visit(path);
      else texts[path] = readFileSync(join(root, path)).toString("latin1");
    }
  };
  for (const folder of FOLDERS) visit(folder);
  return texts;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Those that are no tombstones. */
export function living(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).filter(([, text]) => {
      const { deletedAt } = JSON.parse(text) as { deletedAt?: unknown };
      return typeof deletedAt !== "string";
    }),
  );
}

/** The tombstones. */
export function tombstones(texts: Readonly<Record<string, string>>): string[] {
  const alive = living(texts);
  return Object.keys(texts).filter((path) => !Object.hasOwn(alive, path));
}
