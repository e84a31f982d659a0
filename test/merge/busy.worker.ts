/**
 * Writes without end while git changes the tree under it. Arguments: project, name, and what it
 * does: `create`, `count`, or `all` sorts of changes. Tells `did KEY` for what was acknowledged,
 * `unknown KEY` for what may have happened, `not KEY why` for what was refused before it happened,
 * and `wrong KEY why` for any other answer.
 */
import { FlowStore, isFlowError, type FlowErrorCode } from "flowstore";
import { pick, randomOf } from "../process/store-random.ts";
import { heard, stopListening, tell } from "../process/store-worker.ts";

const [project = "", name = "", way = "", durability = "none"] = process.argv.slice(2);
const random = randomOf(name.charCodeAt(name.length - 1));
const open = (): Promise<FlowStore> =>
  FlowStore.open(project, { actor: name, durability: durability as "none" | "full" });
let store = await open();
let isOver = false;
void heard().then(() => (isOver = true));

const ways: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
  create: (key) => store.features.create({ name: key }),
  count: () =>
    store.transaction(async () => {
      const before = await store.features.getById(1);
      await store.features.update(1, { count: Number(before?.["count"]) + 1 });
    }),
  note: (key) => store.changes.logEvent(1, "note", { newValue: key }),
  claim: async (key) => {
    const { uid, inProgress } = pick(random, await store.features.getAll());
    if (inProgress) await store.features.clearInProgress(uid, { note: key });
    else await store.features.claimAndGet(uid, { note: key });
  },
};
/** Answers that are right when git takes a feature away, or another process is first. */
const EXPECTED: ReadonlySet<FlowErrorCode> = new Set(
  way === "all" ? ["NOT_FOUND", "CONFLICT"] : [],
);

tell("ready");
for (let number = 1; !isOver; number += 1) {
  const kind = way === "all" ? pick(random, ["create", "note", "note", "claim", "claim"]) : way;
  const key = `${kind}.${name}.${number}`;
  try {
    await ways[kind]?.(key);
    tell(`did ${key}`);
  } catch (error) {
    if (isFlowError(error) && (error.retryable || EXPECTED.has(error.code)))
      tell(`not ${key} ${error.message}`);
    else if (!isFlowError(error, "IO")) tell(`wrong ${key} ${String(error)}`);
    else if (error.context["outcome"] === "unknown") {
      tell(`unknown ${key}`);
      // As its hint says: the instance may write no more.
      await store.close();
      store = await open();
    } else tell(`not ${key} ${error.message}`);
  }
}
await store.close();
stopListening();
