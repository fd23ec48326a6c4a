import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { FaultInput } from '../../src/gpu/index.js';
import type { InstanceRead } from '../../src/instances/waiting-monitors.js';
import { type Fleet, type FleetWorkerOptions, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const POLL_MS = 100;
/** One own poll in 1,000 seconds, or as seldom as it gets: every ten minutes. */
const SELDOM: FleetWorkerOptions = { ownPollsPerSecond: 0.001, pollIntervalMs: POLL_MS };

let nats: EmbeddedServer;
let fleet: Fleet;
let reads: InstanceRead[];

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats, worker: SELDOM });
  reads = [];
  const onRead = (read: unknown) => void reads.push(read as InstanceRead);
  subscribe('jetfleet.instance.read', onRead);
  return async () => {
    unsubscribe('jetfleet.instance.read', onRead);
    await fleet.close();
  };
});

/** Rents an instance that does not start, and returns its id once its monitor waits and its instance is read. */
async function watched({
  fault = { kind: 'stuck_pulling' } as FaultInput,
  maxWaitTime = 60_000,
  id = 'rent',
} = {}): Promise<string> {
  fleet.simulator.faults.add(fault);
  const payload = {
    instanceId: 'mine',
    name: 'mine',
    productName: 'RTX 4090 24GB',
    templateId: 'template-123',
    gpuNum: 1,
    rootfsSize: 100,
    region: 'CN-HK-01',
    maxWaitTime,
  };
  await fleet.queue.addJob('create_instance', payload, 'high', { id });
  const { result } = await fleet.waitForJob(id, 'completed');
  await fleet.waitForJob(`${id}-monitor`, 'waiting');
  return (result as { novitaInstanceId: string }).novitaInstanceId;
}

const readMore = (times: number) => vi.waitFor(() => expect(reads.length).toBeGreaterThan(times));
const states = async () => (await fleet.history('rent-monitor')).map(({ state }) => state);
const untilDueMs = async () => {
  const job = await fleet.queue.getJob('rent-monitor');
  return Date.parse(job?.nextRunAt ?? '') - Date.now();
};

describe('a monitor among very many', () => {
  it('polls for itself seldom, and its instance is read in each interval meanwhile, with nothing written', async () => {
    await watched();
    await readMore(5);
    expect(await states()).toEqual(['running', 'waiting']);
    // Its own timer stands in the broker all the while, for the deadline at the latest.
    expect(await untilDueMs()).toBeGreaterThan(30_000);
    expect(fleet.workers[0]?.running).toEqual([]);
    for (const [index, { jobId, dueMs, doneMs }] of reads.entries()) {
      expect(jobId).toBe('rent-monitor');
      expect(doneMs).toBeGreaterThanOrEqual(dueMs);
      if (index > 0) expect(dueMs - (reads[index - 1]?.dueMs ?? 0)).toBeGreaterThanOrEqual(POLL_MS);
    }
  });

  it('fails when its instance is gone, soon after', async () => {
    const id = await watched();
    await readMore(1);
    await fleet.provider.delete(id);
    const { error } = await fleet.waitForJob('rent-monitor', 'rejected');
    expect(error).toMatchObject({ code: 'JETFLEET_INSTANCE_VANISHED' });
    // Its poll was brought forward, and it polled for itself: once to see it gone, and until that is proven.
    const seen = await states();
    expect(seen.slice(0, 4)).toEqual(['running', 'waiting', 'waiting', 'running']);
    expect(seen.filter((state) => state === 'running').length).toBeGreaterThanOrEqual(4);
    expect(seen.at(-1)).toBe('rejected');
  });

  it('completes when its instance runs, soon after', async () => {
    await watched({ fault: { kind: 'unhealthy', forMs: 1_500 } });
    await fleet.waitForJob('rent-monitor', 'completed');
    expect((await states()).filter((state) => state === 'running')).toHaveLength(2);
  });

  it('keeps its deadline', async () => {
    await watched({ maxWaitTime: 700 });
    await fleet.waitForJob('rent-monitor', 'timed_out');
    expect(fleet.simulator.live()).toEqual([]);
  });

  it('has its instance read in time while the read of another one takes long', async () => {
    await watched();
    await watched({ id: 'other' });
    await readMore(4);
    const route = 'GET /gpu/instance';
    fleet.simulator.faults.add({ kind: 'slow', delayMs: 20_000, times: 1, route });
    const before = reads.length;
    await readMore(before + 8);
    const times = (jobId: string) => reads.slice(before).filter((read) => read.jobId === jobId).length;
    expect(Math.min(times('rent-monitor'), times('other-monitor'))).toBeLessThan(3);
  });

  it('that is cancelled stays so, and its instance is deleted', async () => {
    await watched();
    await fleet.queue.cancel('rent-monitor');
    await vi.waitFor(() => expect(fleet.simulator.live()).toEqual([]));
    await delay(5 * POLL_MS);
    expect((await states()).at(-1)).toBe('cancelled');
  });

  it.each([503, 401])('waits out a provider that answers %i, with nothing written', async (status) => {
    await watched();
    const route = 'GET /gpu/instance';
    fleet.simulator.faults.add({ kind: 'error', status, route, times: 3 });
    await readMore(8);
    expect(await states()).toEqual(['running', 'waiting']);
    expect(fleet.simulator.faults.list()).toMatchObject([{ kind: 'stuck_pulling' }]);
  });

  it('is polled as usual by another worker when the one that watches it shuts down', async () => {
    const id = await watched();
    await readMore(1);
    await fleet.workers[0]?.shutdown();
    expect(await untilDueMs()).toBeLessThan(2 * POLL_MS);
    await fleet.addWorker(undefined, { ownPollsPerSecond: Number.POSITIVE_INFINITY });
    await fleet.provider.delete(id);
    await fleet.waitForJob('rent-monitor', 'rejected');
  });
});

it('a monitor among few makes each poll itself', async () => {
  await fleet.workers[0]?.shutdown();
  await fleet.addWorker(undefined, { ownPollsPerSecond: 200 });
  await watched();
  await vi.waitFor(async () => expect((await states()).length).toBeGreaterThan(6));
  expect(reads).toEqual([]);
});

it('a monitor leaves time for the first polls of those that are queued behind it', async () => {
  const novitaInstanceId = await watched();
  await fleet.workers[0]?.shutdown();
  const payload = { instanceId: 'mine', novitaInstanceId, startTime: new Date().toISOString() };
  const jobs = Array.from({ length: 60 }, (_, n) => ({ type: 'monitor_instance', payload, id: `m${n}` }));
  await fleet.queue.addJobs(jobs);
  await fleet.addWorker(undefined, { ownPollsPerSecond: 20, concurrency: { monitor_instance: 1 } });
  const { nextRunAt = '', updatedAt } = await fleet.waitForJob('m0', 'waiting');
  expect(Date.parse(nextRunAt) - Date.parse(updatedAt)).toBeGreaterThan(2_000);
});
