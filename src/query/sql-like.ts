/** LIKE and GLOB, matched without regular expressions: no pattern makes them slow beyond n × m. */

import { textSteps, Unsure } from "./sql-cells.ts";

/** Small letters of ASCII; others stay, as in SQLite. */
export function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Capitals of ASCII; others stay, as in SQLite. */
export function upper(text: string): string {
  return text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
}

/** SQLite's functions end a text there. */
export function requireNoZero(text: string): string {
  if (text.includes("\0")) throw new Unsure("a text with a zero character");
  return text;
}

/** The characters of a text as SQLite counts them: code points. */
export function characters(text: string): string[] {
  return Array.from(text);
}

const ANY = Symbol("any characters");
const ONE = Symbol("one character");
type Part = string | symbol;

/** Without regard to case, of ASCII's letters alone. */
export function like(
  text: string,
  pattern: string,
  escape: string | null,
  spend: (count: number) => void,
): boolean {
  spend(textSteps([text, pattern]));
  const parts = likeParts(requireNoZero(pattern), escape);
  return matches(characters(lower(requireNoZero(text))), parts, spend);
}

/** So many comparisons of characters are taken from the budget at once, */
const COMPARISONS = 4096;
/** as so many operations. */
const STEPS = 64;

/** By two cursors that go back to the last `%`. */
function matches(
  text: readonly string[],
  parts: readonly Part[],
  spend: (count: number) => void,
): boolean {
  let [at, part] = [0, 0];
  let [markPart, markAt] = [-1, 0];
  for (let compared = 1; at < text.length; compared += 1) {
    if (compared % COMPARISONS === 0) spend(STEPS);
    const wanted = parts[part];
    if (wanted === ANY) {
      [markPart, markAt] = [part, at];
      part += 1;
    } else if (wanted !== undefined && (wanted === ONE || wanted === text[at])) {
      at += 1;
      part += 1;
    } else if (markPart >= 0) {
      markAt += 1;
      [at, part] = [markAt, markPart + 1];
    } else {
      return false;
    }
  }
  while (parts[part] === ANY) part += 1;
  return part === parts.length;
}

function likeParts(pattern: string, escape: string | null): Part[] {
  if (escape !== null && characters(escape).length !== 1) {
    throw new Unsure("an ESCAPE that is not one character");
  }
  const parts: Part[] = [];
  let isEscaped = false;
  for (const character of pattern) {
    if (!isEscaped && character === escape) {
      isEscaped = true;
      continue;
    }
    const isWild = !isEscaped && (character === "%" || character === "_");
    parts.push(isWild ? (character === "%" ? ANY : ONE) : lower(character));
    isEscaped = false;
  }
  if (isEscaped) throw new Unsure("a pattern that ends in its ESCAPE");
  return parts;
}
