/** Processes that race for streams, some killed and begun again where they were. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowStore, type StoredEvent } from "flowstore";
import { Child, temporaryFolder } from "../process/store-children.ts";
import { randomOf } from "../process/store-random.ts";
import { collect } from "./support.ts";
import { atEnd } from "../at-end.ts";

const WORKERS = 8;
const STREAMS = 50;
const APPENDS = 40;
/** So many of the workers are killed once on their way. */
const KILLED = 5;
/** A worker that is to be killed must not be done before. */
const NEVER_DONE = 1_000_000;

interface Kept {
  readonly stream: string;
  /** `null` where a retry found that it had happened. */
  readonly expected: number | null;
  readonly places: readonly string[];
}

test(
  `${WORKERS} processes append to ${STREAMS} streams with expected versions, ${KILLED} of them are killed`,
  { timeout: 200_000 },
  async (context) => {
    const project = temporaryFolder(context);
    const setup = await FlowStore.init(project);
    const { root } = setup;
    await setup.close();
    const kept = new Map<string, Kept>();
    let asked = WORKERS * APPENDS;
    let late = 0;
    let retried = 0;

    const listenTo = (name: string, lines: readonly string[]): number => {
      let tried = 0;
      for (const line of lines) {
        const [word = "", n = "", stream = "", expected = "", places = ""] = line.split(" ");
        if (word === "try") tried = Number(n);
        if (word === "late") late += 1;
        if (word !== "kept") continue;
        if (expected === "-") retried += 1;
        kept.set(`${name}-${n}`, {
          stream,
          expected: expected === "-" ? null : Number(expected),
          places: places.split(","),
        });
      }
      return tried;
    };
    const work = async (name: string, killAfter: number | null): Promise<void> => {
      const args = [String(APPENDS), String(STREAMS)];
      const most = killAfter === null ? args : [String(NEVER_DONE), String(STREAMS)];
      const child = Child.start(context, "../events/racer", [root, name, "1", ...most]);
      if (killAfter === null) {
        await child.done();
        assert.equal(listenTo(name, child.lines), APPENDS);
        return;
      }
      await child.next((line) => line.startsWith(`try ${killAfter}`));
      child.kill("SIGKILL");
      assert.equal((await child.exited).signal, "SIGKILL", child.errors);
      // Whether the last one happened nobody was told: it is sent again, and happens once.
      const tried = listenTo(name, child.lines);
      const last = Math.max(tried, APPENDS);
      asked += Math.max(0, tried - APPENDS);
      const rest = [String(tried), String(last), String(STREAMS)];
      const again = Child.start(context, "../events/racer", [root, name, ...rest]);
      await again.done();
      listenTo(name, again.lines);
    };
    const random = randomOf(WORKERS);
    await Promise.all(
      Array.from({ length: WORKERS }, (_, at) => {
        const killAfter = at < KILLED ? 2 + Math.floor(random() * (APPENDS - 4)) : null;
        return work(`w${at + 1}`, killAfter);
      }),
    );

    const store = await FlowStore.open(root);
    atEnd(context, () => store.close());
    const events = await collect(store.events.replayAll());
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, at) => at + 1),
    );
    const byCommand = byCommandOf(events);
    assert.equal(byCommand.size, asked);
    assert.equal(kept.size, asked, "every command was answered");
    for (const [commandId, { stream, expected, places }] of kept) {
      const found = byCommand.get(commandId) ?? [];
      assert.deepEqual(
        found.map(({ sequence, version }) => `${sequence}/${version}`),
        places,
        commandId,
      );
      assert.ok(found.every((one) => one.stream === stream));
      if (expected !== null) assert.equal(found[0]?.version, expected + 1, "nobody came between");
    }
    for (let at = 0; at < STREAMS; at += 1) {
      const loaded = await store.events.load(`race:${at}`);
      assert.deepEqual(
        loaded.map(({ version }) => version),
        loaded.map((_, index) => index + 1),
      );
      assert.deepEqual(
        loaded,
        events.filter(({ stream }) => stream === `race:${at}`),
      );
    }
    assert.deepEqual(await store.check(), []);
    assert.ok(late > 0, "nobody was ever late: they did not race");
    context.diagnostic(`${events.length} events, ${late} late, ${retried} found done after a kill`);
  },
);

function byCommandOf(events: readonly StoredEvent[]): Map<string, StoredEvent[]> {
  const groups = new Map<string, StoredEvent[]>();
  for (const event of events) {
    const key = event.commandId ?? "";
    groups.set(key, [...(groups.get(key) ?? []), event]);
  }
  return groups;
}
