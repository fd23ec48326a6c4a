import type { JobErrorInfo } from '../src/jobs/errors.js';
import { type JobState, statusOf } from '../src/jobs/vocabulary.js';
import { type Attempts, hasAttemptsLeft, type JobEvent } from './job-machine-context.js';

/**
 * The way that most jobs take through the chart: asking it costs more than all the rest of a short job. A test holds this file to it.
 * @returns the attempt that a claim begins, its next state being `running`; undefined where the chart must be asked
 */
export function claimedAttempt(from: JobState, event: JobEvent, attempts: Attempts): number | undefined {
  const isClaim = event.type === 'CLAIM' && statusOf(from) === 'pending';
  return isClaim && hasAttemptsLeft(attempts) ? attempts.attempt + 1 : undefined;
}

/** Where an attempt leads that failed outside its chart, which therefore cannot be asked. */
export function failedAttempt({ code, retryable }: JobErrorInfo, attempts: Attempts): JobState {
  if (code === 'JETFLEET_TIMEOUT') return 'timed_out';
  if (!retryable) return 'rejected';
  return hasAttemptsLeft(attempts) ? 'retrying' : 'exhausted';
}
