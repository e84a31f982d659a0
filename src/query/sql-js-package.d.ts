/** The optional package, which brings no types, as far as it is used. */
declare module "sql.js" {
  import type { SqlJs } from "./sql-js-engine.ts";
  export default function initSqlJs(): Promise<SqlJs>;
}
