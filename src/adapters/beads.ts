/**
 * beads: `issues.jsonl`, one issue a line. `beads-read.ts` reads it, `beads-write.ts` writes it.
 *
 * | issue | feature |
 * | --- | --- |
 * | `title`, `description` | `name`, `description` |
 * | `issue_type` | `category` |
 * | `priority` 0 to 4 | `priority`, the same number |
 * | `created_at` | the order in which features are made: lists by (priority, id) are then lists by (priority, `created_at`) |
 * | `acceptance_criteria`, where every line is an entry of a list | `steps`; the text is kept as well |
 * | `status` closed, done, cancelled, tombstone | `passes`; the word is kept |
 * | `dependencies` of type `blocks` | `dependencies`; all edges are kept with their fields |
 * | everything else | `imported` |
 */
import { readBeads } from "./beads-read.ts";
import { writeBeads } from "./beads-write.ts";
import type { PlanFormat } from "./format.ts";
import { isRecord } from "./plan-text.ts";

export const beads: PlanFormat = {
  name: "beads",
  title: "issues.jsonl of beads",
  mapped: [
    { from: "title", to: "name" },
    { from: "description", to: "description" },
    { from: "issue_type", to: "category" },
    { from: "priority", to: "priority" },
    { from: "acceptance_criteria", to: "steps" },
    { from: "status", to: "passes" },
    { from: "dependencies (blocks)", to: "dependencies" },
  ],
  recognise,
  read: readBeads,
  write: writeBeads,
};

function recognise(text: string): boolean {
  const first = text.trimStart().split("\n", 1)[0] ?? "";
  try {
    const issue = JSON.parse(first) as unknown;
    return isRecord(issue) && typeof issue["title"] === "string" && typeof issue["id"] === "string";
  } catch (error) {
    // A line that is no JSON by itself: then this is not JSONL.
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
