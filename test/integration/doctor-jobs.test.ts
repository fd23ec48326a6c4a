import { jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { examine, type FollowUp, type JobRecord, snooze } from '../../src/index.js';
import { JobCheck, type JobCheckOptions } from '../../src/upkeep/check-jobs.js';
import { type Diagnosis, mendAll } from '../../src/upkeep/finding.js';
import { Sweeper } from '../../src/upkeep/sweeper.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

/** A message is left over when its job has ended four times this long ago. */
const ACK_WAIT_MS = 100;
const error = { code: 'X', message: 'failed', retryable: false };
let nats: EmbeddedServer;
let fleet: Fleet;
let broker: Broker;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({
    nats,
    workers: 0,
    queue: { ackWaitMs: ACK_WAIT_MS },
    handlers: { step: () => 'done' },
  });
  await fleet.queue.setup(['step']);
  broker = await fleet.queue.broker();
  return () => fleet.close();
});

const check = (options: JobCheckOptions = {}) => new JobCheck(broker, { graceMs: 0, ...options });
const codesOf = (found: Diagnosis[]) => found.map(({ finding }) => finding.code);
const left = async () => (await broker.topology.streamInfo('jobs')).state.messages;

async function pendingOf(id: string): Promise<JobRecord> {
  return (await fleet.queue.getJob(id)) as JobRecord;
}

/** Writes the end of a job and nothing more, as a process does that dies then. */
async function endOf(id: string, next: FollowUp[] = []): Promise<void> {
  const last = await broker.lastEvent(id);
  const before = last?.record ?? (await pendingOf(id));
  const finishedAt = new Date().toISOString();
  const ended = {
    ...before,
    status: 'failed',
    state: 'cancelled',
    updatedAt: finishedAt,
    finishedAt,
  } as const;
  await broker.appendEvent({ ...ended, error, ...(next.length > 0 && { next }) }, last?.seq ?? 0);
}

/** What the check finds once everything is old enough. */
async function eventually(count: number): Promise<Diagnosis[]> {
  return vi.waitFor(async () => {
    const found = await check().run();
    expect(found).toHaveLength(count);
    return found;
  });
}

describe('a message of a job that has ended', () => {
  const follower: FollowUp = { id: 'ended-after', type: 'step', payload: {}, priority: 'normal' };

  it('is found, what follows from the job is published, and the message removed', async () => {
    await fleet.queue.addJob('nobody_handles', {}, 'normal', { id: 'ended' });
    await endOf('ended', [follower]);
    const [found, ...more] = await eventually(1);
    expect(more).toEqual([]);
    expect(found?.finding).toMatchObject({ code: 'message_left_over', target: 'ended', severity: 'warning' });
    expect(await mendAll([found as Diagnosis])).toMatchObject([
      { ok: true, result: 'message 1 is removed, ended-after published' },
    ]);
    expect(await fleet.queue.getJob('ended-after')).toMatchObject({ state: 'queued', parentId: 'ended' });
    expect(await left()).toBe(1);
  });

  it('is found where it is a timer, of a producer or of a retry', async () => {
    await fleet.queue.addJob('step', {}, 'normal', { id: 'delayed', delayMs: 60_000 });
    await endOf('delayed');
    await fleet.queue.addJob('step', {}, 'normal', { id: 'retried' });
    const request = await pendingOf('retried');
    await endOf('retried');
    await broker.topology.purge('jobs', broker.subjects.work({ ...request, kind: 'jobs' }));
    await broker.jobs.setTimer('jobs', { ...request, state: 'retrying' }, Date.now() + 60_000);
    const found = await eventually(2);
    expect(new Set(codesOf(found))).toEqual(new Set(['message_left_over']));
    expect(await mendAll(found)).toMatchObject([{ ok: true }, { ok: true }]);
    expect(await left()).toBe(0);
  });

  it('is found where it was published without an id', async () => {
    const subject = broker.subjects.work({ kind: 'jobs', priority: 'low', type: 'nobody_handles' });
    for (const n of [1, 2]) await broker.connection.request(subject, JSON.stringify({ n }));
    await endOf('seq-1');
    const found = await eventually(1);
    expect(found[0]?.finding).toMatchObject({ code: 'message_left_over', target: 'seq-1' });
    await mendAll(found);
    expect(await fleet.queue.getJob('seq-2')).toMatchObject({ state: 'queued' });
    expect(await left()).toBe(1);
  });

  it('is not touched when the job was taken up again meanwhile', async () => {
    await fleet.queue.addJob('nobody_handles', {}, 'normal', { id: 'again' });
    await endOf('again');
    const found = await eventually(1);
    await fleet.queue.retry('again');
    expect(await mendAll(found)).toMatchObject([{ ok: false, result: expect.stringContaining('moved on') }]);
  });

  it('is left to the workers where a consumer covers it, also one that was made meanwhile', async () => {
    await fleet.queue.addJob('step', {}, 'normal', { id: 'covered' });
    await endOf('covered');
    await fleet.queue.addJob('nobody_handles', {}, 'normal', { id: 'ended' });
    await endOf('ended');
    const found = await eventually(1);
    expect(found[0]?.finding.target).toBe('ended');
    await fleet.queue.setup(['nobody_handles']);
    expect(await mendAll(found)).toMatchObject([
      { ok: false, result: expect.stringContaining('has a consumer') },
    ]);
    expect(await check().run()).toEqual([]);
    expect(await left()).toBe(2);
  });

  it('is nothing to tell of while a worker may be about to remove it', async () => {
    await fleet.queue.addJob('nobody_handles', {}, 'normal', { id: 'young' });
    await endOf('young');
    expect(await check({ graceMs: 60_000 }).run()).toEqual([]);
  });

  it('is nothing to tell of while it is young, however long ago its job ended', async () => {
    await fleet.queue.addJob('nobody_handles', {}, 'normal', { id: 'long-ago' });
    const pending = await pendingOf('long-ago');
    await broker.topology.purge('jobs', '>');
    const finishedAt = '2020-01-01T00:00:00.000Z';
    await broker.appendEvent({ ...pending, status: 'completed', state: 'completed', finishedAt }, 0);
    await broker.jobs.enqueueAgain(pending);
    expect(await check().run()).toEqual([]);
    await eventually(1);
  });

  it('is told apart from a timer that fires again and again, and from a job that only has the number of another', async () => {
    const { subjects, connection } = broker;
    const bare = subjects.work({ kind: 'jobs', priority: 'low', type: 'nobody_handles' });
    await connection.request(bare, '{}');
    const namesake = await pendingOf('seq-1');
    const finishedAt = '2020-01-01T00:00:00.000Z';
    const ended = { ...namesake, status: 'completed', state: 'completed', finishedAt } as const;
    await broker.appendEvent({ ...ended, createdAt: finishedAt }, 0);
    const hourly = headers();
    hourly.set('Nats-Schedule', '@every 1h');
    const address = { kind: 'jobs', priority: 'low', type: 'step', id: 'ended' } as const;
    hourly.set('Nats-Schedule-Target', subjects.due(address));
    await connection.request(subjects.schedule('jobs', 'hourly'), '{}', { headers: hourly, timeout: 2_000 });
    await fleet.queue.addJob('nobody_handles', {}, 'normal', { id: 'ended' });
    await endOf('ended');
    expect(await left()).toBe(2);
    const found = await eventually(1);
    expect(found[0]?.finding.message).toContain(
      `${subjects.work({ kind: 'jobs', priority: 'normal', type: 'nobody_handles', id: 'ended' })} `,
    );
  });

  it('is found by a sweep of few messages too, some looks later', async () => {
    const ids = await fleet.queue.addJobs(
      Array.from({ length: 600 }, (_, n) => ({ type: 'nobody_handles', payload: { n }, id: `n-${n}` })),
    );
    await endOf(ids.at(-1) ?? '');
    const sweep = check({ maxMessages: 256 });
    const looks = await vi.waitFor(async () => {
      const found = [await sweep.run(), await sweep.run(), await sweep.run()];
      expect(found.flat()).toHaveLength(1);
      return found;
    });
    expect(looks.map(codesOf).filter((codes) => codes.length > 0)).toEqual([['message_left_over']]);
  });
});

describe('a message of a type that no worker can have', () => {
  const publish = async (subject: string, body = '{"n":1}') => {
    const prefix = broker.subjects.prefix;
    await broker.connection.request(`${prefix}${subject}`, body);
  };

  it.each([
    ['with capitals and a dash', 'jobs.high.Create-Instance.x', 'x'],
    ['that is too long', `jobs.low.${'a'.repeat(65)}.y`, 'y'],
    ['that begins with a digit, without an id', 'jobs.normal.3d_render', 'seq-1'],
    ['that is of the other stream', 'webhooks.normal.create_instance.z', 'z'],
  ])('%s, is found, and its job FAILED', async (_, subject, id) => {
    await publish(subject);
    const found = await eventually(1);
    expect(found[0]?.finding).toMatchObject({ code: 'type_impossible', target: id, severity: 'warning' });
    expect(await mendAll(found)).toMatchObject([{ ok: true }]);
    expect(await fleet.queue.getJob(id)).toMatchObject({
      ...{ status: 'failed', state: 'rejected', attempt: 0, payload: { n: 1 } },
      error: { code: 'JETFLEET_TYPE_INVALID', retryable: false, message: expect.stringContaining(subject) },
    });
    expect(await check().run()).toEqual([]);
    expect(
      (await broker.topology.streamInfo(subject.startsWith('jobs') ? 'jobs' : 'webhooks')).state.messages,
    ).toBe(0);
  });

  it('cannot be retried, and one that was on the other stream can', async () => {
    await publish('jobs.high.Create-Instance.x');
    await publish('webhooks.high.step.z');
    await mendAll(await eventually(2));
    await expect(fleet.queue.retry('x')).rejects.toMatchObject({ code: 'JETFLEET_TYPE_INVALID' });
    expect(await fleet.queue.retry('z')).toMatchObject({ state: 'queued' });
    await fleet.addWorker();
    await fleet.waitForJob('z', 'completed');
  });

  it('does no harm to the job whose id it has', async () => {
    await fleet.queue.addJob('step', {}, 'normal', { id: 'taken' });
    await endOf('taken');
    const before = await fleet.queue.getJob('taken');
    await publish('jobs.high.Step.taken');
    const found = (await check().run()).filter(({ finding }) => finding.code === 'type_impossible');
    await mendAll(found);
    expect(await fleet.queue.getJob('taken')).toEqual(before);
    expect(await fleet.queue.getJob('seq-2')).toMatchObject({ error: { code: 'JETFLEET_TYPE_INVALID' } });
  });

  it('is mended by a sweep of any worker', async () => {
    await publish('jobs.high.Create-Instance.swept');
    const { mended } = await new Sweeper({ queue: fleet.queue }).sweep();
    expect(mended).toMatchObject([{ code: 'type_impossible', target: 'swept', ok: true }]);
  });
});

describe('a job that is under way', () => {
  it.each([
    ['with an id', '.named', 'named'],
    ['without an id', '', 'seq-1'],
  ])('%s is no finding while its message is there, and one without', async (_, token, id) => {
    const { connection, subjects } = broker;
    await connection.request(
      `${subjects.work({ kind: 'jobs', priority: 'low', type: 'step' })}${token}`,
      '{}',
    );
    const updatedAt = new Date(Date.now() - 60_000).toISOString();
    const running = { ...(await pendingOf(id)), updatedAt, attempt: 1, workSeq: 1 } as const;
    await broker.appendEvent({ ...running, status: 'processing', state: 'running' }, 0);
    expect(await check().run()).toEqual([]);
    await broker.topology.deleteMessage('jobs', 1);
    expect(codesOf(await check().run())).toEqual(['processing_stale']);
  });
});

describe('a failure that a redrive left behind', () => {
  /** A redrive that died between its two writes. */
  async function half(id: string): Promise<number> {
    await fleet.queue.addJob('step', {}, 'normal', { id });
    await endOf(id);
    const last = await broker.lastEvent(id);
    const { error: _, finishedAt: __, ...kept } = await pendingOf(id);
    const queued = { ...kept, status: 'pending', state: 'queued', redrives: 1 } as const;
    return broker.appendEvent({ ...queued, updatedAt: new Date().toISOString() }, last?.seq ?? 0);
  }

  it('is found though the job has failed again since', async () => {
    await half('twice');
    await endOf('twice');
    const found = (await check().run()).filter(({ finding }) => finding.code === 'failure_left_over');
    expect(found).toMatchObject([
      { finding: { target: 'twice', message: expect.stringContaining('event 1') } },
    ]);
    expect(await mendAll(found)).toMatchObject([{ ok: true, result: 'event 1 is removed' }]);
    expect((await fleet.queue.getJobs({ status: 'failed' })).jobs).toMatchObject([{ id: 'twice' }]);
  });

  it('is found by a later look when the first one came too early', async () => {
    await half('early');
    const patient = check({ graceMs: 150 });
    expect(await patient.run()).toEqual([]);
    await vi.waitFor(async () => expect(codesOf(await patient.run())).toEqual(['failure_left_over']));
    expect(codesOf(await patient.run())).toEqual(['failure_left_over']);
  });
});

describe('a check that goes on', () => {
  it('forgets a job whose end was among the events that it skipped', async () => {
    const sweep = check({ lookBack: 4 });
    await fleet.queue.addJob('step', {}, 'normal', { id: 'brief' });
    const pending = await pendingOf('brief');
    const nextRunAt = new Date().toISOString();
    const seq = await broker.appendEvent({ ...pending, state: 'retrying', attempt: 1, nextRunAt }, 0);
    await sweep.run();
    await broker.topology.purge('jobs', '>');
    const finishedAt = new Date().toISOString();
    await broker.appendEvent({ ...pending, status: 'completed', state: 'completed', finishedAt }, seq);
    for (let n = 0; n < 8; n++)
      await broker.appendEvent(
        { ...pending, id: `o-${n}`, state: 'scheduled', nextRunAt: '2100-01-01T00:00:00.000Z' },
        0,
      );
    const asked = vi.spyOn(broker, 'lastEvent');
    expect(await sweep.run()).toEqual([]);
    expect(asked).toHaveBeenCalledTimes(1);
    await sweep.run();
    expect(asked).toHaveBeenCalledTimes(1);
    asked.mockRestore();
  });

  it('begins anew when the streams were made anew', async () => {
    const sweep = check();
    await fleet.queue.addJob('step', {}, 'normal', { id: 'old' });
    const pending = await pendingOf('old');
    // The broker's clock may be some milliseconds behind the one here.
    const nextRunAt = new Date(Date.now() - 1_000).toISOString();
    const strand = (id: string) => broker.appendEvent({ ...pending, id, state: 'retrying', nextRunAt }, 0);
    for (const id of ['a', 'b', 'c']) await strand(id);
    await broker.topology.purge('jobs', '>');
    expect(await sweep.run()).toHaveLength(3);
    await (await jetstreamManager(broker.connection)).streams.delete(broker.subjects.streamName('events'));
    await broker.topology.ensure();
    await strand('new');
    const found = await sweep.run();
    expect(found.map(({ finding }) => finding.target)).toEqual(['new']);
  });

  it('looks at a job that waits for longer than records are kept before its record expires', async () => {
    const { eventsMaxAgeMs } = await broker.topology.effective();
    await fleet.queue.addJob('step', {}, 'normal', { id: 'months' });
    const pending = await pendingOf('months');
    await broker.topology.purge('jobs', '>');
    const updatedAt = new Date(Date.now() - eventsMaxAgeMs / 2 - 1_000).toISOString();
    const nextRunAt = new Date(Date.now() + 90 * 86_400_000).toISOString();
    await broker.appendEvent({ ...pending, status: 'processing', state: 'waiting', updatedAt, nextRunAt }, 0);
    const found = await check().run();
    expect(codesOf(found)).toEqual(['job_without_timer']);
    expect(await mendAll(found)).toMatchObject([{ ok: true }]);
    await fleet.addWorker();
    // Its timer fires, and the worker sets it for the time that is due, with a record of now.
    await vi.waitFor(async () =>
      expect(Date.parse((await pendingOf('months')).updatedAt)).toBeGreaterThan(Date.parse(updatedAt)),
    );
    expect(await check().run()).toEqual([]);
  });
});

it('finds nothing while jobs run, retry, wait and are cancelled, all at once', async () => {
  const busy = await startFleet({
    nats,
    workers: 2,
    queue: { ackWaitMs: 500 },
    handlers: {
      quick: () => 1,
      naps: ({ checkpoint }) => (checkpoint ? 'awake' : snooze(20, 'slept')),
      fails: { handler: () => Promise.reject(new Error('no')), retry: { baseMs: 20, jitter: 0 } },
    },
  });
  try {
    let busyStill = true;
    let added = 0;
    const produce = async (type: string) => {
      for (let n = 0; busyStill; n++) {
        await busy.queue.addJob(type, { n }, 'normal', { id: `${type}-${n}` });
        added++;
        if (n % 5 === 0) await busy.queue.cancel(`${type}-${n}`).catch(() => undefined);
      }
    };
    const producers = ['quick', 'naps', 'fails'].map(produce);
    for (let looks = 0; looks < 4 || added <= 50; looks++) {
      const { findings } = await examine(busy.queue, { graceMs: 0 });
      expect(findings.map(({ code, target, message }) => [code, target, message])).toEqual([
        ['sync_interval_unknown', 'nats-server', expect.any(String)],
      ]);
    }
    busyStill = false;
    await Promise.all(producers);
    expect((await busy.queue.getStats()).totalJobs).toBeGreaterThan(50);
  } finally {
    await busy.close();
  }
});
