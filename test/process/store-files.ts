/** What lies under a root, looked at with `cat` and `ls`: no part of the store helps here. */
import { readdirSync, readFileSync, type Dirent } from "node:fs";
import { join } from "node:path";

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

/** Every file below a folder, relative to it, in the order of names; others may be at work there. */
export function filesBelow(folder: string): string[] {
  const found: string[] = [];
  const visit = (below: string): void => {
    for (const entry of entriesOf(join(folder, below))) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) visit(path);
      else found.push(path);
    }
  };
  visit("");
  return found.toSorted();
}

function entriesOf(folder: string): Dirent[] {
  return orNone([], () => readdirSync(folder, { withFileTypes: true }));
}

/** What `look` finds; `none` where git or a writer has taken it away. */
function orNone<T>(none: T, look: () => T): T {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return none;
    throw error;
  }
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
  return orNone([], () => readdirSync(folder))
    .filter((name) => name.endsWith(suffix))
    .toSorted();
}

/** Being written: a kill may leave anything there, and nobody reads it as a file. */
const AT_WORK = /^local\/(journal|fence|guard)\//;

/** What promise P4 forbids: documents that do not parse, event lines that are ended and do not. */
export function tornFiles(root: string): string[] {
  return filesBelow(root)
    .filter((path) => !AT_WORK.test(path))
    .flatMap((path) => tornIn(root, path));
}

function tornIn(root: string, path: string): string[] {
  const isLog = path.endsWith(".jsonl");
  const isText = isLog || path.endsWith(".json");
  const text = isText ? orNone(null, () => readFileSync(join(root, path), "utf8")) : null;
  if (text === null) return [];
  if (isLog) {
    // The last line may still be growing.
    return text
      .split("\n")
      .slice(0, -1)
      .flatMap((line, index) => (parses(line) ? [] : [`${path}, line ${index + 1}: ${cut(line)}`]));
  }
  if (!parses(text)) return [`${path}: ${cut(text)}`];
  return ENDED.test(path) && !text.endsWith("}\n") ? [`${path} has no end`] : [];
}

/** What the store writes for people: two spaces, a final newline. */
const ENDED = /^(schema|features|gaps|phases|pipeline|approvals|memory|settings)\/|^flow\.json$/;

function cut(text: string): string {
  return JSON.stringify(text.slice(0, 200));
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
/** A name made of a user's text. */
const KEY = "[^/]+";

/** What may lie under a root when nobody is at work. */
const KNOWN = [
  /^flow\.json$/,
  /^\.gitignore$/,
  /^\.gitattributes$/,
  /^schema\/(feature|approval|blob|checkpoint|gap|lock|memory|phases|pipeline|scout-cache|setting)\.json$/,
  /^features\/\d+(-[a-z0-9-]+)?-[0-9a-z]{6}\.json$/,
  new RegExp(`^events/${ULID}\\.jsonl$`),
  /^local\/\.gitignore$/,
  /^local\/journal\/\d{12,}-[a-z0-9]+\.jsonl$/,
  /^local\/guard\/\d+\.generation$/,
  /^local\/cache\/last-events-[0-9a-f]+\.json$/,
  /^local\/cache\/events-[0-9a-z]+\.index$/,
  new RegExp(`^local/claims/${ULID}\\.json$`, "i"),
  new RegExp(`^(approvals|memory)/${ULID}\\.json$`, "i"),
  new RegExp(`^(phases|pipeline|settings|local/locks|local/scout-cache)/${KEY}\\.json$`),
  new RegExp(`^gaps/${KEY}/\\d+(-[a-z0-9-]+)?-[0-9a-z]{6}\\.json$`),
  new RegExp(`^outputs/${KEY}\\.md$`),
  new RegExp(`^local/lock-log/${ULID}\\.jsonl$`),
  new RegExp(`^local/checkpoints/${KEY}/(documents|manifest)\\.json$`),
];

/** Names that do not belong under a root at rest: temporaries, tickets, what killed ones left. */
export function strangeNames(root: string): string[] {
  return filesBelow(root).filter((path) => !KNOWN.some((pattern) => pattern.test(path)));
}
