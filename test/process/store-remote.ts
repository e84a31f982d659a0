/** A store that is open in another process. */
import type { FlowErrorJson } from "flowstore";
import type { Scope } from "../at-end.ts";
import { Child } from "./store-children.ts";

/** What a call in the other process came to. */
export type Answer<T> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly error: FlowErrorJson; readonly value?: undefined };

export class RemoteStore {
  readonly child: Child;
  #calls = 0;

  private constructor(child: Child) {
    this.child = child;
  }

  static async open(
    context: Scope,
    project: string,
    {
      actor = "remote",
      durability = "full",
    }: { actor?: string; durability?: "full" | "none" } = {},
  ): Promise<RemoteStore> {
    const child = Child.start(context, "store-rpc", [project, actor, durability]);
    await child.next((line) => line === "ready");
    return new RemoteStore(child);
  }

  /** Calls `features.create` and the like; `check` and other calls of the store bear no dot. */
  async try<T>(call: string, ...args: unknown[]): Promise<Answer<T>> {
    this.#calls += 1;
    const id = this.#calls;
    const start = `{"id":${id},`;
    const line = this.child.next((text) => text.startsWith(start));
    this.child.send(JSON.stringify({ id, call, args }));
    return JSON.parse(await line) as Answer<T>;
  }

  /** The same for a call that should succeed. */
  async call<T>(call: string, ...args: unknown[]): Promise<T> {
    const answer = await this.try<T>(call, ...args);
    if (answer.error !== undefined)
      throw new Error(`${call}: ${answer.error.code} ${answer.error.message}`);
    return answer.value;
  }

  async end(): Promise<void> {
    this.child.send("end");
    await this.child.done();
  }
}
