/** The results in words: first of all where FlowStore is slower. */
import { numberText, ratioText, titleOf } from "./results.mjs";

/** Above this load for each core, before anything was measured, figures are of no use. */
const QUIET_LOAD = 0.3;

/** What makes a run's figures useless, or `null`. */
export function doubtOf({ options, loadBefore, cores }) {
  if (options.quick) return "A quick run: it shows that everything works, and nothing about speed.";
  if (loadBefore > QUIET_LOAD * cores) {
    const load = `load ${numberText(loadBefore)} on ${cores} cores`;
    return `The machine was busy with other work (${load}): these figures are of no use.`;
  }
  return null;
}

/** For the terminal. */
export function summaryOf(results, about) {
  const lines = [];
  const slower = results.headlines().filter(({ ratio }) => ratio > 1);
  lines.push("Where FlowStore is slower:");
  for (const one of slower) lines.push(`  ${headlineText(one)}`);
  if (slower.length === 0) lines.push("  nowhere, of what the plot shows");
  const goals = results.goals();
  const missed = goals.filter(({ isMet }) => !isMet);
  lines.push(`Goals: ${goals.length - missed.length} of ${goals.length} met. Missed:`);
  for (const { title, text, goal } of missed)
    lines.push(`  ${title}: ${text}, goal at most ${goal}`);
  const doubt = doubtOf(about);
  if (doubt !== null) lines.push(doubt);
  lines.push(`It took ${about.seconds} s.`);
  return lines.join("\n");
}

function headlineText(one) {
  const title = titleOf(one.row.work, one.row.size).padEnd(50);
  return `${title} ${ratioText(one).padStart(26)} × ${one.system}`;
}

/** Nothing here is cold. */
const WARM =
  "“Open and …” opens the store anew in a process that runs already. The files are in the memory of the system, as they are where they were just worked with: nothing drops its page cache, so the first read after a start of the machine is not measured.";

function slowerIn(results) {
  return results.ratios().filter(({ ratio }) => ratio > 1);
}

const WORST = 5;

/** In one line, since the main figures are a choice. */
function slowerOf(results) {
  const slower = slowerIn(results);
  const worst = slower
    .slice(0, WORST)
    .map(
      ({ row, ratio, system }) =>
        `${titleOf(row.work, row.size)}: ${numberText(ratio)} × ${system}`,
    );
  const line = `Of all ${results.ratios().length} comparisons FlowStore is slower in ${slower.length}`;
  return worst.length === 0 ? `${line}.` : `${line}; the worst of them: ${worst.join("; ")}.`;
}

/** `results.md`. */
export function markdownOf(results, about) {
  const slower = slowerIn(results);
  const doubt = doubtOf(about);
  const parts = [
    "# FlowStore beside others",
    "Made by `npm run bench`; do not edit.",
    ...(doubt === null ? [] : [`**${doubt}**`]),
    machineOf(about),
    "Each figure is the median of FlowStore's time divided by the median of the other's, of the same work in alternating rounds of one run; behind it the lowest and the highest ratio of a round. Below 1 FlowStore is faster. The number behind a workload says how many features, or events, there are.",
    WARM,
    slowerOf(results),
    "## The main figures, the slowest first",
    tableOf(HEADLINE, results.headlines().map(headlineRow)),
    "## How it grows",
    growthOf(results),
    "## Everywhere that FlowStore is slower",
    tableOf(HEADLINE, slower.map(headlineRow)),
    ...goalsOf(results),
    ...groupsOf(results),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** What README shows of a run; `null` for one whose figures are of no use. */
export function readmePartOf(results, about) {
  if (doubtOf(about) !== null) return null;
  const parts = [
    machineOf(about),
    "The medians of alternating rounds, divided: below 1 FlowStore is faster. Where it is slower comes first; everything else is in [test/bench/results.md](test/bench/results.md). No row is of cold files: all of them are in the memory of the system.",
    slowerOf(results),
    tableOf(HEADLINE, results.headlines().map(headlineRow)),
    "![The same figures as bars](test/bench/results.svg)",
  ];
  return `${parts.join("\n\n")}\n`;
}

/** What README shows of how it grows: FlowStore's own times and memory, by the number of features. */
export function growthPartOf(results, about) {
  return doubtOf(about) === null ? `${growthOf(results)}\n` : null;
}

/** What README shows of where the time goes. */
export function profilePartOf(results, about) {
  const isShown = doubtOf(about) === null;
  const tables = results.tables.filter(({ group }) => group === "profile");
  return isShown && tables.length > 0 ? `${tables.map(profileTable).join("\n\n")}\n` : null;
}

function profileTable({ title, head, rows, notes }) {
  return [`**${title}.** ${notes.join(" ")}`, tableOf(head, rows)].join("\n\n");
}

/** One of each kind of call, and the memory of a process that has read everything. */
const GROWING = [
  "get by id, within 20 ms",
  "get by id, later",
  "claim with its event, durable",
  "claim every 25 ms, durable",
  "getAll, within 20 ms",
  "getAll, later",
  "getReady, later",
  "open and getAll",
];
const MEMORY = /^Memory with ([\d,]+) features, MiB$/;
const MEMORY_COLUMNS = ["heap loaded", "RSS at most"];

function growthOf({ comparisons, tables }) {
  const rows = GROWING.flatMap((work) => comparisons.filter((row) => row.work === work));
  const sizes = [...new Set(rows.map(({ size }) => size))].toSorted((a, b) => a - b);
  const times = GROWING.map((work) => {
    const textAt = (size) => {
      const row = rows.find((one) => one.work === work && one.size === size);
      return row === undefined ? "–" : numberText(row.ms);
    };
    return [`${work}, ms`, ...sizes.map(textAt)];
  });
  const memory = MEMORY_COLUMNS.map((column) => {
    const at = (size) => {
      const isOf = ({ title }) => MEMORY.exec(title)?.[1] === size.toLocaleString("en");
      const { head = [], rows: systems = [] } = tables.find(isOf) ?? {};
      return systems.find(([name]) => name === "FlowStore")?.[head.indexOf(column)] ?? "–";
    };
    return [`memory of a process: ${column}, MiB`, ...sizes.map(at)];
  });
  const titles = sizes.map((size) => `${size.toLocaleString("en")} features`);
  return tableOf(["", ...titles], [...times, ...memory]);
}

const HEADLINE = ["workload", "ratio", "spread", "compared with", "goal"];

function headlineRow({ row, ratio, low, high, system, goal, isMet }) {
  const aim = goal === null ? "" : `≤ ${goal} ${isMet ? "met" : "**missed**"}`;
  const spread = `${numberText(low)} to ${numberText(high)}`;
  return [titleOf(row.work, row.size), numberText(ratio), spread, system, aim];
}

function machineOf(about) {
  const { options, packages } = about;
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  const { cores, processor, memoryGiB, system, fileSystem, node } = about;
  return [
    `${about.date.slice(0, 10)}, ${about.commit}, ${options.rounds} rounds, ${about.seconds} s.`,
    `${cores} cores (${processor}), ${memoryGiB} GiB, ${system}, ${fileSystem}, node ${node};`,
    `load ${numberText(about.loadBefore)} before, ${numberText(about.loadAfter)} at the end.`,
    `Beside: ${versions.join(", ")}.`,
  ].join(" ");
}

function goalsOf(results) {
  const goals = results.goals();
  const met = goals.filter(({ isMet }) => isMet).length;
  const rows = goals
    .toSorted((a, b) => Number(a.isMet) - Number(b.isMet))
    .map(({ title, text, goal, isMet }) => [
      title,
      text,
      `≤ ${goal}`,
      isMet ? "met" : "**missed**",
    ]);
  return [`## Goals: ${met} of ${goals.length} met`, tableOf(["", "is", "goal", ""], rows)];
}

function groupsOf(results) {
  const groups = new Set(
    [...results.comparisons, ...results.figures, ...results.tables].map(({ group }) => group),
  );
  return [...groups].flatMap((group) => {
    const isOf = (one) => one.group === group;
    const parts = [`## ${group[0].toUpperCase()}${group.slice(1)}`];
    const rows = results.comparisons.filter(isOf);
    if (rows.length > 0) parts.push(comparisonsOf(rows));
    const figures = results.figures.filter(isOf);
    if (figures.length > 0) parts.push(figures.map(figureLine).join("\n"));
    for (const { title, head, rows: cells, notes } of results.tables.filter(isOf))
      parts.push(`### ${title}`, tableOf(head, cells), ...notes);
    const apart = results.apart.filter(isOf);
    if (apart.length > 0) parts.push("Not compared:", apart.map(apartLine).join("\n"));
    return parts;
  });
}

function apartLine({ what, why }) {
  return `* ${what}: ${why}.`;
}

function figureLine({ what, size, value, unit }) {
  return `* ${titleOf(what, size)}: ${numberText(value)} ${unit}`;
}

/** A row for each work, a column for each that it is measured beside. */
function comparisonsOf(rows) {
  const systems = [...new Set(rows.flatMap(({ beside }) => beside.map(({ system }) => system)))];
  const cells = rows.map((row) => {
    const ratios = systems.map((system) => {
      const one = row.beside.find((other) => other.system === system);
      return one === undefined ? "–" : ratioText(one);
    });
    return [titleOf(row.work, row.size), numberText(row.ms), ...ratios];
  });
  return tableOf(["", "FlowStore, ms", ...systems.map((name) => `× ${name}`)], cells);
}

function tableOf(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
