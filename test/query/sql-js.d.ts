declare module "sql.js" {
  import type { SqlJs } from "flowstore";
  export default function initSqlJs(): Promise<SqlJs>;
}
