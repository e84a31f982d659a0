/**
 * The last event of each stream, without holding the events themselves: what `updatedAt` is made
 * of. So that a program that has just started need not read the whole log for it, writers leave
 * what they know in `local/cache/`; it is used only as far as it agrees with the segments, and
 * losing it changes no answer.
 */

import type { Disk } from "../disk/disk.ts";
import { isFlowError } from "../errors.ts";
import { decodeEventHead, type EventLine } from "./event-lines.ts";
import { checksum } from "./hash.ts";
import type { FileChange } from "./journal-lines.ts";
import { CACHE, inFolder, segmentsIn } from "./layout.ts";
import { openSegment } from "./segment-files.ts";
import { JOINT_BYTES, Segments } from "./segments.ts";
import type { Overlay } from "./overlay.ts";

/** When so much of the log is not in the cache (10 ms to read), a writer writes it anew. */
const WORTH_CACHING_BYTES = 256 * 1024;
const CACHE_VERSION = 1;
/** The name tells how much of the log the cache covers, so that nobody opens it to learn that. */
const CACHE_PATTERN = /^last-events-(\d+)\.json$/;

/** When a stream's last event was, and which it is. */
export interface LastEvent {
  readonly id: string;
  readonly createdAt: string;
}

interface CacheFile {
  readonly version: number;
  readonly segments: Readonly<
    Record<string, readonly [bytes: number, lines: number, joint: string]>
  >;
  readonly last: Readonly<Record<string, readonly [id: string, createdAt: string]>>;
  /** Of all that stands before it. */
  readonly crc: string;
}

export class LastEvents {
  readonly #disk: Disk;
  readonly #segments: Segments;
  readonly #last = new Map<string, LastEvent>();
  #isLoaded = false;
  #mustRestart = false;

  constructor(disk: Disk, overlay: Overlay) {
    this.#disk = disk;
    const use = {
      decode: decodeEventHead,
      added: (event: EventLine) => this.#note(event),
      keepsEvents: false,
    };
    this.#segments = new Segments(disk, overlay, use, () => {
      this.#mustRestart = true;
    });
  }

  /** Nothing is known about what happened since the last look. */
  distrust(): void {
    this.#segments.distrust();
  }

  /** Takes over what a commit adds to the log. */
  committed(changes: readonly FileChange[]): void {
    this.#segments.committed(changes);
  }

  /** Brings it up to date, as seen at `since` or later. */
  refresh(names: readonly string[], since: number, lookedAt: number): void {
    if (!this.#isLoaded) this.#load(names);
    this.#isLoaded = true;
    this.#segments.refresh(names, since, lookedAt);
    if (!this.#mustRestart) return;
    // Git took events away: what remains is only known from all of them.
    this.#last.clear();
    this.#segments.clear();
    this.#segments.refresh(names, since, lookedAt);
    this.#mustRestart = false;
  }

  /** The last event of a stream; `null` for one without. Call {@link refresh} before. */
  of(stream: string): LastEvent | null {
    return this.#last.get(stream) ?? null;
  }

  #note({ stream, id, createdAt }: EventLine): void {
    const last = this.#last.get(stream);
    if (last === undefined || last.id < id) this.#last.set(stream, { id, createdAt });
  }

  // ---- the cache -----------------------------------------------------------------------------

  #load(names: readonly string[]): void {
    const cache = this.#readCache();
    if (cache === null) return;
    const segments = Object.entries(cache.segments);
    const there = new Set(segmentsIn(names));
    if (
      !segments.every(
        ([name, [bytes, , joint]]) => there.has(name) && this.#holds(name, bytes, joint),
      )
    ) {
      return;
    }
    for (const [name, [bytes, lines, joint]] of segments) {
      this.#segments.restore(name, bytes, lines, joint);
    }
    for (const [stream, [id, createdAt]] of Object.entries(cache.last)) {
      this.#last.set(stream, { id, createdAt });
    }
  }

  #readCache(): CacheFile | null {
    try {
      const name = this.#cacheName();
      const text = name === null ? null : this.#disk.readText(inFolder(CACHE, name));
      if (text === null) return null;
      const at = text.lastIndexOf(CRC_START);
      if (at < 0 || text.slice(at) !== sealOf(text.slice(0, at))) return null;
      const cache = JSON.parse(text) as CacheFile;
      return cache.version === CACHE_VERSION ? cache : null;
    } catch (error) {
      // Damaged or not to be read: then the log itself is read.
      if (isFlowError(error)) return null;
      throw error;
    }
  }

  /** Whether a segment still begins with what the cache was made of, by the bytes at its end. */
  #holds(name: string, bytes: number, joint: string): boolean {
    const segment = openSegment(this.#disk, name);
    if (segment === null) return false;
    try {
      if (segment.size < bytes) return false;
      return checksum(segment.read(Math.max(0, bytes - JOINT_BYTES), bytes)) === joint;
    } finally {
      segment.close();
    }
  }

  /** The cache that covers most; `null` without one. */
  #cacheName(): string | null {
    const names = (this.#disk.list(CACHE) ?? []).filter((name) => CACHE_PATTERN.test(name));
    return names.sort((a, b) => coveredBy(a) - coveredBy(b)).at(-1) ?? null;
  }

  /** Whether a log of so many bytes has grown so far beyond the cache that a new one is due. */
  isCacheDue(logBytes: number): boolean {
    const name = this.#cacheName();
    return logBytes - (name === null ? 0 : coveredBy(name)) >= WORTH_CACHING_BYTES;
  }

  /** Names of caches that a new one replaces. */
  oldCaches(): string[] {
    return (this.#disk.list(CACHE) ?? []).filter((name) => CACHE_PATTERN.test(name));
  }

  /** The cache as it should be now. Call {@link refresh} before. */
  toCache(): { readonly name: string; readonly text: string } {
    const segments: Record<string, readonly [number, number, string]> = {};
    let total = 0;
    for (const [name, { bytes, lines, joint, open }] of this.#segments.byName) {
      if (open.length > 0) continue;
      segments[name] = [bytes, lines, joint];
      total += bytes;
    }
    const last = Object.fromEntries(
      [...this.#last].map(([stream, { id, createdAt }]) => [stream, [id, createdAt]]),
    );
    const body = JSON.stringify({ version: CACHE_VERSION, segments, last }).slice(0, -1);
    return { name: `last-events-${total}.json`, text: `${body}${sealOf(body)}` };
  }
}

function coveredBy(name: string): number {
  return Number(CACHE_PATTERN.exec(name)?.[1] ?? 0);
}

const CRC_START = ',"crc":"';

function sealOf(body: string): string {
  return `${CRC_START}${checksum(body)}"}\n`;
}
