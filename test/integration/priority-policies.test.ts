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
  /** Since it was added. */
  waitedMs: number;
}

/** Runs what is added before, with `workers` of one slot, and gives the jobs in the order in which they started. */
async function startedBy(
  priorities: PriorityPolicy,
  jobs: readonly JobPriority[],
  { workers = 1, ms = 10 } = {},
): Promise<Started[]> {
  const fleet: Fleet = await startFleet({ nats, workers: 0 });
  const started: Started[] = [];
  const addedAt = new Map<string, number>();
  const all = Array.from({ length: workers }, () => {
    const worker = new JobWorkerService(fleet.queue, { sweep: false });
    return worker.registerHandler('work', {
      concurrency: 1,
      priorities,
      handler: async ({ id, priority }) => {
        started.push({ priority, waitedMs: performance.now() - (addedAt.get(id) ?? 0) });
        await delay(ms);
      },
    });
  });
  for (const [index, priority] of jobs.entries()) {
    addedAt.set(`job-${index}`, performance.now());
    if (index === 0) await fleet.queue.addJob('work', {}, priority, { id: 'job-0' });
  }
  const rest = jobs.slice(1).map((priority, index) => ({
    type: 'work',
    payload: {},
    priority,
    id: `job-${index + 1}`,
  }));
  await fleet.queue.addJobs(rest);
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
    expect(low?.waitedMs).toBeLessThan(maxWaitMs + 1_000);
    expect(aged.at(-1)?.priority).toBe('critical');
    const strict = await startedBy('strict', flood);
    expect(strict.at(-1)?.priority).toBe('low');
  });

  it('holds for several workers', async () => {
    const jobs: JobPriority[] = ['low', 'normal', ...Array.from({ length: 500 }, (): JobPriority => 'high')];
    const aged = await startedBy({ aging: { maxWaitMs: 1_000 } }, jobs, { workers: 2 });
    for (const priority of ['low', 'normal'])
      expect(aged.find((job) => job.priority === priority)?.waitedMs).toBeLessThan(2_000);
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
