import type { DirectRead } from './direct-read.js';

/** From so many messages on a count is remembered: the server goes through all that match, 50 ms for half a million. */
const LARGE = 20_000;
const REFRESH_MS = 1_000;
/** It is counted again after so many times as long as counting takes: 2.5 % of one core of the server. */
const REST = 40;
/** All are counted again now and then, in case that a replica which was behind has counted them. */
const RECOUNT_MS = 300_000;

interface Known {
  /** How many messages matched up to the sequence `upTo`. */
  base: number;
  upTo: number;
  /** What had been removed from the stream before that. */
  removed: string;
  staleMs: number;
  recountMs: number;
}

/** As much of a stream's state as says what was removed from it. */
export interface StreamExtent {
  created: string;
  state: { last_seq: number; messages: number };
}

/**
 * How many messages filters match. A small number is counted each time. Of a large one only what has come since is. As long as nothing is
 * removed from the stream, it is not counted again; what was removed shows some seconds later.
 */
export class RememberedCounts {
  readonly #read: Pick<DirectRead, 'count'>;
  readonly #extentOf: (stream: string) => Promise<StreamExtent>;
  readonly #known = new Map<string, Known>();

  constructor(read: Pick<DirectRead, 'count'>, extentOf: (stream: string) => Promise<StreamExtent>) {
    this.#read = read;
    this.#extentOf = extentOf;
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
    // What has come in between is missing until it is refreshed, and all are counted then: what was removed before is not known.
    const upTo = (await this.#extentOf(stream)).state.last_seq;
    const staleMs = performance.now() + REFRESH_MS;
    this.#known.set(key, { base: count, upTo, removed: '', staleMs, recountMs: 0 });
    return count;
  }

  /** Never rejects. */
  async #refresh(known: Known, key: string, stream: string, filter: string): Promise<void> {
    // Until it has ended no other one begins.
    known.staleMs = Number.POSITIVE_INFINITY;
    try {
      // Before the count: what is removed meanwhile makes another one.
      const { created, state } = await this.#extentOf(stream);
      const upTo = state.last_seq;
      // The same until something is removed, or the stream is made again.
      const removed = `${created} ${upTo - state.messages}`;
      const goesOn = removed === known.removed && performance.now() < known.recountMs;
      const began = performance.now();
      const countAfter = () => this.#read.count(stream, filter, upTo + 1);
      const [before, all, after] = await Promise.all([
        countAfter(),
        this.#read.count(stream, filter, goesOn ? known.upTo + 1 : 1),
        countAfter(),
      ]);
      const now = performance.now();
      const staleMs = now + Math.max(REFRESH_MS, REST * (now - began));
      // A message that came between two counts would be missing for as long as nothing is removed.
      const isExact = before === after;
      const base = (goesOn ? known.base : 0) + all - after;
      if (goesOn && !isExact) known.staleMs = staleMs;
      else if (base < LARGE) this.#known.delete(key);
      else {
        const recountMs = goesOn ? known.recountMs : now + RECOUNT_MS;
        this.#known.set(key, { base, upTo, removed: isExact ? removed : '', staleMs, recountMs });
      }
    } catch {
      // The next call tries again. Until then it gives what is known.
      known.staleMs = performance.now();
    }
  }
}
