/**
 * lowdb: one JSON file, read once and held in memory; every change writes all of it, not synced.
 * What another process writes is not seen, and two of them lose each other's changes.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LowSync } from "lowdb";
import { JSONFileSync } from "lowdb/node";
import { graphOf, inOrder, readyOf, statsOf } from "./plan.mjs";

function open(folder) {
  const file = join(folder, "db.json");
  const db = new LowSync(new JSONFileSync(file), { features: [], events: [] });
  if (existsSync(file)) db.read();
  const find = (id) => db.data.features.find((feature) => feature.id === id);
  const log = (event) => db.data.events.push({ createdAt: new Date().toISOString(), ...event });
  return {
    getById: find,
    getAll: () => inOrder(db.data.features),
    getReady: () => readyOf(inOrder(db.data.features)),
    getStats: () => statsOf(db.data.features),
    getGraph: () => graphOf(inOrder(db.data.features)),
    claim(id, agent) {
      const feature = find(id);
      if (feature.inProgress || feature.passes) return false;
      Object.assign(feature, { inProgress: true, agent });
      log({ featureId: id, eventType: "claimed", agent });
      db.write();
      return true;
    },
    giveBack(ids) {
      for (const id of ids) find(id).inProgress = false;
      db.write();
    },
    createBulk(features) {
      db.data.features.push(...features);
      db.write();
    },
    logEvent(n) {
      log({ featureId: 1, eventType: "comment", newValue: `Remark number ${n}`, agent: "bench" });
      db.write();
    },
    counts: () => ({
      inProgress: db.data.features.filter(({ inProgress }) => inProgress).length,
      claims: db.data.events.filter(({ eventType }) => eventType === "claimed").length,
    }),
    close: () => undefined,
  };
}

export function makeSystem() {
  return { open, fill: (folder, features) => open(folder).createBulk(features) };
}
