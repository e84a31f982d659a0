/**
 * One try at a commit, by a process that holds the guard: all of it synchronous, so that nothing
 * of the same process comes between.
 *
 * INVARIANT: a change is answered only after its record won its number, was synced (under
 * `full`), was confirmed by `ok`, and was brought into the files or is known to follow.
 */

import { FlowError, isFlowError } from "../errors.ts";
import { applyPending, Fenced, NOTHING_STAGED, type Staged, type StuckPath } from "./apply.ts";
import { Fence } from "./fence.ts";
import { isFault, type Document } from "./files.ts";
import { JOURNAL_VERSION, pathOf, type CommitRecord, type FileChange } from "./journal-lines.ts";
import { EVENTS, folderOf, inFolder, LOCAL_IGNORE, LOG_SUFFIX } from "./layout.ts";
import { afterClearing, digestOfLog, localLogChanges } from "./local-log.ts";
import { archiveSegments, type ArchiveOptions, type ArchiveReport } from "./log-archive.ts";
import { LogWriter } from "./log-writer.ts";
import { OpenLogs } from "./open-logs.ts";
import { goneOutcome } from "./outcome.ts";
import type { Durability, Parts, StorageOptions } from "./parts.ts";
import { Upkeep } from "./upkeep.ts";
import { Writing, type IdSource, type WriteBase } from "./view.ts";

export type CommitterOptions = StorageOptions & { readonly beat: () => void };

/** A file changed between two looks of one decision: it is to be made again. */
export class StaleLook extends Error {
  override readonly name = "StaleLook";
}

export class Committer implements WriteBase {
  readonly #storage: Parts;
  readonly #options: CommitterOptions;
  readonly #openLogs: OpenLogs;
  readonly #logWriter: LogWriter;
  readonly #upkeep: Upkeep;
  #fence: Fence | null = null;
  /** The last commit that a decision sees: a record behind it that waits for its `ok` it does not. */
  #seenAtAttempt = 0;
  #since = 0;
  /** A look since the decision began is exact: before the record is written all is looked at again. */
  #exactSince = 0;
  /** What could not be brought into the files when it was last tried. */
  #stuck: readonly StuckPath[] = [];
  /** Committed by `relaxed`, neither synced nor applied yet. */
  hasDeferred = false;

  constructor(storage: Parts, options: CommitterOptions) {
    this.#storage = storage;
    this.#options = options;
    this.#openLogs = new OpenLogs(storage.disk);
    this.#logWriter = new LogWriter(storage, options, this.#openLogs);
    this.#upkeep = new Upkeep(storage, options, options.beat);
  }

  get ids(): IdSource {
    return this.#logWriter.ids;
  }

  /** The number that the next event gets, as of the last attempt. */
  get nextSequence(): number {
    return this.#logWriter.nextSequence;
  }

  get #sync(): boolean {
    return this.#options.durability !== "none";
  }

  // ---- holding -------------------------------------------------------------------------------

  /**
   * Whether there is a fence that is not known to have fallen. It is not looked at: the first
   * temporary, or its rename, finds that it fell, and then the commit is tried under another.
   */
  get isReady(): boolean {
    return this.#fence?.hasFallen === false;
  }

  /** Once something is known to have vanished; {@link isReady} knows it from then on. */
  lookAtFence(): void {
    this.#fence?.stands();
  }

  /** Makes the journal and the files agree; raises the fence where there is none. */
  begin(): void {
    const { journal, disk } = this.#storage;
    const isFresh = this.#fence === null;
    this.#fence ??= Fence.raise(disk, this.#options.randomName);
    if (!isFresh) journal.tail();
    if (isFresh || journal.needsBegin || journal.isDenied) journal.begin(this.#sync);
    if (isFresh) this.#ensureLocalIgnore(this.#fence);
    // A record without `ok` must be settled first: the next one would follow it unseen.
    if (this.hasDeferred && !isFresh && journal.head.n === journal.ok) return;
    // Others' records are synced before they are applied, whatever this process does with its own.
    // So they are, too, when somebody took the guard from this process while it was stopped.
    const areOthers = isFresh || journal.head.n > journal.ok;
    if (journal.head.n > journal.ok || journal.unapplied().length > 0) {
      journal.confirm(areOthers || this.#sync, areOthers);
    }
    this.hasDeferred = false;
    this.#apply(NOTHING_STAGED);
  }

  /** Syncs and applies what `relaxed` put off. */
  flush(): void {
    if (!this.hasDeferred) return;
    this.hasDeferred = false;
    this.#storage.journal.tail();
    this.#storage.journal.confirm(this.#sync);
    this.#apply(NOTHING_STAGED);
    this.#upkeep.tidy();
  }

  /** Under the guard, when nobody waits: replaces a journal longer than `limit` by a short one. */
  shorten(limit: number): void {
    if (!this.hasDeferred) this.#upkeep.shorten(limit);
  }

  /** Under the guard, when nobody waits: what readers would otherwise learn from the whole log. */
  leaveCache(): void {
    if (this.#fence !== null && !this.hasDeferred) this.#upkeep.leaveCache(this.#fence);
  }

  /** Without the guard: makes what was applied durable, then says so. */
  async raiseFloor(pause: () => Promise<boolean>, mostFiles?: number): Promise<void> {
    return this.#upkeep.raiseFloor(pause, mostFiles);
  }

  /** Under the guard: packs closed segments. Everything applied is synced first, so that no commit comes back to one. */
  archive(options: ArchiveOptions): ArchiveReport {
    const fence = this.#fence;
    if (fence === null) return { archived: [], kept: [] };
    if (!options.dryRun) this.#upkeep.shorten(0);
    this.#openLogs.closeAll();
    const { toIso, wallMs, beat } = this.#options;
    const nowIso = (agoMs: number): string => toIso(wallMs() - agoMs);
    const { disk, journal, files, overlay, log, readers, lastEvents } = this.#storage;
    const parts = { disk, journal, files, overlay, log, readers, lastEvents };
    const report = archiveSegments({ ...parts, nowIso, sync: this.#sync, beat }, fence, options);
    files.distrust();
    log.distrust();
    lastEvents.distrust();
    return report;
  }

  /** Takes the fence down. */
  end(): void {
    const fence = this.#fence;
    this.#fence = null;
    try {
      this.#openLogs.closeAll();
      fence?.lower();
    } catch (error) {
      // The next fence sweeps what could not be removed; what was written is in the journal.
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
  #apply(staged: Staged): boolean {
    const { journal, disk } = this.#storage;
    const fence = this.#fence;
    if (fence === null) return false;
    let stuck: readonly StuckPath[] = [];
    try {
      this.#stuck = stuck = applyPending({
        disk,
        fence,
        journal,
        openLogs: this.#openLogs,
        bootId: this.#options.identity.bootId,
        sync: this.#sync,
        randomName: this.#options.randomName,
        // Not the user's clock: it may break after the change has happened.
        nowIso: () => this.#options.toIso(this.#options.wallMs()),
        staged,
        beat: this.#options.beat,
        settled: (path) => this.#storage.files.settled(path),
        added: (path) => {
          this.#storage.files.touched(path, true);
          this.#storage.log.distrust();
        },
        recoveryHeader: () => this.#logWriter.header(new Map()),
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
    this.#seenAtAttempt = journal.ok;
    this.#since = files.freshSince();
    this.#exactSince = files.now();
    this.#logWriter.prepare(this.names(EVENTS));
  }

  get(path: string, exact: boolean): Document | null {
    const { files, overlay } = this.#storage;
    // Deciding about thousands of files takes long: whoever waits must see that this one lives.
    this.#options.beat();
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
    return overlay.namesOver(folder, names, (path) => this.get(path, false) !== null);
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
    const { epoch } = journal;
    const staged = new Map<string, string>();
    let record: CommitRecord | null = null;
    try {
      record = this.#recordOf(write);
      if (record === null) return "kept";
      if (durability !== "relaxed") this.#stage(fence, record, staged);
      if (!this.#isUnchanged(record)) return "lost";
      // A record that came since is found when this one is read back: it has won.
      if (journal.head.n !== this.#seenAtAttempt || journal.needsBegin) return "lost";
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
      if (journal.head.n === this.#seenAtAttempt) this.#discard(fence, staged);
    }
    this.#logWriter.committed();
    if (epoch !== journal.epoch) throw goneOutcome();
    if (durability === "relaxed") {
      // Nothing was renamed that would have shown it: this look is the only one before the answer.
      if (journal.isOver(epoch)) throw goneOutcome();
      this.hasDeferred = true;
      return "kept";
    }
    if (!this.#apply({ record: record.id, byPath: staged })) return "fenced";
    if (journal.isOver(epoch)) throw goneOutcome();
    this.#upkeep.tidy();
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
    const { journal, disk, overlay } = this.#storage;
    const changes: FileChange[] = [];
    for (const [path, entry] of write.changes) {
      const current = this.get(path, false);
      const pre = path.endsWith(LOG_SUFFIX)
        ? digestOfLog(disk, overlay, path)
        : revisionOf(current);
      if (entry === null) {
        if (current !== null) changes.push({ drop: path, pre });
      } else if (current === null || isFault(current) || current.text !== entry.text) {
        changes.push({ put: path, pre, data: entry.text });
      }
    }
    for (const [folder, lines] of write.localLines) {
      const isLeft = (name: string): boolean => write.changes.get(inFolder(folder, name)) !== null;
      const names = this.names(folder).filter(isLeft);
      const left = afterClearing(lines);
      changes.push(...localLogChanges(disk, overlay, folder, names, left, this.#options));
    }
    const ledger = this.#logWriter.change(write, changes, this.hasDeferred);
    if (changes.length === 0 && ledger === null) return null;
    const ids = this.#logWriter.idsToNote(write);
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
      ...(ids.size === 0 ? {} : { ids: Object.fromEntries(ids) }),
    };
  }

  #stage(fence: Fence, record: CommitRecord, staged: Map<string, string>): void {
    const { files } = this.#storage;
    const folders = new Set<string>();
    for (const change of record.changes) {
      this.#options.beat();
      if (!("put" in change)) continue;
      const folder = folderOf(change.put);
      if (!folders.has(folder)) {
        refuseLinkedFolder(folder, files.folder(folder, this.#since));
        folders.add(folder);
      }
      staged.set(change.put, fence.stage(change.data));
    }
  }

  /** A hand edit since the decision: it is decided again, on what the person wrote. */
  #isUnchanged(record: CommitRecord): boolean {
    const { files } = this.#storage;
    for (const change of record.changes) {
      this.#options.beat();
      if ("append" in change) continue;
      const path = pathOf(change);
      const before = files.seen(path);
      if (before !== undefined && files.look(path, files.now()) !== before) return false;
    }
    return true;
  }
}

function refuseLinkedFolder(folder: string, stat: { isDirectory(): boolean } | null): void {
  if (stat === null || stat.isDirectory()) return;
  throw new FlowError("IO", `Cannot write into ${folder}: it is not a real folder`, {
    context: { file: folder, errno: "ENOTDIR", operation: "write" },
    hint: "Folders under .flow/ must not be links.",
  });
}

function revisionOf(document: Document | null): string | null {
  return document === null || isFault(document) ? null : document.revision;
}
