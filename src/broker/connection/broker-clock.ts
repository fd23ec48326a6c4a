import type { Logger } from '../../telemetry/logger.js';

/** How often the clock is set again: oscillators drift by milliseconds in that time, and a process may have been suspended. */
const MEASURE_MS = 60_000;
/** An answer that took longer says only within which bounds the broker's time is; it is asked for again. */
const GOOD_ROUND_TRIP_MS = 100;
/** So near the time is wanted, since rates go by it. What is known already gives way only to an answer as quick as this. */
const FINE_ROUND_TRIP_MS = 10;
const TRIES = 3;
/** Bounds that cross by no more than this agree: clocks are rounded to milliseconds, and differ a little in speed. */
const ROUNDING_MS = 5;
/**
 * So far apart the bounds may be in the end, or it is asked further, up to `MOST_TRIES` times. What is known stays where it lies within
 * them, so a process may be wrong by as much, and two processes of a busy machine may differ by twice as much.
 */
export const TOLERABLE_MS = 400;
const MOST_TRIES = 8;
/** Until the broker has answered as quickly as is wanted it is asked again soon; where it answers slowly, twice as late each time. */
const ASK_AGAIN_MS = 250;

/**
 * The time as the broker has it: the broker fires timers and dates messages, so that its clock decides what is due. It
 * advances by the monotonic clock of the process. A local clock that is wrong or is set does not matter.
 */
export class BrokerClock {
  readonly #ask: () => Promise<number>;
  readonly #logger: Logger;
  /** What `performance.now()` has to be added to. The local clock's until the broker was asked. */
  #startMs = Date.now() - performance.now();
  #measuring: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isSet = false;
  #againMs = ASK_AGAIN_MS;
  #isStopped = false;
  /** By how much a test has put it ahead. */
  #aheadMs = 0;

  /** @param ask reads the broker's clock, in ms since the epoch */
  constructor(ask: () => Promise<number>, logger: Logger) {
    this.#ask = ask;
    this.#logger = logger;
  }

  now(): number {
    return Math.round(this.#startMs + performance.now()) + this.#aheadMs;
  }

  /** By how much a test has put it ahead; else 0. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  /** Puts the clock of this process ahead of the broker's by so much more, as `jetfleet/testing` does. The broker's own stays. */
  skip(ms: number): void {
    this.#aheadMs += ms;
  }

  /** The same, and never before a time that the broker itself has named: what is known of its clock is a guess. */
  notBefore(brokerMs: number): number {
    return Math.max(this.now(), brokerMs);
  }

  /** How far the local clock is ahead of the broker's, in ms; below 0 where it is behind. */
  get localOffsetMs(): number {
    return Date.now() - this.now();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /**
   * Sets the clock by the broker's, now and again every minute; where that cannot be read, it goes on as it was. Never rejects.
   */
  measure(): Promise<void> {
    this.#measuring ??= this.#measure()
      .catch((err) => {
        this.#logger.debug({ err }, 'cannot read the clock of the broker');
        return this.#isSet;
      })
      .then((isFine) => {
        this.#measuring = undefined;
        this.#measureLater(isFine);
      });
    return this.#measuring;
  }

  #measureLater(isFine: boolean): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    if (isFine) this.#againMs = ASK_AGAIN_MS;
    this.#timer = setTimeout(() => void this.measure(), isFine ? MEASURE_MS : this.#againMs).unref();
    if (!isFine && this.#isSet) this.#againMs = Math.min(this.#againMs * 2, MEASURE_MS);
  }

  /** @returns whether the broker answered so quickly that its time is known well */
  async #measure(): Promise<boolean> {
    const known = this.#isSet ? this.#startMs : undefined;
    let earliest = Number.NEGATIVE_INFINITY;
    let latest = Number.POSITIVE_INFINITY;
    for (let count = 0; count < MOST_TRIES; count++) {
      if (count >= TRIES && latest - earliest <= TOLERABLE_MS) break;
      const sentMs = performance.now();
      const brokerMs = await this.#ask();
      const answeredMs = performance.now();
      if (Number.isNaN(brokerMs)) continue;
      // The broker read its clock at some time in between.
      earliest = Math.max(earliest, brokerMs - answeredMs);
      latest = Math.min(latest, brokerMs - sentMs);
      if (earliest - latest > ROUNDING_MS) [earliest, latest] = [brokerMs - answeredMs, brokerMs - sentMs];
      const isSure = latest - earliest <= GOOD_ROUND_TRIP_MS;
      const isFine = latest - earliest <= FINE_ROUND_TRIP_MS;
      this.#startMs =
        isFine || known === undefined ? (earliest + latest) / 2 : Math.min(Math.max(known, earliest), latest);
      this.#isSet = true;
      if (isFine) return true;
      if (isSure && count + 1 >= TRIES) break;
    }
    return false;
  }
}
