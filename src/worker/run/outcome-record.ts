import type { JobRecord } from '../../jobs/job-record.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { MAX_DELAY_MS } from '../../jobs/limits.js';
import { retryDelayMs } from '../../jobs/retry-policy.js';
import { isTerminal, type JobState } from '../../jobs/vocabulary.js';
import {
  type Transition,
  type TransitionFacts,
  transitionRecord,
  withFollowUps,
} from '../../queue/transition-record.js';
import { refusedRecord } from '../claim/refusal.js';
import type { RegisteredHandler } from '../job-handler.js';
import { assertResultSize } from './result-size.js';

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
    assertResultSize('result', context.outcome?.kind === 'completed' ? context.outcome.result : undefined);
    assertResultSize('checkpoint', context.checkpoint);
    const delayMs = delayOf(state, context, retry);
    const record = transitionRecord(before, state, context, {
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
