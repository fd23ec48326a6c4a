import { describe, expect, it, vi } from 'vitest';
import { DEFAULT_BREAKER_POLICY, HEALTHY } from '../../machines/index.js';
import { NonRetryableError, RetryableError } from '../../src/jobs/errors.js';
import type { JobRecord } from '../../src/jobs/job-record.js';
import { checkedLimits, permitsOf } from '../../src/jobs/limit.js';
import type { Limiter } from '../../src/queue/limits/limiter.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import {
  EndpointDelivery,
  type EndpointDeliveryOptions,
} from '../../src/webhooks/endpoints/endpoint-delivery.js';
import { EndpointHealth } from '../../src/webhooks/endpoints/endpoint-health.js';
import type { StoredHealth } from '../../src/webhooks/endpoints/stored-health.js';
import { sendWebhook } from '../../src/webhooks/jobs.js';
import type { JobContext } from '../../src/worker/job-handler.js';
import { HeldPermits } from '../../src/worker/run/held-permits.js';

const away = () => Promise.reject(new Error('the broker is away'));
const createdAt = new Date().toISOString();
const endpoint = {
  id: 'e',
  url: 'https://example.com',
  format: 'standard',
  ordered: true,
  sealed: '',
  createdAt,
};
const { signal } = new AbortController();
const job = { id: 'j', attempt: 1, maxAttempts: 10, signal, record: { createdAt } } as JobContext;
const webhook = {
  endpoint: 'e',
  order: { key: 'i', sequence: 1 },
  payload: { type: 'job.failed', data: {} },
};

function storeOf() {
  const found = async () => ({ value: { ...endpoint, keep: { maxAgeMs: 1_000, maxCount: 1 } }, seq: 1 });
  return {
    broker: { clock: { now: Date.now } },
    recentEndpoint: found,
    endpoint: found,
    recentHealth: async () => ({ value: HEALTHY, seq: 0 }),
  };
}

/** One attempt whose webhook the endpoint takes, unless `parts` say otherwise. */
function deliver(parts: { [Part in keyof EndpointDeliveryOptions]?: object }, record?: Partial<JobRecord>) {
  const options = {
    client: { deliver: async () => ({ status: 204, durationMs: 1 }) },
    store: storeOf(),
    health: { delivered: async () => {}, failed: async () => HEALTHY, gone: async () => HEALTHY },
    turns: { hold: async () => {}, placeOf: async () => 'first', leave: async () => {} },
    keys: { open: () => ({ secrets: [], headers: {} }) },
    logger: silentLogger,
    source: '/jetfleet',
    ...parts,
  };
  const context = { ...job, record: { ...job.record, ...record } };
  return new EndpointDelivery(options as unknown as EndpointDeliveryOptions).deliver(context, webhook);
}

describe('a webhook that was delivered', () => {
  it.each([
    [
      'its turn cannot be left',
      { turns: { hold: async () => {}, placeOf: async () => 'first', leave: away } },
    ],
    ['the health of its endpoint cannot be read', { health: { delivered: away } }],
  ])('is delivered although %s', async (_, parts) => {
    await expect(deliver(parts)).resolves.toEqual({ status: 204, durationMs: 1 });
  });
});

describe('a webhook that is older than its endpoint, since another one had its id', () => {
  const before = { createdAt: new Date(Date.parse(createdAt) - 60_000).toISOString() };

  it('fails', async () => {
    await expect(deliver({}, before)).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND', retryable: false });
  });

  it('is delivered once somebody sends it again', async () => {
    await expect(deliver({}, { ...before, redrives: 1 })).resolves.toMatchObject({ status: 204 });
  });

  it('says nothing of the new one where it was under way meanwhile', async () => {
    const failure = new RetryableError('answered 500', { code: 'JETFLEET_WEBHOOK_FAILED' });
    const client = { deliver: () => Promise.reject(failure) };
    const failed = vi.fn();
    const later = { ...endpoint, createdAt: new Date(Date.now() + 60_000).toISOString() };
    const store = { ...storeOf(), endpoint: async () => ({ value: later, seq: 2 }) };
    await expect(deliver({ client, store, health: { failed } })).rejects.toBe(failure);
    expect(failed).not.toHaveBeenCalled();
  });
});

it('a webhook that was refused fails with the answer of its endpoint, although nobody can note that', async () => {
  const refusal = new NonRetryableError('answered 400', { code: 'JETFLEET_WEBHOOK_FAILED' });
  const client = { deliver: () => Promise.reject(refusal) };
  await expect(deliver({ client, health: { failed: away } })).rejects.toBe(refusal);
});

it('an endpoint is disabled although others cannot be told, and these are told later', async () => {
  let stored: StoredHealth = HEALTHY;
  const store = {
    changeHealth: async (_: string, change: (before: StoredHealth) => StoredHealth | undefined) => {
      const before = stored;
      stored = change(before) ?? before;
      return { before, after: stored, isChanged: stored !== before };
    },
  };
  const alerts = { raise: vi.fn() };
  const line = { follow: async () => {} };
  const tell = vi.fn(away);
  const parts = { store, line, policy: DEFAULT_BREAKER_POLICY, alerts, logger: silentLogger, tell };
  const health = new EndpointHealth(parts as never);
  const at = new Date().toISOString();
  expect(await health.note('e', { type: 'DISABLE', at })).toMatchObject({ state: 'disabled' });
  expect(alerts.raise).toHaveBeenCalledOnce();
  tell.mockImplementation(async () => undefined as never);
  await health.tellUntold('e', stored);
  expect(tell).toHaveBeenLastCalledWith('endpoint.disabled', Date.parse(at), 'e', expect.anything());
  expect(stored).toMatchObject({ state: 'disabled' });
  expect(stored).not.toHaveProperty('untold');
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
