/** Single writes that may be under way at once; so many and more at a time are quicker in a batch. */
export const MAX_SINGLES = 512;
/** So many are sent to find out; while the answer is no, after pauses that double. */
export const PROBE_SIZE = 32;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
const SAMPLES = 32;

/**
 * Whether a stream takes writes one by one faster than in batches. A server that flushes each write, or agrees on it with
 * others, takes hundreds of microseconds for one; else it takes about 40, and then a batch, which costs milliseconds to
 * begin, pays only for many. No client can see how a server is set, so this measures: what a server answered to n writes
 * in t it did in t/n or less each, and nothing but the server makes that small.
 */
export class SingleWriteGauge {
  readonly #cheapMs: number;
  /** Milliseconds for each write, of the last bursts. */
  #samples: number[] = [];
  #underWay = 0;
  #isProbing = false;
  #probedAt = Number.NEGATIVE_INFINITY;
  #pauseMs = 0;

  /** @param cheapMs a write that takes less is cheap */
  constructor(cheapMs: number) {
    this.#cheapMs = cheapMs;
  }

  /** Whether one more write had better go by itself, beside `waiting` that will. */
  accepts(waiting: number): boolean {
    return this.#underWay + waiting < MAX_SINGLES && this.#samples.some((ms) => ms < this.#cheapMs);
  }

  /** While true nothing else should be sent: it would be measured along. */
  get isProbing(): boolean {
    return this.#isProbing;
  }

  /** Whether it is time to find out: then `PROBE_SIZE` writes go by themselves, and nothing else meanwhile. */
  get shouldProbe(): boolean {
    const isDue = performance.now() - this.#probedAt >= this.#pauseMs;
    return this.#cheapMs > 0 && isDue && this.#underWay === 0 && !this.accepts(0);
  }

  beginProbe(): () => void {
    this.#probedAt = performance.now();
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    this.#isProbing = true;
    return this.begin(PROBE_SIZE);
  }

  /** Notes that `count` writes are sent now. @returns what to call for the answer to each */
  begin(count: number): () => void {
    const sentAt = performance.now();
    this.#underWay += count;
    const load = this.#underWay;
    let left = count;
    return () => {
      this.#underWay--;
      if (--left > 0 || load < PROBE_SIZE) return;
      this.#isProbing = false;
      const ms = (performance.now() - sentAt) / load;
      if (ms < this.#cheapMs) this.#pauseMs = 0;
      this.#samples.push(ms);
      if (this.#samples.length > SAMPLES) this.#samples.shift();
    };
  }
}
