import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/broker/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import { type StreamKind, STREAM_KINDS } from '../../src/wire/subjects.js';
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
