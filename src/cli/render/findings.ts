/** What is wrong with files, one finding a line. */
import type { Finding } from "../../index.ts";
import { visible } from "./safe-text.ts";
import type { Terminal } from "./terminal.ts";

/** What is mended already says so by itself; elsewhere the line says which command would do it. */
export function renderFinding(finding: Finding, terminal: Terminal, isMended = false): string {
  const { file, line, rule, severity, message } = finding;
  const place = visible(line === undefined ? file : `${file}:${line}`);
  const label = terminal.paint(severity === "error" ? "red" : "yellow", severity);
  const by = isMended ? "" : "repair: ";
  const fix = finding.fix === undefined ? "" : `\n  ${by}${visible(finding.fix)}`;
  return `${label} ${place}: ${visible(message)} (${visible(rule)})${fix}`;
}
