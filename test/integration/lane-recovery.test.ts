import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService, JobWorkerService } from '../../src/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const WITHIN = { interval: 10 };
let count = 0;

/** A worker on a connection of somebody else, amid many short jobs. */
async function busyWorker() {
  const connection = await connect({ servers: nats.url, reconnectTimeWait: 20 });
  const namespace = `lent${count++}`;
  const queue = new JobQueueService({ connection, namespace, logger: silentLogger, ackWaitMs: 1_000 });
  const done = new Set<string>();
  const worker = new JobWorkerService(queue).registerHandler('short', {
    concurrency: 4,
    handler: ({ id }) => void done.add(id),
  });
  await using producer = new JobQueueService({
    servers: nats.url,
    namespace,
    logger: silentLogger,
    ackWaitMs: 1_000,
  });
  const ids = await producer.addJobs(Array.from({ length: 400 }, () => ({ type: 'short', payload: null })));
  await worker.start();
  await vi.waitFor(() => expect(done.size).toBeGreaterThan(20), WITHIN);
  return { connection, queue, worker, done, ids };
}

// An error that nobody catches fails the test by itself.
it.each([
  ['drained', (connection: NatsConnection) => connection.drain()],
  ['closed', (connection: NatsConnection) => connection.close()],
])(
  'a connection that its owner has %s under a busy worker ends nothing, and holds up no shutdown',
  async (_, end) => {
    const { connection, queue, worker } = await busyWorker();
    await end(connection);
    const startedAt = performance.now();
    await worker.shutdown(200);
    await queue.close();
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  },
);

it('a lane goes on after each reconnect', async () => {
  const { connection, queue, worker, done, ids } = await busyWorker();
  for (let time = 0; time < 3; time++) {
    const before = done.size;
    await connection.reconnect();
    await vi.waitFor(() => expect(done.size).toBeGreaterThan(Math.min(before, ids.length - 1)), WITHIN);
  }
  await vi.waitFor(() => expect(done.size).toBe(ids.length), WITHIN);
  await worker.shutdown();
  await queue.close();
  await connection.close();
});

it('a lane whose requests fail tries again until they work', async () => {
  const { connection, queue, worker, done, ids } = await busyWorker();
  const publish = vi.spyOn(connection, 'publish');
  let failures = 0;
  publish.mockImplementation(function (this: NatsConnection, subject, ...rest) {
    if (subject.startsWith('$JS.API.CONSUMER.MSG.NEXT.') && failures++ < 3) throw new Error('refused');
    return (Object.getPrototypeOf(connection) as NatsConnection).publish.call(connection, subject, ...rest);
  });
  await vi.waitFor(() => expect(done.size).toBe(ids.length), WITHIN);
  expect(failures).toBeGreaterThanOrEqual(3);
  publish.mockRestore();
  await worker.shutdown();
  await queue.close();
  await connection.close();
});
