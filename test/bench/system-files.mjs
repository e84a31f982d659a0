/**
 * The limit: the file operations that FlowStore's protocol cannot do without, and nothing else. No
 * lock, no check, no reading back; after a crash nobody would know what happened. It opens a folder
 * that FlowStore filled too, and reads the same files.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { graphOf, inOrder, readyOf, statsOf } from "./plan.mjs";

const DOCUMENTS = ".flow/features";
const EVENTS = ".flow/events";

function fill(folder, features) {
  for (const place of [DOCUMENTS, EVENTS]) fs.mkdirSync(join(folder, place), { recursive: true });
  for (const feature of features) {
    const text = `${JSON.stringify(feature, null, 2)}\n`;
    fs.writeFileSync(join(folder, DOCUMENTS, `${feature.id}-feature.json`), text);
  }
}

function open(folder, synced) {
  const documents = join(folder, DOCUMENTS);
  const events = join(folder, EVENTS);
  const names = new Map(fs.readdirSync(documents).map((name) => [Number.parseInt(name, 10), name]));
  const journal = fs.openSync(join(folder, "journal"), "a");
  const log = fs.openSync(join(folder, "log"), "a");
  const temporary = join(folder, "temporary");
  const line = `${"e".repeat(380)}\n`;
  const textOf = (name) => fs.readFileSync(join(documents, name), "utf8");
  const append = (text) => {
    fs.writeSync(journal, text);
    if (synced) fs.fdatasyncSync(journal);
  };
  const all = () => fs.readdirSync(documents).map((name) => JSON.parse(textOf(name)));
  const image = textOf(names.get(1));
  const record = JSON.stringify({ n: 1, image, line });
  return {
    getById: (id) => JSON.parse(textOf(names.get(id))),
    getAll: () => inOrder(all()),
    getReady: () => readyOf(inOrder(all())),
    getStats: () => statsOf(all()),
    getGraph: () => graphOf(inOrder(all())),
    /** One synced append, one replaced file, one append. */
    claim(id) {
      append(record);
      fs.writeFileSync(temporary, image);
      fs.renameSync(temporary, join(documents, names.get(id)));
      fs.writeSync(log, line);
      return true;
    },
    giveBack: () => undefined,
    counts: () => ({ inProgress: 0, claims: fs.fstatSync(journal).size / record.length }),
    logEvent: () => append(line),
    logEvents: (count) => append(line.repeat(count)),
    replay() {
      let count = 0;
      for (const name of fs.readdirSync(events).filter((file) => file.endsWith(".jsonl")))
        for (const text of fs.readFileSync(join(events, name), "utf8").split("\n"))
          if (text !== "" && JSON.parse(text).id !== undefined) count += 1;
      return count;
    },
    close() {
      fs.closeSync(journal);
      fs.closeSync(log);
    },
  };
}

export function makeSystem({ durability }) {
  return { fill, open: (folder) => open(folder, durability === "full") };
}
