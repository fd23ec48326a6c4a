import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  compression,
  defineJob,
  encryption,
  examine,
  JobQueueService,
  type JobRecord,
  NonRetryableError,
} from '../../src/index.js';
import { isReference, OBJECT, type ObjectReference } from '../../src/jobs/stored-object.js';
import { cli } from '../support/cli.js';
import { type Fleet, type FleetOptions, startFleet } from '../support/fleet.js';
import { startHttp } from '../support/http.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const MAX = 8 * 1024 * 1024;
/** Incompressible, and larger than a message. */
const large = (bytes = 700_000) => ({ text: randomBytes(bytes / 2).toString('hex') });
const echo = ({ payload }: { payload: unknown }) => payload;
const fleetOf = (options: FleetOptions = {}) =>
  startFleet({ nats, handlers: { echo }, ...options, queue: { maxObjectBytes: MAX, ...options.queue } });
const objectsOf = async ({ queue }: Fleet) => (await queue.broker()).extra.objects.list();

test('a large payload and a large result go through a job by reference, and leave with it', async () => {
  await using fleet = await fleetOf();
  const { queue } = fleet;
  const big = defineJob({ type: 'echo', payload: undefined as never });
  const payload = large(3_000_000);
  const id = await queue.addJob('echo', payload, 'normal', { id: 'big' });
  const record = await fleet.waitForJob(id, 'completed');
  expect(isReference(record.payload) && isReference(record.result)).toBe(true);
  expect(JSON.stringify(record).length).toBeLessThan(2_000);
  expect(await queue.load(id, 'payload')).toEqual(payload);
  expect(await queue.load(id, 'result')).toEqual(payload);
  expect(await queue.result(big, id)).toEqual(payload);
  // Without the setting they are read as well.
  await using other = new JobQueueService({ servers: nats.url, namespace: fleet.namespace });
  expect(await other.load(id, 'payload')).toEqual(payload);
  await expect(other.addJob('echo', payload)).rejects.toMatchObject({ code: 'JETFLEET_PAYLOAD_TOO_LARGE' });
  await expect(queue.addJob('echo', large(MAX + 10))).rejects.toMatchObject({
    code: 'JETFLEET_PAYLOAD_TOO_LARGE',
  });
  // A small job has no object.
  await queue.ended(await queue.addJob('echo', 1));
  expect(await objectsOf(fleet)).toHaveLength(2);
  expect(await queue.cleanup(0, { type: 'echo' })).toBe(2);
  expect(await objectsOf(fleet)).toEqual([]);
  expect((await (await queue.broker()).topology.streamInfo('objects')).state.messages).toBe(0);
});

test('the same id and large payload are one job with one object, another payload is refused', async () => {
  for (const codec of [undefined, encryption({ keys: { a: randomBytes(32) }, current: 'a' })]) {
    await using fleet = await fleetOf({ workers: 0, queue: { ...(codec && { codec }) } });
    const { queue } = fleet;
    const payload = large();
    const add = (value: unknown) => queue.add(defineJob({ type: 'echo' }), value, { id: 'once' });
    const added = await Promise.all([add(payload), add(payload), add(payload)]);
    expect(added.filter(({ created }) => created)).toHaveLength(1);
    expect((await add(payload)).created).toBe(false);
    await expect(add(large())).rejects.toMatchObject({ code: 'JETFLEET_ID_TAKEN' });
    expect(await objectsOf(fleet)).toHaveLength(1);
    const unique = { unique: { key: 'k', onConflict: 'reject' as const } };
    await queue.addJob('echo', payload, 'normal', unique);
    await expect(queue.addJob('echo', payload, 'normal', unique)).rejects.toMatchObject({
      code: 'JETFLEET_UNIQUE_TAKEN',
    });
    await queue.addJobs([
      { type: 'echo', payload },
      { type: 'echo', payload: 1 },
    ]);
    // This one is too large only once it is encrypted.
    await queue.addJob('echo', large(450_000));
    expect(await objectsOf(fleet)).toHaveLength(codec ? 4 : 3);
  }
});

test('what is encrypted or compressed is so in its object too, and nobody else can read it', async () => {
  const codec = [compression(), encryption({ keys: { a: randomBytes(32) }, current: 'a' })];
  await using fleet = await fleetOf({ queue: { codec } });
  const { queue } = fleet;
  const payload = { words: 'swordfish '.repeat(300_000) };
  const id = await queue.addJob('echo', payload);
  await fleet.waitForJob(id, 'completed');
  expect(await queue.load(id, 'result')).toEqual(payload);
  const broker = await queue.broker();
  for await (const page of broker.read.pages(broker.subjects.streamName('objects'), '>', 1, 100))
    for (const { data } of page) expect(Buffer.from(data).toString('latin1')).not.toContain('swordfish');
  await using other = new JobQueueService({ servers: nats.url, namespace: fleet.namespace });
  expect(isReference((await other.getJob(id))?.payload)).toBe(true);
  await expect(other.load(id, 'payload')).rejects.toMatchObject({ code: 'JETFLEET_SEALED' });
  // Who has no key cleans up all the same, and takes nothing for left over.
  expect((await examine(other, { graceMs: 0 })).findings.map(({ code }) => code)).not.toContain(
    'object_left_over',
  );
  expect(await other.cleanup(0)).toBe(1);
  expect(await objectsOf(fleet)).toEqual([]);
});

test('retries, edits, reruns, children and flows have the whole values', async () => {
  let isBroken = true;
  const payload = large();
  const lengthOf = (value: unknown) => JSON.stringify(value).length;
  await using fleet = await fleetOf({
    handlers: {
      echo,
      size: ({ payload: given }) => {
        if (isBroken) throw new NonRetryableError('broken');
        return lengthOf(given);
      },
      made: () => payload,
      parent: async (job) => {
        const [child] = await job.children([{ type: 'made', payload: null }]);
        return lengthOf(child?.result);
      },
      after: async (job) => lengthOf((await job.results()).first?.result),
    },
  });
  const { queue } = fleet;
  const bytes = lengthOf(payload);
  await queue.addJob('size', payload, 'normal', { id: 's' });
  await fleet.waitForJob('s', 'rejected');
  isBroken = false;
  await queue.retry('s');
  expect(await fleet.waitForJob('s', 'completed')).toMatchObject({ result: bytes });
  isBroken = true;
  await queue.addJob('size', 1, 'normal', { id: 'e' });
  await fleet.waitForJob('e', 'rejected');
  isBroken = false;
  await queue.retry('e', { payload });
  expect(await fleet.waitForJob('e', 'completed')).toMatchObject({ result: bytes });
  const again = await queue.rerun(defineJob({ type: 'size' }), 's');
  expect(await fleet.waitForJob(again, 'completed')).toMatchObject({ result: bytes });
  await queue.addJob('parent', null, 'normal', { id: 'p' });
  expect(await fleet.waitForJob('p', 'completed')).toMatchObject({ result: bytes });
  await queue.addFlow(
    {
      jobs: {
        first: { type: 'made', payload: null },
        end: { type: 'after', payload: null, after: ['first'] },
      },
    },
    { id: 'f' },
  );
  expect(await fleet.waitForJob('f', 'completed')).toMatchObject({ result: bytes });
  await queue.addFlow({ jobs: { only: { type: 'made', payload: null } } }, { id: 'g' });
  await fleet.waitForJob('g', 'completed');
  expect(await queue.load('g', 'result')).toEqual(payload);
  expect(await queue.cleanup(0)).toBeGreaterThan(5);
  expect(await objectsOf(fleet)).toEqual([]);
});

test('large values go over HTTP and the command line', async () => {
  await using fleet = await fleetOf();
  const { queue } = fleet;
  await using http = await startHttp(queue, { retentionIntervalMs: false });
  const payload = { ...large(1_500_000), password: 'x' };
  const { status, json } = await http.call('/api/v1/jobs', { body: { type: 'echo', payload } });
  expect(status).toBe(201);
  await fleet.waitForJob(json.id, 'completed');
  const shown = await http.call(`/api/v1/jobs/${json.id}`);
  expect(shown.json.payload).toMatchObject({ [OBJECT]: expect.stringMatching(/^payload\./) });
  const whole = await http.call(`/api/v1/jobs/${json.id}/result`, { token: 'observer-token-1' });
  expect(whole.json).toEqual({ ...payload, password: '[masked]' });
  expect(await http.call('/api/v1/jobs/nobody/payload')).toMatchObject({ status: 404 });
  const tooLarge = await http.call('/api/v1/jobs', { body: { type: 'echo', payload: large(2 * MAX) } });
  expect(tooLarge.status).toBe(413);
  const env = {
    NATS_URL: nats.url,
    JETFLEET_NAMESPACE: fleet.namespace,
    JETFLEET_MAX_OBJECT_BYTES: `${MAX}`,
  };
  const added = await cli(['job', 'add', 'echo', '--data', '-', '--id', 'typed'], {
    env,
    input: JSON.stringify(payload),
  });
  expect(added).toMatchObject({ code: 0, stdout: 'typed\n' });
  await fleet.waitForJob('typed', 'completed');
  const read = await cli(['job', 'get', 'typed', '--whole', 'result'], { env });
  expect(JSON.parse(read.stdout)).toEqual({ ...payload, password: '[masked]' });
});

describe('an object', () => {
  test('that is damaged or gone fails its job with a code, and a forged reference reads no other one', async () => {
    await using fleet = await fleetOf({ workers: 0 });
    const { queue } = fleet;
    for (const id of ['gone', 'damaged', 'owner']) await queue.addJob('echo', large(), 'normal', { id });
    const broker = await queue.broker();
    const nameOf = async (id: string) =>
      ((await queue.getJob(id)) as JobRecord<ObjectReference>).payload[OBJECT];
    await broker.extra.objects.remove('gone', await nameOf('gone'));
    const { connection, subjects } = broker;
    const part = `${subjects.prefix}objects.damaged.${await nameOf('damaged')}.1`;
    await connection.request(part, 'x'.repeat(256 * 1024));
    // Anybody who may publish jobs can name an object.
    const stolen = JSON.stringify((await queue.getJob('owner'))?.payload);
    await connection.request(
      subjects.work({ kind: 'jobs', priority: 'normal', type: 'echo', id: 'thief' }),
      stolen,
    );
    await fleet.addWorker();
    for (const id of ['gone', 'damaged', 'thief']) {
      const { error } = await fleet.waitForJob(id, 'rejected');
      expect(error).toMatchObject({ code: 'JETFLEET_OBJECT_LOST', message: expect.stringContaining(id) });
    }
    await fleet.waitForJob('owner', 'completed');
    await expect(queue.load('thief', 'payload')).rejects.toMatchObject({ code: 'JETFLEET_OBJECT_LOST' });
    await queue.retry('gone', { payload: large() });
    await fleet.waitForJob('gone', 'completed');
    // The forged one removes nothing of others.
    await queue.deadLetters.delete({ type: 'echo' });
    expect(await queue.getJob('thief')).toBeUndefined();
    expect(await queue.load('owner', 'payload')).toBeDefined();
  });

  test('that no job holds is found, and removed by the doctor and the sweeper; no other is', async () => {
    await using fleet = await fleetOf({ worker: { sweep: false } });
    const { queue } = fleet;
    const broker = await queue.broker();
    const text = JSON.stringify(large());
    await fleet.waitForJob(await queue.addJob('echo', large(), 'normal', { id: 'kept' }), 'completed');
    await queue.addJob('echo', large(), 'normal', { id: 'later', delayMs: 60_000 });
    // Their adder has died, and a worker between a result and its record.
    await broker.extra.objects.put({ id: 'never', type: 'echo' }, 'payload', text);
    await broker.extra.objects.put({ id: 'kept', type: 'echo' }, 'result', text);
    const found = async (graceMs: number) =>
      (await examine(queue, { graceMs })).findings.filter(({ code }) => code === 'object_left_over');
    expect(await found(60_000)).toEqual([]);
    expect((await found(0)).map(({ target }) => target).sort()).toEqual(['kept', 'never']);
    await fleet.addWorker(undefined, { sweep: { intervalMs: 50, jitter: 0, graceMs: 0 } });
    await vi.waitFor(async () => expect(await found(0)).toEqual([]));
    expect(await objectsOf(fleet)).toHaveLength(3);
    expect(await queue.load('kept', 'result')).toEqual(await queue.load('kept', 'payload'));
    expect(await queue.load('later', 'payload')).toBeDefined();
  });

  test('of a job that is removed by retention goes with it, and not that of one that runs again', async () => {
    let isBroken = true;
    await using fleet = await fleetOf({
      worker: { sweep: false },
      handlers: {
        echo: {
          handler: (job) => {
            if (isBroken) throw new NonRetryableError('broken');
            return job.payload;
          },
          retention: { failed: { maxAgeMs: 0 } },
        },
      },
    });
    const { queue } = fleet;
    for (const id of ['one', 'two']) {
      await queue.addJob('echo', large(), 'normal', { id });
      await fleet.waitForJob(id, 'rejected');
    }
    isBroken = false;
    const payload = await queue.load('two', 'payload');
    await Promise.all([queue.retry('two').catch(() => {}), queue.applyRetention()]);
    await queue.applyRetention();
    expect(await queue.getJob('one')).toBeUndefined();
    const left = (await queue.getJob('two')) as JobRecord | undefined;
    if (left) {
      await fleet.waitForJob('two', 'completed');
      expect(await queue.load('two', 'result')).toEqual(payload);
    } else expect(await objectsOf(fleet)).toEqual([]);
  });
});
