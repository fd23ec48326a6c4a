import { randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type Codec,
  compression,
  encryption,
  isSealed,
  type JobHandler,
  type JobQueueOptions,
  JobQueueService,
} from '../../src/index.js';
import { cli } from '../support/cli.js';
import { startFleet } from '../support/fleet.js';
import { expectProblem, startHttp } from '../support/http.js';
import { startNats } from '../support/nats.js';

/** No part of it is a word that anything else may hold. */
const SECRET = 'Zq7vXcanary9';
const k1 = randomBytes(32).toString('base64');
const k2 = randomBytes(32).toString('base64');
const both = (current: string) => encryption({ keys: { k1, k2 }, current });

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** A queue without a worker in the namespace of a fleet. */
function queueOf(namespace: string, codec?: JobQueueOptions['codec']): JobQueueService {
  const queue = new JobQueueService({ servers: nats.url, namespace, ...(codec && { codec }) });
  onTestFinished(() => queue.close());
  return queue;
}

/** Hears everything that goes over the broker, answers of it included. */
async function tapped(): Promise<{ all: () => string }> {
  const connection = await connect({ servers: nats.url });
  onTestFinished(() => connection.close());
  const heard: string[] = [];
  connection.subscribe('>', {
    callback: (_error, { subject, data, headers }) =>
      void heard.push(`${subject} ${headers ?? ''} ${Buffer.from(data).toString('latin1')}`),
  });
  await connection.flush();
  return { all: () => heard.join('\n') };
}

const echo: JobHandler = ({ payload }) => ({ echoed: payload });
const whole: JobHandler = async (job) => {
  const { secret } = job.payload as { secret: string };
  await job.saveCheckpoint({ secret });
  job.progress({ done: 1, total: 1, message: secret });
  job.log(secret);
  await job.emit({ secret });
  const [end] = await job.children([{ type: 'echo', payload: secret }]);
  const answer = await job.waitForSignal('go');
  return { secret, child: end?.result, answer };
};

test('nothing that a job carries is seen by the broker, and everything by who has the key', async () => {
  const codec = [compression({ overBytes: 10 }), both('k1')];
  await using fleet = await startFleet({ nats, workers: 2, queue: { codec }, handlers: { echo, whole } });
  const { queue } = fleet;
  // While somebody listens to everything, the server does not say of a stream that it is missing.
  await queue.setup();
  const broker = await tapped();
  const id = await queue.addJob('whole', { secret: SECRET }, 'normal', { tags: ['tenant:acme'] });
  await queue.addJobs(
    Array.from({ length: 30 }, (_, n) => ({ type: 'echo', payload: { n, SECRET }, id: `many-${n}` })),
  );
  const delayed = await queue.addJob('echo', SECRET, 'normal', { delayMs: 300 });
  await queue.schedule('nightly', 'echo', { secret: SECRET }, { everyMs: 1_000 });
  await queue.signal(id, 'go', { secret: SECRET });
  const { id: flow } = await queue.addFlow({
    jobs: { a: { type: 'echo', payload: SECRET }, b: { type: 'echo', payload: SECRET, after: ['a'] } },
  });
  const chunks: unknown[] = [];
  for await (const { chunk } of queue.stream(id)) chunks.push(chunk);
  expect(chunks).toContainEqual({ secret: SECRET });
  expect(await fleet.waitForJob(id, 'completed')).toMatchObject({
    payload: { secret: SECRET },
    checkpoint: { secret: SECRET },
    progress: { message: SECRET },
    result: { secret: SECRET, child: { echoed: SECRET }, answer: { secret: SECRET } },
  });
  expect(await fleet.waitForJob(delayed, 'completed')).toMatchObject({ result: { echoed: SECRET } });
  expect(await fleet.waitForJob('many-29', 'completed')).toMatchObject({ payload: { n: 29, SECRET } });
  await fleet.waitForJob(flow, 'completed');
  expect((await queue.logs(id)).lines.map(({ line }) => line)).toContain(SECRET);
  const changedAt = (await queue.schedules.get('nightly')).changedAt;
  expect(await queue.schedules.get('nightly')).toMatchObject({ payload: { secret: SECRET } });
  // What it is already is not written again, although it would be sealed otherwise.
  await queue.schedule('nightly', 'echo', { secret: SECRET }, { everyMs: 1_000 });
  expect((await queue.schedules.get('nightly')).changedAt).toBe(changedAt);
  await vi.waitFor(async () =>
    expect((await queue.schedules.get('nightly')).lastRun?.state).toBe('completed'),
  );
  expect((await queue.getJobs({ tags: ['tenant:acme'] })).jobs).toMatchObject([
    { payload: { secret: SECRET } },
  ]);
  expect(broker.all()).toContain('aes-256-gcm');
  expect(broker.all()).not.toContain(SECRET);
});

describe('a process without the key', () => {
  test('fails the job with what is missing, keeps it sealed, and may run it again for those who have it', async () => {
    await using fleet = await startFleet({ nats, handlers: { echo } });
    const keyed = queueOf(fleet.namespace, both('k1'));
    const id = await keyed.addJob('echo', { secret: SECRET });
    const failed = await fleet.waitForJob(id, 'rejected');
    expect(failed.error).toMatchObject({
      code: 'JETFLEET_SEALED',
      message: expect.stringMatching(/aes-256-gcm/),
    });
    expect(isSealed(failed.payload)).toBe(true);
    expect(await keyed.getJob(id)).toMatchObject({ state: 'rejected', payload: { secret: SECRET } });
    await using http = await startHttp(fleet.queue);
    expect((await http.call(`/api/v1/jobs/${id}`)).json.payload).toBe('[masked] sealed by aes-256-gcm');
    for (const worker of fleet.workers) await worker.shutdown(1_000);
    await using other = await startFleet({
      nats,
      namespace: fleet.namespace,
      queue: { codec: both('k2') },
      handlers: { echo },
    });
    await fleet.queue.retry(id);
    expect(await other.waitForJob(id, 'completed')).toMatchObject({
      payload: { secret: SECRET },
      result: { echoed: { secret: SECRET } },
    });
    expect(isSealed((await fleet.queue.getJob(id))?.result)).toBe(true);
  });

  test('reads what is only compressed, and what is plain goes on as before', async () => {
    const broker = await tapped();
    await using fleet = await startFleet({ nats, handlers: { echo } });
    const payload = { text: 'a'.repeat(50_000) };
    for (const algorithm of ['gzip', 'brotli'] as const) {
      const packing = queueOf(fleet.namespace, compression({ algorithm }));
      const id = await packing.addJob('echo', payload);
      expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ payload, result: { echoed: payload } });
      const small = await packing.addJob('echo', 'small');
      expect(await fleet.waitForJob(small, 'completed')).toMatchObject({ result: { echoed: 'small' } });
      expect(broker.all()).toContain(`"jetfleet:sealed":"${algorithm}"`);
    }
  });
});

test('what somebody has made up as sealed fails, and is opened by no codec twice', async () => {
  await using fleet = await startFleet({ nats, queue: { codec: both('k1') }, handlers: { echo } });
  const { connection, subjects } = await fleet.queue.broker();
  const data = gzipSync(gzipSync('1')).toString('base64');
  const forgeries = { twice: 'gzip,gzip', unknown: 'rot13', forged: 'aes-256-gcm', nothing: '' };
  for (const [id, names] of Object.entries(forgeries)) {
    const subject = subjects.work({ kind: 'jobs', priority: 'normal', type: 'echo', id });
    connection.publish(subject, JSON.stringify({ 'jetfleet:sealed': names, data }));
    const { error } = await fleet.waitForJob(id, 'rejected');
    expect(error, id).toMatchObject({ code: 'JETFLEET_SEALED', retryable: false });
  }
});

describe('a key is replaced', () => {
  test('while jobs of the old one wait, which the new workers still read', async () => {
    await using fleet = await startFleet({ nats, workers: 0, queue: { codec: both('k2') } });
    const old = queueOf(fleet.namespace, encryption({ keys: { k1 }, current: 'k1' }));
    const before = await old.addJob('echo', { secret: 1 });
    const after = await fleet.queue.addJob('echo', { secret: 2 });
    await fleet.addWorker({ echo });
    expect(await fleet.waitForJob(before, 'completed')).toMatchObject({ result: { echoed: { secret: 1 } } });
    expect(await fleet.waitForJob(after, 'completed')).toMatchObject({ result: { echoed: { secret: 2 } } });
    // The payload keeps the key that it was sealed with; what is left after the change has the new one.
    expect(await old.getJob(before)).toMatchObject({ payload: { secret: 1 } });
    expect(isSealed((await old.getJob(before))?.result)).toBe(true);
    expect(isSealed((await old.getJob(after))?.payload)).toBe(true);
  });
});

describe('the same job', () => {
  test('is known again, although each sealing is another one', async () => {
    await using fleet = await startFleet({ nats, workers: 0, queue: { codec: both('k1') } });
    const add = (payload: unknown) => fleet.queue.addJob('echo', payload, 'normal', { id: 'once' });
    await add({ a: 1 });
    expect(await add({ a: 1 })).toBe('once');
    await expect(add({ a: 2 })).rejects.toMatchObject({ code: 'JETFLEET_ID_TAKEN' });
    await fleet.addWorker({ echo });
    await fleet.waitForJob('once', 'completed');
    expect(await add({ a: 1 })).toBe('once');
  });

  test('comes from bare NATS in the clear, and is sealed from its first record on', async () => {
    await using fleet = await startFleet({ nats, queue: { codec: both('k1') }, handlers: { echo } });
    const { connection, subjects } = await fleet.queue.broker();
    const subject = subjects.work({ kind: 'jobs', priority: 'normal', type: 'echo', id: 'bare' });
    connection.publish(subject, '{"plain":true}');
    expect(await fleet.waitForJob('bare', 'completed')).toMatchObject({
      result: { echoed: { plain: true } },
    });
    expect(isSealed((await queueOf(fleet.namespace).getJob('bare'))?.payload)).toBe(true);
  });
});

describe('before anything is stored', () => {
  test('a payload that is too large once it is sealed is refused', async () => {
    await using fleet = await startFleet({ nats, workers: 0, queue: { codec: both('k1') } });
    const payload = randomBytes(225_000).toString('hex');
    const code = 'JETFLEET_PAYLOAD_TOO_LARGE';
    await expect(fleet.queue.addJob('echo', payload, 'normal', { id: 'large' })).rejects.toMatchObject({
      code,
    });
    await expect(fleet.queue.addJobs([{ type: 'echo', payload }])).rejects.toMatchObject({ code });
    expect(await fleet.queue.getJob('large')).toBeUndefined();
    await queueOf(fleet.namespace, [compression(), both('k1')]).addJob('echo', payload, 'normal', {
      id: 'large',
    });
    expect(await fleet.queue.getJob('large')).toMatchObject({ payload });
  });

  test('a codec that fails, and a payload that looks sealed, are refused', async () => {
    const broken: Codec = {
      name: 'broken',
      encode: () => {
        throw new Error('no key today');
      },
      decode: (data) => data,
    };
    await using fleet = await startFleet({ nats, workers: 0, queue: { codec: broken } });
    await expect(fleet.queue.addJob('echo', 1, 'normal', { id: 'x' })).rejects.toMatchObject({
      code: 'JETFLEET_CODEC_FAILED',
      message: 'the codec broken failed to encode a payload: no key today',
    });
    expect(await fleet.queue.getJob('x')).toBeUndefined();
    const forged = { 'jetfleet:sealed': 'gzip', data: '' };
    await expect(fleet.queue.addJob('echo', forged)).rejects.toMatchObject({
      code: 'JETFLEET_PAYLOAD_INVALID',
    });
    await using http = await startHttp(fleet.queue);
    expectProblem(
      await http.call('/api/v1/jobs', { body: { type: 'echo', payload: forged } }),
      422,
      'JETFLEET_PAYLOAD_INVALID',
    );
  });

  test.for<[unknown, RegExp]>([
    [{ keys: { k1 }, current: 'k2' }, /current "k2" is none of the keys/],
    [{ keys: { k1: 'c2hvcnQ=' }, current: 'k1' }, /key k1 must be 32 bytes/],
    [{ keys: { 'k 1': k1 }, current: 'k 1' }, /key id "k 1"/],
    [{ keys: { k1 }, current: 'k1', key: 1 }, /key/],
  ])('keys that cannot be, %j, are refused', ([options, message]) => {
    const make = () => encryption(options as Parameters<typeof encryption>[0]);
    expect(make).toThrow(
      expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID', message: expect.stringMatching(message) }),
    );
  });

  test.for<[unknown, RegExp]>([
    [{ name: 'x' }, /codec must have a name, encode and decode/],
    [{ ...both('k1'), name: 'A,B' }, /codec name "A,B"/],
    [[both('k1'), both('k2')], /codec has two of the name aes-256-gcm/],
  ])('codecs that cannot be, %j, are refused', ([codec, message]) => {
    const make = () => new JobQueueService({ codec: codec as Codec });
    expect(make).toThrow(
      expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID', message: expect.stringMatching(message) }),
    );
  });
});

test('a handler that leaves more than fits once it is sealed fails with its size', async () => {
  const handlers = { large: () => randomBytes(60_000).toString('hex') };
  await using fleet = await startFleet({ nats, queue: { codec: both('k1') }, handlers });
  const { error } = await fleet.waitForJob(await fleet.queue.addJob('large', null), 'rejected');
  expect(error).toMatchObject({
    code: 'JETFLEET_RESULT_TOO_LARGE',
    message: expect.stringMatching(/once it is sealed/),
  });
});

test('what was sealed for one type is not opened for another, nor after a change', () => {
  const codec = both('k1');
  const at = { type: 'pay', field: 'payload' } as const;
  const made = codec.encode(Buffer.from('{"to":"Ann"}'), at) as Uint8Array;
  expect(Buffer.from(codec.decode(made, at)).toString()).toBe('{"to":"Ann"}');
  expect(() => codec.decode(made, { ...at, type: 'refund' })).toThrow();
  expect(() => codec.decode(made, { ...at, field: 'result' })).toThrow();
  for (let place = 0; place < made.length; place++) {
    const changed = Uint8Array.from(made);
    changed[place] = (changed[place] ?? 0) ^ 1;
    expect(() => codec.decode(changed, at), `byte ${place}`).toThrow();
  }
  expect(() => codec.decode(made.subarray(0, 20), at)).toThrow();
});

test('a small message that grows beyond all bounds is refused', () => {
  const bomb = compression({ overBytes: 0 }).encode(Buffer.alloc(64 * 1024 * 1024, 'a'), {
    type: 't',
    field: 'payload',
  });
  expect(bomb?.length).toBeLessThan(100_000);
  expect(() => compression().decode(bomb as Uint8Array, { type: 't', field: 'payload' })).toThrow(
    /larger than/,
  );
});

test('the command line reads and adds encrypted jobs with a file of keys', async () => {
  await using fleet = await startFleet({ nats, queue: { codec: both('k2') }, handlers: { echo } });
  const keyFile = join(await mkdtemp(join(tmpdir(), 'jetfleet-keys-')), 'keys');
  await writeFile(keyFile, `# of May\nk1 ${k1}\nk2 ${k2}\n`);
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  const keyed = { ...env, JETFLEET_KEY_FILE: keyFile };
  const added = await cli(['job', 'add', 'echo', '--id', 'c', '--data', `{"note":"${SECRET}"}`], {
    env: keyed,
  });
  expect(added).toMatchObject({ code: 0, stderr: '' });
  expect(await fleet.waitForJob('c', 'completed')).toMatchObject({ result: { echoed: { note: SECRET } } });
  expect((await cli(['job', 'get', 'c', '--json'], { env: keyed })).stdout).toContain(SECRET);
  const without = await cli(['job', 'get', 'c', '--json'], { env });
  expect(without.stdout).not.toContain(SECRET);
  expect(JSON.parse(without.stdout)).toMatchObject({ payload: '[masked] sealed by aes-256-gcm' });
  await writeFile(keyFile, `k1 ${k1.slice(4)}\n`);
  const refused = await cli(['job', 'get', 'c'], { env: keyed });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/key k1 must be 32 bytes/) });
  expect(refused.stderr).not.toContain(k1.slice(4, 20));
});
