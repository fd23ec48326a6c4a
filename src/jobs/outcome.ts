import { type JobErrorInfo, ValidationError } from './errors.js';
import { errorInfoOf, toJobError } from './job-error.js';
import type { FollowUp } from './job-record.js';
import { MAX_DELAY_MS } from './limits.js';
import { checkNumber } from './numbers.js';
import { excerptOf } from './validation.js';

/** A follow-up as a handler names it; the worker derives the id and fills in the job's own priority. */
export type NextJob = Omit<FollowUp, 'id' | 'priority'> & {
  /** Appended to this job's id: `order-42` and `monitor` make `order-42-monitor`. */
  idSuffix: string;
  priority?: FollowUp['priority'];
};

/** How an attempt ended. Charts end with one of these as their output. */
export type JobOutcome =
  | { kind: 'completed'; result?: unknown; next?: NextJob[] }
  /** Hibernate: the job holds nothing but a broker timer until `delayMs` have passed, and no attempt is used up. */
  | { kind: 'snoozed'; delayMs: number; checkpoint?: unknown }
  | { kind: 'failed'; error: JobErrorInfo; timedOut?: boolean };

const OUTCOME = Symbol.for('jetfleet.outcome');
type Branded<T> = T & { [OUTCOME]: true };

/**
 * Returned by a handler to hibernate: the job frees its slot and is run again after `delayMs`, in the same attempt.
 * @param delayMs at most 366 days; below 0 counts as 0
 * @param checkpoint replaces the job's checkpoint where it is given
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a delay that is no such number
 */
export function snooze(delayMs: number, checkpoint?: unknown): JobOutcome {
  const outcome = snoozed(delayMs, checkpoint);
  return Object.assign(outcome, { [OUTCOME]: true }) as Branded<JobOutcome>;
}

/** Returned by a handler to complete with a result and jobs that follow; a plain value is a result without any. */
export function complete(result?: unknown, next: NextJob[] = []): JobOutcome {
  const outcome: JobOutcome = { kind: 'completed', result, next };
  return Object.assign(outcome, { [OUTCOME]: true }) as Branded<JobOutcome>;
}

/** What a handler returned, as an outcome. */
export function toOutcome(returned: unknown): JobOutcome {
  if (isOutcome(returned)) return checkedOutcome(returned);
  return { kind: 'completed', ...(returned !== undefined && { result: returned }) };
}

/**
 * An outcome as a handler or a chart gives it, each field read once. Never throws: what is no outcome is a failure, so that
 * it cannot leave its job running for ever.
 */
export function checkedOutcome(value: unknown): JobOutcome {
  try {
    const { kind, ...fields } = Object(value) as Record<string, unknown>;
    if (kind === 'completed') return completed(fields);
    if (kind === 'snoozed') return snoozed(fields.delayMs, fields.checkpoint);
    if (kind === 'failed') {
      const error = errorInfoOf(Object(fields.error));
      return { kind, error, ...(fields.timedOut === true && { timedOut: true }) };
    }
  } catch (error) {
    return { kind: 'failed', error: toJobError(error) };
  }
  const message = 'The chart of the job ended without an outcome';
  return { kind: 'failed', error: { code: 'JETFLEET_HANDLER_FAILED', message, retryable: false } };
}

function completed({ result, next }: Record<string, unknown>): JobOutcome {
  if (next !== undefined && !Array.isArray(next)) {
    throw new ValidationError(
      'JETFLEET_OPTION_INVALID',
      `next must be an array of jobs, got ${excerptOf(next)}`,
    );
  }
  return { kind: 'completed', ...(result !== undefined && { result }), ...(next !== undefined && { next }) };
}

function snoozed(delayMs: unknown, checkpoint: unknown): JobOutcome {
  // A delay until a time that has passed is below 0.
  checkNumber('snooze: delayMs', delayMs ?? null, -Number.MAX_VALUE, MAX_DELAY_MS);
  const ms = Math.max(delayMs as number, 0);
  return { kind: 'snoozed', delayMs: ms, ...(checkpoint !== undefined && { checkpoint }) };
}

function isOutcome(value: unknown): value is Branded<JobOutcome> {
  return typeof value === 'object' && value !== null && OUTCOME in value;
}
