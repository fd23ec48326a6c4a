import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { instanceNameFor } from '../../src/gpu/index.js';
import type { CreateInstancePayload, JobRecord } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats });
  return () => fleet.close();
});

function order(more: Partial<CreateInstancePayload> = {}): CreateInstancePayload {
  return {
    instanceId: 'my-instance',
    name: 'My GPU Instance',
    productName: 'RTX 4090 24GB',
    templateId: 'template-123',
    gpuNum: 2,
    rootfsSize: 100,
    region: 'CN-HK-01',
    webhookUrl: `${fleet.receiver.url}/hook`,
    ...more,
  };
}

const add = (id: string, more: Partial<CreateInstancePayload> = {}) =>
  fleet.queue.addJob('create_instance', order(more), 'high', { id });
const creates = () => fleet.simulator.ledger.filter(({ action }) => action === 'create');
const deletes = () => fleet.simulator.ledger.filter(({ action }) => action === 'delete');
const webhook = () =>
  fleet.receiver
    .waitFor(() => true)
    .then(({ body, verified, headers }) => ({
      ...JSON.parse(body),
      verified,
      id: headers['webhook-id'],
    }));

describe('an instance', () => {
  it('goes from a published job to running, and ends with one signed webhook', async () => {
    await add('order-1');
    const sent = await webhook();
    expect(sent).toMatchObject({
      type: 'instance.running',
      verified: true,
      id: 'order-1-monitor-webhook-running',
      data: { instanceId: 'my-instance', status: 'running', novitaInstanceId: creates()[0]?.instanceId },
    });
    await fleet.waitForJob('order-1-monitor-webhook-running', 'completed');
    // Claimed, the name recorded, the create announced, done.
    expect((await fleet.history('order-1')).map(({ state }) => state)).toEqual([
      'running',
      'running',
      'running',
      'completed',
    ]);
    expect(await fleet.queue.getJob('order-1-monitor')).toMatchObject({
      state: 'completed',
      parentId: 'order-1',
    });
    expect(creates()).toHaveLength(1);
    expect(fleet.receiver.requests).toHaveLength(1);
  });

  it('has its name recorded before it is rented', async () => {
    fleet.simulator.faults.add({ kind: 'slow', delayMs: 400, when: 'before', route: '/gpu/instance/create' });
    await add('order-2');
    await vi.waitFor(() => expect(fleet.simulator.requests.count('POST /gpu/instance/create')).toBe(1));
    const record = (await fleet.queue.getJob('order-2')) as JobRecord;
    const name = instanceNameFor(record, fleet.namespace);
    expect(record).toMatchObject({ checkpoint: { instanceName: name } });
    expect(creates()).toHaveLength(0);
    await fleet.waitForJob('order-2', 'completed');
    expect(creates()).toMatchObject([{ name }]);
  });

  it.each(['error_after_create', 'reset_after_create'] as const)(
    'is rented once when the answer to the create is lost: %s',
    async (kind) => {
      fleet.simulator.faults.add({ kind, times: 1 });
      await add('order-3');
      expect(await fleet.waitForJob('order-3', 'completed')).toMatchObject({
        attempt: 1,
        result: { adopted: true },
      });
      await fleet.waitForJob('order-3-monitor', 'completed');
      expect(creates()).toHaveLength(1);
    },
  );

  it('is rented in the next region when the first has no capacity', async () => {
    fleet.simulator.faults.add({ kind: 'no_capacity', match: 'cn-hongkong-1', advertised: true });
    await add('order-4', { regions: ['US-CA-06'] });
    expect(await fleet.waitForJob('order-4', 'completed')).toMatchObject({ result: { region: 'US-CA-06' } });
    expect(creates()).toHaveLength(1);
  });

  it('is not rented without capacity: attempts are used up, and one webhook says failed', async () => {
    fleet.simulator.faults.add({ kind: 'no_capacity' });
    await fleet.queue.addJob('create_instance', order(), 'high', { id: 'order-5', maxAttempts: 2 });
    expect(await webhook()).toMatchObject({
      type: 'instance.failed',
      data: { status: 'failed', errorCode: 'JETFLEET_PROVIDER_CAPACITY' },
    });
    expect(await fleet.queue.getJob('order-5')).toMatchObject({ state: 'exhausted', attempt: 2 });
    expect(fleet.receiver.requests).toHaveLength(1);
    expect(creates()).toHaveLength(0);
  });

  it('waits as long as a busy provider asks, then is rented', async () => {
    fleet.simulator.faults.add({
      kind: 'rate_limited',
      retryAfter: 1,
      route: '/gpu/instance/create',
      times: 1,
    });
    await add('order-6');
    const retrying = await fleet.waitForJob('order-6', 'retrying');
    expect(retrying.error).toMatchObject({ code: 'JETFLEET_PROVIDER_RATE_LIMITED', retryAfterMs: 1_000 });
    expect(Date.parse(retrying.nextRunAt as string) - Date.parse(retrying.updatedAt)).toBeGreaterThanOrEqual(
      1_000,
    );
    expect(await fleet.waitForJob('order-6', 'completed')).toMatchObject({ attempt: 2 });
    expect(creates()).toHaveLength(1);
  });

  it('that never starts is deleted, shown to be gone, and reported as a timeout', async () => {
    fleet.simulator.faults.add({ kind: 'stuck_pulling' });
    await add('order-7', { maxWaitTime: 400 });
    expect(await webhook()).toMatchObject({ type: 'instance.timeout', data: { status: 'timeout' } });
    expect(await fleet.queue.getJob('order-7-monitor')).toMatchObject({
      state: 'timed_out',
      error: { code: 'JETFLEET_INSTANCE_TIMEOUT' },
    });
    expect(deletes()).toHaveLength(1);
    expect(fleet.simulator.live()).toEqual([]);
    expect(fleet.receiver.requests).toHaveLength(1);
  });

  it('that never starts is left alone where its job says so', async () => {
    fleet.simulator.faults.add({ kind: 'stuck_pulling' });
    await add('order-8', { maxWaitTime: 300, onTimeout: 'keep' });
    await fleet.waitForJob('order-8', 'completed');
    await fleet.waitForJob('order-8-monitor', 'timed_out');
    expect(fleet.simulator.live()).toHaveLength(1);
  });

  it('is not given up for a moment in which the provider fails', async () => {
    await add('order-9');
    await fleet.waitForJob('order-9', 'completed');
    fleet.simulator.faults.add({ kind: 'error', status: 503, route: 'GET /gpu/instance', times: 2 });
    expect(await webhook()).toMatchObject({ type: 'instance.running' });
    expect(fleet.receiver.requests).toHaveLength(1);
  });

  it('that somebody else removes is reported as failed', async () => {
    fleet.simulator.faults.add({ kind: 'stuck_pulling' });
    await add('order-10');
    const { result } = await fleet.waitForJob('order-10', 'completed');
    await fleet.provider.delete((result as { novitaInstanceId: string }).novitaInstanceId);
    expect(await webhook()).toMatchObject({
      type: 'instance.failed',
      data: { errorCode: 'JETFLEET_INSTANCE_VANISHED' },
    });
  });

  it('is watched by a job that holds no slot and no message between two polls', async () => {
    fleet.simulator.faults.add({ kind: 'stuck_pulling' });
    await add('order-11');
    await fleet.waitForJob('order-11-monitor', 'waiting');
    await vi.waitFor(
      async () => {
        expect(await fleet.queue.getStats()).toMatchObject({ processingJobs: 1, waitingJobs: 1 });
        expect(fleet.workers[0]?.running).toEqual([]);
      },
      { interval: 10 },
    );
  });
});

describe('a webhook', () => {
  it('is tried again under the same id until the endpoint takes it', async () => {
    let tries = 0;
    fleet.receiver.respondWith(() => ({
      status: ++tries < 2 ? 503 : 204,
      headers: { 'retry-after': '0' },
    }));
    const payload = { url: `${fleet.receiver.url}/status`, payload: { hello: 'world' } };
    const id = await fleet.queue.addJob('send_webhook', payload);
    await fleet.waitForJob(id, 'retrying');
    expect(fleet.receiver.requests).toMatchObject([{ headers: { 'webhook-id': id }, verified: true }]);
    // The next try is seconds away by design; its timer is what matters here, and is set a moment after its record.
    await vi.waitFor(async () => expect((await fleet.queue.getStats()).retryingJobs).toBe(1));
  });

  it('that is gone for good is not tried again', async () => {
    fleet.receiver.respondWith(() => ({ status: 410 }));
    const id = await fleet.queue.addJob('send_webhook', { url: fleet.receiver.url, payload: {} });
    expect(await fleet.waitForJob(id, 'rejected')).toMatchObject({
      attempt: 1,
      error: { code: 'JETFLEET_WEBHOOK_GONE' },
    });
  });
});
