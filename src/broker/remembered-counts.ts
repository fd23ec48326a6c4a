import type { DirectRead } from './direct-read.js';

/** From so many messages on a count is remembered: the server goes through all that match, 50 ms for half a million. */
const LARGE = 20_000;
const REFRESH_MS = 1_000;
/** A count is taken anew once so many times its own duration have passed, which is 5 % of one core of the server. */
const REST = 20;

interface Known {
  /** How many messages matched up to the sequence `upTo`. */
  base: number;
  upTo: number;
  /** By `performance.now()`. */
  staleMs: number;
}

/**
 * How many messages filters match. A small number is counted each time. Of a large one only what has come since is, and what was
 * removed shows some seconds later.
 */
export class RememberedCounts {
  readonly #read: Pick<DirectRead, 'count' | 'last'>;
  readonly #known = new Map<string, Known>();
  readonly #refreshing = new Map<string, Promise<void>>();

  constructor(read: Pick<DirectRead, 'count' | 'last'>) {
    this.#read = read;
  }

  async of(stream: string, filter: string): Promise<number> {
    const key = `${stream} ${filter}`;
    const known = this.#known.get(key);
    if (known) {
      if (performance.now() > known.staleMs) void this.#refresh(key, stream, filter);
      return known.base + (await this.#read.count(stream, filter, known.upTo + 1));
    }
    const count = await this.#read.count(stream, filter);
    if (count < LARGE) return count;
    // What has come in between is missing until the count is taken anew.
    const upTo = (await this.#read.last(stream, '>'))?.seq ?? 0;
    this.#known.set(key, { base: count, upTo, staleMs: performance.now() + REFRESH_MS });
    return count;
  }

  /** Never rejects. */
  #refresh(key: string, stream: string, filter: string): Promise<void> {
    const running = this.#refreshing.get(key);
    if (running) return running;
    const refreshed = this.#measure(key, stream, filter)
      .catch(() => {})
      .finally(() => this.#refreshing.delete(key));
    this.#refreshing.set(key, refreshed);
    return refreshed;
  }

  async #measure(key: string, stream: string, filter: string): Promise<void> {
    const upTo = (await this.#read.last(stream, '>'))?.seq ?? 0;
    const began = performance.now();
    const [all, after] = await Promise.all([
      this.#read.count(stream, filter),
      this.#read.count(stream, filter, upTo + 1),
    ]);
    const tookMs = performance.now() - began;
    if (all < LARGE) this.#known.delete(key);
    else {
      const staleMs = performance.now() + Math.max(REFRESH_MS, REST * tookMs);
      this.#known.set(key, { base: all - after, upTo, staleMs });
    }
  }
}
