/**
 * One try at a commit, by a process that holds the guard: all of it synchronous, so that nothing
 * of the same process comes between.
 *
 * INVARIANT: a change is answered only after its record won its number, was synced (under
 * `full`), was confirmed by `ok`, and was brought into the files or is known to follow.
 */

import { FlowError, isFlowError } from "../errors.ts";
import { applyPending, Fenced, tailOf, type StuckPath } from "./apply.ts";
import { encodeBatch, encodeSegmentHeader } from "./event-lines.ts";
import { FRESH_MS } from "./files.ts";
import { Fence } from "./fence.ts";
import { checksum } from "./hash.ts";
import { TAIL_BYTES } from "./judge.ts";
import {
  JOURNAL_VERSION,
  pathOf,
  type CommitRecord,
  type FileChange,
  type LedgerChange,
  type Run,
} from "./journal-lines.ts";
import { CACHE, EVENTS, folderOf, inFolder, LOCAL_IGNORE } from "./layout.ts";
import type { Storage, StorageOptions, Durability } from "./storage.ts";
import { isFault, Writing, type Document, type IdSource, type WriteBase } from "./view.ts";

/** A segment is closed when it is this long: git stores each version of a file anew. */
const SEGMENT_BYTES = 1024 * 1024;
/** A journal longer than this goes on in a new file. */
const ROTATE_BYTES = 256 * 1024;
/** Unless so many files would have to be synced at once; then it waits for an idle moment. */
const ROTATE_FILES = 256;
/** How much it grows before it is asked again whether it can be shortened. */
const TIDY_STEP_BYTES = 64 * 1024;
/** Past this it does not wait any more. */
const ROTATE_AT_ALL_COST_BYTES = 32 * 1024 * 1024;
/** An event id further ahead of the clock than this is not followed. */
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;
/** In the background so many files are synced without a pause. */
const SYNC_CHUNK = 8;

export type CommitterOptions = StorageOptions & { readonly beat: () => void };

/** Lines that a merge brought, to be numbered with the next commit. */
interface Foreign {
  readonly runs: readonly Run[];
  readonly numbered: LedgerChange["numbered"];
  readonly lastEventId: string | null;
}

const NOTHING_FOREIGN: Foreign = { runs: [], numbered: {}, lastEventId: null };

/** A file changed between two looks of one decision: it is to be made again. */
export class StaleLook extends Error {
  override readonly name = "StaleLook";
}

export class Committer implements WriteBase {
  readonly #storage: Storage;
  readonly #options: CommitterOptions;
  #fence: Fence | null = null;
  #headAtAttempt = 0;
  #foreign: Foreign = NOTHING_FOREIGN;
  #foreignCheckedAt = -1;
  #since = 0;
  /** A look since the decision began is exact: before the record is written all is looked at again. */
  #exactSince = 0;
  #nextTidyBytes = 0;
  /** What could not be brought into the files when it was last tried. */
  #stuck: readonly StuckPath[] = [];
  #noGitAt = -Infinity;
  /** Committed by `relaxed`, neither synced nor applied yet. */
  hasDeferred = false;

  constructor(storage: Storage, options: CommitterOptions) {
    this.#storage = storage;
    this.#options = options;
  }

  get #sync(): boolean {
    return this.#options.durability !== "none";
  }

  // ---- holding -------------------------------------------------------------------------------

  /** Whether the fence still stands. */
  isReady(): boolean {
    return this.#fence?.stands() === true;
  }

  /** Makes the journal and the files agree; raises the fence where there is none. */
  begin(): void {
    const { journal, disk } = this.#storage;
    const isFresh = this.#fence === null;
    this.#fence ??= Fence.raise(disk, this.#options.randomName);
    if (!isFresh) journal.tail();
    if (isFresh || journal.needsBegin) journal.begin(this.#sync);
    if (isFresh) this.#ensureLocalIgnore(this.#fence);
    if (this.hasDeferred && !isFresh) return;
    // Others' records are synced before they are applied, whatever this process does with its own.
    if (journal.head.n > journal.ok || journal.unapplied().length > 0) {
      journal.confirm(isFresh || this.#sync);
    }
    this.hasDeferred = false;
    this.#apply(new Map());
  }

  /** Syncs and applies what `relaxed` put off. */
  flush(): void {
    if (!this.hasDeferred) return;
    this.hasDeferred = false;
    this.#storage.journal.tail();
    this.#storage.journal.confirm(this.#sync);
    this.#apply(new Map());
    this.#tidy();
  }

  /** Under the guard, when nobody waits: what readers would otherwise learn from the whole log. */
  leaveCache(): void {
    const { disk, files, journal, lastEvents } = this.#storage;
    const fence = this.#fence;
    let logBytes = 0;
    for (const [bytes] of journal.ledger.numbered.values()) logBytes += bytes;
    try {
      if (fence === null || this.hasDeferred || !lastEvents.isCacheDue(logBytes)) return;
      const old = lastEvents.oldCaches();
      lastEvents.refresh(this.names(EVENTS), files.freshSince(), files.now());
      const { name, text } = lastEvents.toCache();
      disk.rename(fence.stage(text), inFolder(CACHE, name));
      for (const other of old) if (other !== name) disk.remove(inFolder(CACHE, other));
    } catch (error) {
      // A cache that could not be written costs time, no answer.
      if (!isFlowError(error, "IO")) throw error;
    }
  }

  /** Takes the fence down. */
  end(): void {
    const fence = this.#fence;
    this.#fence = null;
    try {
      fence?.lower();
    } catch (error) {
      // The next fence sweeps what could not be removed.
      if (!isFlowError(error, "IO")) throw error;
    }
  }

  /**
   * `local/` ignores itself, so that a commit without `.flow/.gitignore` does not add it.
   * Renamed into place: two first writers may both do it, and a kill leaves no empty one.
   */
  #ensureLocalIgnore(fence: Fence): void {
    const { disk } = this.#storage;
    if (disk.stat(LOCAL_IGNORE) === null) disk.rename(fence.stage("*\n"), LOCAL_IGNORE);
  }

  /** Applies what is committed; `false` when the fence fell. */
  #apply(staged: ReadonlyMap<string, string>): boolean {
    const { journal, disk } = this.#storage;
    const fence = this.#fence;
    if (fence === null) return false;
    let stuck: readonly StuckPath[] = [];
    try {
      this.#stuck = stuck = applyPending({
        disk,
        fence,
        journal,
        bootId: this.#options.identity.bootId,
        randomName: this.#options.randomName,
        nowIso: () => this.#options.toIso(this.#options.nowMs()),
        staged,
        seen: (path) => this.#storage.files.seen(path),
        recoveryHeader: () => this.#segmentHeader(new Map()),
      });
    } catch (error) {
      if (error instanceof Fenced) return false;
      // The mark could not be written: the files are right, and will be looked at again.
      if (!isFlowError(error, "IO")) throw error;
      stuck = [{ n: journal.ok, path: journal.file ?? "", reason: error.message }];
    }
    if (stuck.length > 0) this.#options.onApplyPending(stuck);
    return true;
  }

  // ---- deciding ------------------------------------------------------------------------------

  /** A write on the current state. */
  newAttempt(): Writing {
    this.#prepare();
    return new Writing(this);
  }

  #prepare(): void {
    const { journal, files } = this.#storage;
    this.#headAtAttempt = journal.head.n;
    this.#since = files.freshSince();
    this.#exactSince = files.now();
    this.#foreign = this.#lookForForeign();
  }

  get(path: string, exact: boolean): Document | null {
    const { files, overlay } = this.#storage;
    const before = exact ? files.seen(path, this.#since) : undefined;
    const file = files.look(path, exact ? this.#exactSince : this.#since);
    if (before !== undefined && before !== file) throw new StaleLook();
    if (overlay.isEmpty) return file;
    const instead = overlay.at(path, file);
    return instead === undefined ? file : instead;
  }

  names(folder: string): readonly string[] {
    const { files, overlay } = this.#storage;
    const names = files.names(folder, this.#since);
    const added = overlay.isEmpty ? [] : overlay.names(folder);
    return added.length === 0 ? names : [...new Set([...names, ...added])].sort();
  }

  readonly ids: IdSource = {
    eventId: (after) => {
      const { nowMs, newUlid, toIso } = this.#options;
      const now = nowMs();
      const known = [after, this.#storage.journal.ledger.lastEventId, this.#foreign.lastEventId];
      const highest = known.reduce((a, b) => ((b ?? "") > (a ?? "") ? b : a), null);
      return { id: newUlid(highest, now), createdAt: toIso(now) };
    },
    highestId: (kind) => {
      const { journal, log } = this.#storage;
      return Math.max(journal.ledger.ids.get(kind) ?? 0, log.highestId(kind, this.names(EVENTS)));
    },
  };

  /** Segments, or ends of segments, that bear no numbers yet: git brought them. */
  #lookForForeign(): Foreign {
    const { disk, files, journal, log } = this.#storage;
    const names = this.names(EVENTS);
    const version = files.folderVersion(EVENTS);
    if (version === this.#foreignCheckedAt) return NOTHING_FOREIGN;
    const { ledger } = journal;
    const isNumbered = (name: string): boolean => {
      const size = disk.stat(inFolder(EVENTS, name))?.size ?? 0;
      return size <= (ledger.numbered.get(name)?.[0] ?? 0);
    };
    if (names.every((name) => !name.endsWith(".jsonl") || isNumbered(name))) {
      this.#foreignCheckedAt = version;
      return NOTHING_FOREIGN;
    }
    log.refresh(names, files.now(), files.now());
    const provisional = log.look(ledger).events.filter((one) => one.provisional);
    if (provisional.length === 0) this.#foreignCheckedAt = version;
    const runs: [number, number, string, number][] = [];
    let highest: string | null = null;
    for (const { event, segment, line, sequence } of provisional) {
      const last = runs.at(-1);
      if (last !== undefined && last[2] === segment && last[3] + last[1] === line) last[1] += 1;
      else runs.push([sequence, 1, segment, line]);
      if (!this.#isFarAhead(event.id) && (highest === null || event.id > highest))
        highest = event.id;
    }
    const extents = [...log.extents()].filter(([name]) => names.includes(name));
    return { runs, numbered: Object.fromEntries(extents), lastEventId: highest };
  }

  /** The id's time, in base 32, against the clock's: no need to decode it. */
  #isFarAhead(id: string): boolean {
    return id > this.#options.newUlid(null, this.#options.nowMs() + MAX_AHEAD_MS);
  }

  // ---- publishing ----------------------------------------------------------------------------

  /**
   * Publishes a write. `lost`: somebody else was first, or a file changed; decide again.
   * `fenced`: it is committed, and to be brought into the files under a new fence.
   *
   * @throws FlowError `IO`: nothing has happened, or `context.outcome` is `unknown`.
   */
  publish(write: Writing, durability: Durability): "kept" | "lost" | "fenced" {
    const { journal } = this.#storage;
    const fence = this.#fence;
    if (fence === null) return "lost";
    const { removals } = journal;
    const staged = new Map<string, string>();
    try {
      const record = this.#recordOf(write);
      if (record === null) return "kept";
      if (durability !== "relaxed") this.#stage(fence, record, staged);
      if (!this.#isUnchanged(record)) return "lost";
      journal.tail();
      if (journal.head.n !== this.#headAtAttempt || journal.needsBegin) return "lost";
      this.#refuseStuck(record);
      if (!journal.append(record, durability === "full")) return "lost";
      journal.acknowledge(record, durability === "full");
    } catch (error) {
      // A fence that fell takes the staging with it; whoever took it down has gone on.
      const fell =
        isFlowError(error, "IO") && error.context["errno"] === "ENOENT" && !fence.stands();
      if (!fell) throw error;
      return "lost";
    } finally {
      // Once applied, its temporaries bear other names.
      if (journal.head.n === this.#headAtAttempt) this.#discard(fence, staged);
    }
    this.#foreignCheckedAt =
      Object.keys(this.#foreign.numbered).length > 0 ? -1 : this.#foreignCheckedAt;
    if (removals !== journal.removals) throw goneError();
    if (durability === "relaxed") {
      this.hasDeferred = true;
      return "kept";
    }
    if (!this.#apply(staged)) return "fenced";
    if (journal.isGone(removals)) throw goneError();
    this.#tidy();
    return "kept";
  }

  #discard(fence: Fence, staged: ReadonlyMap<string, string>): void {
    try {
      fence.discard(staged.values());
    } catch (error) {
      // They go with the fence at the latest.
      if (!isFlowError(error, "IO")) throw error;
    }
  }

  /**
   * A path that could not be written when this hold began takes nothing more: what is answered
   * must be in the files. A segment that could not be made stands for all of its folder.
   */
  #refuseStuck(record: CommitRecord): void {
    const { journal } = this.#storage;
    for (const { n, path, reason } of this.#stuck) {
      const isWaiting = (change: FileChange): boolean => "put" in change && change.put === path;
      const isSegment =
        folderOf(path) === EVENTS && journal.window.get(n)?.record.changes.some(isWaiting) === true;
      const meets = (change: FileChange): boolean =>
        pathOf(change) === path || (isSegment && folderOf(pathOf(change)) === EVENTS);
      if (!record.changes.some(meets)) continue;
      throw new FlowError(
        "IO",
        `Cannot write ${path}: an earlier change of it still waits (${reason})`,
        {
          context: { operation: "write", file: path },
          hint: "Nothing was changed. See that the file can be written, then try again.",
        },
      );
    }
  }

  #recordOf(write: Writing): CommitRecord | null {
    const { journal } = this.#storage;
    const changes: FileChange[] = [];
    for (const [path, entry] of write.changes) {
      const current = this.get(path, false);
      const pre = current === null || isFault(current) ? null : current.revision;
      if (entry === null) {
        if (current !== null) changes.push({ drop: path, pre });
      } else if (current === null || isFault(current) || current.text !== entry.text) {
        changes.push({ put: path, pre, data: entry.text });
      }
    }
    const ledger = this.#logChange(write, changes);
    if (changes.length === 0 && ledger === null) return null;
    return {
      kind: "record",
      v: JOURNAL_VERSION,
      n: journal.head.n + 1,
      prev: journal.head.id,
      id: this.#options.randomName(),
      boot: this.#options.identity.bootId,
      at: this.#options.wallMs(),
      changes,
      ...(ledger === null ? {} : { ledger }),
      ...(write.ids.size === 0 ? {} : { ids: Object.fromEntries(write.ids) }),
    };
  }

  #stage(fence: Fence, record: CommitRecord, staged: Map<string, string>): void {
    const { disk } = this.#storage;
    const folders = new Set<string>();
    for (const change of record.changes) {
      this.#options.beat();
      if (!("put" in change)) continue;
      const folder = folderOf(change.put);
      if (!folders.has(folder)) {
        refuseLinkedFolder(folder, disk.stat(folder));
        folders.add(folder);
      }
      staged.set(change.put, fence.stage(change.data));
    }
  }

  /** A hand edit since the decision: it is decided again, on what the person wrote. */
  #isUnchanged(record: CommitRecord): boolean {
    const { files } = this.#storage;
    for (const change of record.changes) {
      if ("append" in change) continue;
      const path = pathOf(change);
      const before = files.seen(path);
      if (before !== undefined && files.look(path, files.now()) !== before) return false;
    }
    return true;
  }

  /** What a write adds to the log: at the end of this clone's segment, or in a new one. */
  #logChange(write: Writing, changes: FileChange[]): LedgerChange | null {
    const { ledger } = this.#storage.journal;
    const foreign = this.#foreign;
    if (write.events.length === 0 && foreign.runs.length === 0) return null;
    const foreignCount = foreign.runs.reduce((sum, run) => sum + run[1], 0);
    const numbered: Record<string, readonly [number, number]> = { ...foreign.numbered };
    const highest = (a: string | null, b: string | null): string | null =>
      (b ?? "") > (a ?? "") ? b : a;
    const lastEventId = [foreign.lastEventId, write.lastEventId].reduce(
      highest,
      ledger.lastEventId,
    );
    const first = write.events[0];
    if (first === undefined) return { runs: foreign.runs, numbered, lastEventId, own: ledger.own };
    const data = write.batches.map(encodeBatch).join("");
    const count = write.events.length;
    const sequence = ledger.nextSequence + foreignCount;
    const head = this.#gitHead();
    const tail = checksum(Buffer.from(data).subarray(-TAIL_BYTES));
    const own = this.#appendable(head);
    let segment: string;
    let line: number;
    let bytes: number;
    if (own !== null) {
      ({ segment } = own);
      line = own.lines + 1;
      bytes = own.bytes + Buffer.byteLength(data);
      changes.push({ append: inFolder(EVENTS, segment), at: own.bytes, tail: own.tail, data });
    } else {
      segment = `${first.id}.jsonl`;
      line = 2;
      const text = `${this.#segmentHeader(write.ids)}${data}`;
      bytes = Buffer.byteLength(text);
      changes.push({ put: inFolder(EVENTS, segment), pre: null, data: text });
    }
    numbered[segment] = [bytes, line + count - 1];
    const runs: Run[] = [...foreign.runs, [sequence, count, segment, line]];
    return { runs, numbered, lastEventId, own: { segment, head, tail } };
  }

  /** Outside git the search for one is not repeated for every commit of a burst. */
  #gitHead(): string | null {
    const now = this.#storage.files.now();
    if (now - this.#noGitAt < FRESH_MS) return null;
    const head = this.#options.gitHead();
    if (head === null) this.#noGitAt = now;
    return head;
  }

  /** This clone's segment, if it is exactly as it was left and may grow. */
  #appendable(
    head: string | null,
  ): { segment: string; bytes: number; lines: number; tail: string } | null {
    const { disk, journal, overlay } = this.#storage;
    const own = journal.ledger.own;
    const extent = own === null ? undefined : journal.ledger.numbered.get(own.segment);
    if (own === null || extent === undefined || own.head !== head) return null;
    const [bytes, lines] = extent;
    if (bytes >= SEGMENT_BYTES) return null;
    const found = { segment: own.segment, bytes, lines, tail: own.tail };
    const path = inFolder(EVENTS, own.segment);
    if (!overlay.isEmpty && overlay.endOf(path) !== null) return this.hasDeferred ? found : null;
    const handle = disk.open(path, "write");
    if (handle === null) return null;
    try {
      const isOurs = handle.stat().size === bytes && tailOf(handle, bytes) === own.tail;
      return isOurs ? found : null;
    } finally {
      handle.close();
    }
  }

  #segmentHeader(newIds: ReadonlyMap<string, number>): string {
    const { journal, log } = this.#storage;
    const names = this.names(EVENTS);
    const kinds = new Set([...journal.ledger.ids.keys(), ...newIds.keys()]);
    const ids = [...kinds].map((kind) => [
      kind,
      Math.max(
        newIds.get(kind) ?? 0,
        journal.ledger.ids.get(kind) ?? 0,
        log.highestId(kind, names),
      ),
    ]);
    return encodeSegmentHeader({
      segment: 1,
      clone: journal.header?.clone ?? "",
      createdAt: this.#options.toIso(this.#options.nowMs()),
      ids: Object.fromEntries(ids) as Record<string, number>,
    });
  }

  // ---- tidying -------------------------------------------------------------------------------

  /** Keeps the journal short. What fails here is tried again by the next commit. */
  #tidy(): void {
    const { journal } = this.#storage;
    try {
      journal.removeOldFiles(this.#sync);
      if (journal.size < Math.max(ROTATE_BYTES, this.#nextTidyBytes)) return;
      this.#nextTidyBytes = journal.size + TIDY_STEP_BYTES;
      const isUrgent = journal.size > ROTATE_AT_ALL_COST_BYTES;
      if (isUrgent || this.#unsynced().paths.size <= ROTATE_FILES) this.shorten(ROTATE_BYTES);
    } catch (error) {
      if (!isFlowError(error, "IO")) throw error;
    }
  }

  /** Under the guard: replaces a journal longer than `limit` by a short one. */
  shorten(limit: number): void {
    const { journal } = this.#storage;
    if (journal.size < limit || this.hasDeferred || journal.poisoned) return;
    try {
      const { n, paths, folders } = this.#unsynced();
      // Whatever this store's durability: a record by another process may go with the old file.
      for (const path of paths) this.#syncOne(path);
      for (const folder of folders) this.#storage.disk.syncFolder(folder);
      journal.raiseFloor(n);
      journal.rotate({ sync: true });
      this.#nextTidyBytes = 0;
    } catch (error) {
      // A longer journal does no harm; the next close or commit tries again.
      if (!isFlowError(error, "IO")) throw error;
    }
  }

  #syncOne(path: string): void {
    this.#options.beat();
    this.#storage.disk.syncFile(path);
  }

  /** What was applied in this boot and is not known to be on the disk. */
  #unsynced(): { n: number; paths: ReadonlySet<string>; folders: ReadonlySet<string> } {
    const { journal } = this.#storage;
    const paths = new Set<string>();
    let n = journal.floor;
    const entries = [...journal.window.values()].sort((a, b) => a.record.n - b.record.n);
    for (const { record, appliedIn, stuck } of entries) {
      if (record.n <= journal.floor) continue;
      if (record.n > journal.ok || appliedIn !== this.#options.identity.bootId) break;
      for (const change of record.changes) {
        if (!stuck.has(pathOf(change))) paths.add(pathOf(change));
      }
      n = record.n;
    }
    return { n, paths, folders: new Set([...paths].flatMap(foldersOf)) };
  }

  /** In the background, without the guard: makes what was applied durable, then says so. */
  async raiseFloor(pause: () => Promise<boolean>): Promise<void> {
    const { disk, journal } = this.#storage;
    try {
      journal.tail();
      const { n, paths, folders } = this.#unsynced();
      if (paths.size === 0 || journal.poisoned || journal.header === null) return;
      const epoch = journal.header.epoch;
      let count = 0;
      for (const path of paths) {
        disk.syncFile(path);
        count += 1;
        if (count % SYNC_CHUNK === 0 && !(await pause())) return;
      }
      for (const folder of folders) disk.syncFolder(folder);
      journal.tail();
      if (journal.header?.epoch === epoch && !journal.poisoned) journal.raiseFloor(n);
    } catch (error) {
      // A failed sync leaves the floor where it is: the records above it are kept. What else
      // fails here, the next call of a user meets and is told of.
      if (!isFlowError(error)) throw error;
    }
  }
}

/** The folders above a path: a new one's name lasts only when its own folder was synced. */
function foldersOf(path: string): string[] {
  const folder = folderOf(path);
  return folder === "" ? [folder] : [folder, ...foldersOf(folder)];
}

function refuseLinkedFolder(folder: string, stat: { isDirectory(): boolean } | null): void {
  if (stat === null || stat.isDirectory()) return;
  throw new FlowError("IO", `Cannot write into ${folder}: it is not a real folder`, {
    context: { file: folder, errno: "ENOTDIR", operation: "write" },
    hint: "Folders under .flow/ must not be links.",
  });
}

export function goneError(): FlowError {
  return new FlowError(
    "IO",
    "Cannot tell whether the change was kept: local/ was removed meanwhile",
    {
      context: { outcome: "unknown", file: "local/journal" },
      hint: "Open the store again and look; the change is there wholly or not at all.",
    },
  );
}
