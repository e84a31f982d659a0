/**
 * What the table of `check` in the README says to be named in a file that can be read: written down
 * here once more, on texts and the published schemas, and knowing nothing of the store's own.
 */
import { schemaFiles } from "#src/init.js";

/** As deep a document may nest. */
const DEEPEST = 1000;

/** Which schema the documents of a folder have. */
const SCHEMAS: readonly (readonly [files: RegExp, schema: string])[] = [
  [/^features\//, "feature"],
  [/^gaps\//, "gap"],
  [/^phases\//, "phases"],
  [/^pipeline\//, "pipeline"],
  [/^approvals\//, "approval"],
  [/^memory\//, "memory"],
  [/^settings\//, "setting"],
  [/^local\/locks\//, "lock"],
];

/** Which key a file is named after, and how its name says it. */
const NAMES: readonly (readonly [files: RegExp, key: string])[] = [
  [/^(?:features|gaps\/[^/]+)\/(\d+)-[^/]*\.json$/, "id"],
  [/^phases\/([\w.-]+)\.json$/, "taskId"],
  [/^pipeline\/([\w.-]+)\.json$/, "epicId"],
  [/^settings\/([\w.-]+)\.json$/, "key"],
  [/^(?:approvals|memory)\/(\w+)\.json$/, "id"],
];

/** What must be said of a document that holds a JSON object; `null` where nothing must. */
export function wrongIn(path: string, text: string): string | null {
  const { deepest, repeated } = shapeOf(text);
  if (deepest > DEEPEST) return `it nests ${deepest} deep`;
  if (repeated !== null) return `it holds ${repeated} twice`;
  const value = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const name = SCHEMAS.find(([files]) => files.test(path))?.[1];
  const broken = name === undefined ? null : schemaProblem(schemaOf(name), value, "");
  return broken ?? nameProblem(path, value);
}

function nameProblem(path: string, value: Readonly<Record<string, unknown>>): string | null {
  for (const [files, key] of NAMES) {
    const said = files.exec(path)?.[1];
    if (said === undefined || String(value[key]).toLowerCase() === said.toLowerCase()) continue;
    return `its name says ${said}, its ${key} ${JSON.stringify(value[key])}`;
  }
  return null;
}

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g;

/** How deep a JSON text nests, and a key that stands twice in one object of it. */
function shapeOf(text: string): { deepest: number; repeated: string | null } {
  const open: Set<string>[] = [];
  let deepest = 0;
  let repeated: string | null = null;
  for (const [token, colon] of text.matchAll(TOKENS)) {
    if (token === "{" || token === "[") deepest = Math.max(deepest, open.push(new Set()));
    else if (token === "}" || token === "]") open.pop();
    else if (colon !== undefined) {
      const key = token.slice(0, -colon.length);
      const name = JSON.parse(key) as string;
      if (open.at(-1)?.has(name) === true) repeated ??= key;
      open.at(-1)?.add(name);
    }
  }
  return { deepest, repeated };
}

// ---- schemas ---------------------------------------------------------------------------------

/** As much of JSON Schema as the published ones use. */
interface Schema {
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
}

function schemaOf(name: string): Schema {
  return JSON.parse(schemaFiles().get(`${name}.json`) ?? "") as Schema;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function schemaProblem(schema: Schema, value: unknown, at: string): string | null {
  const { anyOf, type, minimum = -Infinity, maximum = Infinity, minLength = 0 } = schema;
  if (anyOf !== undefined) {
    const problems = anyOf.map((one) => schemaProblem(one, value, at));
    return problems.includes(null) ? null : (problems[0] ?? null);
  }
  const is = typeOf(value);
  const isOfType = type === undefined || is === type || (type === "number" && is === "integer");
  if (!isOfType) return `${at} is of type ${is}, not ${type}`;
  if (typeof value === "number" && (value < minimum || value > maximum)) return `${at} is ${value}`;
  if (typeof value === "string" && value.length < minLength) return `${at} is too short`;
  if (schema.enum?.includes(value) === false) return `${at} is none of its words`;
  return is === "object" || is === "array" ? partsProblem(schema, value as object, at) : null;
}

function partsProblem(schema: Schema, value: object, at: string): string | null {
  const missing = schema.required?.find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) return `${at}/${missing} is missing`;
  for (const [key, one] of Object.entries(value)) {
    const known = schema.properties ?? {};
    const part = Array.isArray(value) ? schema.items : Object.hasOwn(known, key) ? known[key] : {};
    const problem = schemaProblem(part ?? {}, one, `${at}/${key}`);
    if (problem !== null) return problem;
  }
  return null;
}

// ---- other files -----------------------------------------------------------------------------

/** What must be said of an output; `null` where nothing must. */
export function wrongInOutput(bytes: Buffer): string | null {
  if (bytes.every((byte) => byte === 0)) return "it is empty, or of zeros";
  // One alone may be a person's: a heading in markdown is underlined so.
  const text = bytes.toString("utf8");
  const hasAll = [/^<{7} /m, /^={7}$/m, /^>{7} /m].every((marker) => marker.test(text));
  return hasAll ? "it holds the markers of a merge" : null;
}

/** What must be said of a segment beside its lines; `null` where nothing must. */
export function wrongInSegment(bytes: Buffer): string | null {
  if (bytes.length === 0) return "it is empty";
  if (bytes.at(-1) !== 10) return "its last line has no end";
  const [first = ""] = bytes.toString("latin1").split("\n", 1);
  return first === "" || first.includes('"segment":') ? null : "its header is gone";
}
