/**
 * Whether a history of calls can be put in one order that explains every answer: Wing and Gong's
 * search, with a memory of what was tried (Lowe's), one key at a time, since linearizability is
 * local.
 */

/** One call on one key, as its caller saw it. */
export interface Operation<Input, Output> {
  readonly process: string;
  readonly input: Input;
  /** `null` for a caller that was killed: it may have happened, then or later, or not at all. */
  readonly output: Output | null;
  readonly invoked: number;
  readonly returned: number;
}

/** What a key is, one call after another. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** The state after a call that was answered so; `null` where no such answer can be. */
  readonly step: (state: State, input: Input, output: Output | null) => State | null;
  /** The same text for the same state. */
  readonly keyOf: (state: State) => string;
}

/** What stands before an entry: another one, or the head of the list. */
interface Link<Input, Output> {
  after: Entry<Input, Output> | null;
}

/** The beginning or the end of an operation, in a list from which both can be taken and put back. */
interface Entry<Input, Output> extends Link<Input, Output> {
  readonly id: number;
  readonly operation: Operation<Input, Output>;
  readonly isBegin: boolean;
  /** `null` for an end, and for the beginning of what never ended. */
  end: Entry<Input, Output> | null;
  before: Link<Input, Output>;
}

/** Whether one order explains all answers. */
export function isLinearizable<State, Input, Output>(
  operations: readonly Operation<Input, Output>[],
  { initial, step, keyOf }: Model<State, Input, Output>,
): boolean {
  const head = listOf(operations);
  let unanswered = operations.filter(({ output }) => output !== null).length;
  const tried = new Set<string>();
  const taken: { readonly entry: Entry<Input, Output>; readonly state: State }[] = [];
  let done = 0n;
  let state = initial;
  let entry = head.after;
  while (unanswered > 0) {
    if (entry?.isBegin === true) {
      const { input, output } = entry.operation;
      const next = step(state, input, output);
      const after = done | (1n << BigInt(entry.id));
      const key = next === null ? "" : `${after.toString(36)} ${keyOf(next)}`;
      if (next !== null && !tried.has(key)) {
        tried.add(key);
        taken.push({ entry, state });
        state = next;
        done = after;
        take(entry);
        if (output !== null) unanswered -= 1;
        entry = head.after;
      } else {
        entry = entry.after;
      }
      continue;
    }
    // The end of a call that cannot be put anywhere before it: what was put last is put elsewhere.
    const last = taken.pop();
    if (last === undefined) return false;
    state = last.state;
    done &= ~(1n << BigInt(last.entry.id));
    putBack(last.entry);
    if (last.entry.operation.output !== null) unanswered += 1;
    entry = last.entry.after;
  }
  return true;
}

/** The head of a list of all beginnings and ends, in the order of time. */
function listOf<Input, Output>(
  operations: readonly Operation<Input, Output>[],
): Link<Input, Output> {
  const head: Link<Input, Output> = { after: null };
  const entries: { readonly at: number; readonly entry: Entry<Input, Output> }[] = [];
  for (const [id, operation] of operations.entries()) {
    const make = (isBegin: boolean): Entry<Input, Output> => ({
      ...{ id, operation, isBegin },
      ...{ end: null, before: head, after: null },
    });
    const begin = make(true);
    entries.push({ at: operation.invoked, entry: begin });
    if (operation.output === null) continue;
    begin.end = make(false);
    entries.push({ at: operation.returned, entry: begin.end });
  }
  // What ends in the moment in which another begins is taken to be beside it.
  entries.sort((a, b) => a.at - b.at || Number(b.entry.isBegin) - Number(a.entry.isBegin));
  let last = head;
  for (const { entry } of entries) {
    last.after = entry;
    entry.before = last;
    last = entry;
  }
  return head;
}

function take<Input, Output>(entry: Entry<Input, Output>): void {
  unlink(entry);
  if (entry.end !== null) unlink(entry.end);
}

function unlink<Input, Output>({ before, after }: Entry<Input, Output>): void {
  before.after = after;
  if (after !== null) after.before = before;
}

/** In the opposite order of {@link take}, so that each stands between the same two again. */
function putBack<Input, Output>(entry: Entry<Input, Output>): void {
  if (entry.end !== null) link(entry.end);
  link(entry);
}

function link<Input, Output>(entry: Entry<Input, Output>): void {
  entry.before.after = entry;
  if (entry.after !== null) entry.after.before = entry;
}

/** The shortest beginning of a history that no order explains; empty when there is none. */
export function shortestWrong<State, Input, Output>(
  operations: readonly Operation<Input, Output>[],
  model: Model<State, Input, Output>,
): Operation<Input, Output>[] {
  const ends = operations.flatMap(({ output, returned }) => (output === null ? [] : [returned]));
  ends.sort((a, b) => a - b);
  const until = (count: number): Operation<Input, Output>[] => {
    const at = ends[count - 1] ?? -Infinity;
    return operations
      .filter(({ invoked }) => invoked <= at)
      .map((one) => (one.returned <= at ? one : { ...one, output: null, returned: Infinity }));
  };
  if (isLinearizable(operations, model)) return [];
  let [right, wrong] = [0, ends.length];
  while (wrong - right > 1) {
    const middle = (right + wrong) >> 1;
    if (isLinearizable(until(middle), model)) right = middle;
    else wrong = middle;
  }
  return until(wrong);
}
