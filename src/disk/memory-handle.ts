/** An open file of the memory disk. */

import { FlowError } from "../errors.ts";
import type { Handle, OpenMode } from "./disk.ts";
import { ioError } from "./io-error.ts";
import { statOf, type Effect, type Node } from "./memory-tree.ts";

/** The disk, as its open files see it. */
export interface HandleHost {
  readonly dev: number;
  /** Called before anything is read. */
  reading(operation: string): void;
  /** Called before anything is changed. */
  changing(operation: string): void;
  /** Does it; `null` is a change that changes nothing. */
  do(operation: string, effect: Effect | null): void;
}

/** Stays with `node` when its name is taken away or given to another. */
export function memoryHandle(path: string, node: Node, mode: OpenMode, host: HandleHost): Handle {
  let open = true;
  const { ino } = node;

  function check(operation: string): void {
    if (!open) throw ioError(operation, path, "EBADF");
  }

  return {
    path,
    stat() {
      host.reading("fstat");
      check("fstat");
      return statOf(node, host.dev);
    },
    read(buffer, offset, length, position) {
      host.reading("pread");
      check("pread");
      if (node.kind === "folder") throw ioError("pread", path, "EISDIR");
      const end = Math.min(position + length, node.content.size);
      return position >= end ? 0 : node.content.view().copy(buffer, offset, position, end);
    },
    write(data, position) {
      host.changing("write");
      if (mode === "write" && position === undefined) {
        throw new FlowError("INTERNAL", `A write to ${path} without a position`);
      }
      check("write");
      if (node.kind === "folder" || mode === "read") throw ioError("write", path, "EBADF");
      const at = mode === "append" ? node.content.size : (position ?? 0);
      const bytes = Buffer.from(data); // The caller may use its buffer again.
      host.do("write", bytes.length > 0 ? { kind: "write", ino, position: at, data: bytes } : null);
    },
    sync() {
      host.changing("sync");
      check("sync");
      host.do("sync", { kind: "syncFile", ino });
    },
    close() {
      host.reading("close");
      open = false;
    },
  };
}
