/** What the output can show: its width, colours, and characters beyond ASCII. */
import type { FeatureStatus } from "../../index.ts";

export interface Terminal {
  /** Columns; infinite where nothing says how wide it is, as in a pipe. */
  readonly width: number;
  readonly hasColour: boolean;
  readonly symbols: Symbols;
  paint(colour: Colour, text: string): string;
}

export interface Symbols {
  readonly status: Readonly<Record<FeatureStatus, string>>;
  /** Of steps: one that is behind, the one where one is, and what leads to the next. */
  readonly step: Readonly<Record<"done" | "here" | "arrow", string>>;
  readonly ellipsis: string;
  /** Of a bar: where something was done, and where one waited. */
  readonly bar: Readonly<Record<"busy" | "rest", string>>;
  /** The parts of a tree: a branch, the last branch, and what stands below each. */
  readonly tree: readonly [branch: string, last: string, below: string, belowLast: string];
}

export type Colour = "red" | "green" | "yellow" | "cyan" | "dim" | "bold";

/** Codes that switch a colour on and off (SGR). */
const SGR: Readonly<Record<Colour, readonly [number, number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  dim: [2, 22],
  bold: [1, 22],
};

export const STATUS_COLOURS: Readonly<Record<FeatureStatus, Colour>> = {
  passing: "green",
  in_progress: "cyan",
  blocked: "yellow",
  ready: "bold",
};

const UNICODE: Symbols = {
  status: { passing: "☑", in_progress: "◧", blocked: "⚠", ready: "☐" },
  step: { done: "✓", here: "●", arrow: "→" },
  ellipsis: "…",
  bar: { busy: "█", rest: "░" },
  tree: ["├─ ", "└─ ", "│  ", "   "],
};

const ASCII: Symbols = {
  status: { passing: "[x]", in_progress: "[~]", blocked: "[!]", ready: "[ ]" },
  step: { done: "[x]", here: "[>]", arrow: "->" },
  ellipsis: "...",
  bar: { busy: "#", rest: "." },
  tree: ["|- ", "`- ", "|  ", "   "],
};

/** Below this a table holds nothing worth reading, so a smaller number is not believed. */
const MIN_WIDTH = 20;

export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export function describeTerminal(
  stream: OutputStream,
  env: Readonly<Record<string, string | undefined>>,
  noColour: boolean,
): Terminal {
  const isTerminal = stream.isTTY === true;
  const isDumb = env["TERM"] === "dumb";
  const hasColour = isTerminal && !noColour && !isDumb && (env["NO_COLOR"] ?? "") === "";
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  const hasUnicode = !isDumb && (/utf-?8/i.test(locale) || process.platform === "win32");
  return {
    width: widthOf(isTerminal ? stream.columns : undefined, env["COLUMNS"]),
    hasColour,
    symbols: hasUnicode ? UNICODE : ASCII,
    paint: (colour, text) => {
      const [on, off] = SGR[colour];
      return hasColour && text !== "" ? `\x1b[${on}m${text}\x1b[${off}m` : text;
    },
  };
}

/** What the terminal says, else the variable COLUMNS, else no bound. */
function widthOf(columns: number | undefined, variable: string | undefined): number {
  const asked = columns ?? Number(variable);
  return Number.isInteger(asked) && asked >= MIN_WIDTH ? asked : Number.POSITIVE_INFINITY;
}
