/** Asking for a decision, deciding, and waiting for it. */
import { FlowError } from "../../errors.ts";
import { APPROVAL_KINDS, APPROVAL_STATUSES } from "../../index.ts";
import type { Approval, CreateApprovalInput } from "../../index.ts";
import { NOTE, noteOf } from "../change-options.ts";
import type { Command, CommandContext, CommandResult } from "../command.ts";
import { listOf, objectOf, type DataShape } from "../data-shapes.ts";
import { EXIT_DONE, EXIT_FOUND_ERRORS } from "../exit-codes.ts";
import { parseJson, readText } from "../json-word.ts";
import { readChoice, readDuration } from "../values.ts";
import { asNamed, changeEach, MANY } from "./each-feature.ts";
import { oneTextOf, wordsOf } from "./each-text.ts";

const TEXT = { type: "string" };
const TEXT_OR_NULL = { type: ["string", "null"] };
const SCHEMA = objectOf({
  id: TEXT,
  taskId: TEXT,
  kind: { enum: APPROVAL_KINDS },
  payload: {},
  status: { enum: APPROVAL_STATUSES },
  createdAt: TEXT,
  resolvedAt: TEXT_OR_NULL,
  resolver: TEXT_OR_NULL,
  reason: TEXT_OR_NULL,
});
const KEYS = "{ id, taskId, kind, payload, status, createdAt, resolvedAt, resolver, reason }";
const ONE: DataShape = { text: `the approval: ${KEYS}`, schema: SCHEMA };
const EACH: DataShape = {
  text: `the approval: ${KEYS}; with several IDs a list of them, in the order given`,
  schema: { anyOf: [SCHEMA, listOf(SCHEMA)] },
};

export const create: Command = {
  usage: "--task ID [--kind NAME] [--payload JSON] [--note TEXT]",
  details: [
    "Prints the ID, which approval wait takes. The payload says what it is about: for",
    'file_access such as {"files":["a.ts"],"reason":"…"}. @FILE reads it from a file,',
    "- from standard input.",
  ].join("\n"),
  options: {
    task: { type: "string", value: "ID", help: "The task that asks; any text" },
    kind: { type: "string", value: "NAME", help: `${APPROVAL_KINDS.join(", ")}; default generic` },
    payload: { type: "string", value: "JSON", help: "What it is about; JSON, @FILE or -" },
    ...NOTE,
  },
  positionals: { min: 0, max: 0 },
  examples: [
    'flowstore approval create --task fn-1.2 --kind file_access --payload \'{"files":["a.ts"]}\'',
    "flowstore approval create --task fn-1.2 --kind mutation --payload @split.json --json",
  ],
  data: ONE,
  async run(context) {
    const input = await inputOf(context);
    const store = await context.openStore("write");
    const approval = await store.approvals.create(input, noteOf(context));
    return { data: approval, text: () => approval.id };
  },
};

async function inputOf({ options }: CommandContext): Promise<CreateApprovalInput> {
  const taskId = options.text("task");
  if (taskId === undefined) throw new FlowError("BAD_REQUEST", "Say which task asks: give --task");
  const kind = readChoice(options.text("kind") ?? "generic", "a kind", APPROVAL_KINDS);
  const payload = options.text("payload");
  if (payload === undefined) return { taskId, kind };
  return { taskId, kind, payload: parseJson(await readText(payload), "The payload") };
}

export const list: Command = {
  usage: "[--status NAME]",
  details: "Newest first.",
  options: { status: { type: "string", value: "NAME", help: APPROVAL_STATUSES.join(", ") } },
  positionals: { min: 0, max: 0 },
  examples: ["flowstore approval list --status pending", "flowstore approval list --json"],
  data: { text: "a list of approvals; meta.count says how many", schema: listOf(SCHEMA) },
  async run(context) {
    const status = context.options.text("status");
    const query =
      status === undefined ? {} : { status: readChoice(status, "a status", APPROVAL_STATUSES) };
    const store = await context.openStore("read");
    const approvals = await store.approvals.list(query);
    return {
      data: approvals,
      meta: { count: approvals.length },
      text: async () => {
        const { renderApprovals } = await import("../render/approval-table.ts");
        return renderApprovals(approvals, context.terminal);
      },
    };
  },
};

export const show: Command = {
  usage: "ID…",
  options: {},
  positionals: { min: 1, max: MANY },
  examples: ["flowstore approval show 01M7Z0YB2Z5YH27TAQ006SBDS0 --json"],
  data: EACH,
  async run(context) {
    const ids = await wordsOf(context.positionals);
    const store = await context.openStore("read");
    const found: Approval[] = [];
    for (const id of ids) found.push(await store.approvals.get(id));
    return {
      data: asNamed(found),
      text: async () => {
        const { renderFacts } = await import("../render/facts.ts");
        return found.map((approval) => renderFacts(approval)).join("\n\n");
      },
    };
  },
};

export const approve: Command = {
  usage: "ID… [--note TEXT]",
  details: [
    "The actor decides. Of several decisions exactly one counts: whoever comes later,",
    "the same actor too, gets exit code 5 and in error.context how it was decided.",
    "Several IDs: all or none. The ID - reads IDs from standard input.",
  ].join("\n"),
  options: { ...NOTE },
  positionals: { min: 1, max: MANY },
  examples: ["flowstore approval approve 01M7Z0YB2Z5YH27TAQ006SBDS0 --actor ann"],
  data: EACH,
  async run(context) {
    const ids = await wordsOf(context.positionals);
    const store = await context.openStore("write");
    const approvals = await changeEach(context, store, ids, (id) =>
      store.approvals.approve(id, noteOf(context)),
    );
    return decided(context, approvals);
  },
};

export const reject: Command = {
  usage: "ID… [--reason TEXT] [--note TEXT]",
  details: [
    "The actor decides. Of several decisions one counts; see approval approve.",
    "Several IDs: all or none. The ID - reads IDs from standard input.",
  ].join("\n"),
  options: {
    reason: { type: "string", value: "TEXT", help: "Why; kept with the approval" },
    ...NOTE,
  },
  positionals: { min: 1, max: MANY },
  examples: ['flowstore approval reject 01M7Z0YB2Z5YH27TAQ006SBDS0 --reason "Too wide"'],
  data: EACH,
  async run(context) {
    const ids = await wordsOf(context.positionals);
    const reason = context.options.text("reason");
    const options = { ...noteOf(context), ...(reason === undefined ? {} : { reason }) };
    const store = await context.openStore("write");
    const approvals = await changeEach(context, store, ids, (id) =>
      store.approvals.reject(id, options),
    );
    return decided(context, approvals);
  },
};

export const wait: Command = {
  usage: "ID [--timeout 120s]",
  details: [
    "Until it is decided, by whatever process. Exit code 0 when it is approved, 4",
    "when it is rejected, 8 when the time is over and it is still pending.",
  ].join("\n"),
  options: {
    timeout: { type: "string", value: "DURATION", help: "At most 90s, 5m, 2h; default 120s" },
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore approval wait 01M7Z0YB2Z5YH27TAQ006SBDS0 --timeout 5m && echo granted",
    "flowstore approval wait 01M7Z0YB2Z5YH27TAQ006SBDS0 --json",
  ],
  data: ONE,
  async run(context) {
    const id = await oneTextOf(context, "ID");
    const timeout = context.options.text("timeout");
    const store = await context.openStore("read");
    const approval = await store.approvals.wait(id, {
      ...(timeout === undefined ? {} : { timeoutMs: readDuration(timeout) }),
      signal: context.signal,
    });
    const exitCode = approval.status === "approved" ? EXIT_DONE : EXIT_FOUND_ERRORS;
    return { ...decided(context, [approval]), exitCode };
  },
};

function decided(context: CommandContext, approvals: readonly Approval[]): CommandResult {
  return {
    data: asNamed(approvals),
    isConfirmation: true,
    text: async () => {
      const { renderDecision } = await import("../render/approval-table.ts");
      return approvals.map((one) => renderDecision(one, context.terminal)).join("\n");
    },
  };
}
