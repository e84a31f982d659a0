/** Whether the process that a lock is bound to lives, where that is not plain. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { test } from "node:test";
import { isAlive, processOf, thisProcess } from "#src/disk/machine.js";
import { refused, until } from "../features/support.ts";
import { brief, gets, makeLocks } from "./lock-support.ts";
import { atEnd, killed } from "../at-end.ts";

test("one that has ended lives no more, though nobody has asked how it ended", async (context) => {
  const { locks } = await makeLocks(context);
  // The shell becomes a program that never asks after the child that it has begun.
  const parent = spawn("sh", ["-c", "sleep 300 & echo $!; exec sleep 300"]);
  atEnd(context, () => killed(parent));
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  await locks.acquire({ paths: ["x"], taskId: "a", bindToPid: pid });
  assert.equal((await locks.holders())[0]?.alive, true);
  assert.equal(await gets(locks, "x", "b"), false);
  process.kill(pid, "SIGKILL");
  await until(() => / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
  process.kill(pid, 0);
  assert.deepEqual(await locks.holders(), []);
  assert.equal((await locks.holders({ expired: true }))[0]?.alive, false);
  assert.equal(await gets(locks, "x", "b"), true);
  assert.deepEqual(brief((await locks.heartbeat("a")).lost), ["a write x"]);
  assert.equal(processOf(pid), null);
  await refused("BAD_REQUEST", locks.acquire({ paths: ["y"], taskId: "a", bindToPid: pid }));
});

test("of a boot that is known by its minute alone nothing is certain", () => {
  const self = thisProcess();
  assert.equal(isAlive(self), true);
  assert.equal(isAlive({ ...self, bootId: "another" }), false);
  assert.equal(isAlive({ ...self, bootId: "minute-29000000" }), null);
  const elsewhere = { ...self, host: `not-${hostname()}` };
  assert.equal(isAlive(elsewhere), null);
  assert.equal(isAlive({ ...elsewhere, bootId: "another" }), null);
});
