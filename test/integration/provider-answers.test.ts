import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CreateInstanceResult } from '../../machines/index.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { instanceNameStem } from '../../src/gpu/index.js';
import type { CreateInstancePayload } from '../../src/index.js';
import { sweptInstances } from '../../src/instances/check-instances.js';
import { Sweeper } from '../../src/upkeep/sweeper.js';
import { hearAlerts } from '../support/alerts.js';
import { instancePayload } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import {
  type Forge,
  type Forged,
  HTML_PAGE,
  NOT_FOUND,
  type ProviderProxy,
  proxyProvider,
} from '../support/provider-proxy.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let proxy: ProviderProxy;
const heard = hearAlerts();
const { alerts } = heard;

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, workers: 0 });
  proxy = await proxyProvider(fleet.simulator);
  const { provider } = proxy;
  const retry = { create_instance: { baseMs: 1, jitter: 0 } };
  // The settling time is 200 ms.
  await fleet.addWorker(undefined, { provider, pollIntervalMs: 20, settleDelayMs: 40, sweep: false, retry });
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
  fleet.simulator.faults.clear();
});

async function order(id: string, more: Partial<CreateInstancePayload> = {}): Promise<void> {
  const payload: CreateInstancePayload = { ...instancePayload(id), ...more };
  await fleet.queue.addJob('create_instance', payload, 'high', { id });
}

/** Orders an instance that never runs; resolves with its id at the provider once its monitor waits. */
async function orderStuck(id: string, more: Partial<CreateInstancePayload> = {}): Promise<string> {
  fleet.simulator.faults.add({ kind: 'stuck_pulling' });
  await order(id, more);
  const { result } = await fleet.waitForJob(id, 'completed');
  return (result as CreateInstanceResult).novitaInstanceId;
}

/** Ends the monitor of a job and waits until its instance is gone, so that nothing asks the provider in the next test. */
async function removed(id: string): Promise<void> {
  proxy.forge = () => undefined;
  await fleet.queue.cancel(`${id}-monitor`);
  await fleet.waitForJob(`${id}-monitor-delete`, 'completed');
}

/** Forges the first answers of a route, and counts them. */
function first(times: number, route: string, forged: Forged): Forge & { used: number } {
  const forge: Forge & { used: number } = Object.assign(
    (asked: string) => {
      if (asked !== route || forge.used >= times) return undefined;
      forge.used += 1;
      return forged;
    },
    { used: 0 },
  );
  return forge;
}

const CREATE = 'POST /gpu/instance/create';
const GET = 'GET /gpu/instance';
const LIST = 'GET /gpu/instances';
const NOTHING_LISTED = { status: 200, body: { instances: [], total: 0 } };
/** A hash follows the stem: one id may begin another. */
const isOf =
  (id: string) =>
  ({ name }: { name: string }) =>
    name.startsWith(instanceNameStem(id)) && !name.slice(instanceNameStem(id).length).includes('-');
/** What was done to the instance of a job. */
const actions = (id: string) => fleet.simulator.ledger.filter(isOf(id)).map(({ action }) => action);
const live = (id: string) => fleet.simulator.live().filter(isOf(id));

describe('a read that fails says nothing about an instance', () => {
  const elsewhere = { location: 'http://127.0.0.1:9/' };
  it.each<[string, Forged, boolean]>([
    ['302', { status: 302, headers: elsewhere }, false],
    ['307', { status: 307, headers: elsewhere }, false],
    ['400 with a page', { status: 400, body: HTML_PAGE }, false],
    ['400 with a name that nobody knows', { status: 400, body: { reason: 'WHO_KNOWS' } }, false],
    ['401', { status: 401, body: { code: 401, reason: 'UNAUTHORIZED', message: 'invalid key' } }, true],
    ['401 of a gateway', { status: 401, body: HTML_PAGE }, true],
    ['403 of a gateway', { status: 403, body: HTML_PAGE }, true],
    ['402', { status: 402, body: '' }, false],
    ['404 with a page', { status: 404, body: HTML_PAGE }, false],
    ['409', { status: 409, body: { reason: 'CONFLICT' } }, false],
    ['410', { status: 410, body: '' }, false],
    ['425', { status: 425, body: '' }, false],
    ['200 with a page', { status: 200, body: HTML_PAGE }, false],
    ['200 with an error', { status: 200, body: { code: 500, reason: 'INTERNAL' } }, false],
  ])('a monitor that is answered %s polls on, and nothing is deleted', async (name, forged, isAlert) => {
    const id = name.replaceAll(/\W+/g, '-');
    const forge = first(1, GET, forged);
    proxy.forge = forge;
    await order(id);
    expect(await fleet.waitForJob(`${id}-monitor`, 'completed')).toMatchObject({ attempt: 1 });
    expect(forge.used).toBe(1);
    expect(live(id)).toHaveLength(1);
    expect(actions(id)).toEqual(['create']);
    expect(alerts).toMatchObject(isAlert ? [{ kind: 'provider_auth', jobId: `${id}-monitor` }] : []);
  });

  it('past the deadline too: the instance that runs by then is kept', async () => {
    const forge = first(4, GET, { status: 401, body: HTML_PAGE });
    proxy.forge = forge;
    await order('late', { maxWaitTime: 100 });
    await fleet.waitForJob('late-monitor', 'completed');
    expect(forge.used).toBe(4);
    expect(actions('late')).toEqual(['create']);
  });

  it('a create that cannot look its name up tries again, and keeps what it has rented', async () => {
    fleet.simulator.faults.add({ kind: 'error_after_create', times: 1 });
    const forge = first(1, LIST, { status: 403, body: HTML_PAGE });
    // The first look comes before the create.
    proxy.forge = (...asked) => (live('unsure').length > 0 ? forge(...asked) : undefined);
    await order('unsure');
    expect(await fleet.waitForJob('unsure', 'completed')).toMatchObject({
      attempt: 2,
      result: { adopted: true },
    });
    await fleet.waitForJob('unsure-monitor', 'completed');
    expect(actions('unsure')).toEqual(['create']);
  });
});

/** Answers of the API itself that say that an instance has come to its end before it ran. */
const ENDS: Record<string, object> = {
  'an error': { status: 'pulling', statusError: { state: 'x', message: 'failed to pull the image' } },
  reclaiming: { status: 'running', spotStatus: 'reclaiming' },
  'exited before it ran': { status: 'exited', lastStartedAt: '0', lastStoppedAt: '0' },
  removed: { status: 'removed' },
};

/** What the provider says of an instance, changed. */
const saying =
  (more: object): Exclude<ReturnType<Forge>, undefined | Forged> =>
  ({ status, body }) => ({ status, body: { ...(body as object), ...more } });

describe('one answer that an instance has come to its end', () => {
  it.each(Object.keys(ENDS))('does not end its monitor, nor touch the instance: %s', async (what) => {
    const id = `odd-${what.replaceAll(' ', '-')}`;
    let used = 0;
    proxy.forge = (route, query) => {
      const isOwn = route === GET && live(id).some((instance) => [...query.values()].includes(instance.id));
      return isOwn && used++ === 0 ? saying(ENDS[what] ?? {}) : undefined;
    };
    await order(id);
    expect(await fleet.waitForJob(`${id}-monitor`, 'completed')).toMatchObject({ attempt: 1 });
    expect(used).toBeGreaterThan(1);
    expect(actions(id)).toEqual(['create']);
  });

  it.each(['pulling', 'stopped', 'of a kind that is new'])(
    'or is late, past its deadline, does not either: %s',
    async (status) => {
      const id = `late-${status.replaceAll(' ', '-')}`;
      const begun = Date.now();
      let used = 0;
      proxy.forge = (route) => {
        if (route !== GET) return undefined;
        // Until its time is over, nobody can read it.
        if (Date.now() - begun < 600) return { status: 503, body: HTML_PAGE };
        return used++ === 0 ? saying({ status }) : undefined;
      };
      await order(id, { maxWaitTime: 100 });
      await fleet.waitForJob(`${id}-monitor`, 'completed');
      expect(used).toBeGreaterThan(1);
      expect(actions(id)).toEqual(['create']);
    },
  );

  it('by the list, however often, does not either: the instance is read by its id', async () => {
    const ids = ['list-1', 'list-2', 'list-3', 'list-4'];
    let lists = 0;
    proxy.forge = (route) => {
      // Until the list was read a few times, nothing runs.
      if (route === GET && lists < 3) return saying({ status: 'pulling' });
      if (route !== LIST) return undefined;
      lists += 1;
      return ({ status, body }) => {
        const { instances = [], ...rest } = body as { instances?: object[] };
        const broken = instances.map((each) => ({ ...each, statusError: { message: 'broken' } }));
        return { status, body: { ...rest, instances: broken } };
      };
    };
    await Promise.all(ids.map((id) => order(id)));
    await Promise.all(ids.map((id) => fleet.waitForJob(`${id}-monitor`, 'completed')));
    for (const id of ids) expect(actions(id)).toEqual(['create']);
  });

  it.each(Object.keys(ENDS).filter((what) => what !== 'removed'))(
    'is reported when the next answer agrees: %s',
    async (what) => {
      const id = `broken-${what.replaceAll(' ', '-')}`;
      proxy.forge = (route) => (route === GET ? saying(ENDS[what] ?? {}) : undefined);
      await order(id);
      expect(await fleet.waitForJob(`${id}-monitor`, 'rejected')).toMatchObject({
        error: { code: 'JETFLEET_INSTANCE_FAILED' },
      });
      await fleet.waitForJob(`${id}-monitor-delete`, 'waiting');
      proxy.forge = () => undefined;
      await fleet.waitForJob(`${id}-monitor-delete`, 'completed');
      expect(live(id)).toEqual([]);
    },
  );
});

/** The provider does not know any instance, by id and by list. */
const knowsNothing: Forge = (route) => {
  if (route === GET) return NOT_FOUND;
  return route === LIST ? NOTHING_LISTED : undefined;
};

describe('an instance that another job rented', () => {
  /** The next create is carried out and answered with the id of another instance. */
  async function orderMisanswered(id: string, answeredId: string, more: Partial<CreateInstancePayload> = {}) {
    proxy.forge = (route) =>
      route === CREATE ? ({ status }) => ({ status, body: { id: answeredId } }) : undefined;
    await order(id, more);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({
      result: { novitaInstanceId: answeredId },
    });
  }

  it('is not deleted by the monitor of a job whose create was answered with its id', async () => {
    const victim = await orderStuck('stuck-victim');
    await orderMisanswered('misled', victim, { maxWaitTime: 100 });
    expect(await fleet.waitForJob('misled-monitor', 'rejected')).toMatchObject({
      error: { code: 'JETFLEET_INSTANCE_NOT_OURS', message: expect.stringContaining(victim) },
    });
    expect(actions('stuck-victim')).toEqual(['create']);
    expect(alerts).toMatchObject([{ kind: 'instance_not_ours', jobId: 'misled-monitor' }]);
    await removed('stuck-victim');
  });

  it('is not reported as running for it, and a read that shows another instance is no read of ours', async () => {
    await order('running-victim');
    const { result } = await fleet.waitForJob('running-victim', 'completed');
    const victim = (result as CreateInstanceResult).novitaInstanceId;
    await fleet.waitForJob('running-victim-monitor', 'completed');
    await orderMisanswered('deceived', victim);
    const unread = await fleet.waitForJob('deceived-monitor', 'waiting');
    expect(unread).toMatchObject({ status: 'processing', payload: { novitaInstanceId: victim } });
    await fleet.queue.cancel('deceived-monitor');
    expect(await fleet.waitForJob('deceived-monitor-delete', 'rejected')).toMatchObject({
      error: { code: 'JETFLEET_INSTANCE_NOT_OURS' },
    });
    expect(actions('running-victim')).toEqual(['create']);
  });
});

describe('gone is what the provider has said several times, by id and by list', () => {
  it('an instance that is unknown at first is watched until it runs', async () => {
    const forge = first(2, GET, NOT_FOUND);
    proxy.forge = (...asked) =>
      forge(...asked) ?? (forge.used < 2 && live('newborn').length > 0 ? knowsNothing(...asked) : undefined);
    await order('newborn');
    await fleet.waitForJob('newborn-monitor', 'completed');
    expect(forge.used).toBe(2);
    expect(actions('newborn')).toEqual(['create']);
  });

  it('one that the list shows is not gone, whatever the read by id says', async () => {
    let reads = 0;
    proxy.forge = (route) => {
      if (route !== GET) return undefined;
      reads += 1;
      return NOT_FOUND;
    };
    await orderStuck('listed');
    // Each look reads twice by id; three over 200 ms would prove an absence.
    await vi.waitFor(() => expect(reads).toBeGreaterThan(10));
    expect(await fleet.queue.getJob('listed-monitor')).toMatchObject({ status: 'processing' });
    expect(actions('listed')).toEqual(['create']);
    await removed('listed');
  });

  it('one that vanished is looked for once more, and deleted when it shows', async () => {
    const id = await orderStuck('lost');
    proxy.forge = knowsNothing;
    expect(await fleet.waitForJob('lost-monitor', 'rejected')).toMatchObject({
      error: { code: 'JETFLEET_INSTANCE_VANISHED' },
      next: [{ type: 'delete_instance', id: 'lost-monitor-delete' }],
    });
    proxy.forge = () => undefined;
    expect(await fleet.waitForJob('lost-monitor-delete', 'completed')).toMatchObject({
      result: { deleted: [id] },
    });
    expect(live('lost')).toEqual([]);
  });

  it('one that shows only after that is found by the sweep', async () => {
    await orderStuck('hidden');
    proxy.forge = knowsNothing;
    const deletion = await fleet.waitForJob(
      'hidden-monitor-delete',
      (job) => job.status === 'completed' || job.status === 'failed',
    );
    expect(deletion).toMatchObject({ result: { deleted: [] } });
    proxy.forge = () => undefined;
    expect(live('hidden')).toHaveLength(1);
    const sweeper = new Sweeper({
      queue: fleet.queue,
      resources: [sweptInstances(proxy.provider)],
      graceMs: 0,
    });
    await sweeper.sweep();
    await sweeper.sweep();
    await vi.waitFor(() => expect(live('hidden')).toEqual([]));
    await sweeper.stop();
  });

  it.each<[string, Forged]>([
    ['404 with a page', { status: 404, body: HTML_PAGE }],
    ['200 with an error', { status: 200, body: { code: 500, reason: 'INTERNAL' } }],
    ['not-found, twice', NOT_FOUND],
  ])('a delete job that is answered %s deletes all the same', async (name, forged) => {
    const jobId = `delete-${name.replaceAll(/\W+/g, '-')}`;
    const id = await orderStuck(jobId);
    await fleet.waitForJob(`${jobId}-monitor`, 'waiting');
    const forge = first(2, GET, forged);
    // The list lags behind as well.
    proxy.forge = (...asked) => forge(...asked) ?? (forge.used < 2 ? knowsNothing(...asked) : undefined);
    await fleet.queue.cancel(`${jobId}-monitor`);
    expect(await fleet.waitForJob(`${jobId}-monitor-delete`, 'completed')).toMatchObject({
      result: { deleted: [id] },
    });
    expect(forge.used).toBe(2);
    expect(live(jobId)).toEqual([]);
  });

  it('a stop is believed when the instance is read as stopped, not when it is accepted', async () => {
    const forge = first(2, 'POST /gpu/instance/stop', { status: 200, body: {} });
    proxy.forge = forge;
    await orderStuck('resting', { maxWaitTime: 100, onTimeout: 'stop' });
    const { error } = await fleet.waitForJob('resting-monitor', 'timed_out');
    expect(error).toMatchObject({ message: expect.stringContaining('it was stopped') });
    expect(forge.used).toBe(2);
    expect(actions('resting')).toEqual(['create', 'stop']);
  });
});
