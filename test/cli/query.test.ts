/** `flowstore query`: what it prints in each of its forms, and what it refuses. */
import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { FlowStore } from "flowstore";
import { openShell, type Shell } from "./support.ts";

const ROWS = [
  { id: "w1", name: "Pipeline, nightly", runs: 12 },
  { id: "w2", name: 'The "other"\nPipeline', runs: 3, config: { retries: [1, 2] } },
  { id: "w3", name: "", runs: null },
];

async function filled(t: TestContext): Promise<Shell> {
  const shell = await openShell(t);
  const store = await FlowStore.init(shell.folder);
  await store.projections.upsert({ table: "plans", rows: ROWS });
  await store.events.append("plan:1", [{ type: "PlanMade", payload: { by: "ann" } }]);
  await store.close();
  return shell;
}

async function printed(shell: Shell, ...args: readonly string[]): Promise<string> {
  const { exit, stdout, stderr } = await shell.run(["query", ...args]);
  assert.equal(exit, 0, stderr);
  return stdout;
}

describe("flowstore query", () => {
  test("prints a table, JSON and CSV", async (t) => {
    const shell = await filled(t);
    const sql = "SELECT id, name, runs, config FROM plans ORDER BY id";
    assert.equal(
      await printed(shell, sql),
      [
        "id  name                   runs  config",
        "w1  Pipeline, nightly        12",
        'w2  The "other"\\nPipeline     3  {"retries":[1,2]}',
        "w3",
        "",
      ].join("\n"),
    );
    assert.equal(
      await printed(shell, sql, "--format", "csv"),
      [
        "id,name,runs,config",
        'w1,"Pipeline, nightly",12,',
        'w2,"The ""other""\nPipeline",3,"{""retries"":[1,2]}"',
        'w3,"",,',
        "",
      ].join("\n"),
    );
    const json = await printed(shell, sql, "--format", "json");
    assert.deepEqual(JSON.parse(json), [
      { ...ROWS[0], config: null },
      { ...ROWS[1], config: '{"retries":[1,2]}' },
      { ...ROWS[2], config: null },
    ]);
    assert.equal(await printed(shell, "SELECT id FROM plans WHERE 0"), "No rows\n");
    assert.equal(await printed(shell, "SELECT id FROM plans WHERE 0", "--format", "csv"), "id\n");
  });

  test("takes values by place and by name, and the SQL from standard input", async (t) => {
    const shell = await filled(t);
    const like = "SELECT id FROM plans WHERE name LIKE ? AND runs > ?";
    const args = ["query", like, "--param", "%Pipeline%", "--param", "10"];
    assert.deepEqual((await shell.json(args)).data, [{ id: "w1" }]);
    const named = ["query", "-", "--param", ":least=3", "--param", ':text="3"'];
    const input = "SELECT id, :text AS text\nFROM plans -- all\nWHERE runs = :least;\n";
    const { data, meta } = await shell.json(named, { input });
    assert.deepEqual(data, [{ id: "w2", text: "3" }]);
    assert.deepEqual(meta, { count: 1, columns: ["id", "text"] });
    const mixed = await shell.json(["query", like, "--param", ":a=1", "--param", "2"]);
    assert.equal(mixed.error.code, "BAD_REQUEST");
  });

  test("shows the log", async (t) => {
    const shell = await filled(t);
    const sql = "SELECT event_type, payload_json ->> '$.by' AS maker FROM events";
    assert.equal(await printed(shell, sql), "event_type  maker\nPlanMade    ann\n");
  });

  test("refuses with the position, the nearest name, and another way", async (t) => {
    const shell = await filled(t);
    const refused = async (...args: readonly string[]): Promise<string> => {
      const { exit, ok, error } = await shell.json(["query", ...args]);
      assert.deepEqual([exit, ok, error.code], [2, false, "BAD_REQUEST"]);
      return `${error.message} | ${error.hint ?? ""}`;
    };
    assert.match(
      await refused("SELECT nme FROM plans"),
      /nme; did you mean name\? \(at position 7\)/,
    );
    assert.match(await refused("SELECT * FROM plan"), /table plan; did you mean plans\?/);
    assert.match(
      await refused("SELECT uper(id) FROM plans"),
      /function uper is not among .*; did you mean UPPER\?/,
    );
    assert.match(await refused("DELETE FROM plans"), /DELETE .*position 0/);
    assert.match(
      await refused("SELECT ROW_NUMBER() OVER (ORDER BY id) FROM plans"),
      /function ROW_NUMBER is not among .*sql\.js/,
    );
    assert.match(
      await refused("SELECT id FROM plans WHERE id GLOB 'w*'"),
      /GLOB.*--engine sql\.js/,
    );
    assert.match(await refused("SELECT 1", "--format", "xml"), /table, json, csv/);
    assert.match(
      await refused("SELECT id FROM plans", "--max-rows", "2", "--timeout", "1m"),
      /more than 2 rows/,
    );
    assert.match(await refused("SELECT config.retries FROM plans"), /config ->> 'retries'/);
    assert.match(await refused("SELECT id AS order FROM plans"), /order is a word of SQL/);
    assert.match(await refused("SELECT 1", "--engine", "duckdb"), /own, sql\.js/);
  });

  test("--engine sql.js takes all of SQLite's dialect", async (t) => {
    const shell = await filled(t);
    const sql = "SELECT id FROM plans WHERE id GLOB 'w*' ORDER BY id DESC";
    assert.equal(await printed(shell, sql, "--engine", "sql.js"), "id\nw3\nw2\nw1\n");
  });
});
