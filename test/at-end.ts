/**
 * What a test lets go of when it ends. Node's own `after` hooks of a test run first to last, and one
 * that fails keeps the later ones from running: a folder would be removed under a process that still
 * writes into it, that process would not be killed, and the whole file would hang on it.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** What lets go of something at its end: a test, or an attack on a claim. */
export interface Scope {
  after(act: () => unknown): void;
}

const endings = new WeakMap<Scope, (() => unknown)[]>();

/** Has something done when the test ends: what was begun last ends first, and each gets its turn. */
export function atEnd(context: Scope, act: () => unknown): void {
  const known = endings.get(context);
  if (known !== undefined) {
    known.push(act);
    return;
  }
  const acts = [act];
  endings.set(context, acts);
  context.after(async () => {
    const failures: unknown[] = [];
    for (const one of acts.toReversed()) {
      try {
        await one();
      } catch (error) {
        failures.push(error); // whatever it is: the others have their turn, and it is thrown below
      }
    }
    if (failures.length > 0)
      throw failures.length === 1 ? failures[0] : new AggregateError(failures);
  });
}

/** Kills a process and waits until it is gone, so that nothing writes after that. */
export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
