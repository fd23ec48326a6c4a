import type { Logger } from '../telemetry/logger.js';

/** How often the clock is set again: oscillators drift by milliseconds in that time, and a process may have been suspended. */
const MEASURE_MS = 60_000;
/** An answer that took longer says too little about the time in between; it is asked for again. */
const GOOD_ROUND_TRIP_MS = 100;
const TRIES = 3;
/** Until the broker was asked with success the local clock counts, so it is asked again soon. */
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
  #again: NodeJS.Timeout | undefined;
  #isSet = false;
  #isStopped = false;

  /** @param ask reads the broker's clock, in ms since the epoch */
  constructor(ask: () => Promise<number>, logger: Logger) {
    this.#ask = ask;
    this.#logger = logger;
  }

  /** Whole milliseconds since the epoch. */
  now(): number {
    return Math.round(this.#startMs + performance.now());
  }

  /** How far the local clock is ahead of the broker's, in ms; below 0 where it is behind. */
  get localOffsetMs(): number {
    return Date.now() - this.now();
  }

  /** Sets the clock now, and again every minute. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => void this.measure(), MEASURE_MS).unref();
    await this.measure();
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#again);
  }

  /** Sets the clock by the broker's; where that cannot be read, it goes on as it was. Never rejects. */
  measure(): Promise<void> {
    this.#measuring ??= this.#measure()
      .catch((err) => this.#logger.debug({ err }, 'cannot read the clock of the broker'))
      .finally(() => {
        this.#measuring = undefined;
        if (!this.#isSet && !this.#isStopped) this.#askAgain();
      });
    return this.#measuring;
  }

  #askAgain(): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.measure(), ASK_AGAIN_MS).unref();
  }

  async #measure(): Promise<void> {
    let best = Number.POSITIVE_INFINITY;
    for (let count = 0; count < TRIES && best > GOOD_ROUND_TRIP_MS; count++) {
      const sentMs = performance.now();
      const brokerMs = await this.#ask();
      const answeredMs = performance.now();
      if (Number.isNaN(brokerMs) || answeredMs - sentMs >= best) continue;
      best = answeredMs - sentMs;
      this.#startMs = brokerMs - (sentMs + answeredMs) / 2;
      this.#isSet = true;
    }
  }
}
