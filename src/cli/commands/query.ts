/** One SELECT over the tables of rows and over the log. */
import { FlowError } from "../../errors.ts";
import type { Command, CommandContext } from "../command.ts";
import { listOf, objectOf } from "../data-shapes.ts";
import { parseJsonOrText, readText } from "../json-word.ts";
import { readChoice, readCount, readDuration } from "../values.ts";

const FORMATS = ["table", "json", "csv"] as const;
const ENGINES = ["own", "sql.js"] as const;
/** `:name=value`. */
const NAMED = /^[:@$]([A-Za-z_]\w*)=([\s\S]*)$/;

export const query: Command = {
  usage: "SQL [--param VALUE]… [options]",
  details: [
    "One SELECT that changes nothing: over tables of rows, and over events and",
    "snapshots, which show the log. The SQL - is read from standard input, @FILE from",
    "a file. A --param is the value of the next ?, and one such as :name=VALUE that",
    "of :name; it is JSON where it is JSON, else text: 3 is a number, '\"3\"' a text.",
    "The dialect is SQLite's: what is not among it is refused with its position, and",
    "an answer is SQLite's. --engine sql.js takes all of SQLite's dialect, where the",
    "package sql.js is installed.",
  ].join("\n"),
  options: {
    param: {
      type: "string",
      multiple: true,
      value: "VALUE",
      help: "The value of the next ?, or :name=VALUE",
    },
    format: { type: "string", value: "NAME", help: `${FORMATS.join(", ")}; default table` },
    engine: { type: "string", value: "NAME", help: `${ENGINES.join(" or ")}; default own` },
    timeout: { type: "string", value: "TIME", help: "How long it may take; default 10s" },
    "max-rows": { type: "string", value: "N", help: "How many rows it may give; default 100000" },
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "flowstore query 'SELECT * FROM workflows WHERE name LIKE ?' --param '%Pipeline%'",
    "flowstore query 'SELECT event_type, COUNT(*) AS n FROM events GROUP BY 1' --format csv",
    "flowstore query - --param :status=failed --json < failed-runs.sql",
  ],
  data: {
    text: "a list of rows, an object each, in which of two columns of one name the last counts; meta has count, and in columns the names of all",
    schema: listOf(objectOf({})),
  },
  async run(context) {
    const { options } = context;
    const format = readChoice(options.text("format") ?? "table", "a format", FORMATS);
    const engine = readChoice(options.text("engine") ?? "own", "an engine", ENGINES);
    const params = paramsOf(options.list("param"));
    const limits = limitsOf(context);
    const sql = await readText(context.positionals[0] ?? "");
    const store = await context.openStore("read");
    const { columns, rows } = await store.projections.queryResult({
      sql,
      params,
      signal: context.signal,
      engine: engine === "own" ? undefined : (await import("../../index.ts")).sqlJsEngine(),
      ...limits,
    });
    const data = rows.map((row) => {
      return Object.fromEntries(columns.map((name, at) => [name, row[at]] as const));
    });
    return {
      data,
      meta: { count: rows.length, columns },
      text: async () => {
        const { renderCsv, renderJson, renderRows } = await import("../render/query-rows.ts");
        if (format === "json") return renderJson(data);
        if (format === "csv") return renderCsv(columns, rows);
        return renderRows(columns, rows, context.terminal);
      },
    };
  },
};

function limitsOf({ options }: CommandContext): { timeoutMs?: number; maxRows?: number } {
  const [timeout, maxRows] = [options.text("timeout"), options.text("max-rows")];
  return {
    ...(timeout === undefined ? {} : { timeoutMs: readDuration(timeout) }),
    ...(maxRows === undefined ? {} : { maxRows: readCount(maxRows, "a limit") }),
  };
}

function paramsOf(words: readonly string[]): unknown[] | Record<string, unknown> {
  const named = words.map((word) => NAMED.exec(word)).filter((match) => match !== null);
  if (named.length === 0) return words.map(parseJsonOrText);
  if (named.length < words.length) {
    throw new FlowError("BAD_REQUEST", "Give values by place, or by name as :name=VALUE, not both");
  }
  return Object.fromEntries(
    named.map(([, name = "", value = ""]) => [name, parseJsonOrText(value)] as const),
  );
}
