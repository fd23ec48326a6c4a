import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { defineJob, type JobContext, type JobRecord, type ScheduleChange } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { connectForeign, type ForeignClient } from '../support/foreign-client.js';
import { aborted } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let client: ForeignClient;
/** With a schedule `kept` that no test changes. */
let shared: Fleet;
beforeAll(async () => {
  nats = await startNats();
  client = await connectForeign(nats.url);
  shared = await startFleet({ nats, workers: 0 });
  await shared.queue.schedule('kept', 'demo', 1, RARELY);
});
afterAll(async () => {
  await shared.close();
  await client.connection.close();
  await nats.stop();
});

const EACH_SECOND = { cron: '* * * * * *' };
/** No test sees one of these fire. */
const RARELY = { cron: '0 3 1 1 *' };

async function timersIn({ queue }: Fleet): Promise<string[]> {
  const { topology, subjects } = await queue.broker();
  const { state } = await topology.streamInfo('timers', `${subjects.prefix}schedules.>`);
  return Object.keys(state.subjects ?? {}).sort();
}

async function ended({ queue }: Fleet, status: 'completed' | 'failed' = 'completed'): Promise<JobRecord[]> {
  return (await queue.getJobs({ status, limit: 1_000 })).jobs;
}

/** Runs that go on until they are let go. */
function holding() {
  const runs: JobContext[] = [];
  const releases: (() => void)[] = [];
  let isOpen = false;
  const hold = async (job: JobContext) => {
    runs.push(job);
    if (!isOpen)
      await Promise.race([new Promise<void>((resolve) => releases.push(resolve)), aborted(job.signal)]);
    return 'done';
  };
  const release = () => {
    isOpen = true;
    for (const each of releases) each();
  };
  return { runs, hold, release };
}

describe('a change of a schedule', () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const webhookUrl = 'https://example.com/hooks/T0hush';

  it('leaves all else as it is stored, also what no reader is shown', async () => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const { queue } = fleet;
    const options = { ...RARELY, timeZone: 'Europe/Berlin', jitterMs: 5_000, webhookUrl, traceparent };
    await queue.schedule('yearly', 'demo', null, options);
    await queue.schedules.pause('yearly');
    const changed = await queue.schedules.update('yearly', { cron: '30 4 1 1 *', jitterMs: null });
    expect(changed).toMatchObject({
      ...{ type: 'demo', payload: null, webhookUrl },
      timeZone: 'Europe/Berlin',
    });
    expect(changed).toMatchObject({ cron: '0 30 4 1 1 *', pausedAt: expect.any(String) });
    expect(changed).not.toHaveProperty('jitterMs');
    expect(await queue.schedules.resume('yearly')).toMatchObject({ cron: '0 30 4 1 1 *' });
    await queue.schedules.update('yearly', {
      type: 'other',
      payload: { n: 2 },
      priority: 'high',
      maxAttempts: 5,
    });
    const id = await queue.schedules.runNow('yearly');
    const asRun = { ...{ type: 'other', priority: 'high', payload: { n: 2 } }, maxAttempts: 5, traceparent };
    expect(await queue.getJob(id)).toMatchObject({ ...asRun, webhookUrl });
    expect(await queue.schedules.update('yearly', { everyMs: 60_000, webhookUrl: null })).not.toHaveProperty(
      'cron',
    );
    const last = await queue.schedules.get('yearly');
    expect(last).toMatchObject({ everyMs: 60_000 });
    for (const name of ['timeZone', 'webhookUrl']) expect(last).not.toHaveProperty(name);
  });

  it('writes nothing where nothing changes, and of two at once loses none', async () => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const { queue } = fleet;
    const { changedAt } = await queue.schedule('quiet', 'demo', 1, RARELY);
    expect(await queue.schedules.update('quiet', { cron: '0 3 1 1 *', payload: 1 })).toMatchObject({
      changedAt,
    });
    await Promise.all([
      queue.schedules.update('quiet', { priority: 'low' }),
      queue.schedules.update('quiet', { jitterMs: 1_000 }),
      queue.schedules.update('quiet', { payload: 2 }),
    ]);
    expect(await queue.schedules.get('quiet')).toMatchObject({
      priority: 'low',
      jitterMs: 1_000,
      payload: 2,
    });
  });

  it.each([
    [{ cron: '0 3 1 1 *', everyMs: 60_000 }, 'JETFLEET_OPTION_INVALID'],
    [{ cron: 'often' }, 'JETFLEET_CRON_INVALID'],
    [{ timeZone: 'Mars/Olympus' }, 'JETFLEET_TIME_ZONE_UNKNOWN'],
    [{ until: '2001-01-01T00:00:00Z' }, 'JETFLEET_OPTION_INVALID'],
    [{ webhookUrl: 'ftp://example.com' }, 'JETFLEET_OPTION_INVALID'],
    [{ maxAttempts: 0 }, 'JETFLEET_OPTION_INVALID'],
    [{ type: 'Not A Type' }, 'JETFLEET_TYPE_INVALID'],
    [{ payload: { n: 1n } }, 'JETFLEET_PAYLOAD_INVALID'],
    [{ every: 1 }, 'JETFLEET_OPTION_INVALID'],
  ])('is refused before anything is stored: %s', async (change, code) => {
    const { queue } = shared;
    const before = await queue.schedules.get('kept');
    await expect(queue.schedules.update('kept', change as ScheduleChange)).rejects.toMatchObject({ code });
    expect(await queue.schedules.get('kept')).toEqual(before);
    await expect(queue.schedules.update('nobody', {})).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  });
});

describe('a schedule', () => {
  it('starts a job of its own at each tick, and shows its next and its last run', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
    const { queue } = fleet;
    const shown = await queue.schedule(
      'tick',
      'demo',
      { n: 1 },
      { ...EACH_SECOND, priority: 'high', maxAttempts: 7 },
    );
    expect(shown).toMatchObject({
      name: 'tick',
      type: 'demo',
      priority: 'high',
      payload: { n: 1 },
      maxAttempts: 7,
      cron: '* * * * * *',
      overlap: 'skip',
      runs: 0,
      skips: 0,
    });
    expect(Date.parse(shown.nextRunAt ?? '') - Date.now()).toBeLessThan(1_100);
    await expect.poll(() => ended(fleet)).toSatisfy((jobs) => jobs.length >= 3);
    const jobs = await ended(fleet);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(jobs.length);
    for (const job of jobs)
      expect(job).toMatchObject({ scheduledBy: 'tick', priority: 'high', payload: { n: 1 }, maxAttempts: 7 });
    const [listed] = await vi.waitFor(async () => {
      const all = await queue.schedules.list();
      // The last one may be running still.
      expect(all).toMatchObject([{ name: 'tick', lastRun: { state: 'completed' } }]);
      return all;
    });
    expect(listed?.runs).toBeGreaterThanOrEqual(3);
    expect((await ended(fleet)).map(({ id }) => id)).toContain(listed?.lastRun?.id ?? '');
  });

  it('with an interval fires at it', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
    const shown = await fleet.queue.schedule('often', 'demo', null, { everyMs: 1_000 });
    expect(shown).toMatchObject({ everyMs: 1_000 });
    await expect.poll(() => ended(fleet)).toSatisfy((jobs) => jobs.length >= 2);
  });

  it('is changed by a second call of its name, and not written where nothing changes', async () => {
    await using fleet = await startFleet({ nats, workers: 0, handlers: {} });
    const { queue } = fleet;
    const job = defineJob({ type: 'report' });
    const first = await queue.schedule('nightly', job, { n: 1 }, { ...RARELY, timeZone: 'europe/berlin' });
    expect(first).toMatchObject({ cron: '0 0 3 1 1 *', timeZone: 'Europe/Berlin' });
    expect(first.nextRunAt).toMatch(/-01-01T02:00:00.000Z$/);
    const again = await queue.schedule('nightly', job, { n: 1 }, { ...RARELY, timeZone: 'Europe/Berlin' });
    expect(again.changedAt).toBe(first.changedAt);
    const changed = await queue.schedule('nightly', job, { n: 2 }, { everyMs: 60_000, overlap: 'allow' });
    expect(changed).toMatchObject({ payload: { n: 2 }, everyMs: 60_000, overlap: 'allow' });
    expect(changed).not.toHaveProperty('cron');
    expect(await queue.schedules.list()).toHaveLength(1);
    // Webhooks have a stream of their own.
    await queue.schedule('nightly', 'send_webhook', { url: 'https://example.com', payload: {} }, RARELY);
    expect(await queue.schedules.list()).toMatchObject([{ type: 'send_webhook' }]);
  });

  it('that is paused fires no more, keeps all that it is, stays paused when it is changed, and is resumed', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
    const { queue } = fleet;
    const options = { ...EACH_SECOND, timeZone: 'Asia/Tokyo', jitterMs: 5, overlap: 'allow' as const };
    await queue.schedule('tick', 'demo', { n: 1 }, options);
    const paused = await queue.schedules.pause('tick');
    expect(paused).toMatchObject({ ...options, pausedAt: expect.any(String), payload: { n: 1 } });
    expect(paused).not.toHaveProperty('nextRunAt');
    await delay(300);
    // What was fired before has run; the schedule itself is one that waits.
    await expect
      .poll(async () => (await queue.getStats()).byType.demo)
      .toMatchObject({ pending: 1, processing: 0 });
    const before = (await ended(fleet)).length;
    await queue.schedule('tick', 'demo', { n: 2 }, options);
    await delay(1_500);
    expect(await ended(fleet)).toHaveLength(before);
    expect(await queue.schedules.pause('tick')).toMatchObject({
      pausedAt: paused.pausedAt,
      payload: { n: 2 },
    });
    expect(await queue.getJobs({ state: 'scheduled' })).toMatchObject({
      jobs: [{ schedule: '* * * * * *' }],
    });
    const resumed = await queue.schedules.resume('tick');
    expect(resumed).toMatchObject({ ...options, nextRunAt: expect.any(String) });
    expect(resumed).not.toHaveProperty('pausedAt');
    await expect.poll(() => ended(fleet)).toSatisfy((jobs) => jobs.length > before);
    await queue.schedules.delete('tick');
    expect((await timersIn(fleet)).filter((subject) => /cron|ticks/.test(subject))).toEqual([]);
    for (const verb of ['get', 'pause', 'resume', 'runNow', 'delete'] as const)
      await expect(queue.schedules[verb]('tick')).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  });

  it('ends at its time, and is removed', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
    const { queue } = fleet;
    const until = new Date(Date.now() + 2_500);
    const shown = await queue.schedule('tick', 'demo', null, { ...EACH_SECOND, until });
    expect(shown).toMatchObject({ until: until.toISOString() });
    await expect.poll(() => queue.schedules.list()).toEqual([]);
    const jobs = await ended(fleet);
    expect(jobs.length).toBeGreaterThanOrEqual(1);
    for (const { createdAt } of jobs) expect(Date.parse(createdAt)).toBeLessThan(until.getTime() + 300);
    expect(await ended(fleet, 'failed')).toEqual([]);
  });

  it('has its runs begin a random time later', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
    const { queue } = fleet;
    await queue.schedule('tick', 'demo', null, { everyMs: 1_000, jitterMs: 3_000, overlap: 'allow' });
    const scheduled = async () => (await queue.getJobs({ state: 'scheduled' })).jobs;
    await expect
      .poll(scheduled)
      .toContainEqual(expect.objectContaining({ scheduledBy: 'tick', nextRunAt: expect.any(String) }));
    await expect.poll(() => ended(fleet)).toSatisfy((jobs) => jobs.length >= 3);
    const waits = (await ended(fleet)).map(
      ({ startedAt = '', createdAt }) => Date.parse(startedAt) - Date.parse(createdAt),
    );
    expect(Math.max(...waits)).toBeGreaterThan(250);
    expect(Math.max(...waits)).toBeLessThan(4_500);
  });
});

describe('a tick while the last run goes on', () => {
  it('is skipped, with a record that says why', async () => {
    const { runs, hold, release } = holding();
    await using fleet = await startFleet({ nats, handlers: { demo: { handler: hold, concurrency: 5 } } });
    const { queue } = fleet;
    await queue.schedule('tick', 'demo', null, EACH_SECOND);
    await expect.poll(() => ended(fleet, 'failed')).toSatisfy((jobs) => jobs.length >= 2);
    expect(runs).toHaveLength(1);
    const [skipped] = await ended(fleet, 'failed');
    expect(skipped).toMatchObject({
      state: 'cancelled',
      attempt: 0,
      scheduledBy: 'tick',
      error: { code: 'JETFLEET_TICK_SKIPPED', message: expect.stringContaining(runs[0]?.id ?? '') },
    });
    expect(await queue.schedules.get('tick')).toMatchObject({
      runs: 1,
      lastRun: { id: runs[0]?.id, state: 'running' },
      lastSkip: { reason: expect.stringContaining(runs[0]?.id ?? '') },
    });
    release();
    await expect.poll(() => runs.length).toBeGreaterThan(1);
  });

  it('runs beside it with allow', async () => {
    const { runs, hold, release } = holding();
    await using fleet = await startFleet({ nats, handlers: { demo: { handler: hold, concurrency: 5 } } });
    await fleet.queue.schedule('tick', 'demo', null, { ...EACH_SECOND, overlap: 'allow' });
    await expect.poll(() => runs.length).toBeGreaterThanOrEqual(3);
    expect(runs.every(({ signal }) => !signal.aborted)).toBe(true);
    expect(await ended(fleet, 'failed')).toEqual([]);
    release();
  });

  it('cancels it with cancel', async () => {
    const { runs, hold, release } = holding();
    await using fleet = await startFleet({ nats, handlers: { demo: { handler: hold, concurrency: 5 } } });
    await fleet.queue.schedule('tick', 'demo', null, { ...EACH_SECOND, overlap: 'cancel' });
    await expect.poll(() => runs.length).toBeGreaterThanOrEqual(3);
    await fleet.waitForJob(runs[0]?.id ?? '', 'cancelled');
    await fleet.waitForJob(runs[1]?.id ?? '', 'cancelled');
    expect(runs[0]?.signal.aborted).toBe(true);
    expect((await fleet.queue.getJob(runs[0]?.id ?? ''))?.error).toMatchObject({
      code: 'JETFLEET_CANCELLED',
      message: expect.stringContaining(runs[1]?.id ?? ''),
    });
    release();
  });
});

describe('ticks that wait for a worker together', () => {
  async function backlog(fleet: Fleet, overlap: 'skip' | 'allow'): Promise<number> {
    const { queue } = fleet;
    // The consumers of the type are there, and nobody takes from them.
    const worker = await fleet.addWorker({ demo: () => 'done' });
    await worker.shutdown();
    await queue.schedule('tick', 'demo', null, { ...EACH_SECOND, overlap });
    const waiting = async () => (await queue.getStats()).byType.demo?.pending ?? 0;
    await expect.poll(waiting).toBeGreaterThanOrEqual(5);
    await queue.schedules.pause('tick');
    await delay(300);
    // The paused schedule is one of them.
    return (await waiting()) - 1;
  }

  it.each(['skip', 'allow'] as const)('run as %s says, whoever takes them', async (overlap) => {
    await using fleet = await startFleet({ nats, workers: 0, handlers: {} });
    const count = await backlog(fleet, overlap);
    const { namespace } = fleet;
    let runs = 0;
    const demo = { handler: () => void runs++, concurrency: 3 };
    const others = await Promise.all(
      Array.from({ length: 4 }, () => startFleet({ nats, namespace, handlers: { demo } })),
    );
    const isOver = async () => {
      const [completed, failed] = await Promise.all([ended(fleet), ended(fleet, 'failed')]);
      return completed.length + failed.length;
    };
    await expect.poll(isOver).toBe(count);
    expect(runs).toBe(overlap === 'skip' ? 1 : count);
    expect(await fleet.queue.schedules.get('tick')).toMatchObject({
      runs,
      skips: count - runs,
    });
    await Promise.all(others.map((each) => each.close()));
  });
});

describe('a schedule that somebody has published with a bare client', () => {
  it.each([
    ['cron.report', 'report', { 'Nats-Schedule': '0 0 3 * * *', 'Nats-Schedule-Time-Zone': 'Europe/Berlin' }],
    ['hourly', 'hourly', { 'Nats-Schedule': '@every 1h30m', 'Some-Header': 'kept' }],
  ])(
    'on schedules.jobs.%s is listed, paused, resumed, run and deleted as any other',
    async (place, name, headers) => {
      await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
      const { queue, namespace } = fleet;
      await queue.connect();
      const subject = `${namespace}.schedules.jobs.${place}`;
      await client.publish(subject, '{"n":1}', {
        ...headers,
        'Nats-Schedule-Target': `${namespace}.due.jobs.low.demo`,
      } as Record<string, string>);
      const { 'Nats-Schedule-Time-Zone': timeZone } = headers as Record<string, string>;
      const shown = {
        name,
        subject,
        type: 'demo',
        priority: 'low',
        payload: { n: 1 },
        overlap: 'allow',
        ...(timeZone ? { timeZone, cron: '0 0 3 * * *' } : { everyMs: 5_400_000 }),
      };
      expect(await queue.schedules.list()).toMatchObject([{ ...shown, nextRunAt: expect.any(String) }]);
      expect(await queue.schedules.pause(name)).toMatchObject({ ...shown, pausedAt: expect.any(String) });
      const id = await queue.schedules.runNow(name);
      expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ payload: { n: 1 }, scheduledBy: name });
      expect(await queue.schedules.resume(name)).toMatchObject({ ...shown, lastRun: { id }, runs: 1 });
      const { read, subjects } = await queue.broker();
      const stored = await read.last(subjects.streamName('timers'), subject);
      for (const [header, value] of Object.entries(headers)) expect(stored?.headers.get(header)).toBe(value);
      await queue.schedules.delete(name);
      expect(await timersIn(fleet)).toEqual([]);
    },
  );

  it('with an id in its target says that only its first tick runs', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
    const { queue, namespace } = fleet;
    await queue.connect();
    await client.publish(`${namespace}.schedules.jobs.cron.once`, '{}', {
      'Nats-Schedule': '@every 1s',
      'Nats-Schedule-Target': `${namespace}.due.jobs.low.demo.same`,
    });
    expect(await queue.schedules.get('once')).toMatchObject({
      fault: expect.stringContaining('leave the id out'),
    });
    await fleet.waitForJob('same', 'completed');
  });
});

describe('runNow', () => {
  it('is refused while the last run goes on, unless it may overlap', async () => {
    const { runs, hold, release } = holding();
    await using fleet = await startFleet({ nats, handlers: { demo: { handler: hold, concurrency: 5 } } });
    const { queue } = fleet;
    await queue.schedule('rare', 'demo', { n: 1 }, RARELY);
    const first = await queue.schedules.runNow('rare');
    await expect.poll(() => runs.length).toBe(1);
    await expect(queue.schedules.runNow('rare')).rejects.toMatchObject({
      code: 'JETFLEET_CONFLICT',
      message: expect.stringContaining(first),
    });
    await queue.schedules.runNow('rare', { overlap: 'allow' });
    await expect.poll(() => runs.length).toBe(2);
    const third = await queue.schedules.runNow('rare', { overlap: 'cancel' });
    await expect.poll(() => runs.map(({ id }) => id)).toContain(third);
    expect(runs.map(({ signal }) => signal.aborted)).toEqual([false, true, false]);
    release();
  });
});

describe('what cannot be a schedule is refused before anything is stored', () => {
  const soon = { everyMs: 1_000 };
  let refusing: Fleet;
  beforeAll(async () => {
    refusing = await startFleet({ nats, workers: 0, handlers: {} });
  });
  afterAll(() => refusing.close());

  it.each([
    [{ cron: '* * * *' }, 'JETFLEET_CRON_INVALID', '"* * * *"'],
    [{ cron: '61 * * * *' }, 'JETFLEET_CRON_INVALID', '61'],
    [{ cron: '0 0 L * *' }, 'JETFLEET_CRON_INVALID', '"L"'],
    [{ cron: '0 0 30 2 *' }, 'JETFLEET_CRON_INVALID', 'no date'],
    [{ cron: '@reboot' }, 'JETFLEET_CRON_INVALID', '@reboot'],
    [{ cron: 7 as never }, 'JETFLEET_CRON_INVALID', '7'],
    [{ cron: '0 0 * * *', timeZone: 'Nowhere/City' }, 'JETFLEET_TIME_ZONE_UNKNOWN', 'Nowhere/City'],
    [{ cron: '0 0 * * *', timeZone: '+02:00' }, 'JETFLEET_TIME_ZONE_UNKNOWN', '+02:00'],
    [{ everyMs: 60_000, timeZone: 'UTC' }, 'JETFLEET_OPTION_INVALID', 'timeZone'],
    [{ everyMs: 999 }, 'JETFLEET_OPTION_INVALID', '999'],
    [{ everyMs: 1_500 }, 'JETFLEET_OPTION_INVALID', '1500'],
    [{ everyMs: 0 }, 'JETFLEET_OPTION_INVALID', '0'],
    [{}, 'JETFLEET_OPTION_INVALID', 'cron or everyMs'],
    [{ ...soon, cron: '0 0 * * *' }, 'JETFLEET_OPTION_INVALID', 'not both'],
    [{ ...soon, until: '2020-01-01T00:00:00Z' }, 'JETFLEET_OPTION_INVALID', '2020'],
    [{ cron: '0 3 1 1 *', until: new Date(Date.now() + 3_600_000) }, 'JETFLEET_OPTION_INVALID', 'first tick'],
    [{ ...soon, until: 'tomorrow' }, 'JETFLEET_OPTION_INVALID', 'tomorrow'],
    [{ ...soon, overlap: 'queue' as never }, 'JETFLEET_OPTION_INVALID', 'queue'],
    [{ ...soon, jitterMs: -1 }, 'JETFLEET_OPTION_INVALID', '-1'],
    [{ ...soon, tz: 'UTC' } as never, 'JETFLEET_OPTION_INVALID', 'tz'],
    [{ ...soon, delayMs: 5 } as never, 'JETFLEET_OPTION_INVALID', 'delayMs'],
    [{ ...soon, priority: 'urgent' as never }, 'JETFLEET_PRIORITY_INVALID', 'urgent'],
    [{ ...soon, maxAttempts: 0 }, 'JETFLEET_OPTION_INVALID', 'maxAttempts'],
  ])('%j', async (options, code, named) => {
    const scheduled = refusing.queue.schedule('bad', 'demo', null, options);
    await expect(scheduled).rejects.toMatchObject({ code, message: expect.stringContaining(named) });
    expect(await timersIn(refusing)).toEqual([]);
  });

  it('a name, a type and a payload', async () => {
    const { queue } = refusing;
    for (const name of ['', 'a.b', 'a b', '*', 'x'.repeat(65), 7 as never])
      await expect(queue.schedule(name, 'demo', null, soon)).rejects.toMatchObject({
        code: 'JETFLEET_OPTION_INVALID',
      });
    await expect(queue.schedule('a', 'No Type', null, soon)).rejects.toMatchObject({
      code: 'JETFLEET_TYPE_INVALID',
    });
    await expect(queue.schedule('a', 'demo', { at: new Date() }, soon)).rejects.toMatchObject({
      code: 'JETFLEET_PAYLOAD_INVALID',
    });
    expect(await timersIn(refusing)).toEqual([]);
  });

  it('an expression with Sunday as 7 is one that the server knows', async () => {
    await using fleet = await startFleet({ nats, workers: 0, handlers: {} });
    for (const [cron, stored] of [
      ['0 3 * * 7', '0 0 3 * * 0'],
      ['0 3 * * 5-7', '0 0 3 * * 5-6,0'],
      ['0 3 ? JAN,jul MON-FRI', '0 0 3 ? JAN,jul MON-FRI'],
      ['@daily', '@daily'],
    ] as const)
      expect(await fleet.queue.schedule('a', 'demo', null, { cron })).toMatchObject({ cron: stored });
  });
});
