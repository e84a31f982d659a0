/** The plans that the package brings along: complete, free of circles, worth building. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";

const FOLDER = resolve(import.meta.dirname, "../../../fixtures/plans");

interface Planned {
  readonly id: number;
  readonly name: string;
  readonly category: string;
  readonly description: string;
  readonly priority: number;
  readonly steps: readonly string[];
  readonly dependencies: readonly number[];
}

const KEYS = ["id", "name", "category", "description", "priority", "steps", "dependencies"];

function readPlan(name: string): readonly Planned[] {
  const text = readFileSync(join(FOLDER, name), "utf8");
  return (JSON.parse(text) as { features: Planned[] }).features;
}

function duplicates<T>(values: readonly T[]): T[] {
  return values.filter((value, at) => values.indexOf(value) !== at);
}

/** The length of the longest chain that ends at each feature; throws on a circle. */
function depths(features: readonly Planned[]): Map<number, number> {
  const byId = new Map(features.map((feature) => [feature.id, feature]));
  const known = new Map<number, number>();
  const measure = (id: number, trail: readonly number[]): number => {
    assert.ok(!trail.includes(id), `circle: ${[...trail, id].join(" → ")}`);
    const depth =
      known.get(id) ??
      1 +
        Math.max(
          0,
          ...(byId.get(id)?.dependencies ?? []).map((next) => measure(next, [...trail, id])),
        );
    known.set(id, depth);
    return depth;
  };
  for (const { id } of features) measure(id, []);
  return known;
}

const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

test("there is a plan", () => {
  assert.ok(names.includes("tool-library.json"));
});

for (const name of names) {
  describe(`fixtures/plans/${name}`, () => {
    const features = readPlan(name);
    const ids = new Set(features.map(({ id }) => id));

    test("has the keys of a plan and no others", () => {
      for (const feature of features) assert.deepEqual(Object.keys(feature), KEYS);
    });

    test("gives each feature an id, a name and a priority of its own", () => {
      assert.deepEqual(duplicates(features.map(({ id }) => id)), []);
      assert.deepEqual(duplicates(features.map((feature) => feature.name)), []);
      assert.deepEqual(duplicates(features.map(({ priority }) => priority)), []);
      for (const { id, priority } of features) {
        assert.ok(Number.isInteger(id) && id >= 1);
        assert.ok(Number.isInteger(priority) && priority >= 1);
      }
    });

    test("leaves no text empty or unfinished", () => {
      for (const feature of features) {
        const texts = [feature.name, feature.category, feature.description, ...feature.steps];
        for (const text of texts) assert.match(text, /^\S(.*\S)?$/, `feature ${feature.id}`);
        assert.match(feature.description, /[.!?]$/, `feature ${feature.id}`);
        assert.ok(feature.steps.length >= 2 && feature.steps.length <= 5, `feature ${feature.id}`);
        assert.deepEqual(duplicates(feature.steps), []);
      }
    });

    test("depends on itself nowhere and on nothing unknown", () => {
      for (const { id, dependencies } of features) {
        assert.deepEqual(duplicates(dependencies), []);
        for (const dependency of dependencies) assert.ok(ids.has(dependency), `${id}`);
      }
      depths(features);
    });

    test("is large and deep enough to be built by many", () => {
      const categories = new Set(features.map(({ category }) => category));
      assert.ok(features.length >= 64 && features.length <= 80);
      assert.ok(categories.size >= 6 && categories.size <= 9);
      assert.ok(Math.max(...depths(features).values()) >= 6);
      assert.ok(features.filter(({ dependencies }) => dependencies.length === 0).length >= 2);
      assert.ok(features.some(({ dependencies }) => dependencies.length >= 3));
    });

    test("is written the way a formatter would", () => {
      const text = readFileSync(join(FOLDER, name), "utf8");
      assert.equal(text, `${JSON.stringify(JSON.parse(text), null, 2)}\n`);
    });
  });
}
