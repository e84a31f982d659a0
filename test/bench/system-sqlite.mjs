/** flow-db's tables, indexes, settings and statements, over better-sqlite3. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { graphOf, readyOf, statsOf } from "./plan.mjs";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS features (
    id INTEGER PRIMARY KEY AUTOINCREMENT, priority INTEGER NOT NULL DEFAULT 0,
    category TEXT NOT NULL DEFAULT '', name TEXT NOT NULL, description TEXT NOT NULL DEFAULT '',
    steps TEXT NOT NULL DEFAULT '[]', passes INTEGER NOT NULL DEFAULT 0,
    in_progress INTEGER NOT NULL DEFAULT 0, dependencies TEXT NOT NULL DEFAULT '[]',
    created_at TEXT NOT NULL DEFAULT (datetime('now')),
    updated_at TEXT NOT NULL DEFAULT (datetime('now')));
  CREATE TABLE IF NOT EXISTS change_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    feature_id INTEGER NOT NULL REFERENCES features(id) ON DELETE CASCADE,
    event_type TEXT NOT NULL, field TEXT, old_value TEXT, new_value TEXT, agent TEXT,
    source TEXT NOT NULL, created_at TEXT NOT NULL DEFAULT (datetime('now')));
  CREATE TABLE IF NOT EXISTS locks (
    path TEXT PRIMARY KEY, task_id TEXT NOT NULL, owner TEXT NOT NULL, expires_at TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS features_by_state ON features(passes, in_progress);
  CREATE INDEX IF NOT EXISTS features_by_priority ON features(priority);
  CREATE INDEX IF NOT EXISTS events_by_feature ON change_events(feature_id);`;

/** As flow-db: a writer waits a second for others; who needs longer asks again. */
const BUSY_TIMEOUT_MS = 1000;

export function openDatabase(folder, synchronous) {
  const db = new Database(join(folder, "features.db"), { timeout: BUSY_TIMEOUT_MS });
  db.pragma("journal_mode = WAL");
  db.pragma(`synchronous = ${synchronous}`);
  db.pragma("cache_size = -64000");
  db.pragma("temp_store = MEMORY");
  db.pragma("mmap_size = 30000000000");
  db.pragma("foreign_keys = ON");
  db.exec(SCHEMA);
  return db;
}

function featureOf(row) {
  const { passes, in_progress, steps, dependencies, created_at, updated_at, ...rest } = row;
  return {
    ...rest,
    steps: JSON.parse(steps),
    passes: passes === 1,
    inProgress: in_progress === 1,
    dependencies: JSON.parse(dependencies),
    createdAt: created_at,
    updatedAt: updated_at,
  };
}

/** A row of the columns that counting needs. */
function briefOf({ passes, in_progress, dependencies, ...rest }) {
  return {
    ...rest,
    passes: passes === 1,
    inProgress: in_progress === 1,
    dependencies: JSON.parse(dependencies),
  };
}

export function readingOf(db) {
  const one = db.prepare("SELECT * FROM features WHERE id = ?");
  const all = db.prepare("SELECT * FROM features ORDER BY priority, id");
  const pending = db.prepare(
    "SELECT * FROM features WHERE passes = 0 AND in_progress = 0 ORDER BY priority, id",
  );
  const passing = db.prepare("SELECT id FROM features WHERE passes = 1").pluck();
  const states = db.prepare("SELECT id, passes, in_progress, dependencies FROM features");
  const nodes = db.prepare(
    `SELECT id, name, category, priority, passes, in_progress, dependencies
     FROM features ORDER BY priority, id`,
  );
  return {
    getById: (id) => featureOf(one.get(id)),
    getAll: () => all.all().map(featureOf),
    getReady: () => readyOf(pending.all().map(featureOf), new Set(passing.all())),
    getStats: () => statsOf(states.all().map(briefOf)),
    getGraph: () => graphOf(nodes.all().map(briefOf)),
  };
}

export function writingOf(db, getById) {
  const take = db.prepare(
    `UPDATE features SET in_progress = 1, updated_at = datetime('now')
     WHERE id = ? AND in_progress = 0 AND passes = 0`,
  );
  const release = db.prepare("UPDATE features SET in_progress = 0 WHERE id = ?");
  const log = db.prepare(
    `INSERT INTO change_events (feature_id, event_type, field, old_value, new_value, agent, source)
     VALUES (?, ?, ?, ?, ?, ?, 'api')`,
  );
  const insert = db.prepare(
    `INSERT INTO features (priority, category, name, description, steps, passes, in_progress)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const depend = db.prepare("UPDATE features SET dependencies = ? WHERE id = ?");
  const comment = (n) => log.run(1, "comment", null, null, `Remark number ${n}`, "bench");
  const claim = db.transaction((id, agent) => {
    if (take.run(id).changes === 0) return false;
    log.run(id, "claimed", "status", "pending", "in_progress", agent);
    return getById(id) !== null;
  });
  const createBulk = db.transaction((features) => {
    const ids = features.map(
      (f) =>
        insert.run(
          f.priority,
          f.category,
          f.name,
          f.description,
          JSON.stringify(f.steps),
          Number(f.passes),
          Number(f.inProgress),
        ).lastInsertRowid,
    );
    for (const [index, { dependencies }] of features.entries())
      if (dependencies.length > 0) depend.run(JSON.stringify(dependencies), ids[index]);
    return ids.map((id) => getById(id));
  });
  const logEvents = db.transaction((count) => {
    for (let n = 0; n < count; n += 1) comment(n);
  });
  let busy = 0;
  /** Asks again for as long as the answer is that the database is busy. */
  const patiently = (act) => {
    for (;;) {
      try {
        return act();
      } catch (error) {
        if (error.code !== "SQLITE_BUSY") throw error;
        busy += 1;
      }
    }
  };
  return {
    claim: (id, agent) => patiently(() => claim.immediate(id, agent)),
    busy: () => busy,
    giveBack: db.transaction((ids) => {
      for (const id of ids) release.run(id);
    }),
    createBulk: (features) => createBulk.immediate(features),
    logEvent: comment,
    logEvents: (count) => logEvents.immediate(count),
  };
}

function lockingOf(db) {
  const find = db.prepare("SELECT task_id FROM locks WHERE path = ? AND task_id <> ?");
  const insert = db.prepare("INSERT OR REPLACE INTO locks VALUES (?, ?, ?, ?)");
  const remove = db.prepare("DELETE FROM locks WHERE path = ? AND task_id = ?");
  const lock = db.transaction((paths, task) => {
    for (const path of paths) {
      if (find.get(path, task) !== undefined) return false;
      insert.run(path, task, "bench", new Date(Date.now() + 60_000).toISOString());
    }
    return true;
  });
  const unlock = db.transaction((paths, task) =>
    paths.reduce((count, path) => count + remove.run(path, task).changes, 0),
  );
  return {
    lock: (paths, task) => lock.immediate(paths, task),
    unlock: (paths, task) => unlock.immediate(paths, task),
  };
}

export function makeSystem({ synchronous }) {
  function open(folder) {
    const db = openDatabase(folder, synchronous);
    const events = db.prepare("SELECT * FROM change_events ORDER BY id");
    const reading = readingOf(db);
    return {
      ...reading,
      ...writingOf(db, reading.getById),
      ...lockingOf(db),
      replay() {
        let count = 0;
        for (const event of events.iterate()) if (event.id !== 0) count += 1;
        return count;
      },
      counts: () => ({
        inProgress: db.prepare("SELECT count(*) FROM features WHERE in_progress").pluck().get(),
        claims: db
          .prepare("SELECT count(*) FROM change_events WHERE event_type = 'claimed'")
          .pluck()
          .get(),
      }),
      close: () => db.close(),
    };
  }
  return {
    fill(folder, features) {
      const handle = open(folder);
      handle.createBulk(features);
      handle.close();
    },
    open,
  };
}
