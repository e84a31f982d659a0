/** Looking at what epics lack, and the gate. */
import { GAP_STATUSES } from "../../index.ts";
import type { Command } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { EXIT_DONE, EXIT_FOUND_ERRORS } from "../exit-codes.ts";
import { readChoice } from "../values.ts";
import { GAP, GAP_KEYS } from "./gap-shapes.ts";

export const list: Command = {
  usage: "EPIC [--status NAME]",
  details: "Sorted by ID. Two that bear one ID, as after a merge, are shown with their uids.",
  options: { status: { type: "string", value: "NAME", help: GAP_STATUSES.join(", ") } },
  positionals: { min: 1, max: 1 },
  examples: ["flowstore gap list fn-1 --status open", "flowstore gap list fn-1 --json"],
  data: { text: `a list of gaps ${GAP_KEYS}; meta.count says how many`, schema: listOf(GAP) },
  async run(context) {
    const [epicId = ""] = context.positionals;
    const status = context.options.text("status");
    const query =
      status === undefined ? {} : { status: readChoice(status, "a status", GAP_STATUSES) };
    const store = await context.openStore("read");
    const gaps = await store.gaps.list(epicId, query);
    return {
      data: gaps,
      meta: { count: gaps.length },
      text: async () => {
        const { renderGaps } = await import("../render/gap-table.ts");
        return renderGaps(gaps, context.terminal);
      },
    };
  },
};

export const check: Command = {
  usage: "EPIC",
  details: [
    "Exit code 4 while a required or important gap is open; 6 when a file of its gaps",
    "cannot be read: what cannot be read is not no gaps. An epic that nobody knows",
    "has none.",
  ].join("\n"),
  options: {},
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore gap check fn-1 && flowstore pipeline advance fn-1 --from close",
    "flowstore gap check fn-1 --json",
  ],
  data: {
    text: "{ gate, total, openBlocking, openNonBlocking, resolved }: gate is pass or fail, total a number, the others are lists of gaps",
    schema: objectOf({
      gate: { enum: ["pass", "fail"] },
      total: { type: "integer" },
      openBlocking: listOf(GAP),
      openNonBlocking: listOf(GAP),
      resolved: listOf(GAP),
    }),
  },
  async run(context) {
    const [epicId = ""] = context.positionals;
    const store = await context.openStore("read");
    const gate = await store.gaps.check(epicId);
    return {
      data: gate,
      exitCode: gate.gate === "pass" ? EXIT_DONE : EXIT_FOUND_ERRORS,
      text: async () => {
        const { renderGate } = await import("../render/gap-table.ts");
        return renderGate(epicId, gate, context.terminal);
      },
    };
  },
};
