/** Every kind of document but features, whose shape is older than this way of saying it. */
import type { Shape } from "./shape.ts";

/** For the schemas that `init` writes, and for `check`. */
export const SHAPES: readonly Shape<object>[] = [];
