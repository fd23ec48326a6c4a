import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startFleet } from '../support/fleet.js';
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

const at = (inMs: number) => `@at ${new Date(Date.now() + inMs).toISOString()}`;

describe('a work stream', () => {
  it.each([
    { 'Nats-Rollup': 'all' },
    { 'Nats-Rollup': 'sub' },
    { 'Nats-TTL': '1s' },
    { 'Nats-Schedule': '@every 1s', 'Nats-Schedule-Target': 'jobs.high.demo.x' },
    { 'Nats-Schedule-Next': 'purge', 'Nats-Scheduler': 'schedules.jobs.later' },
    { 'Nats-Scheduler': 'schedules.jobs.x' },
    { 'Nats-Stream-Source': 'TIMERS:C=jobs 9999999 due.jobs.> jobs.> due.jobs.low.demo.x' },
  ] as Record<string, string>[])('refuses %j from a producer, and keeps what it holds', async (options) => {
    await using fleet = await startFleet({ nats, workers: 0, handlers: {} });
    const { namespace, queue } = fleet;
    await queue.addJob('demo', 1, 'low', { id: 'first' });
    await queue.addJob('demo', 1, 'low', { id: 'later', delayMs: 60_000 });
    for (const kind of ['jobs', 'webhooks']) {
      const publish = client.publish(`${namespace}.${kind}.low.demo.evil`, '{}', options);
      await expect(publish).rejects.toThrow(/not permitted|disabled|invalid|not allowed/);
    }
    expect(await queue.getJob('first')).toMatchObject({ state: 'queued' });
    expect(await queue.getJob('later')).toMatchObject({ state: 'scheduled' });
  });
});

describe('a timer', () => {
  it.each([
    ['a work stream', 'jobs.high.demo.x'],
    ['an unknown priority', 'due.jobs.urgent.demo.x'],
    ['an id with a dot', 'due.jobs.high.demo.x.y'],
    ['EVENTS', 'events.demo.completed.x'],
  ])('for %s is refused when it is set', async (_, target) => {
    await using fleet = await startFleet({ nats, workers: 0, handlers: {} });
    const prefix = `${fleet.namespace}.`;
    await fleet.queue.connect();
    const options = { 'Nats-Schedule': at(60_000), 'Nats-Schedule-Target': prefix + target };
    await expect(client.publish(`${prefix}schedules.jobs.x`, '{}', options)).rejects.toThrow(/target/);
  });

  it('with a rollup or an id of its own harms nobody, and comes after all others', async () => {
    await using fleet = await startFleet({ nats, workers: 0, handlers: {} });
    const { namespace, queue } = fleet;
    await queue.addJob('demo', 1, 'low', { id: 'first' });
    const hostile = { 'Nats-Rollup': 'sub', 'Nats-Schedule-Rollup': 'sub', 'Nats-Msg-Id': 'first' };
    for (const [id, options] of Object.entries({ rolls: hostile, plain: {} })) {
      await client.publish(`${namespace}.schedules.jobs.${id}`, '{}', {
        'Nats-Schedule': at(0),
        'Nats-Schedule-Target': `${namespace}.due.jobs.low.demo.${id}`,
        ...options,
      });
    }
    for (const id of ['first', 'rolls', 'plain'])
      await vi.waitFor(async () => expect(await queue.getJob(id)).toMatchObject({ state: 'queued' }));
  });
});

it('what is due while the server is down runs once when it is back, and leaves TIMERS', async () => {
  await using own = await startNats();
  const runs: string[] = [];
  const handlers = { demo: ({ id }: { id: string }) => void runs.push(id) };
  await using fleet = await startFleet({ nats: own, handlers });
  const { queue, namespace } = fleet;
  await queue.addJob('demo', 1, 'low', { id: 'before', delayMs: 1 });
  await fleet.waitForJob('before', 'completed');
  await queue.addJob('demo', 1, 'low', { id: 'meanwhile', delayMs: 300 });
  own.kill('SIGKILL');
  await own.exited;
  await own.restart();
  await vi.waitFor(() => expect(runs).toContain('meanwhile'));
  await queue.addJob('demo', 1, 'low', { id: 'after', delayMs: 1 });
  await fleet.waitForJob('after', 'completed');
  expect(runs).toEqual(['before', 'meanwhile', 'after']);
  const { read, subjects } = await queue.broker();
  expect(await read.count(subjects.streamName('timers'), `${namespace}.schedules.>`)).toBe(0);
});

it('a killed server that has nothing left of a work stream brings back nothing that was done', async () => {
  await using own = await startNats();
  await using fleet = await startFleet({ nats: own, handlers: { demo: () => 'done' } });
  const { read, subjects, topology } = await fleet.queue.broker();
  const ids = ['a', 'b', 'c'];
  for (const id of ids) await fleet.queue.addJob('demo', 1, 'low', { id, delayMs: 1 });
  for (const id of ids) await fleet.waitForJob(id, 'completed');
  for (const worker of fleet.workers) await worker.shutdown();
  expect(await read.count(subjects.streamName('jobs'), `${fleet.namespace}.>`)).toBe(0);
  const { state } = await topology.streamInfo('jobs');
  own.kill('SIGKILL');
  await own.exited;
  await own.restart();
  // What it takes from TIMERS comes in the order in which it was due.
  await fleet.queue.addJob('demo', 1, 'low', { id: 'later', delayMs: 1 });
  const later = subjects.workOf('jobs', 'later');
  await vi.waitFor(async () => expect(await read.count(subjects.streamName('jobs'), later)).toBe(1));
  expect((await topology.streamInfo('jobs')).state.last_seq).toBe(state.last_seq + 1);
});

it('a work stream that has nothing when its server is killed takes what was due before its last message', async () => {
  await using own = await startNats();
  await using fleet = await startFleet({ nats: own, workers: 0, handlers: {} });
  const { queue, namespace } = fleet;
  await queue.connect();
  const { connection, subjects } = await queue.broker();
  const jsm = await jetstreamManager(connection);
  const jobs = subjects.streamName('jobs');
  const { sources = [] } = (await jsm.streams.info(jobs)).config;
  await jsm.streams.update(jobs, { sources: [] });
  await jetstream(connection).publish(`${namespace}.due.jobs.low.demo.due`, '{}');
  await queue.addJob('demo', 1, 'low', { id: 'direct' });
  await jsm.streams.purge(jobs, { filter: subjects.workFilter('jobs', 'low', 'demo') });
  // Killed before it has asked TIMERS for anything.
  await jsm.streams.update(jobs, { sources });
  own.kill('SIGKILL');
  await own.exited;
  await own.restart();
  const { read } = await queue.broker();
  await vi.waitFor(async () => expect(await read.count(jobs, `${namespace}.>`)).toBe(1));
});

it('a TIMERS that was deleted is taken from again once it is made', async () => {
  await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
  const { queue } = fleet;
  const { subjects, connection } = await queue.broker();
  const jsm = await jetstreamManager(connection);
  await jsm.streams.delete(subjects.streamName('timers'));
  await queue.setup();
  await queue.addJob('demo', 1, 'low', { id: 'again', delayMs: 1 });
  expect(await fleet.waitForJob('again', 'completed')).toMatchObject({ result: 'done' });
});
