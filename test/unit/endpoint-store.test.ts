import { expect, it, vi } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
import { EndpointStore } from '../../src/webhooks/endpoints/endpoint-store.js';

it('a worker reads the endpoints again for a job that has ended since it read them', async () => {
  const find = vi.fn(async () => []);
  const nowMs = Date.now();
  const broker = { clock: { now: () => nowMs }, extra: { of: () => ({ find }) }, subjects: {} };
  const store = new EndpointStore(broker as unknown as Broker);
  await store.recentAll(nowMs - 500);
  await store.recentAll(nowMs - 60_000);
  expect(find).toHaveBeenCalledTimes(1);
  await store.recentAll(nowMs);
  expect(find).toHaveBeenCalledTimes(2);
});
