/** Plain data as indented lines `key: value`, for results that have no table of their own. */
import { visible } from "./safe-text.ts";

const MAX_DEPTH = 6;

export function renderFacts(value: unknown, depth = 0): string {
  const indent = "  ".repeat(depth);
  if (typeof value !== "object" || value === null || depth >= MAX_DEPTH)
    return indent + scalar(value);
  return Object.entries(value)
    .map(([key, inner]) => {
      const isEmpty =
        typeof inner === "object" && inner !== null && Object.keys(inner).length === 0;
      if (typeof inner !== "object" || inner === null || isEmpty) {
        return `${indent}${visible(key)}: ${isEmpty ? "none" : scalar(inner)}`;
      }
      return `${indent}${visible(key)}:\n${renderFacts(inner, depth + 1)}`;
    })
    .join("\n");
}

function scalar(value: unknown): string {
  return visible(typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
}
