/** The right to run an execution: who has it, for how long, and how it is fenced. */

import { FlowError } from "../errors.ts";
import { badField, requireInput, requireText } from "../model/given.ts";
import { shown } from "../model/json-values.ts";
import { toIso } from "../model/time.ts";
import { instantMs } from "../model/workflow-times.ts";
import { isTerminal } from "../model/workflows.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { requireNote, type StoreContext } from "./context.ts";
import { noSuch } from "./workflow-errors.ts";
import type { WorkflowFiles } from "./workflow-files.ts";
import type { StoredLease } from "./workflow-records.ts";

/** Tokens are numbered under this name, in this clone alone. */
const LEASE_KIND = "local:workflow-lease";
const DEFAULT_LEASE_MS = 30_000;
/** The longest that a lease lasts. */
export const LONGEST_LEASE_MS = 24 * 60 * 60 * 1000;

/** The right to run an execution, for a time. */
export interface ExecutionLease extends StoredLease {
  readonly workflowExecutionId: string;
}

/** The names of a lease: whoever acts under one may hand all of it on. */
export const LEASE_NAMES = {
  workflowExecutionId: true,
  owner: true,
  token: true,
  expiresAt: true,
  claims: true,
} as const;

/** A lease as its holder names it. */
export type HeldLease = Pick<ExecutionLease, "workflowExecutionId" | "token">;

/** How one claims. */
export interface ClaimExecutionOptions {
  /** A name of one's own among all that run executions. */
  readonly owner: string;
  /** In ms. Default 30,000. */
  readonly leaseMs?: number | undefined;
}

/** Decides and writes leases within one commit. */
export class WorkflowLeases {
  readonly #context: StoreContext;
  readonly #files: WorkflowFiles;

  constructor(context: StoreContext, files: WorkflowFiles) {
    this.#context = context;
    this.#files = files;
  }

  /** @throws FlowError `NOT_FOUND`; `CONFLICT` when it is held or final. */
  claim(write: Writing, id: string, options: ClaimExecutionOptions): ExecutionLease {
    const { owner, leaseMs } = requireClaim(options);
    const execution = this.#files.execution(write, id);
    if (execution === null) throw noSuch("execution", id);
    const { status } = execution;
    if (isTerminal(status)) {
      throw new FlowError("CONFLICT", `Cannot claim execution ${id}: it is ${status}`, {
        context: { kind: "execution", id, status },
      });
    }
    const nowMs = this.#context.nowMs();
    const held = this.#files.lease(write, id);
    if (held !== null && isLive(held, nowMs)) throw heldBy("claim", id, held);
    const token = write.nextId(LEASE_KIND, held?.token ?? 0);
    const claims = (held?.claims ?? 0) + 1;
    const lease = { owner, token, expiresAt: toIso(nowMs + leaseMs), claims };
    this.#files.putLease(write, id, lease);
    return { workflowExecutionId: id, ...lease };
  }

  /** @throws FlowError `LOCK_LOST` when somebody else claimed it, or it is gone. */
  renew(write: Writing, id: string, token: number, leaseMs: number): ExecutionLease {
    return this.#renewed(write, id, this.require(write, id, token), leaseMs);
  }

  /** Renews those that are still the caller's. One that cannot be read is not. */
  renewAll(write: Writing, leases: readonly HeldLease[], leaseMs: number): ExecutionLease[] {
    return leases.flatMap(({ workflowExecutionId: id, token }) => {
      const held = this.#files.records.usable(() => this.#files.lease(write, id));
      return isOf(held, token) ? this.#renewed(write, id, held, leaseMs) : [];
    });
  }

  #renewed(write: Writing, id: string, held: StoredLease, leaseMs: number): ExecutionLease {
    const expiresAt = toIso(this.#context.nowMs() + leaseMs);
    const lease = { ...held, expiresAt, claims: this.#claimsWhenRenewed(write, id, held) };
    this.#files.putLease(write, id, lease);
    return { workflowExecutionId: id, ...lease };
  }

  /** What waits, and lives to see its lease renewed, is not what its process dies of. */
  #claimsWhenRenewed(write: Writing, id: string, { claims }: StoredLease): number {
    if (claims <= 1) return claims;
    const execution = this.#files.records.usable(() => this.#files.execution(write, id));
    return execution?.status === "SUSPENDED" ? 1 : claims;
  }

  /** Ends a lease; one that is another's by now stays. @returns whether it was the caller's. */
  release(write: Writing, id: string, token: number): boolean {
    const held = this.#files.lease(write, id);
    if (held?.token !== token) return false;
    if (instantMs(held.expiresAt) > 0) this.end(write, id, held);
    return true;
  }

  /** Whoever lives to end it did not die of it: that claim counts no more. */
  end(write: Writing, id: string, held: StoredLease): void {
    this.#files.putLease(write, id, { ...held, expiresAt: toIso(0), claims: 0 });
  }

  /** Only claims since it last got further count. */
  progressed(write: Writing, id: string, held: StoredLease): void {
    if (held.claims > 1) this.#files.putLease(write, id, { ...held, claims: 1 });
  }

  /** What runs again is claimed anew. @throws FlowError `CONFLICT` while somebody still runs it. */
  forgetClaims(write: Writing, id: string): void {
    const held = this.#files.lease(write, id);
    if (held === null) return;
    if (isLive(held, this.#context.nowMs())) throw heldBy("run", id, held);
    if (held.claims > 0) this.#files.putLease(write, id, { ...held, claims: 0 });
  }

  /** Whether somebody runs an execution now, as far as its lease tells. */
  isHeld(view: Reading | Writing, id: string): boolean {
    const held = this.#files.lease(view, id);
    return held !== null && isLive(held, this.#context.nowMs());
  }

  /** @throws FlowError `LOCK_LOST` where a lease is not the caller's any more. */
  require(write: Writing, id: string, token: number): StoredLease {
    const found = this.#files.lease(write, id);
    const holder = found?.owner ?? null;
    if (isOf(found, token)) return found;
    throw new FlowError("LOCK_LOST", `Cannot go on with execution ${id}: its lease is another's`, {
      context: { kind: "execution", id, token, holder },
      hint: "Nothing of this change was written; whoever holds the lease now goes on.",
    });
  }
}

/** Whether a lease is that of a token, and was not ended. */
function isOf(held: StoredLease | null, token: number): held is StoredLease {
  return held !== null && held.token === token && instantMs(held.expiresAt) > 0;
}

/** Whether somebody may still act under a lease. */
function isLive({ expiresAt }: StoredLease, nowMs: number): boolean {
  return instantMs(expiresAt) > nowMs;
}

/** A wait in ms that is one. @throws FlowError `BAD_REQUEST`. */
export function requireLeaseMs(leaseMs: unknown): number {
  if (typeof leaseMs === "number" && leaseMs >= 1 && leaseMs <= LONGEST_LEASE_MS) return leaseMs;
  const why = `must be 1 to ${LONGEST_LEASE_MS} ms, not ${shown(leaseMs)}`;
  throw badField("Cannot claim the execution", "leaseMs", why);
}

/** Leases as their holder names them. @throws FlowError `BAD_REQUEST`. */
export function requireHeld(leases: unknown): readonly HeldLease[] {
  const doing = "Cannot renew leases";
  if (!Array.isArray(leases)) throw badField(doing, "leases", "must be a list");
  for (const [at, one] of leases.entries()) {
    const { workflowExecutionId } = requireInput(doing, one);
    requireText(doing, `leases[${at}].workflowExecutionId`, workflowExecutionId);
  }
  return leases as HeldLease[];
}

function requireClaim(options: unknown): { owner: string; leaseMs: number } {
  const doing = "Cannot claim the execution";
  const { owner, leaseMs = DEFAULT_LEASE_MS } = requireNote(options as ClaimExecutionOptions, {
    owner: true,
    leaseMs: true,
  });
  return { owner: requireText(doing, "owner", owner), leaseMs: requireLeaseMs(leaseMs) };
}

function heldBy(doing: "claim" | "run", id: string, { owner, expiresAt }: StoredLease): FlowError {
  return new FlowError(
    "CONFLICT",
    `Cannot ${doing} execution ${id}: ${owner} holds it until ${expiresAt}`,
    { context: { kind: "execution", id, holder: owner, expiresAt } },
  );
}
