/** The log on the command line: listed, followed, watched, replayed, verified. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test, type TestContext } from "node:test";
import { FlowStore } from "flowstore";
import {
  list,
  openStoreShell,
  outcomeOf,
  start,
  type Outcome,
  type Thing,
} from "../cli/support.ts";
import { atEnd, killed } from "../at-end.ts";

const event = (type: string, payload: unknown = null) => ({ type, payload });

async function storeOf(context: TestContext, folder: string): Promise<FlowStore> {
  const store = await FlowStore.open(folder, { durability: "none", actor: "tester" });
  atEnd(context, () => store.close());
  return store;
}

/** A command that goes on until it is ended, read line by line. */
class Running {
  readonly ended: Promise<Outcome>;
  readonly #child: ReturnType<typeof start>;
  readonly #lines: AsyncIterableIterator<string>;

  constructor(context: TestContext, folder: string, args: readonly string[]) {
    this.#child = start(folder, args);
    this.ended = outcomeOf(this.#child);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    atEnd(context, () => killed(this.#child));
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`It ended: ${(await this.ended).stderr}`);
    return value;
  }

  async json(): Promise<{ data: Thing | null; meta: Thing; command: string; ok: boolean }> {
    return JSON.parse(await this.line()) as Awaited<ReturnType<Running["json"]>>;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Reads no more, as `head` does. */
  leave(): void {
    this.#child.stdout.destroy();
  }
}

describe("events", () => {
  test("by prefix, from either end; the words that cannot go together are refused", async (context) => {
    const shell = await openStoreShell(context);
    const store = await storeOf(context, shell.folder);
    for (const at of [1, 2, 3]) await store.events.append(`s:${at % 2}`, [event("a", at)]);
    await store.events.append("t:1", [event("b", 4)]);
    const payloads = async (...words: string[]): Promise<unknown[]> =>
      list(await shell.json(["events", ...words])).map(({ payload }) => payload);
    assert.deepEqual(await payloads("--limit", "2"), [3, 4]);
    assert.deepEqual(await payloads("--limit", "2", "--order", "desc"), [4, 3]);
    assert.deepEqual(await payloads("--limit", "2", "--order", "asc"), [1, 2]);
    assert.deepEqual(await payloads("--stream-prefix", "s:", "--limit", "2"), [2, 3]);
    for (const words of [
      ["--order", "up"],
      ["--follow", "--order", "desc"],
      ["--follow", "--until", "2026-11-21"],
      ["--stream", "s:1", "--stream-prefix", "s"],
    ]) {
      const { exit, error } = await shell.json(["events", ...words]);
      assert.deepEqual([exit, error.code], [2, "BAD_REQUEST"], words.join(" "));
    }
  });

  test("--follow shows the newest, then what comes, until it is interrupted", async (context) => {
    const { folder } = await openStoreShell(context);
    const store = await storeOf(context, folder);
    await store.events.append("s:1", [event("a", 1), event("a", 2)]);
    const running = new Running(context, folder, [
      "events",
      "--follow",
      "--limit",
      "1",
      "--stream-prefix",
      "s",
      "--json",
    ]);
    assert.equal((await running.json()).data?.["payload"], 2);
    const told = await running.json();
    assert.deepEqual(
      [told.data, told.meta["caughtUp"], told.command, told.ok],
      [null, true, "events", true],
    );
    await store.events.append("other", [event("a", 3)]);
    await store.events.append("s:2", [event("a", 4)]);
    const { data, meta } = await running.json();
    assert.deepEqual(
      [data?.["payload"], data?.["sequence"], typeof meta["cursor"]],
      [4, 4, "string"],
    );
    running.kill("SIGINT");
    assert.equal((await running.ended).exit, 130);

    const text = new Running(context, folder, ["events", "--follow", "--limit", "1"]);
    assert.match(await text.line(), /^#4 {2}\S+ {2}s:2 {2}a {2}4 {2}tester$/);
    await store.features.create({ name: "Cart" });
    assert.match(await text.line(), /^#5 {2}\S+ {2}#1 {2}created {2}tester$/);
    text.leave();
    await store.events.append("s:2", [event("a", 5)]);
    await store.events.append("s:2", [event("a", 6)]);
    assert.equal((await text.ended).exit, 0);
  });
});

test("watch goes on behind a cursor, and in the name of a group also when it was killed", async (context) => {
  const { folder } = await openStoreShell(context);
  const store = await storeOf(context, folder);
  await store.events.append(
    "s:1",
    [1, 2, 3].map((payload) => event("a", payload)),
  );
  const first = new Running(context, folder, ["watch", "--group", "g", "--json"]);
  const cursors: string[] = [];
  for (const sequence of [1, 2, 3]) {
    const { data, meta } = await first.json();
    assert.equal(data?.["sequence"], sequence);
    cursors.push(String(meta["cursor"]));
  }
  assert.equal((await first.json()).meta["caughtUp"], true);
  first.kill("SIGKILL");
  await first.ended;
  await store.events.append("s:1", [event("a", 4)]);
  const second = new Running(context, folder, ["watch", "--group", "g", "--json"]);
  assert.equal((await second.json()).data?.["sequence"], 4);
  second.kill("SIGINT");
  assert.equal((await second.ended).exit, 130);
  const third = new Running(context, folder, ["watch", "--from", cursors[1] ?? "", "--json"]);
  assert.equal((await third.json()).data?.["sequence"], 3);
  third.kill("SIGINT");
  await third.ended;
  const wrong = new Running(context, folder, ["watch", "--from", "nowhere"]);
  assert.equal((await wrong.ended).exit, 2);
});

describe("events replay", () => {
  test("shows what each event changed, and the state after it", async (context) => {
    const shell = await openStoreShell(context);
    const store = await storeOf(context, shell.folder);
    await store.features.create({ name: "Cart" });
    await store.features.claimAndGet(1, { agent: "ann" });
    await store.settings.set("colour", "red");
    await store.events.append("o:1", [
      event("placed", { n: 1, __proto__: 0 }),
      event("paid", { by: "\u001b[31mx" }),
      event("odd", [7]),
    ]);
    const steps = list(await shell.json(["events", "replay", "o:1"]));
    assert.deepEqual(
      steps.map(({ changed, state }) => [changed, state]),
      [
        [[{ key: "n", before: null, after: 1 }], { n: 1 }],
        [[{ key: "by", before: null, after: "\u001b[31mx" }], { n: 1, by: "\u001b[31mx" }],
        [[{ key: "payload", before: null, after: [7] }], { n: 1, by: "\u001b[31mx", payload: [7] }],
      ],
    );
    assert.equal(list(await shell.json(["events", "replay", "o:1", "--to", "2"])).length, 2);
    const feature = await shell.run(["events", "replay", "1", "--feature"]);
    assert.match(feature.stdout, /2 {2}\S+ {2}claimed {2}ann\n {3}status: in_progress\n/);
    const plain = await shell.run(["events", "replay", "o:1"]);
    assert.ok(!plain.stdout.includes("\u001b"));
    const unknown = await shell.json(["events", "replay", "o:2"]);
    assert.deepEqual([unknown.exit, unknown.error.code], [3, "NOT_FOUND"]);
    assert.match(unknown.error.hint ?? "", /o:1/);
  });
});

test("events verify and check --events name the damaged line, and every other event is read", async (context) => {
  const shell = await openStoreShell(context);
  const store = await storeOf(context, shell.folder);
  for (let at = 1; at <= 9; at += 1) await store.events.append("s:1", [event("a", `nr ${at}`)]);
  assert.deepEqual((await shell.json(["events", "verify"])).meta, {
    count: 0,
    errors: 0,
    warnings: 0,
  });
  const folder = join(store.root, "events");
  const [segment = ""] = readdirSync(folder);
  const text = readFileSync(join(folder, segment), "utf8");
  writeFileSync(join(folder, segment), text.replace("nr 5", "nr 6"));
  writeFileSync(join(store.root, "features/note.txt"), "not of the log");
  for (const words of [
    ["events", "verify"],
    ["check", "--events"],
  ]) {
    const answer = await shell.json(words);
    assert.equal(answer.exit, 4);
    const findings = list(answer).map(({ file, line, rule }) => [file, line, rule]);
    assert.deepEqual(findings, [[`events/${segment}`, 6, "event-damaged"]], words.join(" "));
  }
  assert.equal(list(await shell.json(["check"])).length, 2);
  const left = list(await shell.json(["events"])).map(({ payload }) => payload);
  assert.deepEqual(
    left,
    [1, 2, 3, 4, 6, 7, 8, 9].map((at) => `nr ${at}`),
  );
});

test("events archive packs what is closed, and everything is read as before", async (context) => {
  const shell = await openStoreShell(context);
  const store = await storeOf(context, shell.folder);
  // Above 1 MiB a segment is full, and the next call begins another.
  await store.events.append("s:1", [event("a", "x".repeat(1 << 20)), event("a", 2)], {
    commandId: "c-1",
  });
  await store.events.append("s:1", [event("a", 3)]);
  const before = list(await shell.json(["events", "--stream", "s:1"]));
  const would = await shell.json(["events", "archive", "--dry-run"]);
  assert.deepEqual([lengths(would.data), would.meta], [[1, 1], { dryRun: true }]);
  assert.equal(packed(), 0);
  assert.deepEqual(lengths((await shell.json(["events", "archive"])).data), [1, 1]);
  assert.equal(packed(), 1);
  assert.deepEqual(list(await shell.json(["events", "--stream", "s:1"])), before);
  assert.deepEqual(list(await shell.json(["events", "verify"])), []);
  const again = await store.events.append("s:1", [event("a", "x".repeat(1 << 20)), event("a", 2)], {
    commandId: "c-1",
  });
  assert.equal(again.duplicate, true);
  assert.deepEqual(lengths((await shell.json(["events", "archive"])).data), [0, 1]);
  // A damaged one is named by the file that is there; its lines are those of the text.
  const file = packedNames()[0] ?? "";
  const bytes = readFileSync(join(store.root, "events", file));
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  writeFileSync(join(store.root, "events", file), bytes);
  const findings = list(await shell.json(["events", "verify"]));
  assert.deepEqual([...new Set(findings.map((one) => one.file))], [`events/${file}`]);
  for (const { message } of findings) assert.ok(String(message).includes(file));

  function packed(): number {
    return packedNames().length;
  }

  function packedNames(): string[] {
    return readdirSync(join(store.root, "events")).filter((name) => name.endsWith(".gz"));
  }

  function lengths(data: unknown): number[] {
    const { archived, kept } = data as { archived: unknown[]; kept: unknown[] };
    return [archived.length, kept.length];
  }
});
