import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type JobFilter,
  type JobPriority,
  type JobQueueService,
  NonRetryableError,
  snooze,
} from '../../src/index.js';
import { PRIORITIES } from '../../src/jobs/vocabulary.js';
import { cleanupJobs } from '../../src/queue/retention/job-cleanup.js';
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
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Follows the cursor to the end; every page but the last is full. */
async function listAll(queue: JobQueueService, filter: JobFilter, limit: number) {
  const ids: string[] = [];
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await queue.getJobs({ ...filter, limit, ...(cursor !== undefined && { cursor }) });
    expect(page.jobs.length).toBeLessThanOrEqual(limit);
    if (page.cursor !== undefined) expect(page.jobs).toHaveLength(limit);
    ids.push(...page.jobs.map(({ id }) => id));
    cursor = page.cursor;
  }
  return ids;
}

describe('250 jobs in every state', () => {
  let fleet: Fleet;
  const added = {
    pending: [] as string[],
    processing: [] as string[],
    completed: [] as string[],
    failed: [] as string[],
  };
  const priorityOf = new Map<string, JobPriority>();

  beforeAll(async () => {
    fleet = await startFleet({ nats, handlers, worker: { concurrency: { hold: 20 } } });
    const { queue } = fleet;
    const add = async (type: string, count: number, more = {}) => {
      const jobs = Array.from({ length: count }, (_, index) => ({
        type,
        payload: { index },
        priority: PRIORITIES[index % 4] as JobPriority,
        ...more,
      }));
      const ids = await queue.addJobs(jobs);
      ids.forEach((id, index) => {
        priorityOf.set(id, PRIORITIES[index % 4] as JobPriority);
      });
      return ids;
    };
    added.pending.push(
      ...(await add('nobody_runs_it', 60)),
      ...(await add('demo', 20, { delayMs: DAY })),
      ...(await add('flaky', 20)),
    );
    added.processing.push(...(await add('hold', 12)), ...(await add('sleepy', 18)));
    added.completed.push(...(await add('demo', 80)));
    added.failed.push(...(await add('broken', 40)));
    for (const [status, ids] of Object.entries(added)) {
      await Promise.all(
        ids.map((id) =>
          fleet.waitForJob(
            id,
            (job) => (job.status === status && job.state !== 'queued') || job.type === 'nobody_runs_it',
          ),
        ),
      );
    }
  });
  afterAll(() => fleet.close());

  test.each(['pending', 'processing', 'completed', 'failed'] as const)(
    'are listed by status, page by page, without a duplicate or a gap: %s',
    async (status) => {
      for (const limit of [7, 100, 1_000]) {
        const ids = await listAll(fleet.queue, { status }, limit);
        expect(new Set(ids).size).toBe(ids.length);
        expect([...ids].sort()).toEqual([...added[status]].sort());
      }
    },
  );

  test('are listed all together: processing, pending, completed, failed', async () => {
    const ids = await listAll(fleet.queue, {}, 33);
    expect(ids).toHaveLength(250);
    expect(new Set(ids).size).toBe(250);
    const statuses = ids.map((id) => Object.entries(added).find(([, all]) => all.includes(id))?.[0]);
    expect(statuses.filter((status, index) => status !== statuses[index - 1])).toEqual([
      'processing',
      'pending',
      'completed',
      'failed',
    ]);
  });

  test('are listed by type, whatever their status', async () => {
    const ids = await listAll(fleet.queue, { type: 'demo' }, 9);
    expect(ids).toHaveLength(100);
    expect(await listAll(fleet.queue, { type: 'demo', status: 'pending' }, 9)).toHaveLength(20);
    expect(await listAll(fleet.queue, { type: 'sleepy' }, 5)).toHaveLength(18);
    expect(await listAll(fleet.queue, { type: 'unheard_of' }, 5)).toEqual([]);
  });

  test.each(PRIORITIES)('are listed by priority: %s', async (priority) => {
    const ids = await listAll(fleet.queue, { priority }, 10);
    expect(new Set(ids).size).toBe(ids.length);
    const expected = [...priorityOf].filter(([, each]) => each === priority).map(([id]) => id);
    expect([...ids].sort()).toEqual(expected.sort());
    const { jobs } = await fleet.queue.getJobs({ priority, type: 'broken', status: 'failed' });
    expect(jobs).toHaveLength(10);
    for (const job of jobs) expect(job).toMatchObject({ priority, type: 'broken', status: 'failed' });
  });

  test('wait in the order in which they will start: critical first, then oldest first', async () => {
    const ids = await listAll(fleet.queue, { type: 'nobody_runs_it', status: 'pending' }, 8);
    const inOrder = PRIORITIES.flatMap((priority) =>
      added.pending.slice(0, 60).filter((id) => priorityOf.get(id) === priority),
    );
    expect(ids).toEqual(inOrder);
  });

  test('are counted by status, type and priority, and the type that nobody handles is named', async () => {
    const stats = await fleet.queue.getStats();
    expect(stats).toMatchObject({
      totalJobs: 250,
      pendingJobs: 100,
      processingJobs: 30,
      completedJobs: 80,
      failedJobs: 40,
      scheduledJobs: 20,
      retryingJobs: 20,
      waitingJobs: 18,
      unhandledTypes: ['nobody_runs_it'],
    });
    expect(stats.jobsByType).toEqual({
      broken: 40,
      demo: 100,
      flaky: 20,
      hold: 12,
      nobody_runs_it: 60,
      sleepy: 18,
    });
    expect(stats.byType).toEqual({
      broken: { pending: 0, processing: 0, completed: 0, failed: 40 },
      demo: { pending: 20, processing: 0, completed: 80, failed: 0 },
      flaky: { pending: 20, processing: 0, completed: 0, failed: 0 },
      hold: { pending: 0, processing: 12, completed: 0, failed: 0 },
      nobody_runs_it: { pending: 60, processing: 0, completed: 0, failed: 0 },
      sleepy: { pending: 0, processing: 18, completed: 0, failed: 0 },
    });
    expect(stats.byPriority).toEqual({
      critical: { pending: 25, processing: 8 },
      high: { pending: 25, processing: 8 },
      normal: { pending: 25, processing: 7 },
      low: { pending: 25, processing: 7 },
    });
  });
});

test('jobs of dense and rare types are listed past removed messages, and nothing is counted for dense ones', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const { read, subjects, topology } = await queue.broker();
  const add = (type: string, count: number) =>
    queue.addJobs(Array.from({ length: count }, (_, n) => ({ type, payload: { n } })));
  const parts = [
    await add('gone', 90),
    await add('common', 140),
    await add('rare', 1),
    await add('gone', 300),
    await add('common', 400),
    await add('rare', 1),
    await add('common', 70),
  ];
  await topology.purge('jobs', subjects.workFilter('jobs', 'normal', 'gone'));
  const left = parts.filter((_, place) => place !== 0 && place !== 3);
  const rare = left.filter(({ length }) => length === 1).flat();
  for (const order of ['oldest', 'newest'] as const) {
    const inOrder = (ids: string[]) => (order === 'oldest' ? ids : [...ids].reverse());
    expect(await listAll(queue, { order }, 50)).toEqual(inOrder(left.flat()));
    expect(await listAll(queue, { order, type: 'rare' }, 50)).toEqual(inOrder(rare));
    expect(await listAll(queue, { order, type: 'gone' }, 50)).toEqual([]);
    const counting = (['page', 'pageBefore', 'count', 'extent'] as const).map((name) => vi.spyOn(read, name));
    const { jobs } = await queue.getJobs({ order, type: 'common', limit: 50 });
    expect(jobs.map(({ id }) => id)).toEqual(
      inOrder(left.filter(({ length }) => length > 1).flat()).slice(0, 50),
    );
    for (const asked of counting) expect(asked).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  }
});

test('an empty queue has no jobs and counts nothing', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  expect(await fleet.queue.getJobs()).toEqual({ jobs: [] });
  expect(await fleet.queue.getStats()).toMatchObject({ totalJobs: 0, jobsByType: {}, unhandledTypes: [] });
});

test.each([
  { limit: 0 },
  { limit: 1_001 },
  { limit: 1.5 },
  { cursor: 'abc' },
  { cursor: '99.1' },
  { status: 'failed' as const, cursor: '3.1' },
])('a listing with %j is refused', async (filter) => {
  await using fleet = await startFleet({ nats, namespace: 'refused', workers: 0 });
  await expect(fleet.queue.getJobs(filter)).rejects.toMatchObject({ code: 'JETFLEET_OPTION_INVALID' });
});

test('cleanup removes only jobs that finished long enough ago, and says how many', async () => {
  await using fleet = await startFleet({ nats, handlers });
  const { queue, waitForJob, history } = fleet;
  const old = await queue.addJobs(['demo', 'demo', 'broken'].map((type) => ({ type, payload: null })));
  await Promise.all(
    old.map((id) => waitForJob(id, ({ status }) => status === 'completed' || status === 'failed')),
  );
  const waiting = await queue.addJob('sleepy', null);
  await waitForJob(waiting, 'waiting');
  expect(await queue.cleanup(60_000)).toBe(0);
  expect(await queue.cleanup()).toBe(0);
  const until = Date.now() + 50;
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(until), { interval: 5 });
  const young = await queue.addJob('demo', null);
  const finished = await waitForJob(young, 'completed');
  // As if it ran a minute later: the old ones are then more than a minute old, the young one is not.
  const later = Date.parse(finished.finishedAt ?? '') + 60_000 - 25;
  expect(await cleanupJobs(await queue.broker(), 60_000, [], { atMs: later })).toBe(3);
  expect(await queue.getJob(young)).toBeDefined();
  expect(await queue.getJob(waiting)).toBeDefined();
  for (const id of old) expect([await queue.getJob(id), await history(id)]).toEqual([undefined, []]);
  // All that has ended is removed by 0, also where the measured clock is behind the broker's.
  const { clock } = await queue.broker();
  const behind = vi.spyOn(clock, 'now').mockImplementation(() => Date.parse(finished.finishedAt ?? '') - 500);
  expect(await queue.cleanup(0)).toBe(1);
  behind.mockRestore();
  await expect(queue.cleanup(-1)).rejects.toMatchObject({ code: 'JETFLEET_OPTION_INVALID' });
});

test('a type whose workers are gone is named while its jobs wait, and is not once a worker is back', async () => {
  await using gone = await startFleet({ nats, handlers: { left: () => 1 } });
  const unhandled = async () => (await gone.queue.getStats()).unhandledTypes;
  await gone.workers[0]?.shutdown();
  expect(await unhandled()).toEqual([]);
  const id = await gone.queue.addJob('left', null);
  await vi.waitFor(async () => expect(await unhandled()).toEqual(['left']));
  expect((await gone.queue.getStats()).byType.left).toMatchObject({ pending: 1 });
  await gone.addWorker();
  await gone.waitForJob(id, 'completed');
  expect(await unhandled()).toEqual([]);
});
