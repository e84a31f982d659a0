/** The state in the words of a shell: commands that are really run, with what they print. */
import { spawnSync } from "node:child_process";
import { counted } from "../render/counted.ts";

export interface Shown {
  readonly command: string;
  /** The first lines that it printed; `null` when it could not be run. */
  readonly output: readonly string[] | null;
  /** Lines left out, or why it could not be run. */
  readonly note: string | null;
}

/** A command and how many of its lines are shown. */
export interface Look {
  readonly command: string;
  readonly lines: number;
}

/** Runs each command in `folder`; what is not installed is said, not guessed. */
export function show(folder: string, looks: readonly Look[]): Shown[] {
  return looks.map(({ command, lines }) => {
    const tool = command.split(" ")[0] ?? "";
    if (run(folder, `command -v ${tool}`) === null) {
      return { command, output: null, note: `${tool} is not installed here` };
    }
    const output = run(folder, command);
    if (output === null) return { command, output: null, note: "it could not be run here" };
    const more = output.length - lines;
    return {
      command,
      output: output.slice(0, lines),
      note: more > 0 ? counted(more, "more line") : null,
    };
  });
}

/** The lines of a shell command; `null` when there is no shell or it fails. */
function run(folder: string, command: string): string[] | null {
  const { status, stdout } = spawnSync("sh", ["-c", command], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  if (status !== 0) return null;
  return stdout.trimEnd().split("\n");
}
