/** Waiting for the end of a job. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import { JetfleetError, ValidationError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import type { OptionNames } from '../jobs/options.js';
import { excerptOf } from '../jobs/validation.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { findJob, noSuchJob } from './job-lookup.js';

export interface WaitOptions {
  /** How long to wait, in milliseconds. Defaults to until the job ends. */
  timeoutMs?: number;
  /** Ends the wait, and not the job. */
  signal?: AbortSignal;
}

export const WAIT_OPTIONS: OptionNames<Required<WaitOptions>> = { timeoutMs: true, signal: true };

/** A replica that lags behind does not know a job yet that has just been added. */
const FIRST_LOOKS = 10;
const FIRST_LOOK_MS = 100;
/** When to look after a transition was heard: it may have to be stored first. */
const LOOK_AFTER_MS = [0, 20, 100, 500];
/** When to look in any case: a transition that is written while the connection is lost is not heard. */
const LOOK_EVERY_MS = 5_000;

/**
 * The last record of a job, once it has ended. Nothing is made in the broker for it. A job that has FAILED has ended, though
 * somebody may run it again.
 * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_WAIT_TIMEOUT`; ValidationError `JETFLEET_OPTION_INVALID`; the
 *   reason of `signal`
 */
export async function endOf(
  broker: Broker,
  id: string,
  { timeoutMs, signal }: WaitOptions,
): Promise<JobRecord> {
  checkNumber('timeoutMs', timeoutMs, 0, MAX_TIMER_MS);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new ValidationError(
      'JETFLEET_OPTION_INVALID',
      `signal must be an AbortSignal, got ${excerptOf(signal)}`,
    );
  signal?.throwIfAborted();
  const timeUp = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
  const over = AbortSignal.any([...timeUp, ...(signal ? [signal] : [])]);
  const job = await endBefore(broker, id, over);
  if (isTerminal(job.status)) return job;
  signal?.throwIfAborted();
  throw new JetfleetError(
    'JETFLEET_WAIT_TIMEOUT',
    `job ${id} did not end within ${timeoutMs} ms; it is ${job.state}`,
  );
}

/** The job as it stands when it has ended, or when the wait is over. */
async function endBefore(broker: Broker, id: string, over: AbortSignal): Promise<JobRecord> {
  let looks = 0;
  let wake = () => {};
  const stop = broker.onTransition(id, () => {
    looks = 0;
    wake();
  });
  try {
    let job = await knownSoon(broker, id);
    while (!isTerminal(job.status) && !over.aborted) {
      const pauseMs = LOOK_AFTER_MS[looks++] ?? LOOK_EVERY_MS;
      const pause = new AbortController();
      wake = () => pause.abort();
      await delay(pauseMs, undefined, { signal: AbortSignal.any([over, pause.signal]) }).catch(() => {});
      job = await known(broker, id);
    }
    return job;
  } finally {
    stop();
  }
}

async function knownSoon(broker: Broker, id: string): Promise<JobRecord> {
  for (let look = 1; look < FIRST_LOOKS; look++) {
    const job = await findJob(broker, id);
    if (job) return job;
    await delay(FIRST_LOOK_MS);
  }
  return known(broker, id);
}

async function known(broker: Broker, id: string): Promise<JobRecord> {
  const job = await findJob(broker, id);
  if (job) return job;
  throw noSuchJob(id);
}
