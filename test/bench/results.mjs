/** What was measured, and what follows from it. */
import { execFileSync } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";
import { cpus, loadavg, platform, release, tmpdir, totalmem } from "node:os";

export function median(list) {
  const sorted = list.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** All that one run of the benchmark measured. */
export class Results {
  /** The same work by FlowStore and by others. */
  comparisons = [];
  /** Single figures, with a goal or without. */
  figures = [];
  /** Tables of another form: `{ group, title, head, rows, notes }`. */
  tables = [];
  /** What could not be measured here, or would compare nothing: `{ group, what, why }`. */
  apart = [];
  #print;

  constructor(print) {
    this.#print = print;
  }

  /**
   * The first of `times` is FlowStore's, all others are what it is measured beside.
   *
   * @param goals by name, at most so many times as long as it takes that one
   * @param main those that belong to the main figures; default are those with a goal
   */
  compare({ group, work, size = null, times, goals = {}, main = Object.keys(goals) }) {
    const [[, ours], ...others] = times;
    const beside = others.map(([system, theirs]) => {
      const ratios = ours.map((time, round) => time / theirs[round]);
      const ratio = median(ours) / median(theirs);
      const goal = goals[system] ?? null;
      return {
        system,
        ms: median(theirs),
        ratio,
        low: Math.min(...ratios),
        high: Math.max(...ratios),
        goal,
        isMet: goal === null ? null : ratio <= goal,
        rounds: theirs,
      };
    });
    const row = { group, work, size, ms: median(ours), rounds: ours, beside, main };
    this.comparisons.push(row);
    for (const one of beside) this.#print(lineOf(row, one));
  }

  /** @param goal at most so much, or `null` */
  figure({ group, what, size = null, value, unit, goal = null }) {
    const isMet = goal === null ? null : value <= goal;
    this.figures.push({ group, what, size, value, unit, goal, isMet });
    const aim = goal === null ? "" : `  goal at most ${goal}${isMet ? "" : "  MISSED"}`;
    this.#print(`${titleOf(what, size).padEnd(52)} ${numberText(value)} ${unit}${aim}`);
  }

  table(table) {
    this.tables.push(table);
    this.#print(`${table.title}:`);
    for (const row of table.rows) this.#print(`  ${row.join("  ")}`);
  }

  leaveOut(group, what, why) {
    this.apart.push({ group, what, why });
    this.#print(`${what}: not compared: ${why}`);
  }

  /** Every ratio with its row, the slowest first. */
  ratios() {
    return this.comparisons
      .flatMap((row) => row.beside.map((one) => ({ ...one, row })))
      .toSorted((a, b) => b.ratio - a.ratio);
  }

  /** The main figures, the slowest first. */
  headlines() {
    return this.ratios().filter(({ row, system }) => row.main.includes(system));
  }

  /** Everything that has a goal: `{ title, text, goal, isMet }`. */
  goals() {
    const ratios = this.ratios()
      .filter(({ goal }) => goal !== null)
      .map((one) => ({
        title: `${titleOf(one.row.work, one.row.size)}, beside ${one.system}`,
        text: ratioText(one),
        goal: `${one.goal} ×`,
        isMet: one.isMet,
      }));
    const figures = this.figures
      .filter(({ goal }) => goal !== null)
      .map(({ what, size, value, unit, goal, isMet }) => ({
        title: titleOf(what, size),
        text: `${numberText(value)} ${unit}`,
        goal: `${goal} ${unit}`,
        isMet,
      }));
    return [...ratios, ...figures];
  }

  toJson(about) {
    const { comparisons, figures, tables, apart } = this;
    return { ...about, comparisons, figures, tables, apart };
  }
}

export function titleOf(work, size) {
  return size === null ? work : `${work} · ${size.toLocaleString("en")}`;
}

/** Three digits that count, and no more zeros than needed. */
export function numberText(value) {
  if (value === 0) return "0";
  if (value >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

export function ratioText({ ratio, low, high }) {
  return `${numberText(ratio)} (${numberText(low)} to ${numberText(high)})`;
}

function lineOf(row, one) {
  const title = titleOf(row.work, row.size).padEnd(52);
  const goal = one.goal === null ? "" : `  goal at most ${one.goal}${one.isMet ? "" : "  MISSED"}`;
  const times = `${numberText(row.ms)} : ${numberText(one.ms)} ms`;
  return `${title} ${ratioText(one).padStart(26)} × ${one.system.padEnd(18)} ${times}${goal}`;
}

const FILE_SYSTEMS = {
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
};

/** The machine and the versions. No names of hosts or people. */
export function aboutThisRun(options, packages) {
  const { type } = statfsSync(tmpdir());
  return {
    date: new Date().toISOString(),
    options,
    commit: commitOf(),
    node: process.version,
    system: `${platform()} ${release()}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    fileSystem: FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`,
    loadBefore: loadavg()[0],
    packages,
  };
}

function commitOf() {
  try {
    const quiet = {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    };
    const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], quiet).trim();
    const isChanged = execFileSync("git", ["status", "--porcelain", "../../src"], quiet) !== "";
    return isChanged ? `${commit} and changes` : commit;
  } catch {
    // No git, or no repository: then the version alone says what was measured.
    return `version ${JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version}`;
  }
}
