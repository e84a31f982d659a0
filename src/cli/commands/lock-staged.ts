/** Files that git is about to commit and that somebody else holds. */
import { execFile } from "node:child_process";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { FlowError } from "../../errors.ts";
import type { FlowStore, LockHolder } from "../../index.ts";
import type { CommandContext, CommandResult } from "../command.ts";

/** Far more than any list of staged files takes. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
/** So many files a message names; `context.files` names all. */
const NAMED_FILES = 3;

const run = promisify(execFile);

/**
 * Nothing, when no other task holds any of what is staged for writing.
 *
 * @throws FlowError `LOCKED` with `context.files` and `context.holders`; `CORRUPT` when a file of
 * locks that may speak of them cannot be used; `BAD_REQUEST` outside of a work tree of git.
 */
export async function staged(context: CommandContext, store: FlowStore): Promise<CommandResult> {
  const project = dirname(store.root);
  const files = (await stagedFiles(context, project))
    .map((path) => inside(project, path))
    .filter((path) => path !== null)
    .filter((path) => inside(store.root, join(project, path)) === null);
  const taskId = context.options.text("task");
  const paths = files.map((file) => join(project, file));
  const inTheWay =
    files.length === 0
      ? []
      : await store.locks.conflicts({ paths, ...(taskId === undefined ? {} : { taskId }) });
  // One who holds a file for reading, or a folder for its names, has no changes in what is there.
  const holders = inTheWay.filter(({ mode }) => mode === "write");
  if (holders.length > 0) throw locked(files, holders);
  return {
    data: [],
    meta: { count: 0, files: files.length },
    isConfirmation: true,
    text: async () => {
      const { counted } = await import("../render/counted.ts");
      return `Nobody holds what is staged (${counted(files.length, "file")})`;
    },
  };
}

/** A path relative to a folder that it lies in or is; `null` for any other. */
function inside(folder: string, path: string): string | null {
  const inner = relative(folder, path);
  return isAbsolute(inner) || inner.split(sep)[0] === ".." ? null : inner;
}

function locked(files: readonly string[], holders: readonly LockHolder[]): FlowError {
  const held = files.filter((file) =>
    holders.some(({ path }) => path === "." || path === file || file.startsWith(`${path}/`)),
  );
  // Where a lock is below what git takes for a file, as in a submodule, all may be meant.
  const meant = held.length > 0 ? held : files;
  const more = meant.length - NAMED_FILES;
  const names = meant.slice(0, NAMED_FILES).join(", ") + (more > 0 ? ` and ${more} more` : "");
  return new FlowError("LOCKED", `Cannot commit what is staged: others hold ${names}`, {
    hint: "Unstage these files, or wait until they are released. Locks of a task's own do not count with --task.",
    context: { files: meant, holders },
  });
}

/** Absolute paths, both names of a file that was given another one. */
async function stagedFiles(context: CommandContext, project: string): Promise<string[]> {
  // A hook is told by variables, relative to where it runs, which index is meant.
  const isHook = ["GIT_DIR", "GIT_INDEX_FILE"].some((name) => process.env[name] !== undefined);
  const folder = context.dir === undefined || isHook ? process.cwd() : project;
  const top = (await git(folder, ["rev-parse", "--show-toplevel"])).replace(/\n$/, "");
  const words = ["diff", "--cached", "--name-only", "--no-renames", "--no-ext-diff", "-z"];
  const names = await git(folder, ["-c", "diff.relative=false", ...words]);
  return [...new Set(names.split("\0"))]
    .filter((name) => name !== "")
    .map((name) => `${top}/${name}`);
}

async function git(folder: string, words: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run("git", [...words], {
      cwd: folder,
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    return stdout;
  } catch (error) {
    // git is not there, or says by its exit code and on stderr what is wrong.
    if (!(error instanceof Error)) throw error;
    const said = "stderr" in error && typeof error.stderr === "string" ? error.stderr : "";
    const why = said.split("\n", 1)[0] || error.message.split("\n", 1)[0] || "git failed";
    throw new FlowError("BAD_REQUEST", `Cannot tell what is staged: ${why}`, { cause: error });
  }
}
