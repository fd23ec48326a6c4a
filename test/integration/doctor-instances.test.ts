import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { combinedProvider, type GpuProvider, type Instance, ProviderError } from '../../src/gpu/index.js';
import { instanceNameFor } from '../../src/gpu/instance-name.js';
import { examine, type JobRecord, type OnTimeout } from '../../src/index.js';
import { InstanceCheck } from '../../src/instances/check-instances.js';
import { followingFrom } from '../../src/queue/follow-ups.js';
import { type Diagnosis, mendAll } from '../../src/upkeep/finding.js';
import { ANY } from '../../src/wire/subjects.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { QUERY } from '../support/simulated-novita.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let broker: Broker;
const createdAt = '2026-01-01T00:00:00.000Z';
const error = { code: 'X', message: 'failed', retryable: false };

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats, workers: 0 });
  broker = await fleet.queue.broker();
  return () => fleet.close();
});

const nameOf = (id: string, redrives = 0) => instanceNameFor({ id, createdAt, redrives }, fleet.namespace);

/** Writes the records of a create job up to `last`, as a worker would have. */
async function recorded(id: string, last: Partial<JobRecord>): Promise<JobRecord> {
  const running: JobRecord = {
    v: 1,
    id,
    type: 'create_instance',
    priority: 'normal',
    status: 'processing',
    state: 'running',
    payload: { instanceId: `own-${id}` },
    attempt: 1,
    maxAttempts: 3,
    createdAt,
    updatedAt: createdAt,
    checkpoint: { instanceName: nameOf(id) },
    machine: { id: 'job', version: 1 },
  };
  const seq = await broker.appendEvent(running, (await broker.lastEvent(id))?.seq ?? 0);
  const record = { ...running, finishedAt: createdAt, ...last };
  await broker.appendEvent(record, seq);
  return record;
}

async function rent(name: string): Promise<string> {
  const [offer] = await fleet.provider.listOffers(QUERY);
  if (!offer) throw new Error('no offer');
  const template = await fleet.provider.getTemplate('template-123');
  const spec = { name, offer, template, gpuNum: 1, rootfsSize: 60 };
  return (await fleet.provider.create(spec)).providerInstanceId;
}

/** The account beside one of another provider, which has nothing. */
const withAnother = () =>
  combinedProvider([
    fleet.provider,
    Object.assign(Object.create(fleet.provider) as GpuProvider, { name: 'runpod', async *list() {} }),
  ]);
const look = (provider: GpuProvider = fleet.provider) =>
  new InstanceCheck(broker, provider, { graceMs: 0 }).look();
const told = (found: Diagnosis[]) => found.map(({ finding }) => [finding.code, finding.target]);
const nothingLives = () => vi.waitFor(() => expect(fleet.simulator.live()).toEqual([]));
const addWorker = () => fleet.addWorker(undefined, { sweep: false, settleDelayMs: 20, pollIntervalMs: 20 });

describe('an instance is orphaned', () => {
  it('when its job was retried under another name, and deleted it is gone', async () => {
    const name = nameOf('again');
    await recorded('again', { status: 'failed', state: 'exhausted', error });
    await recorded('again', {
      status: 'processing',
      state: 'running',
      redrives: 1,
      checkpoint: { instanceName: nameOf('again', 1) },
    });
    const [first, second] = [await rent(name), await rent(nameOf('again', 1))];
    const found = await look();
    expect(told(found)).toEqual([['instance_orphaned', first]]);
    expect(found[0]?.finding.message).toContain('was retried');
    expect(await mendAll(found)).toMatchObject([{ ok: true }]);
    await addWorker();
    await vi.waitFor(() => expect(fleet.simulator.live()).toMatchObject([{ id: second }]));
  });

  it.each<[string, Partial<JobRecord>, OnTimeout, boolean]>([
    ['failed', { state: 'exhausted' }, 'delete', true],
    [
      'saw it vanish',
      { state: 'rejected', error: { ...error, code: 'JETFLEET_INSTANCE_VANISHED' } },
      'delete',
      true,
    ],
    [
      'saw it vanish, and would have stopped it',
      { state: 'rejected', error: { ...error, code: 'JETFLEET_INSTANCE_VANISHED' } },
      'stop',
      true,
    ],
    [
      'deleted it in time, as it believed',
      { state: 'timed_out', error: { ...error, code: 'JETFLEET_INSTANCE_TIMEOUT' } },
      'delete',
      true,
    ],
    ['was cancelled', { state: 'cancelled' }, 'keep', true],
    ['failed, and keeps what it has', { state: 'exhausted' }, 'keep', false],
    [
      'stopped it in time',
      { state: 'timed_out', error: { ...error, code: 'JETFLEET_INSTANCE_TIMEOUT' } },
      'stop',
      false,
    ],
  ])('or not, as its monitor says, which %s', async (_, ended, onTimeout, isOrphan) => {
    const novitaInstanceId = await rent(nameOf('rented'));
    const next = [
      { id: 'rented-monitor', type: 'monitor_instance', priority: 'normal' as const, payload: {} },
    ];
    const owner = await recorded('rented', {
      status: 'completed',
      state: 'completed',
      result: { novitaInstanceId },
      next,
    });
    expect(await look()).toEqual([]);
    const { checkpoint: _1, result: _2, next: _3, ...rest } = owner;
    const payload = {
      instanceId: 'own',
      novitaInstanceId,
      startTime: createdAt,
      maxWaitTime: 1_000,
      onTimeout,
    };
    const monitor = { ...rest, id: 'rented-monitor', type: 'monitor_instance', payload } as const;
    const failed: JobRecord = { ...monitor, status: 'failed', state: 'exhausted', error, ...ended };
    await broker.appendEvent(failed, 0);
    expect(told(await look())).toEqual(isOrphan ? [['instance_orphaned', novitaInstanceId]] : []);
  });
});

describe('an instance is left alone', () => {
  it('when a record names it that does not derive the name from its own job', async () => {
    const victim = await rent('jetfleet-victim-0123456789ab');
    await recorded('forged', {
      status: 'failed',
      state: 'exhausted',
      error,
      checkpoint: { instanceName: 'jetfleet-victim-0123456789ab' },
    });
    expect(told(await look())).toEqual([['instance_unknown', victim]]);
  });

  it.each([
    ['pending', 'retrying'],
    ['processing', 'running'],
  ] as const)('while its job is %s (%s)', async (status, state) => {
    await recorded('open', { status, state });
    await rent(nameOf('open'));
    expect(await look()).toEqual([]);
  });

  it('when the result of its job names no instance', async () => {
    await recorded('odd', { status: 'completed', state: 'completed', result: {} });
    await rent(nameOf('odd'));
    expect(await look()).toEqual([]);
  });

  it.each<[string, (id: string) => string, () => GpuProvider, boolean]>([
    ['added', (id) => id, withAnother, false],
    ['removed', (id) => `novita:${id}`, () => fleet.provider, false],
    ['added, unless its job has another one', () => 'sim-other', withAnother, true],
    ['removed, unless its job has one there', (id) => `runpod:${id}`, () => fleet.provider, true],
  ])('when another provider was %s since it was rented', async (_, recordedId, provider, isOrphan) => {
    const id = await rent(nameOf('kept'));
    const novitaInstanceId = recordedId(id);
    await recorded('kept', { status: 'completed', state: 'completed', result: { novitaInstanceId } });
    expect((await look(provider())).map(({ finding }) => finding.code)).toEqual(
      isOrphan ? ['instance_orphaned'] : [],
    );
  });

  it('when the records of its job were removed and another job has the id now', async () => {
    const novitaInstanceId = await rent(nameOf('reused'));
    await recorded('reused', { status: 'completed', state: 'completed', result: { novitaInstanceId } });
    const check = new InstanceCheck(broker, fleet.provider, { graceMs: 0 });
    expect(await check.look()).toEqual([]);
    await broker.topology.purge('events', broker.subjects.eventsOf('reused'));
    const later = '2026-01-02T00:00:00.000Z';
    await recorded('reused', {
      status: 'failed',
      state: 'exhausted',
      error,
      redrives: 1,
      createdAt: later,
      checkpoint: {
        instanceName: instanceNameFor({ id: 'reused', createdAt: later, redrives: 1 }, fleet.namespace),
      },
    });
    // The record of its first attempt has the name of the first job here; a real one never has.
    await broker.topology.purge('events', broker.subjects.event(ANY, 'processing', 'reused'));
    expect(told(await check.look())).toEqual([['instance_unknown', novitaInstanceId]]);
    expect(told(await look())).toEqual([['instance_unknown', novitaInstanceId]]);
  });

  it('while a job deletes it, and is orphaned again when that job gave up', async () => {
    const name = nameOf('failing');
    const failed = { status: 'failed', state: 'exhausted', error } as const;
    const record = await recorded('failing', failed);
    const [next] = followingFrom(fleet.queue.known, record);
    if (!next) throw new Error('no compensation');
    const seq = (await broker.lastEvent('failing'))?.seq ?? 0;
    await broker.appendEvent({ ...record, next: [next] }, seq);
    await broker.jobs.enqueue({ ...next, createdAt });
    const id = await rent(name);
    expect(await look()).toEqual([]);
    await fleet.queue.cancel(next.id);
    expect(told(await look())).toEqual([['instance_orphaned', id]]);
  });

  it.each([
    ['no time', {}],
    ['a time to come', { createdAt: '2099-01-01T00:00:00.000Z' }],
    ['no time that is one', { createdAt: 'yesterday' }],
  ])('until it is old enough, by its first sighting where the provider tells %s', async (_what, told) => {
    await recorded('timeless', { status: 'failed', state: 'exhausted', error });
    await rent(nameOf('timeless'));
    const timeless: GpuProvider = Object.create(fleet.provider);
    timeless.list = async function* (filter, signal) {
      for await (const { createdAt: _, ...rest } of fleet.provider.list(filter, signal)) {
        yield { ...rest, ...told };
      }
    };
    const check = new InstanceCheck(broker, timeless, { graceMs: 60 });
    expect(await check.look()).toEqual([]);
    await vi.waitFor(async () => expect(await check.look()).toHaveLength(1));
  });
});

it('one look judges instances without a time by the end of the job that rented them', async () => {
  await recorded('timeless', { status: 'failed', state: 'exhausted', error });
  await rent(nameOf('timeless'));
  const timeless: GpuProvider = Object.create(fleet.provider);
  timeless.list = async function* (filter, signal) {
    for await (const { createdAt: _, ...rest } of fleet.provider.list(filter, signal)) yield rest;
  };
  const once = (graceMs: number) => new InstanceCheck(broker, timeless, { graceMs, looksOnce: true }).look();
  expect(await once(Number.MAX_SAFE_INTEGER)).toEqual([]);
  await vi.waitFor(async () =>
    expect(told(await once(60))).toMatchObject([['instance_orphaned', expect.any(String)]]),
  );
});

it('a job that gave up deleting an orphan is revived, one that has deleted it before is followed by another', async () => {
  await recorded('lasting', { status: 'failed', state: 'exhausted', error });
  const instance = await fleet.provider.get(await rent(nameOf('lasting')));
  if (!instance) throw new Error('no instance');
  const [added] = await mendAll(await look());
  const id = /job (orphan-\w+) deletes it/.exec(added?.result ?? '')?.[1] ?? '';
  expect(await look()).toEqual([]);
  await fleet.queue.cancel(id);
  expect(await mendAll(await look())).toMatchObject([{ ok: true, result: `job ${id} deletes it` }]);
  expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'queued', redrives: 1 });
  await addWorker();
  await fleet.waitForJob(id, 'completed');
  await nothingLives();
  const lagging: GpuProvider = Object.create(fleet.provider);
  lagging.list = async function* () {
    yield instance;
  };
  expect(await mendAll(await look(lagging))).toMatchObject([{ ok: true, result: `job ${id}-2 deletes it` }]);
  await fleet.waitForJob(`${id}-2`, 'completed');
});

it('a name that no record knows is searched for once', async () => {
  const unknown = await rent('jetfleet-long-gone-0123456789ab');
  const check = new InstanceCheck(broker, fleet.provider, { graceMs: 0 });
  expect(told(await check.look())).toEqual([['instance_unknown', unknown]]);
  const reads = vi.spyOn(broker.read, 'page');
  expect(told(await check.look())).toEqual([['instance_unknown', unknown]]);
  expect(reads).not.toHaveBeenCalled();
  reads.mockRestore();
});

it('a provider that cannot be asked is a finding, and the rest is examined', async () => {
  fleet.simulator.faults.add({ kind: 'error', status: 401, route: '/gpu/instances' });
  await fleet.queue.addJob('nobody_handles', {});
  const { findings } = await examine(fleet.queue, { provider: fleet.provider });
  expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
    ['sync_interval_unknown', 'info'],
    ['type_unhandled', 'warning'],
    ['provider_unreachable', 'warning'],
  ]);
});

it('a provider that cannot be asked keeps nobody from judging the instances of another', async () => {
  const down = Object.assign(Object.create(fleet.provider) as GpuProvider, {
    name: 'runpod',
    // biome-ignore lint/correctness/useYield: it fails first.
    list: async function* (): AsyncGenerator<Instance> {
      throw new ProviderError('transient', 'runpod is down');
    },
  });
  const id = await rent(nameOf('lost'));
  await recorded('lost', { status: 'failed', state: 'exhausted', error });
  const check = new InstanceCheck(broker, combinedProvider([fleet.provider, down]), { graceMs: 0 });
  const found = await check.look();
  expect(told(found)).toEqual([
    ['provider_unreachable', 'runpod'],
    ['instance_orphaned', `novita:${id}`],
  ]);
  expect(check.due(found)).toEqual([]);
  // It is deleted when it is found again, and is not forgotten while its own provider is down.
  const [, orphan] = found;
  const own = [{ ...found[0], finding: { ...found[0]?.finding, target: 'novita' } }] as Diagnosis[];
  expect(check.due(own)).toEqual([]);
  expect(check.due(await check.look()).map(({ finding }) => finding)).toEqual([orphan?.finding]);
});
