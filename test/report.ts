/** How a run of the tests reads: failures in full, one line a folder, node's counts last. */
import { basename, relative, sep } from "node:path";
import { inspect } from "node:util";
import type { TestsStream } from "node:test";

/** Tests that take longer are named at the end, the slowest first, so many at most. */
const SLOW_MS = 5_000;
const MAX_SLOW = 10;

interface Folder {
  readonly files: Set<string>;
  tests: number;
  failed: number;
}

/** Prints the run that `events` tells of; true when nothing failed. Paths are shown below `root`. */
export async function printEvents(events: TestsStream, root: string): Promise<boolean> {
  const folders = new Map<string, Folder>();
  const running = new Map<string, Place>();
  const names = new Map<string, string[]>();
  const failures: string[] = [];
  const slow: { readonly ms: number; readonly test: string }[] = [];
  const counts: string[] = [];

  const shown = (file: string): string =>
    relative(root, file).split(sep).join("/").replace(/\.js$/, ".ts");
  const keyOf = (place: Place): string =>
    [place.file, place.line, place.column, place.nesting, place.name].join("\n");

  for await (const event of events as AsyncIterable<TestEvent>) {
    switch (event.type) {
      case "test:dequeue":
        running.set(keyOf(event.data), event.data);
        break;
      case "test:complete":
        running.delete(keyOf(event.data));
        break;
      case "test:start": {
        const path = names.get(event.data.file ?? "") ?? [];
        names.set(event.data.file ?? "", [...path.slice(0, event.data.nesting), event.data.name]);
        break;
      }
      case "test:pass":
      case "test:fail": {
        const { data } = event;
        const file = data.file ?? "";
        const failed = event.type === "test:fail" && data.todo === undefined;
        const ofWholeFile = data.name === file || data.name === relative(process.cwd(), file);
        if (data.details.type !== "suite") {
          const folder = folderOf(folders, shown(file));
          folder.tests += 1;
          folder.failed += failed ? 1 : 0;
        }
        const path = ofWholeFile ? "" : ` › ${(names.get(file) ?? [data.name]).join(" › ")}`;
        if (ofWholeFile && !failed) failures.push(`✖ ${shown(file)} holds no test`);
        if (data.details.duration_ms >= SLOW_MS && data.details.type !== "suite") {
          slow.push({ ms: data.details.duration_ms, test: shown(file) + path });
        }
        if (failed && data.details.error?.failureType !== "subtestsFailed") {
          const hung = ofWholeFile ? stillRunning(running.values(), data) : "";
          failures.push(`✖ ${shown(file)}${path}\n${hung}${reason(data.details.error)}\n`);
          console.error(`✖ ${shown(file)}${path}`);
        }
        break;
      }
      case "test:stdout":
      case "test:stderr":
        process.stderr.write(event.data.message);
        break;
      case "test:diagnostic":
        if (
          /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(event.data.message)
        )
          counts.push(event.data.message);
        break;
    }
  }

  for (const [name, folder] of [...folders].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const mark = folder.failed === 0 ? "✔" : "✖";
    const tests = `${folder.tests} tests`.padStart(12);
    const files = `${folder.files.size} files`.padStart(10);
    const failed = folder.failed === 0 ? "" : `   ${folder.failed} failed`;
    console.log(`${mark} ${name.padEnd(14)}${files}${tests}${failed}`);
  }
  for (const { ms, test } of slow.toSorted((a, b) => b.ms - a.ms).slice(0, MAX_SLOW)) {
    console.log(`  slow: ${(ms / 1000).toFixed(1).padStart(6)} s  ${test}`);
  }
  if (failures.length > 0) console.log(`\nFailures:\n\n${failures.join("\n")}`);
  console.log(counts.map((line) => `# ${line}`).join("\n"));
  return failures.length === 0 && counts.includes("fail 0") && counts.includes("cancelled 0");
}

function folderOf(folders: Map<string, Folder>, path: string): Folder {
  const name = path.split("/")[0] ?? path;
  const folder = folders.get(name) ?? { files: new Set<string>(), tests: 0, failed: 0 };
  folder.files.add(path);
  folders.set(name, folder);
  return folder;
}

/** What a process that came to its end too early was busy with; of a group, all its files. */
function stillRunning(running: Iterable<Place>, whole: Place): string {
  const group = /\.groups\/(.*)\.js$/.exec(whole.file ?? "")?.[1];
  const inProcess = ({ file }: Place): boolean =>
    group === undefined ? file === whole.file : (file ?? "").includes(`${sep}${group}${sep}`);
  return [...running]
    .filter((place) => inProcess(place) && place.name !== place.file)
    .map((place) => `  still running: ${place.name} (${basename(place.file ?? "")})\n`)
    .join("");
}

/** The error that the test met, without the runner's own wrapping and frames. */
function reason(error: TestError | undefined): string {
  if (error?.cause === "test failed") return "  the process failed: see what it wrote above";
  const text = inspect(error?.cause ?? error, { depth: 8, colors: false });
  return text
    .split("\n")
    .filter((line) => !/^\s+at .*node:internal/.test(line))
    .map((line) => `  ${line}`)
    .join("\n");
}

interface TestError extends Error {
  readonly failureType?: string;
}

interface Place {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

interface Outcome extends Place {
  readonly todo?: string | boolean;
  readonly details: {
    readonly type?: string;
    readonly duration_ms: number;
    readonly error?: TestError;
  };
}

/** The events read here, as node 20 to 24 emit them. */
type TestEvent =
  | { readonly type: "test:dequeue" | "test:complete" | "test:start"; readonly data: Place }
  | { readonly type: "test:pass" | "test:fail"; readonly data: Outcome }
  | {
      readonly type: "test:stdout" | "test:stderr" | "test:diagnostic";
      readonly data: { readonly message: string };
    };
