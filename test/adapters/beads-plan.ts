/** A large plan as beads writes one: every key, status and sort of edge that it has, made by chance. */
import { seededRandom } from "#src/disk/power-cut.js";

const ISSUES = 500;
const STATUSES = ["closed", "closed", "closed", "open", "in_progress", "tombstone", "deferred"];
const EDGES = ["blocks", "blocks", "parent-child", "parent_child", "discovered-from", "relates-to"];
const TYPES = ["task", "feature", "epic", "bug", "chore"];
const FIRST_MS = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;

/** JSONL, an issue a line, none before those that it needs. */
export function largePlan(seed = 1): string {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const oneOf = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const sometimes = (key: string, make: () => unknown): Record<string, unknown> =>
    random() < 0.4 ? { [key]: make() } : {};
  const timeOf = (minutes: number): string =>
    new Date(FIRST_MS + minutes * MINUTE_MS).toISOString().replace("Z", "123456Z");
  const idOf = (index: number): string => `plan-${index.toString(36)}`;
  const issue = (index: number): Record<string, unknown> => {
    const id = idOf(index);
    const status = oneOf(STATUSES);
    const at = timeOf(index);
    const needed = [...new Set([below(index + 1), below(index + 1)])].filter((one) => one < index);
    const edge = (one: number): Record<string, unknown> => ({
      issue_id: id,
      depends_on_id: idOf(one),
      type: oneOf(EDGES),
      created_at: at,
      created_by: "ann",
    });
    return {
      id,
      title: `Nº ${index}: “${oneOf(["Cart", "prix à payer", "検索", "🚢 ship"])}”`,
      ...sometimes("description", () => `## Why\n\n* one\n* two \\ three\n\n\ttab ${index}`),
      status,
      priority: below(5),
      issue_type: oneOf(TYPES),
      ...sometimes("assignee", () => oneOf(["ann", "bob"])),
      ...sometimes("estimated_minutes", () => below(500)),
      created_at: at,
      ...sometimes("created_by", () => "ann"),
      updated_at: timeOf(index + 1),
      ...(status === "closed" ? { closed_at: timeOf(index + 2), close_reason: "done" } : {}),
      ...(status === "tombstone" ? { deleted_at: timeOf(index + 2), deleted_by: "bob" } : {}),
      ...sometimes("notes", () => "seen twice"),
      ...sometimes("acceptance_criteria", () => "- [ ] it works\n- [x] it is told"),
      ...sometimes("external_ref", () => `gh-${index}`),
      compaction_level: 0,
      original_size: 0,
      ...sometimes("labels", () => ["api", "büro"]),
      ...(needed.length > 0 ? { dependencies: needed.map(edge) } : {}),
      ...sometimes("comments", () => [
        { id: index + 1, issue_id: id, author: "bob", text: "ready?\nyes", created_at: at },
      ]),
    };
  };
  const lines = Array.from({ length: ISSUES }, (_, index) => JSON.stringify(issue(index)));
  return `${lines.join("\n")}\n`;
}
