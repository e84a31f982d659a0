/** What `cat` shows of a store: each document whole, each line of each log whole. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow } from "../process/store-files.ts";

/** The engine's own: lines with a checksum, signs of life, and a cache that is made anew where it is cut. */
const NOT_PLAIN = /^local\/(?:journal|guard|fence|cache)\//;

/** Documents and lines that do not parse, and files that end too early. */
export function tornFiles(root: string): string[] {
  return filesBelow(root)
    .filter((path) => !NOT_PLAIN.test(path))
    .flatMap((path) => {
      const text = readFileSync(join(root, path), "utf8");
      const why = whyTorn(path, text);
      return why === null ? [] : [`${path} ${why}: ${JSON.stringify(text.slice(0, 100))}`];
    });
}

function whyTorn(path: string, text: string): string | null {
  if (path.endsWith(".jsonl")) return whyTornLog(text);
  if (text === "") return "is empty";
  if (text.includes("\0")) return "holds zeros";
  if (path.endsWith(".json") && !parses(text)) return "does not parse";
  return text.endsWith("\n") ? null : "has no end";
}

function whyTornLog(text: string): string | null {
  // The last one may still be growing.
  const bad = text
    .split("\n")
    .slice(0, -1)
    .findIndex((line) => !parses(line));
  return bad === -1 ? null : `line ${bad + 1} does not parse`;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
