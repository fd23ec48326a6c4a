import type { AnyActorLogic } from 'xstate';
import type { JobTypes, RunDefaults } from '../jobs/define-job.js';
import { ValidationError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { MAX_CLAIM_AFTER_MS, MAX_DELAY_MS, MAX_MAX_ATTEMPTS, MAX_TIMEOUT_MS } from '../jobs/limits.js';
import { checkInteger, checkNumber } from '../jobs/numbers.js';
import { assertFunction, assertObject, assertOptions, type OptionNames } from '../jobs/options.js';
import type { CompletedWith, JobOutcome, Snoozed } from '../jobs/outcome.js';
import type { RetryPolicy } from '../jobs/retry-policy.js';
import { assertSchema, type Schema } from '../jobs/schema.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import type { Logger } from '../telemetry/logger.js';

/** What a handler is given. */
export interface JobContext<P = unknown, C = unknown> {
  readonly id: string;
  readonly type: string;
  readonly priority: JobPriority;
  readonly payload: P;
  /** From 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** What an earlier run left by `snooze` or `saveCheckpoint`. */
  readonly checkpoint: C | undefined;
  /** The whole record, as the claim writes it. */
  readonly record: JobRecord;
  /** Aborts when the job times out, is cancelled, was lost to another worker, or must be handed back: see `reason`. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /**
   * Makes something durable for later runs of this job. Resolves once it is.
   * @throws ConflictError when another worker has taken the job over: stop at once
   * @throws ValidationError `JETFLEET_RESULT_TOO_LARGE` over 128 KiB
   */
  saveCheckpoint(value: C): Promise<void>;
}

/**
 * Runs a job. What it returns becomes the job's result, unless it is `snooze(...)` or `complete(...)`. Any error is
 * retried with backoff; `NonRetryableError` and `ValidationError` fail the job at once.
 */
export type JobHandler<P = unknown> = (job: JobContext<P>) => unknown | Promise<unknown>;

/** Runs a job of a definition: it gets, leaves and returns what the definition says. */
export type TypedHandler<T extends JobTypes> = (
  job: JobContext<T['payload'], T['checkpoint']>,
) => TypedOutcome<T> | Promise<TypedOutcome<T>>;
type TypedOutcome<T extends JobTypes> = T['result'] | CompletedWith<T['result']> | Snoozed<T['checkpoint']>;

/** How a worker runs one job type. */
export interface HandlerOptions<P = unknown> extends RunDefaults {
  /** Checks each payload before the handler sees it; an invalid one fails the job at once. Defaults to none. */
  payload?: Schema<unknown, P>;
  /** A function. Exactly one of `handler` and `chart` is given. */
  handler?: JobHandler<P>;
  /** XState logic with a `RunInput` as input and a `JobOutcome` as output. */
  chart?: AnyActorLogic;
}

export const HANDLER_OPTIONS: OptionNames<Required<HandlerOptions>> = {
  payload: true,
  handler: true,
  chart: true,
  concurrency: true,
  retry: true,
  maxAttempts: true,
  timeoutMs: true,
  claim: true,
  claimAfterMs: true,
  abandonAfterMs: true,
};
const RETRY_OPTIONS: OptionNames<Required<RetryPolicy>> = {
  baseMs: true,
  maxRetryDelay: true,
  jitter: true,
  delaysMs: true,
};

/** A handler whose options are checked and filled in. */
export interface RegisteredHandler {
  type: string;
  payload?: Schema;
  run: { kind: 'function'; handler: JobHandler } | { kind: 'chart'; logic: AnyActorLogic };
  concurrency: number;
  retry: RetryPolicy;
  maxAttempts: number;
  timeoutMs?: number;
  claim: 'early' | 'durable';
  claimAfterMs: number;
  abandonAfterMs: number;
}

export const DEFAULT_CONCURRENCY = 10;
const DEFAULT_ABANDON_AFTER_MS = 30_000;
const DEFAULT_CLAIM_AFTER_MS = 100;
const MAX_CONCURRENCY = 10_000;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkHandler<P>(
  type: string,
  options: HandlerOptions<P>,
  defaultMaxAttempts: number,
): RegisteredHandler {
  const { handler, chart, payload, concurrency = DEFAULT_CONCURRENCY, retry = {}, timeoutMs } = options;
  const { claim = 'early', maxAttempts = defaultMaxAttempts } = options;
  const { abandonAfterMs = DEFAULT_ABANDON_AFTER_MS, claimAfterMs = DEFAULT_CLAIM_AFTER_MS } = options;
  if ((handler === undefined) === (chart === undefined)) {
    throw invalid(type, 'needs either a handler or a chart');
  }
  if (chart === undefined) assertFunction(`handler of ${type}`, handler);
  else assertObject(`chart of ${type}`, chart);
  if (payload !== undefined) assertSchema(`payload of ${type}`, payload);
  assertOptions(`retry of ${type}`, retry, RETRY_OPTIONS);
  checkInteger(`${type}: concurrency`, concurrency, 1, MAX_CONCURRENCY);
  checkInteger(`${type}: maxAttempts`, maxAttempts, 1, MAX_MAX_ATTEMPTS);
  checkInteger(`${type}: timeoutMs`, timeoutMs, 1, MAX_TIMEOUT_MS);
  checkInteger(`${type}: abandonAfterMs`, abandonAfterMs, 0, MAX_TIMEOUT_MS);
  checkInteger(`${type}: claimAfterMs`, claimAfterMs, 0, MAX_CLAIM_AFTER_MS);
  if (claim !== 'early' && claim !== 'durable') {
    throw invalid(type, `claim ${JSON.stringify(claim)} must be early or durable`);
  }
  return {
    type,
    ...(payload && { payload: payload as Schema }),
    run: chart ? { kind: 'chart', logic: chart } : { kind: 'function', handler: handler as JobHandler },
    concurrency,
    retry: checkedRetry(type, retry),
    maxAttempts,
    claim,
    claimAfterMs,
    abandonAfterMs,
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
}

/** A copy: nobody changes what was checked. */
function checkedRetry(type: string, policy: RetryPolicy): RetryPolicy {
  if (typeof policy !== 'object' || policy === null) throw invalid(type, 'needs an object as retry');
  const { baseMs, maxRetryDelay, jitter, delaysMs } = policy;
  checkNumber(`${type}: retry.baseMs`, baseMs, 0, MAX_DELAY_MS);
  checkNumber(`${type}: retry.maxRetryDelay`, maxRetryDelay, 0, MAX_DELAY_MS);
  checkNumber(`${type}: retry.jitter`, jitter, 0, 1);
  if (delaysMs !== undefined && !Array.isArray(delaysMs)) {
    throw invalid(type, 'needs an array of milliseconds as retry.delaysMs');
  }
  for (const [index, delayMs] of delaysMs?.entries() ?? []) {
    // A hole or `undefined` would pass for a field that was left out.
    checkNumber(`${type}: retry.delaysMs[${index}]`, delayMs ?? null, 0, MAX_DELAY_MS);
  }
  return {
    ...(baseMs !== undefined && { baseMs }),
    ...(maxRetryDelay !== undefined && { maxRetryDelay }),
    ...(jitter !== undefined && { jitter }),
    ...(delaysMs !== undefined && { delaysMs: [...delaysMs] }),
  };
}

function invalid(type: string, problem: string): ValidationError {
  return new ValidationError('JETFLEET_OPTION_INVALID', `handler of ${type} ${problem}`);
}

/** What a chart ends with; re-exported so that charts need one import. */
export type { JobOutcome };
