import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JobQueueService } from '../../src/index.js';
import { type RetryPolicy, retryDelayMs } from '../../src/jobs/retry-policy.js';
import { checkedRun } from '../../src/jobs/run-defaults.js';
import { WEBHOOK_RETRY } from '../../src/webhooks/jobs.js';

const EXACT = { jitter: 0 };
const attempts = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('the formula', () => {
  test('starts at one second and doubles up to five minutes', () => {
    expect(attempts(11).map((attempt) => retryDelayMs(attempt, EXACT))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
    ]);
  });

  test('goes by the base and the cap that are given', () => {
    const policy: RetryPolicy = { baseMs: 100, maxRetryDelay: 500, jitter: 0 };
    expect(attempts(4).map((attempt) => retryDelayMs(attempt, policy))).toEqual([100, 200, 400, 500]);
  });

  test('stays finite for the last attempt that a job may have', () => {
    expect(retryDelayMs(100, { ...EXACT, maxRetryDelay: Number.MAX_SAFE_INTEGER })).toBe(1_000 * 2 ** 30);
  });
});

describe('jitter', () => {
  test('draws from the whole delay by default', () => {
    expect(retryDelayMs(3, {}, undefined, () => 0)).toBe(0);
    expect(retryDelayMs(3, {}, undefined, () => 0.5)).toBe(2_000);
    expect(retryDelayMs(3, {}, undefined, () => 0.999999)).toBe(4_000);
  });

  test('keeps every delay between its exact part and the whole', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), share, random, (attempt, jitter, drawn) => {
        const whole = retryDelayMs(attempt, EXACT);
        const delay = retryDelayMs(attempt, { jitter }, undefined, () => drawn);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(whole * (1 - jitter)));
        expect(delay).toBeLessThanOrEqual(whole);
      }),
    );
  });
});

describe('Retry-After', () => {
  test('wins when it is longer than the formula, even past the cap', () => {
    expect(retryDelayMs(1, EXACT, 5_000)).toBe(5_000);
    expect(retryDelayMs(1, { ...EXACT, maxRetryDelay: 2_000 }, 600_000)).toBe(600_000);
  });

  test('does not shorten the formula', () => {
    expect(retryDelayMs(4, EXACT, 5_000)).toBe(8_000);
  });
});

describe('webhooks', () => {
  const SECONDS = [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400];

  test.each(SECONDS.map((seconds, index) => [index + 1, seconds]))(
    'attempt %i is followed by %i s, 20 %% more or less',
    (attempt, seconds) => {
      expect(retryDelayMs(attempt, WEBHOOK_RETRY, undefined, () => 0)).toBe(seconds * 800);
      expect(retryDelayMs(attempt, WEBHOOK_RETRY, undefined, () => 0.5)).toBe(seconds * 1_000);
      expect(retryDelayMs(attempt, WEBHOOK_RETRY, undefined, () => 1 - 1e-12)).toBe(seconds * 1_200);
    },
  );

  test('wait a day after each further attempt', () => {
    expect(retryDelayMs(50, WEBHOOK_RETRY, undefined, () => 0.5)).toBe(86_400_000);
  });

  test('are attempted ten times, everything else three times', () => {
    const { known } = new JobQueueService();
    const types = ['send_webhook', 'create_instance', 'monitor_instance', 'render_report'];
    const runs = types.map((type) => {
      const { maxAttempts } = known.get(type) ?? {};
      return checkedRun(type, { ...(maxAttempts !== undefined && { maxAttempts }) });
    });
    expect(runs.map(({ maxAttempts }) => maxAttempts)).toEqual([10, 3, 3, 3]);
  });
});
