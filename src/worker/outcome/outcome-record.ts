import type { JobErrorInfo } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { MAX_DELAY_MS } from '../../jobs/limits.js';
import { retryDelayMs } from '../../jobs/retry-policy.js';
import { shownError } from '../../jobs/shown-job.js';
import { jsonText } from '../../jobs/validation.js';
import { isTerminal, type JobState } from '../../jobs/vocabulary.js';
import {
  type Transition,
  type TransitionFacts,
  transitionRecord,
  withFollowUps,
} from '../../queue/transition-record.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Sealer } from '../../wire/sealer.js';
import type { RegisteredHandler } from '../job-handler.js';
import { refusedRecord } from './refusal.js';

/** The record of an attempt that has ended in `state`: with the time of the next one, or with what follows. */
export function outcomeRecord(
  jobs: KnownJobs,
  sealer: Sealer,
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
    sealer.assertFits(record);
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

/** Checkpoint and result as the record stores them, so that `after` of a type is given what any reader sees. */
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
  return value === undefined ? undefined : JSON.parse(jsonText(`the ${what}`, value, 'RESULT'));
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
