/** Texts of queries as people write them, by chance: over the tables of the differential test. */
import fc from "fast-check";

type Text = fc.Arbitrary<string>;

/** The tables, and the columns that queries name. */
export const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  workflows: ["id", "name", "description", "created_at"],
  runs: ["id", "workflow_version_id", "trigger", "status", "started_at", "STATUS", '"id"'],
  free: ["id", "v", "n", "[v]"],
  schemas: ["id", "version", "name"],
};

const literal = fc.constantFrom(
  ...["1", "0", "-1", "2.5", "10", "'1'", "'a'", "'A'", "'10'", "''", "'queued'", "NULL", "TRUE"],
  ...["'a%'", "'%a%'", "'_'", "'é'", "'it''s'", "1.0", "3", "'2026-01-05'", "'😀'", "' 7x'", "1e3"],
);

/** One of some, each as often as the others that have the same weight. */
function oneOf(...choices: readonly (readonly [weight: number, text: Text])[]): Text {
  return fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    ...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })),
  );
}

const word = (...words: readonly string[]): Text => fc.constantFrom(...words);

/** A template of parts: `text` with each `{}` in turn for one of them. */
function of(text: string, ...parts: readonly Text[]): Text {
  return fc.tuple(...parts).map((given) => {
    const rest = [...given];
    return text.replaceAll("{}", () => rest.shift() ?? "");
  });
}

const PATHS = word("'$'", "'$.a'", "'$.b[0]'", "'$.b[#-1]'", "'$.c.\"d e\"'", "'$.none'");
const JSON_TEXT = word(
  `'{"a": 1, "b": [1.50, "x", null], "c": {"d e": true}}'`,
  "'[1, 2]'",
  "'7'",
  "NULL",
);
const TIMES = word(
  "'2026-01-31'",
  "'2026-03-01T10:20:30.456Z'",
  "'2024-02-29 23:59'",
  "'soon'",
  "NULL",
);
const SHIFTS = word("'+1 day'", "'-1 month'", "'+1 year'", "'start of month'", "'+90 minutes'");
const COMPARISON = word("=", "<>", "!=", "<", ">", "<=", ">=", "==", "IS", "IS NOT");

interface Expressions {
  readonly value: Text;
  readonly condition: Text;
}

function functions(value: Text, condition: Text): Text {
  return oneOf(
    [6, of("{}({})", word("LOWER", "UPPER", "LENGTH", "ABS", "typeof", "trim"), value)],
    [
      3,
      of("{}({}, {})", word("COALESCE", "IFNULL", "NULLIF", "max", "MIN", "instr"), value, value),
    ],
    [2, of("substr({}, {}, {})", value, word("1", "0", "-2", "2"), word("2", "-1", "9"))],
    [1, of("replace({}, {}, {})", value, value, value)],
    [1, of("round({}, {})", value, word("0", "1", "2"))],
    [1, of("iif({}, {}, {})", condition, value, value)],
    [1, of("ltrim({}, {})", value, value)],
    [2, of("{}({}, {})", word("json_extract", "json_type"), JSON_TEXT, PATHS)],
    [1, of("({} {} {})", JSON_TEXT, word("->", "->>"), PATHS)],
    [1, of("{}({}, {})", word("date", "time", "datetime", "unixepoch"), TIMES, SHIFTS)],
    [1, of("strftime('%Y-%m-%dT%H:%M:%fZ %j %w', {})", TIMES)],
  );
}

/** @param inner subqueries, which may read the columns too */
function expressions(columns: readonly string[], inner: readonly Text[]): Expressions {
  const column = fc.constantFrom(...columns);
  const [scalar, list, exists] = inner;
  const { value, condition } = fc.letrec<{ value: string; condition: string }>((tie) => {
    const [one, when] = [tie("value"), tie("condition")];
    return {
      value: oneOf(
        [8, column],
        [4, literal],
        [1, word("?")],
        [3, of("({} {} {})", one, word("+", "-", "*", "/", "%"), one)],
        [2, of("{} || {}", one, one)],
        [1, of("-{}", column)],
        [4, functions(one, when)],
        [1, of("CAST({} AS {})", one, word("TEXT", "INTEGER", "REAL"))],
        [1, of("CASE WHEN {} THEN {} ELSE {} END", when, one, one)],
        [1, of("CASE {} WHEN {} THEN {} END", one, one, one)],
        [1, of("({})", when)],
        ...(scalar === undefined ? [] : [[2, scalar] as const]),
      ),
      condition: oneOf(
        [6, of("{} {} {}", one, COMPARISON, one)],
        [3, of("{} {} {}", column, word("LIKE", "NOT LIKE"), oneOf([1, literal], [1, column]))],
        [1, of("{} LIKE {} ESCAPE '!'", one, word("'a!_%'", "'%!%'", "'_!__'"))],
        [2, of("{} IS {}", one, word("NULL", "NOT NULL"))],
        [2, of("{} {} ({}, {})", one, word("IN", "NOT IN"), literal, one)],
        [2, of("{} {} {} AND {}", one, word("BETWEEN", "NOT BETWEEN"), one, one)],
        [2, of("NOT ({})", when)],
        [3, of("({} {} {})", when, word("AND", "OR"), when)],
        [1, one],
        ...(list === undefined
          ? []
          : [[2, of("{} {} {}", one, word("IN", "NOT IN"), list)] as const]),
        ...(exists === undefined ? [] : [[2, exists] as const]),
      ),
    };
  });
  return { value, condition };
}

const tableName = fc.constantFrom(...Object.keys(COLUMNS));

/** A subquery over `q`, which may read the columns around it. */
function subqueries(around: readonly string[]): Text[] {
  const of_ = (make: (table: string, parts: Expressions, column: Text) => Text): Text =>
    tableName.chain((table) => {
      const own = (COLUMNS[table] ?? []).map((name) => `q.${name}`);
      return make(table, expressions([...own, ...own, ...around], []), fc.constantFrom(...own));
    });
  return [
    of_((table, { condition }, column) =>
      of(
        `(SELECT {}({}) FROM ${table} q WHERE {})`,
        word("MAX", "count", "MIN"),
        column,
        condition,
      ),
    ),
    of_((table, { condition }, column) =>
      of(`(SELECT {} FROM ${table} q WHERE {})`, column, condition),
    ),
    of_((table, { condition }) =>
      of(`{} (SELECT 1 FROM ${table} q WHERE {})`, word("EXISTS", "NOT EXISTS"), condition),
    ),
  ];
}

const where = (condition: Text): Text => oneOf([1, word("")], [2, of(" WHERE {}", condition)]);
const LIMITS = word("", "", " LIMIT 3", " LIMIT 2 OFFSET 1", " LIMIT 0");
const DIRECTIONS = word("", " DESC", " ASC", " DESC NULLS LAST", " NULLS LAST");
const JOINS = word("JOIN", "LEFT JOIN", "INNER JOIN", "LEFT OUTER JOIN");

/** What a SELECT reads: its FROM, its columns, and what tells its rows apart. */
interface Read {
  readonly from: Text;
  readonly columns: readonly string[];
  readonly ties: string;
}

const read: fc.Arbitrary<Read> = fc
  .tuple(tableName, tableName, fc.integer({ min: 0, max: 11 }))
  .map(([left, right, shape]) => {
    const one = COLUMNS[left] ?? [];
    if (shape <= 5) return { from: word(left), columns: one, ties: ", id" };
    if (shape === 6) {
      const { condition } = expressions(one, []);
      const from = of(`(SELECT * FROM ${left} WHERE {}) AS s`, condition);
      return { from, columns: one, ties: ", id" };
    }
    const prefixed = (name: string, table: string): string[] =>
      (COLUMNS[table] ?? []).map((column) => `${name}.${column}`);
    const columns = [...prefixed("x", left), ...prefixed("y", right)];
    const { condition } = expressions(columns, []);
    const equal = of("{} = {}", word(...prefixed("x", left)), word(...prefixed("y", right)));
    const on = oneOf([3, equal], [1, condition], [1, of("{} AND {}", equal, condition)]);
    const from =
      shape === 11
        ? of(`${left} x, ${right} AS y`)
        : of(`${left} AS x {} ${right} y ON {}`, JOINS, on);
    return { from, columns, ties: ", x.id, y.id" };
  });

function select({ from, columns, ties }: Read, shape: number): Text {
  const { value, condition } = expressions(columns, shape === 9 ? subqueries(columns) : []);
  const column = fc.constantFrom(...columns);
  const aggregate = oneOf(
    [6, of("{}({})", word("COUNT", "SUM", "AVG", "MIN", "MAX", "total"), value)],
    [2, of("{}(DISTINCT {})", word("COUNT", "MIN", "sum"), value)],
    [1, of("COUNT(*) FILTER (WHERE {})", condition)],
  );
  if (shape <= 1) {
    const having = oneOf([2, word("")], [1, of(" HAVING {} > 1", aggregate)]);
    return column.chain((key) =>
      of(
        `SELECT ${key} AS k, {} AS v FROM {}{} GROUP BY ${key}{} ORDER BY {}k`,
        aggregate,
        from,
        where(condition),
        having,
        word("", "v, ", "v DESC, "),
      ),
    );
  }
  if (shape === 2)
    return of("SELECT {} AS v, COUNT(*) AS n FROM {}{}", aggregate, from, where(condition));
  if (shape === 3) {
    const text = "SELECT DISTINCT {} AS d FROM {}{} ORDER BY d{}{}";
    return of(text, value, from, where(condition), DIRECTIONS, LIMITS);
  }
  if (shape === 4) {
    const text =
      "WITH w(a, b) AS (SELECT {}, {} FROM {}{}) SELECT a, b, a = b AS c FROM w ORDER BY 1, 2";
    return of(text, value, value, from, where(condition));
  }
  if (shape === 5) {
    const operator = word("UNION", "UNION ALL", "INTERSECT", "EXCEPT");
    const text = "SELECT {} AS a FROM {}{} {} SELECT {} FROM workflows ORDER BY a{}{}";
    const other = fc.constantFrom(...(COLUMNS["workflows"] ?? []));
    return of(text, value, from, where(condition), operator, other, DIRECTIONS, LIMITS);
  }
  const text = `SELECT {} AS o0, {} AS o1 FROM {}{} ORDER BY {}{}${ties}{}`;
  return of(text, value, value, from, where(condition), value, DIRECTIONS, LIMITS);
}

/** Queries whose answer SQLite fixes: ordered so that no tie is left. */
export const generatedQuery: Text = fc
  .tuple(read, fc.integer({ min: 0, max: 9 }))
  .chain(([given, shape]) => select(given, shape));

export const parameterValue = fc.constantFrom<string | number | null>(
  ...["1", 1, 0, null, "a", 2.5, -1, "queued"],
);
