import {
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_MAX_RETRY_DELAY_MS,
  DEFAULT_RETRY_BASE_MS,
  DEFAULT_WEBHOOK_MAX_ATTEMPTS,
} from './limits.js';
import { JobType } from './vocabulary.js';

/** How long to wait before the next attempt. */
export interface RetryPolicy {
  /** Delay after the first failure; doubles with each further one. Defaults to 1,000. */
  baseMs?: number;
  /** Longest delay. Defaults to 300,000 (5 minutes). */
  maxRetryDelay?: number;
  /**
   * Part of each delay that is drawn at random, so that jobs which failed together do not return together:
   * 1 draws from the whole delay (full jitter), 0 waits exactly. Defaults to 1.
   */
  jitter?: number;
  /** Fixed delays by attempt instead of the formula; the last one repeats. */
  delaysMs?: readonly number[];
}

/**
 * The delay after a failed attempt, in milliseconds: `min(baseMs * 2^(attempt-1), maxRetryDelay)` with jitter.
 * `retryAfterMs`, what a provider or an endpoint asked for, wins over the formula when it is longer.
 * @param attempt the attempt that failed, from 1
 * @param random returns 0 (inclusive) to 1 (exclusive)
 */
export function retryDelayMs(
  attempt: number,
  policy: RetryPolicy = {},
  retryAfterMs?: number,
  random: () => number = Math.random,
): number {
  const { baseMs = DEFAULT_RETRY_BASE_MS, maxRetryDelay = DEFAULT_MAX_RETRY_DELAY_MS, jitter = 1 } = policy;
  const fixed = policy.delaysMs?.[Math.min(attempt, policy.delaysMs.length) - 1];
  // 2^30 times any base is past every limit; the cap keeps the power finite.
  const whole = fixed ?? Math.min(baseMs * 2 ** Math.min(attempt - 1, 30), maxRetryDelay);
  const delay = Math.round(whole * (1 - jitter) + whole * jitter * random());
  return Math.max(delay, retryAfterMs ?? 0);
}

/** The retry schedule of webhooks: 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h, 12 h, 24 h, each ±20 %. */
export const WEBHOOK_RETRY: RetryPolicy = {
  delaysMs: [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400].map((seconds) => seconds * 1.2 * 1000),
  jitter: 1 / 3,
};

/** How often a job is attempted when its producer does not say: 3 times, a webhook 10 times. */
export function defaultMaxAttempts(type: string): number {
  return type === JobType.SEND_WEBHOOK ? DEFAULT_WEBHOOK_MAX_ATTEMPTS : DEFAULT_MAX_ATTEMPTS;
}
