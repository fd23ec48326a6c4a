import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type JobContext,
  type JobHandler,
  type JobQueueService,
  NonRetryableError,
} from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { connectForeign, type ForeignClient } from '../support/foreign-client.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let client: ForeignClient;
beforeAll(async () => {
  nats = await startNats();
  client = await connectForeign(nats.url);
});
afterAll(async () => {
  await client.connection.close();
  await nats.stop();
});

const approval: JobHandler = async (job) => ({ by: await job.waitForSignal('approved') });

/** Messages in SIGNALS, once they are so many. */
async function expectStored(fleet: Fleet, count: number): Promise<void> {
  const broker = await fleet.queue.broker();
  await vi.waitFor(async () =>
    expect((await broker.topology.streamInfo('signals')).state.messages).toBe(count),
  );
}

/** No timer, no message and no signal is left. */
async function expectNothingLeft(fleet: Fleet): Promise<void> {
  const broker = await fleet.queue.broker();
  await expectStored(fleet, 0);
  await vi.waitFor(async () => {
    expect((await broker.topology.streamInfo('timers')).state.messages).toBe(0);
    expect((await broker.topology.streamInfo('jobs')).state.messages).toBe(0);
  });
}

describe('a job that waits for a signal', () => {
  it('holds no slot meanwhile, and goes on with what was sent', async () => {
    const handlers = { approve: { handler: approval, concurrency: 1 } };
    await using fleet = await startFleet({ nats, handlers });
    const [first = '', second = ''] = await fleet.queue.addJobs([
      { type: 'approve', payload: null },
      { type: 'approve', payload: null },
    ]);
    const waiting = await fleet.waitForJob(first, 'waiting');
    await fleet.waitForJob(second, 'waiting');
    expect(waiting.waitsFor).toEqual({ signals: [{ name: 'approved', after: 0 }] });
    // The record is written a moment before the job leaves the worker.
    await vi.waitFor(() => expect(fleet.workers[0]?.running).toEqual([]));
    expect(await fleet.queue.signal(second, 'approved', { name: 'Ann' })).toEqual({
      isKnown: true,
      isRepeated: false,
    });
    const ended = await fleet.waitForJob(second, 'completed');
    expect(ended).toMatchObject({ result: { by: { name: 'Ann' } }, attempt: 1 });
    expect(ended.waitsFor).toBeUndefined();
    expect(await fleet.queue.getJob(first)).toMatchObject({ state: 'waiting' });
    await fleet.queue.signal(first, 'approved');
    expect(await fleet.waitForJob(first, 'completed')).toMatchObject({ result: { by: null } });
    await expectNothingLeft(fleet);
  });

  it('gets one that came first: before it waits, and before it is added', async () => {
    const { open, opened } = gate();
    const slow: JobHandler = async (job) => {
      await opened;
      return approval(job);
    };
    await using fleet = await startFleet({ nats, handlers: { approve: slow } });
    expect(await fleet.queue.signal('early', 'approved', 'before')).toMatchObject({ isKnown: false });
    await fleet.queue.addJob('approve', null, 'normal', { id: 'early' });
    await fleet.queue.addJob('approve', null, 'normal', { id: 'meanwhile' });
    await fleet.waitForJob('meanwhile', 'running');
    await fleet.queue.signal('meanwhile', 'approved', 'while it runs');
    open();
    expect(await fleet.waitForJob('early', 'completed')).toMatchObject({ result: { by: 'before' } });
    expect(await fleet.waitForJob('meanwhile', 'completed')).toMatchObject({
      result: { by: 'while it runs' },
    });
    expect((await fleet.history('meanwhile')).map(({ state }) => state)).not.toContain('waiting');
    await expectNothingLeft(fleet);
  });

  it('is woken by one publish from any language', async () => {
    await using fleet = await startFleet({ nats, handlers: { approve: approval } });
    const id = await fleet.queue.addJob('approve', null);
    await fleet.waitForJob(id, 'waiting');
    await client.send(`${fleet.namespace}.signals.${id}.approved`, '{"by":"nats pub"}');
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: { by: { by: 'nats pub' } } });
  });

  it('is woken by a signal that was sent while no worker lived', async () => {
    await using fleet = await startFleet({ nats, handlers: { approve: approval } });
    const id = await fleet.queue.addJob('approve', null);
    await fleet.waitForJob(id, 'waiting');
    await fleet.workers[0]?.shutdown();
    await fleet.queue.signal(id, 'approved', 1);
    await delay(300);
    expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'waiting' });
    await fleet.addWorker();
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: { by: 1 } });
    await expectNothingLeft(fleet);
  });

  it('is woken by a worker that knew of no signals when it started, and handles none of its jobs', async () => {
    await using fleet = await startFleet({ nats, workers: 0, handlers: { approve: approval } });
    await fleet.addWorker({ other: () => null });
    const mine = await fleet.addWorker();
    const id = await fleet.queue.addJob('approve', null);
    await fleet.waitForJob(id, 'waiting');
    await mine.shutdown();
    await fleet.queue.signal(id, 'approved', 1);
    await vi.waitFor(async () => expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'waiting' }));
    const broker = await fleet.queue.broker();
    const timers = broker.subjects.streamName('timers');
    const timersLeft = () => broker.read.count(timers, `${fleet.namespace}.schedules.>`);
    await vi.waitFor(async () => expect(await timersLeft()).toBe(0));
    await fleet.addWorker();
    await fleet.waitForJob(id, 'completed');
  });

  it('runs from its beginning with the same signals again, the second call with the second one', async () => {
    const seen: unknown[][] = [];
    const handler: JobHandler = async (job) => {
      const got: unknown[] = [];
      seen.push(got);
      got.push(await job.waitForSignal('step'));
      got.push(await job.waitForSignal('step'));
      if (job.attempt === 1) throw new Error('again');
      got.push(await job.waitForSignal('end'));
      return got;
    };
    await using fleet = await startFleet({
      nats,
      handlers: { steps: { handler, retry: { baseMs: 1, jitter: 0 } } },
    });
    const id = await fleet.queue.addJob('steps', null);
    for (const data of ['one', 'two']) {
      await fleet.waitForJob(id, 'waiting');
      await fleet.queue.signal(id, 'step', data);
      await vi.waitFor(() => expect(seen.at(-1)).toContain(data));
    }
    await fleet.waitForJob(id, ({ state, attempt }) => state === 'waiting' && attempt === 2);
    await fleet.queue.signal(id, 'end', 'three');
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({
      result: ['one', 'two', 'three'],
      attempt: 2,
    });
    await expectNothingLeft(fleet);
  });

  it('waits until its timeout, and from then on has none, whatever comes later', async () => {
    const handler: JobHandler = async (job) => {
      const first = await job.waitForSignal('go', { timeoutMs: 600 });
      const second = await job.waitForSignal('go');
      return [first === undefined ? 'none' : first, second];
    };
    await using fleet = await startFleet({ nats, handlers: { timed: handler } });
    const id = await fleet.queue.addJob('timed', null);
    const { waits = {} } = await fleet.waitForJob(id, 'waiting');
    const end = waits['go#0'];
    await fleet.waitForJob(
      id,
      ({ state, nextRunAt = '' }) => state === 'waiting' && Date.parse(nextRunAt) > Date.now() + 60_000,
    );
    await fleet.queue.signal(id, 'go', 'late');
    const record = await fleet.waitForJob(id, 'completed');
    expect(record).toMatchObject({ result: ['none', 'late'], waits: { 'go#0': end } });
    await expectNothingLeft(fleet);
  });

  it('waits for its whole timeout again when it is run again', async () => {
    const handler: JobHandler = async (job) => {
      const signal = await job.waitForSignal('go', { timeoutMs: 600 });
      if (signal === undefined) throw new NonRetryableError('nobody came');
      return signal;
    };
    await using fleet = await startFleet({ nats, handlers: { timed: handler } });
    const id = await fleet.queue.addJob('timed', null);
    const { waits: first = {} } = await fleet.waitForJob(id, 'waiting');
    await fleet.waitForJob(id, ({ status }) => status === 'failed');
    await fleet.queue.retry(id);
    const { waits: again = {} } = await fleet.waitForJob(id, 'waiting');
    expect(Date.parse(again['go#0'] ?? '')).toBeGreaterThan(Date.parse(first['go#0'] ?? ''));
    await fleet.queue.signal(id, 'go', 'come');
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: 'come' });
    await expectNothingLeft(fleet);
  });

  it('is woken by either of two waits', async () => {
    const handler = (job: JobContext) => Promise.all([job.waitForSignal('a'), job.waitForSignal('b')]);
    await using fleet = await startFleet({ nats, handlers: { both: handler } });
    const id = await fleet.queue.addJob('both', null);
    const { waitsFor } = await fleet.waitForJob(id, 'waiting');
    expect(waitsFor?.signals?.map(({ name }) => name).sort()).toEqual(['a', 'b']);
    await fleet.queue.signal(id, 'b', 2);
    await fleet.waitForJob(
      id,
      ({ state, waitsFor: left }) => state === 'waiting' && left?.signals?.length === 1,
    );
    await fleet.queue.signal(id, 'a', 1);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: [1, 2] });
  });

  it('waits also where its handler swallows the error', async () => {
    const handler: JobHandler = (job) => job.waitForSignal('go').catch(() => 'swallowed');
    await using fleet = await startFleet({ nats, handlers: { deaf: handler } });
    const id = await fleet.queue.addJob('deaf', null);
    await fleet.waitForJob(id, 'waiting');
    await fleet.queue.signal(id, 'go', 'come');
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: 'come' });
  });

  it('can be cancelled, and leaves no signal behind', async () => {
    await using fleet = await startFleet({ nats, handlers: { approve: approval } });
    const id = await fleet.queue.addJob('approve', null);
    await fleet.waitForJob(id, 'waiting');
    await fleet.queue.signal(id, 'other', 1);
    await fleet.queue.cancel(id);
    await expectNothingLeft(fleet);
    await expect(fleet.queue.signal(id, 'approved')).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
    await client.send(`${fleet.namespace}.signals.${id}.approved`, '1');
    await expectNothingLeft(fleet);
  });

  it.each([1, 2, 3])('loses no signal of many that race with the begin of the wait (round %i)', async () => {
    await using fleet = await startFleet({
      nats,
      workers: 2,
      handlers: { approve: { handler: approval, concurrency: 50 } },
    });
    const ids = await fleet.queue.addJobs(
      Array.from({ length: 200 }, () => ({ type: 'approve', payload: null })),
    );
    const sent = ids.map(async (id, index) => {
      await delay((index * 7919) % 400);
      await fleet.queue.signal(id, 'approved', index);
    });
    await Promise.all(sent);
    const results = await Promise.all(ids.map((id) => fleet.queue.ended(id, { timeoutMs: 30_000 })));
    expect(results.map(({ result }) => (result as { by: number }).by)).toEqual(ids.map((_, index) => index));
    await expectNothingLeft(fleet);
  });
});

describe('a signal of a stranger', () => {
  it.each([
    ['is no JSON', 'approved', '{'],
    ['loses digits', 'approved', '12345678901234567890'],
    ['has another name', 'approve$', '1'],
    ['is nested too deep', 'approved', '['.repeat(200) + ']'.repeat(200)],
  ])('that %s is removed, and wakes nobody', async (_, name, body) => {
    await using fleet = await startFleet({ nats, handlers: { approve: approval } });
    const id = await fleet.queue.addJob('approve', null);
    await fleet.waitForJob(id, 'waiting');
    await client.send(`${fleet.namespace}.signals.${id}.${name}`, body);
    await expectStored(fleet, 0);
    await fleet.queue.signal(id, 'approved', 'good');
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: { by: 'good' } });
  });

  it('for an id that nobody uses harms nothing', async () => {
    await using fleet = await startFleet({ nats, handlers: { approve: approval } });
    const id = await fleet.queue.addJob('approve', null);
    await fleet.waitForJob(id, 'waiting');
    await client.send(`${fleet.namespace}.signals.nobody.approved`, '1');
    await client.send(`${fleet.namespace}.signals.${id}.approved`, '2');
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: { by: 2 } });
  });
});

describe('misuse', () => {
  it.each<[string, (queue: JobQueueService) => Promise<unknown>, string]>([
    ['a name with a dot', (queue) => queue.signal('a', 'a.b'), 'JETFLEET_SIGNAL_INVALID'],
    [
      'data that JSON changes',
      (queue) => queue.signal('a', 'b', { at: new Date() }),
      'JETFLEET_SIGNAL_INVALID',
    ],
    [
      'data that is too large',
      (queue) => queue.signal('a', 'b', 'x'.repeat(140_000)),
      'JETFLEET_SIGNAL_INVALID',
    ],
    ['no id', (queue) => queue.signal('a.b', 'b'), 'JETFLEET_ID_INVALID'],
    [
      'an unknown option',
      (queue) => queue.signal('a', 'b', 1, { keys: 'x' } as never),
      'JETFLEET_OPTION_INVALID',
    ],
  ])('by %s is refused before anything is stored', async (_, call, code) => {
    await using fleet = await startFleet({ nats, workers: 0, handlers: {} });
    await expect(call(fleet.queue)).rejects.toMatchObject({ code });
    expect(await (await fleet.queue.broker()).signals.exists()).toBe(false);
  });

  it('of waitForSignal fails the job at once', async () => {
    const handler: JobHandler = (job) => job.waitForSignal('a', { timeout: 5 } as never);
    await using fleet = await startFleet({ nats, handlers: { wrong: handler } });
    const job = await fleet.waitForJob(await fleet.queue.addJob('wrong', null), 'rejected');
    expect(job.error).toMatchObject({ code: 'JETFLEET_OPTION_INVALID' });
    expect(job.error?.message).toContain('timeout');
  });

  it('with the same key sends one signal', async () => {
    await using fleet = await startFleet({ nats, handlers: { approve: approval } });
    const id = await fleet.queue.addJob('approve', null);
    await fleet.waitForJob(id, 'waiting');
    await fleet.workers[0]?.stop();
    await fleet.queue.signal(id, 'approved', 1, { key: 'k' });
    expect(await fleet.queue.signal(id, 'approved', 1, { key: 'k' })).toMatchObject({ isRepeated: true });
    await expectStored(fleet, 1);
  });
});

it('a namespace without signals has no stream of them', async () => {
  await using fleet = await startFleet({ nats, handlers: { plain: () => 1 } });
  await fleet.waitForJob(await fleet.queue.addJob('plain', null), 'completed');
  expect(await (await fleet.queue.broker()).signals.exists()).toBe(false);
});
