import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobRecord, NewJob } from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

/** So many that their number is remembered, and that a type among them is not found at either end. */
const MANY = 24_000;

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const jobs = (count: number, type: string): NewJob[] =>
  Array.from({ length: count }, (_, payload) => ({ type, payload }));

test('types in the middle of many jobs are found, and counted as they come and go', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  await queue.setup(['taken']);
  await queue.addJobs([
    ...jobs(1_000, 'taken'),
    ...jobs(MANY / 2, 'lost'),
    ...jobs(1, 'rare'),
    ...jobs(MANY / 2, 'lost'),
  ]);
  const first = await queue.getStats();
  expect(first).toMatchObject({ totalJobs: MANY + 1_001, pendingJobs: MANY + 1_001 });
  expect(first.unhandledTypes).toEqual(expect.arrayContaining(['lost']));
  const stats = await vi.waitFor(async () => {
    const later = await queue.getStats();
    expect(later.unhandledTypes).toEqual(['lost', 'rare', 'taken']);
    return later;
  });
  expect(stats.jobsByType).toEqual({ lost: MANY, rare: 1, taken: 1_000 });
  expect(stats.byPriority.normal).toEqual({ pending: MANY + 1_001, processing: 0 });

  const added = await queue.addJob('lost', 'one more');
  expect((await queue.getStats()).jobsByType).toEqual({ lost: MANY + 1, rare: 1, taken: 1_000 });
  await queue.cancel(added);
  await queue.cleanup(0);
  await vi.waitFor(async () => expect((await queue.getStats()).byType.lost?.pending).toBe(MANY));
});

test('a count of many asks the server for what is new alone', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  await queue.addJobs(jobs(MANY, 'lost'));
  const { counts, read, subjects } = await queue.broker();
  const [stream, filter] = [subjects.streamName('jobs'), subjects.workFilter('jobs', 'normal', 'lost')];
  const count = vi.spyOn(read, 'count');
  expect(await counts.of(stream, filter)).toBe(MANY);
  expect(await counts.of(stream, filter)).toBe(MANY);
  expect(count.mock.calls.map(([, , seq]) => seq)).toEqual([undefined, MANY + 1]);
});

test('the oldest job that waits is found behind many that nobody handles', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  await queue.setup(['taken']);
  expect(await queue.oldestPendingAt()).toBeUndefined();
  await queue.addJobs(jobs(100, 'lost'));
  const id = await queue.addJob('taken', {});
  const job = await queue.getJob(id);
  expect(await queue.oldestPendingAt()).toBe(job?.createdAt);
});

test('the states within failed are read again only where records were removed', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const broker = await queue.broker();
  const stream = broker.subjects.streamName('events');
  const fail = (from: number, count: number, state: 'exhausted' | 'cancelled') =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        broker.appendEvent(failedRecord(`${from + index}`, state), 0),
      ),
    );
  const counts = async () => Object.fromEntries((await queue.failedStates.count()).counts);
  const seqs = await fail(0, 5_000, 'exhausted');
  await vi.waitFor(async () => {
    expect((await queue.failedStates.count()).isCounting).toBe(false);
    expect(await counts()).toEqual({ exhausted: 5_000 });
  });
  // A failure that comes while the others are counted is no removal.
  const pages = vi.spyOn(broker.read, 'pages');
  const extent = vi.spyOn(broker.read, 'extent');
  extent.mockImplementationOnce(async (...asked) => {
    extent.mockRestore();
    await fail(5_000, 1, 'cancelled');
    return broker.read.extent(...asked);
  });
  const readFrom = () => pages.mock.calls.filter(([of]) => of === stream).map(([, , seq]) => seq);
  await vi.waitFor(async () => expect(await counts()).toEqual({ exhausted: 5_000, cancelled: 1 }));
  expect(Math.min(...readFrom())).toBe(Math.max(...seqs) + 1);
  pages.mockClear();
  for (const seq of seqs.slice(2_500, 2_510)) await broker.topology.deleteMessage('events', seq);
  await vi.waitFor(async () => expect(await counts()).toEqual({ exhausted: 4_990, cancelled: 1 }));
  const [again, ...more] = readFrom().filter((seq) => seq <= Math.max(...seqs));
  expect([again, more]).toEqual([seqs.sort((a, b) => a - b)[2_000], []]);
  await broker.topology.purge('events', '>', Math.max(...seqs));
  await vi.waitFor(async () => expect(await counts()).toEqual({ cancelled: 1 }));
});

test('delayed jobs are read once, and counted by type as they come and go', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const { read } = await queue.broker();
  const delayed = (count: number, type: string) =>
    queue.addJobs(jobs(count, type).map((job) => ({ ...job, delayMs: 86_400_000 })));
  const counts = async () => {
    const { scheduledJobs, jobsByType } = await queue.getStats();
    return { scheduledJobs, ...jobsByType };
  };
  const [first = ''] = await delayed(700, 'early');
  await delayed(2_400, 'late');
  expect(await counts()).toEqual({ scheduledJobs: 3_100, early: 700, late: 2_400 });
  const page = vi.spyOn(read, 'page');
  expect(await counts()).toEqual({ scheduledJobs: 3_100, early: 700, late: 2_400 });
  await delayed(1, 'early');
  expect(await counts()).toEqual({ scheduledJobs: 3_101, early: 701, late: 2_400 });
  const pages = await Promise.all(page.mock.results.map(({ value }) => value as Promise<unknown[]>));
  expect(pages.flat().length).toBeLessThanOrEqual(1);
  page.mockRestore();
  await queue.cancel(first);
  expect((await queue.getStats()).byType.early).toMatchObject({ pending: 700, failed: 1 });
});

test('ended jobs of a type that nobody handles any more are counted without a list of all subjects', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const broker = await queue.broker();
  const ended = Array.from({ length: 5_100 }, (_, n) => failedRecord(`${n}`, 'exhausted'));
  await Promise.all(
    ended.map((record, n) => broker.appendEvent({ ...record, type: n === 2_000 ? 'rare' : 'lost' }, 0)),
  );
  const info = vi.spyOn(broker.topology, 'streamInfo');
  expect(await queue.getStats()).toMatchObject({ totalJobs: 5_100, failedJobs: 5_100 });
  await vi.waitFor(async () => {
    const { jobsByType, failedJobs } = await queue.getStats();
    expect({ ...jobsByType, failedJobs }).toEqual({ lost: 5_099, rare: 1, failedJobs: 5_100 });
  });
  expect(info.mock.calls.filter(([, filter]) => filter !== undefined)).toEqual([]);
});

function failedRecord(id: string, state: 'exhausted' | 'cancelled'): JobRecord {
  const at = new Date().toISOString();
  const facts = { type: 'lost', priority: 'normal', payload: null, attempt: 1, maxAttempts: 1 } as const;
  const ended = { status: 'failed', state, createdAt: at, updatedAt: at, finishedAt: at } as const;
  return { v: 1, id: `f-${id}`, ...facts, ...ended, machine: { id: 'job', version: 1 } };
}
