import { expect, it, vi } from 'vitest';
import { Metrics } from '../../src/http/metrics.js';
import type { JobQueueService } from '../../src/queue/job-queue-service.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { WebhookEndpoints } from '../../src/webhooks/endpoints/webhook-endpoints.js';

vi.mock('../../src/inspect/fleet.js', () => ({ listWorkers: async () => [] }));

it('metrics of the queue are there although those of endpoints cannot be read', async () => {
  const byType = { build: { pending: 3, processing: 0, completed: 0, failed: 0 } };
  const queue = {
    callbackFailures: {},
    getStats: async () => ({ byType }),
    isConnected: true,
    oldestPendingAt: async () => undefined,
    health: async () => ({ consumers: [] }),
    now: Date.now,
  } as unknown as JobQueueService;
  const endpoints = {
    list: () => Promise.reject(new Error('no such stream')),
  } as unknown as WebhookEndpoints;
  const text = await new Metrics(queue, silentLogger, endpoints).text();
  expect(text).toMatch(/jetfleet_broker_connected 1/);
  expect(text).toContain('jetfleet_jobs{type="build",status="pending"}');
  expect(text).not.toMatch(/^jetfleet_webhook_endpoints\{/m);
});
