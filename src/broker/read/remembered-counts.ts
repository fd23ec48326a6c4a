import type { DirectRead } from './direct-read.js';

/** From so many messages on a count is remembered: the server goes through all that match, 50 ms for half a million. */
const LARGE = 20_000;
const REFRESH_MS = 1_000;
/** It is counted again after so many times as long as counting takes: 5 % of one core of the server. */
const REST = 20;

interface Known {
  /** How many messages matched up to the sequence `upTo`. */
  base: number;
  upTo: number;
  staleMs: number;
}

/**
 * How many messages filters match. A small number is counted each time. Of a large one only what has come since is, and what was
 * removed shows some seconds later.
 */
export class RememberedCounts {
  readonly #read: Pick<DirectRead, 'count' | 'last'>;
  readonly #known = new Map<string, Known>();

  constructor(read: Pick<DirectRead, 'count' | 'last'>) {
    this.#read = read;
  }

  async of(stream: string, filter: string): Promise<number> {
    const key = `${stream} ${filter}`;
    const known = this.#known.get(key);
    if (known) {
      if (performance.now() > known.staleMs) void this.#refresh(known, key, stream, filter);
      return known.base + (await this.#read.count(stream, filter, known.upTo + 1));
    }
    const count = await this.#read.count(stream, filter);
    if (count < LARGE) return count;
    // What has come in between is missing until all are counted again.
    const upTo = (await this.#read.last(stream, '>'))?.seq ?? 0;
    this.#known.set(key, { base: count, upTo, staleMs: performance.now() + REFRESH_MS });
    return count;
  }

  /** Never rejects. */
  async #refresh(known: Known, key: string, stream: string, filter: string): Promise<void> {
    // Until it has ended no other one begins.
    known.staleMs = Number.POSITIVE_INFINITY;
    try {
      const upTo = (await this.#read.last(stream, '>'))?.seq ?? 0;
      const began = performance.now();
      const [all, after] = await Promise.all([
        this.#read.count(stream, filter),
        this.#read.count(stream, filter, upTo + 1),
      ]);
      const tookMs = performance.now() - began;
      const staleMs = performance.now() + Math.max(REFRESH_MS, REST * tookMs);
      if (all < LARGE) this.#known.delete(key);
      else this.#known.set(key, { base: all - after, upTo, staleMs });
    } catch {
      // The next call tries again. Until then it gives what is known.
      known.staleMs = performance.now();
    }
  }
}
