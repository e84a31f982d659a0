/** Processes that want one guard, and holders that are dead. */

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { Disk } from "#src/disk/disk.js";
import { thisProcess } from "#src/disk/machine.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { GUARD, inFolder, LOCAL_FOLDERS } from "#src/storage/layout.js";
import { tempFolder } from "../storage/support.ts";
import type { Answer, Order } from "./guard.worker.ts";

const WORKER = fileURLToPath(new URL("./guard.worker.js", import.meta.url));
/** Nobody bears this pid. */
const DEAD_PID = 2 ** 30;

const children = new Set<ChildProcess>();

// Not a hook of the runner: attacks use this too.
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** A root with all that a guard needs. */
export function guardedRoot(): { root: string; disk: Disk } {
  const root = tempFolder();
  const disk = nodeDisk(root);
  for (const folder of LOCAL_FOLDERS) disk.makeFolder(folder);
  return { root, disk };
}

/** A process with a guard of its own. */
export class Contender {
  readonly child: ChildProcess;

  private constructor(root: string, env: Readonly<Record<string, string>>) {
    this.child = fork(WORKER, [root], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, ...env },
    });
    children.add(this.child);
  }

  static async start(root: string, env: Readonly<Record<string, string>> = {}): Promise<Contender> {
    const contender = new Contender(root, env);
    await once(contender.child, "message");
    return contender;
  }

  async tell(order: Order): Promise<Answer> {
    this.child.send(order);
    const [answer] = (await once(this.child, "message")) as [Answer];
    return answer;
  }

  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    children.delete(this.child);
    this.child.kill(signal);
    await once(this.child, "close");
  }
}

/** What the owner's file of a process says that is no more. */
export function deadOwner(): object {
  return { ...thisProcess(), pid: DEAD_PID, pidStart: null, actor: "dead", since: "" };
}

/** What a process leaves that was killed while it held the guard. */
export function leaveDeadHolder(disk: Disk, changed: object = {}): void {
  const numbers = (disk.list(GUARD) ?? []).map((name) => Number.parseInt(name, 10) || 0);
  const generation = Math.max(0, ...numbers);
  disk.makeFolder(inFolder(GUARD, `${generation}.lock`));
  disk.create(
    inFolder(GUARD, `${generation}.owner.json`),
    JSON.stringify({ ...deadOwner(), ...changed }),
  );
}
