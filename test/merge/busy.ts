/** Processes that write without end, and what they told. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { Child } from "../process/store-children.ts";
import type { Project } from "./project.ts";

/** Keys of changes, by how they were answered. */
export interface Answers {
  readonly did: ReadonlySet<string>;
  readonly unknown: ReadonlySet<string>;
  /** Why changes were refused, each reason once. */
  readonly refusals: readonly string[];
}

export class BusyWriters {
  readonly #children: Child[];

  private constructor(children: Child[]) {
    this.#children = children;
  }

  static async start(
    context: TestContext,
    project: Project,
    { way, count = 2, durability = "none" }: { way: string; count?: number; durability?: string },
  ): Promise<BusyWriters> {
    const children = Array.from({ length: count }, (_, index) =>
      Child.start(context, "../merge/busy", [project.folder, `w${index}`, way, durability]),
    );
    await Promise.all(children.map((child) => child.next((line) => line === "ready")));
    return new BusyWriters(children);
  }

  /** Waits until each of them had a change acknowledged. */
  async progress(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.next((line) => line.startsWith("did"))));
  }

  /** Ends them; fails when one was answered in a way that no call may be. */
  async stop(): Promise<Answers> {
    for (const child of this.#children) child.send("end");
    await Promise.all(this.#children.map((child) => child.done()));
    const lines = this.#children.flatMap((child) => child.lines.map((line) => line.split(" ")));
    const told = (word: string): string[][] => lines.filter(([first]) => first === word);
    assert.deepEqual(told("wrong"), []);
    return {
      did: new Set(told("did").map(([, key = ""]) => key)),
      unknown: new Set(told("unknown").map(([, key = ""]) => key)),
      refusals: [...new Set(told("not").map(([, , ...why]) => why.join(" ")))],
    };
  }
}
