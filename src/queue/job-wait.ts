/** Waiting for the end of a job. */
import type { Broker } from '../broker/broker.js';
import { withDeadline } from '../jobs/deadline.js';
import { invalidOption, JetfleetError } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';
import type { JobRecord } from '../jobs/job-record.js';
import { checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import type { OptionNames } from '../jobs/options.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { answered, Hints } from './hints.js';
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
  const hints = new Hints([over], (onHint) => [broker.notices.onTransition(id, onHint)]);
  try {
    for (;;) {
      over.throwIfAborted();
      const answer = await answered(async () => ({ job: await findJob(broker, id) }));
      const job = answer?.job;
      if (!answer) await hints.afterFailure();
      else if (!job) await hints.afterMiss(id);
      else {
        hints.found();
        if (type !== undefined && job.type !== type) throw noSuchJob(id);
        seen.job = job;
        if (isTerminal(job.status)) return job;
        await hints.wait();
      }
    }
  } finally {
    hints.stop();
  }
}
