/**
 * What a body is given, one result after the other, in the order in which they were recorded. So a
 * body that does several things side by side finds in each later run what it found in the first:
 * the same one wins a race, and its branches begin their next steps in the same order.
 */

interface Waiting {
  readonly order: number;
  readonly go: () => void;
}

/** The results that one run of a body waits for. */
export class Deliveries {
  readonly #waiting: Waiting[] = [];
  #isDue = false;

  /**
   * Until it is the turn of what was recorded under that id. Between two turns the body goes on as
   * far as it can, and asks for what comes next.
   *
   * @param order Infinity: after all that was recorded
   */
  async turn(order: number): Promise<void> {
    await new Promise<void>((go) => {
      this.#waiting.push({ order, go });
      this.#arrange();
    });
  }

  #arrange(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    // Behind all that the body does by itself, and no turn of the event loop later: of those each
    // would cost as much as whatever else the process is busy with.
    queueMicrotask(() => process.nextTick(() => this.#deliver()));
  }

  #deliver(): void {
    this.#isDue = false;
    this.#next()?.go();
    if (this.#waiting.length > 0) this.#arrange();
  }

  /** Of equal ones the first that came. */
  #next(): Waiting | undefined {
    let first = 0;
    for (const [at, { order }] of this.#waiting.entries())
      if (order < (this.#waiting[first]?.order ?? Infinity)) first = at;
    return this.#waiting.splice(first, 1)[0];
  }
}
