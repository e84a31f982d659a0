/** Every kind of document but features, whose shape is older than this way of saying it. */
import { APPROVAL_SHAPE } from "./approvals.ts";
import { BLOB_SHAPE } from "./blobs.ts";
import { CHECKPOINT_SHAPE } from "./checkpoints.ts";
import { GAP_SHAPE } from "./gaps.ts";
import { LOCK_SHAPE } from "./locks.ts";
import { MEMORY_SHAPE } from "./memory.ts";
import { PHASES_SHAPE } from "./phases.ts";
import { PIPELINE_SHAPE } from "./pipeline.ts";
import { SCOUT_CACHE_SHAPE } from "./scout-cache.ts";
import { SETTING_SHAPE } from "./settings.ts";
import type { Shape } from "./shape.ts";

/** For the schemas that `init` writes, and for `check`. */
export const SHAPES: readonly Shape<object>[] = [
  APPROVAL_SHAPE,
  BLOB_SHAPE,
  CHECKPOINT_SHAPE,
  GAP_SHAPE,
  LOCK_SHAPE,
  MEMORY_SHAPE,
  PHASES_SHAPE,
  PIPELINE_SHAPE,
  SCOUT_CACHE_SHAPE,
  SETTING_SHAPE,
];
