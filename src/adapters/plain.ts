/**
 * The plain format: a JSON list of features, or `{ "features": [...] }`. What `flowstore export`
 * writes by default, and what people and agents write by hand; only `name` must be there.
 */
import type { Feature } from "../index.ts";
import type { PlanFormat, ReadPlan } from "./format.ts";
import { importedOf } from "./imported.ts";
import { PLAIN_MAPPED, readPlainRecords } from "./plain-records.ts";
import { elementLines, isRecord, parseWhole, refuseUnreadable } from "./plan-text.ts";
import { planError } from "./format.ts";

export const plain: PlanFormat = {
  name: "plain",
  title: "a JSON list of features",
  mapped: PLAIN_MAPPED,
  recognise: (text) => /^\s*[[{]/.test(text),
  read,
  write: (features) => `${JSON.stringify({ features: features.map(plainRecord) }, null, 2)}\n`,
};

function read(text: string, fileName: string): ReadPlan {
  refuseUnreadable(text, fileName);
  const value = parseWhole(text, fileName);
  const list = isRecord(value) ? value["features"] : value;
  if (!Array.isArray(list)) {
    const wanted = 'a plan is a list of features, or an object with the key "features"';
    throw planError("BAD_REQUEST", fileName, 1, wanted);
  }
  const lines = elementLines(text);
  const records = list.map((element: unknown, index) => ({
    line: lines[index] ?? 1,
    value: element,
  }));
  return readPlainRecords(records, fileName);
}

/**
 * A feature as the plain formats write it: all that its file says, without what the store derives
 * and without what the last import noted for itself.
 */
export function plainRecord(feature: Feature): Record<string, unknown> {
  const { lastImport: _lastImport, ...imported } = importedOf(feature);
  const { status: _status, updatedAt: _updatedAt, revision: _revision, ...record } = feature;
  return "imported" in record ? { ...record, imported } : record;
}
