import { jetstream } from '@nats-io/jetstream';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobRecord, snooze } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

/** Each test plays a worker that died after some step, by doing those steps by hand and never acknowledging. */
const ACK_WAIT_MS = 700;
let nats: EmbeddedServer;
let fleet: Fleet;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats, workers: 0, queue: { ackWaitMs: ACK_WAIT_MS } });
  return () => fleet.close();
});

/** A worker takes the message of a new job and dies after `record` was written. */
async function dieAfter(id: string, record?: Partial<JobRecord>): Promise<void> {
  await fleet.queue.setup(['step', 'follow']);
  await fleet.queue.addJob('step', { n: 1 }, 'normal', { id });
  const broker = await fleet.queue.broker();
  const consumer = await jetstream(broker.connection).consumers.get(
    broker.subjects.streamName('jobs'),
    'step-normal',
  );
  const message = await consumer.next({ expires: 30_000 });
  if (!message) throw new Error('no message');
  if (!record) return;
  const pending = (await fleet.queue.getJob(id)) as JobRecord;
  const now = new Date().toISOString();
  const base = { ...pending, attempt: 1, worker: 'dead', workSeq: message.seq, updatedAt: now };
  const claim: JobRecord = { ...base, status: 'processing', state: 'running' };
  const seq = await broker.appendEvent(claim, 0);
  if (record.state !== 'running') await broker.appendEvent({ ...base, ...record } as JobRecord, seq);
}

const work = () =>
  fleet.addWorker(
    {
      step: ({ attempt, checkpoint }) => (checkpoint === 'again' ? snooze(100, 'done') : { attempt }),
      follow: () => 'followed',
    },
    { name: 'alive' },
  );

const inAMoment = () => new Date(Date.now() + 300).toISOString();

describe('a worker that dies', () => {
  it('before its claim costs no attempt', async () => {
    await dieAfter('a');
    await work();
    expect(await fleet.waitForJob('a', 'completed')).toMatchObject({ attempt: 1, worker: 'alive' });
  });

  it('after its claim costs one attempt', async () => {
    await dieAfter('b', { state: 'running' });
    await work();
    expect(await fleet.waitForJob('b', 'completed')).toMatchObject({ attempt: 2, result: { attempt: 2 } });
  });

  it('after a failed attempt was recorded, but before its timer was set, leaves no job without a timer', async () => {
    const error = { code: 'X', message: 'failed', retryable: true };
    await dieAfter('c', { status: 'pending', state: 'retrying', nextRunAt: inAMoment(), error });
    await work();
    expect(await fleet.waitForJob('c', 'completed')).toMatchObject({ attempt: 2, result: { attempt: 2 } });
  });

  it('after hibernation was recorded, but before its timer was set, leaves no job asleep for ever', async () => {
    await dieAfter('d', {
      status: 'processing',
      state: 'waiting',
      nextRunAt: inAMoment(),
      checkpoint: 'again',
    });
    await work();
    expect(await fleet.waitForJob('d', 'completed')).toMatchObject({ attempt: 1, result: { attempt: 1 } });
  });

  it('after completion was recorded, but before what follows was published, has it published once', async () => {
    const next = [{ type: 'follow', id: 'e-next', priority: 'normal' as const, payload: {} }];
    await dieAfter('e', { status: 'completed', state: 'completed', result: 'early', next });
    await work();
    expect(await fleet.waitForJob('e-next', 'completed')).toMatchObject({ parentId: 'e' });
    expect(await fleet.queue.getJob('e')).toMatchObject({ result: 'early', worker: 'dead' });
    await vi.waitFor(async () => {
      const stats = await fleet.queue.getStats();
      expect(stats).toMatchObject({ totalJobs: 2, completedJobs: 2 });
    });
  });

  it('after everything but the acknowledgement has nothing done twice', async () => {
    const next = [{ type: 'follow', id: 'f-next', priority: 'normal' as const, payload: {} }];
    await dieAfter('f', { status: 'completed', state: 'completed', next });
    const broker = await fleet.queue.broker();
    await broker.jobs.enqueue({ ...next[0], createdAt: new Date().toISOString() } as never);
    await work();
    await fleet.waitForJob('f-next', 'completed');
    const left = async () => (await broker.topology.streamInfo('jobs')).state.messages;
    await vi.waitFor(async () => expect(await left()).toBe(0));
    expect(
      await broker.read.count(broker.subjects.streamName('events'), broker.subjects.eventsOf('f-next')),
    ).toBe(2);
  });
});
