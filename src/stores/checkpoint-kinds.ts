/** What checkpoints must know of each kind of document: where it lies, and what it is called in the log. */

import type { CheckpointScope } from "../model/checkpoints.ts";
import { isTombstone as isFeatureTombstone, uidOf } from "../model/feature.ts";
import { APPROVAL_SHAPE, type ApprovalDocument } from "../model/approvals.ts";
import { GAP_SHAPE, uidOfGap, type GapDocument } from "../model/gaps.ts";
import { MEMORY_SHAPE, type MemoryDocument } from "../model/memory.ts";
import { PHASES_SHAPE, type PhasesDocument } from "../model/phases.ts";
import { PIPELINE_SHAPE, type PipelineDocument } from "../model/pipeline.ts";
import { FEATURE_DOCUMENT_KEYS, type FeatureDocument } from "../model/schema.ts";
import { SETTING_SHAPE, type SettingDocument } from "../model/settings.ts";
import { keysOf, type Shape } from "../model/shape.ts";
import type { Document } from "../storage/files.ts";
import {
  APPROVALS,
  FEATURES,
  folderOf,
  GAPS,
  inFolder,
  MEMORY,
  PHASES,
  PIPELINE,
  SETTINGS,
} from "../storage/layout.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { approvalDocuments } from "./approvals.ts";
import { featureStream } from "./change-events.ts";
import type { Damaged } from "./document-decode.ts";
import { isTombstone, type Documents } from "./documents.ts";
import { decodeFeature } from "./feature-decode.ts";
import { gapDocuments } from "./gap-files.ts";
import { memoryDocuments } from "./memory.ts";
import { phasesDocuments } from "./phases.ts";
import { pipelineDocuments } from "./pipeline.ts";
import { settingDocuments } from "./settings.ts";
import { NOBODY } from "./told.ts";

/** A document that can be used, as far as a checkpoint looks into it. */
export interface Described {
  readonly isTombstone: boolean;
  /** Its own among those of its folder, where the file may be given another name by hand. */
  readonly uid: string | null;
  /** Features alone have a state that is checked against the log, and claims. */
  readonly feature: FeatureDocument | null;
  /** What the event of a restore says of it. */
  readonly subject: { readonly stream: string; readonly payload: object };
}

/** One kind of document. */
export interface CheckpointKind {
  readonly scope: CheckpointScope;
  /** The type of the event that tells what a restore made of one; features have their own. */
  readonly eventType: string;
  /** Known keys in the order in which they are written. */
  readonly keys: readonly string[];
  /** The folder that all of them lie in or below. */
  readonly folder: string;
  folders(view: Reading | Writing): readonly string[];
  /** Whether files of that folder are of this kind. */
  holds(folder: string): boolean;
  describe(file: Document): Described | Damaged;
}

/** A kind whose documents all lie in one folder. */
function flat<T extends object>(
  scope: CheckpointScope,
  folder: string,
  eventType: string,
  shape: Shape<T>,
  documents: Documents<T>,
  subjectOf: (value: T) => Described["subject"],
): CheckpointKind {
  return {
    scope,
    eventType,
    keys: keysOf(shape),
    folder,
    folders: () => [folder],
    holds: (one) => one === folder,
    describe: (file) => {
      const decoded = documents.decode(file);
      if (!("value" in decoded)) return decoded;
      const { value } = decoded;
      const subject = subjectOf(value);
      return { isTombstone: isTombstone(shape, value), uid: null, feature: null, subject };
    },
  };
}

const FEATURE_KIND: CheckpointKind = {
  scope: "features",
  eventType: "restored",
  keys: FEATURE_DOCUMENT_KEYS,
  folder: FEATURES,
  folders: () => [FEATURES],
  holds: (folder) => folder === FEATURES,
  describe: (file) => {
    const decoded = decodeFeature(file);
    if (!("document" in decoded)) return decoded;
    const { document } = decoded;
    const uid = uidOf(document);
    const subject = { stream: featureStream(uid), payload: {} };
    return { isTombstone: isFeatureTombstone(document), uid, feature: document, subject };
  },
};

const GAP_KIND: CheckpointKind = {
  scope: "gaps",
  eventType: "gap_restored",
  keys: keysOf(GAP_SHAPE),
  folder: GAPS,
  // What begins with a dot is no name of an epic.
  folders: (view) =>
    view.names(GAPS).flatMap((name) => (name.startsWith(".") ? [] : [inFolder(GAPS, name)])),
  holds: (folder) => folderOf(folder) === GAPS,
  describe: (file) => {
    const decoded = gapDocuments(folderOf(file.path), NOBODY).decode(file);
    if (!("value" in decoded)) return decoded;
    const { value } = decoded;
    const uid = uidOfGap(value);
    const subject = { stream: `epic:${value.epicId}`, payload: gapPayload(value) };
    return { isTombstone: isTombstone(GAP_SHAPE, value), uid, feature: null, subject };
  },
};

function gapPayload(document: GapDocument): object {
  const { epicId, id: gapId, capability, status = "open" } = document;
  return { epicId, gapId, gapUid: uidOfGap(document), capability, status };
}

const KINDS: readonly CheckpointKind[] = [
  FEATURE_KIND,
  GAP_KIND,
  flat<PhasesDocument>(
    "phases",
    PHASES,
    "phases_restored",
    PHASES_SHAPE,
    phasesDocuments(NOBODY),
    ({ taskId, completed }) => ({ stream: `task:${taskId}`, payload: { taskId, completed } }),
  ),
  flat<PipelineDocument>(
    "pipeline",
    PIPELINE,
    "pipeline_restored",
    PIPELINE_SHAPE,
    pipelineDocuments(NOBODY),
    ({ epicId, phase }) => ({ stream: `epic:${epicId}`, payload: { epicId, phase } }),
  ),
  flat<ApprovalDocument>(
    "approvals",
    APPROVALS,
    "approval_restored",
    APPROVAL_SHAPE,
    approvalDocuments(NOBODY),
    ({ id, taskId, status }) => ({
      stream: `task:${taskId}`,
      payload: { approvalId: id, taskId, status },
    }),
  ),
  flat<MemoryDocument>(
    "memory",
    MEMORY,
    "memory_restored",
    MEMORY_SHAPE,
    memoryDocuments(NOBODY),
    ({ id }) => ({ stream: `memory:${id}`, payload: { memoryId: id } }),
  ),
  flat<SettingDocument>(
    "settings",
    SETTINGS,
    "setting_restored",
    SETTING_SHAPE,
    settingDocuments(NOBODY),
    ({ key, value }) => ({ stream: `setting:${key}`, payload: { key, value } }),
  ),
];

/** The kinds of a scope. */
export function kindsOf(scope: readonly CheckpointScope[]): CheckpointKind[] {
  return KINDS.filter((kind) => scope.includes(kind.scope));
}
