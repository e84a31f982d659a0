/** The tables of README.md and the code say the same, and every file that it names is there. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as flowstore from "flowstore";
import { exitCodeOf } from "#src/cli/exit-codes.js";
import { REGISTRY } from "#src/cli/registry.js";
import { FLOW_ERROR_CODES, FlowError } from "#src/errors.js";
import { FEATURE_DOCUMENT_KEYS } from "#src/model/schema.js";
import { encodeBatch } from "#src/storage/event-lines.js";
import * as layout from "#src/storage/layout.js";
import { Approvals } from "#src/stores/approvals.js";
import { Blobs } from "#src/stores/blobs.js";
import { Changes } from "#src/stores/changes.js";
import { Checkpoints } from "#src/stores/checkpoints.js";
import { Decisions } from "#src/stores/decisions.js";
import { Events } from "#src/stores/events.js";
import { Features } from "#src/stores/features.js";
import { Gaps } from "#src/stores/gaps.js";
import { Locks } from "#src/stores/locks.js";
import { Memory } from "#src/stores/memory.js";
import { Outputs } from "#src/stores/outputs.js";
import { Phases } from "#src/stores/phases.js";
import { Pipeline } from "#src/stores/pipeline.js";
import { Projections } from "#src/stores/projections.js";
import { ScoutCache } from "#src/stores/scout-cache.js";
import { Settings } from "#src/stores/settings.js";
import { codesOf, README, REPOSITORY, tablesOf } from "./blocks.ts";

const tables = tablesOf(README);

/** The rows of the tables whose first row is this, in the order of the page. */
function table(first: string): string[][] {
  const rows = tables.get(first);
  assert.ok(rows !== undefined && rows.length > 0, `README has no table ${first}`);
  return rows;
}

/** The part of the page below a heading, up to the next one. */
function section(heading: string): string {
  const from = README.indexOf(`\n${heading}\n`);
  assert.ok(from >= 0, `README has no heading ${heading}`);
  const rest = README.slice(from + heading.length + 2);
  const end = rest.search(/^#+ /m);
  return end < 0 ? rest : rest.slice(0, end);
}

function source(path: string): string {
  return readFileSync(join(REPOSITORY, path), "utf8");
}

function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].toSorted();
}

/** Names of calls in the first cells: `` `create(input)` `getAll()` ``. */
function callsOf(rows: readonly (readonly string[])[]): string[] {
  return rows
    .flatMap(([cell = ""]) => codesOf(cell))
    .map((code) => /^(?:FlowStore\.)?(\w+)/.exec(code)?.[1] ?? code);
}

function methodsOf(prototype: object): string[] {
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor");
}

/** The sources but for the lists of codes themselves. */
const SOURCES = readdirSync(join(REPOSITORY, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !/(?:^|\/)(?:errors|exit-codes)\.ts$/.test(name))
  .map((name) => source(`src/${name}`));

describe("README: the page", () => {
  test("every file that it names is there", () => {
    const paths = [...README.matchAll(/`((?:test|src|fixtures|\.ci)\/[\w./-]+)`/g)];
    const missing = paths
      .map(([, path = ""]) => path)
      .filter((path) => {
        return !existsSync(join(REPOSITORY, path));
      });
    assert.ok(paths.length > 0);
    assert.deepEqual(missing, []);
  });

  test("every link leads to a heading", () => {
    const headings = [...README.matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) => {
      return text.toLowerCase().replaceAll(" ", "-");
    });
    const links = [...README.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor ?? "");
    assert.deepEqual(
      links.filter((anchor) => !headings.includes(anchor)),
      [],
    );
  });

  test("nine promises, each with a file that shows it", () => {
    const rows = table("|promise|shown by");
    assert.deepEqual(
      rows.map(([name]) => name),
      ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9"],
    );
    const bare = rows.filter(
      ([, , shown = ""]) => !codesOf(shown).some((code) => code.startsWith("test/")),
    );
    assert.deepEqual(bare, []);
  });

  test("the room for measurements is marked, with the command that repeats them", () => {
    assert.match(README, /npm run bench[^]*<!-- speed:begin -->[^]*<!-- speed:end -->/);
  });

  test("the dependencies are those of the package", () => {
    const { dependencies } = JSON.parse(source("package.json")) as { dependencies: object };
    const named = table("package|what for|known defects, and where they are closed");
    assert.deepEqual(
      sorted(named.map(([cell = ""]) => cell.split(" ")[0] ?? "")),
      sorted(Object.keys(dependencies)),
    );
  });
});

describe("README: the API", () => {
  test("every member of FlowStore, and every option", async () => {
    const store = await flowstore.FlowStore.openTemporary();
    const statics = Object.getOwnPropertyNames(flowstore.FlowStore);
    const members = [
      ...statics.filter((name) => !["length", "name", "prototype"].includes(name)),
      ...methodsOf(flowstore.FlowStore.prototype),
      ...Object.keys(store),
    ];
    await store.close();
    assert.deepEqual(sorted(callsOf(table("member|does"))), sorted(members));
    const options = /interface FlowStoreOptions \{([^]*?)\n\}/.exec(
      source("src/store-options.ts"),
    )?.[1];
    const names = [...(options ?? "").matchAll(/readonly (\w+)\?:/g)].map(([, name]) => name ?? "");
    assert.deepEqual(sorted(callsOf(table("option|default|meaning"))), sorted(names));
  });

  for (const [heading, prototype] of [
    ["### Features", Features.prototype],
    ["### Changes", Changes.prototype],
    ["### Events", Events.prototype],
    ["### Locks", Locks.prototype],
    ["### Phases", Phases.prototype],
    ["### Pipeline", Pipeline.prototype],
    ["### Gaps", Gaps.prototype],
    ["### Decisions", Decisions.prototype],
    ["### Approvals", Approvals.prototype],
    ["### Memory", Memory.prototype],
    ["### Scout cache", ScoutCache.prototype],
    ["### Outputs", Outputs.prototype],
    ["### Settings", Settings.prototype],
    ["### Checkpoints", Checkpoints.prototype],
    ["### Projections", Projections.prototype],
    ["### Blobs", Blobs.prototype],
  ] as const) {
    test(`every call under ${heading}`, () => {
      const [rows = []] = tablesOf(section(heading)).values();
      assert.deepEqual(sorted(callsOf(rows)), sorted(methodsOf(prototype)));
    });
  }

  test("every member of an engine, and every option", () => {
    const rows = table("member of an engine|result and rule");
    const [, ...calls] = callsOf(rows);
    assert.deepEqual(sorted(calls), sorted(methodsOf(flowstore.DurableEngine.prototype)));
    const options = source("src/engine/options.ts");
    const listed = (name: string): string[] => {
      const [, body = ""] = new RegExp(`interface ${name} \\{([^]*?)\\n\\}`).exec(options) ?? [];
      return [...body.matchAll(/readonly (\w+)\??:/g)].map(([, field = ""]) => field);
    };
    const inBraces = (call: string): string[] => {
      const [, list = ""] = /\{ ([^}]*) \}/.exec(call) ?? [];
      return list.split(", ");
    };
    const calling = (name: string): string =>
      rows.find(([cell]) => cell?.includes(name))?.[0] ?? "";
    assert.deepEqual(
      sorted(inBraces(calling("new DurableEngine"))),
      sorted(listed("DurableEngineOptions")),
    );
    assert.deepEqual(sorted(inBraces(calling("`run("))), sorted(listed("RunOptions")));
    const ofBody = table("member of a body's context|result and rule");
    assert.deepEqual(callsOf(ofBody), ["executionId", "step", "sleep", "waitSignal"]);
    const step = ofBody.find(([cell]) => cell?.includes("`step("))?.[0] ?? "";
    assert.deepEqual(sorted(inBraces(step)), sorted(listed("StepOptions<T>")));
  });

  test("every function and value of the package", () => {
    const functions = callsOf(table("function|result"));
    const unnamed = Object.keys(flowstore).filter((name) => {
      return !functions.includes(name) && !new RegExp(`\\b${name}\\b`).test(README);
    });
    assert.deepEqual(unnamed, ["FLOW_ERROR_CODES"]);
    assert.deepEqual(
      functions.filter((name) => !Object.hasOwn(flowstore, name)),
      [],
    );
  });

  test("every type of event that a change of a feature logs", () => {
    const named = codesOf(section("### Changes").replace(/^\|.*$/gm, ""));
    const files = readdirSync(join(REPOSITORY, "src/model")).map((name) =>
      source(`src/model/${name}`),
    );
    const logged = files.flatMap((text) => {
      return [...text.matchAll(/\blog\(\s*\w+,\s*"([a-z_]+)"/g)].map(([, type]) => type ?? "");
    });
    assert.ok(logged.length > 0);
    assert.deepEqual(
      sorted(logged).filter((type) => !named.includes(type)),
      [],
    );
  });
});

describe("README: errors", () => {
  const rows = table("code|when|retryable|exit code");

  test("every code, in the order of FLOW_ERROR_CODES", () => {
    assert.deepEqual(
      sorted(rows.flatMap(([cell = ""]) => codesOf(cell))),
      sorted(FLOW_ERROR_CODES),
    );
    assert.equal(rows.length, FLOW_ERROR_CODES.length);
  });

  for (const code of FLOW_ERROR_CODES) {
    test(code, () => {
      const [, when = "", retryable, exit] = rows.find(([cell]) => cell === `\`${code}\``) ?? [];
      assert.equal(Number(exit), exitCodeOf(code));
      const plain = new FlowError(code, "").retryable;
      const passing = new FlowError(code, "", { context: { errno: "ENOSPC", retryable: true } });
      const isAtTimes = code === "IO" || code === "CONFLICT";
      assert.equal(retryable, plain ? "yes" : isAtTimes && passing.retryable ? "at times" : "no");
      const isThrown = SOURCES.some((text) => text.includes(`"${code}"`));
      assert.equal(/not thrown by this version/.test(when), !isThrown, `${code}: thrown or not`);
    });
  }
});

describe("README: the command line", () => {
  const rows = table("command|does|options of its own");
  const names = Object.keys(REGISTRY);

  test("every command, in the order of the help", () => {
    assert.deepEqual(rows.map(nameOf), names);
  });

  for (const row of rows) {
    test(`the options of ${nameOf(row)}`, async () => {
      const command = await REGISTRY[nameOf(row)]?.load();
      assert.deepEqual(
        sorted(codesOf(row[2] ?? "")),
        sorted(Object.keys(command?.options ?? {}).map((option) => `--${option}`)),
      );
    });
  }

  function nameOf([cell = ""]: readonly string[]): string {
    const [text = ""] = codesOf(cell);
    const fitting = names.filter((name) => text === name || text.startsWith(`${name} `));
    return fitting.toSorted((a, b) => b.length - a.length)[0] ?? text;
  }
});

describe("README: what check finds", () => {
  const rows = table("rule|severity|meaning|repair");
  const rules = rows.flatMap(([cell = ""]) => codesOf(cell));
  const files = [
    ...readdirSync(join(REPOSITORY, "src/check")).map((name) => `src/check/${name}`),
    ...readdirSync(join(REPOSITORY, "src/stores")).map((name) => `src/stores/${name}`),
    "src/flow-store.ts",
  ];
  const texts = files.map(source);

  /** Every text that the code gives as a rule. */
  function rulesOf(text: string): string[] {
    const given = [...text.matchAll(/\brule: ([^,\n]*"[^,\n]*)/g)].map(([, value]) => value ?? "");
    const called = text.matchAll(/\b(?:problem|damaged|finding)\(\s*[\w.]+,\s*("[a-z0-9-]+")/g);
    const reasons = text.matchAll(/\breturn \[("[a-z0-9-]+"),/g);
    const values = [...given, ...[...called, ...reasons].map(([, value]) => value ?? "")];
    return values.flatMap((value) => {
      return [...value.matchAll(/"([A-Za-z][\w-]*)"/g)].map(([, rule]) => rule ?? "");
    });
  }

  test("every rule of the code, and no other", () => {
    const coded = texts.flatMap(rulesOf);
    assert.deepEqual(sorted(rules), sorted(coded));
    assert.equal(new Set(rules).size, rules.length);
  });

  test("the severity of each, where the code says it in its place", () => {
    const wrong = texts.flatMap((text) => {
      const pairs = text.matchAll(/\brule: "([\w-]+)",\s*severity: "(error|warning)"/g);
      return [...pairs].filter(([, rule, severity]) => {
        return rows.find(([cell]) => cell === `\`${rule}\``)?.[1] !== severity;
      });
    });
    assert.deepEqual(wrong, []);
  });

  test("what repair mends is what it can mend", () => {
    const repair = source("src/check/repair.ts");
    const sets = [...repair.matchAll(/const BY_\w+: ReadonlySet<string> = new Set\(\[([^\]]*)\]/g)];
    const mended = sets.flatMap(([, list = ""]) => list.match(/[a-z][a-z-]*/g) ?? []);
    assert.ok(mended.length > 0);
    assert.deepEqual(
      sorted(rows.filter((row) => row[3] !== "—").flatMap(([cell = ""]) => codesOf(cell))),
      sorted(mended),
    );
  });
});

describe("README: format 1", () => {
  test("every path of the layout", () => {
    const paths = table("path|holds|in git").flatMap(([cell = ""]) => codesOf(cell));
    const values: readonly unknown[] = Object.values(layout);
    const known = values
      .filter((value) => typeof value === "string")
      .filter(
        (path) => ![layout.ROOT_NAME, layout.LOG_SUFFIX, layout.PACKED_SUFFIX].includes(path),
      );
    assert.deepEqual(sorted(paths), sorted(known));
    assert.equal(flowstore.FlowStore.format, 1);
  });

  test("the keys of a document, in their order", () => {
    const keys = table("key|type|absent means").flatMap(([cell = ""]) => codesOf(cell));
    assert.deepEqual(keys, [...FEATURE_DOCUMENT_KEYS]);
  });

  test("the keys of an event line, in their order", () => {
    const text = "x";
    const draft = { stream: text, type: text, agent: text, source: text, causedBy: text };
    const rest = { correlationId: text, commandId: text, metadata: {}, payload: {} };
    const line = encodeBatch([{ id: text, createdAt: text, draft: { ...draft, ...rest } }]);
    const keys = table("key|holds").flatMap(([cell = ""]) => codesOf(cell));
    assert.deepEqual(keys, Object.keys(JSON.parse(line) as object));
  });

  for (const [said, constant] of [
    ["20 ms later sees it", "FRESH_MS = 20;"],
    ["no life for 1 s", "SILENT_MS = 1000;"],
    ["hands over after 8 ms", "TURN_MS = 8;"],
    ["a new one at 1 MiB", "SEGMENT_BYTES = 1024 * 1024;"],
    ["a journal above 256 KB", "ROTATE_BYTES = 256 * 1024;"],
    ["deeper than 1000 levels", "MAX_DOCUMENT_DEPTH = 1000;"],
    ["at most 100 levels", "MAX_INPUT_DEPTH = 100;"],
    ["at most 16 Mi characters", "MAX_TEXT_LENGTH = 16 * 1024 * 1024;"],
    ["one call writes at most 64 Mi", "MAX_CALL_LENGTH = 64 * 1024 * 1024;"],
    ["at most 256 MiB", "MAX_INPUT_BYTES = 256 * 1024 * 1024;"],
  ] as const) {
    test(`"${said}" is what the code says`, () => {
      assert.ok(README.replaceAll("\n", " ").includes(said), "the page does not say it");
      assert.ok(
        SOURCES.some((text) => text.includes(`const ${constant}`)),
        constant,
      );
    });
  }
});
