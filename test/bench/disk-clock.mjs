/**
 * How long this process is busy with files, and with which operations. It changes `node:fs`: only a
 * process that does nothing else may load it, and before whoever is measured, who may keep the
 * functions that it finds.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { FUNCTIONS, KINDS } from "./disk-kinds.mjs";

/** So many operations of one measurement; the list is there before, so as to leave no garbage. */
const MOST = 1 << 20;
const spans = new Float64Array(2 * MOST);
let spanCount = 0;
const counters = Object.fromEntries(KINDS.map((kind) => [kind, { ms: 0, count: 0 }]));
let isInside = false;
let startedAt = 0;
let idleBefore = 0;

function timed(kind, operation) {
  const counter = counters[kind];
  const clocked = (...given) => {
    // Some are made of others.
    if (isInside) return operation(...given);
    isInside = true;
    const start = performance.now();
    try {
      return operation(...given);
    } finally {
      const end = performance.now();
      counter.ms += end - start;
      counter.count += 1;
      // Where it is full `stopClock` says so.
      spans[2 * spanCount] = start;
      spans[2 * spanCount + 1] = end;
      spanCount += 1;
      isInside = false;
    }
  };
  return Object.assign(clocked, operation);
}

/** What is not known to the clock would count as JavaScript. */
function refused(name) {
  return () => {
    throw new Error(`fs.${name} is not in disk-kinds.mjs: its time would be lost`);
  };
}

const idleMs = () => performance.eventLoopUtilization().idle;

/** Sets the clock back. */
export function startClock() {
  for (const counter of Object.values(counters)) Object.assign(counter, { ms: 0, count: 0 });
  spanCount = 0;
  idleBefore = idleMs();
  startedAt = performance.now();
}

/**
 * What became of the time since the clock was set back: `{ start, end, waiting, kinds, spans }`, in
 * ms; `spans` has the beginning and the end of each operation, one behind the other.
 */
export function stopClock() {
  const end = performance.now();
  if (spanCount > MOST) throw new Error("More operations than the clock can keep");
  return {
    start: startedAt,
    end,
    waiting: idleMs() - idleBefore,
    kinds: structuredClone(counters),
    spans: spans.slice(0, 2 * spanCount),
  };
}

const known = new Set(Object.values(FUNCTIONS).flat());
for (const [kind, names] of Object.entries(FUNCTIONS))
  for (const name of names) fs[name] = timed(kind, fs[name]);
for (const name of Object.keys(fs))
  if (name.endsWith("Sync") && !known.has(name)) fs[name] = refused(name);
syncBuiltinESMExports();
