/**
 * Changes a store at random until it is told to end, it is killed, or nothing can be written any
 * more: `c04-writer.worker.js PROJECT NAME SEED DURABILITY`.
 *
 * Tells `try KEY MS` before each change, `did KEY MS` once it was acknowledged, `none KEY` when
 * there was nothing to do, and `error KEY MS CODE MESSAGE`. `alive NAME MS` each few ms: where that
 * is missing the process was not given the processor, waited for the disk, or was at work.
 */
import { FlowStore, isFlowError, type Durability } from "flowstore";
import { randomOf } from "../process/store-random.ts";
import { heard, stopListening, tell } from "../process/store-worker.ts";
import { PULSE_MS } from "./c04-account.ts";
import { KINDS, OPTIONS, pickKind, type Writer } from "./c04-changes.ts";

/** Calls at the same time in one process: they share records. */
const LANES = 3;
/** After so many failures nothing will be written any more. */
const FAILURES = 5;

const [project = "", name = "", seed = "0", durability = "full"] = process.argv.slice(2);
const random = randomOf(Number(seed));
let isOver = false;
let failures = 0;
let number = 0;

function now(): string {
  return (Number(process.hrtime.bigint()) / 1e6).toFixed(3);
}

async function changeOne(writer: Writer): Promise<void> {
  number += 1;
  const kind = pickKind(random);
  const key = `${kind}.${name}-${number}`;
  tell(`try ${key} ${now()}`);
  try {
    const isDone = (await KINDS[kind]?.act(writer, key)) !== false;
    tell(isDone ? `did ${key} ${now()}` : `none ${key}`);
  } catch (error) {
    failures += 1;
    tellError(key, error);
  }
}

function tellError(key: string, error: unknown): void {
  const said = isFlowError(error) ? `${error.code} ${error.message}` : `NONE ${String(error)}`;
  tell(`error ${key} ${now()} ${said.replaceAll("\n", " ")}`);
}

async function open(): Promise<FlowStore | null> {
  try {
    return await FlowStore.open(project, {
      ...OPTIONS,
      actor: name,
      durability: durability as Durability,
    });
  } catch (error) {
    tellError("open", error);
    return null;
  }
}

async function work(store: FlowStore): Promise<void> {
  const writer: Writer = { store, random, claimed: [], locked: [], saved: [] };
  const lane = async (): Promise<void> => {
    while (!isOver && failures < FAILURES) await changeOne(writer);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  if (isOver) await store.close();
}

// Killed writers hear nothing; the others end when they are told.
void heard().then(() => (isOver = true));
const store = await open();
tell("ready");
const pulse = setInterval(() => tell(`alive ${name} ${now()}`), PULSE_MS);
if (store !== null) await work(store);
clearInterval(pulse);
stopListening();
