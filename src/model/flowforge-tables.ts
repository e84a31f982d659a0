/**
 * The tables of FlowForge's database layer, as its schema and its comments say them. Two more,
 * `events` and `snapshots`, are views of the log: readable by queries, closed to writes.
 */

import type { ColumnSchema, ColumnType, TableSchema } from "./projection-schema.ts";

/** Tables that show the event log, and that no call writes. */
export const LOG_TABLES = ["events", "snapshots"] as const;

type Column = readonly [name: string, type: ColumnType];

/** The columns of {@link LOG_TABLES}. */
export const LOG_COLUMNS: Readonly<Record<(typeof LOG_TABLES)[number], readonly Column[]>> = {
  events: [
    ["id", "text"],
    ["aggregate_type", "text"],
    ["aggregate_id", "text"],
    ["event_type", "text"],
    ["event_version", "integer"],
    ["seq", "integer"],
    ["tx_id", "text"],
    ["caused_by_event_id", "text"],
    ["payload_json", "text"],
    ["metadata_json", "text"],
    ["created_at", "timestamp"],
  ],
  snapshots: [
    ["id", "text"],
    ["aggregate_type", "text"],
    ["aggregate_id", "text"],
    ["last_seq", "integer"],
    ["state_json", "text"],
    ["created_at", "timestamp"],
  ],
};

type Rest = Omit<ColumnSchema, "name" | "type">;

const text = (name: string, rest: Rest = {}): ColumnSchema => {
  return { name, type: "text", required: true, ...rest };
};
const optional = (name: string, rest: Rest = {}): ColumnSchema => ({ name, type: "text", ...rest });
const oneOf = (name: string, values: string, rest: Rest = {}): ColumnSchema => {
  return text(name, { values: values.split(" "), ...rest });
};
const to = (name: string, references: string): ColumnSchema => text(name, { references });
const maybeTo = (name: string, references: string): ColumnSchema => optional(name, { references });
const whole = (name: string): ColumnSchema => ({ name, type: "integer", required: true });
const maybeWhole = (name: string): ColumnSchema => ({ name, type: "integer" });
const time = (name: string): ColumnSchema => ({ name, type: "timestamp" });
const stamp = (name: string): ColumnSchema => {
  return { name, type: "timestamp", required: true, default: "now" };
};

/** A table with the columns that nearly all have. */
function table(
  name: string,
  columns: readonly ColumnSchema[],
  unique: readonly (readonly string[])[] = [],
): TableSchema {
  return { name, columns: [text("id"), ...columns, stamp("created_at")], unique };
}

const RUN_STATES = "queued running succeeded failed";

/** The 23 tables of FlowForge that take rows; `events` and `snapshots` make 25. */
export const FLOWFORGE_TABLES: readonly TableSchema[] = [
  table("schemas", [text("name"), whole("version"), text("schema_json")], [["name", "version"]]),
  table("data_sources", [
    text("name"),
    oneOf("kind", "file http db manual excel csv parquet"),
    text("config_json"),
    maybeTo("schema_id", "schemas"),
  ]),
  table("auth_profiles", [
    text("name"),
    oneOf("kind", "ntlm windows basic oauth2 api_key none"),
    text("config_json"),
    optional("secret_refs_json"),
  ]),
  table("endpoints", [
    text("name"),
    text("base_url"),
    maybeTo("auth_profile_id", "auth_profiles"),
    optional("default_headers_json"),
  ]),
  table("workflows", [text("name"), optional("description")], [["name"]]),
  table(
    "workflow_versions",
    [
      to("workflow_id", "workflows"),
      whole("version"),
      oneOf("status", "draft active archived"),
      time("activated_at"),
    ],
    [["workflow_id", "version"]],
  ),
  table("nodes", [
    to("workflow_version_id", "workflow_versions"),
    oneOf("kind", "source transform join rule http branch sink"),
    text("name"),
    text("spec_json"),
  ]),
  table("edges", [
    to("workflow_version_id", "workflow_versions"),
    to("from_node_id", "nodes"),
    to("to_node_id", "nodes"),
    optional("condition_json"),
  ]),
  table(
    "operators",
    [text("name"), oneOf("kind", "transform validation aggregate enricher"), text("spec_json")],
    [["name"]],
  ),
  table("rule_sets", [text("name"), whole("version"), text("rules_json")], [["name", "version"]]),
  table(
    "request_templates",
    [
      text("name"),
      to("endpoint_id", "endpoints"),
      text("method"),
      text("path_template"),
      optional("headers_template_json"),
      optional("body_template"),
    ],
    [["name"]],
  ),
  table("runs", [
    to("workflow_version_id", "workflow_versions"),
    oneOf("trigger", "manual schedule api test"),
    oneOf("status", `${RUN_STATES} canceled`),
    optional("input_manifest_json"),
    time("started_at"),
    time("finished_at"),
  ]),
  {
    name: "run_steps",
    columns: [
      text("id"),
      to("run_id", "runs"),
      to("node_id", "nodes"),
      oneOf("status", `${RUN_STATES} skipped`),
      optional("stats_json"),
      time("started_at"),
      time("finished_at"),
    ],
  },
  {
    name: "run_logs",
    columns: [
      text("id"),
      to("run_id", "runs"),
      maybeTo("run_step_id", "run_steps"),
      stamp("ts"),
      oneOf("level", "debug info warn error"),
      text("message"),
      optional("meta_json"),
    ],
  },
  table("artifacts", [
    to("run_id", "runs"),
    maybeTo("node_id", "nodes"),
    oneOf("kind", "table file view http_response metrics"),
    optional("uri"),
    optional("format", { values: ["parquet", "csv", "xlsx", "duckdb", "sqlite", "json"] }),
    optional("schema_json"),
    maybeWhole("rows"),
    optional("stats_json"),
  ]),
  table("lineage", [
    to("run_id", "runs"),
    to("from_artifact_id", "artifacts"),
    to("to_artifact_id", "artifacts"),
    optional("edge_json"),
  ]),
  {
    name: "request_executions",
    columns: [
      text("id"),
      to("run_step_id", "run_steps"),
      maybeTo("template_id", "request_templates"),
      text("request_json"),
      optional("response_json"),
      maybeWhole("status_code"),
      maybeWhole("duration_ms"),
      stamp("ts"),
    ],
  },
  table("datasets", [
    text("name"),
    optional("location_uri"),
    optional("format"),
    maybeTo("schema_id", "schemas"),
    optional("stats_json"),
  ]),
  table("joins", [
    text("name"),
    to("left_dataset_id", "datasets"),
    to("right_dataset_id", "datasets"),
    oneOf("join_type", "inner left right full semi anti"),
    text("on_expr"),
  ]),
  table("schedules", [
    to("workflow_id", "workflows"),
    text("cron"),
    whole("enabled"),
    time("last_scheduled_at"),
  ]),
  {
    name: "idempotency_keys",
    primaryKey: "key",
    columns: [text("key"), text("scope"), stamp("first_seen_at")],
  },
  table("principals", [oneOf("kind", "user service"), text("name")]),
  table("permissions", [
    to("principal_id", "principals"),
    text("resource"),
    oneOf("action", "read write execute admin"),
  ]),
];

/** A declared table of FlowForge; `null` for any other. */
export function flowforgeTable(name: string): TableSchema | null {
  return FLOWFORGE_TABLES.find((one) => one.name === name) ?? null;
}
