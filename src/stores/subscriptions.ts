/**
 * Subscriptions: the log from a place on, first what is there, then what comes, in sequence order and
 * across processes. Nothing runs for them but a watch on the journal's folder and, as a net where
 * that tells nothing, a look twice a second.
 */

import { setImmediate as letOthersRun } from "node:timers/promises";

import { isFlowError, type FlowError } from "../errors.ts";
import { decodeCursor, encodeCursor, START, type Place } from "../model/cursors.ts";
import type { EventTypes } from "../model/event-types.ts";
import { badField, requireText } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import type { LogReader } from "../storage/log-reader.ts";
import { requireOptions, type StoreContext } from "./context.ts";
import { GroupSeat, RENEW_MS, type Liveness } from "./event-groups.ts";
import type { LogWatch } from "./log-watch.ts";
import { storedEvent, type StoredEvent } from "./stored-events.ts";

/** From where, of what, and for whom. */
export interface SubscribeOptions {
  /**
   * A cursor: behind the event that it came with. A number: from this sequence on, inclusive.
   * `"end"`: what comes from this call on. Default: 1, everything. Where a group has a place of its own,
   * that counts.
   */
  readonly from?: string | number | undefined;
  /** Exactly this stream. Default: all. */
  readonly stream?: string | undefined;
  /** Default: all. */
  readonly type?: string | undefined;
  /**
   * The name under which the place is kept, in this clone: whoever subscribes by it goes on where the
   * last one was. Of several at a time one is served, the others stand by. Default: none.
   */
  readonly group?: string | undefined;
  /** Ends the subscription, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** What a subscription gives: an event, or once that there is no more for now. */
export type SubscriptionItem =
  | { readonly event: StoredEvent; readonly caughtUp?: undefined; readonly cursor: string }
  | { readonly event?: undefined; readonly caughtUp: true; readonly cursor: string };

const DOING = "Cannot subscribe";
const NAMES = { from: true, stream: true, type: true, group: true, signal: true } as const;
const FROM_END = "end";
/** What a consumer has taken is kept at least so often. */
const SAVE_EVERY_MS = 50;

/** What all subscriptions of a store share. */
export interface Surroundings {
  readonly types: EventTypes;
  readonly isAlive: Liveness;
  readonly watch: LogWatch;
}

/** The subscriptions of one store. */
export class Subscriptions {
  readonly #context: StoreContext;
  readonly #surroundings: Surroundings;
  readonly #open = new Set<Subscription>();
  /** Were left inside a transaction, and keep their seats until it is over. */
  readonly #leaving = new Set<Subscription>();

  constructor(context: StoreContext, surroundings: Surroundings) {
    this.#context = context;
    this.#surroundings = surroundings;
  }

  /** @throws FlowError `BAD_REQUEST`. */
  begin(options: SubscribeOptions): AsyncGenerator<SubscriptionItem, void, void> {
    const { from = 1, stream, type, group, signal } = requireOptions(options, NAMES);
    for (const [field, value] of Object.entries({ stream, type, group })) {
      if (value !== undefined) requireText(DOING, field, value);
    }
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw badField(DOING, "signal", `must be an AbortSignal, not ${shown(signal)}`);
    }
    const { storage } = this.#context;
    refuseInside(storage);
    const subscription = new Subscription(this.#context, this.#surroundings, {
      start: startGiven(from, storage),
      filter: { stream, type },
      group,
    });
    const items = this.#run(subscription, signal);
    const { return: finish } = items;
    // By itself a generator ends only once it gives what it waits for.
    items.return = (value) => {
      subscription.end();
      return finish.call(items, value);
    };
    return items;
  }

  async *#run(
    subscription: Subscription,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<SubscriptionItem, void, void> {
    const { watch } = this.#surroundings;
    const end = (): void => subscription.end();
    if (signal?.aborted === true) return;
    signal?.addEventListener("abort", end, { once: true });
    this.#open.add(subscription);
    watch.begin();
    try {
      yield* subscription.items();
    } catch (error) {
      // The store was closed while it looked.
      if (!(subscription.isOver && isFlowError(error, "CLOSED"))) throw error;
    } finally {
      watch.end();
      this.#open.delete(subscription);
      signal?.removeEventListener("abort", end);
      // What a transaction does may be undone; that somebody has left may not.
      if (this.#context.storage.isInTransaction) this.#leaving.add(subscription);
      else await subscription.leave();
    }
  }

  /** After a transaction: those that were left in it give up their seats. */
  async settle(): Promise<void> {
    if (this.#context.storage.isInTransaction) return;
    for (const subscription of this.#leaving) {
      try {
        await subscription.leave();
        this.#leaving.delete(subscription);
      } catch (error) {
        // Writers in the way, a full disk: the transaction has its end, and the next one tries again.
        if (!isFlowError(error)) throw error;
      }
    }
  }

  /** Whether somebody listens. */
  get isUsed(): boolean {
    return this.#open.size + this.#leaving.size > 0;
  }

  /** Ends all of them: each keeps its place, and its consumer gets no more. */
  async end(): Promise<void> {
    for (const subscription of [...this.#open, ...this.#leaving]) {
      subscription.end();
      await subscription.leave();
    }
  }
}

/** Not only when it begins: a look in a transaction sees what may be undone. */
function refuseInside({ isInTransaction }: StoreContext["storage"]): void {
  if (!isInTransaction) return;
  const why = "would wait for what only comes after the transaction";
  throw badField(DOING, "the subscription", why);
}

/** Behind everything as of now, whose last event is still to be looked for. */
interface End extends Pick<Place, "epoch" | "sequence"> {
  readonly isEnd: true;
}

function startGiven(from: unknown, storage: StoreContext["storage"]): Place | End {
  if (from === FROM_END) {
    const { epoch, lastGiven } = storage.glance();
    return { isEnd: true, epoch, sequence: lastGiven };
  }
  if (typeof from === "string") return decodeCursor(DOING, from);
  if (Number.isSafeInteger(from) && (from as number) >= 1) {
    return { ...START, sequence: (from as number) - 1 };
  }
  throw badField(DOING, "from", `must be a cursor, a number from 1 or "end", not ${shown(from)}`);
}

interface Wanted {
  readonly start: Place | End;
  readonly filter: { readonly stream: string | undefined; readonly type: string | undefined };
  readonly group: string | undefined;
}

class Subscription {
  readonly #context: StoreContext;
  readonly #surroundings: Surroundings;
  readonly #wanted: Wanted;
  readonly #seat: GroupSeat | null;
  readonly #ending = new AbortController();
  /** Behind what the consumer has taken, in the epoch it names. */
  #place: Place = START;
  #saved: Place = START;
  #savedAtMs = 0;
  #renewal: NodeJS.Timeout | undefined;
  #lost: FlowError | null = null;

  constructor(context: StoreContext, surroundings: Surroundings, wanted: Wanted) {
    this.#context = context;
    this.#surroundings = surroundings;
    this.#wanted = wanted;
    const { group } = wanted;
    this.#seat = group === undefined ? null : new GroupSeat(context, surroundings.isAlive, group);
  }

  /** Gives no more items. */
  end(): void {
    this.#ending.abort();
  }

  /** Whether it was ended. */
  get isOver(): boolean {
    return this.#ending.signal.aborted;
  }

  async *items(): AsyncGenerator<SubscriptionItem, void, void> {
    const { storage } = this.#context;
    const { watch } = this.#surroundings;
    if (!(await this.#begin())) return;
    let hasCaughtUp = false;
    while (!this.isOver) {
      const { changes } = watch;
      refuseInside(storage);
      if (this.#isBehind() && (yield* this.#catchUp(await storage.reader()))) continue;
      await this.#save();
      if (!hasCaughtUp) {
        hasCaughtUp = true;
        yield { caughtUp: true, cursor: encodeCursor(this.#place) };
      }
      await watch.next(changes, this.#ending.signal);
      if (this.#lost !== null) throw this.#lost;
    }
  }

  #isBehind(): boolean {
    const { epoch, lastGiven } = this.#context.storage.glance();
    return epoch !== this.#place.epoch || lastGiven > this.#place.sequence;
  }

  /** Takes the first place; `false` when it was ended while it stood by. */
  async #begin(): Promise<boolean> {
    const { storage } = this.#context;
    const { watch } = this.#surroundings;
    const { start } = this.#wanted;
    refuseInside(storage);
    const reader = await storage.reader();
    const first = "isEnd" in start ? endOf(start, reader) : start;
    this.#place = first;
    if (this.#seat === null) return true;
    while (!this.isOver) {
      const { changes } = watch;
      const place = await this.#seat.take(() => first);
      if (place !== null) {
        this.#place = this.#saved = place;
        this.#renewal = setInterval(() => this.#renew(), RENEW_MS);
        this.#renewal.unref();
        return true;
      }
      await watch.next(changes, this.#ending.signal);
    }
    return false;
  }

  #renew(): void {
    this.#seat?.renew().catch((error: unknown) => {
      // Told with the next item: there is nobody else to tell. What else keeps it from being shown
      // that this consumer lives (writers in the way, a full disk) may pass until the next time.
      if (isFlowError(error, "LOCK_LOST")) this.#lost = error;
    });
  }

  /** Gives what has come up to this look; `false` when the place has no number yet. */
  async *#catchUp(reader: LogReader): AsyncGenerator<SubscriptionItem, boolean, void> {
    const next = nextFor(this.#place, reader);
    if (next === null) return false;
    const { epoch, lastGiven } = reader;
    for (const chunk of reader.scan({ ...this.#wanted.filter, from: next })) {
      for (const line of chunk) {
        if (line.provisional) continue;
        const behind = { epoch, sequence: line.sequence, id: line.event.id };
        const event = storedEvent(line, this.#surroundings.types);
        yield { event, cursor: encodeCursor(behind) };
        await this.#took(behind);
        if (this.isOver) return true;
      }
      await letOthersRun();
      if (this.isOver) return true;
    }
    // What does not fit is behind it too; the id stays that of an event which was given. A number
    // that is still to come is waited for.
    this.#place = { epoch, sequence: Math.max(lastGiven, next - 1), id: this.#place.id };
    return true;
  }

  /** The consumer asks for the next: what it had is done. */
  async #took(place: Place): Promise<void> {
    refuseInside(this.#context.storage);
    this.#place = place;
    if (this.#lost !== null) throw this.#lost;
    const { monotonicMs } = this.#context.storage.options;
    if (monotonicMs() - this.#savedAtMs >= SAVE_EVERY_MS) await this.#save();
  }

  async #save(): Promise<void> {
    const place = this.#place;
    if (this.#seat === null || isSame(this.#saved, place)) return;
    await this.#seat.save(place);
    this.#saved = place;
    this.#savedAtMs = this.#context.storage.options.monotonicMs();
  }

  /** Keeps the place and lets the next consumer of the group go on. */
  async leave(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#seat?.leave(this.#place);
  }
}

function isSame(left: Place, right: Place): boolean {
  return left.epoch === right.epoch && left.sequence === right.sequence && left.id === right.id;
}

/**
 * Behind the event that was the last then. Before the first write of a clone nothing has a number and
 * all of its log gets one at once: then behind the last event that is there.
 */
function endOf({ epoch, sequence }: End, reader: LogReader): Place {
  const isSame = epoch === reader.epoch;
  const end = isSame ? sequence : reader.lastGiven;
  for (const chunk of reader.scan({ order: "desc" })) {
    const last = chunk.find((one) => reader.epoch === null || one.sequence <= end);
    if (last !== undefined) return { epoch: reader.epoch, sequence: end, id: last.event.id };
  }
  return { epoch: reader.epoch, sequence: end, id: null };
}

/**
 * The number to go on with; `null` when it is not given yet. Within an epoch numbers stay. In another
 * one the place is that of the event with this id; where git took it away, before the first event with
 * a later id.
 */
function nextFor({ epoch, sequence, id }: Place, reader: LogReader): number | null {
  if (epoch === reader.epoch) return sequence + 1;
  if (id === null) return epoch === null ? sequence + 1 : 1;
  const line = reader.byId(id);
  if (line !== null) return line.provisional ? null : line.sequence + 1;
  for (const chunk of reader.scan()) {
    const later = chunk.find((one) => one.event.id > id);
    if (later !== undefined) return later.provisional ? null : later.sequence;
  }
  return reader.lastGiven + 1;
}
