/** Locks from files and back: the one way of a change, and waiting for one. */

import { isFlowError } from "../errors.ts";
import { badField } from "../model/given.ts";
import {
  decideAcquire,
  type Granted,
  type LockRequest,
  type Refused,
} from "../model/lock-decisions.ts";
import { byPath, LockDraft, locksOf, type LockWorld } from "../model/lock-draft.ts";
import { inTheWayOf, type InTheWay } from "../model/lock-errors.ts";
import { highestTokenIn, lostIn } from "../model/lock-log.ts";
import { boundTo, type LockEntry, type LockKind } from "../model/locks.ts";
import { toIso } from "../model/time.ts";
import { noFilesIn, type LocalLine } from "../storage/local-log.ts";
import { LOCK_LOG } from "../storage/layout.ts";
import { Writing, type Reading } from "../storage/view.ts";
import { requireBearable, tooLarge } from "./call-size.ts";
import type { ChangeNote, StoreContext } from "./context.ts";
import {
  clearedLines,
  moveAside,
  refuseNoFolder,
  unreadableSegments,
  type DamagedFile,
} from "./lock-damage.ts";
import { LockFiles, type IsAlive, type StoredWorld } from "./lock-files.ts";
import { waitFor } from "./waiting.ts";

/** How often one who waits looks whether it is free. */
const LOOK_EVERY_MS = 50;
/** How much longer one who waits rests than it looks: among very many locks a look takes a while. */
const REST_SHARE = 4;
/** How often one who waits shows that it still does; `LockFiles` passes by whoever is silent. */
const SHOW_EVERY_MS = 2000;
/** Tokens are numbered under this name, in this clone alone. */
const TOKEN_KIND = "local:lock-token";
const TOKENS_A_MS = 1000;
/** A clock that shows a later year is no measure: its tokens would soon be no whole numbers. */
const LATEST_TOKEN_MS = Date.UTC(2200, 0, 1);

/** How a request may wait. */
export interface WaitOptions {
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A place in the queue, and the token that tells which locks were granted before. */
interface Place {
  readonly ticket: number;
  readonly token: number;
}

/** What asking came to. */
export type Obtained = Granted | ({ readonly kind: "refused" } & InTheWay);

/** Reads and changes locks for the calls of `Locks`. */
export class LockCommits {
  readonly #context: StoreContext;
  readonly files: LockFiles;

  constructor(context: StoreContext, keyOf: (path: string) => string, isAlive: IsAlive) {
    this.#context = context;
    this.files = new LockFiles(context, keyOf, isAlive);
  }

  /** Looks at all locks of one moment. */
  async look<T>(see: (world: LockWorld) => T): Promise<T> {
    return this.#context.storage.read((view) => see(this.files.world(view)));
  }

  /** Changes locks; those that count no more are taken out in the same commit. */
  async change<T>(
    note: ChangeNote,
    decide: (draft: LockDraft, write: Writing, world: StoredWorld) => T,
  ): Promise<T> {
    const commit = this.#context.storage.commit((write) => {
      const world = this.files.world(write);
      refuseNoFolder(write, LOCK_LOG, this.#context.findings);
      const draft = new LockDraft(world);
      const result = decide(draft, write, world);
      this.files.carryOut(write, draft, note);
      return result;
    });
    return tooLarge(commit);
  }

  /**
   * A change that also takes damaged files away. Of those that a commit cannot take away, none
   * goes in a transaction: it may yet be undone.
   *
   * @param decide how many locks it took away
   * @returns that, and how many damaged files.
   */
  async clear(
    note: ChangeNote,
    isMeant: (file: DamagedFile) => boolean,
    decide: (draft: LockDraft, write: Writing) => number,
  ): Promise<number> {
    const isInside = await this.#isInside();
    const { count, others } = await this.change(note, (draft, write, world) => {
      const meant = world.damaged.filter((file) => isMeant(file) && (file.isFile || !isInside));
      const files = meant.filter(({ isFile }) => isFile);
      if (meant.length > 0) {
        const { nowMs, keyOf } = world;
        for (const line of clearedLines(meant, this.lines(write), keyOf, nowMs)) draft.note(line);
        this.files.clear(write, files);
      }
      const others = meant.filter(({ isFile }) => !isFile);
      return { count: decide(draft, write) + files.length, others };
    });
    return count + others.filter((file) => moveAside(this.#context, file)).length;
  }

  /**
   * What happened to locks, oldest first, with what a write under way adds.
   *
   * @param taskId only lines that may be of this task
   */
  lines(view: Reading | Writing, taskId?: string): readonly LocalLine[] {
    const { storage, findings } = this.#context;
    refuseNoFolder(view, LOCK_LOG, findings);
    const damage = unreadableSegments(noFilesIn(storage.disk, LOCK_LOG, view.names(LOCK_LOG)));
    for (const one of damage) findings.report(one);
    findings.settle(LOCK_LOG, damage);
    const holding = taskId === undefined ? "" : JSON.stringify(taskId);
    const logged = storage.localLines(view, LOCK_LOG, holding);
    return view instanceof Writing ? [...logged, ...view.pendingLocal(LOCK_LOG)] : logged;
  }

  /**
   * The locks that a task had and has no more; see `lostIn`.
   *
   * @param lines of the log, those of the task at least
   */
  lost(draft: LockDraft, lines: readonly LocalLine[], taskId: string): LockEntry[] {
    const all = [...lines, ...draft.lines];
    const there = new Set(draft.ofTask(taskId).map(({ token }) => token));
    return lostIn(all, taskId, (token) => there.has(token), draft.world.keyOf).sort(byPath);
  }

  /** What a task has locked, and of what it has lost the paths; the kind where it is known. */
  async own(taskId: string): Promise<{ path: string; kind?: LockKind }[]> {
    return this.#context.storage.read((view) => {
      const world = this.files.world(view);
      const draft = new LockDraft(world);
      const lost = this.lost(draft, this.lines(view, taskId), taskId).map(({ path }) => ({ path }));
      const held = draft.ofTask(taskId).map(({ path }) => {
        const kind = world.paths.get(path)?.kind;
        return kind === undefined ? { path } : { path, kind };
      });
      return [...lost, ...held];
    });
  }

  // ---- asking --------------------------------------------------------------------------------

  /** Grants a request, at once or within its time. */
  async obtain(request: LockRequest, wait: WaitOptions, note: ChangeNote): Promise<Obtained> {
    const { own, targets, taskId, owner } = request;
    requireBearable(targets.map((target) => [target, own, taskId, owner, note]));
    if (wait.waitMs > 0) return this.#wait(request, wait, note);
    return this.change(note, (draft, write) => {
      this.files.sweepQueue(write, note);
      return this.#decide(draft, write, request, null);
    });
  }

  #decide(draft: LockDraft, write: Writing, request: LockRequest, ticket: number | null): Obtained {
    const next = this.#tokens(write, draft.world);
    return seen(draft.world, decideAcquire(draft, request, ticket, next));
  }

  async #wait(
    request: LockRequest,
    { waitMs, signal }: WaitOptions,
    note: ChangeNote,
  ): Promise<Obtained> {
    await this.#refuseInside();
    const { sleep, monotonicMs } = this.#context.storage.options;
    const deadline = monotonicMs() + waitMs;
    const since = toIso(this.#context.nowMs());
    let place = null as Place | null;
    let showAt = 0;
    let restUntil = 0;
    const look = async (): Promise<Obtained | null> => {
      const begun = monotonicMs();
      if (place !== null && begun < showAt) {
        if (begun < restUntil) return null;
        const isFree = await this.#isFree(request, place.ticket);
        restUntil = monotonicMs() + (monotonicMs() - begun) * REST_SHARE;
        if (!isFree) return null;
      }
      showAt = monotonicMs() + SHOW_EVERY_MS;
      const left = deadline - monotonicMs();
      const tried = await this.#tryInQueue(request, { place, since, leftMs: left }, note);
      ({ place } = tried);
      return tried.obtained.kind === "granted" ? tried.obtained : null;
    };
    try {
      const patience = { timeoutMs: waitMs, signal, sleep, monotonicMs };
      const granted = await waitFor(look, { ...patience, longestPauseMs: LOOK_EVERY_MS });
      if (granted !== null) return granted;
      return (await this.#tryInQueue(request, { place, since, leftMs: 0 }, note)).obtained;
    } catch (error) {
      // Whatever ends the waiting, nobody stands at the place in the queue any more.
      if (place !== null) await this.#leave(place.ticket, note);
      throw error;
    }
  }

  /** Whether a request would be granted now; looks only. */
  async #isFree(request: LockRequest, ticket: number): Promise<boolean> {
    return this.look((world) => {
      const draft = new LockDraft(world);
      return decideAcquire(draft, request, ticket, () => 1).kind === "granted";
    });
  }

  /** Tries once more; where it is refused, waits on in the queue, or leaves it when the time is over. */
  async #tryInQueue(
    request: LockRequest,
    { place, since, leftMs }: { place: Place | null; since: string; leftMs: number },
    note: ChangeNote,
  ): Promise<{ readonly obtained: Obtained; readonly place: Place | null }> {
    return this.change(note, (draft, write) => {
      this.files.sweepQueue(write, note);
      const obtained = this.#decide(draft, write, request, place?.ticket ?? null);
      if (obtained.kind === "granted" || leftMs <= 0) {
        if (place !== null) this.files.dropTicket(write, place.ticket);
        return { obtained, place: null };
      }
      const { nowMs } = draft.world;
      const taken = place ?? {
        ticket: this.files.nextTicket(write),
        token: this.#tokens(write, draft.world)(),
      };
      this.files.putTicket(write, {
        ...taken,
        taskId: request.taskId,
        owner: request.owner ?? request.actor,
        mode: request.mode,
        paths: request.targets.map(({ path }) => path),
        also: request.targets.flatMap(({ also }) => also),
        since,
        until: toIso(nowMs + leftMs),
        seenAt: toIso(nowMs),
        ...boundTo(this.#context.storage.options.identity),
      });
      return { obtained, place: taken };
    });
  }

  async #leave(ticket: number, note: ChangeNote): Promise<void> {
    try {
      await this.change(note, (_draft, write) => this.files.dropTicket(write, ticket));
    } catch (error) {
      // Others pass by a place at which nobody shows any more; what ended the waiting says more.
      if (!isFlowError(error)) throw error;
    }
  }

  /** In a transaction nobody else could give anything back. */
  async #refuseInside(): Promise<void> {
    if (!(await this.#isInside())) return;
    const why = "must be 0 in a transaction: nobody else can release anything before its end";
    throw badField("Cannot lock", "waitMs", why);
  }

  /** Whether the call is one of a transaction. */
  async #isInside(): Promise<boolean> {
    return this.#context.storage.read((view) => view instanceof Writing);
  }

  /**
   * Tokens above all that were ever given: in this store's journal, in the files, in the log; and
   * above the time, so that they rise even where `local/` was lost.
   */
  #tokens(write: Writing, world: LockWorld): () => number {
    let floor: number | null = null;
    return () => {
      floor ??= this.#tokenFloor(write, world);
      return write.nextId(TOKEN_KIND, floor);
    };
  }

  #tokenFloor(write: Writing, world: LockWorld): number {
    const { nowMs } = world;
    const byTime = nowMs < LATEST_TOKEN_MS ? Math.floor(nowMs * TOKENS_A_MS) : 0;
    // A journal that knows of tokens knows the highest: the first of its own was above the log's.
    const isKnown = write.nextId(TOKEN_KIND, 0) > 1;
    const logged = isKnown ? 0 : highestTokenIn(this.lines(write));
    let highest = Math.max(byTime, logged);
    for (const { token } of [...locksOf(world), ...world.queue]) highest = Math.max(highest, token);
    return highest;
  }
}

function seen(world: LockWorld, outcome: Granted | Refused): Obtained {
  if (outcome.kind === "granted") return outcome;
  return { kind: "refused", ...inTheWayOf(world, outcome) };
}
