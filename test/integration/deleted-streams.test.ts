import { type JetStreamManager, jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import { STREAM_KINDS, type StreamKind } from '../../src/wire/subjects.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

async function remove(queue: JobQueueService, kinds: readonly StreamKind[]): Promise<void> {
  const { connection, subjects } = await queue.broker();
  const jsm = await jetstreamManager(connection);
  for (const kind of kinds) await jsm.streams.delete(subjects.streamName(kind));
}

it.each([...STREAM_KINDS.map((kind) => [kind]), [...STREAM_KINDS]])(
  'a deleted %s is made again by a running worker, and jobs run at once, delayed and retried',
  async (...kinds) => {
    const fails = ({ attempt }: { attempt: number }) => {
      if (attempt === 1) throw new Error('once');
      return 'done';
    };
    const handlers = { demo: { handler: fails, retry: { baseMs: 10, jitter: 0 } } };
    await using fleet = await startFleet({ nats, handlers });
    await fleet.queue.addJob('demo', 1, 'low', { id: 'before' });
    await fleet.waitForJob('before', 'completed');
    await remove(fleet.queue, kinds);
    await fleet.queue.addJob('demo', 1, 'low', { id: 'after' });
    await fleet.queue.addJob('demo', 1, 'low', { id: 'later', delayMs: 10 });
    for (const id of ['after', 'later'])
      expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 2, result: 'done' });
  },
);

it('a producer alone makes the streams that were deleted, and adds its job', async () => {
  await using queue = new JobQueueService({ servers: nats.url, namespace: 'alone' });
  await queue.connect();
  await remove(queue, STREAM_KINDS);
  const [first, second, third] = await Promise.all([
    queue.addJob('demo', 1),
    queue.addJob('demo', 2, 'low', { id: 'own' }),
    queue.addJob('demo', 3, 'low', { delayMs: 60_000 }),
  ]);
  expect(await queue.getJob(first)).toMatchObject({ state: 'queued', payload: 1 });
  expect(await queue.getJob(second)).toMatchObject({ state: 'queued', payload: 2 });
  expect(await queue.getJob(third)).toMatchObject({ state: 'scheduled', payload: 3 });
});

it('whoever only asks makes nothing', async () => {
  await using queue = new JobQueueService({ servers: nats.url, namespace: 'asks' });
  const broker = await queue.brokerAsItIs();
  await expect(broker.lastEvent('a')).rejects.toMatchObject({ code: 'JETFLEET_NO_STREAM' });
  expect((await queue.health()).streams.every(({ ok }) => !ok)).toBe(true);
});

type Change = (jsm: JetStreamManager, name: string) => Promise<unknown>;
const replaceBy =
  (config: Partial<StreamConfig>): Change =>
  async (jsm, name) => {
    await jsm.streams.delete(name);
    await jsm.streams.add({ name, ...config } as StreamConfig & { name: string });
  };
const asIs =
  (change: Partial<StreamConfig>): Change =>
  (jsm, name) =>
    jsm.streams.update(name, change);
const write = (queue: JobQueueService) => queue.addJob('demo', 1);
const read = (queue: JobQueueService) => queue.getJob('nobody');

it.each<[string, StreamKind, Change, (queue: JobQueueService) => Promise<unknown>, string]>([
  ['a foreign stream', 'jobs', replaceBy({ subjects: ['a.>'] }), write, 'was not created by Jetfleet'],
  ['a foreign stream', 'jobs', replaceBy({ subjects: ['b.>'] }), read, 'was not created by Jetfleet'],
  ['a mirror', 'jobs', replaceBy({ mirror: { name: 'ORIGIN' } }), write, 'was not created by Jetfleet'],
  ['a foreign stream', 'events', replaceBy({ subjects: ['c.>'] }), read, 'was not created by Jetfleet'],
  ['other subjects', 'jobs', asIs({ subjects: ['d.>'] }), write, 'was not created by Jetfleet'],
  ['no direct reads', 'jobs', asIs({ allow_direct: false }), read, 'allow_direct (danger)'],
])(
  '%s in the place of %s under a running system is named with the way out, and left alone',
  async (_, kind, change, use, why) => {
    await using fleet = await startFleet({ nats, handlers: { demo: { handler: () => 'done' } } });
    const { connection, subjects } = await fleet.queue.broker();
    const jsm = await jetstreamManager(connection);
    await jsm.streams.add({ name: 'ORIGIN', subjects: ['origin'] });
    const name = subjects.streamName(kind);
    await change(jsm, name);
    const { config } = await jsm.streams.info(name);
    const error = await use(fleet.queue).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'JETFLEET_STREAM_DRIFT', retryable: true });
    expect(String(error)).toContain(`stream ${name}`);
    expect(String(error)).toContain(why);
    expect(String(error)).toContain('set JETFLEET_NAMESPACE');
    expect((await jsm.streams.info(name)).config).toEqual(config);
    await jsm.streams.delete(name);
  },
);
