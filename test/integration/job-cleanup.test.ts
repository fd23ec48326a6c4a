import { setTimeout as delay } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { complete, type JobRecord } from '../../src/index.js';
import { requestOf } from '../../src/queue/transition-record.js';
import { startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** A moment in which the worker that was given the message goes on. */
type GoesOn =
  | 'while the cleanup waits for it'
  | 'when the record is gone'
  | 'while another cleanup has found no message';

describe.concurrent('a cancelled job whose message a worker is given while a cleanup removes it', () => {
  it.each<GoesOn>([
    'while the cleanup waits for it',
    'when the record is gone',
    'while another cleanup has found no message',
  ])('never runs, though the worker goes on %s', async (goesOn) => {
    const ran: string[] = [];
    const given = gate();
    const held = gate();
    await using fleet = await startFleet({ nats, workers: 0, queue: { ackWaitMs: 2_000 } });
    const { queue } = fleet;
    await queue.setup(['step']);
    const id = await queue.addJob('step', null);
    await queue.cancel(id);

    const { topology } = await queue.broker();
    const remove = topology.deleteMessage.bind(topology);
    topology.deleteMessage = async (kind, seq) => {
      const onFailpoint = async (failpoint: string, jobId: string) => {
        if (failpoint !== 'claim.delivered' || jobId !== id) return;
        given.open();
        await held.opened;
      };
      await fleet.addWorker({ step: ({ id: jobId }) => ran.push(jobId) }, { onFailpoint });
      await given.opened;
      await remove(kind, seq);
    };
    const removed = queue.cleanup(0);
    if (goesOn === 'when the record is gone') {
      expect(await removed).toBe(1);
      expect(await queue.getJob(id)).toBeUndefined();
    } else {
      await given.opened;
      await delay(500);
    }
    let another: Promise<number> | undefined;
    if (goesOn === 'while another cleanup has found no message') {
      another = queue.cleanup(0);
      await delay(500);
    }
    held.open();
    expect(await removed).toBe(1);
    await another;
    // A job that is added now runs after whatever was taken before it.
    topology.deleteMessage = remove;
    const next = await queue.addJob('step', null);
    await fleet.waitForJob(next, 'completed');
    expect(ran).toEqual([next]);
    expect(await queue.getJob(id)).toBeUndefined();
  });
});

it('a job stays while the message of the job that it follows from may come again, and with it a second one', async () => {
  const followed = gate();
  const held = gate();
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const parent = await queue.addJob('step', null);
  const onFailpoint = async (failpoint: string, jobId: string) => {
    if (failpoint !== 'finish.followed' || jobId !== parent) return;
    followed.open();
    await held.opened;
  };
  const child = { type: 'follower', payload: null, idSuffix: 'next' };
  await fleet.addWorker({ step: () => complete('done', [child]), follower: () => 'done' }, { onFailpoint });
  await followed.opened;
  const childId = `${parent}-next`;
  await fleet.waitForJob(childId, 'completed');
  await queue.cleanup(0);
  expect(await queue.getJob(childId)).toMatchObject({ state: 'completed', parentId: parent });
  held.open();
  await vi.waitFor(async () => {
    await queue.cleanup(0);
    expect([await queue.getJob(parent), await queue.getJob(childId)]).toEqual([undefined, undefined]);
  });
});

it('a job that ends and is removed while somebody cancels it is gone, and is not found', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const id = await queue.addJob('step', null);
  const broker = await queue.broker();
  const append = broker.appendEvent.bind(broker);
  broker.appendEvent = async (...args) => {
    broker.appendEvent = append;
    await fleet.addWorker({ step: () => 'done' });
    await fleet.waitForJob(id, 'completed');
    expect(await queue.cleanup(0)).toBe(1);
    return append(...args);
  };
  await expect(queue.cancel(id)).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  expect(await fleet.history(id)).toEqual([]);
  expect(await queue.getJob(id)).toBeUndefined();
});

it('a job that was cancelled as its timer fired stays until its message has arrived, and does not run', async () => {
  const ran: string[] = [];
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  await queue.setup(['step']);
  const id = await queue.addJob('step', null, 'normal', { delayMs: 60_000 });
  const request = requestOf((await queue.getJob(id)) as JobRecord);
  await queue.cancel(id);
  const { connection, jobs, read, subjects } = await queue.broker();
  const { streams } = await jetstreamManager(connection);
  const stream = subjects.streamName('jobs');
  const { sources = [] } = (await streams.info(stream)).config;
  await streams.update(stream, { sources: [] });
  await jobs.enqueueAgain(request);
  await queue.cleanup(0);
  expect(await queue.getJob(id)).toMatchObject({ state: 'cancelled' });
  await streams.update(stream, { sources });
  await vi.waitFor(async () => expect(await read.count(stream, subjects.workOf('jobs', id))).toBe(1));
  await fleet.addWorker({ step: ({ id: jobId }) => ran.push(jobId) });
  const next = await queue.addJob('step', null);
  await fleet.waitForJob(next, 'completed');
  expect(ran).toEqual([next]);
});

it('a forged record whose id stands for all jobs without an id removes none of them', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const { connection, subjects, topology } = await queue.broker();
  const bare = subjects.work({ kind: 'jobs', priority: 'normal', type: 'step' });
  for (const body of ['1', '2']) await connection.request(bare, body);
  const record = {
    v: 1,
    id: ':seq',
    type: 'step',
    priority: 'normal',
    status: 'completed',
    state: 'completed',
  };
  const body = JSON.stringify({ ...record, attempt: 1, maxAttempts: 1, workSeq: 1e15 });
  await connection.request(`${subjects.prefix}events.step.completed.:seq`, body);
  await queue.cleanup(0);
  expect((await topology.streamInfo('jobs')).state.messages).toBe(2);
  // It is nobody's record, so it goes.
  expect((await topology.streamInfo('events')).state.messages).toBe(0);
});
