/** Bringing a plan into a store: all of it in one transaction, or nothing. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { FlowError } from "../errors.ts";
import type { FlowStore } from "../index.ts";
import type { FieldMapping, ImportProblem, KeptAside, PlanFormat, PlanItem } from "./format.ts";
import { refuseErrors } from "./format.ts";
import {
  decideImport,
  type Creation,
  type ImportDecision,
  type Target,
  type Update,
} from "./import-decision.ts";
import { importedFields } from "./imported.ts";
import type { DroppedEdge } from "./judge-edges.ts";

/** Ten minutes: 10,000 items are written in seconds, and a slow disk shall not undo them. */
const IMPORT_TIMEOUT_MS = 600_000;

/** Why a field is kept aside; it is found again under its own name. */
export const KEPT_UNDER_IMPORTED = "no place of its own: kept under imported";

/** So that an interruption is heard within a few hundredths of a second. */
const ITEMS_A_TURN = 50;

/** A plan that is to be imported. */
export interface Plan {
  readonly format: PlanFormat;
  /** As people know it, for messages; some formats keep its last part with the items. */
  readonly fileName: string;
  readonly text: string;
}

export interface ImportOptions {
  /** An abort ends it with `ABORTED` and leaves nothing behind. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ImportReport {
  readonly file: string;
  readonly format: string;
  /** How many items the plan has; the sum of the next three. */
  readonly total: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  /** How many items are finished by the plan's word. */
  readonly finished: number;
  readonly mapped: readonly FieldMapping[];
  readonly keptAside: readonly KeptAside[];
  readonly droppedEdges: readonly DroppedEdge[];
  readonly problems: readonly ImportProblem[];
}

/**
 * Imports a plan. Importing it again updates what it made and makes nothing twice.
 *
 * @throws FlowError `CORRUPT` or `BAD_REQUEST` with file and line for a plan that cannot be read.
 */
export async function importPlan(
  store: FlowStore,
  plan: Plan,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const { items, problems, keptAside } = plan.format.read(plan.text, plan.fileName);
  refuseErrors(problems, plan.fileName);
  const decision = await store.transaction(() => decideAndWrite(store, plan, items, options), {
    timeoutMs: IMPORT_TIMEOUT_MS,
  });
  return {
    file: plan.fileName,
    format: plan.format.name,
    total: items.length,
    created: decision.creations.length,
    updated: decision.updates.length,
    unchanged: decision.unchanged,
    finished: items.filter(({ passes }) => passes).length,
    mapped: plan.format.mapped,
    keptAside: [...keptAside, ...fieldsKept(items)],
    droppedEdges: decision.dropped,
    problems,
  };
}

async function decideAndWrite(
  store: FlowStore,
  plan: Plan,
  items: readonly PlanItem[],
  options: ImportOptions,
): Promise<ImportDecision> {
  const decision = decideImport(await store.features.getAll(), items, plan.fileName);
  const note = `import of ${plan.format.name}`;
  const { creations, updates } = decision;
  let done = 0;
  const total = creations.length + updates.length;
  const step = async (): Promise<void> => {
    done += 1;
    options.onProgress?.(done, total);
    // The store answers without leaving the turn of the event loop; a signal comes between turns.
    if (done % ITEMS_A_TURN === 0) await nextTurn();
    refuseAborted(options.signal);
  };

  refuseAborted(options.signal);
  // What the plan no longer has goes first: else a turned edge would close a circle on its way.
  for (const { uid, reduced } of updates) {
    if (reduced !== null) await store.features.setDependencies(uid, uids(reduced, []), { note });
  }
  const created = await createAll(store, creations, note);
  for (const [index, { item }] of creations.entries()) {
    if (item.passes)
      await store.features.markPassing(created[index] ?? "", { note: noteOf(note, item) });
    await step();
  }
  for (const update of updates) {
    await writeUpdate(store, update, created, note);
    await step();
  }
  return decision;
}

/** @returns the uids, in order. */
async function createAll(
  store: FlowStore,
  creations: readonly Creation[],
  note: string,
): Promise<string[]> {
  if (creations.length === 0) return [];
  const inputs = creations.map(({ input, dependsOn }) => ({
    ...input,
    dependencies: dependsOn.map((target) => ("uid" in target ? target.uid : target)),
  }));
  const features = await store.features.createBulk(inputs, { note });
  return features.map(({ uid }) => uid);
}

async function writeUpdate(
  store: FlowStore,
  { item, uid, patch, extended, passes }: Update,
  created: readonly string[],
  note: string,
): Promise<void> {
  const whole = extended === null ? patch : { ...patch, dependencies: uids(extended, created) };
  if (Object.keys(whole).length > 0) await store.features.update(uid, whole, { note });
  if (passes === true) await store.features.markPassing(uid, { note: noteOf(note, item) });
  if (passes === false) await store.features.markFailing(uid, { note: noteOf(note, item) });
}

function uids(targets: readonly Target[], created: readonly string[]): string[] {
  return targets.map((target) => ("uid" in target ? target.uid : (created[target.index] ?? "")));
}

function noteOf(note: string, item: PlanItem): string {
  const { status } = item.imported;
  return typeof status === "string" ? `${note}: ${status}` : note;
}

/** How often each field went under `imported`, in the order in which they first appear. */
function fieldsKept(items: readonly PlanItem[]): KeptAside[] {
  const counts = new Map<string, number>();
  for (const { imported } of items) {
    for (const key of Object.keys(importedFields(imported))) {
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return [...counts].map(([what, count]) => ({ what, count, why: KEPT_UNDER_IMPORTED }));
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new FlowError("ABORTED", "The import was interrupted; nothing was imported");
  }
}
