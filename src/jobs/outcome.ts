import type { JobErrorInfo } from './errors.js';
import type { FollowUp } from './job-record.js';

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
 * @param checkpoint replaces the job's checkpoint where it is given
 */
export function snooze(delayMs: number, checkpoint?: unknown): JobOutcome {
  const outcome: JobOutcome = { kind: 'snoozed', delayMs, ...(checkpoint !== undefined && { checkpoint }) };
  return Object.assign(outcome, { [OUTCOME]: true }) as Branded<JobOutcome>;
}

/** Returned by a handler to complete with a result and jobs that follow; a plain value is a result without any. */
export function complete(result?: unknown, next: NextJob[] = []): JobOutcome {
  const outcome: JobOutcome = { kind: 'completed', result, next };
  return Object.assign(outcome, { [OUTCOME]: true }) as Branded<JobOutcome>;
}

/** What a handler returned, as an outcome. */
export function toOutcome(returned: unknown): JobOutcome {
  if (isOutcome(returned)) return returned;
  return { kind: 'completed', ...(returned !== undefined && { result: returned }) };
}

function isOutcome(value: unknown): value is Branded<JobOutcome> {
  return typeof value === 'object' && value !== null && OUTCOME in value;
}
