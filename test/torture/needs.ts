/** What an attack needs and not every machine has. What is missing is said, never passed over. */
import { spawnSync } from "node:child_process";

import { whyNoStrace } from "../process/store-strace.ts";
import { whyNoStryker } from "./c17-mutants.ts";
import type { Need } from "./claim.ts";

/** For each need why it is not met here; `null` when it is. */
const LOOKS: Readonly<Record<Need, () => string | null>> = {
  linux: () => (process.platform === "linux" ? null : `this is ${process.platform}`),
  root: () => (process.getuid?.() === 0 ? null : "not the user root"),
  strace: whyNoStrace,
  faketime: () => whyNot("faketime", ["-f", "+0", "true"]),
  "loop devices": () => (process.getuid?.() === 0 ? whyNoLoopDevices() : "not root"),
  stryker: whyNoStryker,
};

/** Why a command does not work here; `null` when it does. */
export function whyNot(command: string, args: readonly string[]): string | null {
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined) return `${command} is missing`;
  return status === 0 ? null : `${command} failed: ${stderr.trim()}`;
}

/** A device, and what makes a file system on it, mounts it apart, and cuts its power. */
function whyNoLoopDevices(): string | null {
  const tools = ["mkfs.ext4", "mkfs.xfs", "unshare"].map((tool) => whyNot(tool, ["-V"]));
  const whys = [whyNot("losetup", ["-f"]), whyNot("perl", ["-v"]), ...tools];
  return whys.find((why) => why !== null) ?? null;
}

/** What is missing here, each with the reason; empty when the attack can run. */
export function missingNeeds(needs: readonly Need[]): string[] {
  return needs.flatMap((need) => {
    const why = LOOKS[need]();
    return why === null ? [] : [`${need} (${why})`];
  });
}
