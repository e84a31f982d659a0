/** The packages of this folder, installed when they are missing. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const HERE = import.meta.dirname;

const textOf = (path) => JSON.parse(readFileSync(join(HERE, path), "utf8"));
const manifestOf = (name) => join("node_modules", name, "package.json");

/**
 * @returns the version of each package that FlowStore is measured beside
 * @throws where they cannot be installed
 */
export function requirePackages() {
  const names = Object.keys(textOf("package.json").dependencies);
  const missing = names.filter((name) => !existsSync(join(HERE, manifestOf(name))));
  if (missing.length > 0) install(missing);
  const versions = names.map((name) => [name, textOf(manifestOf(name)).version]);
  const own = ["proper-lockfile", "write-file-atomic"].map((name) => [
    name,
    textOf(join("../..", manifestOf(name))).version,
  ]);
  return Object.fromEntries([...versions, ...own]);
}

function install(missing) {
  console.log(`Missing in test/bench: ${missing.join(", ")}. Installing them there, by npm ci.`);
  console.log(
    "FlowStore itself needs none of them. better-sqlite3 may take minutes: where there is",
  );
  console.log("no binary of it to download, it is compiled (python3, make and a C++ compiler).");
  // What npm told this process about the project above is not for the npm of this folder.
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(package|lifecycle|command|config_local_prefix|config_prefix)/i.test(name),
    ),
  );
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: HERE,
    env: environment,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status !== 0)
    throw new Error("The packages could not be installed; run `npm ci` in test/bench to see why");
}
