/** The package as a user gets it: packed, installed beside nothing else, imported, typed, run. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";

const REPOSITORY = resolve(import.meta.dirname, "../../..");

/** npm tells its children how it was called; a fresh npm must not inherit that. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|NODE_TEST)/i.test(name)),
);

function run(folder: string, file: string, args: readonly string[]): string {
  return execFileSync(file, args, {
    cwd: folder,
    env: environment,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
}

describe("the packed package", () => {
  const temporary = mkdtempSync(join(tmpdir(), "flowstore-pack-"));
  const project = join(temporary, "project");
  const installed = join(project, "node_modules/flowstore");
  let packed: { filename: string; files: { path: string; mode: number }[] };

  before(() => {
    // Without scripts: `prepack` would build anew, below the feet of the other tests.
    const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", temporary];
    [packed] = JSON.parse(run(REPOSITORY, "npm", args)) as [typeof packed];
    mkdirSync(project);
    const manifest = { name: "user", version: "1.0.0", private: true, type: "module" };
    writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
    const tarball = join(temporary, packed.filename);
    const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
    run(project, "npm", ["install", ...quiet, tarball]);
  });

  after(() => {
    rmSync(temporary, { recursive: true, force: true });
  });

  test("holds what runs and what documents it, nothing else", () => {
    const allowed =
      /^(dist|src|fixtures\/plans)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
    const paths = packed.files.map(({ path }) => path);
    assert.deepEqual(
      paths.filter((path) => !allowed.test(path) || /tsbuildinfo|tsconfig/.test(path)),
      [],
    );
    for (const wanted of ["dist/lib/index.js", "dist/index.d.ts", "dist/bin/main.cjs", "LICENSE"]) {
      assert.ok(paths.includes(wanted), `${wanted} is missing`);
    }
  });

  test("every compiled file has a source", () => {
    const paths = new Set(packed.files.map(({ path }) => path));
    const orphans = [...paths].filter(
      (path) =>
        path.startsWith("dist/") &&
        // Bundled: what is imported is there in a fifth of the time, the command in two thirds.
        !/^dist\/(?:lib\/index\.js(?:\.map)?|bin\/(?:agent\.js|(?:main|program)\.cjs))$/.test(
          path,
        ) &&
        !paths.has(path.replace(/^dist(.*)\.d\.ts$/, "src$1.ts")),
    );
    assert.deepEqual(orphans, []);
  });

  test("installs with its own packages alone", () => {
    assert.ok(existsSync(join(installed, "dist/lib/index.js")));
    assert.ok(!existsSync(join(project, "node_modules/typescript")));
  });

  test("its types compile in a strict project, libraries checked", () => {
    writeFileSync(
      join(project, "use.ts"),
      `import { FlowError, FlowStore } from "flowstore";
       const store: FlowStore = await FlowStore.openTemporary();
       const feature = await store.features.create({ name: "One" });
       const id: number = feature.id;
       // @ts-expect-error: a feature has no such field, so its type is not any.
       feature.nothingOfTheKind();
       if (!(id > 0)) throw new FlowError("INTERNAL", "No id");
       await store.close();\n`,
    );
    const options = {
      target: "ES2023",
      lib: ["ES2023"],
      module: "NodeNext",
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      types: ["node"],
      typeRoots: [join(REPOSITORY, "node_modules/@types")],
    };
    writeFileSync(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions: options, files: ["use.ts"] }),
    );
    const compiler = join(REPOSITORY, "node_modules/typescript/bin/tsc");
    run(project, process.execPath, [compiler, "--project", project]);
  });

  test("is imported by name and by require", () => {
    const use = `
      const store = await FlowStore.openTemporary();
      const { id } = await store.features.create({ name: "One" });
      console.log(id, (await store.features.getReady()).length);
      await store.close();`;
    writeFileSync(join(project, "use.mjs"), `import { FlowStore } from "flowstore";${use}`);
    writeFileSync(
      join(project, "use.cjs"),
      `const { FlowStore } = require("flowstore"); (async () => {${use}})();`,
    );
    assert.equal(run(project, process.execPath, ["use.mjs"]), "1 1\n");
    assert.equal(run(project, process.execPath, ["--no-warnings", "use.cjs"]), "1 1\n");
  });

  test("answers queries without sql.js, and says where that is missing", () => {
    const use = `
      import { FlowStore, sqlJsEngine } from "flowstore";
      const store = await FlowStore.openTemporary();
      await store.projections.upsert({ table: "t", rows: [{ id: "1" }] });
      const sql = "SELECT id || '!' AS id FROM t";
      console.log((await store.projections.query({ sql }))[0].id);
      await store.projections.query({ sql, engine: sqlJsEngine() }).catch((error) => {
        console.log(error.code, error.message, error.hint);
      });
      await store.close();`;
    writeFileSync(join(project, "query.mjs"), use);
    assert.ok(!existsSync(join(project, "node_modules/sql.js")));
    assert.equal(
      run(project, process.execPath, ["query.mjs"]),
      "1!\nBAD_REQUEST Cannot run the query: sql.js is not installed " +
        "Install it beside flowstore: npm install sql.js.\n",
    );
  });

  test("keeps its inner files to itself", () => {
    const code = 'import("flowstore/dist/errors.js").catch((e) => console.log(e.code))';
    assert.equal(run(project, process.execPath, ["-e", code]), "ERR_PACKAGE_PATH_NOT_EXPORTED\n");
  });

  test("its command runs", () => {
    assert.match(run(project, "npx", ["--no-install", "flowstore", "--help"]), /flowstore/);
  });
});
