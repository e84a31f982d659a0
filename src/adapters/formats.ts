/** The formats of plans that are known, in the order in which a file is tried against them. */
import { FlowError } from "../errors.ts";
import { beads } from "./beads.ts";
import type { PlanFormat } from "./format.ts";
import { jsonl } from "./jsonl.ts";
import { plain } from "./plain.ts";

/** From the most particular to the most general. */
export const FORMATS: readonly PlanFormat[] = [beads, jsonl, plain];

/** @throws FlowError `BAD_REQUEST` for an unknown name. */
export function formatNamed(name: string): PlanFormat {
  const format = FORMATS.find((candidate) => candidate.name === name);
  if (format !== undefined) return format;
  throw new FlowError("BAD_REQUEST", `There is no format "${name}"`, {
    hint: `The formats are ${FORMATS.map((known) => known.name).join(", ")}.`,
  });
}

/** The format that the text looks like; the plain one, which says best what is wrong, when none. */
export function recogniseFormat(text: string, fileName: string): PlanFormat {
  return FORMATS.find((format) => format.recognise(text, fileName)) ?? plain;
}
