/** Approvals: one asks, another decides, and of several decisions exactly one counts. */

import { FlowError } from "../errors.ts";
import {
  APPROVAL_SHAPE,
  approvalDraft,
  approvalOf,
  newApproval,
  requireStatus,
  resolve,
  type Approval,
  type ApprovalDocument,
  type ApprovalStatus,
  type CreateApprovalInput,
  type Resolution,
} from "../model/approvals.ts";
import { badField, requireText, textOrNull } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import { newestFirst } from "../model/newest.ts";
import { APPROVALS } from "../storage/layout.ts";
import { Writing, type EventDraft, type Reading } from "../storage/view.ts";
import {
  attribution,
  requireNote,
  requireOptions,
  type ChangeNote,
  type StoreContext,
} from "./context.ts";
import { Documents } from "./documents.ts";
import { commitNoted, noteWith } from "./noted-commit.ts";
import type { FindingListener } from "./told.ts";
import {
  fileOfGivenUlid,
  fileOfUlid,
  namedAfterUlid,
  nextUlidIn,
  shortened,
} from "./ulid-files.ts";
import { waitFor } from "./waiting.ts";

/** Which approvals a list holds. */
export interface ListApprovalsOptions {
  /** Default: all. */
  readonly status?: ApprovalStatus | undefined;
}

/** Who approves. */
export interface ApproveOptions extends ChangeNote {
  /** Default: `agent`, else the store's `actor`. */
  readonly resolver?: string | undefined;
}

/** Who rejects, and why. */
export interface RejectOptions extends ApproveOptions {
  /** A text that is not empty. Default: none. */
  readonly reason?: string | undefined;
}

/** How long one waits for a decision. */
export interface WaitApprovalOptions {
  /** In ms; 0 looks once, `Infinity` waits for ever. Default 120,000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the waiting with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT_MS = 120_000;

/** Questions of tasks, and their decisions. */
export class Approvals {
  readonly #context: StoreContext;
  readonly #documents: Documents<ApprovalDocument>;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#documents = approvalDocuments(context.findings);
  }

  /**
   * Asks. Logs `approval_created` in the stream `task:<taskId>`.
   *
   * @throws FlowError `BAD_REQUEST`.
   */
  async create(input: CreateApprovalInput, options: ChangeNote = {}): Promise<Approval> {
    const draft = approvalDraft(input);
    const note = noteWith(input, ["agent", "source", "note"], options);
    return commitNoted(this.#context, note, [draft, draft.taskId], (write) => {
      const id = nextUlidIn(write, APPROVALS, this.#context.newUid());
      const document = newApproval(id, draft);
      const event = this.#event(document, "approval_created", { kind: document.kind }, note);
      this.#documents.write(write, APPROVALS, fileOfUlid(id), document);
      write.append(event);
      return approvalOf(document);
    });
  }

  /**
   * Approvals, newest first; those made in one millisecond in the order of creation too. A file
   * that cannot be used is left out and reported.
   *
   * @throws FlowError `BAD_REQUEST` for an unknown status.
   */
  async list(options: ListApprovalsOptions = {}): Promise<Approval[]> {
    const status = requireStatus(requireOptions(options, { status: true }).status);
    const stored = await this.#context.storage.read((view) =>
      this.#documents.list(view, APPROVALS),
    );
    return stored
      .map(({ value }) => value)
      .filter((one) => status === undefined || one.status === status)
      .sort(newestFirst)
      .map(approvalOf);
  }

  /**
   * One approval.
   *
   * @throws FlowError `NOT_FOUND`; `CORRUPT` when its file cannot be used.
   */
  async get(id: string): Promise<Approval> {
    requireText("Cannot look at the approval", "id", id);
    return this.#context.storage.read((view) => approvalOf(this.#find(view, id)));
  }

  /**
   * Approves. Of racing decisions, in any number of processes, exactly one counts. Logs
   * `approval_approved`.
   *
   * @throws FlowError `NOT_FOUND`; `CONFLICT` when it is decided, be it the same way by the same
   * one: `context` holds `status`, `resolver`, `resolvedAt` and `reason`.
   */
  async approve(id: string, options: ApproveOptions = {}): Promise<Approval> {
    return this.#resolve(id, "approved", requireNote(options, { resolver: true }), null);
  }

  /** Rejects; the same rules as {@link approve}. Logs `approval_rejected`. */
  async reject(id: string, options: RejectOptions = {}): Promise<Approval> {
    const { reason, ...given } = requireNote(options, { resolver: true, reason: true });
    const why = textOrNull("Cannot reject the approval", "reason", reason);
    return this.#resolve(id, "rejected", given, why);
  }

  /**
   * Waits until it is decided, by whatever process; returns it approved or rejected. Looks at the
   * file 4 to 20 times a second and takes no lock.
   *
   * @throws FlowError `TIMEOUT` when it is still pending after `timeoutMs`; `ABORTED` by the
   * signal; `NOT_FOUND`; `BAD_REQUEST` in a transaction, which nobody else can decide in.
   */
  async wait(id: string, options: WaitApprovalOptions = {}): Promise<Approval> {
    const doing = "Cannot wait for the approval";
    requireText(doing, "id", id);
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = requireOptions(options, {
      timeoutMs: true,
      signal: true,
    });
    if (typeof timeoutMs !== "number" || !(timeoutMs >= 0))
      throw badField(doing, "timeoutMs", `must be a number of ms, not ${shown(timeoutMs)}`);
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw badField(doing, "signal", `must be an AbortSignal, not ${shown(signal)}`);
    const { sleep, monotonicMs } = this.#context.storage.options;
    const patience = { timeoutMs, signal, sleep, monotonicMs };
    const decided = await waitFor(() => this.#decided(id), patience);
    if (decided !== null) return decided;
    throw new FlowError("TIMEOUT", `Cannot wait longer for approval ${id}: it is still pending`, {
      context: { kind: "approval", id, status: "pending", timeoutMs },
      hint: "Wait again, or go on without it.",
    });
  }

  /** The approval, `null` while it is pending. */
  async #decided(id: string): Promise<Approval | null> {
    return this.#context.storage.read((view) => {
      const document = this.#find(view, id);
      if (document.status !== "pending") return approvalOf(document);
      if (!(view instanceof Writing)) return null;
      throw new FlowError(
        "BAD_REQUEST",
        `Cannot wait for approval ${id} in a transaction: nobody else can decide before its end`,
        { context: { kind: "approval", id } },
      );
    });
  }

  async #resolve(
    id: string,
    status: Resolution["status"],
    options: ApproveOptions,
    reason: string | null,
  ): Promise<Approval> {
    const doing = `Cannot ${status === "approved" ? "approve" : "reject"} the approval`;
    requireText(doing, "id", id);
    const { resolver: named, agent, ...note } = options;
    const resolver = textOrNull(doing, "resolver", named) ?? agent ?? this.#context.actor;
    const by = { ...note, agent: agent ?? resolver };
    return commitNoted(this.#context, by, [reason, resolver], (write) => {
      const nowMs = this.#context.nowMs();
      const document = resolve(this.#find(write, id), { status, resolver, reason, nowMs });
      const payload = { resolver, ...(reason === null ? {} : { reason }) };
      const event = this.#event(document, `approval_${status}`, payload, by);
      this.#documents.write(write, APPROVALS, fileOfUlid(document.id), document);
      write.append(event);
      return approvalOf(document);
    });
  }

  /** @throws FlowError `NOT_FOUND`, `CORRUPT`. */
  #find(view: Reading | Writing, id: string): ApprovalDocument {
    const name = fileOfGivenUlid(id);
    const document = name === null ? null : this.#documents.read(view, APPROVALS, name);
    if (document !== null) return document;
    throw new FlowError("NOT_FOUND", `There is no approval ${shown(id)}`, {
      context: { kind: "approval", id: shortened(id) },
    });
  }

  #event(
    { id, taskId }: ApprovalDocument,
    type: string,
    payload: object,
    note: ChangeNote,
  ): EventDraft {
    return {
      stream: `task:${taskId}`,
      type,
      ...attribution(this.#context, note),
      payload: { approvalId: id, taskId, ...payload },
    };
  }
}

/** The documents of all approvals. */
export function approvalDocuments(findings: FindingListener): Documents<ApprovalDocument> {
  return new Documents(APPROVAL_SHAPE, findings, namedAfterUlid);
}
