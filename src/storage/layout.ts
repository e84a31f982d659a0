/**
 * Every path under `.flow/`: the only place that joins them. Paths are relative to the root and
 * written with `/`, as `Disk` takes them.
 */

export const FORMAT = 1;

/** What the folder that holds a project's state is called. */
export const ROOT_NAME = ".flow";

export const MANIFEST = "flow.json";
export const GIT_IGNORE = ".gitignore";
export const GIT_ATTRIBUTES = ".gitattributes";

export const SCHEMA = "schema";
export const FEATURES = "features";
export const EVENTS = "events";
export const PHASES = "phases";
export const PIPELINE = "pipeline";
/** With a folder for each epic. */
export const GAPS = "gaps";
export const APPROVALS = "approvals";
export const MEMORY = "memory";
export const SETTINGS = "settings";
export const OUTPUTS = "outputs";
/** With a folder for each table. */
export const PROJECTIONS = "projections";
export const BLOBS = "blobs";
/** Which content a key has. */
export const BLOB_KEYS = "blobs/keys";
/** Contents by their digest, in folders by its first two digits. */
export const BLOB_DATA = "blobs/data";

export const LOCAL = "local";
export const LOCAL_IGNORE = "local/.gitignore";
export const JOURNAL = "local/journal";
export const GUARD = "local/guard";
export const GUARD_QUEUE = "local/guard/queue";
export const FENCE = "local/fence";
/** Contents of blobs that are being written. */
export const BLOB_PARTS = "local/blobs";
export const CLAIMS = "local/claims";
export const CACHE = "local/cache";
export const QUARANTINE = "local/quarantine";
export const BACKUP = "local/backup";
export const LOCKS = "local/locks";
/** Those who wait for a lock, one file each. */
export const LOCK_QUEUE = "local/lock-queue";
/** What happened to locks. */
export const LOCK_LOG = "local/lock-log";
export const SCOUT_CACHE = "local/scout-cache";
/** With a folder for each checkpoint. */
export const CHECKPOINTS = "local/checkpoints";

/** With a folder for each execution: four documents, and the lines of its steps. */
export const WORKFLOWS = "local/workflows";
export const WORKFLOW_DEFINITIONS = "local/workflow-definitions";
/** Which executions are in which status, and which timers wait: a folder each, one name for each. */
export const WORKFLOW_INDEX = "local/workflow-index";

/** How far groups of consumers have come in the log, one file each. */
export const CURSORS = "local/cursors";
/** States that streams came to, one file each; a cache. */
export const SNAPSHOTS = "local/snapshots";

/** Tracked folders that a first document makes. */
export const DOCUMENT_FOLDERS = [
  PHASES,
  PIPELINE,
  GAPS,
  APPROVALS,
  MEMORY,
  SETTINGS,
  OUTPUTS,
  PROJECTIONS,
  BLOB_KEYS,
] as const;

/** Folders that `init` makes, parents first. */
export const TRACKED_FOLDERS = [SCHEMA, FEATURES, EVENTS] as const;

/** Folders that a writer makes when they are missing, parents first. */
export const LOCAL_FOLDERS = [LOCAL, JOURNAL, GUARD, GUARD_QUEUE, FENCE, CLAIMS, CACHE] as const;

/** Logs end so: what they hold follows from all changes of them, in their order. */
export const LOG_SUFFIX = ".jsonl";
/** What the name of an archived segment has behind that. */
export const PACKED_SUFFIX = ".gz";

/** The segments whose files a folder names, each once: a plain file and an archived one are one. */
export function segmentsIn(names: readonly string[]): string[] {
  const found = new Set<string>();
  for (const name of names) {
    if (name.endsWith(LOG_SUFFIX)) found.add(name);
    else if (name.endsWith(`${LOG_SUFFIX}${PACKED_SUFFIX}`)) {
      found.add(name.slice(0, -PACKED_SUFFIX.length));
    }
  }
  return [...found];
}

/** The path of `name` in `folder`. */
export function inFolder(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** The folder of a path; `""` for a name in the root. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** The folders above a path: a new one's name lasts only when its own folder was synced. */
export function foldersOf(path: string): string[] {
  const folder = folderOf(path);
  return folder === "" ? [folder] : [folder, ...foldersOf(folder)];
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The ULID of the file's first line. */
const LOCAL_LOG = /^[0-7][0-9A-HJKMNP-TV-Z]{25}\.jsonl$/;

/** Whether a name is one that the store gives to a file of a log of this clone's own; no copy is. */
export function isLocalLogName(name: string): boolean {
  return LOCAL_LOG.test(name);
}

/** Whether no line of a log of this clone's own is ever let go: what it says is said nowhere else. */
export function keepsEveryLine(folder: string): boolean {
  return folder.startsWith(`${WORKFLOWS}/`);
}

/** Whether a path is this clone's own, ignored by git. */
export function isLocal(path: string): boolean {
  return path.startsWith("local/");
}
