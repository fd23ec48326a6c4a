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
function deliver(
  parts: { [Part in keyof EndpointDeliveryOptions]?: object },
  record?: Partial<JobRecord>,
  checkpoint?: unknown,
) {
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
  const context = { ...job, checkpoint, record: { ...job.record, ...record } };
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

/** What endpoints of one id store, in memory. */
function healthOf(parts: object) {
  const kept: { health: StoredHealth } = { health: HEALTHY };
  const store = {
    broker: { clock: { now: Date.now } },
    changeHealth: async (_: string, change: (before: StoredHealth) => StoredHealth | undefined) => {
      const before = kept.health;
      kept.health = change(before) ?? before;
      return { before, after: kept.health, isChanged: kept.health !== before };
    },
    latestHealth: async () => kept.health,
  };
  const options = {
    store,
    line: { follow: async () => {} },
    alerts: { raise: vi.fn() },
    logger: silentLogger,
  };
  const policy = DEFAULT_BREAKER_POLICY;
  return { kept, health: new EndpointHealth({ ...options, policy, ...parts } as never) };
}

it('an endpoint is disabled although others cannot be told, and these are told later', async () => {
  const alerts = { raise: vi.fn() };
  const tell = vi.fn(away);
  const { kept, health } = healthOf({ alerts, tell });
  const at = new Date().toISOString();
  expect(await health.note('e', { type: 'DISABLE', at })).toMatchObject({ state: 'disabled' });
  expect(alerts.raise).toHaveBeenCalledOnce();
  tell.mockImplementation(async () => undefined as never);
  await health.tellUntold('e');
  const news = { event: 'endpoint.disabled', atMs: Date.parse(at), disabledBy: 'user' };
  expect(tell).toHaveBeenLastCalledWith('e', expect.objectContaining(news));
  expect(kept.health).toMatchObject({ state: 'disabled' });
  expect(kept.health).not.toHaveProperty('untold');
});

it('others are told the same of an endpoint in all repetitions, whatever its state is by then', async () => {
  const tell = vi.fn(away);
  const { health } = healthOf({ tell });
  const at = new Date().toISOString();
  await health.note('e', { type: 'DISABLE', at, reason: 'moves' });
  await health.tellUntold('e');
  await health.note('e', { type: 'ENABLE', at });
  tell.mockImplementation(async () => undefined as never);
  await health.tellUntold('e');
  const calls = tell.mock.calls as unknown as [string, { event: string; reason?: string }][];
  const told = calls.map(([, news]) => news).filter(({ event }) => event === 'endpoint.disabled');
  expect(told.length).toBeGreaterThan(1);
  expect(new Set(told.map((news) => JSON.stringify(news))).size).toBe(1);
  expect(told[0]?.reason).toBe('moves');
});

it.each([
  ['an attempt of before that fails', { type: 'FAILED', error: 'e' }],
  ['a webhook that may not probe', undefined],
] as const)(
  'a limit that %s closes is reopened where the endpoint was enabled meanwhile',
  async (_, event) => {
    const line = { follow: vi.fn(async () => {}), reopen: vi.fn(async () => {}) };
    const { kept, health } = healthOf({ tell: async () => {}, line });
    const openUntilMs = Date.now() + 60_000;
    kept.health = { ...HEALTHY, state: 'open', failures: 5, rests: 1, openUntilMs };
    line.follow.mockImplementationOnce(async () => {
      kept.health = HEALTHY;
    });
    if (event) await health.note('e', { ...event, at: new Date().toISOString() });
    else await health.mayProbe('e');
    expect(line.reopen).toHaveBeenCalledExactlyOnceWith('e');
  },
);

it('a webhook that is behind in its order comes by itself, each time later', async () => {
  const turns = { hold: async () => {}, placeOf: async () => 'behind' };
  let checkpoint: unknown;
  for (const parkForMs of [10_000, 60_000, 360_000, 2_160_000, 3_600_000]) {
    const parked = (await deliver({ turns }, undefined, checkpoint)) as { checkpoint: unknown };
    expect(parked).toMatchObject({ parkForMs, checkpoint: { parked: 'turn', turn: 'i' } });
    ({ checkpoint } = parked);
  }
});

it('no webhook waits for others to hear of its endpoint', async () => {
  const never = () => new Promise<never>(() => {});
  const untold = [{ event: 'endpoint.failing', atMs: 1 }];
  const health = async () => ({ value: { ...HEALTHY, untold }, seq: 1 });
  const tellUntold = vi.fn(never);
  const store = { ...storeOf(), recentHealth: health, health };
  const delivered = deliver({ store, health: { delivered: async () => {}, tellUntold } });
  await expect(delivered).resolves.toMatchObject({ status: 204 });
  expect(tellUntold).toHaveBeenCalledOnce();
  const tell = vi.fn(never);
  const { health: noting } = healthOf({ tell });
  const at = new Date().toISOString();
  await expect(noting.note('e', { type: 'DISABLE', at })).resolves.toMatchObject({ state: 'disabled' });
  // All that ask meanwhile share it.
  for (let n = 0; n < 5; n++) void noting.tellUntold('e');
  await vi.waitFor(() => expect(tell).toHaveBeenCalledOnce());
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
