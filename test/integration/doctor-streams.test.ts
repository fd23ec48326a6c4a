import { spawn } from 'node:child_process';
import { jetstreamManager } from '@nats-io/jetstream';
import { expect, it } from 'vitest';
import { checkSync } from '../../src/doctor/check-server.js';
import { examine, JobQueueService } from '../../src/index.js';
import { natsServerBinary, startNats } from '../support/nats.js';

it('a server without JetStream is a finding, and what it says of itself is read all the same', async () => {
  const plain = spawn(natsServerBinary(), ['-a', '127.0.0.1', '-p', '-1', '-m', '-1']);
  try {
    let log = '';
    await new Promise<void>((resolve) => {
      plain.stderr.on('data', (chunk: Buffer) => {
        log += String(chunk);
        if (log.includes('Server is ready')) resolve();
      });
    });
    const [, port] = /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(log) ?? [];
    const [, page] = /Starting http monitor on 127\.0\.0\.1:(\d+)/.exec(log) ?? [];
    await using queue = new JobQueueService({ servers: `127.0.0.1:${port}` });
    const codes = async (monitorUrl?: string) =>
      (await examine(queue, monitorUrl ? { monitorUrl } : {})).findings.map(({ code }) => code);
    expect(await codes()).toEqual(['jetstream_disabled', 'sync_interval_unknown']);
    expect(await codes(`http://127.0.0.1:${page}`)).toEqual(['jetstream_disabled']);
  } finally {
    plain.kill();
  }
});

it('a late flush is a danger to a single copy, and worth knowing where there are several', async () => {
  await using late = await startNats({ syncInterval: '2m' });
  for (const [replicas, severity, says] of [
    [undefined, 'danger', 'set sync_interval: always'],
    [1, 'danger', 'set sync_interval: always'],
    [3, 'info', 'other nodes have copies'],
  ] as const) {
    const found = await checkSync(late.monitorUrl, replicas);
    expect(found).toMatchObject([
      { finding: { code: 'sync_interval_not_always', severity, message: expect.stringContaining(says) } },
    ]);
  }
});

it('a queue is told when its server flushes, and a wrong word is found', async () => {
  await using always = await startNats();
  await using periodic = await startNats({ syncInterval: '1s' });
  expect([always.sync, periodic.sync]).toEqual(['always', 'periodic']);
  expect(() => new JobQueueService({ env: { JETFLEET_SYNC: 'often' } })).toThrow(/always or periodic/);
  const found = async (monitorUrl: string, told: 'always' | 'periodic') =>
    (await checkSync(monitorUrl, 1, told)).map(({ finding }) => finding.code);
  expect(await found(always.monitorUrl, 'always')).toEqual([]);
  expect(await found(always.monitorUrl, 'periodic')).toEqual(['sync_told_wrong']);
  expect(await found(periodic.monitorUrl, 'periodic')).toEqual(['sync_interval_not_always']);
  expect(await found(periodic.monitorUrl, 'always')).toEqual(['sync_interval_not_always', 'sync_told_wrong']);
});

it('what the server does not let be changed is said, and what fails in mending is told', async () => {
  await using nats = await startNats();
  await using queue = new JobQueueService({ servers: nats.url });
  await queue.setup(['step']);
  const { connection } = await queue.broker();
  const jsm = await jetstreamManager(connection);
  const { config } = await jsm.streams.info('EVENTS');
  await jsm.streams.delete('EVENTS');
  await jsm.streams.add({ ...config, retention: 'workqueue' as never });
  await jsm.streams.update('JOBS', { max_msgs: 10 });
  const { findings, mend } = await examine(queue, { monitorUrl: nats.monitorUrl });
  expect(findings).toMatchObject([
    { code: 'stream_drift', target: 'stream JOBS', fixable: true },
    {
      code: 'stream_drift',
      target: 'stream EVENTS',
      fixable: false,
      message: expect.stringContaining('in place'),
    },
  ]);
  await jsm.streams.delete('JOBS');
  expect(await mend()).toMatchObject([
    { target: 'stream JOBS', ok: false, result: expect.stringContaining('max_msgs cannot be changed') },
  ]);
});
