/**
 * Looking at a whole root and naming what is wrong with it. Reads only; each rule is one function
 * that gives findings, so that a new one is one more line in {@link findProblems}.
 */

import type { Disk } from "../disk/disk.ts";
import type { Finding } from "../finding.ts";
import { MANAGED_BLOCKS, readManifest, schemaFiles, withBlock } from "../init.ts";
import { isFlowError } from "../errors.ts";
import {
  EVENTS,
  FEATURES,
  inFolder,
  LOCAL,
  QUARANTINE,
  SCHEMA,
  TRACKED_FOLDERS,
} from "../storage/layout.ts";
import type { Storage } from "../storage/storage.ts";
import { findEventProblems } from "./check-events.ts";
import { findFeatureProblems } from "./check-features.ts";

/** The file system a root lies on. */
export interface FileSystem {
  readonly name: string;
  readonly shared: boolean;
}

/** Every problem, by file and line. Call inside a read, so that it is of one state. */
export function findProblems(storage: Storage, disk: Disk, fileSystem: FileSystem): Finding[] {
  const findings = [
    ...manifestProblems(disk),
    ...folderProblems(disk),
    ...managedFileProblems(disk),
    ...foreignFiles(disk),
    ...findFeatureProblems(storage),
    ...findEventProblems(storage),
    ...localProblems(storage, disk),
    ...fileSystemProblems(fileSystem),
  ];
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

/** Folders must be real ones: a link may lead out of the root. */
function folderProblems(disk: Disk): Finding[] {
  const findings: Finding[] = [];
  const root = disk.stat("");
  for (const folder of [...TRACKED_FOLDERS, LOCAL]) {
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
    if (text !== null && withBlock(text, lines) === text) continue;
    findings.push({
      file: path,
      rule: "managed-block",
      severity: "warning",
      message: `${path} lacks the lines of flowstore (${lines.join(", ")})`,
      fix: "the lines are put in",
    });
  }
  for (const [name, expected] of schemaFiles()) {
    const path = inFolder(SCHEMA, name);
    if (textOf(disk, path) === expected) continue;
    findings.push({
      file: path,
      rule: "schema-file",
      severity: "warning",
      message: `${path} is missing or not the one of this version`,
      fix: "written anew",
    });
  }
  return findings;
}

function textOf(disk: Disk, path: string): string | null {
  try {
    return disk.readText(path);
  } catch (error) {
    // A link, a folder, no text: certainly not what belongs there.
    if (!isFlowError(error)) throw error;
    return null;
  }
}

/** Files that are no documents: they do no harm, but nobody reads them either. */
function foreignFiles(disk: Disk): Finding[] {
  const findings: Finding[] = [];
  for (const [folder, suffix] of [
    [FEATURES, ".json"],
    [EVENTS, ".jsonl"],
  ] as const) {
    if (disk.stat(folder)?.isDirectory() !== true) continue;
    for (const name of disk.list(folder) ?? []) {
      if (name.endsWith(suffix)) continue;
      const file = inFolder(folder, name);
      findings.push({
        file,
        rule: "foreign-file",
        severity: "warning",
        message: `${file} is none of the store's files and is not read`,
      });
    }
  }
  return findings;
}

function localProblems(storage: Storage, disk: Disk): Finding[] {
  const findings: Finding[] = [];
  for (const name of disk.list(QUARANTINE) ?? []) {
    if (name.endsWith(".why.json")) continue;
    findings.push({
      file: inFolder(QUARANTINE, name),
      rule: "quarantined",
      severity: "warning",
      message: `${inFolder(QUARANTINE, name)} holds what somebody wrote in the moment of a commit; see ${name}.why.json`,
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
  if (storage.journal.poisoned) {
    findings.push({
      file: "local/journal",
      rule: "poisoned",
      severity: "warning",
      message: "A sync of the journal failed; the next write goes on in a new file",
    });
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
