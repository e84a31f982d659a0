/** The store that a command works on. */
import { FlowError } from "../errors.ts";
import type { Finding, FlowStore } from "../index.ts";
import type { Answer } from "./answer.ts";
import type { OwnPhases } from "./command.ts";
import type { OptionValues } from "./options.ts";

/** Opens the one store of a command, and closes it. */
export class Session {
  readonly #options: OptionValues;
  readonly #answer: Answer;
  #store: FlowStore | null = null;

  constructor(options: OptionValues, answer: Answer) {
    this.#options = options;
    this.#answer = answer;
  }

  async open(access: "read" | "write", phases: OwnPhases = {}): Promise<FlowStore> {
    const { FlowStore: Store } = await import("../index.ts");
    const readOnly = access === "read" ? { readOnly: true } : {};
    const dir = this.#options.text("dir");
    if (dir !== undefined) await refuseMissing(dir);
    this.#store = await Store.open(dir, { ...this.#storeOptions(), ...readOnly, ...phases });
    return this.#store;
  }

  async init(): Promise<FlowStore> {
    const { FlowStore: Store } = await import("../index.ts");
    this.#store = await Store.init(this.#options.text("dir"), this.#storeOptions());
    return this.#store;
  }

  #storeOptions(): { source: string; actor?: string; onWarning: (finding: Finding) => void } {
    // The store itself looks at FLOW_ACTOR when nobody is named.
    const actor = this.#options.text("actor");
    const onWarning = (finding: Finding): void => this.#answer.warn(finding);
    return { source: "cli", ...(actor === undefined ? {} : { actor }), onWarning };
  }

  async close(): Promise<void> {
    const store = this.#store;
    this.#store = null;
    await store?.close();
  }
}

/** A folder above may hold a store that was not meant: a name that leads nowhere is a slip. */
async function refuseMissing(dir: string): Promise<void> {
  const { isMissing } = await import("./input.ts");
  if (dir === "" || !(await isMissing(dir))) return;
  throw new FlowError("NOT_INITIALIZED", `Cannot open a store: there is no folder ${dir}`, {
    context: { startDirectory: dir },
    hint: "Look at the name after --dir; flowstore init would make the folder.",
  });
}
