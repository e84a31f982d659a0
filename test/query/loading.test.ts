/** The engines are loaded when a query runs, and by nothing else. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";

/** Which packages a program of these lines loads: told by node's own hook. */
function loadedBy(lines: string): string[] {
  const hook = `
    export async function resolve(specifier, context, next) {
      if (/^(squirreling|sql\\.js)$/.test(specifier)) console.log("loads " + specifier);
      return next(specifier, context);
    }`;
  const program = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
    const { FlowStore, sqlJsEngine } = await import("flowstore");
    const store = await FlowStore.openTemporary();
    await store.projections.upsert({ table: "t", rows: [{ id: "1" }] });
    await store.projections.list("t");
    ${lines}
    await store.close();`;
  const args = ["--input-type=module", "--eval", program];
  const output = execFileSync(process.execPath, args, { encoding: "utf8" });
  return output.split("\n").filter((line) => line.startsWith("loads "));
}

describe("the engines of queries", () => {
  test("a program that asks nothing loads none", () => {
    assert.deepEqual(loadedBy("sqlJsEngine();"), []);
  });

  test("a query loads its own", () => {
    const own = 'await store.projections.query({ sql: "SELECT 1" });';
    assert.deepEqual(loadedBy(own), ["loads squirreling"]);
    const sqlite = 'await store.projections.query({ sql: "SELECT 1", engine: sqlJsEngine() });';
    assert.deepEqual(loadedBy(sqlite), ["loads sql.js"]);
  });
});
