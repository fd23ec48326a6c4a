/**
 * Reads along with what a handler reports, until its job has ended. Nothing is made in the broker for it: each write is heard as the core
 * NATS message that it is, which is a hint to read the stream on, and so is the transition that ends the job.
 */
import type { Broker } from '../../broker/broker.js';
import { BrokerError, invalidOption } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { OptionNames } from '../../jobs/options.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { type ActivityKind, type ActivityMessage, decodeActivity } from '../../wire/activity.js';
import { findJob, noSuchJob } from '../job-lookup.js';

export interface FollowOptions {
  /** Ends the stream, and not the job. */
  signal?: AbortSignal;
}

export const FOLLOW_OPTIONS: OptionNames<Required<FollowOptions>> = { signal: true };

const PAGE = 100;
/** When to read in any case: what is written while the connection is lost is not heard. */
const READ_EVERY_MS = 5_000;
/** A write is heard before it is stored. */
const AFTER_HINT_MS = [0, 20, 100, 500];
const AFTER_FAILURE_MS = 500;
/** A replica that lags behind does not know a job yet that has just been added. */
const MAX_MISSES = 10;
const AFTER_MISS_MS = 100;
/** How long the last reports of a job that has ended may take to reach the replica that is asked. */
const LAST_WITHIN_MS = 2_000;

export interface Followed {
  job: JobRecord;
  message: ActivityMessage;
}

/**
 * Every message of one kind that is kept of a job, and those that come, until the job has ended.
 * @param expected how many items the job has reported by the record of its end, if that says so
 * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_CLOSED`; the reason of `signal`
 */
export async function* followActivity(
  open: () => Promise<Broker>,
  kind: ActivityKind,
  id: string,
  { signal, closed, expected }: FollowOptions & { closed: AbortSignal; expected: (job: JobRecord) => number },
): AsyncGenerator<Followed> {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalidOption(`signal must be an AbortSignal, got ${excerptOf(signal)}`);
  const signals = signal ? [signal, closed] : [closed];
  const broker = await open();
  const hints = new Hints(broker, kind, id, signals);
  let from = 1;
  let end = 0;
  let misses = 0;
  let endedAtMs: number | undefined;
  try {
    for (;;) {
      for (const each of signals) each.throwIfAborted();
      const found = await attempted(async () => {
        // The record first: what its job has reported before its end is stored before that.
        const job = await findJob(broker, id);
        return { job, page: job ? await broker.activity.page(kind, id, from, PAGE) : [] };
      });
      if (!found) {
        await hints.wait(AFTER_FAILURE_MS);
        continue;
      }
      const { job, page } = found;
      if (!job) {
        if (++misses >= MAX_MISSES) throw noSuchJob(id);
        await hints.wait(AFTER_MISS_MS);
        continue;
      }
      misses = 0;
      for (const { data, seq } of page) {
        from = seq + 1;
        const message = decodeActivity(data);
        if (message?.of !== job.createdAt) continue;
        end = message.first + message.items.length;
        yield { job, message };
      }
      if (page.length === PAGE) continue;
      if (isTerminal(job.status)) {
        endedAtMs ??= performance.now();
        if (end >= expected(job) || performance.now() - endedAtMs > LAST_WITHIN_MS) return;
        await hints.wait(AFTER_MISS_MS);
      } else {
        endedAtMs = undefined;
        await hints.wait();
      }
    }
  } finally {
    hints.stop();
  }
}

/** A broker that is away for a while knows nothing. */
async function attempted<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof BrokerError && error.retryable) return undefined;
    throw error;
  }
}

/** When to read next. */
class Hints {
  readonly #signals: readonly AbortSignal[];
  readonly #stops: (() => void)[];
  /** How often was read since the last hint. */
  #reads = 0;
  #wake = () => {};

  constructor(broker: Broker, kind: ActivityKind, id: string, signals: readonly AbortSignal[]) {
    this.#signals = signals;
    const onHint = () => {
      this.#reads = 0;
      this.#wake();
    };
    this.#stops = [broker.activity.onReport(kind, id, onHint), broker.notices.onTransition(id, onHint)];
  }

  async wait(ms = AFTER_HINT_MS[this.#reads++] ?? READ_EVERY_MS): Promise<void> {
    if (this.#signals.some(({ aborted }) => aborted)) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        for (const signal of this.#signals) signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#wake = wake;
      for (const signal of this.#signals) signal.addEventListener('abort', wake);
    });
    this.#wake = () => {};
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }
}
