/** Every tree that a cut of the power may leave, from the operations before it. */

import { Durability } from "./durability.ts";
import type { CrashVariant, Operation, Random } from "./durability.ts";
import type { Tree } from "./memory-tree.ts";

/** What one crash may depend on. */
export interface CrashOptions {
  /** After how many operations the power is cut; default: after all of them. */
  readonly at?: number;
  /** The chance in `random`; default: a sequence seeded with `at`. */
  readonly random?: Random;
  /** A move between folders may lose the file; no file system in use does that. Default false. */
  readonly evilRenames?: boolean;
}

/** Which crash states are wanted. */
export interface CrashStatesOptions {
  /** The first number of operations; default 0. */
  readonly from?: number;
  /** How often `random` is tried at each point; default 1. */
  readonly randoms?: number;
  /** Of the sequence that `random` draws from; default 1. */
  readonly seed?: number;
  /** As in {@link CrashOptions}. */
  readonly evilRenames?: boolean;
  /** Asked before each state is made; default: all are wanted. */
  readonly isWanted?: () => boolean;
}

/** The tree after a cut; `beginning` is what lasted before the first operation. */
export function cutAt(
  beginning: Tree,
  log: readonly Operation[],
  variant: CrashVariant,
  options: CrashOptions,
): Tree {
  const { at = log.length, random = seededRandom(at), evilRenames = false } = options;
  const durability = new Durability(beginning.clone(), evilRenames);
  for (const operation of log.slice(0, at)) durability.take(operation);
  return durability.cut(variant, random);
}

/**
 * The trees after a cut at each point, in one pass over the operations.
 *
 * @yields the number of operations before the cut, the variant and the tree
 */
export function* cuts(
  beginning: Tree,
  log: readonly Operation[],
  options: CrashStatesOptions,
): Generator<{ at: number; variant: CrashVariant; tree: Tree }> {
  const { from = 0, randoms = 1, seed = 1, evilRenames = false } = options;
  const { isWanted = () => true } = options;
  const random = seededRandom(seed);
  const durability = new Durability(beginning.clone(), evilRenames);
  for (let at = 0; at <= log.length; at++) {
    const operation = log[at - 1];
    if (operation !== undefined) durability.take(operation);
    if (at < from) continue;
    for (const variant of durability.variants()) {
      for (let times = variant === "random" ? randoms : 1; times > 0; times--) {
        if (isWanted()) yield { at, variant, tree: durability.cut(variant, random) };
      }
    }
  }
}

/** A sequence of numbers in [0, 1) that is the same for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
