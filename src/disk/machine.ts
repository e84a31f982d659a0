/**
 * What tells one process, one boot and one machine from another. Only ever written below
 * `local/`, which git ignores.
 */

import { readFileSync, readlinkSync } from "node:fs";
import { hostname, uptime } from "node:os";

import { randomBytesOf } from "./random.ts";

/** Who a process is, so that another can tell whether it still lives. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot, so that a pid used again is told apart; else null. */
  readonly pidStart: string | null;
  /** The pid namespace: pids of two containers must not be compared. */
  readonly pidNamespace: string | null;
  readonly host: string;
  readonly bootId: string;
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    // Expected where there is no procfs, and for a process that has ended.
    if (isAbsence(error)) return null;
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ESRCH" || code === "ENOTDIR" || code === "EACCES";
}

function namespaceOf(pid: number | "self"): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch (error) {
    // Expected where there is no procfs.
    if (isAbsence(error) || (error as NodeJS.ErrnoException).code === "EINVAL") return null;
    throw error;
  }
}

/** What /proc/PID/stat tells; `null` where there is none. */
function statOf(pid: number | "self"): { start: string | null; hasEnded: boolean } | null {
  const text = textOf(`/proc/${pid}/stat`);
  if (text === null) return null;
  // From field 3 on: the name in field 2 may hold blanks and brackets.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = ""] = fields;
  // Nobody has asked yet how it ended: it has a number and does nothing any more. Only where its
  // first thread alone has ended do others of it live on.
  const hasEnded = /^[ZXx]$/.test(state) && Number(fields[17] ?? 1) <= 1;
  return { start: fields[19] ?? null, hasEnded };
}

const APPROXIMATE = "minute-";

/** Without procfs the boot is known by its minute, as far as the clock was not set since. */
function approximateBoot(): string {
  const bootMinute = Math.round((Date.now() / 1000 - uptime()) / 60);
  return `${APPROXIMATE}${bootMinute}`;
}

/** Whether two boots are certainly not the same; of an approximate one nothing is certain. */
function isOtherBoot(one: string, other: string): boolean {
  return one !== other && !one.startsWith(APPROXIMATE) && !other.startsWith(APPROXIMATE);
}

let own: ProcessIdentity | undefined;

/** This process. */
export function thisProcess(): ProcessIdentity {
  own ??= {
    pid: process.pid,
    pidStart: statOf("self")?.start ?? null,
    pidNamespace: namespaceOf("self"),
    host: hostname(),
    bootId: textOf("/proc/sys/kernel/random/boot_id") ?? approximateBoot(),
  };
  return own;
}

/** Another process of this machine, by its number here; `null` when there is none. */
export function processOf(pid: number): ProcessIdentity | null {
  const self = thisProcess();
  if (pid === self.pid) return self;
  // Its number is one of this namespace, whatever number it bears in its own.
  const other = { ...self, pid, pidStart: statOf(pid)?.start ?? null };
  return isAlive(other) === false ? null : other;
}

/** Whether that process still lives; `null` when it cannot be told from here. */
export function isAlive(other: ProcessIdentity): boolean | null {
  const self = thisProcess();
  if (other.host !== self.host) return null;
  if (isOtherBoot(other.bootId, self.bootId)) return false;
  if (other.bootId !== self.bootId) return null;
  if (other.pidNamespace !== self.pidNamespace) return null;
  try {
    process.kill(other.pid, 0);
  } catch (error) {
    // ESRCH: no such process. EPERM: it lives and is somebody else's.
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ESRCH") return false;
    if (code !== "EPERM") throw error;
  }
  const stat = statOf(other.pid);
  if (stat === null) return true;
  return !stat.hasEnded && (stat.start ?? other.pidStart) === (other.pidStart ?? stat.start);
}

const DIGITS = "0123456789abcdefghijklmnopqrstuv";
const NAME_LENGTH = 12;

/** A text that nobody else makes: 12 letters and digits (60 bits). */
export function randomName(): string {
  let name = "";
  for (const byte of randomBytesOf(NAME_LENGTH)) name += DIGITS.charAt(byte % DIGITS.length);
  return name;
}
