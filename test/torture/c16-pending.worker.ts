/**
 * Commits one feature after another as `relaxed` does, synced and brought into the files later, and
 * ends itself by SIGKILL before that. Run with an engine that puts it off. Argument: the project.
 */
import { FlowStore } from "flowstore";

import { PENDING } from "./c16-recovery.ts";

const [project = ""] = process.argv.slice(2);
const store = await FlowStore.open(project, { durability: "relaxed" });
for (let id = 1; id <= PENDING; id += 1) await store.features.update(id, { count: id });
process.kill(process.pid, "SIGKILL");
