/** The one shape of everything that `--json` prints: exactly one document, on standard output. */
import { FlowError, type FlowErrorJson } from "../errors.ts";
import type { Finding } from "../index.ts";

/** Rises when a key changes its meaning or goes away; new keys may come at any time. */
const SCHEMA_VERSION = 1;

export interface SuccessEnvelope {
  readonly ok: true;
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly command: string;
  readonly data: unknown;
  readonly warnings: readonly Finding[];
  readonly meta: Readonly<Record<string, unknown>>;
}

export interface FailureEnvelope {
  readonly ok: false;
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly command: string;
  readonly error: FlowErrorJson;
}

export function success(
  command: string,
  data: unknown,
  warnings: readonly Finding[],
  meta: Readonly<Record<string, unknown>>,
): SuccessEnvelope {
  return { ok: true, schemaVersion: SCHEMA_VERSION, command, data, warnings, meta };
}

export function failure(command: string, error: FlowError): FailureEnvelope {
  return { ok: false, schemaVersion: SCHEMA_VERSION, command, error: error.toJSON() };
}

/** Whatever was thrown, as an error of the contract. What is no FlowError is a defect of ours. */
export function asFlowError(thrown: unknown): FlowError {
  if (thrown instanceof FlowError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new FlowError("INTERNAL", `Something that should not happen did: ${message}`, {
    hint: "This is a defect of flowstore; please report it with the command that led to it.",
    cause: thrown,
  });
}
