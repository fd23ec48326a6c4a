import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService, JobWorkerService } from '../../src/index.js';
import { type JobPriority, PRIORITIES } from '../../src/jobs/vocabulary.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const LOWEST_FIRST = [...PRIORITIES].reverse();
const WITHIN = { interval: 5 };
let count = 0;

/** A queue whose jobs note their priorities when they start, and take 5 ms each. */
function system() {
  const queue = new JobQueueService({ servers: nats.url, namespace: `strict${count++}` });
  const started: JobPriority[] = [];
  const gates: (() => void)[] = [];
  const newWorker = (concurrency: number) =>
    new JobWorkerService(queue).registerHandler('short', {
      concurrency,
      handler: async ({ payload, priority }) => {
        if (payload === 'gated') return new Promise<void>((resolve) => gates.push(resolve));
        started.push(priority);
        await delay(5);
      },
    });
  const addEach = async (each: number) => {
    for (const priority of LOWEST_FIRST)
      for (let n = 0; n < each; n++) await queue.addJob('short', n, priority);
  };
  return { queue, started, gates, newWorker, addEach };
}

const inOrder = (each: number) => PRIORITIES.flatMap((priority) => Array<JobPriority>(each).fill(priority));

describe('one slot', () => {
  it('starts what was added while the worker was stopped strictly by priority', async () => {
    const { queue, started, newWorker, addEach } = system();
    const worker = newWorker(1);
    await worker.start();
    for (let round = 0; round < 3; round++) {
      started.length = 0;
      await worker.stop();
      await addEach(8);
      await worker.start();
      await vi.waitFor(() => expect(started).toHaveLength(32), WITHIN);
      expect(started).toEqual(inOrder(8));
    }
    await worker.shutdown();
    await queue.close();
  });

  it('starts what was added while it was taken strictly by priority', async () => {
    const { queue, started, gates, newWorker, addEach } = system();
    const worker = newWorker(1);
    await worker.start();
    for (let round = 0; round < 3; round++) {
      started.length = 0;
      await queue.addJob('short', 'gated', 'low');
      await vi.waitFor(() => expect(gates).toHaveLength(1), WITHIN);
      await addEach(8);
      gates.pop()?.();
      await vi.waitFor(() => expect(started).toHaveLength(32), WITHIN);
      expect(started).toEqual(inOrder(8));
    }
    await worker.shutdown();
    await queue.close();
  });
});

it('several slots start what waits strictly by priority', async () => {
  const { queue, started, newWorker, addEach } = system();
  const worker = newWorker(3);
  await worker.start();
  for (let round = 0; round < 3; round++) {
    started.length = 0;
    await worker.stop();
    await addEach(9);
    await worker.start();
    await vi.waitFor(() => expect(started).toHaveLength(36), WITHIN);
    expect(started).toEqual(inOrder(9));
  }
  await worker.shutdown();
  await queue.close();
});

it('a worker that is stopped, or whose slots are taken, holds no job', async () => {
  const { queue, gates, newWorker, addEach } = system();
  const [stopped, full] = [newWorker(1), newWorker(1)];
  await full.start();
  await queue.addJob('short', 'gated', 'low');
  await vi.waitFor(() => expect(gates).toHaveLength(1), WITHIN);
  const { topology } = await queue.broker();
  await stopped.start();
  await vi.waitFor(async () => {
    const consumers = (await topology.consumers('jobs')).filter(({ name }) => name.startsWith('short-'));
    expect(consumers.map(({ num_waiting }) => num_waiting)).toEqual([1, 1, 1, 1]);
  }, WITHIN);
  await stopped.stop();
  await addEach(2);
  const held = (await topology.consumers('jobs')).filter(({ num_ack_pending }) => num_ack_pending > 0);
  expect(held.map(({ name, num_ack_pending }) => ({ name, num_ack_pending }))).toEqual([
    { name: 'short-low', num_ack_pending: 1 },
  ]);
  gates.pop()?.();
  await Promise.all([stopped.shutdown(), full.shutdown()]);
  await queue.close();
});
