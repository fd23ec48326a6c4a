import { type JobErrorInfo, ValidationError } from '../../jobs/errors.js';
import { toJobError } from '../../jobs/job-error.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { MAX_DELAY_MS, MAX_RESULT_BYTES } from '../../jobs/limits.js';
import { retryDelayMs } from '../../jobs/retry-policy.js';
import { shownError } from '../../jobs/shown-job.js';
import { isTerminal, type JobState } from '../../jobs/vocabulary.js';
import {
  type Transition,
  type TransitionFacts,
  transitionRecord,
  withFollowUps,
} from '../../queue/transition-record.js';
import type { Logger } from '../../telemetry/logger.js';
import type { RegisteredHandler } from '../job-handler.js';
import { refusedRecord } from './refusal.js';

/** The record of an attempt that has ended in `state`: with the time of the next one, or with what follows. */
export function outcomeRecord(
  jobs: KnownJobs,
  before: JobRecord,
  state: JobState,
  context: Transition,
  retry: RegisteredHandler['retry'],
  facts: TransitionFacts,
): JobRecord {
  try {
    const delayMs = delayOf(state, context, retry);
    const record = transitionRecord(before, state, asStored(context, before), {
      ...facts,
      ...(delayMs !== undefined && { delayMs }),
    });
    return isTerminal(record.status) ? withFollowUps(jobs, record, context.outcome) : record;
  } catch (error) {
    return refusedRecord(jobs, before, error, facts);
  }
}

function delayOf(
  state: JobState,
  { outcome, attempt, error }: Transition,
  retry: RegisteredHandler['retry'],
): number | undefined {
  if (state === 'waiting' && outcome?.kind === 'snoozed') return outcome.delayMs;
  if (state !== 'retrying') return undefined;
  return Math.min(retryDelayMs(attempt, retry, error?.retryAfterMs), MAX_DELAY_MS);
}

/** What follows from a job here is asked by what anybody else would read of it. */
function asStored(transition: Transition, before: JobRecord): Transition {
  const { checkpoint, outcome } = transition;
  const isLeft = outcome?.kind === 'completed' && outcome.result !== undefined;
  return {
    ...transition,
    ...(checkpoint !== before.checkpoint && { checkpoint: jsonValue('checkpoint', checkpoint) }),
    ...(isLeft && { outcome: { ...outcome, result: jsonValue('result', outcome.result) } }),
  };
}

/**
 * What a handler leaves on its record, as JSON carries it: a Date as its text, and nothing that the handler goes on to change.
 * @throws ValidationError `JETFLEET_RESULT_TOO_LARGE` over 128 KiB of JSON, `JETFLEET_RESULT_INVALID` without a JSON form
 */
export function jsonValue(what: string, value: unknown): unknown {
  if (value === undefined) return undefined;
  const text = jsonOf(what, value);
  if (text === undefined) throw noJson(what, `it is a ${typeof value}`);
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_RESULT_BYTES) return JSON.parse(text) as unknown;
  throw new ValidationError(
    'JETFLEET_RESULT_TOO_LARGE',
    `the ${what} has ${bytes} bytes, the limit is ${MAX_RESULT_BYTES}; store large data elsewhere and keep a reference`,
  );
}

function jsonOf(what: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw noJson(what, toJobError(cause).message, cause);
  }
}

function noJson(what: string, why: string, cause?: unknown): ValidationError {
  return new ValidationError('JETFLEET_RESULT_INVALID', `the ${what} has no JSON form: ${why}`, { cause });
}

/** Logs an attempt that failed: one line, a warning while another attempt follows, and an error for the last one. */
export function reportFailure(logger: Logger, record: JobRecord, failure: JobErrorInfo): void {
  const { state, status, attempt, maxAttempts, nextRunAt } = record;
  const { code, message, stack } = shownError(failure);
  // The logger names the attempt.
  const facts = { code, maxAttempts, state, nextRunAt, stack };
  if (state === 'retrying') logger.warn(facts, `attempt ${attempt} of ${maxAttempts} failed: ${message}`);
  else if (isTerminal(status) && state !== 'cancelled')
    logger.error(facts, `the job failed in attempt ${attempt} of ${maxAttempts}: ${message}`);
}
