/**
 * Looking at a whole root and naming what is wrong with it. Reads only; each rule is one function
 * that gives findings, so that a new one is one more line in {@link findProblems}.
 */

import type { Disk } from "../disk/disk.ts";
import type { Finding } from "../finding.ts";
import { MANAGED_BLOCKS, readManifest, schemaFiles, withBlock } from "../init.ts";
import { isFlowError, type FlowError } from "../errors.ts";
import {
  BLOB_DATA,
  BLOB_KEYS,
  BLOB_PARTS,
  BLOBS,
  CHECKPOINTS,
  CURSORS,
  DOCUMENT_FOLDERS,
  EVENTS,
  FEATURES,
  GAPS,
  GIT_ATTRIBUTES,
  GIT_IGNORE,
  inFolder,
  JOURNAL,
  LOCAL,
  LOCAL_FOLDERS,
  LOCK_LOG,
  LOCK_QUEUE,
  LOCKS,
  LOG_SUFFIX,
  MANIFEST,
  nameOf,
  OUTPUTS,
  PROJECTIONS,
  QUARANTINE,
  SCHEMA,
  SCOUT_CACHE,
  segmentsIn,
  SNAPSHOTS,
  TRACKED_FOLDERS,
  WORKFLOW_DEFINITIONS,
  WORKFLOW_INDEX,
  WORKFLOWS,
} from "../storage/layout.ts";
import { isContent, isContentFolder } from "../storage/blob-files.ts";
import type { Storage } from "../storage/storage.ts";
import type { Reading, Writing } from "../storage/view.ts";
import { isCheckpointFile } from "../stores/checkpoint-files.ts";
import { isDocumentName } from "../stores/feature-names.ts";
import { OUTPUT_SUFFIX } from "../stores/outputs.ts";
import { findBlobProblems } from "./check-blobs.ts";
import { isExecutionFile } from "../stores/workflow-files.ts";
import { INDEX_FOLDERS, isIndexName } from "../stores/workflow-index.ts";
import { findCheckpointProblems, findCopyProblems } from "./check-checkpoints.ts";
import { findEventProblems } from "./check-events.ts";
import { findFeatureProblems } from "./check-features.ts";
import { findGroupProblems } from "./check-groups.ts";
import { findJournalProblems, isJournalName } from "./check-journal.ts";
import { findLockProblems } from "./check-locks.ts";
import { findNoteProblems } from "./check-notes.ts";
import { findProjectionProblems } from "./check-projections.ts";
import { findWorkProblems } from "./check-work.ts";
import { findLivingWorkflowProblems, findWorkflowProblems } from "./check-workflows.ts";
import { sightOf, type Sight } from "./sight.ts";

/** The file system a root lies on. */
export interface FileSystem {
  readonly name: string;
  readonly shared: boolean;
}

/** What a check must know of the store beside its files. */
export interface Surroundings {
  readonly fileSystem: FileSystem;
  readonly pipelinePhases: readonly string[];
}

/** Every problem, by file and line. Reads every line of the log anew, those read before too. */
export function findProblems(
  storage: Storage,
  view: Reading | Writing,
  surroundings: Surroundings,
): Finding[] {
  const { disk } = storage;
  const sight = sightOf(storage, view, true);
  return inOrder([
    ...manifestProblems(disk),
    ...managedFileProblems(disk),
    ...foreignFiles(disk),
    ...findCopyProblems(sight),
    ...findWorkflowProblems(sight),
    ...stateProblems(sight, surroundings),
  ]);
}

/** The problems of the state itself, without those of the files that `init` writes. */
export function findStateProblems(
  storage: Storage,
  view: Reading | Writing,
  surroundings: Surroundings,
): Finding[] {
  const sight = sightOf(storage, view, false);
  return inOrder([...stateProblems(sight, surroundings), ...findLivingWorkflowProblems(sight)]);
}

function stateProblems(sight: Sight, { fileSystem, pipelinePhases }: Surroundings): Finding[] {
  const { storage } = sight;
  return [
    ...folderProblems(storage.disk),
    ...findFeatureProblems(sight),
    ...findWorkProblems(sight, pipelinePhases),
    ...findNoteProblems(sight),
    ...findProjectionProblems(sight),
    ...findBlobProblems(sight),
    ...findLockProblems(sight),
    ...findCheckpointProblems(sight),
    ...findEventProblems(sight),
    ...findGroupProblems(sight),
    ...findJournalProblems(storage),
    ...localProblems(storage, storage.disk),
    ...fileSystemProblems(fileSystem),
  ];
}

function inOrder(findings: Finding[]): Finding[] {
  return findings.sort(
    (a, b) => compare(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0) || compare(a.rule, b.rule),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function manifestProblems(disk: Disk): Finding[] {
  try {
    return readManifest(disk) === null
      ? [
          {
            file: "flow.json",
            rule: "manifest",
            severity: "error",
            message: "flow.json is missing",
            fix: "written anew",
          },
        ]
      : [];
  } catch (error) {
    if (!isFlowError(error)) throw error;
    return [{ file: "flow.json", rule: "manifest", severity: "error", message: error.message }];
  }
}

/** Folders in `local/` that their first file makes. */
const OWN_FOLDERS = [
  ...[QUARANTINE, LOCKS, LOCK_QUEUE, LOCK_LOG, SCOUT_CACHE, CHECKPOINTS],
  ...[CURSORS, SNAPSHOTS, WORKFLOWS, WORKFLOW_DEFINITIONS, WORKFLOW_INDEX],
  ...[BLOBS, BLOB_DATA, BLOB_PARTS],
];

/** Folders must be real ones: a link may lead out of the root. */
function folderProblems(disk: Disk): Finding[] {
  const findings: Finding[] = [];
  const root = disk.stat("");
  for (const folder of [
    ...TRACKED_FOLDERS,
    ...DOCUMENT_FOLDERS,
    ...LOCAL_FOLDERS,
    ...OWN_FOLDERS,
  ]) {
    const stat = disk.stat(folder);
    // git keeps no empty folder, and a clone has no local/: the next write makes them.
    if (stat === null) continue;
    if (stat.isSymbolicLink()) {
      findings.push(
        problem(folder, "link", `${folder} is a link; nothing is read or written through it`),
      );
    } else if (!stat.isDirectory()) {
      findings.push(problem(folder, "not-a-folder", `${folder} is not a folder`));
    } else if (root !== null && stat.dev !== root.dev) {
      findings.push(
        problem(
          folder,
          "other-device",
          `${folder} lies on another device: files cannot be moved into it in one step`,
        ),
      );
    }
  }
  return findings;
}

function problem(file: string, rule: string, message: string): Finding {
  return { file, rule, severity: "error", message };
}

function managedFileProblems(disk: Disk): Finding[] {
  const findings: Finding[] = [];
  for (const [path, lines] of MANAGED_BLOCKS) {
    const text = textOf(disk, path);
    if (typeof text === "string" && withBlock(text, lines) === text) continue;
    findings.push({
      file: path,
      rule: "managed-block",
      severity: "warning",
      message: `${path} lacks the lines of flowstore (${lines.join(", ")})${whyNot(text)}`,
      ...(isError(text) ? {} : { fix: "the lines are put in" }),
    });
  }
  for (const [name, expected] of schemaFiles()) {
    const path = inFolder(SCHEMA, name);
    const text = textOf(disk, path);
    if (text === expected) continue;
    findings.push({
      file: path,
      rule: "schema-file",
      severity: "warning",
      message: `${path} is missing or not the one of this version${whyNot(text)}`,
      ...(isError(text) ? {} : { fix: "written anew" }),
    });
  }
  return findings;
}

/** The text of a file, `null` for none; why not where it is a link, a folder or no text. */
function textOf(disk: Disk, path: string): string | null | FlowError {
  try {
    return disk.readText(path);
  } catch (error) {
    if (!isFlowError(error)) throw error;
    return error;
  }
}

function isError(text: string | null | FlowError): text is FlowError {
  return typeof text === "object" && text !== null;
}

/** What could not be read is for a person to look at, not to be written over. */
function whyNot(text: string | null | FlowError): string {
  return isError(text) ? `: ${text.message}` : "";
}

/** What format 1 has in a root. */
const ROOT_NAMES: ReadonlySet<string> = new Set([
  ...[MANIFEST, GIT_IGNORE, GIT_ATTRIBUTES, LOCAL],
  ...TRACKED_FOLDERS,
  ...DOCUMENT_FOLDERS,
  BLOBS,
]);

/** Folders with folders in them, and one whose documents are no JSON. */
const NOT_FLAT: readonly string[] = [GAPS, OUTPUTS, PROJECTIONS];

/** Files that are no documents: they do no harm, but nobody reads them either. */
function foreignFiles(disk: Disk): Finding[] {
  // The log of locks is in files of the same kind.
  const isLogName = (name: string): boolean => name.endsWith(LOG_SUFFIX);
  const isSegmentName = (name: string): boolean => segmentsIn([name]).length > 0;
  const isOutputName = (name: string): boolean =>
    name.endsWith(OUTPUT_SUFFIX) && !name.startsWith(".");
  // Whatever else stands in place of an epic's folder is a finding of its own.
  const epics = namesIn(disk, GAPS).filter((name) => !name.startsWith("."));
  const flat = DOCUMENT_FOLDERS.filter((folder) => !NOT_FLAT.includes(folder));
  const own = [LOCKS, LOCK_QUEUE, SCOUT_CACHE, CURSORS, SNAPSHOTS];
  const tables = namesIn(disk, PROJECTIONS).filter((name) => !name.startsWith("."));
  const nested = [
    ...epics.map((epic) => inFolder(GAPS, epic)),
    ...tables.map((table) => inFolder(PROJECTIONS, table)),
  ];
  const folders = [...flat, ...nested, ...own];
  const schemas = schemaFiles();
  return [
    ...foreignIn(disk, "", (name) => ROOT_NAMES.has(name)),
    ...foreignIn(disk, SCHEMA, (name) => schemas.has(name)),
    ...foreignIn(disk, FEATURES, isDocumentName),
    ...foreignIn(disk, EVENTS, isSegmentName),
    ...foreignIn(disk, LOCK_LOG, isLogName),
    ...foreignIn(disk, JOURNAL, (name) => isJournalName(disk, name)),
    ...folders.flatMap((folder) => foreignIn(disk, folder, isDocumentName)),
    ...foreignIn(disk, OUTPUTS, isOutputName),
    ...foreignIn(disk, GAPS, (name) => epics.includes(name)),
    ...foreignIn(disk, PROJECTIONS, (name) => tables.includes(name)),
    ...foreignCopies(disk),
    ...foreignContents(disk),
    ...foreignInWorkflows(disk),
  ];
}

/** What stands among the contents of blobs and is none. */
function foreignContents(disk: Disk): Finding[] {
  const isFolderName = (name: string): boolean => isContentFolder(inFolder(BLOB_DATA, name));
  return [
    ...foreignIn(disk, BLOBS, (name) => [BLOB_KEYS, BLOB_DATA].includes(inFolder(BLOBS, name))),
    ...foreignIn(disk, BLOB_DATA, isFolderName),
    ...namesIn(disk, BLOB_DATA)
      .filter(isFolderName)
      .flatMap((folder) => {
        const path = inFolder(BLOB_DATA, folder);
        return foreignIn(disk, path, (name) => isContent(inFolder(path, name)));
      }),
  ];
}

/** What stands among the files of workflows and is none. */
function foreignInWorkflows(disk: Disk): Finding[] {
  const isVisible = (name: string): boolean => !name.startsWith(".");
  const indexes = new Set(INDEX_FOLDERS.map(nameOf));
  const executions = namesIn(disk, WORKFLOWS).filter(isVisible);
  return [
    ...foreignIn(disk, WORKFLOW_DEFINITIONS, isDocumentName),
    ...foreignIn(disk, WORKFLOW_INDEX, (name) => indexes.has(name)),
    ...INDEX_FOLDERS.flatMap((folder) => foreignIn(disk, folder, isIndexName)),
    ...foreignIn(disk, WORKFLOWS, isVisible),
    ...executions.flatMap((name) => foreignIn(disk, inFolder(WORKFLOWS, name), isExecutionFile)),
  ];
}

/** What stands among checkpoints and is none. */
function foreignCopies(disk: Disk): Finding[] {
  const isCopy = (name: string): boolean =>
    disk.stat(inFolder(CHECKPOINTS, name))?.isDirectory() === true && !name.startsWith(".");
  const copies = namesIn(disk, CHECKPOINTS).filter(isCopy);
  return [
    ...foreignIn(disk, CHECKPOINTS, isCopy),
    ...copies.flatMap((name) => foreignIn(disk, inFolder(CHECKPOINTS, name), isCheckpointFile)),
  ];
}

function foreignIn(disk: Disk, folder: string, isOurs: (name: string) => boolean): Finding[] {
  const findings: Finding[] = [];
  for (const name of namesIn(disk, folder)) {
    const file = inFolder(folder, name);
    // A name with bytes that are no UTF-8 is listed in another form, under which nothing is found.
    const isNameless = name.includes("\uFFFD") && disk.stat(file) === null;
    // Of features and segments nobody else says so.
    if (isOurs(name) && !(isNameless && isSilent(folder))) continue;
    findings.push({
      file,
      rule: isNameless ? "bad-name" : "foreign-file",
      severity: isNameless ? "error" : "warning",
      message: isNameless
        ? `${file}: its name is not UTF-8, so the file cannot be read; give it another name`
        : `${file} is none of the store's files and is not read`,
    });
  }
  return findings;
}

function isSilent(folder: string): boolean {
  return folder === FEATURES || folder === EVENTS;
}

/** The names in a folder; none where something else bears its name, which is a finding of its own. */
function namesIn(disk: Disk, folder: string): string[] {
  return disk.stat(folder)?.isDirectory() === true ? (disk.list(folder) ?? []) : [];
}

function localProblems(storage: Storage, disk: Disk): Finding[] {
  const findings: Finding[] = [];
  for (const name of namesIn(disk, QUARANTINE)) {
    if (name.endsWith(".why.json")) continue;
    findings.push({
      file: inFolder(QUARANTINE, name),
      rule: "quarantined",
      severity: "warning",
      message: `${inFolder(QUARANTINE, name)} holds bytes that were kept aside; see ${name}.why.json`,
    });
  }
  for (const { stuck } of storage.journal.window.values()) {
    for (const path of stuck) {
      findings.push({
        file: path,
        rule: "stuck",
        severity: "error",
        message: `${path} could not be written; the change is kept in the journal and shown by every call`,
        fix: "tried again",
      });
    }
  }
  return findings;
}

function fileSystemProblems({ name, shared }: FileSystem): Finding[] {
  if (!shared) return [];
  return [
    {
      file: "",
      rule: "shared-file-system",
      severity: "warning",
      message: `The root lies on ${name}, which several machines may share: use it from one machine at a time`,
    },
  ];
}
