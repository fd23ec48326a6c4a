import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { connectForeign, type ForeignClient } from '../support/foreign-client.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let client: ForeignClient;
beforeAll(async () => {
  nats = await startNats();
  client = await connectForeign(nats.url);
});
afterAll(async () => {
  await client.connection.close();
  await nats.stop();
});

function schedule({ namespace }: Fleet, name: string, when: string, target = 'due.jobs.low.demo') {
  return client.publish(`${namespace}.schedules.jobs.${name}`, '{"n":1}', {
    'Nats-Schedule': when,
    'Nats-Schedule-Target': `${namespace}.${target}`,
  });
}

async function timersIn(fleet: Fleet): Promise<number> {
  const { read, subjects } = await fleet.queue.broker();
  return read.count(subjects.streamName('timers'), `${subjects.prefix}schedules.>`);
}

describe.each([
  ['@every 1s', 'rent-forever', 'rent-forever'],
  ['0 0 3 * * *', 'nightly', 'nightly'],
  ['@daily', 'cron.report', 'cron-report'],
])('a recurring schedule %s on schedules.jobs.%s', (when, name, id) => {
  it('is found, listed and counted under its own name, and cancelled by it', async () => {
    await using fleet = await startFleet({ nats, workers: 0 });
    const { queue } = fleet;
    await queue.addJob('demo', 1, 'low', { id: 'other' });
    await schedule(fleet, name, when);
    const shown = { id, type: 'demo', state: 'scheduled', schedule: when, payload: { n: 1 } };
    expect(await queue.getJob(id)).toMatchObject(shown);
    expect((await queue.getJobs({ state: 'scheduled' })).jobs).toMatchObject([shown]);
    expect((await queue.getJobs({ status: 'pending' })).jobs).toContainEqual(expect.objectContaining(shown));
    expect(await queue.getStats()).toMatchObject({ scheduledJobs: 1 });
    expect(await queue.cancel(id)).toMatchObject({ id, state: 'cancelled' });
    expect(await timersIn(fleet)).toBe(0);
    expect(await queue.getJob('other')).toMatchObject({ state: 'queued' });
  });
});

it('a schedule that has run stops once it is cancelled, and what it has started stays', async () => {
  await using fleet = await startFleet({ nats, handlers: { demo: () => 1 } });
  await schedule(fleet, 'often', '@every 1s');
  const ended = async () => (await fleet.queue.getStats()).completedJobs;
  await expect.poll(ended).toBeGreaterThan(0);
  await fleet.queue.cancel('often');
  const count = await ended();
  await delay(1_500);
  expect(await ended()).toBeLessThanOrEqual(count + 1);
  expect(await timersIn(fleet)).toBe(0);
});

it('a timer for a job of another id is shown by its own, and a schedule with the name of an ended job ends', async () => {
  await using fleet = await startFleet({ nats, handlers: { demo: () => 1 } });
  const { queue } = fleet;
  await schedule(fleet, 'a', `@at ${new Date(Date.now() + 60_000).toISOString()}`, 'due.jobs.low.demo.b');
  expect(await queue.getJob('a')).toMatchObject({ id: 'a', state: 'scheduled' });
  expect(await queue.getJob('b')).toBeUndefined();
  await queue.cancel('a');
  await queue.addJob('demo', 1, 'low', { id: 'twice' });
  await fleet.waitForJob('twice', 'completed');
  await schedule(fleet, 'twice', '@every 1h');
  expect(await queue.cancel('twice')).toMatchObject({ state: 'completed' });
  expect(await timersIn(fleet)).toBe(0);
  await expect(queue.cancel('twice')).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
});
