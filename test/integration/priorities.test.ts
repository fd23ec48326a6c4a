import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService, JobWorkerService, type NewJob } from '../../src/index.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let queue: JobQueueService;
let test = 0;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(() => {
  queue = new JobQueueService({ servers: nats.url, namespace: `priority${test++}` });
  return () => queue.close();
});

/** A worker whose jobs run until they are told to end. */
function gatedWorker(name: string, concurrency: number) {
  const started: { id: string; at: number }[] = [];
  const gates: (() => void)[] = [];
  const worker = new JobWorkerService(queue, { name }).registerHandler('gated', {
    concurrency,
    handler: ({ id }) => {
      started.push({ id, at: performance.now() });
      return new Promise<void>((resolve) => gates.push(resolve));
    },
  });
  const openOne = () => gates.shift()?.();
  const openAll = () => {
    for (const open of gates.splice(0)) open();
  };
  return { worker, started, openOne, openAll };
}

describe('priorities', () => {
  it('with 5,000 LOW jobs waiting and every slot busy, let a CRITICAL job start next', async () => {
    const { worker, started, openOne, openAll } = gatedWorker('busy', 4);
    const low: NewJob[] = Array.from({ length: 5_000 }, () => ({
      type: 'gated',
      payload: {},
      priority: 'low',
    }));
    await queue.addJobs(low);
    await worker.start();
    await vi.waitFor(() => expect(started).toHaveLength(4));
    const [normal, high, critical] = await Promise.all(
      (['normal', 'high', 'critical'] as const).map((priority) => queue.addJob('gated', {}, priority)),
    );
    for (const expected of [critical, high, normal]) {
      const before = started.length;
      openOne();
      await vi.waitFor(() => expect(started).toHaveLength(before + 1), { interval: 5 });
      expect(started.at(-1)?.id).toBe(expected);
    }
    await vi.waitFor(async () => expect((await queue.getStats()).byPriority.low.pending).toBe(4_996));
    const drained = worker.shutdown(30_000);
    openAll();
    await drained;
  });

  it('hand no CRITICAL job back while LOW jobs of a few milliseconds pass every slot on', {
    retry: 3,
  }, async () => {
    const worker = new JobWorkerService(queue).registerHandler('short', {
      concurrency: 8,
      handler: () => delay(3),
    });
    await queue.addJobs(
      Array.from({ length: 4_000 }, () => ({ type: 'short', payload: {}, priority: 'low' as const })),
    );
    await worker.start();
    for (let n = 0; n < 150; n++) {
      await queue.addJob('short', {}, 'critical');
      await delay(3);
    }
    const { topology } = await queue.broker();
    const deliveries = async () => {
      const consumers = await topology.consumers('jobs');
      return consumers.find(({ name }) => name === 'short-critical')?.delivered.consumer_seq ?? 0;
    };
    await vi.waitFor(async () => expect(await deliveries()).toBeGreaterThanOrEqual(150));
    // A machine that stands still for longer than a job may be held hands a few back.
    expect(await deliveries()).toBeLessThan(157);
    await worker.shutdown();
  });

  it('start jobs of one priority in the order they came', async () => {
    const { worker, started, openAll } = gatedWorker('ordered', 1);
    const ids = await queue.addJobs(Array.from({ length: 20 }, () => ({ type: 'gated', payload: {} })));
    await worker.start();
    await vi.waitFor(
      () => {
        openAll();
        expect(started).toHaveLength(ids.length);
      },
      { interval: 5 },
    );
    expect(started.map(({ id }) => id)).toEqual(ids);
    openAll();
    await worker.shutdown();
  });
});

describe('a worker with free slots', () => {
  it('asks once for each job that comes alone while jobs are short', { retry: 3 }, async () => {
    const started: string[] = [];
    const worker = new JobWorkerService(queue).registerHandler('alone', {
      handler: ({ id }) => void started.push(id),
    });
    await worker.start();
    const { connection, subjects } = await queue.broker();
    let requests = 0;
    connection.subscribe(`$JS.API.CONSUMER.MSG.NEXT.${subjects.streamName('jobs')}.alone-normal`, {
      callback: () => {
        requests++;
      },
    });
    const runOne = async () => {
      const before = started.length;
      await queue.addJob('alone', {});
      await vi.waitFor(() => expect(started).toHaveLength(before + 1), { interval: 1 });
    };
    // Two for the worker to see that jobs are short.
    for (let n = 0; n < 3; n++) await runOne();
    await connection.flush();
    const before = requests;
    for (let n = 0; n < 30; n++) await runOne();
    await connection.flush();
    expect(requests - before).toBeGreaterThanOrEqual(29);
    // A request that expires in this time is renewed, and a slow moment looks like a long job.
    expect(requests - before).toBeLessThanOrEqual(40);
    await worker.shutdown();
  });
});

describe('two workers', () => {
  // A busy machine is late now and then, but not each time.
  it('leave no job in the hands of a saturated one for more than 250 ms while the other is idle', {
    retry: 5,
  }, async () => {
    const busy = gatedWorker('saturated', 2);
    await busy.worker.start();
    await queue.addJobs(Array.from({ length: 2 }, () => ({ type: 'gated', payload: {} })));
    await vi.waitFor(() => expect(busy.started).toHaveLength(2));

    const idle = gatedWorker('idle', 50);
    await idle.worker.start();
    const waits: number[] = [];
    for (const priority of [
      'critical',
      'high',
      'normal',
      'low',
      'low',
      'normal',
      'high',
      'critical',
    ] as const) {
      const addedAt = performance.now();
      const id = await queue.addJob('gated', {}, priority);
      await vi.waitFor(() => expect(idle.started.map((start) => start.id)).toContain(id), { interval: 2 });
      waits.push((idle.started.find((start) => start.id === id)?.at ?? Number.NaN) - addedAt);
    }
    expect(busy.started).toHaveLength(2);
    expect(Math.max(...waits)).toBeLessThan(250);
    const drained = Promise.all([busy.worker.shutdown(30_000), idle.worker.shutdown(30_000)]);
    busy.openAll();
    idle.openAll();
    await drained;
  });

  it('share the work, each job running once', async () => {
    const runs = new Map<string, number>();
    const workers = ['a', 'b'].map((name) =>
      new JobWorkerService(queue, { name }).registerHandler('gated', {
        concurrency: 5,
        handler: ({ id }) => {
          runs.set(id, (runs.get(id) ?? 0) + 1);
        },
      }),
    );
    await Promise.all(workers.map((worker) => worker.start()));
    const ids = await queue.addJobs(Array.from({ length: 500 }, () => ({ type: 'gated', payload: {} })));
    await vi.waitFor(async () => expect((await queue.getStats()).completedJobs).toBe(ids.length));
    expect([...runs.values()].every((count) => count === 1)).toBe(true);
    expect(runs.size).toBe(ids.length);
    await Promise.all(workers.map((worker) => worker.shutdown()));
  });
});
