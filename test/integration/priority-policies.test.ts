import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobPriority, JobWorkerService, type PriorityPolicy } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

interface Started {
  priority: JobPriority;
  /** When it began, by the broker's clock. */
  atMs: number;
  /** Since all of them were stored. */
  waitedMs: number;
}

/** How many jobs began ahead of one after it had become too old. */
function overtakersOf(job: Started | undefined, all: readonly Started[], maxWaitMs: number): number {
  const { atMs = 0, waitedMs = 0 } = job ?? {};
  const oldAt = atMs - waitedMs + maxWaitMs;
  return all.filter((each) => each.atMs > oldAt && each.atMs < atMs).length;
}

/** Runs what is added before, with `workers` of one slot, and gives the jobs in the order in which they started. */
async function startedBy(
  priorities: PriorityPolicy,
  jobs: readonly JobPriority[],
  { workers = 1, ms = 10 } = {},
): Promise<Started[]> {
  const fleet: Fleet = await startFleet({ nats, workers: 0 });
  await fleet.queue.connect();
  const started: Started[] = [];
  let storedByMs = 0;
  const all = Array.from({ length: workers }, () => {
    const worker = new JobWorkerService(fleet.queue, { sweep: false });
    return worker.registerHandler('work', {
      concurrency: 1,
      priorities,
      handler: async ({ priority }) => {
        const atMs = fleet.queue.now();
        started.push({ priority, atMs, waitedMs: atMs - storedByMs });
        await delay(ms);
      },
    });
  });
  // The first two are stored before all others: of the jobs of one millisecond none is older.
  for (const priority of jobs.slice(0, 2)) {
    await fleet.queue.addJob('work', {}, priority);
    await delay(2);
  }
  const rest = jobs.slice(2).map((priority) => ({ type: 'work', payload: {}, priority }));
  await fleet.queue.addJobs(rest);
  storedByMs = fleet.queue.now();
  await Promise.all(all.map((worker) => worker.start()));
  while (started.length < jobs.length) await delay(20);
  await Promise.all(all.map((worker) => worker.shutdown()));
  await fleet.close();
  return started;
}

const flood: JobPriority[] = ['low', ...Array.from({ length: 250 }, (): JobPriority => 'critical')];

describe('aging', () => {
  it('starts a job of low priority once it has waited for long enough, behind which strict has all others', async () => {
    const maxWaitMs = 1_000;
    const aged = await startedBy({ aging: { maxWaitMs } }, flood);
    const low = aged.find(({ priority }) => priority === 'low');
    // Nothing was there before it, so the bound is its time and one job.
    expect(low?.waitedMs).toBeGreaterThan(maxWaitMs * 0.9);
    expect(overtakersOf(low, aged, maxWaitMs)).toBeLessThanOrEqual(8);
    expect(aged.at(-1)?.priority).toBe('critical');
    const strict = await startedBy('strict', flood);
    expect(strict.at(-1)?.priority).toBe('low');
  });

  it('holds for several workers', async () => {
    const jobs: JobPriority[] = ['low', 'normal', ...Array.from({ length: 500 }, (): JobPriority => 'high')];
    const aged = await startedBy({ aging: { maxWaitMs: 1_000 } }, jobs, { workers: 2 });
    for (const priority of ['low', 'normal'])
      expect(
        overtakersOf(
          aged.find((job) => job.priority === priority),
          aged,
          1_000,
        ),
      ).toBeLessThanOrEqual(8);
    expect(aged.at(-1)?.priority).toBe('high');
  });
});

describe('weighted', () => {
  it('gives each priority its share while all wait', async () => {
    const priorities = ['critical', 'high', 'normal', 'low'] as const;
    const jobs = priorities.flatMap((priority) => Array.from({ length: 40 }, (): JobPriority => priority));
    const started = await startedBy({ weighted: { critical: 4, high: 3, normal: 2, low: 1 } }, jobs, {
      ms: 5,
    });
    const first = started.slice(0, 60).map(({ priority }) => priority);
    const counts = priorities.map((priority) => first.filter((each) => each === priority).length);
    for (const [index, share] of [24, 18, 12, 6].entries())
      expect(Math.abs((counts[index] ?? 0) - share)).toBeLessThanOrEqual(4);
    expect(started).toHaveLength(160);
  });
});

it('a policy of the worker comes before that of the handler, and nonsense is refused', async () => {
  const fleet = await startFleet({ nats, workers: 0 });
  const worker = (priorities: unknown) =>
    new JobWorkerService(fleet.queue, { priorities: priorities as never });
  expect(() => worker({ work: 'fair' }).registerHandler('work', { handler: () => 1 })).toThrow(
    expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }),
  );
  await expect(worker({ other: 'strict' }).start()).rejects.toThrow(/priorities names other/);
  await fleet.close();
});
