import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type JobFilter,
  type JobPriority,
  type JobRecord,
  NonRetryableError,
  snooze,
} from '../../src/index.js';
import { PRIORITIES } from '../../src/jobs/vocabulary.js';
import { ANY } from '../../src/wire/subjects.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { aborted } from '../support/gate.js';
import { startNats } from '../support/nats.js';

const DAY = 24 * 60 * 60 * 1000;
const handlers = {
  demo: () => 'ok',
  broken: () => Promise.reject(new NonRetryableError('no')),
  sleepy: () => snooze(DAY),
  flaky: {
    handler: () => Promise.reject(new Error('again')),
    retry: { baseMs: DAY, maxRetryDelay: DAY, jitter: 0 },
  },
  hold: ({ signal }: { signal: AbortSignal }) => aborted(signal),
};

let nats: EmbeddedServer;
let fleet: Fleet;
const added: Record<string, string[]> = {};

/** Follows the cursor to the end. */
async function listAll(filter: JobFilter, { queue }: Fleet = fleet): Promise<JobRecord[]> {
  const jobs: JobRecord[] = [];
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
    const page = await queue.getJobs({ ...filter, ...(cursor !== undefined && { cursor }) });
    expect(page.jobs.length).toBeLessThanOrEqual(filter.limit ?? 100);
    jobs.push(...page.jobs);
    cursor = page.cursor;
  }
  const ids = jobs.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  return jobs;
}

const idsOf = (jobs: JobRecord[]) => jobs.map(({ id }) => id);

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, handlers, worker: { concurrency: { hold: 5 } } });
  const { queue } = fleet;
  const add = async (name: string, type: string, count: number, more = {}) => {
    added[name] = await queue.addJobs(
      Array.from({ length: count }, (_, index) => ({
        type,
        payload: { index },
        priority: PRIORITIES[index % 4] as JobPriority,
        ...more,
      })),
    );
  };
  await add('completed', 'demo', 30);
  await Promise.all((added.completed ?? []).map((id) => fleet.waitForJob(id, 'completed')));
  await add('failed', 'broken', 12);
  await Promise.all((added.failed ?? []).map((id) => fleet.waitForJob(id, 'rejected')));
  await add('running', 'hold', 4);
  await add('waiting', 'sleepy', 6);
  await add('retrying', 'flaky', 6);
  await add('scheduled', 'demo', 5, { delayMs: DAY });
  await add('queued', 'nobody_runs_it', 20);
  await Promise.all([
    ...(added.running ?? []).map((id) => fleet.waitForJob(id, 'running')),
    ...(added.waiting ?? []).map((id) => fleet.waitForJob(id, 'waiting')),
    ...(added.retrying ?? []).map((id) => fleet.waitForJob(id, 'retrying')),
  ]);
  // A record comes before its timer, and the message is acknowledged after both: until then a job moves.
  const settled = { processingJobs: 10, waitingJobs: 6, pendingJobs: 31, retryingJobs: 6 };
  await vi.waitFor(async () => expect(await queue.getStats()).toMatchObject(settled));
});
afterAll(async () => {
  await fleet.close();
  await nats.stop();
});

describe.each(['newest', 'oldest'] as const)('%s first', (order) => {
  test.each([7, 100])('every job is listed once, in pages of %i', async (limit) => {
    const jobs = await listAll({ order, limit });
    expect(idsOf(jobs).sort()).toEqual(Object.values(added).flat().sort());
  });

  test('finished jobs stand in the order in which their ends were stored', async () => {
    const { read, subjects } = await fleet.queue.broker();
    const stored = await read.page(
      subjects.streamName('events'),
      subjects.event('demo', 'completed', ANY),
      1,
      100,
    );
    const ends = stored.map(({ subject }) => subjects.parseEvent(subject)?.id ?? '');
    expect(ends).toHaveLength(30);
    const listed = idsOf(await listAll({ order, status: 'completed', limit: 4 }));
    expect(listed).toEqual(order === 'newest' ? ends.reverse() : ends);
  });

  test.each(['completed', 'rejected', 'running', 'waiting', 'retrying', 'scheduled', 'queued'] as const)(
    'only jobs that are %s',
    async (state) => {
      const name = state === 'rejected' ? 'failed' : state;
      expect(idsOf(await listAll({ order, state, limit: 3 })).sort()).toEqual(
        [...(added[name] ?? [])].sort(),
      );
    },
  );

  test('by type and priority', async () => {
    const jobs = await listAll({ order, type: 'demo', priority: 'high', limit: 3 });
    expect(jobs).toHaveLength(8 + 1);
    for (const job of jobs) expect(job).toMatchObject({ type: 'demo', priority: 'high' });
  });

  test('by the time of the last change, both ends included', async () => {
    const failed = await listAll({ order: 'oldest', status: 'failed' });
    const times = failed.map(({ updatedAt }) => updatedAt).sort();
    const [since, until] = [times[3] as string, times[8] as string];
    const inside = failed.filter(({ updatedAt }) => updatedAt >= since && updatedAt <= until);
    const jobs = await listAll({ order, since, until, limit: 2 });
    expect(idsOf(jobs).sort()).toEqual(idsOf(inside).sort());
    expect(await listAll({ order, until: new Date(0) })).toEqual([]);
    expect(await listAll({ order, since: new Date(Date.now() + DAY) })).toEqual([]);
  });
});

test('an id finds its job first, then those whose ids begin with it', async () => {
  await using fleet = await startFleet({ nats, handlers });
  const { queue } = fleet;
  await queue.addJobs(
    ['find-1', 'find-1-a', 'find-1-b', 'find-2'].map((id) => ({ id, type: 'demo', payload: null })),
  );
  for (const id of ['find-1', 'find-1-a', 'find-1-b', 'find-2']) await fleet.waitForJob(id, 'completed');
  const ids = idsOf(await listAll({ id: 'find-1', order: 'newest', limit: 2 }, fleet));
  expect(ids[0]).toBe('find-1');
  expect(ids.sort()).toEqual(['find-1', 'find-1-a', 'find-1-b']);
  expect(idsOf(await listAll({ id: 'find', status: 'failed' }, fleet))).toEqual([]);
  expect(idsOf(await listAll({ id: 'find-', type: 'demo' }, fleet)).sort()).toHaveLength(4);
});

test('a job that was redriven is listed once, even where the record of its failure is left', async () => {
  await using fleet = await startFleet({ nats, handlers });
  const { queue } = fleet;
  const id = await queue.addJob('broken', null, 'normal', { id: 'redriven' });
  const failed = await fleet.waitForJob(id, 'rejected');
  await queue.retry(id);
  await fleet.waitForJob(id, (job) => job.redrives === 1 && job.status === 'failed');
  const broker = await queue.broker();
  // As a process leaves it that dies while it redrives.
  const last = await broker.lastEvent(id);
  await broker.appendEvent({ ...failed, updatedAt: failed.updatedAt }, last?.seq ?? 0);
  await broker.appendEvent(last?.record as JobRecord, (await broker.lastEvent(id))?.seq ?? 0);
  for (const order of ['newest', 'oldest'] as const) {
    const jobs = (await listAll({ order, status: 'failed', limit: 5 }, fleet)).filter((job) => job.id === id);
    expect(jobs).toHaveLength(1);
    expect(jobs[0]?.redrives).toBe(1);
  }
});

test.each([
  { order: 'sideways' },
  { state: 'asleep' },
  { id: 'a.b' },
  { since: 'yesterday' },
  { until: 'never' },
  { order: 'newest', cursor: '1.2' },
  { order: 'newest', cursor: 'o.e.e' },
])('a listing with %j is refused', async (filter) => {
  await expect(fleet.queue.getJobs(filter as JobFilter)).rejects.toMatchObject({
    code: 'JETFLEET_OPTION_INVALID',
  });
});
