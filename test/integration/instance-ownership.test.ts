import { headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CreateInstanceResult, DeleteInstanceResult } from '../../machines/index.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { Offer } from '../../src/gpu/index.js';
import { instanceNameFor } from '../../src/gpu/index.js';
import type { JobRecord } from '../../src/index.js';
import { sweptInstances } from '../../src/instances/check-instances.js';
import { ownersToKeep } from '../../src/instances/kept-owners.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { cleanupJobs } from '../../src/queue/retention/job-cleanup.js';
import { Sweeper } from '../../src/upkeep/sweeper.js';
import { encodeRecord } from '../../src/wire/record-message.js';
import { removeAllAcknowledged } from '../support/acknowledged.js';
import { hearAlerts } from '../support/alerts.js';
import { instancePayload } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { type ProviderProxy, proxyProvider } from '../support/provider-proxy.js';
import { QUERY } from '../support/simulated-novita.js';
import { unfinishedRentals } from '../support/unfinished-rentals.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let proxy: ProviderProxy;
const CREATE = '/gpu/instance/create';
const heard = hearAlerts();
const { alerts } = heard;

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, workers: 0 });
  proxy = await proxyProvider(fleet.simulator);
  const { provider } = proxy;
  await fleet.addWorker(undefined, { provider, pollIntervalMs: 20, settleDelayMs: 20, sweep: false });
});
afterAll(async () => {
  heard[Symbol.dispose]();
  await fleet.close();
  await proxy[Symbol.asyncDispose]();
  await nats.stop();
});
beforeEach(() => {
  alerts.splice(0);
  proxy.forge = () => undefined;
});

/** An instance that no job rented. */
async function rentOutside(name: string): Promise<string> {
  const [offer] = await fleet.provider.listOffers(QUERY);
  const template = await fleet.provider.getTemplate('template-123');
  const spec = { name, offer: offer as Offer, template, gpuNum: 1, rootfsSize: 60 };
  return (await fleet.provider.create(spec)).providerInstanceId;
}

/** An instance that a job rented, which runs. */
async function rentByJob(id: string): Promise<string> {
  await fleet.queue.addJob('create_instance', instancePayload(id), 'high', { id });
  const { result } = await fleet.waitForJob(id, 'completed');
  await fleet.waitForJob(`${id}-monitor`, 'completed');
  return (result as CreateInstanceResult).novitaInstanceId;
}

const ended = (id: string) => fleet.waitForJob(id, ({ status }) => isTerminal(status));
/** What was done to an instance, besides making it. */
const done = (instanceId: string) =>
  fleet.simulator.ledger
    .filter((entry) => entry.instanceId === instanceId && entry.action !== 'create')
    .map(({ action }) => action);
const isAlive = (id: string) => fleet.simulator.live().some((instance) => instance.id === id);

const REFUSED = { state: 'rejected', error: { code: 'JETFLEET_INSTANCE_NOT_OURS', retryable: false } };

async function refuses(jobId: string, victim: string): Promise<void> {
  const job = await ended(jobId);
  expect(job).toMatchObject(REFUSED);
  expect(job.error?.message).toContain(victim);
  expect(done(victim)).toEqual([]);
  expect(isAlive(victim)).toBe(true);
  expect(alerts).toMatchObject([{ kind: 'instance_not_ours', jobId }]);
}

const PAST = new Date(Date.now() - 3_600_000).toISOString();

describe('an instance that no job of ours rented is left alone', () => {
  const names = [
    'my-database',
    'jetfleet-',
    'jetfleet-precious',
    'jetfleet-other-0123456789ab',
    'Jetfleet-x',
  ];

  it.each(names)('by a delete job with its id: %s', async (name) => {
    const victim = await rentOutside(name);
    const payload = { instanceId: 'x', novitaInstanceId: victim };
    const jobId = await fleet.queue.addJob('delete_instance', payload);
    await refuses(jobId, victim);
  });

  it.each(names)('by a delete job with its name: %s', async (base) => {
    const name = `${base}-named`;
    const victim = await rentOutside(name);
    const jobId = await fleet.queue.addJob('delete_instance', { instanceId: 'x', instanceName: name });
    await refuses(jobId, victim);
  });

  it.each(['delete', 'stop', undefined] as const)(
    'by a monitor whose time was over before it began, with onTimeout %s',
    async (onTimeout) => {
      const name = `jetfleet-monitored-${onTimeout}`;
      // One that runs would complete.
      fleet.simulator.faults.add({ kind: 'stuck_pulling', match: name });
      const victim = await rentOutside(name);
      const payload = { instanceId: 'x', novitaInstanceId: victim, startTime: PAST, maxWaitTime: 1 };
      const jobId = await fleet.queue.addJob('monitor_instance', {
        ...payload,
        ...(onTimeout && { onTimeout }),
      });
      await refuses(jobId, victim);
      expect((await fleet.queue.getJob(jobId))?.next ?? []).toEqual([]);
    },
  );

  it('by what follows from a monitor that is cancelled', async () => {
    const victim = await rentOutside('somebody-elses');
    fleet.simulator.faults.add({ kind: 'unhealthy', match: 'somebody-elses' });
    const payload = { instanceId: 'x', novitaInstanceId: victim, startTime: PAST, maxWaitTime: 86_400_000 };
    await fleet.queue.addJob('monitor_instance', payload, 'high', { id: 'watching', delayMs: 60_000 });
    await fleet.queue.cancel('watching');
    await refuses('watching-delete', victim);
  });

  it('by a job that names a create job of ours as its parent', async () => {
    const ours = await rentByJob('real-parent');
    const victim = await rentOutside('jetfleet-real-parent-0123456789ab');
    const { subjects, connection } = await fleet.queue.broker();
    const claim = (id: string, parent: string) => {
      const sent = headers();
      sent.set('Jetfleet-Parent-Id', parent);
      const subject = subjects.work({ kind: 'jobs', priority: 'high', type: 'delete_instance', id });
      connection.publish(subject, JSON.stringify({ instanceId: 'x', novitaInstanceId: victim }), {
        headers: sent,
      });
    };
    // An id that is not made from its parent's proves that nobody of ours sent it.
    for (const [id, parent] of [
      ['forged-parent', 'real-parent'],
      ['wild-parent', '>'],
      ['star-parent', '*'],
    ] as const) {
      claim(id, parent);
      expect(await ended(id)).toMatchObject({
        state: 'rejected',
        error: { code: 'JETFLEET_HEADER_INVALID' },
      });
    }
    claim('real-parent-forged', 'real-parent');
    await refuses('real-parent-forged', victim);
    expect(isAlive(ours)).toBe(true);
  });

  it('though a record says that a job rented under its name, which the job’s id does not make', async () => {
    const name = 'jetfleet-forged-0123456789ab';
    const victim = await rentOutside(name);
    const { subjects, connection } = await fleet.queue.broker();
    const record: JobRecord = {
      v: 1,
      id: 'forged',
      type: 'create_instance',
      priority: 'high',
      status: 'processing',
      state: 'running',
      payload: {},
      attempt: 1,
      maxAttempts: 3,
      redrives: 1e9,
      createdAt: PAST,
      updatedAt: PAST,
      checkpoint: { instanceName: name },
      machine: { id: 'job', version: 1 },
    };
    connection.publish(subjects.event('create_instance', 'processing', 'forged'), encodeRecord(record));
    await connection.flush();
    const jobId = await fleet.queue.addJob('delete_instance', { instanceId: 'x', instanceName: name });
    await refuses(jobId, victim);
  });

  it('even if it has the name that a user’s own job type recorded', async () => {
    const { subjects, connection } = await fleet.queue.broker();
    const name = instanceNameFor({ id: 'own-type', createdAt: PAST }, fleet.namespace);
    const victim = await rentOutside(name);
    const record = {
      v: 1,
      id: 'own-type',
      type: 'my_type',
      priority: 'high',
      status: 'completed',
      state: 'completed',
      payload: {},
      attempt: 1,
      maxAttempts: 3,
      createdAt: PAST,
      updatedAt: PAST,
      checkpoint: { instanceName: name },
      machine: { id: 'job', version: 1 },
    } as const;
    connection.publish(subjects.event('my_type', 'completed', 'own-type'), encodeRecord(record));
    await connection.flush();
    const jobId = await fleet.queue.addJob('delete_instance', { instanceId: 'x', novitaInstanceId: victim });
    await refuses(jobId, victim);
  });
});

describe('an instance of ours', () => {
  /** Messages that are acknowledged keep their job. */
  const goes = (id: string, laterMs = 0) =>
    vi.waitFor(
      async () => {
        const broker = await fleet.queue.broker();
        await removeAllAcknowledged(broker);
        await cleanupJobs(broker, 0, [ownersToKeep], { atMs: Date.now() + laterMs });
        expect(await fleet.queue.getJob(id)).toBeUndefined();
      },
      { timeout: 90_000, interval: 500 },
    );
  it.each(['cancel', 'time-out', 'delete'])(
    'is deleted after its %s, though all finished jobs were cleaned up meanwhile',
    async (how) => {
      const id = `cleaned-by-${how}`;
      fleet.simulator.faults.add({ kind: 'stuck_pulling', match: id, times: 1 });
      proxy.forge = (route) => (route === 'POST /gpu/instance/delete' ? { status: 503 } : undefined);
      const payload = { ...instancePayload(id), maxWaitTime: how === 'time-out' ? 1_000 : 600_000 };
      await fleet.queue.addJob('create_instance', payload, 'high', { id });
      await fleet.waitForJob(id, 'completed');
      await fleet.waitForJob(`${id}-monitor`, 'waiting');
      if (how === 'delete') {
        await fleet.queue.cancel(`${id}-monitor`);
        await fleet.waitForJob(`${id}-monitor-delete`, 'waiting');
      }
      await fleet.queue.cleanup(0);
      proxy.forge = () => undefined;
      if (how === 'cancel') await fleet.queue.cancel(`${id}-monitor`);
      const last = how === 'time-out' ? `${id}-monitor` : `${id}-monitor-delete`;
      expect(await ended(last)).toMatchObject({ state: how === 'time-out' ? 'timed_out' : 'completed' });
      expect(fleet.simulator.live().filter(({ name }) => name.includes(id))).toEqual([]);
      expect(alerts).toEqual([]);
      // What is over in the meantime goes with the next cleanup.
      await goes(id);
    },
  );

  const unfinished = unfinishedRentals({
    fleet: () => fleet,
    forge: (forge) => {
      proxy.forge = forge;
    },
  });
  const live = (id: string) => fleet.simulator.live().filter(({ name }) => name.includes(id));

  it.each(Object.keys(unfinished))('outlives a cleanup of what is over: %s', async (what) => {
    const id = `unfinished-${Object.keys(unfinished).indexOf(what)}`;
    const [last, goOn] = (await unfinished[what]?.(id)) ?? [''];
    const before = live(id).map((instance) => instance.id);
    await fleet.queue.cleanup(0);
    await fleet.queue.cleanup(0);
    proxy.forge = () => undefined;
    await goOn?.();
    const { state, result } = await ended(last);
    const [deleted] = (result as DeleteInstanceResult | undefined)?.deleted ?? [];
    expect({ state, deleted }).toEqual({ state: 'completed', deleted: expect.any(String) });
    expect(live(id).map((instance) => instance.id)).toEqual(before.filter((each) => each !== deleted));
    expect(alerts).toEqual([]);
  });

  it('that shows only after its cancelled job has been cleaned up is deleted by the sweeper', async () => {
    const id = 'shows-late';
    fleet.simulator.faults.add({
      ...{ kind: 'slow', when: 'before', delayMs: 1_500, match: id, times: 1 },
      route: CREATE,
    });
    await fleet.queue.addJob('create_instance', instancePayload(id), 'high', { id });
    await vi.waitFor(() => expect(fleet.simulator.requests.count(`POST ${CREATE}`)).toBeGreaterThan(0));
    await fleet.waitForJob(id, ({ checkpoint }) => (checkpoint as { productId?: string })?.productId != null);
    await fleet.queue.cancel(id);
    expect(await ended(`${id}-delete`)).toMatchObject({ state: 'completed', result: { deleted: [] } });
    // What has been handled is removed a little later by itself.
    const { topology, subjects } = await fleet.queue.broker();
    await topology.purge('jobs', '>');
    for (const each of [id, `${id}-delete`]) await topology.purge('timers', subjects.dueOf('jobs', each));
    await fleet.queue.cleanup(0);
    await vi.waitFor(() => expect(live(id)).toHaveLength(1));
    const sweeper = new Sweeper({
      queue: fleet.queue,
      resources: [sweptInstances(fleet.provider)],
      graceMs: 0,
    });
    await sweeper.sweep();
    await sweeper.sweep();
    await vi.waitFor(() => expect(live(id)).toEqual([]));
    await sweeper.stop();
    // Nothing can show any more.
    await goes(id, 3_600_000);
  });

  it.each(['plain', 'Mixed-Case_9', 'UPPER', 'a'])('is deleted on demand by its id: %s', async (id) => {
    const ours = await rentByJob(id);
    const payload = { instanceId: id, novitaInstanceId: ours };
    const jobId = await fleet.queue.addJob('delete_instance', payload);
    expect(await ended(jobId)).toMatchObject({ state: 'completed', result: { deleted: [ours] } });
    expect(isAlive(ours)).toBe(false);
    expect(alerts).toEqual([]);
  });

  it('is deleted on demand by its name', async () => {
    const ours = await rentByJob('by-name');
    const { name } = fleet.simulator.live().find(({ id }) => id === ours) ?? { name: '' };
    const jobId = await fleet.queue.addJob('delete_instance', { instanceId: 'x', instanceName: name });
    expect(await ended(jobId)).toMatchObject({ state: 'completed', result: { deleted: [ours] } });
  });

  it('is left alone once its owner gave it another name at the provider', async () => {
    const ours = await rentByJob('renamed');
    proxy.forge = (route) =>
      route === 'GET /gpu/instance'
        ? ({ status, body }) => ({ status, body: { ...(body as object), name: 'mine-now' } })
        : undefined;
    const jobId = await fleet.queue.addJob('delete_instance', { instanceId: 'x', novitaInstanceId: ours });
    await refuses(jobId, ours);
  });

  it('is left alone when its record has expired', async () => {
    const ours = await rentByJob('expired');
    const { topology, subjects } = await fleet.queue.broker();
    await topology.purge('events', subjects.eventsOf('expired'));
    const jobId = await fleet.queue.addJob('delete_instance', { instanceId: 'x', novitaInstanceId: ours });
    await refuses(jobId, ours);
  });

  it('of another namespace is left alone', async () => {
    const other = await startFleet({ nats, workers: 0 });
    await other.addWorker(undefined, { provider: proxy.provider, settleDelayMs: 20, sweep: false });
    const ours = await rentByJob('shared');
    const payload = { instanceId: 'x', novitaInstanceId: ours };
    const jobId = await other.queue.addJob('delete_instance', payload);
    expect(await other.waitForJob(jobId, 'rejected')).toMatchObject(REFUSED);
    expect(isAlive(ours)).toBe(true);
    await other.close();
  });
});
