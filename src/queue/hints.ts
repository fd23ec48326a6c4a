import { wakeable } from '../jobs/deadline.js';
import { BrokerError } from '../jobs/errors.js';
import { noSuchJob } from './job-lookup.js';

/** When to read after a hint: what it is about may have to be stored first. */
const AFTER_HINT_MS = [0, 20, 100, 500];
/** When to read in any case: what is written while the connection is lost is not heard. */
const READ_EVERY_MS = 5_000;
/** When to read again after a broker that is away, or has no leader. */
const AFTER_FAILURE_MS = 500;
/** A replica that lags behind does not know a job yet that has just been added. */
const MAX_MISSES = 10;
const AFTER_MISS_MS = 100;

/** When to read a job, or what is reported of it, again: soon after a hint of the broker, and now and then without one. */
export class Hints {
  readonly #signals: readonly AbortSignal[];
  readonly #stops: readonly (() => void)[];
  /** How often was read since the last hint. */
  #reads = 0;
  #misses = 0;
  #wake = () => {};

  /**
   * @param signals end each wait
   * @param listen has the given function called with each hint, and returns how to stop that
   */
  constructor(signals: readonly AbortSignal[], listen: (onHint: () => void) => readonly (() => void)[]) {
    this.#signals = signals;
    this.#stops = listen(() => {
      this.#reads = 0;
      this.#wake();
    });
  }

  /** The job was found. */
  found(): void {
    this.#misses = 0;
  }

  /** The broker gave no answer: see {@link answered}. */
  afterFailure(): Promise<void> {
    return this.wait(AFTER_FAILURE_MS);
  }

  /** There is no such job yet. @throws JetfleetError `JETFLEET_NOT_FOUND` once no replica can be behind any more */
  async afterMiss(id: string): Promise<void> {
    if (++this.#misses >= MAX_MISSES) throw noSuchJob(id);
    await this.wait(AFTER_MISS_MS);
  }

  /** @param ms defaults to until the next hint, or a few seconds */
  async wait(ms = AFTER_HINT_MS[this.#reads++] ?? READ_EVERY_MS): Promise<void> {
    const pause = wakeable(ms, this.#signals);
    this.#wake = pause.wake;
    await pause.over;
    this.#wake = () => {};
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }
}

/** What a read gives. A broker that is away for a while knows nothing: undefined. */
export async function answered<T extends object>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof BrokerError && error.retryable) return undefined;
    throw error;
  }
}
