/** What reading and writing issues of beads have in common. */
import { isRecord } from "./plan-text.ts";

/** What a feature made here says in `external_ref`, so that it is known again when it comes back. */
export const OWN_REFERENCE = "flowstore:";

/** The one type of edge that keeps an issue from being ready. */
export const BLOCKING = "blocks";

/** The last of beads' priorities, 0 to 4. */
export const LAST_PRIORITY = 4;

export const DEFAULT_STATUS = "open";

/** The edges of an issue, of every type. */
export function edgesOf(issue: Readonly<Record<string, unknown>>): Record<string, unknown>[] {
  const { dependencies } = issue;
  return Array.isArray(dependencies) ? dependencies.filter(isRecord) : [];
}

/** An entry of a list: a dash, star or number, perhaps a box to tick, and the text. */
const LIST_ENTRY = /^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(\S.*)$/;

/** The entries of a text that is nothing but a list; else none. Some tools wrote `\n` as two characters. */
export function stepsOf(criteria: unknown): string[] {
  if (typeof criteria !== "string") return [];
  const lines = criteria.split(/\r?\n|\\n/).filter((line) => line.trim() !== "");
  const steps: string[] = [];
  for (const line of lines) {
    const step = LIST_ENTRY.exec(line)?.[1];
    if (step === undefined) return [];
    steps.push(step.trimEnd());
  }
  return steps;
}

/** `steps` as a list to tick off. */
export function criteriaOf(steps: readonly string[]): string {
  return steps.map((step) => `- [ ] ${step}`).join("\n");
}
