import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { instanceNameFor } from '../../src/gpu/index.js';
import type { JobRecord } from '../../src/index.js';
import { sweptInstances } from '../../src/instances/check-instances.js';
import { type ResourceCheckOf, Sweeper } from '../../src/upkeep/sweeper.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats, workers: 0, handlers: { step: () => 'done' } });
  await fleet.queue.setup(['step']);
  return () => fleet.close();
});

/** A retrying job whose timer got lost. */
async function strand(id: string): Promise<void> {
  await fleet.queue.addJob('step', {}, 'normal', { id });
  const broker = await fleet.queue.broker();
  const pending = (await fleet.queue.getJob(id)) as JobRecord;
  const nextRunAt = new Date(Date.now() - 1_000).toISOString();
  await broker.appendEvent({ ...pending, status: 'pending', state: 'retrying', attempt: 1, nextRunAt }, 0);
  await broker.topology.purge('jobs', '>');
}

/** An instance whose job has failed. */
async function orphan(): Promise<string> {
  const broker = await fleet.queue.broker();
  await fleet.queue.addJob('step', {}, 'normal', { id: 'failed' });
  const pending = (await fleet.queue.getJob('failed')) as JobRecord;
  const checkpoint = { instanceName: instanceNameFor(pending, fleet.namespace) };
  const job: JobRecord = { ...pending, type: 'create_instance', attempt: 1, checkpoint };
  const seq = await broker.appendEvent({ ...job, status: 'processing', state: 'running' }, 0);
  await broker.appendEvent({ ...job, status: 'failed', state: 'exhausted' }, seq);
  await broker.topology.purge('jobs', '>');
  const query = { productName: 'RTX 4090 24GB', region: 'CN-HK-01', gpuNum: 1, billingMode: 'spot' } as const;
  const [offer] = await fleet.provider.listOffers(query);
  if (!offer) throw new Error('no offer');
  const template = await fleet.provider.getTemplate('template-123');
  const spec = { name: checkpoint.instanceName, offer, template, gpuNum: 1, rootfsSize: 60 };
  return (await fleet.provider.create(spec)).providerInstanceId;
}

it('a worker sweeps by itself: what is stuck goes on, what nobody owns is deleted', async () => {
  await strand('stuck');
  await orphan();
  await fleet.addWorker(
    { step: () => 'done' },
    { provider: fleet.provider, settleDelayMs: 20, sweep: { intervalMs: 150, graceMs: 0 } },
  );
  expect(await fleet.waitForJob('stuck', 'completed')).toMatchObject({ attempt: 2 });
  await vi.waitFor(() => expect(fleet.simulator.live()).toEqual([]));
});

it('an orphan is reported by the first sweep, and deleted only by a later one', async () => {
  const id = await orphan();
  const sweeper = new Sweeper({
    queue: fleet.queue,
    resources: [sweptInstances(fleet.provider)],
    graceMs: 0,
  });
  const first = await sweeper.sweep();
  expect(first.findings).toMatchObject([{ code: 'instance_orphaned', target: id }]);
  expect(first.mended).toEqual([]);
  const second = await sweeper.sweep();
  expect(second.mended).toMatchObject([{ code: 'instance_orphaned', target: id, ok: true }]);
  await sweeper.stop();
});

it('an orphan that is reported stays until its grace is over', async () => {
  await orphan();
  const sweeper = new Sweeper({
    queue: fleet.queue,
    resources: [sweptInstances(fleet.provider)],
    graceMs: 60_000,
  });
  await sweeper.sweep();
  expect((await sweeper.sweep()).mended).toEqual([]);
  await sweeper.stop();
});

it('a sweep of which several checks fail names all of them', async () => {
  const failing = (resource: string): ResourceCheckOf =>
    Object.assign(
      () => ({
        look: () => Promise.reject(new Error(`${resource} cannot be listed`)),
        due: () => [],
        hasReported: false,
      }),
      { resource },
    );
  const sweeper = new Sweeper({ queue: fleet.queue, resources: [failing('disks'), failing('networks')] });
  await expect(sweeper.sweep()).rejects.toMatchObject({
    errors: [{ message: 'disks cannot be listed' }, { message: 'networks cannot be listed' }],
  });
  await sweeper.stop();
});

it('workers sweep about once in each interval together', async () => {
  const { subjects, connection } = await fleet.queue.broker();
  let sweeps = 0;
  for (let n = 0; n < 4; n++) await fleet.addWorker(undefined, { sweep: { intervalMs: 400 } });
  connection.subscribe(subjects.notices.swept(), { callback: () => void sweeps++ });
  // A worker that has just come has not heard of earlier sweeps.
  await vi.waitFor(() => expect(sweeps).toBeGreaterThanOrEqual(2));
  sweeps = 0;
  const began = performance.now();
  await delay(3_000);
  // Two may begin in the same moment. Four that did not hear each other, each after 400 to 600 ms, would make 20 at least.
  await vi.waitFor(() => expect(sweeps).toBeGreaterThanOrEqual(3));
  expect(sweeps).toBeLessThanOrEqual((performance.now() - began) / 240);
});

it('can be switched off', async () => {
  const { subjects, connection } = await fleet.queue.broker();
  let sweeps = 0;
  connection.subscribe(subjects.notices.swept(), { callback: () => void sweeps++ });
  const [off, on] = [false, { intervalMs: 50 }] as const;
  const silent = await fleet.addWorker(undefined, { sweep: off });
  await fleet.queue.addJob('step', {}, 'normal', { id: 'shown' });
  await fleet.waitForJob('shown', 'completed');
  expect(sweeps).toBe(0);
  await silent.shutdown();
  await fleet.addWorker(undefined, { sweep: on });
  await vi.waitFor(() => expect(sweeps).toBeGreaterThan(0));
});

it('a sweep that the broker cannot answer does no harm', async () => {
  await using own = await startNats();
  const lonely = await startFleet({
    nats: own,
    handlers: { step: () => 'done' },
    worker: { sweep: { intervalMs: 30 } },
  });
  own.kill('SIGKILL');
  await own.exited;
  await own.restart();
  await lonely.queue.addJob('step', {}, 'normal', { id: 'after' });
  // A read that is under way while the connection comes back is refused, and may be repeated.
  await vi.waitFor(async () => expect((await lonely.queue.getJob('after'))?.state).toBe('completed'));
  await lonely.close();
});

it('a provider that cannot be asked is told, and does not hold up the jobs', async () => {
  await strand('stuck');
  fleet.simulator.faults.add({ kind: 'error', status: 500, route: '/gpu/instances' });
  const sweeper = new Sweeper({
    queue: fleet.queue,
    resources: [sweptInstances(fleet.provider)],
    graceMs: 0,
  });
  const { findings, mended } = await sweeper.sweep();
  expect(findings.map(({ code }) => code)).toEqual(['job_without_timer', 'provider_unreachable']);
  expect(mended).toMatchObject([{ target: 'stuck', ok: true }]);
  await sweeper.stop();
});

it('no notice makes an orphan older than this worker has seen it: it is deleted by the second look of the same worker', async () => {
  const id = await orphan();
  const { subjects, connection } = await fleet.queue.broker();
  const resources = [sweptInstances(fleet.provider)];
  const options = { queue: fleet.queue, resources, graceMs: 0, intervalMs: 3_600_000 };
  const sweeper = new Sweeper(options);
  await sweeper.start();
  connection.publish(
    subjects.notices.swept(),
    JSON.stringify({ resources: ['instances'], orphans: [[id, 1]] }),
  );
  await connection.flush();
  expect((await sweeper.sweep()).mended).toEqual([]);
  expect((await sweeper.sweep()).mended).toMatchObject([{ code: 'instance_orphaned', target: id, ok: true }]);
  await sweeper.stop();
});

it('sweeps after four intervals and a half at the latest, whatever others say', async () => {
  await strand('stuck');
  const { subjects, connection } = await fleet.queue.broker();
  const sweeper = new Sweeper({ queue: fleet.queue, intervalMs: 100, graceMs: 0 });
  await sweeper.start();
  const forged = setInterval(
    () => connection.publish(subjects.notices.swept(), '{"resources":["instances"]}'),
    10,
  );
  const at: number[] = [];
  const look = vi.spyOn(sweeper, 'sweep').mockImplementation(async () => {
    at.push(performance.now());
    return { findings: [], mended: [] };
  });
  await vi.waitFor(() => expect(at.length).toBeGreaterThanOrEqual(3));
  clearInterval(forged);
  await sweeper.stop();
  look.mockRestore();
});

it('is put off by a worker that looks at instances too, not by one that cannot', async () => {
  await orphan();
  const broker = await fleet.queue.broker();
  const listed = () => fleet.simulator.requests.count('GET /gpu/instances');
  const sweeper = new Sweeper({
    queue: fleet.queue,
    resources: [sweptInstances(fleet.provider)],
    intervalMs: 120,
  });
  await sweeper.start();
  const announcing = setInterval(() => broker.notices.announceSwept({ resources: ['volumes'] }), 10);
  await vi.waitFor(() => expect(listed()).toBeGreaterThan(1));
  clearInterval(announcing);
  await sweeper.stop();
});

it('malformed, huge and binary notices do no harm', async () => {
  const { subjects, connection } = await fleet.queue.broker();
  const sweeper = new Sweeper({ queue: fleet.queue, intervalMs: 3_600_000, graceMs: 0 });
  await sweeper.start();
  await strand('stuck');
  const bodies = [
    '',
    'null',
    '[]',
    '{"resources":1}',
    '{"resources":[null,{}]}',
    '\u0000\ufffd',
    `{"resources":["instances"],"x":"${'x'.repeat(500_000)}"}`,
  ];
  for (const body of bodies) connection.publish(subjects.notices.swept(), body);
  connection.publish(subjects.notices.swept(), Uint8Array.from([0xff, 0xfe, 0x00]));
  await connection.flush();
  expect((await sweeper.sweep()).mended).toMatchObject([{ target: 'stuck', ok: true }]);
  await sweeper.stop();
});

it('what comes later is looked at by the next sweep, and a check that fails keeps no other from looking', async () => {
  const id = await orphan();
  const resources: ResourceCheckOf[] = [];
  const sweeper = new Sweeper({ queue: fleet.queue, resources, graceMs: 0 });
  expect((await sweeper.sweep()).findings).toEqual([]);
  const fails = () => Promise.reject(new Error('no volumes today'));
  const failing = () => ({ look: fails, due: () => [], hasReported: false });
  resources.push(Object.assign(failing, { resource: 'volumes' }), sweptInstances(fleet.provider));
  await expect(sweeper.sweep()).rejects.toThrow('no volumes today');
  resources.shift();
  // The failing sweep has reported it.
  expect((await sweeper.sweep()).mended).toMatchObject([{ code: 'instance_orphaned', target: id, ok: true }]);
  await sweeper.stop();
});

it('a check of the broker that fails keeps no other from finding and mending', async () => {
  await strand('stuck');
  await orphan();
  const { topology } = await fleet.queue.broker();
  const compare = vi.spyOn(topology.pauses, 'compare').mockRejectedValue(new Error('no list of pauses'));
  const sweeper = new Sweeper({
    queue: fleet.queue,
    resources: [sweptInstances(fleet.provider)],
    graceMs: 0,
  });
  for (let sweep = 0; sweep < 2; sweep++) await expect(sweeper.sweep()).rejects.toThrow('no list of pauses');
  // Its message comes by way of TIMERS, which takes the broker a moment.
  await vi.waitFor(async () =>
    expect((await fleet.queue.getJobs({ type: 'delete_instance' })).jobs).toHaveLength(1),
  );
  compare.mockRestore();
  await sweeper.stop();
  await fleet.addWorker();
  await fleet.waitForJob('stuck', 'completed');
});

it('a worker that is paused does not sweep, and goes on when it is resumed', async () => {
  const { subjects, connection } = await fleet.queue.broker();
  const worker = await fleet.addWorker(undefined, { sweep: { intervalMs: 30, jitter: 0 } });
  let sweeps = 0;
  connection.subscribe(subjects.notices.swept(), { callback: () => void sweeps++ });
  await vi.waitFor(() => expect(sweeps).toBeGreaterThan(0));
  await worker.stop();
  await connection.flush();
  const before = sweeps;
  const paused = performance.now();
  await vi.waitFor(() => expect(performance.now() - paused).toBeGreaterThan(90), { interval: 20 });
  expect(sweeps).toBe(before);
  await worker.start();
  await vi.waitFor(() => expect(sweeps).toBeGreaterThan(before));
});

it('a provider that never answers keeps no later sweep from the jobs', async () => {
  const provider = {
    ...fleet.provider,
    name: 'silent',
    list: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
  };
  const sweeper = new Sweeper({
    queue: fleet.queue,
    resources: [sweptInstances(provider as never)],
    ...{ intervalMs: 50, graceMs: 0, checkTimeoutMs: 50 },
  });
  await expect(sweeper.sweep()).rejects.toThrow('was not listed within 50 ms');
  let lists = 0;
  const next = () => {
    lists++;
    return new Promise(() => {});
  };
  provider.list = () => ({
    [Symbol.asyncIterator]: () => ({ next }),
  });
  await sweeper.start();
  await vi.waitFor(() => expect(lists).toBeGreaterThanOrEqual(2));
  await sweeper.stop();
});
