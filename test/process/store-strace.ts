/** System calls as `strace -f -y` wrote them, in the order in which they began. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What changes files, or opens them for it. */
const TRACED = [
  ..."open openat creat write writev pwrite64 pwritev pwritev2 truncate ftruncate fallocate".split(
    " ",
  ),
  ..."rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat rmdir symlink".split(" "),
  ..."fsync fdatasync sync_file_range sendfile copy_file_range".split(" "),
];

/** So much of each text is shown: more than any record here has. */
const SHOWN_BYTES = 100_000;

/** What goes before the command, writing to `file`. */
export function straceCommand(file: string, names: readonly string[] = TRACED): string[] {
  const calls = names.map((name) => `?${name}`).join(",");
  return [
    "strace",
    "-f",
    "-y",
    "-qq",
    "-s",
    String(SHOWN_BYTES),
    "-e",
    `trace=${calls}`,
    "-o",
    file,
  ];
}

/** The same, ending the process before the call `name` that its main thread makes as number `at`. */
export function killCommand(file: string, name: string, at: number): string[] {
  return [...straceCommand(file, [name]), "-e", `inject=${name}:signal=KILL:when=${at}`];
}

/** A call as it was begun, in the order of beginnings. */
export interface BegunCall {
  readonly thread: number;
  readonly name: string;
  /** All behind the bracket, with the result where there is one. */
  readonly text: string;
}

/** Every call that was begun, whether it came to an end or not. */
export function begunCalls(file: string): BegunCall[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, thread, name, text = ""] = /^(\d+) +(\w+)\((.*)$/s.exec(line) ?? [];
      return name === undefined ? [] : [{ thread: Number(thread), name, text }];
    });
}

/** Why strace cannot be used here; `null` when it can. */
export function whyNoStrace(): string | null {
  try {
    execFileSync("strace", ["-o", "/dev/null", "true"], { stdio: "pipe" });
    return null;
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer };
    return code === "ENOENT" ? "strace is missing" : `strace cannot trace: ${stderr?.toString()}`;
  }
}

export interface SystemCall {
  readonly name: string;
  /** All between the brackets. */
  readonly text: string;
  /** Paths below the root, relative to it, of arguments and descriptors, in their order. */
  readonly paths: readonly string[];
  readonly result: number;
  readonly line: string;
}

/** Every call that succeeded. Paths that are not below `root` are left out. */
export function callsOf(file: string, root: string): SystemCall[] {
  const begun = new Map<string, string>();
  const calls: SystemCall[] = [];
  for (const raw of readFileSync(file, "utf8").split("\n")) {
    const [, pid = "", said = ""] = /^(\d+) +(.*)$/.exec(raw) ?? [];
    const unfinished = /^(.*?) *<unfinished \.\.\.>$/.exec(said)?.[1];
    if (unfinished !== undefined) {
      begun.set(pid, unfinished);
      continue;
    }
    const rest = /^<\.\.\. \w+ resumed>(.*)$/.exec(said)?.[1];
    const call = parsed(rest === undefined ? said : `${begun.get(pid) ?? ""}${rest}`, root);
    if (call !== null && call.result >= 0) calls.push(call);
  }
  return calls;
}

function parsed(line: string, root: string): SystemCall | null {
  const [, name, text = "", result] = /^(\w+)\((.*)\) += (-?\d+)/s.exec(line) ?? [];
  if (name === undefined) return null;
  // What is written may name paths too: only what stands before the first text that is no path.
  const isWrite = /^p?write/.test(name);
  const place = isWrite ? text.slice(0, text.indexOf(",")) : text;
  const paths = [...place.matchAll(/["<](\/[^">]*)[">]/g)]
    .map(([, path = ""]) => path)
    .filter((path) => path.startsWith(`${root}/`))
    .map((path) => path.slice(root.length + 1));
  return { name, text, paths, result: Number(result), line };
}

/** What was written by a call, as far as it is ASCII. */
export function writtenText(call: SystemCall): string {
  const quoted = /"((?:[^"\\]|\\.)*)"/s.exec(call.text)?.[1] ?? "";
  const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r" };
  return quoted.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter);
}

/** The offset of a `pwrite64`. */
export function offsetOf(call: SystemCall): number {
  return Number(/, (\d+)$/.exec(call.text)?.[1] ?? Number.NaN);
}
