/** What can be wrong with workflows; the index of what is wrong is mended from the documents. */

import type { Finding } from "../finding.ts";
import { inFolder } from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";
import type { Writing } from "../storage/view.ts";
import { WorkflowDamage } from "../stores/workflow-damage.ts";
import type { Sight } from "./sight.ts";

/** Every problem; it reads the whole history of each execution, so `check` alone looks for them. */
export function findWorkflowProblems({ storage, view }: Sight): Finding[] {
  return new WorkflowDamage(storage, view).all();
}

/** Those of executions that are under way. */
export function findLivingWorkflowProblems({ storage, view }: Sight): Finding[] {
  return new WorkflowDamage(storage, view).living();
}

/** Puts the names of the index right. `keep` is told of each file before it is changed. */
export function mendIndex(storage: Storage, write: Writing, keep: (path: string) => void): void {
  for (const { folder, name, text } of new WorkflowDamage(storage, write).indexFaults()) {
    keep(inFolder(folder, name));
    if (text === null) write.drop(folder, name);
    else write.put(folder, name, text);
  }
}
