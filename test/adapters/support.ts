/** Real plans for the tests of the adapters, and a store to bring them into. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { TestContext } from "node:test";
import { FlowStore, type Feature } from "#src/index.js";
import { importPlan, type ImportReport } from "#src/adapters/import-plan.js";
import { formatNamed } from "#src/adapters/formats.js";
import { atEnd } from "../at-end.ts";

/** Beside the repository, where the project's shared data lies: other people's text stays there. */
const SHARED_DATA = resolve(process.cwd(), "../shared/data");

/** A plan of the shared data; `null` where it is not there. */
export function realPlan(name: string): string | null {
  try {
    return readFileSync(resolve(SHARED_DATA, name), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return null;
  }
}

export async function openStore(context: TestContext): Promise<FlowStore> {
  const store = await FlowStore.openTemporary({ durability: "none" });
  atEnd(context, () => store.close());
  return store;
}

export function bring(
  store: FlowStore,
  formatName: string,
  text: string,
  fileName = "plan",
): Promise<ImportReport> {
  return importPlan(store, { format: formatNamed(formatName), fileName, text });
}

/** The store's features as a format writes them. */
export async function give(store: FlowStore, formatName: string): Promise<string> {
  return formatNamed(formatName).write?.(await store.features.getAll()) ?? "";
}

export function lines(records: readonly unknown[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}

export function byName(features: readonly Feature[], name: string): Feature {
  const found = features.find((feature) => feature.name === name);
  if (found === undefined) throw new Error(`There is no feature "${name}"`);
  return found;
}

/** The key `imported`, as the tests know it. */
export function importedOf(feature: Feature): Record<string, unknown> {
  return feature["imported"] as Record<string, unknown>;
}
