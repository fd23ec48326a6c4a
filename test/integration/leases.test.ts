import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/broker/embedded/index.js';
import { JobQueueService, type JobRecord, JobWorkerService } from '../../src/index.js';
import { decodeRecord } from '../../src/wire/record-message.js';
import { startNats } from '../support/nats.js';
import { WorkerProcess } from '../support/worker-process.js';

const ACK_WAIT_MS = 1_000;
let nats: EmbeddedServer;
let namespace: string;
let queue: JobQueueService;
let test = 0;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(() => {
  namespace = `lease${test++}`;
  queue = new JobQueueService({ servers: nats.url, namespace, ackWaitMs: ACK_WAIT_MS });
  return () => queue.close();
});

/** Every record of a job, oldest first: what EVENTS holds. */
async function history(id: string): Promise<JobRecord[]> {
  const broker = await queue.broker();
  const events = await broker.read.page(
    broker.subjects.streamName('events'),
    broker.subjects.eventsOf(id),
    1,
    100,
  );
  return events.map(({ data }) => decodeRecord(data));
}

async function ended(id: string): Promise<JobRecord> {
  return vi.waitFor(
    async () => {
      const job = await queue.getJob(id);
      if (job?.status !== 'completed' && job?.status !== 'failed') throw new Error(`${id} is ${job?.state}`);
      return job;
    },
    { timeout: 15_000, interval: 50 },
  );
}

const steps = (records: JobRecord[]) =>
  records.map(({ state, attempt, worker }) => `${state} ${attempt} ${worker}`);

describe('a worker that dies', () => {
  it('by SIGKILL in the middle of a job loses nothing: another worker finishes it as attempt 2', async () => {
    await using first = await WorkerProcess.start(nats.url, namespace, ACK_WAIT_MS, 'first');
    const id = await queue.addJob('crashy', { runMs: 60_000 });
    await first.prints(`running ${id} 1`);
    first.signal('SIGKILL');

    await using second = new JobWorkerService(queue, { name: 'second' });
    second.registerHandler('crashy', { handler: ({ attempt }) => ({ attempt }) });
    await second.start();
    expect(await ended(id)).toMatchObject({ status: 'completed', attempt: 2, result: { attempt: 2 } });
    expect(steps(await history(id))).toEqual(['running 1 first', 'running 2 second', 'completed 2 second']);
    expect(await queue.getStats()).toMatchObject({ totalJobs: 1, completedJobs: 1 });
  });

  it('on the last attempt fails the job as stalled, with the name of the worker', async () => {
    await using first = await WorkerProcess.start(nats.url, namespace, ACK_WAIT_MS, 'first');
    const id = await queue.addJob('crashy', { runMs: 60_000 }, 'normal', { maxAttempts: 1 });
    await first.prints(`running ${id} 1`);
    first.signal('SIGKILL');

    await using second = new JobWorkerService(queue, { name: 'second' });
    second.registerHandler('crashy', { handler: () => 'must not run' });
    await second.start();
    const job = await ended(id);
    expect(job).toMatchObject({ state: 'exhausted', attempt: 1, error: { code: 'JETFLEET_STALLED' } });
    expect(job.error?.message).toContain('first');
    expect(job).not.toHaveProperty('result');
  });
});

describe('a worker that loses its lease', () => {
  it('has its late result refused and logged, and the new owner decides', async () => {
    await using frozen = await WorkerProcess.start(nats.url, namespace, ACK_WAIT_MS, 'frozen');
    const id = await queue.addJob('crashy', { runMs: 300 });
    await frozen.prints(`running ${id} 1`);
    frozen.signal('SIGSTOP');

    let finish: (result: unknown) => void = () => {};
    const owner = new JobWorkerService(queue, { name: 'owner' });
    owner.registerHandler('crashy', {
      handler: () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    });
    await owner.start();
    await vi.waitFor(() => expect(owner.running).toEqual([id]), { timeout: 10_000 });

    frozen.signal('SIGCONT');
    await frozen.prints('JETFLEET_LEASE_LOST');
    expect(await queue.getJob(id)).toMatchObject({ state: 'running', attempt: 2, worker: 'owner' });
    finish({ by: 'owner' });
    expect(await ended(id)).toMatchObject({ status: 'completed', attempt: 2, result: { by: 'owner' } });
    expect(steps(await history(id))).toEqual(['running 1 frozen', 'running 2 owner', 'completed 2 owner']);
    await owner.shutdown();
  });

  it('keeps a job that takes longer than the lease, by heartbeats, and nobody else gets it', async () => {
    const workers = ['one', 'two'].map((name) => {
      const worker = new JobWorkerService(queue, { name });
      return worker.registerHandler<{ runMs: number }>('crashy', {
        handler: ({ payload }) => new Promise((resolve) => setTimeout(resolve, payload.runMs)),
      });
    });
    await Promise.all(workers.map((worker) => worker.start()));
    const id = await queue.addJob('crashy', { runMs: ACK_WAIT_MS * 2.5 });
    expect(await ended(id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(await history(id)).toHaveLength(2);
    await Promise.all(workers.map((worker) => worker.shutdown()));
  });
});
