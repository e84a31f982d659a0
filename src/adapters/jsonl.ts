/** The plain format with one feature a line: for large stores, and for tools that work by lines. */
import type { PlanFormat } from "./format.ts";
import { plainRecord } from "./plain.ts";
import { PLAIN_MAPPED, readPlainRecords } from "./plain-records.ts";
import { isRecord, parseLines } from "./plan-text.ts";

export const jsonl: PlanFormat = {
  name: "jsonl",
  title: "one feature of the plain format a line",
  mapped: PLAIN_MAPPED,
  recognise,
  read: (text, fileName) => readPlainRecords(parseLines(text, fileName), fileName),
  write: (features) =>
    features.map((feature) => `${JSON.stringify(plainRecord(feature))}\n`).join(""),
};

/** Whether the first line alone is a feature: a pretty-printed list has only a bracket there. */
function recognise(text: string, fileName: string): boolean {
  if (fileName.toLowerCase().endsWith(".jsonl")) return true;
  const first = text.trimStart().split("\n", 1)[0] ?? "";
  try {
    const record = JSON.parse(first) as unknown;
    return isRecord(record) && typeof record["name"] === "string";
  } catch (error) {
    // A line that is no JSON by itself: then this is not JSONL.
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
