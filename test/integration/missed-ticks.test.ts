import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { examine, type JobRecord } from '../../src/index.js';
import { Sweeper } from '../../src/upkeep/sweeper.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { connectForeign } from '../support/foreign-client.js';
import { startNats } from '../support/nats.js';

const EVERY_MS = 3_000;

async function completed({ queue }: Fleet): Promise<JobRecord[]> {
  return (await queue.getJobs({ status: 'completed', limit: 1_000 })).jobs;
}

/** When the tick of a run was due, in multiples of the period. */
function periodOf({ id, createdAt }: JobRecord): number {
  const made = /-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(id);
  const dueMs = made
    ? Date.parse(`${made[1]}-${made[2]}-${made[3]}T${made[4]}:${made[5]}:${made[6]}Z`)
    : Date.parse(createdAt);
  return Math.floor(dueMs / EVERY_MS);
}

async function kill(fleet: Fleet, signal: 'SIGTERM' | 'SIGKILL', forMs: number): Promise<void> {
  const { nats } = fleet;
  nats.kill(signal);
  await nats.exited;
  await delay(forMs);
  await nats.restart();
}

it('each tick of a cron expression runs once, and the last missed one once, through kills of the server', async () => {
  await using nats = await startNats();
  await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
  const { queue } = fleet;
  await queue.schedule('tick', 'demo', null, { cron: `*/${EVERY_MS / 1_000} * * * * *` });
  const period = () => Math.floor(Date.now() / EVERY_MS);
  await expect.poll(() => completed(fleet)).toSatisfy((jobs) => jobs.length >= 1);
  // Stopped, the server stores what it fires next. Killed right after a tick, it reads that again, and fires the tick once more.
  await kill(fleet, 'SIGTERM', 0);
  const before = (await completed(fleet)).length;
  await expect.poll(() => completed(fleet), { interval: 20 }).toSatisfy((jobs) => jobs.length > before);
  await kill(fleet, 'SIGKILL', 0);
  await delay(EVERY_MS);
  const killedIn = period();
  await kill(fleet, 'SIGKILL', 3 * EVERY_MS);
  const backIn = period();
  const periods = async () => (await completed(fleet)).map(periodOf).sort((a, b) => a - b);
  await expect.poll(periods).toContainEqual(backIn + 2);
  const ran = await periods();
  expect(new Set(ran).size, String(ran)).toBe(ran.length);
  // Of those that were missed the last one.
  expect(ran).toContainEqual(backIn);
  const missed = ran.filter((each) => each > killedIn && each < backIn);
  expect(missed).toEqual([]);
  for (let each = ran[0] ?? 0; each < killedIn; each++) expect(ran).toContainEqual(each);
});

it('an interval goes on as it was after a kill of the server', async () => {
  await using nats = await startNats();
  await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
  const { queue } = fleet;
  await queue.schedule('often', 'demo', null, { everyMs: 6_000 });
  const starts = async () =>
    (await completed(fleet)).map(({ startedAt = '' }) => Date.parse(startedAt)).sort((a, b) => a - b);
  await expect.poll(starts).toHaveLength(1);
  await delay(2_000);
  // By itself the server would fire six seconds from now on.
  await kill(fleet, 'SIGKILL', 0);
  await expect.poll(starts).toHaveLength(3);
  const [first = 0, second = 0, third = 0] = await starts();
  for (const apartMs of [second - first, third - second]) {
    expect(apartMs).toBeGreaterThan(4_800);
    expect(apartMs).toBeLessThan(7_600);
  }
});

it('what was missed while no worker was there is found by doctor, and a schedule whose target has an id', async () => {
  await using nats = await startNats();
  await using fleet = await startFleet({ nats, workers: 0, handlers: {} });
  const { queue } = fleet;
  await queue.schedule('tick', 'demo', null, { cron: '*/15 * * * * *' });
  const client = await connectForeign(nats.url);
  await client.publish(`${fleet.namespace}.schedules.jobs.cron.odd`, '{}', {
    'Nats-Schedule': '0 0 3 * * *',
    'Nats-Schedule-Target': `${fleet.namespace}.due.jobs.low.demo.same`,
  });
  await client.connection.close();
  // Over the next tick. The one after that would hide it from a look that comes late.
  await kill(fleet, 'SIGKILL', 15_000 - (Date.now() % 15_000) + 500);
  await expect.poll(() => queue.isConnected).toBe(true);
  const look = async () =>
    (await examine(queue)).findings.filter(({ code }) => /^(tick|schedule)_/.test(code));
  await expect.poll(look).toMatchObject([
    { code: 'schedule_faulty', target: 'odd', message: expect.stringContaining('leave the id out') },
    { code: 'tick_missed', target: 'tick', fixable: true },
  ]);
  await queue.schedules.pause('tick');
  await queue.schedules.resume('tick');
  expect(await look()).toMatchObject([{ code: 'schedule_faulty' }]);
});

it('what was missed runs when a worker is there', async () => {
  await using nats = await startNats();
  await using fleet = await startFleet({ nats, workers: 0, handlers: {} });
  await fleet.queue.schedule('tick', 'demo', null, { cron: '*/20 * * * * *' });
  // Until the next one is due, whenever this is.
  await kill(fleet, 'SIGKILL', 20_000 - (Date.now() % 20_000) + 500);
  await expect.poll(() => fleet.queue.isConnected).toBe(true);
  await fleet.addWorker({ demo: () => 'done' });
  const made = expect.objectContaining({
    id: expect.stringMatching(/^tick-\d{8}T\d{6}Z$/),
    scheduledBy: 'tick',
  });
  await expect.poll(() => completed(fleet)).toContainEqual(made);
});

it('the note of the ticks of a schedule that is gone is removed, and a server with time zones is no finding', async () => {
  await using nats = await startNats();
  await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
  const { queue } = fleet;
  await queue.schedule('tick', 'demo', null, { cron: '* * * * * *' });
  await expect.poll(() => completed(fleet)).toSatisfy((jobs) => jobs.length >= 1);
  const { topology, subjects, read } = await queue.broker();
  await topology.purge('timers', `${subjects.prefix}schedules.jobs.cron.tick`);
  const notes = () => read.count(subjects.streamName('timers'), `${subjects.prefix}schedules.jobs.ticks.>`);
  await delay(500);
  expect(await notes()).toBe(1);
  const { findings } = await examine(queue, { graceMs: 0 });
  expect(findings.map(({ code }) => code)).toContain('ticks_left_over');
  expect(findings.map(({ code }) => code)).not.toContain('time_zones_unknown');
  const sweeper = new Sweeper({ queue, graceMs: 0 });
  await sweeper.sweep();
  expect(await notes()).toBe(0);
});
