/** On what the time of measurements went, in parts that do not overlap. */
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { KINDS } from "./disk-kinds.mjs";

const collections = [];

/** Begins to note what the collector of garbage takes. */
export function watchCollector() {
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
}

/** `[from, to]` of each collection, in order; one may be noted within another. */
async function collectionSpans() {
  // The entries come by turns of the loop.
  await sleep(10);
  const spans = collections
    .map(({ startTime, duration }) => [startTime, startTime + duration])
    .toSorted(([a], [b]) => a - b);
  return spans.filter(([, to], at) => spans.slice(0, at).every(([, earlier]) => earlier < to));
}

const overlap = (from, to, start, end) => Math.max(0, Math.min(to, end) - Math.max(from, start));

/** The collector's time in a measurement that is not within an operation on files. */
function collectorOf({ start, end, spans }, collected) {
  let ms = 0;
  for (const [from, to] of collected) {
    ms += overlap(from, to, start, end);
    if (to < start || from > end) continue;
    for (let at = 0; at < spans.length; at += 2) ms -= overlap(from, to, spans[at], spans[at + 1]);
  }
  return ms;
}

/** Each measurement of the clock as `{ ms, waiting, collector, kinds }`. */
export async function partsOf(measured) {
  const collected = await collectionSpans();
  return measured.map((one) => ({
    ms: one.end - one.start,
    waiting: one.waiting,
    collector: collectorOf(one, collected),
    kinds: one.kinds,
  }));
}

/** The mean of some, for each of so many `calls` that one of them is made of. */
export function meanOf(parts, calls = 1) {
  const mean = (of) => parts.reduce((sum, one) => sum + of(one), 0) / (parts.length * calls);
  const kinds = KINDS.map((kind) => [
    kind,
    { ms: mean((one) => one.kinds[kind].ms), count: mean((one) => one.kinds[kind].count) },
  ]);
  return {
    ms: mean(({ ms }) => ms),
    waiting: mean(({ waiting }) => waiting),
    collector: mean(({ collector }) => collector),
    kinds: Object.fromEntries(kinds),
  };
}

/** Those that took neither the least nor the longest: half of them, around the median. */
export function middleHalf(parts) {
  const sorted = parts.toSorted((a, b) => a.ms - b.ms);
  const quarter = Math.floor(sorted.length / 4);
  return sorted.slice(quarter, sorted.length - quarter);
}
