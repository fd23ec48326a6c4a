import { jetstream } from '@nats-io/jetstream';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/broker/embedded/index.js';
import { JobQueueService, type JobRecord, JobWorkerService, snooze } from '../../src/index.js';
import { startNats } from '../support/nats.js';

/** Each test plays a worker that died after some step, by doing those steps by hand and never acknowledging. */
const ACK_WAIT_MS = 700;
let nats: EmbeddedServer;
let queue: JobQueueService;
let namespace: string;
let test = 0;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(() => {
  namespace = `crash${test++}`;
  queue = new JobQueueService({ servers: nats.url, namespace, ackWaitMs: ACK_WAIT_MS });
  return () => queue.close();
});

/** A worker takes the message of a new job and dies after `record` was written. */
async function dieAfter(id: string, record?: Partial<JobRecord>): Promise<void> {
  await queue.setup(['step', 'follow']);
  await queue.addJob('step', { n: 1 }, 'normal', { id });
  const broker = await queue.broker();
  const consumer = await jetstream(broker.connection).consumers.get(
    `${namespace.toUpperCase()}_JOBS`,
    'step-normal',
  );
  const message = await consumer.next({ expires: 2_000 });
  if (!message) throw new Error('no message');
  if (!record) return;
  const pending = (await queue.getJob(id)) as JobRecord;
  const now = new Date().toISOString();
  const base = { ...pending, attempt: 1, worker: 'dead', workSeq: message.seq, updatedAt: now };
  const claim: JobRecord = { ...base, status: 'processing', state: 'running' };
  const seq = await broker.appendEvent(claim, 0);
  if (record.state !== 'running') await broker.appendEvent({ ...base, ...record } as JobRecord, seq);
}

async function work(): Promise<JobWorkerService> {
  const worker = new JobWorkerService(queue, { name: 'alive' });
  worker.registerHandler('step', {
    handler: ({ attempt, checkpoint }) => (checkpoint === 'again' ? snooze(100, 'done') : { attempt }),
  });
  worker.registerHandler('follow', { handler: () => 'followed' });
  await worker.start();
  return worker;
}

async function ended(id: string): Promise<JobRecord> {
  return vi.waitFor(
    async () => {
      const job = await queue.getJob(id);
      if (job?.status !== 'completed' && job?.status !== 'failed') throw new Error(`${id} is ${job?.state}`);
      return job;
    },
    { timeout: 10_000, interval: 50 },
  );
}

const inAMoment = () => new Date(Date.now() + 300).toISOString();

describe('a worker that dies', () => {
  it('before its claim costs no attempt', async () => {
    await dieAfter('a');
    await using _worker = await work();
    expect(await ended('a')).toMatchObject({ status: 'completed', attempt: 1, worker: 'alive' });
  });

  it('after its claim costs one attempt', async () => {
    await dieAfter('b', { state: 'running' });
    await using _worker = await work();
    expect(await ended('b')).toMatchObject({ status: 'completed', attempt: 2, result: { attempt: 2 } });
  });

  it('after a failed attempt was recorded, but before its timer was set, leaves no job without a timer', async () => {
    const error = { code: 'X', message: 'failed', retryable: true };
    await dieAfter('c', { status: 'pending', state: 'retrying', nextRunAt: inAMoment(), error });
    await using _worker = await work();
    expect(await ended('c')).toMatchObject({ status: 'completed', attempt: 2, result: { attempt: 2 } });
  });

  it('after hibernation was recorded, but before its timer was set, leaves no job asleep for ever', async () => {
    await dieAfter('d', {
      status: 'processing',
      state: 'waiting',
      nextRunAt: inAMoment(),
      checkpoint: 'again',
    });
    await using _worker = await work();
    expect(await ended('d')).toMatchObject({ status: 'completed', attempt: 1, result: { attempt: 1 } });
  });

  it('after completion was recorded, but before what follows was published, has it published once', async () => {
    const next = [{ type: 'follow', id: 'e-next', priority: 'normal' as const, payload: {} }];
    await dieAfter('e', { status: 'completed', state: 'completed', result: 'early', next });
    await using _worker = await work();
    expect(await ended('e-next')).toMatchObject({ status: 'completed', parentId: 'e' });
    expect(await queue.getJob('e')).toMatchObject({ result: 'early', worker: 'dead' });
    await vi.waitFor(async () => {
      const stats = await queue.getStats();
      expect(stats).toMatchObject({ totalJobs: 2, completedJobs: 2 });
    });
  });

  it('after everything but the acknowledgement has nothing done twice', async () => {
    const next = [{ type: 'follow', id: 'f-next', priority: 'normal' as const, payload: {} }];
    await dieAfter('f', { status: 'completed', state: 'completed', next });
    const broker = await queue.broker();
    await broker.enqueue({ ...next[0], createdAt: new Date().toISOString() } as never);
    await using _worker = await work();
    await ended('f-next');
    await vi.waitFor(async () => {
      expect((await broker.topology.streamInfo('jobs')).state.messages).toBe(0);
    });
    expect(
      await broker.read.count(broker.subjects.streamName('events'), broker.subjects.eventsOf('f-next')),
    ).toBe(2);
  });
});
