/**
 * An event store on better-sqlite3, as agents' tools keep one: an envelope with causes and a place
 * in its stream, payload and metadata as JSON, which whoever replays gets parsed. The change log of
 * `system-sqlite.mjs` has nine short columns and no JSON.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import Database from "better-sqlite3";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    aggregate_kind TEXT NOT NULL, stream_id TEXT NOT NULL, stream_version INTEGER NOT NULL,
    event_type TEXT NOT NULL, occurred_at TEXT NOT NULL, actor_kind TEXT NOT NULL,
    command_id TEXT, causation_event_id TEXT, correlation_id TEXT,
    payload_json TEXT NOT NULL, metadata_json TEXT,
    UNIQUE (aggregate_kind, stream_id, stream_version));
  CREATE INDEX IF NOT EXISTS events_by_stream ON events(stream_id, sequence);
  CREATE INDEX IF NOT EXISTS events_by_command ON events(command_id);
  CREATE INDEX IF NOT EXISTS events_by_correlation ON events(correlation_id);`;

function openDatabase(folder) {
  const db = new Database(join(folder, "events.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = NORMAL");
  db.pragma("cache_size = -64000");
  db.pragma("temp_store = MEMORY");
  db.pragma("mmap_size = 30000000000");
  db.exec(SCHEMA);
  return db;
}

function eventOf(row) {
  const { payload_json: payload, metadata_json: metadata, ...event } = row;
  event.payload = JSON.parse(payload);
  event.metadata = metadata === null ? null : JSON.parse(metadata);
  return event;
}

function open(folder) {
  const db = openDatabase(folder);
  const all = db.prepare("SELECT * FROM events ORDER BY sequence");
  const insert = db.prepare(
    `INSERT INTO events (event_id, aggregate_kind, stream_id, stream_version, event_type, occurred_at,
       actor_kind, payload_json)
     SELECT ?, 'feature', '1', coalesce(max(stream_version), 0) + 1, 'comment', ?, 'server', ?
     FROM events WHERE aggregate_kind = 'feature' AND stream_id = '1'`,
  );
  const append = db.transaction((count) => {
    for (let n = 0; n < count; n += 1) {
      const payload = JSON.stringify({ newValue: `Remark number ${n}` });
      insert.run(randomUUID(), new Date().toISOString(), payload);
    }
  });
  return {
    logEvents: (count) => append(count),
    replay() {
      let count = 0;
      for (const row of all.iterate()) if (eventOf(row).event_id !== "") count += 1;
      return count;
    },
    close: () => db.close(),
  };
}

export function makeSystem() {
  return { fill: () => undefined, open };
}
