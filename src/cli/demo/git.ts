/** A git repository that depends on nobody's settings. */
import { execFileSync } from "node:child_process";
import { FlowError } from "../../errors.ts";

/** Of each call, so that no setting of the user decides anything: names, signing, hooks, pagers. */
const SETTINGS = [
  ["user.name", "FlowStore demo"],
  ["user.email", "demo@flowstore.invalid"],
  ["init.defaultBranch", "main"],
  ["commit.gpgsign", "false"],
  ["core.hooksPath", ".no-hooks"],
  ["core.autocrlf", "false"],
  ["core.excludesFile", ""],
  ["core.pager", "cat"],
  ["init.templateDir", ""],
  ["gc.auto", "0"],
].flatMap(([key, value]) => ["-c", `${key}=${value}`]);

/**
 * Runs git in `folder` and gives what it wrote, without the last line's end.
 *
 * @throws FlowError `IO` when git is missing or refuses.
 */
export function git(folder: string, ...args: readonly string[]): string {
  const verb = args[0] ?? "";
  try {
    return execFileSync("git", [...SETTINGS, ...args], {
      cwd: folder,
      encoding: "utf8",
      env: environment(),
      stdio: ["ignore", "pipe", "pipe"],
    }).trimEnd();
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: unknown };
    const context = { operation: `git ${verb}`, errno: typeof code === "string" ? code : null };
    if (code === "ENOENT") {
      throw new FlowError("IO", "Cannot run git: there is no such command", {
        hint: "Install git 2.20 or newer; the demo commits what its agents do.",
        context,
        cause: error,
      });
    }
    const said = typeof stderr === "string" && stderr !== "" ? stderr.trim() : String(error);
    throw new FlowError("IO", `Cannot run git ${verb}: ${said}`, { context, cause: error });
  }
}

/** Makes a repository; its settings stay in it, for whoever looks around in a kept folder. */
export function initRepository(folder: string): void {
  git(folder, "init", "--quiet");
  git(folder, "config", "user.name", "FlowStore demo");
  git(folder, "config", "user.email", "demo@flowstore.invalid");
  git(folder, "config", "commit.gpgsign", "false");
}

/** Commits everything there is; gives the short name of the commit. */
export function commitAll(folder: string, message: string): string {
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--no-verify", "--message", message);
  return git(folder, "rev-parse", "--short", "HEAD");
}

/** A repository around the caller (a hook that runs the demo) must not be taken for this one. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  return { ...Object.fromEntries(own), GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" };
}
