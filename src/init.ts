/** What `init` writes: the same bytes whoever runs it, so that two inits merge. And where it is found. */

import { FlowError } from "./errors.ts";
import type { Disk } from "./disk/disk.ts";
import { replaceFile } from "./disk/replace.ts";
import { isFile, isFolder, upwards } from "./disk/roots.ts";
import { SHAPES } from "./model/kinds.ts";
import { featureJsonSchema } from "./model/schema.ts";
import { jsonSchemaOf } from "./model/shape.ts";
import { formatJson } from "./storage/json-text.ts";
import {
  folderOf,
  FORMAT,
  GIT_ATTRIBUTES,
  GIT_IGNORE,
  inFolder,
  LOCAL,
  LOCAL_IGNORE,
  MANIFEST,
  ROOT_NAME,
  SCHEMA,
  TRACKED_FOLDERS,
} from "./storage/layout.ts";

const BLOCK_START = "# flowstore: begin (lines outside this block are yours)";
const BLOCK_END = "# flowstore: end";

/** The lines that a managed file must hold, by file. */
export const MANAGED_BLOCKS: ReadonlyMap<string, readonly string[]> = new Map([
  [GIT_IGNORE, ["local/"]],
  [GIT_ATTRIBUTES, ["* -text"]],
]);

let schemas: ReadonlyMap<string, string> | undefined;

/** The JSON Schemas that lie in `schema/`, by file name. */
export function schemaFiles(): ReadonlyMap<string, string> {
  schemas ??= new Map([
    ["feature.json", formatJson(featureJsonSchema())],
    ...SHAPES.map((shape) => [`${shape.name}.json`, formatJson(jsonSchemaOf(shape))] as const),
  ]);
  return schemas;
}

/** The text of the manifest: the format and nothing else, or two inits would conflict. */
export function manifestText(): string {
  return formatJson({ format: FORMAT });
}

/** `text` with the managed block in it; the same text when it is there already. */
export function withBlock(text: string, lines: readonly string[]): string {
  const block = [BLOCK_START, ...lines, BLOCK_END].join("\n");
  if (text.includes(block)) return text;
  const start = text.indexOf(BLOCK_START);
  const end = text.indexOf(BLOCK_END, start);
  if (start >= 0 && end > start) {
    return text.slice(0, start) + block + text.slice(end + BLOCK_END.length);
  }
  const lead = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return `${lead}${block}\n`;
}

/**
 * Makes what is missing under a root; touches nothing that is right. Returns the files written.
 *
 * @param left files and folders that stay as they are, whatever they hold
 */
export function initRoot(disk: Disk, left: ReadonlySet<string> = new Set()): string[] {
  const written: string[] = [];
  for (const folder of [...TRACKED_FOLDERS, LOCAL]) {
    if (left.has(folder) || disk.stat(folder)?.isDirectory() === true) continue;
    if (disk.makeFolder(folder)) written.push(folder);
  }
  const write = (path: string, textAfter: (before: string) => string): void => {
    // Not below a folder that is left either: it may be a link that leads out of the root.
    if (left.has(path) || left.has(folderOf(path))) return;
    const before = disk.readText(path);
    const after = textAfter(before ?? "");
    if (before === after) return;
    replaceFile(disk, path, after);
    written.push(path);
  };
  for (const [path, lines] of MANAGED_BLOCKS) write(path, (before) => withBlock(before, lines));
  if (disk.stat(LOCAL_IGNORE) === null) write(LOCAL_IGNORE, () => "*\n");
  for (const [name, text] of schemaFiles()) write(inFolder(SCHEMA, name), () => text);
  // Last: a root is a folder with a manifest, so a half-made one is none.
  if (!left.has(MANIFEST) && readManifest(disk) === null) write(MANIFEST, manifestText);
  return written;
}

/**
 * The format that a root is written in; `null` without a manifest.
 *
 * @throws FlowError `CORRUPT` for a manifest that says nothing, `UNSUPPORTED_FORMAT` for a newer one.
 */
export function readManifest(disk: Disk): number | null {
  const text = disk.readText(MANIFEST);
  if (text === null) return null;
  let format: unknown;
  try {
    format = (JSON.parse(text) as { format?: unknown } | null)?.format;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (typeof format !== "number" || !Number.isSafeInteger(format) || format < 1) {
    throw new FlowError("CORRUPT", `Cannot open the store: ${MANIFEST} does not say its format`, {
      context: { file: MANIFEST },
      hint: `It should hold { "format": ${FORMAT} }; take it back from git.`,
    });
  }
  if (format > FORMAT) {
    throw new FlowError(
      "UNSUPPORTED_FORMAT",
      `Cannot open the store: ${MANIFEST} says format ${format}, this version knows up to ${FORMAT}`,
      { context: { file: MANIFEST, format, known: FORMAT }, hint: "Update flowstore." },
    );
  }
  return format;
}

/** The root for a folder: itself, its `.flow`, or that of a folder above it. */
export function findRoot(start: string): string | null {
  if (start.endsWith(`/${ROOT_NAME}`) && isFile(`${start}/${MANIFEST}`)) return start;
  for (const folder of upwards(start)) {
    const root = folder === "/" ? `/${ROOT_NAME}` : `${folder}/${ROOT_NAME}`;
    if (isFolder(root) && isFile(`${root}/${MANIFEST}`)) return root;
  }
  return null;
}
