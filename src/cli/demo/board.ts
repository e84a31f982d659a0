/**
 * What one sees while the agents work. On a terminal a board that is drawn again in its place,
 * below the lines that stay; in a pipe the lines alone, and now and then one with the counts.
 */
import type { Feature } from "../../index.ts";
import { visible } from "../render/safe-text.ts";
import { STATUS_COLOURS, type Terminal } from "../render/terminal.ts";
import { cut, pad, widthOf, wrapIndented } from "../render/width.ts";
import type { Member } from "./crew.ts";

/** Where the board is drawn. */
export interface Screen {
  readonly terminal: Terminal;
  /** Whether lines can be drawn again; else only lines that stay are written. */
  readonly isLive: boolean;
  write(text: string): void;
}

/** One look at the store. */
export interface Moment {
  readonly elapsedMs: number;
  readonly features: readonly Feature[];
  readonly members: readonly Member[];
  /** How many features each agent has passed. */
  readonly passedBy: ReadonlyMap<string, number>;
  /** The agent that was killed. */
  readonly killed: string | null;
}

export interface Board {
  show(moment: Moment): void;
  /** A line that stays. */
  say(line: string): void;
  /** Leaves the board where it is; what is written next stands below it. */
  end(): void;
}

/** A board that nobody sees. */
export const NO_BOARD: Board = { show() {}, say() {}, end() {} };

const MAX_BAR_WIDTH = 36;

/** What stands beside the bar: the clock and "72 of 72 pass". */
const BESIDE_BAR = 28;

/** How often a pipe gets a line with the counts. */
const LINE_EVERY_MS = 500;

/** Control sequences: to the start of the line n lines up; clear to the end of line, of screen. */
const upLines = (count: number): string => (count === 0 ? "" : `\x1b[${count}F`);
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

export function createBoard(screen: Screen): Board {
  let drawn: readonly string[] = [];
  let lastLineMs = Number.NEGATIVE_INFINITY;

  /** One write a frame, so that nothing flickers: what stays, then the board below it. */
  const draw = (board: readonly string[], staying: readonly string[]): void => {
    const lines = [...staying, ...board].map((line) => `${line}${CLEAR_LINE}\n`);
    screen.write(`${upLines(drawn.length)}${lines.join("")}${CLEAR_BELOW}`);
    drawn = board;
  };

  return {
    show(moment) {
      if (screen.isLive) return draw(boardLines(moment, screen.terminal), []);
      if (moment.elapsedMs - lastLineMs < LINE_EVERY_MS) return;
      lastLineMs = moment.elapsedMs;
      screen.write(`${clock(moment.elapsedMs)}  ${countsText(moment.features)}\n`);
    },
    say(line) {
      if (screen.isLive) draw(drawn, wrapIndented(line, screen.terminal.width));
      else screen.write(`${line}\n`);
    },
    end() {
      drawn = [];
    },
  };
}

/** The time since the start, as it stands before every line. */
export function clock(elapsedMs: number): string {
  return `${(elapsedMs / 1000).toFixed(1).padStart(6)} s`;
}

function boardLines(moment: Moment, terminal: Terminal): string[] {
  const { features, members, elapsedMs } = moment;
  const passing = features.filter(({ passes }) => passes).length;
  const nameWidth = Math.max(0, ...members.map(({ agent }) => agent.length));
  return [
    "",
    `${clock(elapsedMs)}  ${bar(passing, features.length, terminal)}  ${passing} of ${features.length} pass`,
    indentedCounts(features, terminal),
    "",
    ...members.map((member) => agentLine(member, nameWidth, moment, terminal)),
  ];
}

function bar(done: number, total: number, terminal: Terminal): string {
  const [full, empty] = terminal.symbols.ellipsis === "…" ? ["█", "░"] : ["#", "-"];
  const width = Math.max(0, Math.min(MAX_BAR_WIDTH, terminal.width - BESIDE_BAR));
  const filled = total === 0 ? 0 : Math.floor((done / total) * width);
  return (
    terminal.paint("green", full.repeat(filled)) +
    terminal.paint("dim", empty.repeat(width - filled))
  );
}

/** A wrapped line would put the board's next frame in the wrong place, so it gives up its colours. */
function indentedCounts(features: readonly Feature[], terminal: Terminal): string {
  const indent = " ".repeat(10);
  const plain = indent + countsText(features);
  if (widthOf(plain) > terminal.width) return cut(plain, terminal.width, terminal.symbols.ellipsis);
  return indent + countsText(features, terminal);
}

/** How many features are in each state; every feature is in exactly one. */
function countsText(features: readonly Feature[], terminal?: Terminal): string {
  const counts = { passing: 0, in_progress: 0, ready: 0, blocked: 0 };
  for (const { status } of features) counts[status] += 1;
  return (["passing", "in_progress", "ready", "blocked"] as const)
    .map((status) => {
      const text = `${String(counts[status]).padStart(2)} ${status.replace("_", " ")}`;
      return terminal === undefined ? text : terminal.paint(STATUS_COLOURS[status], text);
    })
    .join("   ");
}

function agentLine(
  { agent }: Member,
  nameWidth: number,
  { features, passedBy, killed }: Moment,
  terminal: Terminal,
): string {
  const isKilled = killed === agent;
  const held = features.find(({ claim }) => claim?.agent === agent);
  const head = `  ${pad(agent, nameWidth, "left")}  ${pad(String(passedBy.get(agent) ?? 0), 3, "right")} passed  `;
  const work = held === undefined ? "" : `${held.id} ${visible(held.name)}`;
  const dead = work === "" ? "killed" : `killed, its lease still holds ${work}`;
  const text = cut(isKilled ? dead : work, terminal.width - head.length, terminal.symbols.ellipsis);
  return head + (isKilled ? terminal.paint("red", text) : text);
}
