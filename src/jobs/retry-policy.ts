import { DEFAULT_MAX_RETRY_DELAY_MS, DEFAULT_RETRY_BASE_MS } from './limits.js';

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
