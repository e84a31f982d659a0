/**
 * Measures FlowStore beside better-sqlite3 (flow-db's tables, WAL), bare file operations and a
 * loop over proper-lockfile and write-file-atomic: the same work, in alternating rounds of one
 * run, as ratios of medians. Absolute times say more about the machine than about the store.
 *
 *   npm run build && (cd test/bench && npm install && npm start)          everything
 *   node test/bench/bench.mjs --only claim,bulk --rounds 9                some of it
 */
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const repository = join(here, "..", "..");
const { FlowStore } = await import(join(repository, "dist", "index.js"));

const { values } = parseArgs({
  options: { only: { type: "string" }, rounds: { type: "string", default: "7" } },
});
const only = values.only?.split(",");
const ROUNDS = Number(values.rounds);

const folders = [];
process.on("exit", () => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});
function temporary() {
  const folder = fs.mkdtempSync(join(tmpdir(), "flowstore-bench-"));
  folders.push(folder);
  return folder;
}

async function openSqlite(mode) {
  const { default: Database } = await import("better-sqlite3");
  const db = new Database(join(temporary(), "features.db"));
  db.pragma("journal_mode = WAL");
  db.pragma(`synchronous = ${mode}`);
  db.exec(`CREATE TABLE features (id INTEGER PRIMARY KEY AUTOINCREMENT, priority INTEGER NOT NULL DEFAULT 0,
    category TEXT NOT NULL DEFAULT '', name TEXT NOT NULL, description TEXT NOT NULL DEFAULT '',
    steps TEXT NOT NULL DEFAULT '[]', passes INTEGER NOT NULL DEFAULT 0, in_progress INTEGER NOT NULL DEFAULT 0,
    dependencies TEXT NOT NULL DEFAULT '[]', created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
    CREATE TABLE change_events (id INTEGER PRIMARY KEY AUTOINCREMENT, feature_id INTEGER NOT NULL REFERENCES features(id),
    event_type TEXT NOT NULL, field TEXT, old_value TEXT, new_value TEXT, agent TEXT, source TEXT NOT NULL, created_at TEXT NOT NULL);
    CREATE INDEX by_state ON features(passes, in_progress); CREATE INDEX by_priority ON features(priority);
    CREATE INDEX by_feature ON change_events(feature_id);`);
  return db;
}

function inputs(count) {
  return Array.from({ length: count }, (_, index) => ({
    name: `Feature number ${index}`,
    description: "What it is for, in a few sentences. ".repeat(8),
    category: `area ${index % 9}`,
    steps: ["first this", "then that", "look at it"],
    dependencies: index < 3 ? [] : [{ index: index - 3 }],
  }));
}

function fillSqlite(db, count) {
  const insert = db.prepare(
    "INSERT INTO features (priority, category, name, description, steps, dependencies, created_at, updated_at) VALUES (?,?,?,?,?,?,?,?)",
  );
  const now = new Date().toISOString();
  db.transaction(() => {
    for (const [index, input] of inputs(count).entries()) {
      const dependencies = JSON.stringify(index < 3 ? [] : [index - 2]);
      insert.run(
        index + 1,
        input.category,
        input.name,
        input.description,
        JSON.stringify(input.steps),
        dependencies,
        now,
        now,
      );
    }
  })();
}

const fromRow = (row) => ({
  ...row,
  steps: JSON.parse(row.steps),
  dependencies: JSON.parse(row.dependencies),
  passes: row.passes === 1,
  inProgress: row.in_progress === 1,
});

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const rows = [];
function report(what, goal, ours, theirs, names) {
  const ratios = ours.map((time, index) => time / theirs[index]).sort((a, b) => a - b);
  const row = {
    what,
    goal,
    ratio: median(ratios).toFixed(2),
    spread: `${ratios[0].toFixed(2)} to ${ratios.at(-1).toFixed(2)}`,
    ms: `${median(ours).toFixed(4)} / ${median(theirs).toFixed(4)}`,
    beside: names,
  };
  rows.push(row);
  console.log(
    `${what.padEnd(44)} ${row.ratio.padStart(6)} (${row.spread})  goal ${goal}  ms ${row.ms}  ${names}`,
  );
}

/** The same number of calls of both, round by round; the time of one call in ms. */
async function alternate(ours, theirs, calls) {
  const times = [[], []];
  for (let round = 0; round < ROUNDS + 2; round += 1) {
    for (const [which, act] of [ours, theirs].entries()) {
      const start = performance.now();
      for (let call = 0; call < calls; call += 1) await act(round * calls + call);
      if (round > 1) times[which].push((performance.now() - start) / calls);
    }
  }
  return times;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const wants = (name) => only === undefined || only.includes(name);

// ---- reading -----------------------------------------------------------------------------------

async function reads(count) {
  const store = await FlowStore.openTemporary();
  await store.features.createBulk(inputs(count));
  const db = await openSqlite("NORMAL");
  fillSqlite(db, count);
  await pause(500);
  await store.features.getAll();
  const one = db.prepare("SELECT * FROM features WHERE id = ?");
  const all = db.prepare("SELECT * FROM features ORDER BY priority, id");
  const everything = () => all.all().map(fromRow);
  const sql = {
    getReady: () => {
      const list = everything();
      const passing = new Set(list.filter((f) => f.passes).map((f) => f.id));
      return list.filter(
        (f) => !f.passes && !f.inProgress && f.dependencies.every((id) => passing.has(id)),
      );
    },
    getAll: everything,
    getStats: () => {
      const list = everything();
      const passing = new Set(list.filter((f) => f.passes).map((f) => f.id));
      return {
        total: list.length,
        blocked: list.filter((f) => f.dependencies.some((id) => !passing.has(id))).length,
      };
    },
    getGraph: () => {
      const list = everything();
      const dependents = new Map(list.map((f) => [f.id, []]));
      for (const f of list) for (const id of f.dependencies) dependents.get(id)?.push(f.id);
      return list.map((f) => ({ ...f, dependents: dependents.get(f.id) }));
    },
  };
  const calls = Math.max(3, Math.round(2000 / count));
  if (count === 1000) {
    const [a, b] = await alternate(
      (n) => store.features.getById((n % count) + 1),
      (n) => fromRow(one.get((n % count) + 1)),
      2000,
    );
    report("get by id, looked within 20 ms", "<= 0.5", a, b, "better-sqlite3");
  }
  for (const name of ["getAll", "getReady", "getStats", "getGraph"]) {
    const [a, b] = await alternate(
      () => store.features[name](),
      () => sql[name](),
      calls,
    );
    report(`${name} of ${count}, looked within 20 ms`, "<= 0.5", a, b, "better-sqlite3");
    const late = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await pause(30);
      const start = performance.now();
      await store.features[name]();
      late.push(performance.now() - start);
    }
    report(
      `${name} of ${count}, looked longer ago`,
      "<= 1",
      late,
      late.map(() => median(b)),
      "better-sqlite3",
    );
  }
  const opened = [];
  const bare = [];
  const folder = join(store.root, "features");
  for (let round = 0; round < ROUNDS; round += 1) {
    let start = performance.now();
    for (const name of fs.readdirSync(folder))
      JSON.parse(fs.readFileSync(join(folder, name), "utf8"));
    bare.push(performance.now() - start);
    const fresh = await FlowStore.open(store.root);
    start = performance.now();
    await fresh.features.getAll();
    opened.push(performance.now() - start);
    await fresh.close();
  }
  report(
    `getAll of ${count}, just opened`,
    "<= 1.5",
    opened,
    bare,
    "reading and parsing the files by fs",
  );
  await store.close();
  db.close();
}

// ---- writing -----------------------------------------------------------------------------------

function bareClaims(store) {
  const folder = temporary();
  const journal = fs.openSync(join(folder, "journal"), "a");
  const log = fs.openSync(join(folder, "log"), "a");
  const document = fs.readFileSync(
    join(store.root, "features", fs.readdirSync(join(store.root, "features"))[0]),
    "utf8",
  );
  const line = `${"e".repeat(380)}\n`;
  return (n) => {
    const file = join(folder, `document-${n}`);
    fs.writeFileSync(file, document);
    return () => {
      fs.writeSync(journal, JSON.stringify({ n, document, line }));
      fs.fdatasyncSync(journal);
      fs.writeFileSync(join(folder, "temporary"), document);
      fs.renameSync(join(folder, "temporary"), file);
      fs.writeSync(log, line);
    };
  };
}

async function claims() {
  const store = await FlowStore.openTemporary();
  const count = 2000;
  await store.features.createBulk(inputs(count).map((input) => ({ ...input, dependencies: [] })));
  await pause(500);
  const prepareBare = bareClaims(store);
  const bare = Array.from({ length: count }, (_, n) => prepareBare(n));
  const db = await openSqlite("FULL");
  fillSqlite(db, count);
  const take = db.prepare(
    "UPDATE features SET in_progress = 1, updated_at = ? WHERE id = ? AND in_progress = 0 AND passes = 0",
  );
  const log = db.prepare(
    "INSERT INTO change_events (feature_id, event_type, field, old_value, new_value, agent, source, created_at) VALUES (?,?,?,?,?,?,?,?)",
  );
  const sqlite = db.transaction((id) => {
    const now = new Date().toISOString();
    take.run(now, id);
    log.run(id, "claimed", "status", "pending", "in_progress", "agent", "api", now);
  });
  const calls = 100;
  const first = await alternate(
    (n) => store.features.claimAndGet(n + 1),
    (n) => bare[n](),
    calls,
  );
  report(
    "claim with its event, durable",
    "<= 1.4",
    first[0],
    first[1],
    "bare file operations of the protocol",
  );
  const used = calls * (ROUNDS + 2);
  const second = await alternate(
    (n) => store.features.claimAndGet(used + n + 1),
    (n) => sqlite(n + 1),
    Math.floor((count - used) / (ROUNDS + 2)),
  );
  report("claim with its event, durable", "published", second[0], second[1], "better-sqlite3 FULL");
  await store.close();
  db.close();
  await together();
}

async function together() {
  const size = 64;
  const store = await FlowStore.openTemporary();
  await store.features.createBulk(
    inputs(size * 2 * (ROUNDS + 1)).map((input) => ({ ...input, dependencies: [] })),
  );
  await pause(500);
  const times = [[], []];
  let id = 1;
  for (let round = 0; round <= ROUNDS; round += 1) {
    let start = performance.now();
    await Promise.all(Array.from({ length: size }, () => store.features.claimAndGet(id++)));
    const atOnce = performance.now() - start;
    start = performance.now();
    for (let n = 0; n < size; n += 1) await store.features.claimAndGet(id++);
    if (round === 0) continue;
    times[0].push(atOnce);
    times[1].push(performance.now() - start);
  }
  report("64 claims at once", "<= 0.7", times[0], times[1], "64 claims one after another");
  await store.close();
}

async function bulk() {
  const times = [[], []];
  const count = 1000;
  for (let round = 0; round <= ROUNDS; round += 1) {
    const store = await FlowStore.openTemporary();
    await store.features.create({ name: "the first" });
    const list = inputs(count);
    let start = performance.now();
    await store.features.createBulk(list);
    const ours = performance.now() - start;
    const texts = fs
      .readdirSync(join(store.root, "features"))
      .map((name) => fs.readFileSync(join(store.root, "features", name), "utf8"));
    const folder = temporary();
    start = performance.now();
    for (let n = 0; n < count; n += 1) fs.writeFileSync(join(folder, `${n}.json`), texts[n]);
    const bare = performance.now() - start;
    await store.close();
    if (round === 0) continue;
    times[0].push(ours);
    times[1].push(bare);
  }
  report(
    "1,000 features in one bulk, durable",
    "<= 1.5",
    times[0],
    times[1],
    "creating 1,000 files bare, not durable",
  );
}

// ---- many processes ----------------------------------------------------------------------------

async function crowd() {
  const count = 1000;
  const processes = 8;
  const rates = [[], []];
  for (let round = 0; round < Math.min(3, ROUNDS); round += 1) {
    const store = await FlowStore.openTemporary();
    await store.features.createBulk(inputs(count).map((input) => ({ ...input, dependencies: [] })));
    rates[0].push(await race("flowstore", store.root, count, processes));
    await store.close();
    const folder = temporary();
    for (let n = 1; n <= count; n += 1)
      fs.writeFileSync(
        join(folder, `${n}.json`),
        JSON.stringify({ id: n, description: "x".repeat(300) }),
      );
    fs.writeFileSync(join(folder, "events.jsonl"), "");
    rates[1].push(await race("lockfile", folder, count, processes));
  }
  report(
    "1,000 claims by 8 processes",
    "<= 0.33",
    rates[0],
    rates[1],
    "proper-lockfile + write-file-atomic loop",
  );
}

/** Time from the first to the last claim, in ms. */
async function race(kind, folder, count, processes) {
  const workers = Array.from({ length: processes }, (_, n) =>
    spawn(
      process.execPath,
      [join(here, "claimer.mjs"), kind, folder, String(count), `agent-${n}`],
      {
        stdio: ["pipe", "pipe", "inherit"],
      },
    ),
  );
  const lines = workers.map((worker) => {
    let text = "";
    worker.stdout.on("data", (data) => (text += data));
    return { text: () => text, ended: new Promise((resolve) => worker.on("exit", resolve)) };
  });
  while (!lines.every(({ text }) => text().includes("ready"))) await pause(5);
  const start = performance.now();
  for (const worker of workers) worker.stdin.end("go\n");
  await Promise.all(lines.map(({ ended }) => ended));
  const time = performance.now() - start;
  const claimed = lines.reduce(
    (sum, { text }) => sum + Number(/claimed (\d+)/.exec(text())?.[1] ?? 0),
    0,
  );
  if (claimed !== count) throw new Error(`${kind}: ${claimed} of ${count} were claimed`);
  return time;
}

// ---- the command line --------------------------------------------------------------------------

async function cli() {
  const store = await FlowStore.openTemporary();
  await store.features.createBulk(inputs(1000));
  await pause(300);
  const main = join(repository, "dist", "bin", "main.js");
  const times = [[], []];
  for (let round = 0; round < ROUNDS + 3; round += 1) {
    for (const [which, args] of [
      [main, "feature", "ready", "--json", "--dir", store.root],
      ["-e", "0"],
    ].entries()) {
      const start = performance.now();
      const { status, stderr } = spawnSync(process.execPath, args, { maxBuffer: 1 << 28 });
      if (status !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
      if (round > 1) times[which].push(performance.now() - start);
    }
  }
  report("flowstore feature ready --json, 1,000", "<= 1.5", times[0], times[1], "node -e 0");
  await store.close();
}

if (wants("reads")) for (const count of [100, 1000, 10_000]) await reads(count);
if (wants("claim")) await claims();
if (wants("bulk")) await bulk();
if (wants("crowd")) await crowd();
if (wants("cli")) await cli();
console.table(rows);
