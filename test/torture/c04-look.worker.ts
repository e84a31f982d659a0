/**
 * Looks at a store after a power cut, with the eyes of a program of a new boot, and says all in
 * one line: `c04-look.worker.js PROJECT [mend]`. First as a reader, who writes nothing; with
 * `mend` then as a writer, who brings the files up to date, and at the files as `cat` shows them.
 */
import { FlowStore, type Finding } from "flowstore";
import { nodeDisk } from "#src/disk/node-disk.js";
import { FENCE } from "#src/storage/layout.js";
import { strays } from "../crash/checks.ts";
import { stopListening, tell } from "../process/store-worker.ts";
import { OPTIONS } from "./c04-changes.ts";
import { tornFiles } from "./c04-plain-files.ts";
import { stateOf, type State } from "./c04-state.ts";

/** What was seen. */
export interface Look {
  readonly reader: State;
  /** Files that were empty or cut before anybody mended them: what the cut really did. */
  readonly tornBefore: readonly string[];
  /** What must not be, of all looks. */
  readonly wrong: readonly string[];
}

const [project = "", mend = ""] = process.argv.slice(2);
const wrong: string[] = [];

function found(when: string, findings: readonly Finding[]): void {
  for (const { file, rule, message } of findings)
    wrong.push(`check ${when}: ${rule} ${file}: ${message}`);
}

async function lookAsReader(): Promise<State> {
  const store = await FlowStore.open(project, { ...OPTIONS, readOnly: true });
  const state = await stateOf(store);
  found("by a reader", await store.check());
  await store.close();
  return state;
}

async function lookAsWriter(before: State): Promise<void> {
  const store = await FlowStore.open(project, OPTIONS);
  await store.repair();
  const state = await stateOf(store);
  // What a reader saw is what a writer goes on from.
  if (JSON.stringify(state.facts) !== JSON.stringify(before.facts))
    wrong.push(`a reader saw ${before.facts.length} facts, the next writer ${state.facts.length}`);
  await store.changes.logEvent(1, "looked", { agent: "look" });
  found("by a writer", await store.check());
  await store.close();
  for (const file of tornFiles(store.root)) wrong.push(`torn: ${file}`);
  const disk = nodeDisk(store.root);
  for (const name of disk.list(FENCE) ?? []) wrong.push(`left in the fence: ${name}`);
  for (const name of strays(disk)) wrong.push(`left in the journal: ${name}`);
}

const tornBefore = tornFiles(`${project}/.flow`);
const reader = await lookAsReader();
if (mend === "mend") await lookAsWriter(reader);
tell(JSON.stringify({ reader, tornBefore, wrong } satisfies Look));
stopListening();
