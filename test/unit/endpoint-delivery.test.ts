import { describe, expect, it, vi } from 'vitest';
import { DEFAULT_BREAKER_POLICY, HEALTHY } from '../../machines/index.js';
import { NonRetryableError } from '../../src/jobs/errors.js';
import { checkedLimits, permitsOf } from '../../src/jobs/limit.js';
import type { Limiter } from '../../src/queue/limits/limiter.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import {
  EndpointDelivery,
  type EndpointDeliveryOptions,
} from '../../src/webhooks/endpoints/endpoint-delivery.js';
import { EndpointHealth } from '../../src/webhooks/endpoints/endpoint-health.js';
import { sendWebhook } from '../../src/webhooks/jobs.js';
import type { JobContext } from '../../src/worker/job-handler.js';
import { HeldPermits } from '../../src/worker/run/held-permits.js';

const away = () => Promise.reject(new Error('the broker is away'));
const endpoint = { id: 'e', url: 'https://example.com', format: 'standard', ordered: true, sealed: '' };
const job = { id: 'j', attempt: 1, maxAttempts: 10, signal: new AbortController().signal } as JobContext;
const webhook = {
  endpoint: 'e',
  order: { key: 'i', sequence: 1 },
  payload: { type: 'job.failed', data: {} },
};

/** One attempt whose webhook the endpoint takes, unless `parts` say otherwise. */
function deliver(parts: { [Part in keyof EndpointDeliveryOptions]?: object }) {
  const store = {
    broker: { clock: { now: Date.now } },
    recentEndpoint: async () => ({ value: { ...endpoint, keep: { maxAgeMs: 1_000, maxCount: 1 } }, seq: 1 }),
    recentHealth: async () => ({ value: HEALTHY, seq: 0 }),
  };
  const options = {
    client: { deliver: async () => ({ status: 204, durationMs: 1 }) },
    store,
    health: { delivered: async () => {}, failed: async () => HEALTHY, gone: async () => HEALTHY },
    turns: { take: async () => {}, isFirst: async () => true, leave: async () => {} },
    keys: { open: () => ({ secrets: [], headers: {} }) },
    logger: silentLogger,
    source: '/jetfleet',
    ...parts,
  };
  return new EndpointDelivery(options as unknown as EndpointDeliveryOptions).deliver(job, webhook);
}

describe('a webhook that was delivered', () => {
  it.each([
    ['its turn cannot be left', { turns: { take: async () => {}, isFirst: async () => true, leave: away } }],
    ['the health of its endpoint cannot be read', { health: { delivered: away } }],
  ])('is delivered although %s', async (_, parts) => {
    await expect(deliver(parts)).resolves.toEqual({ status: 204, durationMs: 1 });
  });
});

it('a webhook that was refused fails with the answer of its endpoint, although nobody can note that', async () => {
  const refusal = new NonRetryableError('answered 400', { code: 'JETFLEET_WEBHOOK_FAILED' });
  const client = { deliver: () => Promise.reject(refusal) };
  await expect(deliver({ client, health: { failed: away } })).rejects.toBe(refusal);
});

it('an endpoint is disabled although others cannot be told', async () => {
  const after = { ...HEALTHY, state: 'disabled' as const };
  const store = { changeHealth: async () => ({ before: HEALTHY, after, isChanged: true }) };
  const alerts = { raise: vi.fn() };
  const parts = { store, policy: DEFAULT_BREAKER_POLICY, alerts, logger: silentLogger, tell: away };
  const health = new EndpointHealth(parts as never);
  await expect(health.note('e', { type: 'DISABLE', at: new Date().toISOString() })).resolves.toBe(after);
  expect(alerts.raise).toHaveBeenCalledOnce();
});

it('a day of Retry-After closes an endpoint for no longer than its longest rest', async () => {
  const checked = checkedLimits(sendWebhook.type, sendWebhook.limits);
  const { needs } = permitsOf(checked as NonNullable<typeof checked>, webhook);
  const close = vi.fn(async () => {});
  const limiter = { close, release: async () => {} } as unknown as Limiter;
  const claimant = { owner: 'o', job: 'j', worker: 'w', run: 'r' };
  const held = new HeldPermits(limiter, { needs, claimant } as never, silentLogger);
  held.heed(86_400_000);
  await held.release();
  expect(close).toHaveBeenCalledExactlyOnceWith([needs[0]], DEFAULT_BREAKER_POLICY.maxRestMs);
});

it.each([
  [true, 5_000],
  [{ maxMs: 1_000 }, 1_000],
  [false, undefined],
])('a limit with retryAfter %j closes its key for %s of 5,000 ms', async (retryAfter, closedMs) => {
  const checked = checkedLimits('call', [{ key: 'tenant', concurrency: 1, retryAfter }]);
  const { needs } = permitsOf(checked as NonNullable<typeof checked>, { tenant: 'a' });
  const close = vi.fn(async (_keys: unknown, _forMs: number) => {});
  const limiter = { close, release: async () => {} } as unknown as Limiter;
  const held = new HeldPermits(limiter, { needs, claimant: { owner: 'o' } } as never, silentLogger);
  held.heed(5_000);
  await held.release();
  expect(close.mock.calls[0]?.[1]).toBe(closedMs);
});

it.each([[{ maxMs: 0 }], [{ forMs: 1 }], [null], ['long']])('refuses retryAfter %j', (retryAfter) => {
  const limits = [{ key: 'tenant', concurrency: 1, retryAfter }];
  expect(() => checkedLimits('call', limits)).toThrow(/retryAfter/);
});
