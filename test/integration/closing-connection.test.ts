import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { expect, test, vi } from 'vitest';
import { openJetStream } from '../../src/broker/topology/manager.js';
import { JobQueueService } from '../../src/queue/job-queue-service.js';
import { startNats } from '../support/nats.js';

/** Somebody who follows the status of a connection makes its end take longer than a turn of the event loop. */
async function followSlowly(connection: NatsConnection): Promise<void> {
  for await (const _ of connection.status()) await delay(50);
}

test('a call ends with its connection, whether it began before the end, during it or after it', async () => {
  await using nats = await startNats();
  const connection = await connect({ servers: nats.url });
  const { manager: jsm } = await openJetStream(connection);
  const ask = async () => {
    const startedAt = performance.now();
    const code = await jsm.getAccountInfo().then(
      () => 'answered',
      (error: { code?: unknown }) => error.code,
    );
    return { code, wasSlow: performance.now() - startedAt > 2_000 };
  };
  void followSlowly(connection);
  const before = ask();
  const closed = connection.close();
  const isClosedAtOnce = connection.isClosed();
  const during = ask();
  await closed;
  const after = ask();
  const ended = { code: 'JETFLEET_CLOSED', wasSlow: false };
  expect(isClosedAtOnce).toBe(false);
  expect(await Promise.all([before, during, after])).toEqual([ended, ended, ended]);
});

test.each(['before', 'during'])(
  'a queue on a lent connection ends what began %s the end of the connection',
  async (when) => {
    await using nats = await startNats();
    const connection = await connect({ servers: nats.url });
    const queue = new JobQueueService({ connection });
    await queue.connect();
    const id = await queue.addJob('resize_image', {});
    const ask = () => [
      queue.addJob('resize_image', {}),
      queue.addJobs([{ type: 'resize_image', payload: {} }]),
      queue.getJob(id),
      queue.getJobs(),
      queue.getStats(),
      queue.history(id),
      queue.health(),
      queue.cleanup(0),
    ];
    const startedAt = performance.now();
    void followSlowly(connection);
    const asked = when === 'before' ? ask() : [];
    void connection.close();
    if (when === 'during') asked.push(...ask());
    for (const each of await Promise.allSettled(asked))
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'JETFLEET_CLOSED' });
    await queue.close();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  },
);

test('a queue closes within its time while its connection is still being opened', async () => {
  // It accepts, and never greets.
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const queue = new JobQueueService({ servers: `127.0.0.1:${port}`, connectTimeoutMs: 20_000, env: {} });
  const connecting = queue.connect().catch((error: { code?: unknown }) => error.code);
  const startedAt = performance.now();
  await queue.close();
  expect(performance.now() - startedAt).toBeLessThan(8_000);
  for (const socket of sockets) socket.destroy();
  server.close();
  expect(await connecting).toBe('JETFLEET_BROKER_UNREACHABLE');
});

test('feeds and event consumers that have ended leave nothing on their connection', async () => {
  await using nats = await startNats();
  const connection = await connect({ servers: nats.url });
  const queue = new JobQueueService({ connection });
  await queue.connect();
  const closed = vi.spyOn(connection, 'closed');
  for (let count = 0; count < 3; count++) {
    await (await queue.feed()).close();
    await (await queue.events({}, () => {})).close();
  }
  // The client itself waits for the end of the connection while it resets what a feed reads by.
  expect(closed.mock.calls.length).toBeLessThanOrEqual(3);
  await queue.close();
  await connection.close();
});
