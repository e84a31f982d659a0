/** What a feature is to those who race for it: a value, or a claim. */
import { isLinearizable, shortestWrong, type Model, type Operation } from "./c09-checker.ts";

/** A call, as far as its answer depends on it. */
export type Input =
  | { readonly kind: "read" }
  | { readonly kind: "write"; readonly to: string }
  /** Writes where the value is still `from`, by its revision. */
  | { readonly kind: "swap"; readonly from: string; readonly to: string }
  /** Reads and writes in a transaction. */
  | { readonly kind: "exchange"; readonly to: string }
  | { readonly kind: "claim"; readonly agent: string }
  | { readonly kind: "release"; readonly agent: string };

/** What it answered: whether it was done, and the value or the holder that it saw. */
export interface Output {
  readonly done: boolean;
  readonly saw: string;
}

export type Call = Operation<Input, Output>;

/** Before the first write, and where nobody holds a claim. */
export const NOTHING = "-";

/** One key: the text of its value, or the name of its holder. */
export const KEY_MODEL: Model<string, Input, Output> = {
  initial: NOTHING,
  keyOf: (state) => state,
  step(state, input, output) {
    const sees = output === null || output.saw === state;
    switch (input.kind) {
      case "read":
        return sees ? state : null;
      case "write":
        return input.to;
      case "swap":
        if (output?.done === false) return state === input.from ? null : state;
        return state === input.from ? input.to : null;
      case "exchange":
        return sees ? input.to : null;
      case "claim":
        if (output?.done === false) return sees && state !== NOTHING ? state : null;
        return state === NOTHING ? input.agent : null;
      case "release":
        if (output?.done === false) return state === input.agent ? null : state;
        return state === input.agent ? NOTHING : null;
    }
  },
};

/** A call on one of many keys. */
export interface KeyedCall extends Call {
  readonly key: number;
}

const SHOWN = 12;

/** The keys whose answers no order explains. */
export function wrongKeys(history: readonly KeyedCall[]): number[] {
  const keys = new Set(history.map(({ key }) => key));
  return [...keys].filter((key) => !isLinearizable(callsOn(history, key), KEY_MODEL));
}

function callsOn(history: readonly KeyedCall[], key: number): KeyedCall[] {
  return history.filter((call) => call.key === key);
}

/** The same, each with the calls in question. */
export function wrongIn(history: readonly KeyedCall[]): string[] {
  return wrongKeys(history).map((key) => {
    const calls = callsOn(history, key);
    const shown = shortestWrong(calls, KEY_MODEL)
      .toSorted((a, b) => a.invoked - b.invoked)
      .slice(-SHOWN);
    const start = shown[0]?.invoked ?? 0;
    return `key ${key}: ${shown.map((call) => lineOf(call, start)).join("; ")}`;
  });
}

function lineOf({ process, input, output, invoked, returned }: Call, start: number): string {
  const { kind, ...rest } = input;
  const at = (time: number): string => (time - start).toFixed(2);
  const said = output === null ? "?" : `${output.done ? "done" : "refused"} ${output.saw}`;
  return `${process} ${at(invoked)}-${at(returned)} ${kind} ${Object.values(rest).join(">")} → ${said}`;
}
