/** What is wrong with files, one finding a line. */
import type { Finding } from "../../index.ts";
import { visible } from "./safe-text.ts";
import type { Terminal } from "./terminal.ts";

export function renderFinding(finding: Finding, terminal: Terminal): string {
  const { file, line, rule, severity, message } = finding;
  const place = visible(line === undefined ? file : `${file}:${line}`);
  const label = terminal.paint(severity === "error" ? "red" : "yellow", severity);
  const fix = finding.fix === undefined ? "" : `\n  ${visible(finding.fix)}`;
  return `${label} ${place}: ${visible(message)} (${visible(rule)})${fix}`;
}
