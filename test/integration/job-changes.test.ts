import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobContext, JobQueueService, type JobRecord, snooze } from '../../src/index.js';
import { isTerminal, type JobPriority } from '../../src/jobs/vocabulary.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const LATER_MS = 3_600_000;
const another = ({ url, namespace }: Fleet) => new JobQueueService({ servers: url, namespace });

async function stored({ queue }: Fleet): Promise<{ messages: number; timers: number }> {
  const { topology, read, subjects } = await queue.broker();
  const timers = await read.count(subjects.streamName('timers'), `${subjects.prefix}schedules.>`);
  return { messages: (await topology.streamInfo('jobs')).state.messages, timers };
}

/** A worker with one slot, which a first job holds until the gate is opened; the others note in which order they begin. */
async function inLine() {
  const order: string[] = [];
  const held = gate();
  const handler = async ({ id, payload }: JobContext) => {
    order.push(id);
    if (payload === 'first') await held.opened;
  };
  const fleet = await startFleet({ nats, handlers: { step: { handler, concurrency: 1 } } });
  await fleet.queue.addJob('step', 'first', 'critical', { id: 'first' });
  await fleet.waitForJob('first', 'running');
  /** Its new message comes by way of TIMERS, which takes the broker a moment. */
  const inPlace = async (priority: JobPriority, id: string) => {
    const { read, subjects } = await fleet.queue.broker();
    const subject = subjects.work({ kind: 'jobs', priority, type: 'step', id });
    await vi.waitFor(async () => expect(await read.last(subjects.streamName('jobs'), subject)).toBeDefined());
  };
  const close = async () => {
    held.open();
    await fleet.close();
  };
  return { fleet, order, held, inPlace, [Symbol.asyncDispose]: close };
}

describe('the priority of a job that waits', () => {
  it('is raised and lowered: the job runs once, in its new place', async () => {
    await using line = await inLine();
    const { queue } = line.fleet;
    for (const id of ['a', 'b', 'c']) await queue.addJob('step', {}, 'normal', { id });
    await queue.addJob('step', {}, 'low');
    await queue.addJob('step', {}, 'high', { id: 'd' });
    expect(await queue.setPriority('c', 'high', { by: 'ann' })).toMatchObject({
      state: 'queued',
      priority: 'high',
      change: { what: 'priority', by: 'ann' },
    });
    await queue.setPriority('a', 'low');
    await line.inPlace('high', 'c');
    await line.inPlace('low', 'a');
    expect(await queue.getJob('c')).toMatchObject({ priority: 'high', state: 'queued' });
    expect((await queue.getJobs({ status: 'pending', priority: 'high' })).jobs.map(({ id }) => id)).toEqual([
      'd',
      'c',
    ]);
    expect(await queue.getStats()).toMatchObject({
      pendingJobs: 5,
      byPriority: { high: { pending: 2 }, normal: { pending: 1 }, low: { pending: 2 } },
    });
    line.held.open();
    for (const id of ['a', 'b', 'c', 'd']) await line.fleet.waitForJob(id, 'completed');
    expect(line.order.filter((id) => id.length === 1)).toEqual(['d', 'c', 'b', 'a']);
    const [changed, ...others] = await line.fleet.history('c');
    expect(changed).toMatchObject({ state: 'queued', priority: 'high' });
    expect(others.at(-1)).toMatchObject({ state: 'completed', priority: 'high', attempt: 1 });
  });

  it('is changed again and again, also of a job without an id of its own, and of one that was redriven', async () => {
    await using line = await inLine();
    const { queue } = line.fleet;
    const { connection, subjects } = await queue.broker();
    const answer = await connection.request(`${subjects.prefix}jobs.low.step`, '{}');
    const id = `seq-${answer.json<{ seq: number }>().seq}`;
    for (const priority of ['high', 'low', 'normal', 'high'] as const) await queue.setPriority(id, priority);
    await queue.addJob('step', {}, 'normal', { id: 'dead' });
    await queue.cancel('dead');
    await queue.retry('dead');
    await queue.setPriority('dead', 'low');
    await queue.addJob('step', {}, 'normal', { id: 'between' });
    await line.inPlace('high', id);
    await line.inPlace('low', 'dead');
    line.held.open();
    for (const each of [id, 'dead', 'between']) await line.fleet.waitForJob(each, 'completed');
    expect(line.order).toEqual(['first', id, 'between', 'dead']);
  });

  it('of a delayed job holds once its time has come; it stays one timer', async () => {
    await using fleet = await startFleet({ nats, handlers: { step: () => {} } });
    await fleet.queue.addJob('step', { a: 1 }, 'low', { id: 'later', delayMs: 700 });
    const { nextRunAt } = (await fleet.queue.getJob('later')) as JobRecord;
    expect(await fleet.queue.setPriority('later', 'critical', { by: 'bé' })).toMatchObject({
      state: 'scheduled',
      priority: 'critical',
      nextRunAt,
    });
    expect(await fleet.queue.getJob('later')).toMatchObject({ priority: 'critical', change: { by: 'bé' } });
    expect((await stored(fleet)).timers).toBe(1);
    expect(await fleet.waitForJob('later', 'completed')).toMatchObject({
      priority: 'critical',
      payload: { a: 1 },
      change: { what: 'priority', by: 'bé' },
    });
  });

  it('of a retrying job leaves one timer, under the new priority', async () => {
    const retry = { baseMs: 60_000, jitter: 0 };
    const handler = ({ attempt }: JobContext) => {
      if (attempt === 1) throw new Error('once more');
    };
    await using fleet = await startFleet({ nats, handlers: { step: { handler, retry } } });
    const id = await fleet.queue.addJob('step', {}, 'low');
    await fleet.waitForJob(id, 'retrying');
    await fleet.queue.setPriority(id, 'high');
    await vi.waitFor(async () => expect((await stored(fleet)).timers).toBe(1));
    expect((await fleet.queue.getStats()).byPriority).toMatchObject({
      high: { pending: 1 },
      low: { pending: 0 },
    });
    await fleet.queue.promote(id);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ priority: 'high', attempt: 2 });
  });

  it('is that of the record, whichever message comes first: also where who changed it has died half way', async () => {
    await using line = await inLine();
    const { queue } = line.fleet;
    await queue.addJob('step', {}, 'high', { id: 'half' });
    await queue.addJob('step', {}, 'normal', { id: 'other' });
    const broker = await queue.broker();
    const before = (await queue.getJob('half')) as JobRecord;
    const earlierPriorities = ['high'] as const;
    const change = { what: 'priority', at: before.createdAt } as const;
    const seq = await broker.appendEvent(
      { ...before, priority: 'low', earlierPriorities: [...earlierPriorities], change },
      0,
    );
    broker.notices.announceChanged('half', seq);
    await broker.flush();
    line.held.open();
    await line.fleet.waitForJob('half', 'completed');
    expect(line.order).toEqual(['first', 'other', 'half']);
  });
});

describe('promote', () => {
  it('leaves nothing of a job that has run and is deleted at once', async () => {
    await using fleet = await startFleet({ nats, handlers: { step: () => 'done' } });
    const { queue } = fleet;
    const id = await queue.addJob('step', {}, 'normal', { id: 'soon', delayMs: LATER_MS });
    await queue.promote(id);
    await fleet.waitForJob(id, 'completed');
    expect(await queue.deleteJobs([id])).toEqual({ deleted: [id], kept: [] });
    expect(await queue.getJob(id)).toBeUndefined();
    expect((await queue.getJobs({ id })).jobs).toEqual([]);
    // What comes after it by the same way is in time.
    await queue.addJob('step', {}, 'normal', { id: 'next', delayMs: LATER_MS });
    await queue.promote('next');
    await fleet.waitForJob('next', 'completed');
  });

  it.each(['delayed', 'retrying', 'asleep'])('runs a job now that is %s', async (how) => {
    const handler = ({ attempt, checkpoint }: JobContext) => {
      if (how === 'retrying' && attempt === 1) throw new Error('once more');
      if (how === 'asleep' && checkpoint === undefined) return snooze(LATER_MS, 'slept');
      return undefined;
    };
    const retry = { baseMs: 300_000, jitter: 0 };
    await using fleet = await startFleet({ nats, handlers: { step: { handler, retry } } });
    const delayMs = how === 'delayed' ? LATER_MS : 0;
    const id = await fleet.queue.addJob('step', {}, 'normal', { delayMs });
    await fleet.waitForJob(id, how === 'delayed' ? 'scheduled' : how === 'asleep' ? 'waiting' : 'retrying');
    const startMs = performance.now();
    expect(await another(fleet).promote(id, { by: 'ann' })).toMatchObject({
      change: { what: 'promoted', by: 'ann' },
    });
    await fleet.waitForJob(id, 'completed');
    expect(performance.now() - startMs).toBeLessThan(3_000);
    expect((await stored(fleet)).timers).toBe(0);
  });

  it('leaves a job that is queued as it is', async () => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const id = await fleet.queue.addJob('step', {});
    expect(await fleet.queue.promote(id)).toMatchObject({ state: 'queued' });
    expect(await fleet.queue.history(id)).toEqual([]);
  });
});

describe('reschedule', () => {
  it('moves a delayed job, sooner and later', async () => {
    await using fleet = await startFleet({ nats, handlers: { step: () => {} } });
    const sooner = await fleet.queue.addJob('step', {}, 'normal', { delayMs: LATER_MS });
    const later = await fleet.queue.addJob('step', {}, 'normal', { delayMs: 300 });
    const runAt = new Date(fleet.queue.now() + LATER_MS);
    expect(await fleet.queue.reschedule(later, { runAt })).toMatchObject({
      state: 'scheduled',
      nextRunAt: runAt.toISOString(),
    });
    await fleet.queue.reschedule(sooner, { delayMs: 300 });
    await fleet.waitForJob(sooner, 'completed');
    await delay(700);
    expect(await fleet.queue.getJob(later)).toMatchObject({
      state: 'scheduled',
      nextRunAt: runAt.toISOString(),
      change: { what: 'rescheduled' },
    });
    expect((await stored(fleet)).timers).toBe(1);
    await fleet.queue.cancel(later);
    expect((await stored(fleet)).timers).toBe(0);
  });

  it('takes a queued job out of the queue until its time', async () => {
    await using line = await inLine();
    const { queue } = line.fleet;
    await queue.addJob('step', {}, 'high', { id: 'put-off' });
    await queue.addJob('step', {}, 'low', { id: 'other' });
    expect(await queue.reschedule('put-off', { delayMs: 1_500 })).toMatchObject({ state: 'scheduled' });
    expect((await queue.getJobs({ status: 'pending' })).jobs.map(({ id }) => id).sort()).toEqual([
      'other',
      'put-off',
    ]);
    expect(await queue.getStats()).toMatchObject({ scheduledJobs: 1, pendingJobs: 2 });
    line.held.open();
    const { startedAt = '', nextRunAt } = await line.fleet.waitForJob('put-off', 'completed');
    expect(line.order).toEqual(['first', 'other', 'put-off']);
    expect(nextRunAt).toBeUndefined();
    const [put] = await line.fleet.history('put-off');
    expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(Date.parse(put?.nextRunAt ?? '') - 200);
  });

  it('moves a retrying job', async () => {
    const retry = { baseMs: 200, jitter: 0 };
    const handler = () => Promise.reject(new Error('again'));
    await using fleet = await startFleet({ nats, handlers: { step: { handler, retry, maxAttempts: 2 } } });
    const id = await fleet.queue.addJob('step', {});
    await fleet.waitForJob(id, 'retrying');
    await fleet.queue.reschedule(id, { delayMs: LATER_MS });
    await delay(800);
    expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'retrying', attempt: 1 });
    await fleet.queue.reschedule(id, { delayMs: 100 });
    await fleet.waitForJob(id, 'exhausted');
  });
});

describe('a change', () => {
  it('is refused for a job that runs, has ended, recurs or does not exist', async () => {
    await using line = await inLine();
    const { queue } = line.fleet;
    const conflict = { code: 'JETFLEET_CONFLICT' };
    await expect(queue.setPriority('first', 'low')).rejects.toMatchObject(conflict);
    await expect(queue.promote('first')).rejects.toMatchObject(conflict);
    line.held.open();
    await line.fleet.waitForJob('first', 'completed');
    await expect(queue.reschedule('first', { delayMs: 1 })).rejects.toMatchObject(conflict);
    const { connection, subjects } = await queue.broker();
    const schedule = `${subjects.prefix}schedules.jobs.cron.tick`;
    const headers = (await import('@nats-io/transport-node')).headers();
    headers.set('Nats-Schedule', '@every 1h');
    headers.set('Nats-Schedule-Target', `${subjects.prefix}due.jobs.low.step`);
    await connection.request(schedule, '{}', { headers, timeout: 5_000 });
    await expect(queue.promote('cron-tick')).rejects.toMatchObject(conflict);
    await expect(queue.promote('nobody')).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  });

  it.each<[string, (queue: JobQueueService, id: string) => Promise<unknown>]>([
    ['setPriority', (queue, id) => queue.setPriority(id, 'high')],
    ['reschedule', (queue, id) => queue.reschedule(id, { delayMs: 100 })],
  ])('is refused at once where a handler has begun before its claim: %s', async (_, change) => {
    const begun = gate();
    const held = gate();
    let runs = 0;
    const handler = async () => {
      runs++;
      begun.open();
      await held.opened;
    };
    await using fleet = await startFleet({
      nats,
      workers: 2,
      handlers: { step: { handler, claimAfterMs: 1_000 } },
    });
    const id = await fleet.queue.addJob('step', {});
    await begun.opened;
    expect(await fleet.queue.history(id)).toEqual([]);
    await expect(change(fleet.queue, id)).rejects.toMatchObject({
      code: 'JETFLEET_CONFLICT',
      message: expect.stringContaining('may have begun'),
    });
    expect(await fleet.queue.history(id)).toEqual([]);
    held.open();
    await fleet.waitForJob(id, 'completed');
    expect(runs).toBe(1);
  });

  // Who changed it died before any worker heard of it.
  it('goes on from the message that a worker was given meanwhile, and from no other', async () => {
    const begun = gate();
    const held = gate();
    let runs = 0;
    const handler = async () => {
      runs++;
      begun.open();
      await held.opened;
    };
    await using fleet = await startFleet({
      nats,
      workers: 2,
      handlers: { step: { handler, claimAfterMs: 1_000 } },
    });
    const id = await fleet.queue.addJob('step', {});
    await begun.opened;
    const before = (await fleet.queue.getJob(id)) as JobRecord;
    const broker = await fleet.queue.broker();
    const nextRunAt = new Date(fleet.queue.now() + LATER_MS).toISOString();
    const change = { what: 'rescheduled', at: before.createdAt } as const;
    await broker.appendEvent({ ...before, state: 'scheduled', nextRunAt, change }, 0);
    await expect(fleet.queue.promote(id)).rejects.toMatchObject({
      message: expect.stringContaining('may have begun'),
    });
    held.open();
    await fleet.waitForJob(id, 'completed');
    expect(runs).toBe(1);
    expect((await stored(fleet)).timers).toBe(0);
  });

  it.each<[string, (queue: JobQueueService, id: string) => Promise<unknown>, string, string]>([
    ['a priority', (q, id) => q.setPriority(id, 'urgent' as never), 'JETFLEET_PRIORITY_INVALID', 'urgent'],
    ['an option', (q, id) => q.promote(id, { who: 'x' } as never), 'JETFLEET_OPTION_INVALID', 'who'],
    ['no time', (q, id) => q.reschedule(id, {}), 'JETFLEET_OPTION_INVALID', 'one of delayMs and runAt'],
    ['a delay', (q, id) => q.reschedule(id, { delayMs: -1 }), 'JETFLEET_OPTION_INVALID', '-1'],
    ['the past', (q, id) => q.reschedule(id, { runAt: '2001-01-01' }), 'JETFLEET_OPTION_INVALID', 'past'],
    ['2 years', (q, id) => q.reschedule(id, { runAt: '2099-01-01' }), 'JETFLEET_OPTION_INVALID', '366 days'],
    ['a version', (q, id) => q.promote(id, { ifSeq: 7 }), 'JETFLEET_VERSION_MISMATCH', 'version 0'],
  ])('refuses %s before anything is stored', async (_, change, code, text) => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const id = await fleet.queue.addJob('step', {}, 'normal', { delayMs: LATER_MS });
    const before = await fleet.queue.getJob(id);
    await expect(change(fleet.queue, id)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
    expect(await fleet.queue.getJob(id)).toEqual(before);
  });

  it('knows the version of a job also where a stranger has written among its events', async () => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const { queue } = fleet;
    const id = await queue.addJob('step', {});
    const { connection, subjects } = await queue.broker();
    await connection.request(subjects.event('step', 'processing', id), 'no record');
    expect(await queue.setPriority(id, 'high', { ifSeq: 0 })).toMatchObject({ priority: 'high' });
    const { seq = 0 } = (await queue.getVersion(id)) ?? {};
    expect(await queue.cancel(id, undefined, { ifSeq: seq })).toMatchObject({ state: 'cancelled' });
  });

  it('of a job that is cleaned up afterwards brings nothing back', async () => {
    await using line = await inLine();
    const { queue } = line.fleet;
    await queue.addJob('step', {}, 'low', { id: 'gone' });
    await queue.setPriority('gone', 'high');
    line.held.open();
    await line.fleet.waitForJob('gone', 'completed');
    await vi.waitFor(async () => {
      await queue.cleanup(0);
      expect(await queue.getJob('gone')).toBeUndefined();
    });
    await line.fleet.addWorker();
    await delay(500);
    expect(line.order.filter((id) => id === 'gone')).toHaveLength(1);
  });
});

// Handlers that end at once begin before their claims are written.
it('jobs that are changed and cancelled by many while they are claimed run once, or not at all', async () => {
  const runs = new Map<string, number>();
  const handler = async ({ id }: JobContext) => {
    runs.set(id, (runs.get(id) ?? 0) + 1);
    if (id.endsWith('3')) await delay(20);
  };
  await using fleet = await startFleet({
    nats,
    workers: 3,
    handlers: { step: { handler, concurrency: 2 } },
  });
  const queues = Array.from({ length: 4 }, () => another(fleet));
  const priorities = ['critical', 'high', 'normal', 'low'] as const;
  const refused = new Set<string>();
  const tried = (change: Promise<unknown>) =>
    change.catch((error: { code?: string }) => void refused.add(error.code ?? String(error)));
  const ids: string[] = [];
  const changes: Promise<unknown>[] = [];
  for (let round = 0; round < 30; round++) {
    const some = await fleet.queue.addJobs(
      Array.from({ length: 10 }, (_, n) => ({
        type: 'step',
        payload: { n },
        priority: priorities[n % 4] as 'low',
        ...(n % 3 === 0 && { delayMs: 200 }),
      })),
    );
    ids.push(...some);
    changes.push(
      ...some.flatMap((id, n) =>
        queues.map(async (queue, q) => {
          switch ((n + q + round) % 5) {
            case 0:
              return tried(queue.setPriority(id, priorities[(n + q) % 4] as 'low'));
            case 1:
              return tried(queue.promote(id));
            case 2:
              return tried(queue.reschedule(id, { delayMs: 100 + 50 * q }));
            case 3:
              return q === 3 ? tried(queue.cancel(id)) : tried(queue.setPriority(id, 'high'));
            default:
              return undefined;
          }
        }),
      ),
    );
    await delay(30);
  }
  await Promise.all(changes);
  const ends = await Promise.all(ids.map((id) => fleet.waitForJob(id, (job) => isTerminal(job.status))));
  for (const { id, state, attempt } of ends) {
    const run = runs.get(id) ?? 0;
    expect({ id, state, run, attempt }).toEqual(
      state === 'cancelled'
        ? expect.objectContaining({ id })
        : { id, state: 'completed', run: 1, attempt: 1 },
    );
    expect(run).toBeLessThanOrEqual(1);
  }
  expect([...refused].filter((code) => code !== 'JETFLEET_CONFLICT')).toEqual([]);
  await vi.waitFor(async () => expect(await stored(fleet)).toEqual({ messages: 0, timers: 0 }));
  await Promise.all(queues.map((queue) => queue.close()));
});
