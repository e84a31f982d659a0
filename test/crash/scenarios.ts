/**
 * The calls that the crash tests interrupt: what was there before, one call, and everything that
 * a store shows, so that "all of it or nothing" is an equality of texts.
 */

import type { Storage, StorageOptions } from "#src/storage/storage.js";
import { isFault } from "#src/storage/files.js";

import type { Reading, Writing } from "#src/storage/view.js";
import { putValue, valueOf, logIn, wholeLog, type WholeLog } from "../storage/support.ts";

/** The folders of documents that the scenarios use. */
export const FOLDERS = ["features", "gaps/epic-1"] as const;

export interface Scenario {
  readonly name: string;
  /** What the call is tried on; `null` is a root without `local/`. */
  readonly prepare: ((storage: Storage) => Promise<void>) | null;
  /** Options of the storage that makes the call. */
  readonly options: Partial<StorageOptions>;
  /** The call. */
  readonly act: (storage: Storage) => Promise<unknown>;
}

/** Adds one to each of the documents and logs it, in one commit. */
export function add(write: Writing, names: readonly string[], tag: string): void {
  for (const name of names) {
    const n = (valueOf<{ n: number }>(write, name)?.n ?? 0) + 1;
    putValue(write, name, { n, tag });
    write.append({ stream: `counter:${name}`, type: "Incremented", payload: { n, tag } });
  }
}

const usual = async (storage: Storage): Promise<void> => {
  await storage.commit((write) => add(write, ["a.json", "b.json", "c.json"], "before"));
  await storage.commit((write) => add(write, ["a.json"], "before"));
};

/** So long that one more commit makes the journal go on in a new file. */
const NEARLY_ROTATING = 254_000;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "one document and its event",
    prepare: usual,
    options: {},
    act: (storage) => storage.commit((write) => add(write, ["a.json"], "call")),
  },
  {
    name: "five documents",
    prepare: usual,
    options: {},
    act: (storage) =>
      storage.commit((write) => {
        add(write, ["a.json", "b.json", "new-1.json", "new-2.json"], "call");
        write.drop("features", "c.json");
      }),
  },
  {
    name: "the first commit ever",
    prepare: null,
    options: {},
    act: (storage) => storage.commit((write) => add(write, ["a.json", "b.json"], "call")),
  },
  {
    name: "a commit that makes the journal go on in a new file",
    prepare: async (storage) => {
      await usual(storage);
      await storage.commit((write) =>
        putValue(write, "long.json", { text: "x".repeat(NEARLY_ROTATING) }),
      );
    },
    options: {},
    act: (storage) =>
      storage.commit((write) => {
        putValue(write, "long.json", { text: "y".repeat(NEARLY_ROTATING / 10) });
        add(write, ["a.json", "b.json"], "call");
      }),
  },
  {
    name: "a commit that begins a segment",
    prepare: usual,
    options: { gitHead: () => "moved" },
    act: (storage) => storage.commit((write) => add(write, ["a.json", "b.json"], "call")),
  },
  {
    name: "a document in a folder that is not there yet",
    prepare: usual,
    options: {},
    act: (storage) =>
      storage.commit((write) => {
        write.put("gaps/epic-1", "one.json", '{\n  "n": 1\n}\n');
        add(write, ["a.json"], "call");
      }),
  },
  {
    name: "a transaction",
    prepare: usual,
    options: {},
    act: (storage) =>
      storage.transaction(async () => {
        await storage.commit((write) => add(write, ["a.json"], "call"));
        await storage
          .transaction(async () => {
            await storage.commit((write) => add(write, ["b.json"], "undone"));
            throw new Error("undone");
          }, 1000)
          .catch(() => undefined);
        await storage.commit((write) => add(write, ["b.json", "a.json"], "call"));
      }, 60_000),
  },
  {
    name: "a relaxed commit",
    prepare: usual,
    options: { durability: "relaxed" },
    act: (storage) => storage.commit((write) => add(write, ["a.json", "b.json"], "call")),
  },
  {
    name: "a commit that does not wait for the disk at all",
    prepare: usual,
    options: { durability: "none" },
    act: (storage) => storage.commit((write) => add(write, ["a.json", "b.json"], "call")),
  },
];

export function scenario(name: string): Scenario {
  const found = SCENARIOS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
}

/** Everything a reader sees, in one line: each document's text, each event with its number. */
export async function stateOf(storage: Storage): Promise<string> {
  const documents = await storage.read(documentsIn);
  return [...documents, "|", ...told(await wholeLog(storage))].join(" ");
}

/** The same, all of it as of one commit. */
export async function lookAt(storage: Storage): Promise<string> {
  return storage.read((view) => {
    const log = logIn(storage, view);
    return [...documentsIn(view), "|", ...told(log)].join(" ");
  });
}

function documentsIn(view: Reading | Writing): string[] {
  return FOLDERS.flatMap((folder) =>
    view.list(folder).map((document) => {
      if (isFault(document)) throw document.fault;
      const { n, tag = "" } = JSON.parse(document.text) as { n?: number; tag?: string };
      return `${document.path.split("/").at(-1)}=${n ?? document.text.length}${tag}`;
    }),
  );
}

function told(log: WholeLog): string[] {
  const events = log.events.map(({ sequence, event }) => {
    const { n, tag } = event.payload as { n: number; tag: string };
    return `${sequence}:${event.stream.replace("counter:", "")}=${n}${tag}`;
  });
  const damage = log.damage.filter(({ growing }) => !growing).map(({ why }) => why);
  return [...events, ...damage];
}

/** A state without what commits of one tag did to new documents. */
export function without(state: string, tag: string): string {
  return state
    .split(" ")
    .filter((part) => !part.endsWith(`=1${tag}`))
    .join(" ");
}
