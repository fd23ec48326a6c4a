import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { NewJob } from '../../src/index.js';
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
