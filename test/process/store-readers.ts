/** Readers in processes of their own that look while others write. */
import assert from "node:assert/strict";
import type { Scope } from "../at-end.ts";
import { Child } from "./store-children.ts";

/** What readers saw, in all. */
export interface Seen {
  /** Looks at every file of the root. */
  readonly looks: number;
  /** Looks by `getAll`. */
  readonly states: number;
  /** Different states that one reader saw, at the most. */
  readonly distinct: number;
}

export class Readers {
  readonly #children: Child[];

  private constructor(children: Child[]) {
    this.#children = children;
  }

  /** @param sum what the `share`s of all features come to, if any feature has one */
  static async start(
    context: Scope,
    project: string,
    { count = 1, sum = "" }: { count?: number; sum?: number | "" } = {},
  ): Promise<Readers> {
    const children = Array.from({ length: count }, () =>
      Child.start(context, "store-reader", [project, String(sum)]),
    );
    await Promise.all(children.map((child) => child.next((line) => line === "ready")));
    return new Readers(children);
  }

  /** Ends them; fails when one saw what must not be seen. */
  async stop(): Promise<Seen> {
    const all: Seen[] = [];
    for (const child of this.#children) {
      const report = child.next((line) => line.startsWith("{"));
      child.send("stop");
      const { faults, ...seen } = JSON.parse(await report) as Seen & { faults: string[] };
      assert.deepEqual(faults, []);
      await child.done();
      all.push(seen);
    }
    return {
      looks: all.reduce((total, { looks }) => total + looks, 0),
      states: all.reduce((total, { states }) => total + states, 0),
      distinct: Math.max(...all.map(({ distinct }) => distinct)),
    };
  }
}
