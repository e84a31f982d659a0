/**
 * A file system on a loop device, whose power can be cut: from that moment on nothing that was not
 * written reaches the device, not even the file system's own log. Root only, in a mount namespace
 * of its own, so that whatever happens the mount ends with the last process in it; and the device
 * lets go of itself, its image has no name.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What a power cut is tried on. */
export const FILE_SYSTEMS = ["ext4", "ext4 noauto_da_alloc", "xfs"] as const;
/** The kernel cuts no power of btrfs; it is only filled. */
export type FileSystemName = (typeof FILE_SYSTEMS)[number] | "btrfs";

/** The smallest that `mkfs.xfs` makes; the image has holes. */
const IMAGE_MEGABYTES = 320;
/** `EXT4_IOC_SHUTDOWN` and `XFS_IOC_GOINGDOWN`: the same number; 2 is "do not flush the log". */
const CUT = `
  sysopen(my $folder, $ARGV[0], 0) or die $!;
  $| = 1;
  print "ready\\n";
  <STDIN>;
  my $how = pack("L", 2);
  defined(ioctl($folder, 0x8004587d, $how)) or die "ioctl: $!";
  print "cut\\n";
`;
const GONE_MS = 10_000;

/** Larger and smaller pieces until nothing more fits. */
export const FILL = `
  size=0
  for piece in 67108864 16777216 4194304 1048576 262144 65536 16384 4096; do
    while fallocate --offset $size --length $piece "$1" 2>/dev/null; do
      size=$((size + piece))
    done
  done
`;

export class LoopDisk {
  /** Where it is mounted. */
  readonly folder: string;
  readonly #name: FileSystemName;
  readonly #device: string;
  /** Keeps the device while nothing is mounted. */
  readonly #hold: number;
  #cutter: ChildProcess | null = null;
  #isMounted = false;

  private constructor(name: FileSystemName, device: string, folder: string) {
    this.#name = name;
    this.#device = device;
    this.#hold = openSync(device, "r");
    this.folder = folder;
  }

  /** A fresh file system, not mounted yet; `folder` takes the image and the mount. */
  static make(name: FileSystemName, folder: string, megabytes = IMAGE_MEGABYTES): LoopDisk {
    const image = join(folder, "image");
    const mount = join(folder, "mount");
    rmSync(image, { force: true });
    writeFileSync(image, "");
    truncateSync(image, megabytes * 1024 * 1024);
    mkdirSync(mount, { recursive: true });
    makeFileSystem(name, image, megabytes);
    const device = run("losetup", "--find", "--show", image).trim();
    try {
      return new LoopDisk(name, device, mount);
    } finally {
      // In use, so it goes when nobody uses it any more, be it because all were killed.
      run("losetup", "--detach", device);
      rmSync(image);
    }
  }

  mount(): void {
    const options = this.#name === "ext4 noauto_da_alloc" ? ["-o", "noauto_da_alloc"] : [];
    run("mount", "-t", this.#type, ...options, this.#device, this.folder);
    this.#isMounted = true;
  }

  /** Gets ready to cut at once when it is asked. */
  async arm(): Promise<void> {
    const cutter = spawn("perl", ["-e", CUT, this.folder], { stdio: ["pipe", "pipe", "inherit"] });
    this.#cutter = cutter;
    await said(cutter, "ready");
  }

  /** Cuts the power. */
  async cut(): Promise<void> {
    const cutter = this.#cutter;
    if (cutter === null) throw new Error("The cutter is not armed");
    const ended = new Promise((resolve) => cutter.once("close", resolve));
    const done = said(cutter, "cut");
    cutter.stdin?.write("\n");
    await done;
    await ended;
    this.#cutter = null;
  }

  /** As after the power came back; nobody may use it any more. */
  async remount(): Promise<void> {
    await this.unmount();
    this.mount();
  }

  async unmount(): Promise<void> {
    if (!this.#isMounted) return;
    run("umount", this.folder);
    this.#isMounted = false;
    // What the kernel still knows of it must not be taken for what is on the device.
    const known = `/sys/fs/${this.#type}/${basename(this.#device)}`;
    for (let waited = 0; existsSync(known); waited += 1) {
      if (waited > GONE_MS) throw new Error(`${this.#device} is still in use after umount`);
      await sleep(1);
    }
  }

  /** Lets go of everything, whatever state it is in. */
  release(): void {
    this.#cutter?.kill("SIGKILL");
    // Lazily: whoever still works on it is being killed.
    if (this.#isMounted) run("umount", "--lazy", this.folder);
    this.#isMounted = false;
    closeSync(this.#hold);
  }

  get #type(): "ext4" | "xfs" | "btrfs" {
    return this.#name === "ext4 noauto_da_alloc" ? "ext4" : this.#name;
  }
}

function makeFileSystem(name: FileSystemName, image: string, megabytes: number): void {
  if (name === "xfs") {
    run("mkfs.xfs", "-q", "-f", ...(megabytes < 300 ? ["--unsupported"] : []), image);
  } else if (name === "btrfs") {
    // Small files and names from the same room as everything else: full means full.
    run("mkfs.btrfs", "-q", "--mixed", "--metadata", "single", "--data", "single", image);
  } else {
    run("mkfs.ext4", "-q", "-F", "-b", "4096", image);
  }
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

async function said(child: ChildProcess, word: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`The cutter ended (${code}) before "${word}"`)));
    child.stdout?.on("data", (data) => {
      if (String(data).includes(word)) resolve();
    });
  });
}
