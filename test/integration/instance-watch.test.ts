/** Watches of instances that run: what happens to these becomes an event with a policy, and callbacks wake the job. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { callbackToken, type JobRecord } from '../../src/index.js';
import type { WatchOptions } from '../../src/instances/instances.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { instancePayload, publishByHand } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { expectProblem, startHttp } from '../support/http.js';
import { startNats } from '../support/nats.js';
import { type ProviderProxy, proxyProvider } from '../support/provider-proxy.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let proxy: ProviderProxy;
const SECRET = 'the secret of the callbacks';

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, workers: 0 });
  proxy = await proxyProvider(fleet.simulator);
  const { provider } = proxy;
  await fleet.addWorker(undefined, { provider, pollIntervalMs: 40, settleDelayMs: 20, sweep: false });
});
afterAll(async () => {
  await fleet.close();
  await proxy[Symbol.asyncDispose]();
  await nats.stop();
});
beforeEach(() => {
  proxy.forge = () => undefined;
});

/** An instance that a job rented, which runs, and a watch of it that waits. */
async function watched(id: string, options: WatchOptions = {}) {
  const { queue } = fleet;
  await queue.addJob('create_instance', instancePayload(id), 'high', { id });
  await fleet.waitForJob(id, 'completed');
  const { result } = await fleet.waitForJob(`${id}-monitor`, 'completed');
  const webhookUrl = `${fleet.receiver.url}/watch`;
  const watch = `${id}-watch`;
  await queue.instances.watch(id, {
    webhookUrl,
    maxIntervalMs: 40,
    priceIntervalMs: 0,
    ...options,
    id: watch,
  });
  await fleet.waitForJob(watch, 'waiting');
  return { watch, instance: (result as { novitaInstanceId: string }).novitaInstanceId };
}

const ended = (id: string): Promise<JobRecord> => fleet.waitForJob(id, ({ status }) => isTerminal(status));
const webhookOf = async (jobId: string) => {
  const { body } = await fleet.receiver.waitFor((request) => JSON.parse(request.body).data.jobId === jobId);
  return JSON.parse(body);
};
/** What the provider says of some fields of its instances, until that is over. */
const forge = (fields: Record<string, unknown>, isOver: () => boolean = () => false) => {
  proxy.forge = (route) => {
    if (isOver() || !/^GET \/(gpu\/instance|products)/.test(route)) return undefined;
    return (answer) => ({
      ...answer,
      body: JSON.stringify(answer.body, (key, value) => (Object.hasOwn(fields, key) ? fields[key] : value)),
    });
  };
};

describe('an event of a watched instance', () => {
  it('is reported on EVENTS and by webhook, and the watch goes on', async () => {
    const { watch, instance } = await watched('halted');
    await fleet.provider.stop(instance);
    expect(await ended(watch)).toMatchObject({
      state: 'completed',
      result: { event: 'stopped', policy: 'notify', novitaInstanceId: instance },
    });
    expect(await webhookOf(watch)).toMatchObject({
      type: 'instance.stopped',
      data: { novitaInstanceId: instance },
    });
    const next = await fleet.waitForJob(`${watch}-next`, 'waiting');
    expect(next).toMatchObject({
      parentId: watch,
      payload: { reported: ['stopped'], createJobId: 'halted' },
    });
    await fleet.queue.cancel(next.id);
  });

  it.each([60_000, 0])(
    'spotInterrupted with a notice of %s ms has it migrated, and the watch goes on',
    async (noticeMs) => {
      const id = `spot-${noticeMs}`;
      const { watch, instance } = await watched(id, { on: { spotInterrupted: 'migrate' } });
      fleet.simulator.faults.add({ kind: 'spot_interrupted', match: instance, noticeMs, times: 1 });
      expect(await ended(watch)).toMatchObject({ result: { event: 'spotInterrupted', policy: 'migrate' } });
      expect(await webhookOf(watch)).toMatchObject({ type: 'instance.spot_interrupted' });
      const migration = await ended(`${watch}-migrate`);
      expect(migration.state).toBe('completed');
      const { novitaInstanceId, isUnchanged } = migration.result as {
        novitaInstanceId: string;
        isUnchanged: boolean;
      };
      // One that still runs is no matter of the provider's call, so another instance replaces it.
      expect(novitaInstanceId === instance).toBe(noticeMs === 0);
      expect(isUnchanged).toBe(false);
      const after = await fleet.waitForJob(`${watch}-migrate-watch`, 'waiting');
      expect(after.payload).toMatchObject({
        novitaInstanceId,
        reported: [],
        on: { spotInterrupted: 'migrate' },
      });
      await fleet.queue.cancel(after.id);
    },
  );

  it('deleted has it replaced, and the replacement is watched', async () => {
    const { watch, instance } = await watched('gone', { on: { deleted: 'replace' } });
    fleet.simulator.faults.add({ kind: 'vanish', match: instance, times: 1 });
    expect(await ended(watch)).toMatchObject({ result: { event: 'deleted', policy: 'replace' } });
    const { result, state } = await ended(`${watch}-migrate`);
    expect(state).toBe('completed');
    const { novitaInstanceId } = result as { novitaInstanceId: string };
    expect(novitaInstanceId).not.toBe(instance);
    expect(fleet.simulator.live().map(({ id }) => id)).toContain(novitaInstanceId);
    const after = await fleet.waitForJob(`${watch}-migrate-watch`, 'waiting');
    expect(after.payload).toMatchObject({ novitaInstanceId, createJobId: `${watch}-migrate-replacement` });
    await fleet.queue.cancel(after.id);
  });

  it('deleted by a job of ours replaces nothing', async () => {
    const { watch, instance } = await watched('unwanted', { on: { deleted: 'replace' } });
    const before = fleet.simulator.ledger.filter(({ action }) => action === 'create').length;
    await ended((await fleet.queue.instances.delete('unwanted')).id);
    expect(await ended(watch)).toMatchObject({ result: { event: 'deleted' } });
    const { error } = await ended(`${watch}-migrate`);
    expect(error).toMatchObject({
      code: 'JETFLEET_INSTANCE_VANISHED',
      message: expect.stringContaining(instance),
    });
    expect(fleet.simulator.ledger.filter(({ action }) => action === 'create')).toHaveLength(before);
  });

  it('is watched for from the create job on, where that says so', async () => {
    const payload = { ...instancePayload('from'), watch: { maxIntervalMs: 40, priceIntervalMs: 0 } };
    await fleet.queue.addJob('create_instance', payload, 'high', { id: 'from' });
    for (const id of ['from', 'from-monitor']) await fleet.waitForJob(id, 'completed');
    const { payload: own } = await fleet.waitForJob('from-monitor-watch', 'waiting');
    expect(own).toMatchObject({ instanceId: 'from', createJobId: 'from', maxIntervalMs: 40 });
    await fleet.queue.cancel('from-monitor-watch');
  });

  it('unhealthy has it deleted', async () => {
    forge({ portMappings: [{ port: 8080, type: 'http', endpoint: 'http://127.0.0.1:1' }] });
    const { watch, instance } = await watched('ill', {
      on: { unhealthy: 'delete' },
      health: { failures: 2 },
    });
    expect(await ended(watch)).toMatchObject({ result: { event: 'unhealthy', policy: 'delete' } });
    expect(await ended(`${watch}-delete`)).toMatchObject({
      state: 'completed',
      result: { deleted: [instance] },
    });
  });

  it('priceChanged has both prices', async () => {
    const { watch } = await watched('dear', { priceIntervalMs: 10 });
    const isPriced = ({ checkpoint }: JobRecord) =>
      (checkpoint as { pricePerHour?: number } | undefined)?.pricePerHour !== undefined;
    const { checkpoint } = await fleet.waitForJob(watch, isPriced);
    const { pricePerHour: before } = checkpoint as { pricePerHour: number };
    forge({ spotPrice: String(before + 1_000) });
    expect(await ended(watch)).toMatchObject({
      result: { event: 'priceChanged', pricePerHour: before + 1_000, previousPricePerHour: before },
    });
    await fleet.queue.cancel(`${watch}-next`);
  });

  it('is nothing that an instance of others could show', async () => {
    const payload = { instanceId: 'x', novitaInstanceId: 'sim-unknown' };
    const { id } = await fleet.queue.instances.watch(payload, { on: { deleted: 'replace' } });
    expect(await ended(id)).toMatchObject({ result: { event: 'deleted' } });
    expect(await ended(`${id}-migrate`)).toMatchObject({ error: { code: 'JETFLEET_INSTANCE_NOT_OURS' } });
  });
});

describe('a watch that would wait for an hour', () => {
  const slow = { minIntervalMs: 3_600_000, maxIntervalMs: 3_600_000 };
  const ways: Record<string, (watch: string) => Promise<unknown>> = {
    'a callback of the provider': async (watch) => {
      await using http = await startHttp(fleet.queue, { callbackSecret: SECRET });
      const url = (token: string) => `/callbacks/instances/${watch}?token=${token}`;
      const call = (token: string) => http.call(url(token), { method: 'POST', token: null });
      for (const wrong of [
        '',
        'x',
        callbackToken(SECRET, 'another'),
        callbackToken('another secret 12', watch),
      ]) {
        expectProblem(await call(wrong), 401, 'JETFLEET_HTTP_UNAUTHORIZED');
      }
      expect(await fleet.queue.getJob(watch)).toMatchObject({ state: 'waiting' });
      expect(await call(callbackToken(SECRET, watch))).toMatchObject({ status: 202, json: { woken: true } });
    },
    'a signal': (watch) =>
      publishByHand(nats.url, `${fleet.namespace}.signals.${watch}.changed`, '{"any":"thing"}'),
    'the queue': (watch) => fleet.queue.instances.wake(watch),
  };

  it.each(Object.keys(ways))('is woken at once by %s', async (way) => {
    const id = way.replaceAll(' ', '-');
    const { watch, instance } = await watched(id, slow);
    await fleet.provider.stop(instance);
    await ways[way]?.(watch);
    expect(await ended(watch)).toMatchObject({ result: { event: 'stopped' } });
    await fleet.queue.cancel(`${watch}-next`);
  });

  it('is woken by each of many signals, and leaves none behind', async () => {
    const { watch, instance } = await watched('often', slow);
    const wake = async () => {
      const { updatedAt } = await fleet.waitForJob(watch, 'waiting');
      await fleet.queue.signal(watch, 'changed');
      await fleet.waitForJob(watch, (job) => job.state === 'waiting' && job.updatedAt > updatedAt);
    };
    for (let count = 0; count < 3; count++) await wake();
    await fleet.provider.stop(instance);
    await fleet.queue.signal(watch, 'changed');
    expect(await ended(watch)).toMatchObject({ result: { event: 'stopped' } });
    const { signals } = await fleet.queue.broker();
    await expect.poll(() => signals.signalsOf({ jobId: watch, name: 'changed' })).toEqual([]);
    await fleet.queue.cancel(`${watch}-next`);
  });

  it('cannot be woken once it has ended, and no job of another kind can', async () => {
    const { queue } = fleet;
    await expect(queue.instances.wake('often-watch')).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
    await expect(queue.instances.wake('nobody')).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  });
});
