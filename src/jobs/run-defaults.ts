import { defined } from './defined.js';
import { invalidOption } from './errors.js';
import { type CheckedLimits, checkedLimits, type Fairness, type JobLimit } from './limit.js';
import {
  DEFAULT_MAX_ATTEMPTS,
  MAX_CLAIM_AFTER_MS,
  MAX_DELAY_MS,
  MAX_MAX_ATTEMPTS,
  MAX_TIMEOUT_MS,
} from './limits.js';
import { checkInteger, checkNumber } from './numbers.js';
import { assertFunction, assertOptions, type OptionNames } from './options.js';
import { checkedPolicy, type PriorityPolicy } from './priority-policy.js';
import { checkedRetention, type Retention } from './retention.js';
import type { RetryPolicy } from './retry-policy.js';

/** How jobs of a type run, unless the job or the worker says otherwise. */
export interface RunDefaults {
  /** Jobs of this type that run at once in one worker. Defaults to 10. */
  concurrency?: number;
  /** Delays between attempts. Defaults to full jitter over 1 s doubling up to 5 minutes. */
  retry?: RetryPolicy;
  /** Attempts when the job does not say. Defaults to 3. */
  maxAttempts?: number;
  /** Limit for one attempt in milliseconds when the job does not say. Defaults to 24 hours. */
  timeoutMs?: number;
  /**
   * When the handler may begin. `early`: at once, if the job is new. Its claim is written when the handler still runs after
   * `claimAfterMs`, or saves a checkpoint; a job that ends sooner writes its outcome alone. A worker that dies before the
   * claim loses no job, but counts no attempt. `durable`: once the claim is on disk. Charts are always `durable`. Defaults
   * to `early`.
   */
  claim?: 'early' | 'durable';
  /** How long an `early` handler runs before its claim is written, in milliseconds from 0 to 1,000. Defaults to 100. */
  claimAfterMs?: number;
  /**
   * How long a function, or a promise of a chart, may go on after its signal has fired, in milliseconds from 0. It keeps its slot until it ends; after this
   * time it is abandoned: the slot goes to another job, and the worker reports the handler. Defaults to 30,000.
   */
  abandonAfterMs?: number;
  /**
   * How long a run keeps its slot, in milliseconds from 1: it goes on without one, and the slot goes to another job. For handlers that wait for
   * others, of which some hang: up to 9 times `concurrency` of one worker's runs go on so. Defaults to as long as it runs.
   */
  slotMs?: number;
  /**
   * Permits that a job needs to run, across all workers: how many may run at once, and start in a time, by a key. A job that gets none
   * waits without a slot. Defaults to none.
   * @example limits: [{ key: 'tenant', concurrency: 3 }, { key: 'account', rate: { max: 100, perMs: 60_000 } }]
   */
  // biome-ignore lint/suspicious/noExplicitAny: a definition says of which payload
  limits?: readonly JobLimit<any>[];
  /**
   * Whose turn it is when a permit is free that jobs of one priority wait for: that of each key of the first limit that has one in turn
   * (`round-robin`), or with `weights` as many turns as each key has, 1 by default; or that of the job which came first (`fifo`). Defaults
   * to `round-robin`.
   */
  fairness?: Fairness;
  /** Which of the waiting jobs a free slot gets: see {@link PriorityPolicy}. Defaults to `strict`. */
  priorities?: PriorityPolicy;
  /**
   * What is kept of the jobs of this type once they have ended: by age, by number, or both. Defaults to what the queue of the worker says.
   * @example retention: { completed: { maxCount: 1_000 }, failed: { maxAgeMs: 30 * 86_400_000 } }
   */
  retention?: Retention;
  /**
   * The version of the handler, from 1. A job that has begun under one version runs on workers of that version until it ends: workers of
   * another one hand it back, unless they can `migrate` it. Defaults to none: any worker runs any job.
   */
  version?: number;
  /**
   * Makes the checkpoint of a job that has begun under an earlier version one of this version. From then on the job is of this version.
   * It may be called several times for one job. If it throws or returns a promise, the job waits for a worker that can take it. Defaults
   * to none.
   * @param from the earlier version, 0 for none
   */
  migrate?(checkpoint: unknown, from: number): unknown;
}

export const RUN_DEFAULTS: OptionNames<Required<RunDefaults>> = {
  concurrency: true,
  retry: true,
  maxAttempts: true,
  timeoutMs: true,
  claim: true,
  claimAfterMs: true,
  abandonAfterMs: true,
  slotMs: true,
  limits: true,
  fairness: true,
  priorities: true,
  retention: true,
  version: true,
  migrate: true,
};
const RETRY_OPTIONS: OptionNames<Required<RetryPolicy>> = {
  baseMs: true,
  maxRetryDelay: true,
  jitter: true,
  delaysMs: true,
};

/** Checked and filled in. */
export type CheckedRun = Required<Omit<RunDefaults, Unset>> & {
  timeoutMs?: number;
  slotMs?: number;
  limits?: CheckedLimits;
  retention?: Retention;
} & Pick<RunDefaults, 'version' | 'migrate'>;
/** What may be left out for good. */
type Unset = 'timeoutMs' | 'slotMs' | 'limits' | 'fairness' | 'retention' | 'version' | 'migrate';

const DEFAULT_CONCURRENCY = 10;
const DEFAULT_ABANDON_AFTER_MS = 30_000;
const DEFAULT_CLAIM_AFTER_MS = 100;
const MAX_CONCURRENCY = 10_000;
const MAX_VERSION = 1_000_000_000;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkedRun(type: string, options: RunDefaults): CheckedRun {
  const { concurrency = DEFAULT_CONCURRENCY, retry = {}, timeoutMs, claim = 'early' } = options;
  const { maxAttempts = DEFAULT_MAX_ATTEMPTS, claimAfterMs = DEFAULT_CLAIM_AFTER_MS } = options;
  const { abandonAfterMs = DEFAULT_ABANDON_AFTER_MS, slotMs, priorities = 'strict' } = options;
  assertOptions(`retry of ${type}`, retry, RETRY_OPTIONS);
  checkInteger(`${type}: concurrency`, concurrency, 1, MAX_CONCURRENCY);
  checkInteger(`${type}: maxAttempts`, maxAttempts, 1, MAX_MAX_ATTEMPTS);
  checkInteger(`${type}: timeoutMs`, timeoutMs, 1, MAX_TIMEOUT_MS);
  checkInteger(`${type}: abandonAfterMs`, abandonAfterMs, 0, MAX_TIMEOUT_MS);
  checkInteger(`${type}: slotMs`, slotMs, 1, MAX_TIMEOUT_MS);
  checkInteger(`${type}: claimAfterMs`, claimAfterMs, 0, MAX_CLAIM_AFTER_MS);
  const { version, migrate } = options;
  checkInteger(`${type}: version`, version, 1, MAX_VERSION);
  if (migrate !== undefined) assertFunction(`${type}: migrate`, migrate);
  if (migrate !== undefined && version === undefined) {
    throw invalidOption(`${type}: migrate needs a version, such as version: 2`);
  }
  if (claim !== 'early' && claim !== 'durable') {
    throw invalidOption(`handler of ${type} claim ${JSON.stringify(claim)} must be early or durable`);
  }
  return {
    concurrency,
    retry: checkedRetry(type, retry),
    maxAttempts,
    claim,
    claimAfterMs,
    abandonAfterMs,
    priorities: checkedPolicy(`${type}: priorities`, priorities),
    ...defined({
      timeoutMs,
      slotMs,
      limits: checkedLimits(type, options.limits, options.fairness),
      retention: checkedRetention(`${type}: retention`, options.retention),
      version,
      migrate,
    }),
  };
}

/** A copy, which nobody changes. */
function checkedRetry(type: string, policy: RetryPolicy): RetryPolicy {
  const { baseMs, maxRetryDelay, jitter, delaysMs } = policy;
  checkNumber(`${type}: retry.baseMs`, baseMs, 0, MAX_DELAY_MS);
  checkNumber(`${type}: retry.maxRetryDelay`, maxRetryDelay, 0, MAX_DELAY_MS);
  checkNumber(`${type}: retry.jitter`, jitter, 0, 1);
  if (delaysMs !== undefined && !Array.isArray(delaysMs)) {
    throw invalidOption(`handler of ${type} needs an array of milliseconds as retry.delaysMs`);
  }
  for (const [index, delayMs] of delaysMs?.entries() ?? []) {
    // A hole or `undefined` would pass for a field that was left out.
    checkNumber(`${type}: retry.delaysMs[${index}]`, delayMs ?? null, 0, MAX_DELAY_MS);
  }
  return defined({ baseMs, maxRetryDelay, jitter, delaysMs: delaysMs && [...delaysMs] });
}
