/** The plan that every store is filled with, and what is to be found in it. */

const DESCRIPTION = "What it is for, in a few sentences. ".repeat(8);

/** Of a plan under way so much passes, and so much is in progress. */
const PASSING = 0.3;
const IN_PROGRESS = 0.1;

/**
 * Features numbered from 1. Each needs the one of half its number; so, of a plan under way, about
 * a fifth is ready and the rest waits. A fresh one has no dependencies, and nobody began.
 */
export function plan(count, { fresh = false } = {}) {
  return Array.from({ length: count }, (_, index) => {
    const id = index + 1;
    const needed = Math.floor(id / 2);
    return {
      id,
      priority: id,
      category: `area ${id % 9}`,
      name: `Feature number ${id}`,
      description: DESCRIPTION,
      steps: ["first this", "then that", "look at it"],
      passes: !fresh && id <= count * PASSING,
      inProgress: !fresh && id > count * PASSING && id <= count * (PASSING + IN_PROGRESS),
      dependencies: fresh || needed === 0 ? [] : [needed],
    };
  });
}

export function inOrder(features) {
  return features.toSorted((a, b) => a.priority - b.priority || a.id - b.id);
}

export function passingOf(features) {
  return new Set(features.filter(({ passes }) => passes).map(({ id }) => id));
}

export function readyOf(features, passing = passingOf(features)) {
  return features.filter(
    (feature) =>
      !feature.passes && !feature.inProgress && feature.dependencies.every((id) => passing.has(id)),
  );
}

export function statsOf(features) {
  const passing = passingOf(features);
  let inProgress = 0;
  let blocked = 0;
  for (const feature of features) {
    if (feature.inProgress) inProgress += 1;
    if (feature.dependencies.some((id) => !passing.has(id))) blocked += 1;
  }
  return { total: features.length, passing: passing.size, inProgress, blocked };
}

/** Every feature with what needs it. */
export function graphOf(features) {
  const dependents = new Map(features.map(({ id }) => [id, []]));
  for (const { id, dependencies } of features)
    for (const needed of dependencies) dependents.get(needed)?.push(id);
  return features.map(({ id, name, category, priority, passes, inProgress, dependencies }) => ({
    id,
    name,
    category,
    priority,
    passes,
    inProgress,
    dependencies,
    dependents: dependents.get(id),
  }));
}

/** For each way of reading, a function that throws when the answer is not the plan's. */
export function answersOf(features) {
  const sum = (list) => list.reduce((total, { id }) => total + id, 0);
  const edges = (list) => list.reduce((total, { dependents }) => total + dependents.length, 0);
  const expected = statsOf(features);
  const same = (what, is, shall) => {
    if (is !== shall) throw new Error(`${what}: ${is} in place of ${shall}`);
  };
  const sameList = (what, is, shall) => {
    same(`${what}, features`, is.length, shall.length);
    same(`${what}, sum of ids`, sum(is), sum(shall));
  };
  const ready = readyOf(features);
  return {
    getById: (feature) => same("getById, name", feature.name, features[feature.id - 1].name),
    getAll: (list) => sameList("getAll", list, features),
    getReady: (list) => sameList("getReady", list, ready),
    getStats: (stats) => {
      for (const [key, value] of Object.entries(expected))
        same(`getStats, ${key}`, stats[key], value);
    },
    getGraph: (nodes) => {
      sameList("getGraph", nodes, features);
      same("getGraph, edges", edges(nodes), edges(graphOf(features)));
    },
  };
}
