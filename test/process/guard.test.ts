/** The guard among processes: whoever is dead or silent is passed over, nobody else is. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { isFlowError } from "#src/errors.js";
import { ioError } from "#src/disk/io-error.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { wrapDisk } from "#src/disk/wrapped-disk.js";
import { Guard } from "#src/storage/guard.js";
import { GUARD, GUARD_QUEUE, inFolder } from "#src/storage/layout.js";
import { storageOptions } from "../storage/support.ts";
import { Contender, deadOwner, guardedRoot, leaveDeadHolder } from "./contenders.ts";
import { newGuard } from "./guard.worker.ts";

const ABA_ROUNDS = Number(process.env["GUARD_ROUNDS"] ?? 50);

async function take(guard: Guard, timeoutMs = 10_000): Promise<number> {
  const began = performance.now();
  await guard.take(timeoutMs);
  return performance.now() - began;
}

describe("the guard", () => {
  test("of a dead holder is taken at once", async () => {
    const { root } = guardedRoot();
    const holder = await Contender.start(root);
    await holder.tell({ act: "take", timeoutMs: 1000 });
    await holder.end();
    const guard = newGuard(root);
    const took = await take(guard);
    await guard.release();
    assert.ok(took < 250, `took ${took} ms`);
  });

  test("of a silent holder is taken after a second, and its late release harms nobody", async () => {
    const { root, disk } = guardedRoot();
    const holder = await Contender.start(root);
    await holder.tell({ act: "take", timeoutMs: 1000 });
    holder.child.kill("SIGSTOP");
    const guard = newGuard(root);
    const took = await take(guard);
    assert.ok(took > 700 && took < 4000, `took ${took} ms`);
    const before = disk.list(GUARD);
    holder.child.kill("SIGCONT");
    await holder.tell({ act: "release" });
    assert.deepEqual(disk.list(GUARD), before, "the living holder's files are there");
    assert.ok(guard.isHeld);
    const { error } = await holder.tell({ act: "take", timeoutMs: 50 });
    assert.equal(error?.code, "TIMEOUT");
    await guard.release();
    await holder.end();
  });

  test("lets in one at a time, and everybody in turn", async () => {
    const { root } = guardedRoot();
    const all = await Promise.all(Array.from({ length: 6 }, () => Contender.start(root)));
    const answers = await Promise.all(all.map((one) => one.tell({ act: "contend", ms: 1500 })));
    await Promise.all(all.map((one) => one.end()));
    const turns = answers.map((answer) => answer.turns ?? 0);
    const overlaps = answers.reduce((sum, answer) => sum + (answer.overlaps ?? 0), 0);
    assert.equal(overlaps, 0, `${overlaps} overlaps of ${turns.join(" ")}`);
    const fair = turns.reduce((sum, one) => sum + one, 0) / turns.length;
    assert.ok(Math.min(...turns) > fair * 0.4, `turns ${turns.join(" ")}`);
  });

  test("of a dead holder has one winner at a time with 16 waiters", async () => {
    const { root, disk } = guardedRoot();
    const all = await Promise.all(Array.from({ length: 4 }, () => Contender.start(root)));
    for (let round = 1; round <= ABA_ROUNDS; round += 1) {
      leaveDeadHolder(disk);
      const answers = await Promise.all(all.map((one) => one.tell({ act: "race", waiters: 4 })));
      const overlaps = answers.reduce((sum, answer) => sum + (answer.overlaps ?? 0), 0);
      assert.equal(overlaps, 0, `round ${round}`);
    }
    await Promise.all(all.map((one) => one.end()));
  });

  test("is taken past a dead ticket at the head of the queue, which goes", async () => {
    const { root, disk } = guardedRoot();
    const ticket = inFolder(GUARD_QUEUE, "000000000-dead.json");
    disk.create(ticket, JSON.stringify(deadOwner()));
    const guard = newGuard(root);
    const took = await take(guard);
    await guard.release();
    assert.ok(took < 250, `took ${took} ms`);
    assert.equal(disk.stat(ticket), null);
  });

  test("is not given up for a dead ticket from a clock that was ahead, which goes", async () => {
    const { root, disk } = guardedRoot();
    const ticket = inFolder(GUARD_QUEUE, "zzzzzzzzz-dead.json");
    disk.create(ticket, JSON.stringify(deadOwner()));
    const guard = newGuard(root);
    await take(guard);
    assert.equal(guard.isWanted(), false);
    await guard.release();
    assert.equal(disk.stat(ticket), null);
  });

  test("is not waited for again and again because of a ticket that nobody will ever use", async () => {
    const { root, disk } = guardedRoot();
    // Of a container that is gone: from here nobody can tell whether its process lives.
    const ticket = inFolder(GUARD_QUEUE, "000000000-gone.json");
    disk.create(ticket, JSON.stringify({ ...deadOwner(), pidNamespace: "pid:[1]" }));
    const guard = newGuard(root);
    await take(guard);
    await guard.release();
    assert.equal(disk.stat(ticket), null);
    // A young one keeps its place.
    const young = `${Date.now().toString(36).padStart(9, "0")}-young.json`;
    disk.create(
      inFolder(GUARD_QUEUE, young),
      JSON.stringify({ ...deadOwner(), pidNamespace: "pid:[1]" }),
    );
    await take(guard);
    await guard.release();
    assert.deepEqual(disk.list(GUARD_QUEUE), [young]);
  });

  test("that may not be tried is a failure, not a holder", async () => {
    const { root } = guardedRoot();
    for (const operation of ["makeFolder", "create", "list"]) {
      const disk = wrapDisk(nodeDisk(root), (name, path, act) => {
        if (name === operation && path.startsWith(GUARD)) throw ioError(name, path, "EACCES");
        return act();
      });
      const guard = new Guard(disk, { ...storageOptions(disk), nowIso: () => "" });
      const began = performance.now();
      await assert.rejects(
        guard.take(5000),
        (error) => isFlowError(error, "IO") && error.context["errno"] === "EACCES",
      );
      assert.ok(performance.now() - began < 1000, "at once");
      assert.equal(guard.isHeld, false);
    }
    const guard = newGuard(root);
    const took = await take(guard);
    await guard.release();
    assert.ok(took < 250, `left held: took ${took} ms`);
  });

  test("that stays held names its holder when the time is over", async () => {
    const { root, disk } = guardedRoot();
    const holder = newGuard(root, "ada");
    await holder.take(1000);
    const waiter = newGuard(root);
    await assert.rejects(waiter.take(120), (error) => {
      assert.ok(isFlowError(error, "TIMEOUT"));
      const owner = error.context["holder"] as { actor: string; pid: number };
      assert.deepEqual([owner.actor, owner.pid], ["ada", process.pid]);
      assert.match(error.message, /ada/);
      assert.ok(error.retryable);
      return true;
    });
    await holder.release();
    assert.deepEqual(disk.list(GUARD_QUEUE), [], "its ticket is gone");
  });

  test("of a living holder is not taken because its time looks old", async () => {
    const { root, disk } = guardedRoot();
    const holder = newGuard(root, "ada");
    await holder.take(1000);
    // As where the clock was set on by months, or the file server's is behind by as much.
    disk.touch(inFolder(GUARD, "0.lock"), 0);
    await assert.rejects(newGuard(root).take(150), { code: "TIMEOUT" });
    assert.ok(holder.isHeld);
    await holder.release();
    assert.deepEqual(disk.list(GUARD), ["queue"]);
  });

  test("of another pid namespace is not taken at once", async () => {
    const { root, disk } = guardedRoot();
    leaveDeadHolder(disk, { pidNamespace: "pid:[1]" });
    const guard = newGuard(root);
    const took = await take(guard);
    await guard.release();
    assert.ok(took > 700, `took ${took} ms`);
  });

  test("of another boot is taken at once", async () => {
    const { root, disk } = guardedRoot();
    leaveDeadHolder(disk, { bootId: "before", pid: process.pid });
    const guard = newGuard(root);
    const took = await take(guard);
    await guard.release();
    assert.ok(took < 250, `took ${took} ms`);
  });
});
