/**
 * Looks without end, and tells what it saw: arguments are the project and the {@link Sight}; ends
 * when told to.
 */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { setImmediate, setTimeout as after } from "node:timers/promises";
import { FlowStore } from "flowstore";

import { nodeDisk } from "#src/disk/node-disk.js";
import { FEATURES, SETTINGS } from "#src/storage/layout.js";
import { isFault } from "#src/storage/files.js";
import { heard, stopListening, tell } from "../process/store-worker.ts";
import { openStorage } from "../storage/support.ts";
import { SETTING, SUM, type Looked, type Sight } from "./c10-readers.ts";

const [project = "", sight = "plain"] = process.argv.slice(2);
const root = join(project, ".flow");
const TELL_EVERY_MS = 200;
/** Between two chances to hear. */
const LOOKS = 20;
const LONGEST_PAUSE_MS = 30;
const MAX_FAULTS = 5;
/** Files of the log are longer than others, and looked at so much more rarely, */
const LOG_EVERY = 20;
/** and only at their end, where they grow. */
const TAIL_BYTES = 16 * 1024;

let reads = 0;
let states = 0;
let lastState = "";
const faults = new Set<string>();
/** Since the last pause. */
let hasChanged = false;
const lastTexts = new Map<string, string>();
let isOver = false;
void heard().then(() => (isOver = true));

function fault(text: string): void {
  if (faults.size < MAX_FAULTS) faults.add(text);
}

function noteState(state: string): void {
  if (state === lastState) return;
  states += 1;
  lastState = state;
  hasChanged = true;
}

function noteText(path: string, text: string): void {
  if (lastTexts.get(path) === text) return;
  lastTexts.set(path, text);
  states += 1;
  hasChanged = true;
}

/** Any file, as `cat` shows it: whole, and what somebody wrote. */
function lookPlain(): void {
  const folder = reads % LOG_EVERY === 0 ? "events" : reads % 3 === 0 ? "settings" : "features";
  for (const name of readdirSync(join(root, folder))) {
    reads += 1;
    const path = join(root, folder, name);
    const isLog = name.endsWith(".jsonl");
    const text = isLog ? endOf(path) : readFileSync(path, "utf8");
    noteText(path, text);
    for (const part of isLog ? text.split("\n").slice(0, -1) : [text]) {
      try {
        JSON.parse(part);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        fault(`${folder}/${name} is torn, ${text.length} long: ${part.slice(0, 100)}`);
      }
    }
    if (!isLog && !text.endsWith("}\n")) fault(`${folder}/${name} has no end`);
  }
}

/** What `tail` shows of a log, from the beginning of a line. */
function endOf(path: string): string {
  const file = openSync(path, "r");
  try {
    const from = Math.max(0, fstatSync(file).size - TAIL_BYTES);
    // Room for what is appended meanwhile.
    const bytes = Buffer.alloc(2 * TAIL_BYTES);
    const text = bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, from));
    return from === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    closeSync(file);
  }
}

/** One call: the features of one moment. */
async function lookByCall(store: FlowStore): Promise<void> {
  reads += 1;
  const [left, right] = await store.features.getAll();
  const state = `${String(left?.["share"])} + ${String(right?.["share"])}`;
  if (Number(left?.["share"]) + Number(right?.["share"]) !== SUM) fault(`mixed: ${state}`);
  if (left?.["text"] !== right?.["text"]) fault(`mixed texts at ${state}`);
  noteState(state);
}

/** Files of two folders, of one moment. */
function lookByEngine(storage: ReturnType<typeof openStorage>): void {
  reads += 1;
  const shares = storage.readNow((view) => {
    const setting = view.get(SETTINGS, `${SETTING}.json`);
    const features = view.names(FEATURES).map((name) => view.get(FEATURES, name));
    return [setting, ...features].map((document) => {
      if (document === null || isFault(document)) return Number.NaN;
      const { share, value } = JSON.parse(document.text) as { share?: number; value?: number };
      return share ?? value ?? Number.NaN;
    });
  });
  const [said, left = 0, right = 0] = shares;
  if (left + right !== SUM || said !== left) fault(`mixed: ${shares.join(", ")}`);
  noteState(shares.join());
}

async function lookerFor(
  kind: Sight,
): Promise<{ look: () => void | Promise<void>; end: () => Promise<void> }> {
  if (kind === "plain") return { look: lookPlain, end: async () => undefined };
  if (kind === "calls") {
    const store = await FlowStore.open(project, { readOnly: true });
    return { look: () => lookByCall(store), end: () => store.close() };
  }
  const storage = openStorage(nodeDisk(root), { readOnly: true });
  return { look: () => lookByEngine(storage), end: () => storage.close() };
}

function tellAll(): void {
  tell(JSON.stringify({ reads, states, faults: [...faults] } satisfies Looked));
}

const { look, end } = await lookerFor(sight as Sight);
tell("ready");
for (let toldAt = performance.now(); !isOver;) {
  for (let count = 0; count < LOOKS; count += 1) await look();
  // Where nothing changes, it is the writers' turn: reads of files at rest show nothing.
  await (hasChanged ? setImmediate() : after(Math.random() * LONGEST_PAUSE_MS));
  hasChanged = false;
  if (performance.now() - toldAt < TELL_EVERY_MS) continue;
  toldAt = performance.now();
  tellAll();
}
tellAll();
await end();
stopListening();
