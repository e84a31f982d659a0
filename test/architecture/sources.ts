/** The project's own files, read as text for the checks beside this file. */
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

/** The folder with package.json. */
export const PROJECT = resolve(import.meta.dirname, "../../..");

export interface Source {
  /** Below the folder that was asked for, with `/`. */
  readonly path: string;
  readonly text: string;
  /** The text without comments; strings stay. */
  readonly code: string;
}

const STRING_OR_COMMENT =
  /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/** All files below `folder` of the project whose names end in `ending`, sorted. */
export function readSources(folder: string, ending = ".ts"): Source[] {
  return readdirSync(join(PROJECT, folder), { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(ending) && !path.includes("node_modules/"))
    .toSorted()
    .map((path) => {
      const text = readFileSync(join(PROJECT, folder, path), "utf8");
      const code = text.replaceAll(
        STRING_OR_COMMENT,
        (_all, kept: string | undefined) => kept ?? "",
      );
      return { path, text, code };
    });
}

/** Statements begin their line (the formatter sees to it), so that a string is not taken for one. */
const IMPORT =
  /^(?:import|export)\s(?:[^"'`;]*?\sfrom\s)?\s*"([^"]+)"|\bimport\(\s*"([\w@#.:/-]+)"\s*\)/gm;

/** What a file imports, in every way there is: static, for types, again exported, dynamic. */
export function importsOf(source: Source): string[] {
  return [...source.code.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? "");
}

/** `package.json`, as far as the checks read it. */
export function readPackage(): {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
} {
  return JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as ReturnType<
    typeof readPackage
  >;
}

/** The packages of `package-lock.json`, by their place. */
export function readLock(): Readonly<
  Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
> {
  const text = readFileSync(join(PROJECT, "package-lock.json"), "utf8");
  return (JSON.parse(text) as { packages: ReturnType<typeof readLock> }).packages;
}
