/** New features, one or many at once. Pure decisions; see `feature-world.ts`. */
import { FlowError } from "../errors.ts";
import { newFeatureDocument } from "./feature.ts";
import {
  assertCreateInput,
  EDITABLE_FEATURE_KEYS,
  type BatchIndex,
  type CreateFeatureInput,
  type FeatureRef,
} from "./feature-inputs.ts";
import { knownId } from "./feature-dependencies.ts";
import {
  dependenciesIn,
  priorityAfter,
  priorityAfterAll,
  requireAgent,
  type ChangeOptions,
  type Decision,
  type FeatureWorld,
} from "./feature-world.ts";
import { cycleDetected, pathBetween } from "./graph.ts";
import { componentsOf, idGraph } from "./graph-nodes.ts";
import type { FeatureDocument } from "./schema.ts";
import { toIso } from "./time.ts";

/** A dependency after it was looked up: an id that exists, or a place in the batch. */
type Resolved = number | BatchIndex;

/**
 * Creates all of `inputs` or none, in their order. A dependency is an id, a uid or a place in the
 * batch, also a later one. Those without a priority get one by a counter that begins after the
 * highest priority before the batch; explicit ones neither use nor move it. An empty list is no
 * change. In a batch of one every place is out of range.
 *
 * @throws FlowError `BAD_REQUEST` for a malformed input or a place that is out of range or the
 *   input's own, `NOT_FOUND` for an unknown dependency, `CYCLE_DETECTED`; in a batch of several
 *   the message names the place and `context.index` holds it.
 */
export function decideCreate(
  world: FeatureWorld,
  inputs: readonly CreateFeatureInput[],
  options: Pick<ChangeOptions, "agent"> = {},
): Decision {
  const agent = options.agent === undefined ? null : requireAgent(options.agent);
  const given: unknown = inputs;
  if (!Array.isArray(given)) {
    throw new FlowError("BAD_REQUEST", "Features are created from a list of inputs");
  }
  const size = inputs.length;
  if (size === 0) return { changes: [], events: [], uids: [] };
  // By index: `forEach` would pass over a hole.
  for (let at = 0; at < size; at += 1) {
    atPlace(at, size, () => assertCreateInput(inputs[at], actionAt(at, size)));
  }
  const resolved = inputs.map((input, at) =>
    atPlace(at, size, () =>
      (input.dependencies ?? []).map((dependency) => resolve(world, dependency, at, size)),
    ),
  );
  const documents = newDocuments(world, inputs, resolved);
  refuseCircles(world, documents);
  return {
    changes: documents.map((document) => ({ kind: "create", document })),
    events: documents.map(({ id, uid }) => ({
      featureId: id,
      featureUid: uid ?? "",
      eventType: "created",
      field: null,
      oldValue: null,
      newValue: null,
      agent,
    })),
    uids: documents.map(({ uid }) => uid ?? ""),
  };
}

function newDocuments(
  world: FeatureWorld,
  inputs: readonly CreateFeatureInput[],
  resolved: readonly (readonly Resolved[])[],
): FeatureDocument[] {
  const createdAt = toIso(world.nowMs);
  const ids = inputs.map(() => world.nextId());
  let counter: number | null = null;
  return inputs.map((input, at) => {
    let { priority } = input;
    if (priority === undefined) {
      priority = counter === null ? priorityAfterAll(world) : priorityAfter(counter);
      counter = priority;
    }
    const dependencies = (resolved[at] ?? []).map((dependency) =>
      typeof dependency === "number" ? dependency : (ids[dependency.index] as number),
    );
    return newFeatureDocument({
      id: ids[at] as number,
      uid: world.newUid(),
      name: input.name,
      category: input.category ?? "",
      description: input.description ?? "",
      steps: input.steps ?? [],
      priority,
      dependencies: [...new Set(dependencies)],
      createdAt,
      unknown: unknownKeysOf(input),
    });
  });
}

function unknownKeysOf(input: CreateFeatureInput): ReadonlyMap<string, unknown> {
  return new Map(
    Object.entries(input).filter(
      ([key, value]) => value !== undefined && !EDITABLE_FEATURE_KEYS.has(key),
    ),
  );
}

function resolve(
  world: FeatureWorld,
  dependency: FeatureRef | BatchIndex,
  at: number,
  size: number,
): Resolved {
  if (typeof dependency !== "object") return knownId(world, dependency);
  const { index } = dependency;
  if (index < size && index !== at) return dependency;
  const reason =
    size === 1
      ? "a feature that is created alone has no batch to point into"
      : index === at
        ? "it points to itself"
        : `the batch has ${size} inputs`;
  throw new FlowError(
    "BAD_REQUEST",
    `${actionAt(at, size)}: the dependency { index: ${index} } is impossible, ${reason}`,
    { context: { field: "dependencies", dependency: { index } } },
  );
}

/**
 * No new feature may stand in a circle. Besides places in the batch, an old feature can close
 * one: a file may already name an id that only now comes into use.
 */
function refuseCircles(world: FeatureWorld, documents: readonly FeatureDocument[]): void {
  const fresh = new Map(documents.map((document) => [document.id, document.dependencies ?? []]));
  const stored = dependenciesIn(world);
  const dependenciesOf = (id: number): Iterable<number> => fresh.get(id) ?? stored(id);
  const reachable = new Set(fresh.keys());
  for (const id of reachable) for (const next of dependenciesOf(id)) reachable.add(next);
  const { ids, edges } = idGraph(
    Array.from(reachable, (id) => ({ id, dependencies: [...dependenciesOf(id)] })),
  );
  const { componentOf, sizes } = componentsOf(edges);
  for (const [node, id] of ids.entries()) {
    const inCircle = (sizes[componentOf[node] as number] ?? 1) > 1 || edges[node]?.includes(node);
    if (inCircle !== true || !fresh.has(id)) continue;
    const at = documents.findIndex((document) => document.id === id);
    // The first step of the way is taken by hand: a way from a node to itself would be empty.
    const start = 0;
    const path = pathBetween(start, id, (from) => dependenciesOf(from === start ? id : from));
    const context = documents.length > 1 ? { index: at } : {};
    throw cycleDetected(actionAt(at, documents.length), [id, ...(path ?? []).slice(1)], context);
  }
}

function actionAt(at: number, size: number): string {
  return size === 1 ? "Cannot create the feature" : `Cannot create the features: inputs[${at}]`;
}

/** Runs `step` for one input, and adds the place in the batch to what it throws. */
function atPlace<T>(at: number, size: number, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof FlowError) || size === 1) throw error;
    const message = error.message.includes(`inputs[${at}]`)
      ? error.message
      : `${actionAt(at, size)}: ${error.message}`;
    throw new FlowError(error.code, message, {
      hint: error.hint,
      context: { ...error.context, index: at },
    });
  }
}
