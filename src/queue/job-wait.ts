/** Waiting for the end of a job. */
import type { Broker } from '../broker/broker.js';
import { withDeadline } from '../jobs/deadline.js';
import { BrokerError, invalidOption, JetfleetError } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';
import type { JobRecord } from '../jobs/job-record.js';
import { checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import type { OptionNames } from '../jobs/options.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { findJob, noSuchJob } from './job-lookup.js';

export interface WaitOptions {
  /** How long to wait, in milliseconds from 0 to 24 days. Defaults to until the job ends. */
  timeoutMs?: number;
  /** Ends the wait, and not the job. */
  signal?: AbortSignal;
}

export const WAIT_OPTIONS: OptionNames<Required<WaitOptions>> = { timeoutMs: true, signal: true };

export interface Wait extends WaitOptions {
  /** The type that the job must have. Defaults to any. */
  type?: string;
  /** Fires when the queue is closed, and says so. */
  closed: AbortSignal;
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkWait({ timeoutMs, signal }: WaitOptions): void {
  checkNumber('timeoutMs', timeoutMs, 0, MAX_TIMER_MS);
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw invalidOption(`signal must be an AbortSignal, got ${excerptOf(signal)}`);
}

/** A replica that lags behind does not know a job yet that has just been added. */
const MAX_MISSES = 10;
const AFTER_MISS_MS = 100;
/** When to poll after a transition was heard: it may have to be stored first. */
const AFTER_NOTICE_MS = [0, 20, 100, 500];
/** When to poll in any case: a transition that is written while the connection is lost is not heard. */
const POLL_EVERY_MS = 5_000;
/** When to poll again after a broker that is away, or has no leader. */
const AFTER_FAILURE_MS = 500;

/**
 * The last record of a job, once it has ended. Nothing is made in the broker for it, and an outage of the broker ends no wait. A job
 * that has FAILED has ended, though somebody may run it again.
 * @throws JetfleetError `JETFLEET_NOT_FOUND`, also for a job of another type; `JETFLEET_WAIT_TIMEOUT`, which is retryable;
 *   `JETFLEET_CLOSED`; the reason of `signal`
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export async function endOf(open: () => Promise<Broker>, id: string, wait: Wait): Promise<JobRecord> {
  const { timeoutMs, signal, closed } = wait;
  checkWait(wait);
  const seen: { job?: JobRecord } = {};
  const late = () => {
    const state = seen.job ? `it is ${seen.job.state}` : 'it could not be looked up';
    const message = `job ${id} did not end within ${timeoutMs} ms; ${state}`;
    return new JetfleetError('JETFLEET_WAIT_TIMEOUT', message, { retryable: true });
  };
  return withDeadline(timeoutMs, [signal, closed], late, (over) =>
    pollUntilEnded(open, id, wait.type, seen, over),
  );
}

async function pollUntilEnded(
  open: () => Promise<Broker>,
  id: string,
  type: string | undefined,
  seen: { job?: JobRecord },
  over: AbortSignal,
): Promise<JobRecord> {
  const broker = await open();
  over.throwIfAborted();
  let polls = 0;
  let wake = () => {};
  const stop = broker.notices.onTransition(id, () => {
    polls = 0;
    wake();
  });
  try {
    for (let misses = 0; ; ) {
      over.throwIfAborted();
      const found = await poll(broker, id);
      let pauseMs = AFTER_FAILURE_MS;
      if (found !== 'no answer') {
        misses = found ? 0 : misses + 1;
        if (misses >= MAX_MISSES || (found && type !== undefined && found.type !== type)) throw noSuchJob(id);
        if (found) seen.job = found;
        if (found && isTerminal(found.status)) return found;
        pauseMs = found ? (AFTER_NOTICE_MS[polls++] ?? POLL_EVERY_MS) : AFTER_MISS_MS;
      }
      await new Promise<void>((resolve) => {
        wake = () => {
          clearTimeout(timer);
          over.removeEventListener('abort', wake);
          resolve();
        };
        const timer = setTimeout(wake, pauseMs);
        over.addEventListener('abort', wake);
      });
    }
  } finally {
    stop();
  }
}

/** One poll; a broker that is away for a while knows nothing. */
async function poll(broker: Broker, id: string): Promise<JobRecord | undefined | 'no answer'> {
  try {
    return await findJob(broker, id);
  } catch (error) {
    if (error instanceof BrokerError && error.retryable) return 'no answer';
    throw error;
  }
}
