/** The main ratios as an SVG, on a log axis with the goals marked; readable in light and dark. */
import { numberText, titleOf } from "./results.mjs";
import { doubtOf } from "./tables.mjs";

const ROW = 22;
const TOP = 92;
const BOTTOM = 44;
const WIDTH = 980;
const LEFT = 330;
const RIGHT = 250;
const TICKS = [0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100, 1000];

/** Colours by hand for both: on GitHub the reader's system decides. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .small { font-size: 11px; } .faint { fill: #59636e; } .title { font-size: 17px; font-weight: 600; }
  .back { fill: #ffffff; } .grid { stroke: #d1d9e0; } .one { stroke: #1f2328; stroke-width: 1.5; }
  .band { fill: #f6f8fa; } .bar { stroke-width: 3; stroke-linecap: round; opacity: 0.45; }
  .goal { stroke: #8250df; stroke-width: 2; }
  .met { fill: #1a7f37; stroke: #1a7f37; } .missed { fill: #cf222e; stroke: #cf222e; }
  .open { fill: #0969da; stroke: #0969da; }
  text.met, text.missed, text.open { stroke: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .faint { fill: #9198a1; } .back { fill: #0d1117; }
    .grid { stroke: #3d444d; } .one { stroke: #e6edf3; } .band { fill: #151b23; }
    .goal { stroke: #d2a8ff; } .met { fill: #3fb950; stroke: #3fb950; }
    .missed { fill: #ff7b72; stroke: #ff7b72; } .open { fill: #58a6ff; stroke: #58a6ff; }
  }`;

export function plotOf(results, run) {
  const { commit, cores, fileSystem, node } = run;
  const rows = results.headlines();
  const scale = scaleOf(rows);
  const height = TOP + rows.length * ROW + BOTTOM;
  const about =
    doubtOf(run) ?? `The slowest first. ${cores} cores, ${fileSystem}, node ${node}, ${commit}`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" role="img" aria-label="FlowStore's time divided by that of others">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="back" width="${WIDTH}" height="${height}" rx="8"/>`,
    text(16, 30, "FlowStore's time, divided by that of others", "title"),
    text(16, 50, about, "small faint"),
    ...legend(),
    ...axis(scale, height),
    ...rows.flatMap((row, index) => rowOf(row, TOP + index * ROW, scale)),
    "</svg>",
  ].join("\n")}\n`;
}

/** From a ratio to its place; all that is shown lies between the ends. */
function scaleOf(rows) {
  const shown = rows.flatMap(({ low, high, goal }) => [
    low,
    high,
    ...(goal === null ? [] : [goal]),
  ]);
  const from = Math.log10(Math.min(0.1, ...shown)) - 0.05;
  const to = Math.log10(Math.max(10, ...shown)) + 0.05;
  const width = WIDTH - LEFT - RIGHT;
  const place = (ratio) => LEFT + ((Math.log10(ratio) - from) / (to - from)) * width;
  const ticks = TICKS.filter((tick) => Math.log10(tick) >= from && Math.log10(tick) <= to);
  return { place, ticks };
}

function legend() {
  const entries = [
    ["met", "goal met"],
    ["missed", "goal missed"],
    ["open", "no goal"],
  ];
  const dots = entries.flatMap(([kind, words], index) => [
    markOf(kind, WIDTH - RIGHT - 190 + index * 95, 26),
    text(WIDTH - RIGHT - 180 + index * 95, 30, words, "small"),
  ]);
  const x = WIDTH - RIGHT + 100;
  return [...dots, line(x, 19, x, 33, "goal"), text(x + 8, 30, "the goal, at most", "small")];
}

function axis({ place, ticks }, height) {
  const bottom = height - BOTTOM + 4;
  const lines = ticks.flatMap((tick) => [
    line(place(tick), TOP - 6, place(tick), bottom, tick === 1 ? "one" : "grid"),
    text(place(tick), TOP - 12, String(tick), "small faint", "middle"),
    text(place(tick), bottom + 16, String(tick), "small faint", "middle"),
  ]);
  const y = bottom + 32;
  return [
    ...lines,
    text(place(1) - 10, y, "← faster than the other", "small", "end"),
    text(place(1) + 10, y, "slower than the other →", "small"),
  ];
}

function rowOf(one, top, { place }) {
  const kind = one.isMet === null ? "open" : one.isMet ? "met" : "missed";
  const y = top + ROW / 2;
  const goal =
    one.goal === null
      ? []
      : [line(place(one.goal), top + 3, place(one.goal), top + ROW - 3, "goal")];
  const right = WIDTH - RIGHT + 14;
  return [
    text(LEFT - 12, y + 4, titleOf(one.row.work, one.row.size), "", "end"),
    line(place(one.low), y, place(one.high), y, `bar ${kind}`),
    ...goal,
    markOf(kind, place(one.ratio), y),
    text(right, y + 4, numberText(one.ratio), kind),
    text(right + 48, y + 4, `× ${one.system}`, "faint"),
  ];
}

/** A goal that was missed is told by its shape too. */
function markOf(kind, x, y) {
  if (kind !== "missed") return `<circle class="${kind}" cx="${x.toFixed(1)}" cy="${y}" r="4.5"/>`;
  const place = `${x.toFixed(1)} ${y}`;
  return `<rect class="${kind}" x="${(x - 4).toFixed(1)}" y="${y - 4}" width="8" height="8" transform="rotate(45 ${place})"/>`;
}

function line(x1, y1, x2, y2, kind) {
  const [a, b] = [x1, x2].map((x) => x.toFixed(1));
  return `<line class="${kind}" x1="${a}" y1="${y1}" x2="${b}" y2="${y2}"/>`;
}

function text(x, y, words, kind, anchor = "start") {
  const escaped = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}">${escaped}</text>`;
}
