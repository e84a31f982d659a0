/** A process that does one kind of work many times, and says on what the time went, in ms a call. */
import { startClock, stopClock } from "./disk-clock.mjs";
import { LATER_MS, mustBe, pause } from "./measure.mjs";
import { answersOf, plan } from "./plan.mjs";
import { meanOf, middleHalf, partsOf, watchCollector } from "./profile-parts.mjs";
import { filled, systemOf } from "./systems.mjs";
import { bulkBy } from "./work-bulk.mjs";
import { locksBy } from "./work-locks.mjs";

const BATCH = 1000;
const PATHS = 20;
const { name, work, rounds, size, folder } = JSON.parse(process.argv[2]);
const isLater = work.endsWith(", later");
const checks = answersOf(plan(size));

/** Each gives `act(n)`, and may give `prepare()` and `restore()`, whose time does not count. */
const WORK = {
  claim: (system) => claiming(system, { lead: 1 }),
  "claim, later": (system) => claiming(system, { prepare: () => pause(LATER_MS) }),
  async event(system) {
    const handle = await system.open(await filled(system, plan(1, { fresh: true })));
    return { calls: 100, act: (n) => handle.logEvent(n) };
  },
  async batch(system) {
    const handle = await system.open(await filled(system, plan(1, { fresh: true })));
    return { act: () => handle.logEvents(BATCH) };
  },
  bulk: ({ name: by }) => bulkBy(by, size),
  locks: ({ name: by }) => locksBy(by, PATHS),
  async get(system) {
    const handle = await system.open(folder);
    const act = (n) => handle.getById((n % 10) + 1);
    return { ...whenLooked({ calls: 1000, act }), check: checks.getById };
  },
  getAll: (system) => listing(system, "getAll"),
  getReady: (system) => listing(system, "getReady"),
  getStats: (system) => listing(system, "getStats"),
  getGraph: (system) => listing(system, "getGraph"),
  "open and getReady": (system) => opening(system, "getReady", checks.getReady),
  "open and replay": (system) => opening(system, "replay"),
  async replay(system) {
    const handle = await system.open(folder);
    return { act: () => handle.replay() };
  },
};

async function claiming(system, options) {
  const handle = await system.open(folder);
  let next = 0;
  let taken = [];
  return {
    ...options,
    act() {
      next = (next % size) + 1;
      taken.push(next);
      return handle.claim(next, "agent");
    },
    check: (isWon) => mustBe(`${name}: claimed`, isWon, true),
    async restore() {
      if (taken.length < size / 2) return;
      await handle.giveBack(taken);
      taken = [];
    },
    async end() {
      await handle.giveBack(taken);
      await handle.close();
    },
  };
}

async function listing(system, call) {
  const handle = await system.open(folder);
  return { ...whenLooked({ act: () => handle[call]() }), check: checks[call] };
}

/** Longer ago than a look may be relied on; or just now. */
function whenLooked(work) {
  return isLater
    ? { ...work, calls: 1, prepare: () => pause(LATER_MS) }
    : { ...work, prepare: () => work.act(0) };
}

function opening(system, call, check) {
  let handle;
  return {
    async act() {
      handle = await system.open(folder);
      return handle[call]();
    },
    check,
    restore: () => handle.close(),
  };
}

const kind = work in WORK ? work : work.replace(", later", "");
const doing = await WORK[kind](await systemOf(name));
const { calls = 1, lead = 0, prepare, act, check, restore, end } = doing;
const measured = [];
let n = 0;
watchCollector();
// The first ones are those of code that was never run before.
const warmUps = Math.ceil(rounds / 4);
for (let round = -warmUps; round < rounds; round += 1) {
  await prepare?.();
  for (let call = 0; call < lead; call += 1) await act((n += 1));
  let last;
  startClock();
  for (let call = 0; call < calls; call += 1) last = await act((n += 1));
  const one = stopClock();
  check?.(last);
  await restore?.();
  if (round >= 0) measured.push(one);
}
const parts = await partsOf(measured);
await end?.();
process.send(meanOf(middleHalf(parts), calls));
process.disconnect();
process.exit(0);
