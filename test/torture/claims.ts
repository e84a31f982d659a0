/** Every claim, in the order in which they are attacked. */
import type { Claim } from "./claim.ts";

export type ClaimId =
  | "C1"
  | "C2"
  | "C3"
  | "C4"
  | "C5"
  | "C6"
  | "C7"
  | "C8"
  | "C9"
  | "C10"
  | "C11"
  | "C12"
  | "C13"
  | "C14"
  | "C15"
  | "C16"
  | "C17";

/** Loads an attack when its turn has come; `null` where nobody has written it, which is "not run". */
export type Load = (() => Promise<Claim>) | null;

export const CLAIMS: Readonly<Record<ClaimId, Load>> = {
  C1: async () => (await import("./c01-kill-points.ts")).killPoints,
  C2: async () => (await import("./c02-power-cuts.ts")).C2,
  C3: async () => (await import("./c03-mutants.ts")).C3,
  C4: async () => (await import("./c04-power-cuts.ts")).powerCuts,
  C5: async () => (await import("./c05-no-lost-update.ts")).noLostUpdate,
  C6: async () => (await import("./c06-no-guard.ts")).noGuard,
  C7: async () => (await import("./c07-takeover.ts")).takeover,
  C8: async () => (await import("./c08-interleavings.ts")).C8,
  C9: async () => (await import("./c09-linearizable.ts")).linearizable,
  C10: async () => (await import("./c10-readers.ts")).readers,
  C11: async () => (await import("./c11-faults.ts")).C11,
  C12: async () => (await import("./c12-bad-input.ts")).C12,
  C13: async () => (await import("./c13-model.ts")).C13,
  C14: async () => (await import("./c14-clocks.ts")).clocks,
  C15: async () => (await import("./c15-forward.ts")).C15,
  C16: async () => (await import("./c16-recovery.ts")).recovery,
  C17: async () => (await import("./c17-tests-test.ts")).testsTest,
};
