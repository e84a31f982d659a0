/** Stores in folders of their own, and the questions that most tests ask of them. */
import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import {
  FlowError,
  FlowStore,
  type ChangeEvent,
  type Feature,
  type Finding,
  type FlowErrorCode,
  type FlowStoreOptions,
} from "flowstore";
import { atEnd } from "../at-end.ts";

/** An empty folder that goes when the test ends. */
export function makeProject(context: TestContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "flowstore-features-")));
  atEnd(context, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Options of most tests: nobody pulls the plug here. */
export const QUICK = { durability: "none", actor: "tester" } as const;

/** A store in a folder of its own; closed and removed when the test ends. */
export async function makeStore(
  context: TestContext,
  options: FlowStoreOptions = {},
): Promise<FlowStore> {
  const project = makeProject(context);
  const store = await FlowStore.init(project, { ...QUICK, ...options });
  atEnd(context, () => store.close());
  return store;
}

/** The same root, opened once more. */
export async function reopen(
  context: TestContext,
  store: FlowStore,
  options: FlowStoreOptions = {},
): Promise<FlowStore> {
  const again = await FlowStore.open(store.root, { ...QUICK, ...options });
  atEnd(context, () => again.close());
  return again;
}

/** A clock that the test moves. */
export class TestClock {
  ms = Date.parse("2026-03-01T00:00:00.000Z");
  readonly now = (): number => this.ms;

  iso(offsetMs = 0): string {
    return new Date(this.ms + offsetMs).toISOString();
  }
}

/** The `FlowError` of that code that `act` ends with; the test fails without one. */
export async function refused(
  code: FlowErrorCode,
  act: Promise<unknown> | (() => Promise<unknown>),
): Promise<FlowError> {
  let value: unknown;
  try {
    value = await (typeof act === "function" ? act() : act);
  } catch (error) {
    assert.ok(error instanceof FlowError, `no FlowError: ${String(error)}`);
    assert.equal(error.code, code, error.stack);
    assertClear(error);
    return error;
  }
  assert.fail(`${code} was expected, and this came: ${JSON.stringify(value)}`);
}

/** What every error owes its reader. */
export function assertClear(error: FlowError): void {
  assert.ok(error.message.length > 10, error.message);
  // Plain data: it goes into the envelope of the command line.
  const json = error.toJSON();
  assert.deepEqual(JSON.parse(JSON.stringify(json)), json);
  assert.doesNotMatch(`${error.message} ${error.hint ?? ""}`, /\brm -|git clean|git checkout --/);
}

/** One name of a tree. */
export interface Entry {
  readonly kind: string;
  readonly ino: number;
  readonly mtimeMs: number;
  readonly mode: number;
  /** The bytes in hexadecimal, or where a link leads. */
  readonly bytes: string;
}

/** Everything below a folder: names, kinds, bytes, times, inodes. */
export function snapshot(
  folder: string,
  isMeant: (path: string) => boolean = () => true,
): Record<string, Entry> {
  const entries: Record<string, Entry> = {};
  const visit = (path: string, shown: string): void => {
    if (!isMeant(shown)) return;
    const stat = lstatSync(path);
    const kind = stat.isDirectory()
      ? "folder"
      : stat.isSymbolicLink()
        ? "link"
        : stat.isFile()
          ? "file"
          : "special";
    const bytes =
      kind === "file"
        ? readFileSync(path).toString("latin1")
        : kind === "link"
          ? readlinkSync(path)
          : "";
    entries[shown] = { kind, ino: stat.ino, mtimeMs: stat.mtimeMs, mode: stat.mode, bytes };
    if (kind !== "folder") return;
    for (const name of readdirSync(path)) visit(join(path, name), join(shown, name));
  };
  visit(folder, ".");
  return entries;
}

/** Where a writer still works in the background after its last commit, and no reader looks. */
const UPKEEP = new Set(["guard", "fence", "cache", "journal"]);
const RECORD = /^[0-9a-f]{8} \{"kind":"record"/;

/**
 * {@link snapshot} of a root whose writer may not be at rest yet: all that a commit writes, and the
 * commits themselves.
 */
export function committed(root: string): Record<string, Entry | string[]> {
  const journal = join(root, "local", "journal");
  const names = existsSync(journal) ? readdirSync(journal) : [];
  const lines = names.flatMap((name) => readFileSync(join(journal, name), "utf8").split("\n"));
  const local = snapshot(join(root, "local"), (path) => !UPKEEP.has(path));
  return {
    ...snapshot(root, (path) => path !== "local"),
    // Without the folder itself: its time changes with the upkeep.
    ...Object.fromEntries(
      Object.entries(local).flatMap(([path, one]) =>
        path === "." ? [] : [[join("local", path), one]],
      ),
    ),
    commits: lines.filter((line) => RECORD.test(line)).toSorted(),
  };
}

/** The bytes of what git would track, by path. */
export function tracked(store: FlowStore): Record<string, string> {
  return Object.fromEntries(
    Object.entries(snapshot(store.root))
      .filter(([path, { kind }]) => kind !== "folder" && !path.startsWith("local"))
      .map(([path, { bytes }]) => [path, bytes]),
  );
}

/** Runs `act`, which must be refused, and shows that no tracked byte has changed. */
export async function refusedWithoutTrace(
  store: FlowStore,
  code: FlowErrorCode,
  act: () => Promise<unknown>,
): Promise<FlowError> {
  const before = tracked(store);
  const error = await refused(code, act);
  assert.deepEqual(tracked(store), before);
  return error;
}

/** The path of the file that holds a feature. */
export function fileOf(store: FlowStore, feature: Pick<Feature, "id" | "uid">): string {
  const ending = `-${feature.uid.slice(-6).toLowerCase()}.json`;
  const folder = join(store.root, "features");
  const name = readdirSync(folder).find(
    (one) => one.startsWith(`${feature.id}-`) && one.endsWith(ending),
  );
  assert.ok(name !== undefined, `there is no file of feature ${feature.id}`);
  return join(folder, name);
}

/** A feature's document as its file holds it now. */
export function documentOf(
  store: FlowStore,
  feature: Pick<Feature, "id" | "uid">,
): Record<string, unknown> {
  return JSON.parse(readFileSync(fileOf(store, feature), "utf8")) as Record<string, unknown>;
}

/** Every event of a feature as `type field old>new by agent`. */
export async function told(store: FlowStore, id: number | string): Promise<string[]> {
  return (await store.changes.getEvents(id)).map(shown);
}

export function shown(event: ChangeEvent): string {
  const { eventType, field, oldValue, newValue } = event;
  return field === null ? eventType : `${eventType} ${field} ${oldValue}>${newValue}`;
}

/** Waits until `holds`, looking every few milliseconds; fails after `limitMs`. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  limitMs = 5000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `it did not come true within ${limitMs} ms`);
    await sleep(2);
  }
}

/** A hand edit may go unseen for this long. */
export const FRESH_MS = 20;

/** Lets `ms` pass by the clock that the promise speaks of. */
export async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await until(() => performance.now() >= end);
}

/** Keeps what `onWarning` is told. */
export function warnings(): { findings: Finding[]; onWarning: (finding: Finding) => void } {
  const findings: Finding[] = [];
  return { findings, onWarning: (finding) => void findings.push(finding) };
}

export function ids(features: readonly Pick<Feature, "id">[]): number[] {
  return features.map(({ id }) => id);
}
