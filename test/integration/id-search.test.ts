import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type JobFilter,
  JobQueueService,
  type JobRecord,
  NonRetryableError,
  snooze,
} from '../../src/index.js';
import { generatedBetween, generateJobId } from '../../src/jobs/job-id.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const DAY = 24 * 60 * 60 * 1000;
const NEWER = 22_000;
const FEWER = 6_000;
const AT_ONCE = 5_000;
const STATES = ['queued', 'scheduled', 'retrying', 'waiting', 'completed', 'rejected'] as const;
const ORDERS = ['newest', 'oldest'] as const;
const handlers = {
  demo: () => 'ok',
  broken: () => Promise.reject(new NonRetryableError('no')),
  sleepy: () => snooze(DAY),
  flaky: {
    handler: () => Promise.reject(new Error('again')),
    retry: { baseMs: DAY, maxRetryDelay: DAY, jitter: 0 },
  },
};

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Follows the cursor to the end. */
async function idsOf({ queue }: Fleet, filter: JobFilter): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
    const page = await queue.getJobs({ ...filter, ...(cursor !== undefined && { cursor }) });
    ids.push(...page.jobs.map(({ id }) => id));
    cursor = page.cursor;
  }
  expect(new Set(ids).size).toBe(ids.length);
  return ids;
}

/** Jobs as a worker leaves them that has run them, without running them. */
async function addEnded({ queue }: Fleet, prefix: string, count: number): Promise<void> {
  const broker = await queue.broker();
  const at = new Date(broker.clock.now()).toISOString();
  const common = {
    v: 1,
    type: 'demo',
    priority: 'normal',
    payload: null,
    attempt: 1,
    maxAttempts: 3,
  } as const;
  const times = { createdAt: at, updatedAt: at, startedAt: at, finishedAt: at };
  const record = (n: number): JobRecord => ({
    ...common,
    ...times,
    id: `${prefix}${n}`,
    status: 'completed',
    state: 'completed',
    machine: { id: 'job', version: 1 },
  });
  for (let from = 0; from < count; from += AT_ONCE) {
    const part = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, n) => record(from + n));
    await Promise.all(part.map((each) => broker.appendEvent(each, 0)));
  }
}

async function addWaiting({ queue }: Fleet, count: number): Promise<void> {
  await queue.addJobs(Array.from({ length: count }, () => ({ type: 'nobody_runs_it', payload: null })));
}

async function addInEveryState(fleet: Fleet, prefix: string): Promise<string[]> {
  const { queue } = fleet;
  const types = {
    queued: 'nobody_runs_it',
    scheduled: 'demo',
    retrying: 'flaky',
    waiting: 'sleepy',
    completed: 'demo',
    rejected: 'broken',
  };
  const ids = STATES.map((state) => `${prefix}${state}`);
  for (const state of STATES) {
    const delay = state === 'scheduled' ? { delayMs: DAY } : {};
    await queue.addJob(types[state], null, 'normal', { id: `${prefix}${state}`, ...delay });
  }
  await Promise.all(STATES.map((state) => fleet.waitForJob(`${prefix}${state}`, state)));
  return ids;
}

test('the first page of a process has the jobs behind 22,000 newer ones, in whatever state they are', async () => {
  await using fleet = await startFleet({ nats, handlers });
  await addEnded(fleet, 'older-', FEWER);
  const ids = await addInEveryState(fleet, 'order-10');
  await addEnded(fleet, 'newer-', NEWER);
  await addWaiting(fleet, FEWER);
  const { namespace } = fleet.queue;
  for (const order of ORDERS) {
    await using queue = new JobQueueService({ servers: nats.url, namespace });
    const page = await queue.getJobs({ id: 'order-10', order, limit: 50 });
    expect(page.jobs.map(({ id }) => id).sort()).toEqual([...ids].sort());
    for (const state of STATES) {
      const { jobs } = await queue.getJobs({ id: 'order-10', order, state, limit: 50 });
      expect(jobs.map(({ id }) => id)).toEqual([`order-10${state}`]);
    }
  }
}, 120_000);

test('what was read is not read again, and what comes and goes meanwhile shows', async () => {
  await using fleet = await startFleet({ nats, handlers });
  const { queue } = fleet;
  await addEnded(fleet, 'many-', 12_000);
  await addEnded(fleet, 'few-', 3);
  for (const order of ORDERS) expect(await idsOf(fleet, { id: 'few-', order })).toHaveLength(3);
  const { read } = await queue.broker();
  const page = vi.spyOn(read, 'page');
  for (const order of ORDERS) expect(await idsOf(fleet, { id: 'few-', order })).toHaveLength(3);
  const sizes = await Promise.all(page.mock.results.map(({ value }) => value as Promise<unknown[]>));
  expect(sizes.flat()).toHaveLength(0);
  page.mockRestore();
  await addEnded(fleet, 'few-new-', 2);
  await queue.addJob('nobody_runs_it', null, 'low', { id: 'few-waiting' });
  for (const order of ORDERS) expect(await idsOf(fleet, { id: 'few-', order })).toHaveLength(6);
  expect(await queue.cleanup(0)).toBeGreaterThan(12_000);
  await addEnded(fleet, 'few-', 1);
  for (const order of ORDERS)
    expect((await idsOf(fleet, { id: 'few-', order })).sort()).toEqual(['few-0', 'few-waiting']);
}, 120_000);

test('a search by the beginning of a generated id begins where it was made, and finds what lies elsewhere too', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const { read, subjects } = await queue.broker();
  await addEnded(fleet, 'older-', 40);
  const early = generateJobId();
  const start = early.slice(0, 8);
  await addEnded(fleet, `${start}-early-`, 3);
  await addEnded(fleet, 'newer-', 40);
  await queue.addJob('nobody_runs_it', null, 'low', { id: `${start}-waits` });
  const wanted = [0, 1, 2].map((n) => `${start}-early-${n}`);
  // The server says where a time is: here, as if a minute had passed before the newer ones came.
  const sequenceAt = read.sequenceAt.bind(read);
  const { fromMs } = generatedBetween(start) as { fromMs: number };
  const late = vi.spyOn(read, 'sequenceAt').mockImplementation(async (stream, timeMs) => {
    if (timeMs < fromMs) return sequenceAt(stream, timeMs);
    return stream === subjects.streamName('events') ? 44 : 1;
  });
  for (const order of ORDERS) {
    const ids = await idsOf(fleet, { id: start, order, limit: 2 });
    expect(ids.slice(0, 3)).toEqual(order === 'oldest' ? wanted : [...wanted].reverse());
    expect(ids.slice(3)).toEqual([`${start}-waits`]);
  }
  late.mockRestore();
  for (const other of ['00000000', '7ZZZZZZZ']) {
    await addEnded(fleet, `${other}-`, 2);
    for (const order of ORDERS) expect(await idsOf(fleet, { id: other, order, limit: 1 })).toHaveLength(2);
  }
});

test('a search finds the jobs of streams that were deleted and recreated', async () => {
  await using fleet = await startFleet({ nats, handlers });
  const { queue } = fleet;
  await addEnded(fleet, 'before-', 20);
  expect(await idsOf(fleet, { id: 'before-' })).toHaveLength(20);
  const { connection, subjects } = await queue.broker();
  await connection.request(`$JS.API.STREAM.DELETE.${subjects.streamName('events')}`);
  await addEnded(fleet, 'after-', 30);
  expect(await idsOf(fleet, { id: 'before-' })).toEqual([]);
  expect(await idsOf(fleet, { id: 'after-' })).toHaveLength(30);
});

test('jobs without an id of their own are found by the one that they are listed under', async () => {
  await using fleet = await startFleet({ nats, handlers });
  const { connection, subjects } = await fleet.queue.broker();
  for (const kind of ['jobs', 'webhooks'])
    connection.publish(`${subjects.prefix}${kind}.low.nobody_runs_it`, 'null');
  await connection.flush();
  expect(await idsOf(fleet, { id: 'seq' })).toEqual(['seq-1']);
  expect(await idsOf(fleet, { id: 'webhook-seq' })).toEqual(['webhook-seq-1']);
  const schedule = { type: 'demo', payload: null, id: 'cron-x-1', delayMs: DAY };
  await fleet.queue.addJobs([schedule]);
  expect(await idsOf(fleet, { id: 'cron-x' })).toEqual(['cron-x-1']);
});

test('a page has the job whose whole id is asked for first, then those that begin with it', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  await addEnded(fleet, 'order-', 120);
  const page = await fleet.queue.getJobs({ id: 'order-1', order: 'newest', limit: 50 });
  const ids = page.jobs.map(({ id }) => id);
  expect(ids[0]).toBe('order-1');
  expect(ids).toHaveLength(31);
});
