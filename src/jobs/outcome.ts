import { defined } from './defined.js';
import { invalidOption, type JobErrorInfo } from './errors.js';
import { excerptOf } from './excerpt.js';
import { errorInfoOf, toJobError } from './job-error.js';
import type { NextJob } from './job-options.js';
import { MAX_DELAY_MS } from './limits.js';
import { checkNumber } from './numbers.js';

/** Marks what {@link complete} and {@link snooze} have made: any other object is a result. */
export const OUTCOME: unique symbol = Symbol.for('jetfleet.outcome');

/** The end of an attempt that has done the job. */
export interface Completed<Result = unknown> {
  kind: 'completed';
  result?: Result;
  next?: NextJob[];
  /** Replaces the job's checkpoint where it is given: what is known of the end, for those who read the record. */
  checkpoint?: unknown;
  readonly [OUTCOME]?: true;
}

/** The same, of a handler that must return a result. */
export type CompletedWith<Result> = Completed<Result> & { result: Result };

/** Hibernation: the job holds nothing but a broker timer until `delayMs` have passed, and no attempt is used up. */
export interface Snoozed<Checkpoint = unknown> {
  kind: 'snoozed';
  delayMs: number;
  checkpoint?: Checkpoint;
  readonly [OUTCOME]?: true;
}

/** How an attempt ended. Charts end with one of these as their output. */
export type JobOutcome = Completed | Snoozed | Failed;

/** The end of an attempt that has not done the job. */
export interface Failed {
  kind: 'failed';
  error: JobErrorInfo;
  timedOut?: boolean;
  /** As in {@link Completed}. */
  checkpoint?: unknown;
}

type Branded<T> = T & { readonly [OUTCOME]: true };

/**
 * Returned by a handler to hibernate: the job frees its slot and is run again after `delayMs`, in the same attempt.
 * @param delayMs at most 366 days; below 0 counts as 0
 * @param checkpoint replaces the job's checkpoint where it is given
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a delay that is no such number
 */
export function snooze<Checkpoint = never>(delayMs: number, checkpoint?: Checkpoint): Snoozed<Checkpoint> {
  const outcome = snoozed(delayMs, checkpoint) as Snoozed<Checkpoint>;
  return Object.assign(outcome, { [OUTCOME]: true }) as Branded<Snoozed<Checkpoint>>;
}

/** Returned by a handler to complete with a result and jobs that follow; a plain value is a result without any. */
export function complete(): CompletedWith<undefined>;
export function complete<Result>(result: Result, next?: NextJob[]): CompletedWith<Result>;
export function complete(result?: unknown, next: NextJob[] = []): CompletedWith<unknown> {
  const outcome = { kind: 'completed', result, next } as CompletedWith<unknown>;
  return Object.assign(outcome, { [OUTCOME]: true }) as Branded<CompletedWith<unknown>>;
}

/** What a handler returned, as an outcome. */
export function toOutcome(returned: unknown): JobOutcome {
  if (isOutcome(returned)) return checkedOutcome(returned);
  return { kind: 'completed', ...(returned !== undefined && { result: returned }) };
}

/** An outcome as a handler or a chart gives it, each field read once. Never throws: what is no outcome is a failure. */
export function checkedOutcome(value: unknown): JobOutcome {
  try {
    const { kind, ...fields } = Object(value) as Record<string, unknown>;
    if (kind === 'completed') return completed(fields);
    if (kind === 'snoozed') return snoozed(fields.delayMs, fields.checkpoint);
    if (kind === 'failed') {
      const error = errorInfoOf(Object(fields.error));
      const timedOut = fields.timedOut === true || undefined;
      return { kind, error, ...defined({ timedOut, checkpoint: fields.checkpoint }) };
    }
  } catch (error) {
    return { kind: 'failed', error: toJobError(error) };
  }
  const message = 'The chart of the job ended without an outcome';
  return { kind: 'failed', error: { code: 'JETFLEET_HANDLER_FAILED', message, retryable: false } };
}

function completed({ result, next, checkpoint }: Record<string, unknown>): Completed {
  if (next !== undefined && !Array.isArray(next)) {
    throw invalidOption(`next must be an array of jobs, got ${excerptOf(next)}`);
  }
  return { kind: 'completed', ...defined({ result, next, checkpoint }) };
}

function snoozed(delayMs: unknown, checkpoint: unknown): Snoozed {
  // A delay until a time that has passed is below 0.
  checkNumber('snooze: delayMs', delayMs ?? null, -Number.MAX_VALUE, MAX_DELAY_MS);
  const ms = Math.max(delayMs as number, 0);
  return { kind: 'snoozed', delayMs: ms, ...(checkpoint !== undefined && { checkpoint }) };
}

function isOutcome(value: unknown): value is Branded<JobOutcome> {
  return typeof value === 'object' && value !== null && OUTCOME in value;
}
