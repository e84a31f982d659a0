/** The bytes of one file of the memory disk. */

/** A file's bytes. Copies are free until one of them is written to. */
export class Content {
  /** Room for more than is written; what is beyond the size is zeros. */
  #bytes = Buffer.alloc(0);
  #size = 0;
  /** Whether another content has the same bytes. */
  #shared = false;

  get size(): number {
    return this.#size;
  }

  /** The bytes themselves, not a copy. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  /** Another content of the same bytes. */
  share(): Content {
    const other = new Content();
    other.#bytes = this.#bytes;
    other.#size = this.#size;
    other.#shared = this.#shared = true;
    return other;
  }

  /** A gap between the end and `position` reads as zeros. */
  write(position: number, data: Buffer): void {
    const end = position + data.length;
    if (this.#shared || end > this.#bytes.length) {
      const grown = Buffer.alloc(end > this.#bytes.length ? end * 2 : this.#bytes.length);
      this.view().copy(grown);
      this.#bytes = grown;
      this.#shared = false;
    }
    data.copy(this.#bytes, position);
    this.#size = Math.max(this.#size, end);
  }
}
