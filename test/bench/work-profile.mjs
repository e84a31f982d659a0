/**
 * Where the time of a call goes: the operations on files by kind, waiting, the collector of
 * garbage, and the rest, which is JavaScript. Of FlowStore, and of the bare operations where there
 * is such a work.
 */
import { pathToFileURL } from "node:url";
import { crowd } from "./crowd.mjs";
import { KINDS } from "./disk-kinds.mjs";
import { LIBRARY } from "./flowstore.mjs";
import { alternate, answerOf, mustBe } from "./measure.mjs";
import { plan } from "./plan.mjs";
import { meanOf, middleHalf } from "./profile-parts.mjs";
import { median, numberText, titleOf } from "./results.mjs";
import { filled, filledOnce, systemOf } from "./systems.mjs";
import { MAIN, output } from "./work-commands.mjs";
import { PROCESSES, wordsOf } from "./work-crowd.mjs";
import { filledLog } from "./work-events.mjs";

const GROUP = "profile";
const FLOW_STORE = "FlowStore";
const BARE = "bare fs";
const LIMIT = [FLOW_STORE, BARE];
const EVENTS = 100_000;

const HEAD = ["", "all", ...KINDS, "waiting", "collector", "JavaScript"];

const COLUMNS =
  "Sync: fsync and fdatasync. Names: files and folders renamed, linked, removed, folders made, times set. Open and write: files made, opened, written, closed. Read: parts of open files, and whole ones with their opening. Look: stat and lists of names. Waiting: the loop stood still. Collector: of garbage, what of it was not within an operation. JavaScript: the rest; the clock adds some tenths of a µs for each operation.";

/** What is done, by the name that the other tables have for it; by whom, and how often at least. */
const CHANGES = [
  { what: "claim with its event, durable", work: "claim", size: 1000, rounds: 400, names: LIMIT },
  {
    what: "claim every 25 ms, durable",
    work: "claim, later",
    size: 1000,
    rounds: 60,
    names: LIMIT,
  },
  { what: "claim with its event, durable", work: "claim", size: 10_000, rounds: 400, names: LIMIT },
  {
    what: "claim every 25 ms, durable",
    work: "claim, later",
    size: 10_000,
    rounds: 40,
    names: LIMIT,
  },
  { what: "features in one call, durable", work: "bulk", size: 1000, rounds: 6, names: LIMIT },
  { what: "one event, durable", work: "event", size: null, rounds: 8, names: LIMIT },
  { what: "events in one batch, durable", work: "batch", size: 1000, rounds: 20, names: LIMIT },
  {
    what: "lock 20 paths and give them back",
    work: "locks",
    size: null,
    rounds: 30,
    names: LIMIT,
  },
];

const reads = (size, rounds, works) =>
  works.map((work) => {
    const what = work.replace(/^get(?=,|$)/, "get by id");
    const when = work.startsWith("open") || work.endsWith(", later") ? "" : ", within 20 ms";
    const names = work.startsWith("open") ? LIMIT : [FLOW_STORE];
    return { what: `${what}${when}`, work, size, rounds, names };
  });
const LISTS = ["getAll", "getReady", "getStats", "getGraph"];
const LATER = ["get", ...LISTS].map((work) => `${work}, later`);
const READS = [
  ...reads(100, 20, ["open and getReady"]),
  ...reads(1000, 20, ["get", "getStats", ...LATER, "open and getReady"]),
  ...reads(10_000, 8, [...LISTS, ...LATER, "open and getReady"]),
  {
    what: "open and replay all events",
    work: "open and replay",
    size: 1000,
    rounds: 12,
    names: LIMIT,
  },
  { what: "replay all events again", work: "replay", size: EVENTS, rounds: 4, names: LIMIT },
];

export async function run(results, settings) {
  await calls("a change", CHANGES, results, settings);
  await crowded(results, settings);
  await calls("a read", READS, results, settings);
  await commands(results, settings);
}

async function calls(title, list, results, { quick }) {
  const rows = [];
  for (const { what, names, rounds, size, ...one } of list) {
    for (const name of names) {
      const words = { ...one, name, size, rounds: quick ? 2 : rounds };
      words.folder = await folderOf(words);
      const profile = await answerOf("child-profile.mjs", [JSON.stringify(words)]);
      rows.push(rowOf(name === FLOW_STORE ? titleOf(what, size) : `– ${name}`, profile));
    }
  }
  results.table({
    group: GROUP,
    title: `Where the time of ${title} goes, ms (operations)`,
    head: HEAD,
    rows,
    notes: [
      "Of one process that does nothing else: the mean of the middle half of its rounds, so not quite the medians of the other tables, in whose rounds others take part.",
      COLUMNS,
    ],
  });
}

/** Where it works; `null` where each process makes its own. The limit reads the same files. */
async function folderOf({ name, work, size }) {
  if (work.startsWith("claim")) return filledOnce(await systemOf(name), size, { fresh: true });
  if (work.includes("replay")) return filledLog(FLOW_STORE, size);
  return /get/.test(work) ? filledOnce(await systemOf(FLOW_STORE), size) : null;
}

function rowOf(title, { ms, waiting, collector, kinds }) {
  const disk = KINDS.reduce((sum, kind) => sum + kinds[kind].ms, 0);
  const cells = KINDS.map((kind) => {
    const { ms: part, count } = kinds[kind];
    return count === 0 ? "–" : `${numberText(part)} (${numberText(count)})`;
  });
  const rest = [waiting, collector, ms - disk - waiting - collector];
  return [title, numberText(ms), ...cells, ...rest.map(partText)];
}

/** What is less than one of a thousand of a ms is less than the clock can tell. */
function partText(ms) {
  return Math.abs(ms) < 0.001 ? "–" : numberText(ms);
}

/** Of the claims that won and that lost, all processes together. */
async function crowded(results, { quick }) {
  const count = quick ? 100 : 1000;
  const folder = await filled(await systemOf(FLOW_STORE), plan(count, { fresh: true }));
  const words = wordsOf(FLOW_STORE, folder, count);
  const { answers } = await crowd("child-profile-crowd.mjs", words);
  const claims = answers.flat();
  const won = claims.filter(({ isWon }) => isWon).toSorted((a, b) => a.ms - b.ms);
  mustBe("claims won", won.length, count);
  const rows = [
    rowOf("a claim that won, the middle half", meanOf(middleHalf(won))),
    rowOf("the slowest 1 of 100 of them", meanOf(won.slice(-Math.ceil(count / 100)))),
    rowOf("a claim that was lost", meanOf(claims.filter(({ isWon }) => !isWon))),
    rowOf("all that one process did", meanOf(claims, PROCESSES / claims.length)),
  ];
  results.table({
    group: GROUP,
    title: `Where the time of a claim goes when ${PROCESSES} processes want ${count.toLocaleString("en")} features, ms (operations)`,
    head: HEAD,
    rows,
    notes: [
      "Means. Waiting: for the guard. There are more processes than processors: each part, JavaScript most of all, holds the time in which another process ran.",
    ],
  });
}

/** A command does what the one above it does, and something more. */
async function commands(results, settings) {
  const system = await systemOf(FLOW_STORE);
  const ready = [MAIN, "feature", "ready", "--json"];
  const one = await filled(system, plan(1, { fresh: true }));
  const many = await filled(system, plan(1000));
  const modules = new URL("../../dist/index.js", import.meta.url);
  const importing = (url) => ["--input-type=module", "-e", `await import("${url}")`];
  const ladder = [
    ["node -e 0", ["-e", "0"], one],
    ["flowstore --version", [MAIN, "--version"], one],
    ["flowstore feature ready --json · 1", ready, one],
    ["flowstore feature ready --json · 1,000", ready, many],
    ["a program that imports FlowStore", importing(pathToFileURL(LIBRARY)), one],
    ["the same from its single modules", importing(modules), one],
  ];
  const contenders = ladder.map(([name, words, folder]) => ({
    name,
    act: () => output(words, folder),
  }));
  const times = await alternate(contenders, settings);
  const nothing = median(times.get(ladder[0][0]));
  const rows = ladder.map(([name]) => {
    const ms = median(times.get(name));
    return [name, numberText(ms), numberText(ms - nothing), numberText(ms / nothing)];
  });
  results.table({
    group: GROUP,
    title: "Where the time of a command goes, ms",
    head: ["", "whole process", "more than node -e 0", "× node -e 0"],
    rows,
    notes: ["Medians of alternating rounds."],
  });
}
