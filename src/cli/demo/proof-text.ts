/** The proof in words: one line for each thing that is shown, then what is not as it must be. */
import { visible } from "../render/safe-text.ts";
import type { Terminal } from "../render/terminal.ts";
import { wrapIndented } from "../render/width.ts";
import { counted } from "../render/counted.ts";
import type { Proof } from "./proof.ts";

export function renderProof(proof: Proof, terminal: Terminal): string {
  const { takeover } = proof;
  const lines: [isTrue: boolean, text: string][] = [
    [
      proof.passedOnce === proof.features && proof.passing === proof.features,
      `${proof.passing} of ${proof.features} features pass; ${proof.passedOnce} were passed exactly once`,
    ],
    [
      proof.heldByTwo + proof.heldByTwoByClock === 0,
      `${proof.heldByTwo} of ${proof.claims} claims were given while another agent held the feature, ` +
        `by the log; ${proof.heldByTwoByClock} by the agents' own clocks`,
    ],
    [
      proof.lost + proof.unexplained === 0,
      `${proof.lost} of ${proof.acknowledged} acknowledged changes are missing in the log; ` +
        `it holds ${proof.unexplained} that no agent was told of`,
    ],
    [proof.passedTooEarly === 0, `${proof.passedTooEarly} features passed before one they need`],
    takeover === null
      ? [false, "no agent was killed whose feature another one took over"]
      : [
          true,
          `${takeover.from} was killed with feature ${takeover.featureId} in its hands; ` +
            `${takeover.to} took it over ${takeover.afterMs} ms later`,
        ],
    [
      proof.numberedWithoutGap,
      `${proof.events} events in the log, ` +
        (proof.numberedWithoutGap ? "numbered from 1 without a gap" : "their numbers have a gap"),
    ],
    [
      proof.errors === 0,
      `check() found ${counted(proof.errors, "error")} and ${counted(proof.warnings, "warning")}`,
    ],
  ];
  const { passing, blocked } = terminal.symbols.status;
  const shown = lines.map(([isTrue, text]) => {
    const sign = isTrue ? passing : blocked;
    const [first = "", ...more] = wrapIndented(`  ${sign} ${text}`, terminal.width);
    // Painted when it is folded: a colour has no width.
    const painted = first.replace(sign, terminal.paint(isTrue ? "green" : "red", sign));
    return [painted, ...more].join("\n");
  });
  const problems = proof.problems.map((problem) => `      ${visible(problem)}`);
  const title = "Proof, from the event log and from what each agent wrote down for itself";
  return [terminal.paint("bold", title), ...shown, ...problems].join("\n");
}
