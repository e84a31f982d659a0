/** Features as tasks of Claude Code (`~/.claude/tasks/<session>/<id>.json`), and back. */
import type { FeatureState } from "./feature.ts";

/** A task file's content. */
export interface Task {
  /** A decimal number as text. */
  readonly id: string;
  readonly subject: string;
  readonly description: string;
  readonly activeForm: string;
  /** `pending`, `in_progress` or `completed`; anything else counts as pending. */
  readonly status: string;
  readonly owner: string;
  readonly blocks: readonly string[];
  readonly blockedBy: readonly string[];
}

/** What of a task can be read: only `id` and `subject` need be there. */
export type TaskInput = Pick<Task, "id" | "subject"> & {
  readonly [Key in keyof Omit<Task, "id" | "subject">]?: Task[Key] | undefined;
};

/** What a task tells of a feature. The store gives the rest when it creates one. */
export type TaskFeature = Pick<
  FeatureState,
  "id" | "priority" | "category" | "name" | "description" | "steps" | "passes" | "inProgress"
> &
  Pick<FeatureState, "dependencies" | "createdAt" | "updatedAt">;

/**
 * A feature as a task. `owner` is always `flow`, `blocks` always empty; priority, category and
 * steps have no place in a task.
 *
 * @param _sessionId has no influence; it stands here because the call is known with it
 */
export function featureToTask(
  feature: Pick<FeatureState, "id" | "name" | "description" | "passes" | "inProgress"> & {
    readonly dependencies: readonly number[];
  },
  _sessionId: string,
): Task {
  const working = feature.inProgress ? "in_progress" : "pending";
  return {
    id: String(feature.id),
    subject: feature.name,
    description: feature.description,
    activeForm: feature.inProgress ? `Working on: ${feature.name}` : "",
    status: feature.passes ? "completed" : working,
    owner: "flow",
    blocks: [],
    blockedBy: feature.dependencies.map(String),
  };
}

/**
 * What a task tells of a feature. An id that is no integer becomes 0, entries of `blockedBy` that
 * are none are dropped; what a task does not know is 0, empty or `null`.
 */
export function taskToFeature(task: TaskInput): TaskFeature {
  return {
    id: integerOf(task.id) ?? 0,
    priority: 0,
    category: "",
    name: task.subject,
    description: task.description ?? "",
    steps: [],
    passes: task.status === "completed",
    inProgress: task.status === "in_progress",
    dependencies: (task.blockedBy ?? []).map(integerOf).filter((id) => id !== null),
    createdAt: null,
    updatedAt: null,
  };
}

/** Only digits with at most one sign: `Number` would also take blanks, `1e3` and `0x10`. */
function integerOf(text: string): number | null {
  if (!/^[+-]?\d+$/.test(text)) return null;
  const value = Number(text) + 0;
  return Number.isSafeInteger(value) ? value : null;
}
