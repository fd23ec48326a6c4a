import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDrift } from '../../src/broker/topology/drift.js';
import { assertApiLevel } from '../../src/broker/topology/server-check.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService, JobWorkerService } from '../../src/index.js';
import { EXTRA_KINDS } from '../../src/wire/subjects.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const open = (namespace: string) => new JobQueueService({ servers: nats.url, namespace });

async function manager() {
  const connection = await connect({ servers: nats.url });
  return { jsm: await jetstreamManager(connection), connection };
}

describe('streams and consumers', () => {
  it('are created once and found unchanged by everyone after', async () => {
    await using queue = open('once');
    const first = await queue.setup(['create_instance', 'send_webhook']);
    // Four streams, and those of features that not everybody uses; a consumer for each priority of each type, webhooks on both work streams.
    expect(first.created).toHaveLength(4 + EXTRA_KINDS.length + 3 * 4);
    expect(first.created).toContain('stream ONCE_EVENTS');
    const again = await queue.setup(['create_instance', 'send_webhook']);
    expect(again).toMatchObject({ created: [], drift: [] });
    expect(again.unchanged).toHaveLength(4 + EXTRA_KINDS.length + 3 * 4);
  });

  it('can be created by many processes at once', async () => {
    const queues = Array.from({ length: 5 }, () => open('race'));
    const reports = await Promise.all(queues.map((queue) => queue.setup(['create_instance'])));
    expect(reports.flatMap(({ drift }) => drift)).toEqual([]);
    await Promise.all(queues.map((queue) => queue.close()));
  });

  it('report a dangerous difference as a diff, leave it alone, and no worker starts on it', async () => {
    await using queue = open('drifted');
    await queue.connect();
    const { jsm, connection } = await manager();
    await jsm.streams.update('DRIFTED_JOBS', { max_msgs: 10 });

    await using other = open('drifted');
    const report = await other.setup();
    expect(formatDrift(report.drift)).toContain(
      'stream DRIFTED_JOBS: max_msgs (danger)\n  - has   10\n  + wants -1',
    );
    const worker = new JobWorkerService(other).registerHandler('echo', { handler: () => {} });
    await expect(worker.start()).rejects.toMatchObject({ code: 'JETFLEET_STREAM_DRIFT' });
    expect(worker.state).toBe('failed');
    expect((await jsm.streams.info('DRIFTED_JOBS')).config.max_msgs).toBe(10);
    await worker.shutdown();
    await connection.close();
  });

  it('only warn about a difference that costs no jobs', async () => {
    await using queue = open('advice');
    await queue.connect();
    const { jsm, connection } = await manager();
    await jsm.streams.update('ADVICE_EVENTS', { max_age: 3_600_000_000_000 });
    await using other = open('advice');
    expect((await other.setup()).drift).toMatchObject([{ field: 'max_age', severity: 'advice' }]);
    await expect(other.connect()).resolves.toBeUndefined();
    await connection.close();
  });

  it('are made again when somebody deletes a consumer under a running worker', async () => {
    await using queue = open('deleted');
    const worker = new JobWorkerService(queue).registerHandler('echo', { handler: () => 'done' });
    await worker.start();
    const { jsm, connection } = await manager();
    await jsm.consumers.delete('DELETED_JOBS', 'echo-normal');
    let resolve: (result: unknown) => void = () => {};
    const done = new Promise<unknown>((settle) => {
      resolve = settle;
    });
    await using _events = await queue.events({ filter: { status: 'completed' }, from: 'all' }, (record) =>
      resolve(record.result),
    );
    await queue.addJob('echo', {});
    expect(await done).toBe('done');
    await worker.shutdown();
    await connection.close();
  });

  it('refuse a server that is too old, by name and number', () => {
    expect(() => assertApiLevel(4, '2.14.0')).toThrow(
      /nats-server 2\.14\.0 has JetStream API level 4, Jetfleet needs 5/,
    );
    expect(() => assertApiLevel(5, '2.15.0')).not.toThrow();
  });

  it('are refused with a clear error where JetStream is off', async () => {
    const { spawn } = await import('node:child_process');
    const { createServer } = await import('node:net');
    const port = await new Promise<number>((resolve) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const address = probe.address();
        probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
      });
    });
    const plain = spawn(process.env.NATS_SERVER_BIN as string, ['-a', '127.0.0.1', '-p', String(port)]);
    try {
      await new Promise<void>((resolve) => {
        plain.stderr.on('data', (chunk: Buffer) => String(chunk).includes('Server is ready') && resolve());
      });
      await using queue = new JobQueueService({ servers: `127.0.0.1:${port}` });
      await expect(queue.connect()).rejects.toMatchObject({ code: 'JETFLEET_JETSTREAM_DISABLED' });
    } finally {
      plain.kill();
    }
  });

  it('cannot be had where no server answers', async () => {
    await using queue = new JobQueueService({ servers: '127.0.0.1:1', connectTimeoutMs: 500 });
    await expect(queue.connect()).rejects.toMatchObject({
      code: 'JETFLEET_BROKER_UNREACHABLE',
      message: expect.stringContaining('127.0.0.1:1'),
    });
  });
});
