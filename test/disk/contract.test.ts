import { countingDisk } from "#src/disk/counting-disk.js";
import { faultyDisk } from "#src/disk/faulty-disk.js";
import { MemoryDisk } from "#src/disk/memory-disk.js";
import { nodeDisk } from "#src/disk/node-disk.js";
import { diskContract } from "./disk-contract.ts";
import { tempFolder } from "./temp-folder.ts";

diskContract("node disk", () => nodeDisk(tempFolder()));
diskContract("memory disk", () => new MemoryDisk());
diskContract("memory disk after a crash", () => new MemoryDisk().crash("nothing"));
diskContract("faulty disk without a plan", () => faultyDisk(nodeDisk(tempFolder())));
diskContract("counting disk", () => countingDisk(nodeDisk(tempFolder())));
