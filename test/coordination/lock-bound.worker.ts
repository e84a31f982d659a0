/**
 * Binds a lock to a process that it may not signal, asks after it, and tries to take it for
 * another task. Arguments: the project, the number of that process.
 */
import { FlowStore } from "flowstore";

const [project = "", pid = ""] = process.argv.slice(2);

let errno = "none";
try {
  process.kill(Number(pid), 0);
} catch (error) {
  errno = (error as NodeJS.ErrnoException).code ?? "unknown";
}
const store = await FlowStore.open(project, { durability: "none" });
await store.locks.acquire({ paths: ["a"], taskId: "one", bindToPid: Number(pid) });
const tried = await store.locks.tryAcquire({ paths: ["a"], taskId: "two" });
const holders = tried.acquired ? [] : tried.holders;
process.stdout.write(JSON.stringify({ errno, alive: holders.map(({ alive }) => alive) }));
await store.close();
