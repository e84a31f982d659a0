/** What is on a disk in memory, as it goes from one thread to another. */
import { Tree } from "#src/disk/memory-tree.js";

interface WireNode {
  readonly ino: number;
  readonly nlink: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  /** Of a file its bytes, of a folder its names. */
  readonly content: Uint8Array | readonly (readonly [string, number])[];
}

export interface WireTree {
  readonly nodes: readonly WireNode[];
  readonly nextIno: number;
  readonly dev: number;
}

export function treeToWire({ tree, dev }: { tree: Tree; dev: number }): WireTree {
  const nodes = [...tree.nodes.values()].map((node) => {
    const { ino, nlink, mtimeMs, ctimeMs } = node;
    const content = node.kind === "file" ? node.content.view() : [...node.entries];
    return { ino, nlink, mtimeMs, ctimeMs, content };
  });
  return { nodes, nextIno: tree.nextIno, dev };
}

export function treeFromWire({ nodes, nextIno, dev }: WireTree): { tree: Tree; dev: number } {
  const tree = new Tree();
  for (const { ino, nlink, mtimeMs, ctimeMs, content } of nodes) {
    const node = tree.make(ino, !(content instanceof Uint8Array), mtimeMs);
    if (node.kind === "file") {
      if (content instanceof Uint8Array) node.content.write(0, Buffer.from(content));
    } else if (!(content instanceof Uint8Array)) {
      for (const [name, entry] of content) node.entries.set(name, entry);
    }
    Object.assign(node, { nlink, mtimeMs, ctimeMs });
  }
  tree.nextIno = nextIno;
  return { tree, dev };
}
