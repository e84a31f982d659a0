/** A gap as commands print it. */
import { GAP_PRIORITIES, GAP_STATUSES } from "../../index.ts";
import { objectOf, type JsonSchema } from "../data-shapes.ts";

const TEXT = { type: "string" };
const TEXT_OR_NULL = { type: ["string", "null"] };

export const GAP: JsonSchema = objectOf({
  id: { type: "integer" },
  uid: TEXT,
  epicId: TEXT,
  capability: TEXT,
  priority: { enum: GAP_PRIORITIES },
  source: TEXT,
  taskId: TEXT_OR_NULL,
  status: { enum: GAP_STATUSES },
  evidence: TEXT_OR_NULL,
  createdAt: TEXT_OR_NULL,
  resolvedAt: TEXT_OR_NULL,
});

export const GAP_KEYS =
  "{ id, uid, epicId, capability, priority, source, taskId, status, evidence, createdAt, resolvedAt }";
