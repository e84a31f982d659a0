/** Which file system a root lies on: some are shared between kernels, and appends are not safe there. */

import { statfsSync } from "node:fs";

import { errnoOf, ioError } from "./io-error.ts";

/** Linux's magic numbers (`statfs(2)`) of file systems that several kernels may share. */
const SHARED: ReadonlyMap<number, string> = new Map([
  [0x6969, "nfs"],
  [0x517b, "smb"],
  [0xfe534d42, "smb2"],
  [0xff534d42, "cifs"],
  [0x01021997, "9p"],
  // Also virtiofs, which bears the number of FUSE; some FUSE file systems are local.
  [0x65735546, "fuse"],
  [0x00c36400, "ceph"],
  [0x5346414f, "afs"],
  [0x6b414653, "afs"],
  [0x73757245, "coda"],
  [0x564c, "ncp"],
  [0x7461636f, "ocfs2"],
  [0x01161970, "gfs2"],
  [0x0bd00bd0, "lustre"],
  [0x47504653, "gpfs"],
  [0x786f4256, "vboxsf"],
  [0xbacbacbc, "vmhgfs"],
]);

const LOCAL: ReadonlyMap<number, string> = new Map([
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x01021994, "tmpfs"],
  [0x794c7630, "overlay"],
  [0x2fc12fc1, "zfs"],
  [0xf2f52010, "f2fs"],
  [0xca451a4e, "bcachefs"],
]);

/**
 * What file system `root` lies on, and whether several kernels may share it.
 *
 * Only Linux gives numbers that mean something; elsewhere the answer is `unknown`, not shared.
 *
 * @throws `IO` when `root` cannot be looked at
 */
export function fileSystemOf(root: string): { shared: boolean; name: string } {
  if (process.platform !== "linux") return { shared: false, name: "unknown" };
  let type: number;
  try {
    type = statfsSync(root).type >>> 0; // 32-bit systems give it with a sign.
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === null ? error : ioError("statfs", "", errno, error);
  }
  const shared = SHARED.get(type);
  if (shared !== undefined) return { shared: true, name: shared };
  return { shared: false, name: LOCAL.get(type) ?? `0x${type.toString(16)}` };
}
