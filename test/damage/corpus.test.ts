/**
 * Every tree of `fixtures/damaged`: what `check` finds and the command line says, what readers
 * show, what `repair` makes of it, and that not a byte of it is gone afterwards.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";

import { FlowError, FlowStore, type Finding, type RepairReport } from "flowstore";

import { exitCodeOf } from "#src/cli/exit-codes.js";

import { QUICK, snapshot, type Entry } from "../features/support.ts";
import { Child } from "../process/store-children.ts";
import { tempFolder } from "../storage/support.ts";
import { caseNames, makeTree, readCase, type Case } from "./corpus.ts";
import { shownBy, without } from "./corpus-view.ts";
import type { Called } from "./corpus.worker.ts";

const EXIT_FOUND_ERRORS = 4;
const FOLDER = tempFolder();
const names = caseNames();
const called = new Map<string, Called>();
let healthy: readonly string[] = [];

/** A finding in one line; what is kept aside bears a name of chance. */
function line({ severity, file, line: number, rule }: Finding): string {
  const place = file.replace(/^(local\/quarantine\/)[0-9a-z]{12}-/, "$1*-");
  return `${severity} ${place}${number === undefined ? "" : `:${number}`} ${rule}`;
}

function rootOf(name: string): string {
  return join(FOLDER, name, ".flow");
}

/** What is expected to be shown, by what is missing of the healthy tree and what is new. */
function expected({ gone = [], shown = [] }: Case["after"] & object): string[] {
  const left = without(healthy, gone);
  assert.equal(left.length, healthy.length - gone.length, "gone names what was never shown");
  return [...left, ...shown].toSorted();
}

/** The engine's own: nothing that anybody told it. */
const ENGINE = /^local\/(?:journal|guard|fence|cache)\//;
/** They grow. */
const LOGS = /^(?:events|local\/lock-log)\//;

/** Files of the journal that a later write must not remove: of these `check` says that others lack a part. */
function hurtJournals({ findings = [], spent = [] }: Case): string[] {
  const pattern = /^error (local\/journal\/[^ :]+)(?::\d+)? journal-(?:damaged|twice)$/;
  return findings.flatMap((finding) => {
    const [, file] = pattern.exec(finding) ?? [];
    return file === undefined || spent.includes(file) ? [] : [file];
  });
}

/** Which of these are neither in their place any more nor kept aside. */
function journalsGone(
  files: readonly string[],
  original: Record<string, Entry>,
  now: Record<string, Entry>,
): string[] {
  const kept = Object.entries(now).filter(([path]) =>
    /^local\/(?:journal|quarantine)\//.test(path),
  );
  return files.filter((file) => {
    const bytes = original[file]?.bytes ?? "";
    return !kept.some(([, entry]) => entry.kind === "file" && entry.bytes.startsWith(bytes));
  });
}

/** What was in a tree and is nowhere in it any more. */
function missing(original: Record<string, Entry>, now: Record<string, Entry>): string[] {
  const kept = new Set(Object.values(now).map(({ kind, bytes }) => `${kind} ${bytes}`));
  return Object.entries(original)
    .filter(([path, { kind }]) => kind !== "folder" && !ENGINE.test(path))
    .filter(([path, { kind, bytes }]) => {
      if (kind === "file" && (bytes === "" || kept.has(`file ${bytes}`))) return false;
      const there = now[path];
      if (there?.kind !== kind) return true;
      return LOGS.test(path) ? !there.bytes.startsWith(bytes) : there.bytes !== bytes;
    })
    .map(([path]) => path);
}

before(async () => {
  for (const name of names) {
    mkdirSync(join(FOLDER, name));
    makeTree(rootOf(name), readCase(name));
  }
  const store = await FlowStore.open(rootOf("healthy"), { readOnly: true });
  healthy = await shownBy(store);
  await store.close();
  const child = Child.start({ after: () => undefined }, "../damage/corpus", [
    ...names.map((name) => join(FOLDER, name)),
  ]);
  await child.done();
  for (const [index, text] of child.lines.entries())
    called.set(names[index] ?? "", JSON.parse(text) as Called);
});

async function checkRefused(root: string, code: string): Promise<void> {
  const original = snapshot(root);
  const isRefused = (error: unknown): boolean => error instanceof FlowError && error.code === code;
  await assert.rejects(async () => {
    const store = await FlowStore.open(root, QUICK);
    try {
      await store.check();
    } finally {
      await store.close();
    }
  }, isRefused);
  assert.deepEqual(missing(original, snapshot(root)), []);
}

/** What `status` names; it counts features, so that without them there is none. */
async function problemsOf(store: FlowStore): Promise<string[]> {
  try {
    return (await store.status()).problems.map(line);
  } catch (error) {
    const features = await store.features.getAll().catch((caught: unknown) => caught);
    assert.deepEqual(error, features);
    return [];
  }
}

async function checkReader(root: string, one: Case): Promise<void> {
  const original = snapshot(root);
  const store = await FlowStore.open(root, { readOnly: true });
  const found = (await store.check()).map(line);
  assert.deepEqual(found, one.findings ?? [], "findings");
  assert.deepEqual(without(await problemsOf(store), found), [], "status names what check does not");
  assert.deepEqual(await shownBy(store), expected(one), "shown");
  await store.close();
  assert.deepEqual(snapshot(root), original, "reading has written");
}

function outcomeOf({ done, left }: RepairReport): { done: string[]; left: string[] } {
  return { done: done.map(line), left: left.map(line) };
}

async function checkRepair(root: string, one: Case): Promise<void> {
  const original = snapshot(root);
  const store = await FlowStore.open(root, QUICK);
  const { findings = [], done = [], left = without(findings, done), after = one } = one;
  const dry = outcomeOf(await store.repair({ dryRun: true }));
  assert.deepEqual(dry, { done: dry.done, left: without(findings, dry.done) }, "a dry run");
  assert.deepEqual(without(done, dry.done), [], "a dry run promises less");
  assert.deepEqual(snapshot(root), original, "a dry run has written");

  const report = await store.repair();
  assert.deepEqual(outcomeOf(report), { done, left }, "repair");
  const now = snapshot(root);
  assert.deepEqual(missing(original, now), one.replaced ?? [], "bytes that are gone");
  const copies = Object.entries(now)
    .filter(([path, { kind }]) => kind === "file" && path.startsWith(`${report.backup}/`))
    .map(([path]) => path.slice(`${report.backup}/`.length));
  assert.deepEqual(copies.toSorted(), one.backup ?? [], "copies");
  assert.deepEqual((await store.check()).map(line), left, "check afterwards");
  assert.deepEqual(await shownBy(store), expected(after), "shown afterwards");
  assert.deepEqual(outcomeOf(await store.repair()), { done: [], left }, "repair again");
  await store.close();
  const hurt = hurtJournals(one);
  if (hurt.length === 0) return;
  const another = await FlowStore.open(root, QUICK);
  // So many that the journal goes on in a new file, with numbers above those of the damaged one.
  for (let count = 0; count < 45; count += 1) {
    await another.settings.set("one more", `${"x".repeat(8000)}${count}`);
  }
  await another.close();
  assert.deepEqual(journalsGone(hurt, original, snapshot(root)), [], "journals that are gone");
}

describe("a damaged tree", () => {
  for (const name of names) {
    const one = readCase(name);
    test(`${name}: ${one.title}`, async () => {
      const root = rootOf(name);
      const { exit, out } = called.get(name) ?? { exit: null, out: "{}" };
      const envelope = JSON.parse(out) as { data?: Finding[] };
      if (one.refused !== undefined) {
        assert.equal(exit, exitCodeOf(one.refused as FlowError["code"]));
        await checkRefused(root, one.refused);
        return;
      }
      const findings = one.findings ?? [];
      const hasErrors = findings.some((finding) => finding.startsWith("error "));
      assert.deepEqual((envelope.data ?? []).map(line), findings, "what the command line finds");
      assert.equal(exit, hasErrors ? EXIT_FOUND_ERRORS : 0);
      await checkReader(root, one);
      if (one.repairRefused === undefined) await checkRepair(root, one);
      else await checkRepairRefused(root, one.repairRefused);
    });
  }

  test("there are enough of them, and each says how it came to be", () => {
    assert.ok(names.length >= 100, `${names.length} cases`);
    for (const name of names) assert.notEqual(readCase(name).how, "", name);
  });
});

async function checkRepairRefused(root: string, code: string): Promise<void> {
  const original = snapshot(root);
  const store = await FlowStore.open(root, QUICK);
  await assert.rejects(store.repair(), { code });
  await store.close();
  assert.deepEqual(missing(original, snapshot(root)), [], "bytes that are gone");
}
