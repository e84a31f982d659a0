/** Work that goes on as long as somebody needs it: the first member begins it, the last one ends it. */

export abstract class Members<Member> {
  protected readonly members = new Set<Member>();
  #ending: AbortController | null = null;

  /** Begins with the first member; ends by itself when the signal says so. */
  protected abstract follow(signal: AbortSignal): Promise<void>;

  /** @returns what ends the membership. */
  join(member: Member): () => void {
    this.members.add(member);
    if (this.#ending === null) {
      this.#ending = new AbortController();
      void this.follow(this.#ending.signal);
    }
    return () => {
      this.members.delete(member);
      if (this.members.size > 0) return;
      this.#ending?.abort();
      this.#ending = null;
    };
  }
}
