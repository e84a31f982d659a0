/**
 * What one writes without a store: lock the folder by proper-lockfile, read the document, write it
 * by write-file-atomic (which syncs it), append the event (which is not synced), unlock. A process
 * that is killed between the two leaves one without the other.
 *
 * Both packages are those that FlowStore itself uses, found in the folder above.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import lockfile from "proper-lockfile";
import writeFileAtomic from "write-file-atomic";

/** Asks again every 2 to 10 ms for as long as it takes. */
const RETRIES = { retries: 100_000, factor: 1, minTimeout: 2, maxTimeout: 10, randomize: true };
const STALE_MS = 60_000;

function open(folder) {
  const log = join(folder, "events.jsonl");
  const fileOf = (id) => join(folder, `${id}.json`);
  const locked = async (act) => {
    const release = await lockfile.lock(folder, {
      retries: RETRIES,
      realpath: false,
      stale: STALE_MS,
    });
    try {
      return await act();
    } finally {
      await release();
    }
  };
  return {
    locked,
    claim: (id, agent) =>
      locked(async () => {
        const feature = JSON.parse(readFileSync(fileOf(id), "utf8"));
        if (feature.inProgress || feature.passes) return false;
        await writeFileAtomic(
          fileOf(id),
          JSON.stringify({ ...feature, inProgress: true, agent }, null, 2),
        );
        const event = { featureId: id, eventType: "claimed", agent, field: "status" };
        appendFileSync(log, `${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`);
        return true;
      }),
    giveBack(ids) {
      for (const id of ids) {
        const feature = JSON.parse(readFileSync(fileOf(id), "utf8"));
        writeFileSync(fileOf(id), JSON.stringify({ ...feature, inProgress: false }, null, 2));
      }
    },
    counts() {
      const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
      const features = names.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
      const lines = existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n") : [];
      return {
        inProgress: features.filter(({ inProgress }) => inProgress).length,
        claims: lines.filter((line) => JSON.parse(line).eventType === "claimed").length,
      };
    },
    close: () => undefined,
  };
}

export function makeSystem() {
  return {
    open,
    fill(folder, features) {
      for (const feature of features)
        writeFileSync(join(folder, `${feature.id}.json`), JSON.stringify(feature, null, 2));
    },
  };
}
