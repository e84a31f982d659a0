/**
 * The one error of FlowStore. Every refusal, conflict and failure that a caller can meet is a
 * {@link FlowError} with one of the codes below; the codes are stable, the messages may improve.
 */

/** Every code a {@link FlowError} can bear. */
export const FLOW_ERROR_CODES = [
  "NOT_INITIALIZED",
  "NOT_FOUND",
  "BAD_REQUEST",
  "CONFLICT",
  "LOCKED",
  "LOCK_LOST",
  "CYCLE_DETECTED",
  "VERSION_CONFLICT",
  "TIMEOUT",
  "ABORTED",
  "CORRUPT",
  "UNSUPPORTED_FORMAT",
  "IO",
  "READ_ONLY",
  "CLOSED",
  "INTERNAL",
] as const;

/** One of {@link FLOW_ERROR_CODES}. */
export type FlowErrorCode = (typeof FLOW_ERROR_CODES)[number];

/** What {@link FlowError.toJSON} gives: plain data, without a stack. */
export interface FlowErrorJson {
  readonly code: FlowErrorCode;
  readonly message: string;
  readonly hint: string | null;
  readonly retryable: boolean;
  readonly context: Readonly<Record<string, unknown>>;
}

/** What may be said beside the code and the message. */
export interface FlowErrorOptions {
  /** One sentence on what the caller can do; never a complete destructive command. */
  readonly hint?: string | undefined;
  /** Plain data: ids, files relative to the root, holders. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** The error underneath. */
  readonly cause?: unknown;
}

const RETRYABLE_CODES: ReadonlySet<FlowErrorCode> = new Set([
  "LOCKED",
  "TIMEOUT",
  "VERSION_CONFLICT",
]);

/** I/O failures that pass by themselves: too many open files, a busy system, a full disk. */
const RETRYABLE_ERRNOS: ReadonlySet<unknown> = new Set([
  "EMFILE",
  "ENFILE",
  "EAGAIN",
  "EBUSY",
  "ENOSPC",
  "EDQUOT",
]);

/** Marks the errors of every copy of FlowStore that a process has loaded. */
const BRAND = Symbol.for("flowstore.FlowError");

/**
 * The only error class that FlowStore throws on purpose.
 *
 * `instanceof` knows the errors of another copy of the library as well: a package and a package
 * that it uses may each have installed one.
 *
 * `retryable` is true for `LOCKED`, `TIMEOUT`, `VERSION_CONFLICT`, for `IO` of a passing kind
 * (too many open files, full disk), and where `context.retryable` says so (a transaction whose
 * reads changed under it).
 */
export class FlowError extends Error {
  override readonly name = "FlowError";
  readonly code: FlowErrorCode;
  readonly hint: string | undefined;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(code: FlowErrorCode, message: string, options: FlowErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.context = options.context ?? {};
  }

  get [BRAND](): true {
    return true;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== FlowError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return value instanceof Error && BRAND in value;
  }

  /** Whether the same call may succeed later without a change by the caller. */
  get retryable(): boolean {
    if (RETRYABLE_CODES.has(this.code)) return true;
    if (this.code === "IO") {
      return this.context["outcome"] !== "unknown" && RETRYABLE_ERRNOS.has(this.context["errno"]);
    }
    return this.context["retryable"] === true;
  }

  /** Plain data for an envelope or a log; without stack and cause. */
  toJSON(): FlowErrorJson {
    return {
      code: this.code,
      message: this.message,
      hint: this.hint ?? null,
      retryable: this.retryable,
      context: this.context,
    };
  }
}

/** Whether `error` is a {@link FlowError}, and of the given code where one is named. */
export function isFlowError(error: unknown, code?: FlowErrorCode): error is FlowError {
  return error instanceof FlowError && (code === undefined || error.code === code);
}
