/**
 * A store in a process of its own, driven call by call; see `RemoteStore`. Arguments: the project,
 * the actor, the durability, and `read` for a store that is read only.
 */
import { FlowStore, isFlowError } from "flowstore";
import { heard, stopListening, tell } from "./store-worker.ts";

const [project = "", actor = "remote", durability = "full", access = "write"] =
  process.argv.slice(2);

type Calls = Record<string, Record<string, (...args: unknown[]) => Promise<unknown>>>;

const store = await FlowStore.open(project, {
  actor,
  durability: durability as "full" | "none",
  guardTimeoutMs: 60_000,
  readOnly: access === "read",
});
tell("ready");

for (;;) {
  const line = await heard();
  if (line === "end") break;
  const { id, call, args } = JSON.parse(line) as { id: number; call: string; args: unknown[] };
  // Calls run side by side, as those of a program do.
  void answer(call, args).then((told) => tell(JSON.stringify({ id, ...told })));
}
await store.close();
stopListening();

async function answer(call: string, args: unknown[]): Promise<object> {
  const [room = "", name = ""] = call.split(".");
  try {
    const owner = (name === "" ? { [room]: store } : store) as unknown as Calls;
    const target = owner[room];
    const value: unknown = await target?.[name === "" ? room : name]?.(...args);
    return { value: value ?? null };
  } catch (error) {
    if (isFlowError(error)) return { error: error.toJSON() };
    return { error: { code: "NONE", message: String(error), context: {}, retryable: false } };
  }
}
