/** What can be wrong with rows of projections. */

import type { Finding } from "../finding.ts";
import { flowforgeTable } from "../model/flowforge-tables.ts";
import { ownValue, shown } from "../model/json-values.ts";
import { rowKey, rowProblems, uniqueValue, type TableSchema } from "../model/projection-schema.ts";
import { isFault } from "../storage/files.ts";
import { inFolder, nameOf, PROJECTIONS } from "../storage/layout.ts";
import { damaged, finding, vanished } from "../stores/document-decode.ts";
import { isDocumentName } from "../stores/feature-names.ts";
import { decodeRow, folderOfTable, tablesIn, type RowFile } from "../stores/projection-rows.ts";
import { isFolder } from "./check-work.ts";
import { repeatedKeyProblems, type Sight } from "./sight.ts";

type Tables = ReadonlyMap<string, readonly RowFile[]>;

/** Every problem of rows: each by itself, those of one table together, and what they refer to. */
export function findProjectionProblems(sight: Sight): Finding[] {
  if (!isFolder(sight, PROJECTIONS)) return [];
  const findings: Finding[] = strangeFolders(sight);
  const tables = new Map<string, RowFile[]>();
  for (const table of tablesIn(sight.view)) {
    if (!isFolder(sight, folderOfTable(table))) continue;
    const schema = flowforgeTable(table);
    const read = rowsOf(sight, table, schema);
    findings.push(...read.findings, ...brokenRules(schema, read.rows));
    tables.set(table, read.rows);
  }
  for (const table of tables.keys()) findings.push(...lostReferences(table, tables));
  return findings;
}

function strangeFolders(sight: Sight): Finding[] {
  const known = new Set(tablesIn(sight.view).map((table) => nameOf(folderOfTable(table))));
  return sight.view.names(PROJECTIONS).flatMap((name) => {
    const path = inFolder(PROJECTIONS, name);
    if (name.startsWith(".")) return [];
    if (!isFolder(sight, path)) {
      return [damaged(path, "not-a-folder", "a folder belongs there").finding];
    }
    if (known.has(name)) return [];
    return [damaged(path, "name", "no table has this name").finding];
  });
}

function rowsOf(
  { view }: Sight,
  table: string,
  schema: TableSchema | null,
): { rows: RowFile[]; findings: Finding[] } {
  const rows: RowFile[] = [];
  const findings: Finding[] = [];
  const folder = folderOfTable(table);
  for (const name of view.names(folder).filter(isDocumentName)) {
    const file = view.get(folder, name);
    const decoded = file === null ? vanished(inFolder(folder, name)) : decodeRow(file, schema);
    if (decoded === null) continue;
    if ("finding" in decoded) {
      findings.push(decoded.finding);
      continue;
    }
    if (!decoded.isRemoved) rows.push(decoded);
    if (file !== null && !isFault(file))
      findings.push(...repeatedKeyProblems(file.path, file.text));
  }
  return { rows, findings };
}

/** What a hand edit or a merge may have brought: calls refuse it. */
function brokenRules(schema: TableSchema | null, rows: readonly RowFile[]): Finding[] {
  const findings = rows.flatMap(({ path, row }) =>
    rowProblems(schema, row).map(({ column, why }) =>
      finding(path, "row-value", `${path}: ${column} ${why}`),
    ),
  );
  for (const columns of schema?.unique ?? []) {
    const first = new Map<string, string>();
    for (const { path, row } of rows) {
      const value = uniqueValue(columns, row);
      const other = value === null ? undefined : first.get(value);
      if (value !== null && other === undefined) first.set(value, path);
      if (other === undefined) continue;
      const message = `${path}: ${columns.join(", ")} must be its own, and is that of ${other}`;
      findings.push(finding(path, "row-unique", message));
    }
  }
  return findings;
}

function lostReferences(table: string, tables: Tables): Finding[] {
  const columns = flowforgeTable(table)?.columns ?? [];
  return columns.flatMap(({ name, references }) => {
    if (references === undefined) return [];
    const keys = new Set((tables.get(references) ?? []).map(({ key }) => key));
    return (tables.get(table) ?? []).flatMap(({ path, row }): Finding[] => {
      const value = ownValue(row, name) ?? null;
      if (value === null || keys.has(rowKey(value) ?? "")) return [];
      const message = `${path}: ${name} names the row ${shown(value)} of ${references}, which is not there`;
      return [{ file: path, rule: "row-reference", severity: "warning", message }];
    });
  });
}
