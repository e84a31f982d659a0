/** What lies under a root, looked at with `cat` and `ls`: no part of the store helps here. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** A stored feature, as its file says. */
export interface FeatureFile {
  readonly id: number;
  readonly uid: string;
  readonly name: string;
  readonly deletedAt?: string;
  readonly [key: string]: unknown;
}

/** A line of the event log, as its file says. */
export interface EventInFile {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly agent?: string;
  readonly payload: {
    readonly featureId: number;
    readonly featureUid: string;
    readonly field?: string;
    readonly oldValue?: string;
    readonly newValue?: string;
  };
}

/** Every file below a folder, relative to it, in the order of names. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}

/** Every feature's document, tombstones too, in the order of file names. */
export function featureFiles(root: string): FeatureFile[] {
  const folder = join(root, "features");
  return names(folder, ".json").map(
    (name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as FeatureFile,
  );
}

/** Every event line of every segment, in the order of segments and lines; equal lines come twice. */
export function eventLines(root: string): EventInFile[] {
  const folder = join(root, "events");
  return names(folder, ".jsonl").flatMap((name) =>
    readFileSync(join(folder, name), "utf8")
      .split("\n")
      .filter((line) => line.startsWith('{"id":'))
      .map((line) => JSON.parse(line) as EventInFile),
  );
}

/** Names of a folder's files; none without the folder: git keeps no empty one. */
function names(folder: string, suffix: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(suffix))
      .toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** What promise P4 forbids: documents that do not parse, event lines that are ended and do not. */
export function tornFiles(root: string): string[] {
  const torn: string[] = [];
  for (const folder of ["", "schema", "features"]) {
    for (const name of names(join(root, folder), ".json")) {
      const text = readFileSync(join(root, folder, name), "utf8");
      if (!parses(text)) torn.push(`${join(folder, name)}: ${JSON.stringify(text.slice(0, 200))}`);
      if (!text.endsWith("}\n")) torn.push(`${join(folder, name)} has no end`);
    }
  }
  for (const name of names(join(root, "events"), ".jsonl")) {
    const lines = readFileSync(join(root, "events", name), "utf8").split("\n");
    // The last one may still be growing.
    for (const [index, line] of lines.slice(0, -1).entries()) {
      if (!parses(line))
        torn.push(`${name}, line ${index + 1}: ${JSON.stringify(line.slice(0, 200))}`);
    }
  }
  return torn;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

const ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}";

/** What may lie under a root when nobody is at work. */
const KNOWN = [
  /^flow\.json$/,
  /^\.gitignore$/,
  /^\.gitattributes$/,
  /^schema\/(feature|approval|checkpoint|gap|lock|memory|phases|pipeline|scout-cache|setting)\.json$/,
  /^features\/\d+(-[a-z0-9-]+)?-[0-9a-z]{6}\.json$/,
  new RegExp(`^events/${ULID}\\.jsonl$`),
  /^local\/\.gitignore$/,
  /^local\/journal\/\d{12,}-[a-z0-9]+\.jsonl$/,
  /^local\/guard\/\d+\.generation$/,
  /^local\/cache\/last-events-[0-9a-f]+\.json$/,
  new RegExp(`^local/claims/${ULID}\\.json$`, "i"),
];

/** Names that do not belong under a root at rest: temporaries, tickets, what killed ones left. */
export function strangeNames(root: string): string[] {
  return filesBelow(root).filter((path) => !KNOWN.some((pattern) => pattern.test(path)));
}
