import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobAborted, type JobContext, JobQueueService, snooze } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;
/** When each handler's signal fired, and why. */
const aborted = new Map<string, { at: number; reason: string }>();

const untilAborted = (id: string, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => {
      aborted.set(id, { at: performance.now(), reason: (signal.reason as JobAborted).reason });
      resolve();
    });
  });

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  aborted.clear();
  fleet = await startFleet({
    nats,
    handlers: {
      hang: ({ id, signal }) => untilAborted(id, signal),
      fail: { handler: () => Promise.reject(new Error('no')), retry: { baseMs: 60_000, jitter: 0 } },
      nap: () => snooze(60_000),
      quick: () => 'done',
    },
  });
  return () => fleet.close();
});

async function timers(): Promise<number> {
  const { read, subjects } = await fleet.queue.broker();
  return read.count(subjects.streamName('timers'), `${subjects.prefix}schedules.jobs.>`);
}

async function left(): Promise<number> {
  const { topology } = await fleet.queue.broker();
  return (await topology.streamInfo('jobs')).state.messages;
}

/** A queue of another process, as far as the broker can tell. */
const otherQueue = () => new JobQueueService({ servers: fleet.url, namespace: fleet.namespace });

describe('cancel', () => {
  it('ends a queued job before any worker takes it', async () => {
    const id = await fleet.queue.addJob('nobody_handles', {});
    expect(await fleet.queue.cancel(id, 'not wanted')).toMatchObject({
      status: 'failed',
      state: 'cancelled',
      attempt: 0,
      error: { code: 'JETFLEET_CANCELLED', message: 'The job was cancelled: not wanted' },
    });
    expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'cancelled' });
    expect(await left()).toBe(0);
  });

  it.each([
    ['starts after that', 1],
    ['has no slot for it before that', 0],
  ])('keeps a queued job from beginning, also with a worker that %s', async (_, workersLater) => {
    const began: string[] = [];
    const blocker = gate();
    const handler = async ({ id, payload }: JobContext) => {
      began.push(id);
      if (payload === 'blocker') await blocker.opened;
    };
    const handlers = { step: { handler, concurrency: 1 } };
    await using own = await startFleet({ nats, handlers, workers: 1 - workersLater });
    await own.queue.setup(['step']);
    if (workersLater === 0) {
      const id = await own.queue.addJob('step', 'blocker');
      await own.waitForJob(id, 'running');
      began.length = 0;
    }
    const ids = await own.queue.addJobs([1, 2, 3, 4].map((payload) => ({ type: 'step', payload })));
    const [first, second, ...others] = ids as [string, string, ...string[]];
    await using other = new JobQueueService({ servers: own.url, namespace: own.namespace });
    await other.cancel(first);
    await other.cancel(second);
    if (workersLater > 0) await own.addWorker();
    blocker.open();
    for (const id of others) await own.waitForJob(id, 'completed');
    expect(began).toEqual(others);
    expect(await own.queue.getJob(first)).toMatchObject({ state: 'cancelled' });
  });

  it('ends a job that was published without an id, and no other one on its subject', async () => {
    const { connection, subjects } = await fleet.queue.broker();
    const subject = subjects.work({ kind: 'jobs', priority: 'low', type: 'nobody_handles' });
    for (const n of [1, 2]) await connection.request(subject, JSON.stringify({ n }));
    await fleet.queue.cancel('seq-1');
    expect(await fleet.queue.getJob('seq-1')).toMatchObject({ state: 'cancelled' });
    expect(await fleet.queue.getJob('seq-2')).toMatchObject({ state: 'queued' });
    expect(await left()).toBe(1);
  });

  it('ends a scheduled job and removes its timer', async () => {
    const id = await fleet.queue.addJob('quick', {}, 'normal', { delayMs: 60_000 });
    await fleet.queue.cancel(id);
    expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'cancelled' });
    expect(await left()).toBe(0);
  });

  it.each([
    ['fail', 'retrying'],
    ['nap', 'waiting'],
  ] as const)('ends a job (%s) that is %s and removes its timer', async (type, state) => {
    const id = await fleet.queue.addJob(type, {});
    await fleet.waitForJob(id, state);
    await vi.waitFor(async () => expect(await timers()).toBe(1));
    await fleet.queue.cancel(id);
    expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'cancelled', attempt: 1 });
    expect(await timers()).toBe(0);
    await vi.waitFor(async () => expect(await left()).toBe(0));
  });

  // A busy machine is late now and then, but not each time.
  it('aborts a running handler of another process within 200 ms, and the record is there within 1 s', {
    retry: 5,
  }, async () => {
    const id = await fleet.queue.addJob('hang', {});
    await fleet.waitForJob(id, 'running');
    await using other = otherQueue();
    await other.connect();
    const start = performance.now();
    await other.cancel(id);
    const recordedMs = performance.now() - start;
    await vi.waitFor(() => expect(aborted.get(id)).toMatchObject({ reason: 'cancelled' }), { interval: 5 });
    expect((aborted.get(id)?.at ?? Number.POSITIVE_INFINITY) - start).toBeLessThan(200);
    expect(recordedMs).toBeLessThan(1_000);
    expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'cancelled' });
    await vi.waitFor(async () => expect(await left()).toBe(0));
    await vi.waitFor(() => expect(fleet.workers[0]?.running).toEqual([]));
    const states = (await fleet.history(id)).map(({ state }) => state);
    expect(states).toEqual(['running', 'cancelled']);
  });

  it('stops a handler after a reconnect when the notice was missed', async () => {
    const id = await fleet.queue.addJob('hang', {});
    const before = await fleet.waitForJob(id, 'running');
    const broker = await fleet.queue.broker();
    const last = await broker.lastEvent(id);
    const error = { code: 'JETFLEET_CANCELLED', message: 'x', retryable: false };
    await broker.appendEvent({ ...before, status: 'failed', state: 'cancelled', error }, last?.seq ?? 0);
    await broker.connection.reconnect();
    await vi.waitFor(() => expect(aborted.get(id)).toMatchObject({ reason: 'cancelled' }));
  });

  it('has one winner when it races with completion', async () => {
    const ids = await fleet.queue.addJobs(
      Array.from({ length: 40 }, (_, n) => ({ type: 'quick', payload: { n } })),
    );
    const results = await Promise.allSettled(ids.map((id) => fleet.queue.cancel(id)));
    const codes = results.map((result) =>
      result.status === 'fulfilled' ? 'cancelled' : (result.reason as { code: string }).code,
    );
    for (const [index, id] of ids.entries()) {
      const wanted = codes[index] === 'cancelled' ? 'cancelled' : 'completed';
      expect(['cancelled', 'JETFLEET_CONFLICT']).toContain(codes[index]);
      const ends = (await fleet.history(id)).map(({ state }) => state).filter((state) => state !== 'running');
      expect(ends).toEqual([wanted]);
    }
    await vi.waitFor(async () => expect(await left()).toBe(0));
  });

  it('refuses a job that has ended, and one that nobody knows', async () => {
    const id = await fleet.queue.addJob('quick', {});
    await fleet.waitForJob(id, 'completed');
    await expect(fleet.queue.cancel(id)).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
    await expect(fleet.queue.cancel('nobody')).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  });
});

it('a job that has run and was removed is not cancelled for what a replica shows that is behind', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  await fleet.queue.setup(['step']);
  const broker = await fleet.queue.broker();
  await fleet.queue.addJob('step', {}, 'normal', { id: 'behind' });
  const { read, subjects, topology } = broker;
  const work = subjects.workOf('jobs', 'behind');
  const message = await read.last(subjects.streamName('jobs'), work);
  // It runs, and is removed, between what the caller reads and what it writes; a replica goes on to show its message.
  const { appendEvent } = broker;
  vi.spyOn(broker, 'appendEvent').mockImplementationOnce(async (...record) => {
    const seq = await appendEvent.call(broker, { ...record[0], id: 'other' }, 0);
    await topology.deleteMessage('events', seq);
    await topology.purge('jobs', subjects.workFilter('jobs', 'normal', 'step'));
    return appendEvent.apply(broker, record);
  });
  vi.spyOn(read, 'lastTogether').mockImplementation(async (_, subject) =>
    subject === message?.subject ? message : undefined,
  );
  vi.spyOn(read, 'page').mockImplementation(async (_, subject) =>
    message && subject === message.subject ? [message] : [],
  );
  await expect(fleet.queue.cancel('behind')).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  expect(await read.count(subjects.streamName('events'), subjects.eventsOf('behind'))).toBe(0);
});
