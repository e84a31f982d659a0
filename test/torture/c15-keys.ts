/**
 * Keys that a newer version may have put into a document, at every level of it; and whether they
 * are still there, in their order. Works on texts, so that numbers count as they are written.
 */
import type { Dice } from "./c12-damages.ts";
import type { Inner, Kind } from "./c15-documents.ts";

/** The members of the outermost object: as the store and these tests write, one a line or more. */
type Members = readonly (readonly [key: string, raw: string])[];

const MEMBER = /^ {2}"((?:[^"\\]|\\.)*)": /gm;

export function membersOf(text: string): Members {
  const starts = [...text.matchAll(MEMBER)];
  return starts.map((start, at) => {
    const from = start.index + start[0].length;
    const to = starts[at + 1]?.index ?? text.lastIndexOf("}");
    return [start[1] ?? "", text.slice(from, to).replace(/,?\s*$/, "")];
  });
}

function textOf(members: Members): string {
  return `{\n${members.map(([key, raw]) => `  "${key}": ${raw}`).join(",\n")}\n}\n`;
}

/** Values as a newer version may write them, and JavaScript cannot hold. */
const RAW = [
  ...["1.0", "1e400", "-0", "12345678901234567890", "0.10", "null", '"\\u0041\\/\\ud800"', "[ ]"],
  ...['{\n    "deep": { "deeper": [1.50, {}] }\n  }', '"}{][,:\\""', "[[[]]]", '""'],
];
const NAMES = ["estimate", "x-team", "__proto__", "constructor", "naïve", "a b", "", "\\u0061"];
/** Within a member that a call writes as a whole, a value is kept, not how it was written. */
const VALUES = [7, "a text", null, [1, { b: [] }], { deep: { deeper: true } }];

function inserted<T>(all: readonly T[], one: T, dice: Dice): T[] {
  // The first key is `$schema`, which leads to the schema, or a row's place.
  return all.toSpliced(1 + dice.below(all.length), 0, one);
}

/** A document with keys of a newer version in it, at the outermost level and in inner objects. */
export function withNewerKeys(
  text: string,
  { inner, names = NAMES }: Pick<Kind, "inner" | "names">,
  dice: Dice,
): string {
  let members = membersOf(text).map(([key, raw]): readonly [string, string] =>
    key === inner?.key ? [key, withInnerKeys(raw, dice)] : [key, raw],
  );
  for (let count = 1 + dice.below(4); count > 0; count -= 1) {
    const name = dice.oneOf(names);
    if (members.some(([key]) => key === name)) continue;
    members = inserted(members, [name, dice.oneOf(RAW)], dice);
  }
  return textOf(members);
}

function withInnerKeys(raw: string, dice: Dice): string {
  const value = JSON.parse(raw) as unknown;
  const grow = (one: unknown): unknown => {
    if (typeof one !== "object" || one === null) return one;
    const entries = inserted(Object.entries(one), ["x-newer", dice.oneOf(VALUES)], dice);
    return Object.fromEntries(entries);
  };
  const grown = Array.isArray(value) ? value.map(grow) : grow(value);
  return JSON.stringify(grown, null, 2).replaceAll("\n", "\n  ");
}

/** What is lost of the keys of a newer version. */
export function lostKeys(
  before: string,
  after: string,
  known: ReadonlySet<string>,
  inner: Inner | null,
): string[] {
  const [old, now] = [membersOf(before), membersOf(after)];
  const left = new Map(now);
  const lost = old
    .filter(([key]) => !known.has(key))
    .filter(([key, raw]) => left.get(key) !== raw)
    .map(([key, raw]) => `${JSON.stringify(key)}: ${raw} is now ${left.get(key)}`);
  return [...lost, ...movedKeys(old, now), ...(inner === null ? [] : innerLost(old, now, inner))];
}

/** Keys keep their order; new ones may stand between them. */
function movedKeys(old: Members, now: Members): string[] {
  const common = (one: Members, other: Members): string[] => {
    const keys = new Set(other.map(([key]) => key));
    return one.map(([key]) => key).filter((key) => keys.has(key));
  };
  const [then, since] = [common(old, now), common(now, old)];
  return then.join() === since.join() ? [] : [`the order ${then} became ${since}`];
}

/** Inner objects that are still there keep their keys, and these their order. */
function innerLost(old: Members, now: Members, { key, by, isOrdered }: Inner): string[] {
  const objects = (members: Members): Record<string, unknown>[] => {
    const value = JSON.parse(new Map(members).get(key) ?? "null") as unknown;
    const all = (Array.isArray(value) ? value : [value]) as (Record<string, unknown> | null)[];
    return all.filter((one) => one !== null);
  };
  const since = new Map(objects(now).map((one) => [one[by], one]));
  return objects(old).flatMap((one): string[] => {
    const same = since.get(one[by]);
    if (same === undefined) return [];
    const isKept = JSON.stringify(same["x-newer"]) === JSON.stringify(one["x-newer"]);
    const order = (all: object, other: object): string =>
      Object.keys(all)
        .filter((name) => Object.hasOwn(other, name))
        .join();
    const isInOrder = !isOrdered || order(one, same) === order(same, one);
    return isKept && isInOrder
      ? []
      : [`in ${key}: ${JSON.stringify(one)} is ${JSON.stringify(same)}`];
  });
}
