/** The index and what follows from it, kept from look to look: what makes readers of the log. */

import type { Ledger } from "./ledger.ts";
import { IndexedReader } from "./indexed-reader.ts";
import type { LogIndex } from "./log-index.ts";
import { LogTwins } from "./log-twins.ts";
import { countUnnumbered, Unnumbered } from "./unnumbered.ts";
import type { NumberedEvent } from "./view.ts";

export class LogReaders {
  readonly index: LogIndex;
  readonly twins: LogTwins;
  #version = -1;
  #ledger: Ledger | null = null;
  /** Segments that held lines without a number when all of them were last looked at. */
  #candidates: readonly string[] = [];

  constructor(index: LogIndex) {
    this.index = index;
    this.twins = new LogTwins(index);
  }

  /** The log as the index and the ledger know it now. */
  reader(
    state: { readonly epoch: string | null; readonly ledger: Ledger },
    pending: readonly (readonly NumberedEvent[])[] = [],
  ): IndexedReader {
    return new IndexedReader(this, state, pending);
  }

  /** The lines without a number as of now. */
  unnumbered(ledger: Ledger): Unnumbered {
    const { index, twins } = this;
    if (this.#version !== index.version || this.#ledger !== ledger) {
      this.#version = index.version;
      this.#ledger = ledger;
      this.#candidates = index.names().filter((name) => {
        const facts = index.factsOf(name);
        return facts !== null && countUnnumbered(facts, ledger) > 0;
      });
    }
    // A number that was given stays; only a segment that grows comes to lines without one.
    const names = new Set([...this.#candidates, ...index.tails.keys()]);
    return new Unnumbered(index, twins, ledger, names);
  }
}
