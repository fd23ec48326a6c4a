import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type HandlerOptions,
  JobQueueService,
  JobWorkerService,
  RetryableError,
  snooze,
} from '../../src/index.js';
import type { JobPriority } from '../../src/jobs/vocabulary.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

let count = 0;
interface Payload {
  tenant?: string;
  ms?: number;
  n?: number;
}

/** Workers on connections of their own, whose jobs note who runs at once under each key. */
async function fleet(
  workers: number,
  options: Partial<HandlerOptions<Payload>>,
  handle?: HandlerOptions<Payload>['handler'],
) {
  const namespace = `limits${count++}`;
  const connect = () => new JobQueueService({ servers: nats.url, namespace, ackWaitMs: 2_000 });
  const queue = connect();
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const started: Payload[] = [];
  const all: { queue: JobQueueService; worker: JobWorkerService }[] = [];
  for (let each = 0; each < workers; each++) {
    const own = connect();
    const worker = new JobWorkerService(own, { sweep: false, name: `w${each}` });
    worker.registerHandler<Payload>('work', {
      concurrency: 50,
      ...options,
      handler: async (job) => {
        const { tenant = '' } = job.payload;
        const now = (running.get(tenant) ?? 0) + 1;
        running.set(tenant, now);
        most.set(tenant, Math.max(most.get(tenant) ?? 0, now));
        started.push(job.payload);
        try {
          return handle ? await handle(job) : await delay(job.payload.ms ?? 2);
        } finally {
          running.set(tenant, (running.get(tenant) ?? 0) - 1);
        }
      },
    });
    all.push({ queue: own, worker });
  }
  const start = () => Promise.all(all.map(({ worker }) => worker.start()));
  const add = (payloads: Payload[], priority: JobPriority = 'normal') =>
    queue.addJobs(payloads.map((payload) => ({ type: 'work', payload, priority })));
  const ended = (ids: readonly string[], timeout = 60_000) =>
    vi.waitFor(
      async () => {
        const jobs = await Promise.all(ids.map((id) => queue.getJob(id)));
        expect(jobs.filter((job) => job?.status !== 'completed').map((job) => job?.state)).toEqual([]);
      },
      { timeout, interval: 50 },
    );
  const close = async () => {
    await Promise.all(all.map(({ worker }) => worker.shutdown(2_000)));
    await Promise.all([...all.map((each) => each.queue.close()), queue.close()]);
  };
  return { queue, most, running, started, workers: all, start, add, ended, close };
}

const byTenant = { limits: [{ key: 'tenant', concurrency: 3 }] };

describe('concurrency by key', () => {
  it('never runs more than three of a key at once in three workers, and runs them all', async () => {
    const { start, add, ended, most, queue, close } = await fleet(3, byTenant);
    await start();
    const payloads = Array.from({ length: 100 }, (_, n) => ({ tenant: `t${n % 5}`, ms: n % 7 }));
    await ended(await add(payloads));
    expect([...most.values()]).toEqual(Array(5).fill(3));
    expect((await queue.getStats()).limitedJobs).toBe(0);
    await close();
  });

  it('shows a job that waits for a permit as queued, with what it waits for, and without a slot', async () => {
    const gates: (() => void)[] = [];
    const { start, add, ended, workers, queue, close } = await fleet(
      1,
      byTenant,
      () => new Promise<void>((open) => gates.push(open)),
    );
    await start();
    const ids = await add(Array.from({ length: 5 }, () => ({ tenant: 'a' })));
    await vi.waitFor(async () => expect((await queue.getStats()).limitedJobs).toBe(2));
    const { jobs } = await queue.getJobs({ status: 'pending' });
    expect(
      jobs.map(({ state, limited, attempt }) => ({
        state,
        limit: limited?.limit,
        key: limited?.key,
        attempt,
      })),
    ).toEqual(Array(2).fill({ state: 'queued', limit: 'work/tenant', key: 'a', attempt: 0 }));
    expect(workers[0]?.worker.running).toHaveLength(3);
    await vi.waitFor(() => {
      for (const open of gates.splice(0)) open();
      return ended(ids, 100);
    }, 20_000);
    expect((await queue.getJob(ids[4] as string))?.attempt).toBe(1);
    await close();
  });

  it('calls those that wait by priority, then in the order in which they came', async () => {
    const gates: (() => void)[] = [];
    const limits = [{ key: 'tenant', concurrency: 1 }];
    const { start, add, ended, started, queue, close } = await fleet(
      1,
      { limits },
      () => new Promise<void>((open) => gates.push(open)),
    );
    await start();
    const ids = await add([{ tenant: 'a', n: 0 }]);
    await vi.waitFor(() => expect(started).toHaveLength(1));
    for (const [n, priority] of (['low', 'normal', 'normal', 'high', 'critical'] as const).entries()) {
      ids.push(...(await add([{ tenant: 'a', n: n + 1 }], priority)));
      await vi.waitFor(async () => expect((await queue.getStats()).limitedJobs).toBe(n + 1));
    }
    await vi.waitFor(() => {
      for (const open of gates.splice(0)) open();
      return ended(ids, 100);
    }, 20_000);
    expect(started.map(({ n }) => n)).toEqual([0, 5, 4, 2, 3, 1]);
    await close();
  });

  it('gives the permit back while a job waits for its next attempt or its next look, and burns no attempt by waiting', async () => {
    const limits = [{ key: 'tenant', concurrency: 1 }];
    const { start, add, ended, most, queue, close } = await fleet(
      2,
      { limits, retry: { baseMs: 50 } },
      async ({ payload, attempt, checkpoint }) => {
        await delay(20);
        if (payload.n === 0 && attempt === 1) throw new RetryableError('again');
        if (payload.n === 1 && checkpoint === undefined) return snooze(100, 1);
        return undefined;
      },
    );
    await start();
    const ids = await add(Array.from({ length: 8 }, (_, n) => ({ tenant: 'a', n })));
    await ended(ids);
    expect(most.get('a')).toBe(1);
    const attempts = await Promise.all(ids.map(async (id) => (await queue.getJob(id))?.attempt));
    expect(attempts).toEqual([2, 1, 1, 1, 1, 1, 1, 1]);
    await close();
  });
});
