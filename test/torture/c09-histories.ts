/** Histories made by hand: good ones at random, and bad ones of every kind that we could think of. */
import { randomOf } from "../process/store-random.ts";
import { NOTHING, type Call, type Input, type KeyedCall, type Output } from "./c09-models.ts";

/** From, until, who: the place of a call. */
type Place = readonly [from: number, until: number, process: string];

function call([invoked, returned, process]: Place, input: Input, output: Output | null): Call {
  return { process, input, output, invoked, returned };
}

const read = (place: Place, saw: string): Call => call(place, { kind: "read" }, done(saw));
const write = (place: Place, to: string): Call => call(place, { kind: "write", to }, done());
const swap = (place: Place, from: string, to: string): Call =>
  call(place, { kind: "swap", from, to }, done());
const noSwap = (place: Place, from: string, to: string): Call =>
  call(place, { kind: "swap", from, to }, refused());
const exchange = (place: Place, saw: string, to: string): Call =>
  call(place, { kind: "exchange", to }, done(saw));
const claim = (place: Place): Call => call(place, { kind: "claim", agent: place[2] }, done());
const noClaim = (place: Place, saw: string): Call =>
  call(place, { kind: "claim", agent: place[2] }, refused(saw));
const release = (place: Place): Call => call(place, { kind: "release", agent: place[2] }, done());
const noRelease = (place: Place): Call =>
  call(place, { kind: "release", agent: place[2] }, refused());
const killed = (from: number, input: Input): Call => call([from, Infinity, "k"], input, null);

function done(saw = NOTHING): Output {
  return { done: true, saw };
}

function refused(saw = NOTHING): Output {
  return { done: false, saw };
}

/** Each is short of an order, and says why. */
export const BAD: Readonly<Record<string, readonly Call[]>> = {
  "a value that was overwritten": [
    write([0, 1, "a"], "1"),
    write([2, 3, "a"], "2"),
    read([4, 5, "b"], "1"),
  ],
  "a value that nobody wrote": [write([0, 1, "a"], "1"), read([2, 3, "b"], "9")],
  "the new value, then the old one": [
    write([0, 9, "a"], "1"),
    read([1, 2, "b"], "1"),
    read([3, 4, "b"], NOTHING),
  ],
  "the new value here, then the old one there": [
    write([0, 9, "a"], "1"),
    read([1, 2, "b"], "1"),
    read([3, 4, "c"], NOTHING),
  ],
  "two writes seen in both orders": [
    write([0, 9, "a"], "1"),
    write([0, 9, "b"], "2"),
    ...[read([1, 2, "c"], "1"), read([3, 4, "c"], "2"), read([5, 6, "c"], "1")],
  ],
  "two readers who see two writes in different orders": [
    ...[write([0, 9, "a"], "1"), write([0, 9, "b"], "2")],
    ...[read([1, 3, "c"], "1"), read([4, 6, "c"], "2")],
    ...[read([1, 3, "d"], "2"), read([4, 6, "d"], "1")],
  ],
  "a value before it was written": [read([0, 1, "b"], "1"), write([2, 3, "a"], "1")],
  "an update that was lost": [
    write([0, 1, "a"], "1"),
    ...[swap([2, 5, "a"], "1", "2"), swap([2, 5, "b"], "1", "3")],
  ],
  "a swap of what was overwritten": [
    ...[write([0, 1, "a"], "1"), write([2, 3, "a"], "2"), swap([4, 5, "b"], "1", "3")],
  ],
  "a swap refused though nothing had changed": [
    write([0, 1, "a"], "1"),
    noSwap([2, 3, "b"], "1", "2"),
  ],
  "the value of a swap that was refused": [
    ...[write([0, 1, "a"], "1"), noSwap([2, 3, "b"], "0", "2"), read([4, 5, "c"], "2")],
  ],
  "two exchanges that saw the same": [
    exchange([0, 3, "a"], NOTHING, "1"),
    exchange([0, 3, "b"], NOTHING, "2"),
  ],
  "an exchange that jumped over another": [
    ...[exchange([0, 1, "a"], NOTHING, "1"), exchange([2, 3, "b"], "1", "2")],
    exchange([4, 5, "c"], "1", "3"),
  ],
  "an exchange whose value was never there": [
    exchange([0, 1, "a"], NOTHING, "1"),
    ...[read([2, 3, "b"], NOTHING), read([4, 5, "b"], "1")],
  ],
  "what a killed one wrote, seen and unseen": [
    killed(0, { kind: "write", to: "1" }),
    ...[read([1, 2, "b"], "1"), read([3, 4, "c"], NOTHING)],
  ],
  "what a killed one swapped, without what it swapped it for": [
    ...[write([0, 1, "a"], "1"), killed(2, { kind: "swap", from: "0", to: "2" })],
    read([3, 4, "b"], "2"),
  ],
  "an acknowledged write that a later one does not follow": [
    ...[write([0, 1, "a"], "1"), exchange([2, 3, "b"], NOTHING, "2")],
  ],
  "one claim, two winners at once": [claim([0, 3, "a"]), claim([1, 4, "b"])],
  "one claim, two winners one after the other": [claim([0, 1, "a"]), claim([2, 3, "b"])],
  "a claim refused though it was free": [
    ...[claim([0, 1, "a"]), release([2, 3, "a"]), noClaim([4, 5, "b"], "a")],
  ],
  "a claim refused for somebody who does not hold it": [
    claim([0, 1, "a"]),
    noClaim([2, 3, "b"], "c"),
  ],
  "a release by somebody else": [claim([0, 1, "a"]), release([2, 3, "b"])],
  "a release of nothing": [release([0, 1, "a"])],
  "a claim released twice": [...[claim([0, 1, "a"]), release([2, 3, "a"]), release([4, 5, "a"])]],
  "a release refused to its holder": [claim([0, 1, "a"]), noRelease([2, 3, "a"])],
  "nobody, though somebody holds it": [claim([0, 1, "a"]), read([2, 3, "b"], NOTHING)],
};

const PROCESSES = 8;
const CALL_MS = 10;
const PAUSE_MS = 4;
/** So many of a hundred callers are killed before they hear an answer. */
const KILLED_PERCENT = 1;

/** A history as one key gives it that does each call in one moment between its beginning and end. */
export function goodHistory(
  seed: number,
  length: number,
  kind: "value" | "claim",
  killedPercent = KILLED_PERCENT,
): Call[] {
  const random = randomOf(seed);
  const moments: { readonly at: number; readonly place: Place }[] = [];
  for (let process = 0; process < PROCESSES; process += 1) {
    let from = random() * PAUSE_MS;
    for (let number = 0; number < length / PROCESSES; number += 1) {
      const until = from + random() * CALL_MS;
      moments.push({ at: from + random() * (until - from), place: [from, until, `p${process}`] });
      from = until + random() * PAUSE_MS;
    }
  }
  moments.sort((a, b) => a.at - b.at);
  let state = NOTHING;
  return moments.map(({ place }, index) => {
    const { next, made } = doneIn(state, { place, to: String(index), random, kind });
    state = next;
    const isHeard = random() * 100 >= killedPercent;
    return isHeard ? made : { ...made, output: null, returned: Infinity };
  });
}

interface Turn {
  readonly place: Place;
  readonly to: string;
  readonly random: () => number;
  readonly kind: "value" | "claim";
}

function doneIn(state: string, turn: Turn): { next: string; made: Call } {
  const { place, to, random, kind } = turn;
  const agent = place[2];
  const chance = random();
  if (chance < 0.4) return { next: state, made: read(place, state) };
  if (kind === "claim") {
    if (chance < 0.7) {
      const isFree = state === NOTHING;
      return isFree
        ? { next: agent, made: claim(place) }
        : { next: state, made: noClaim(place, state) };
    }
    const isMine = state === agent;
    return isMine
      ? { next: NOTHING, made: release(place) }
      : { next: state, made: noRelease(place) };
  }
  if (chance < 0.6) return { next: to, made: write(place, to) };
  if (chance < 0.75) return { next: to, made: exchange(place, state, to) };
  if (chance < 0.9) return { next: to, made: swap(place, state, to) };
  return { next: state, made: noSwap(place, `not ${state}`, to) };
}

/** Bad ones at the end of a good one, so that they have to be found in it. */
export function hidden(bad: readonly Call[], seed: number, length: number): KeyedCall[] {
  const kind = bad.some(({ input }) => input.kind === "claim" || input.kind === "release");
  const good = goodHistory(seed, length, kind ? "claim" : "value", 0);
  const end = Math.max(0, ...good.map(({ returned }) => returned)) + 1;
  const reset = resetBy(good, end);
  const later = (one: Call): Call => ({
    ...one,
    process: `x${one.process}`,
    input: renamed(one.input),
    output: one.output === null ? null : { ...one.output, saw: name(one.output.saw) },
    invoked: end + 2 + one.invoked,
    returned: end + 2 + one.returned,
  });
  return [...good, ...reset, ...bad.map(later)].map((one) => ({ ...one, key: seed }));
}

/** Brings the key back to nothing. */
function resetBy(good: readonly Call[], at: number): Call[] {
  const agents = new Set(good.map(({ process }) => process));
  const isClaims = good.some(({ input }) => input.kind === "claim");
  if (!isClaims) return [write([at, at + 1, "reset"], NOTHING)];
  // One of them holds it; the releases of the others are refused.
  const holder = holderAfter(good);
  return [...agents]
    .filter((agent) => agent === holder)
    .map((agent) => release([at, at + 1, agent]));
}

function holderAfter(good: readonly Call[]): string {
  // `goodHistory` gives calls in the order in which they happened.
  let holder = NOTHING;
  for (const { input, output } of good) {
    if (output?.done !== true) continue;
    if (input.kind === "claim") holder = input.agent;
    if (input.kind === "release") holder = NOTHING;
  }
  return holder;
}

/** Values of their own, that no call of the good part wrote. */
function name(value: string): string {
  return value === NOTHING ? NOTHING : `x${value}`;
}

function renamed(input: Input): Input {
  switch (input.kind) {
    case "read":
      return input;
    case "write":
    case "exchange":
      return { ...input, to: name(input.to) };
    case "swap":
      return { ...input, from: name(input.from), to: name(input.to) };
    case "claim":
    case "release":
      return { ...input, agent: name(input.agent) };
  }
}
