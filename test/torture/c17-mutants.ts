/**
 * The mutants of C17: small changes to one compiled file of the engine, made by the part of Stryker
 * that makes them. Each is one text replaced by another, in the code as it is given out.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { seededRandom } from "#src/disk/power-cut.js";

const PROJECT = resolve(import.meta.dirname, "../../..");
const FOLDER = join(PROJECT, "test/mutation");
const PACKAGE = join(FOLDER, "node_modules/@stryker-mutator/instrumenter");

/** A change of one file. */
export interface Change {
  /** Below `dist/`, without its ending. */
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

export interface MadeMutant extends Change {
  /** The function of the source that it is in. */
  readonly unit: string;
  /** The line of the source that it begins in, as it is written there. */
  readonly line: string;
  /** What is replaced in the compiled code, and by what, without spaces that mean nothing. */
  readonly from: string;
  readonly to: string;
  /** `src/storage/hold.ts:123` */
  readonly place: string;
}

/** What the package gives of each mutant; lines and columns count from 0. */
interface Made {
  readonly location: { readonly start: Position; readonly end: Position };
  readonly replacement: string;
  readonly mutatorName: string;
}

interface Position {
  readonly line: number;
  readonly column: number;
}

interface Package {
  readonly Instrumenter: new (logger: object) => {
    instrument: (
      files: readonly object[],
      options: object,
    ) => Promise<{ readonly mutants: readonly Made[] }>;
  };
}

/** Why mutants cannot be made here; installs what makes them when it is missing. */
export function whyNoStryker(): string | null {
  if (existsSync(PACKAGE)) return null;
  // What npm told this process about the project is not for the npm of that folder.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(package|lifecycle|command|config_local_prefix|config_prefix)/i.test(name),
    ),
  );
  const words = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const options = {
    cwd: FOLDER,
    env,
    encoding: "utf8",
    shell: process.platform === "win32",
  } as const;
  const { error, status, stderr } = spawnSync("npm", words, options);
  if (status === 0) return null;
  return `npm ci in test/mutation failed: ${(error?.message ?? stderr.trim()).slice(0, 200)}`;
}

/** Its reports are not wanted. */
const SILENT = new Proxy(
  {},
  { get: (_, name) => () => (String(name).startsWith("is") ? false : undefined) },
);

/** Every mutant of a compiled file, in the order of its text. */
export async function mutantsOf(dist: string, file: string): Promise<MadeMutant[]> {
  const path = join(dist, `${file}.js`);
  const text = readFileSync(path, "utf8");
  const { Instrumenter } = (await import(
    pathToFileURL(join(PACKAGE, "dist/src/index.js")).href
  )) as Package;
  const { mutants } = await new Instrumenter(SILENT).instrument(
    [{ name: path, mutate: true, content: text }],
    { plugins: null, ignorers: [], excludedMutations: [] },
  );
  const lines = new Lines(text);
  // A copy of the code comes without the maps, which only slow it down.
  const mapText = readFileSync(join(PROJECT, "dist", `${file}.js.map`), "utf8");
  const map = new SourceMap(JSON.parse(mapText) as SourceMapPayload);
  const source = readFileSync(join(PROJECT, "src", `${file}.ts`), "utf8").split("\n");
  return mutants.map(({ location: { start, end }, replacement }) => {
    const change = { file, start: lines.offset(start), end: lines.offset(end), replacement };
    const entry = map.findEntry(start.line, start.column);
    const index = "originalLine" in entry ? entry.originalLine : 0;
    return {
      ...change,
      unit: unitAt(source, index),
      line: (source[index] ?? "").trim(),
      from: shortened(text.slice(change.start, change.end)),
      to: shortened(replacement),
      place: `src/${file}.ts:${index + 1}`,
    };
  });
}

/** Of what begins a function or a method: its name. */
const UNIT =
  /^(?: {2})?(?:export |async |static |protected |private |function\*? |get |set |class )*(#?\w+)(?:[(<]| \{$| extends )/;
const KEYWORD = /^ *(?:if|for|while|switch|try|return|throw|else|do|super)\b/;

/** The name of the function around a line, or of the class around that. */
function unitAt(source: readonly string[], index: number): string {
  for (let at = index; at >= 0; at -= 1) {
    const line = source[at] ?? "";
    if (!line.endsWith(";") && !KEYWORD.test(line)) {
      const name = UNIT.exec(line)?.[1];
      if (name !== undefined) return name;
    }
  }
  return "";
}

class Lines {
  readonly #starts: readonly number[];

  constructor(text: string) {
    this.#starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  }

  offset({ line, column }: Position): number {
    return (this.#starts[line] ?? 0) + column;
  }
}

/** Enough to tell a text from others in its line. */
const LONGEST_TEXT = 90;

function shortened(text: string): string {
  const plain = text.replace(/\s+/g, " ");
  return plain.length > LONGEST_TEXT ? `${plain.slice(0, LONGEST_TEXT)}…` : plain;
}

/**
 * Texts for people: what they say may be changed at any time, and no test repeats them. Only whole
 * sentences count as such; a word may be a name of a file.
 */
export function isWording({ from }: MadeMutant): boolean {
  return /^["'`].*[A-Za-z]{2,}[,:;.]? [a-z]+[,:;.]? [A-Za-z]/.test(from);
}

/** In an order by chance of which every beginning has of each file as much as the whole has. */
export function inDrawnOrder<T extends Change>(mutants: readonly T[], seed: number): T[] {
  const random = seededRandom(seed);
  const files = [...new Set(mutants.map(({ file }) => file))];
  const places = files.flatMap((name) => {
    const group = mutants.filter(({ file }) => file === name);
    const drawn = group.map((mutant) => ({ mutant, at: random() })).toSorted((a, b) => a.at - b.at);
    const shift = random();
    return drawn.map(({ mutant }, index) => ({ mutant, at: (index + shift) / group.length }));
  });
  return places.toSorted((a, b) => a.at - b.at).map(({ mutant }) => mutant);
}
