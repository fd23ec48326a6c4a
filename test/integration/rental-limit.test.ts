import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type GpuProvider, INSTANCE_NAME_PREFIX, type Offer, ProviderError } from '../../src/gpu/index.js';
import { type GpuInstancesOptions, gpuInstances } from '../../src/index.js';
import { RentalLimit } from '../../src/instances/rental-limit.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { hearAlerts } from '../support/alerts.js';
import { instancePayload } from '../support/cli.js';
import { type Fleet, type FleetWorkerOptions, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { QUERY } from '../support/simulated-novita.js';

let nats: EmbeddedServer;
let fleet: Fleet;
const heard = hearAlerts();
const { alerts } = heard;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(async () => {
  heard[Symbol.dispose]();
  await nats.stop();
});
beforeEach(async () => {
  alerts.splice(0);
  fleet = await startFleet({ nats, workers: 0 });
  return () => fleet.close();
});

/** Nothing here waits for `settleDelayMs`; a short one gives the broker too little time to confirm a job before its create. */
const addWorker = (limits: FleetWorkerOptions) =>
  fleet.addWorker(undefined, { settleDelayMs: 2_000, sweep: false, ...limits });

async function order(id: string, gpuNum = 1, maxAttempts = 1): Promise<string> {
  const payload = { ...instancePayload(id), gpuNum };
  return fleet.queue.addJob('create_instance', payload, 'high', { id, maxAttempts });
}

const ended = (id: string) => fleet.waitForJob(id, ({ status }) => isTerminal(status));
/** How many GPUs each instance has that was rented. */
const rented = () =>
  fleet.simulator.requests.log
    .filter(({ route }) => route === 'POST /gpu/instance/create')
    .map(({ body }) => (body as { gpuNum: number }).gpuNum);
const ids = (count: number) => Array.from({ length: count }, (_, index) => `order-${index}`);

/** The codes with which jobs ended, undefined for one that rented. */
async function outcomes(count: number): Promise<(string | undefined)[]> {
  const jobs = await Promise.all(ids(count).map(ended));
  return jobs.map(({ error }) => error?.code);
}

describe('no worker rents beyond its limit', () => {
  it('of instances, when many jobs come at once', async () => {
    fleet.simulator.faults.add({ kind: 'slow', delayMs: 150, when: 'before', route: '/gpu/instance/create' });
    await addWorker({ maxInstances: 3 });
    await Promise.all(ids(10).map((id) => order(id)));
    const codes = (await outcomes(10)).map((code) => code ?? 'rented').sort();
    expect(codes.join()).toBe(
      [...Array(7).fill('JETFLEET_LIMIT_INSTANCES'), ...Array(3).fill('rented')].join(),
    );
    expect(rented()).toHaveLength(3);
    expect(alerts.map(({ kind }) => kind)).toEqual(Array(7).fill('rental_limit'));
    expect(alerts[0]?.message).toMatch(/maxInstances is 3, and \d instances are rented or about to be/);
  });

  it('of instances, when two workers take them at once', async () => {
    fleet.simulator.faults.add({ kind: 'slow', delayMs: 150, when: 'before', route: '/gpu/instance/create' });
    for (const _ of [1, 2]) await addWorker({ maxInstances: 2, concurrency: { create_instance: 3 } });
    await Promise.all(ids(8).map((id) => order(id)));
    expect((await outcomes(8)).filter((code) => code === undefined)).toHaveLength(2);
    expect(rented()).toHaveLength(2);
  });

  it('of instances, while one of several providers does not answer: what it showed last counts', async () => {
    let isDown = false;
    const other: GpuProvider = Object.assign(Object.create(fleet.provider) as GpuProvider, {
      name: 'other',
      async *list() {
        if (isDown) throw new ProviderError('transient', 'no answer');
        yield { id: 'x', name: `${INSTANCE_NAME_PREFIX}of-another-queue`, status: 'running', gpuNum: 1 };
      },
    });
    const broker = () => fleet.queue.broker();
    const limit = new RentalLimit([fleet.provider, other], broker, { maxInstances: 2 });
    const signal = new AbortController().signal;
    await limit.admit('jetfleet-a', 1, signal);
    isDown = true;
    await limit.admit('jetfleet-a', 1, signal);
    const tighter = new RentalLimit([fleet.provider, other], broker, { maxInstances: 1 });
    // A worker that knows nothing of it yet rents nothing.
    await expect(tighter.admit('jetfleet-a', 1, signal)).rejects.toThrow('no answer');
    isDown = false;
    await expect(tighter.admit('jetfleet-a', 1, signal)).rejects.toThrow(/maxInstances is 1/);
    isDown = true;
    await expect(tighter.admit('jetfleet-a', 1, signal)).rejects.toThrow(/maxInstances is 1/);
  });

  it('of GPUs', async () => {
    await addWorker({ maxGpus: 5 });
    for (const [index, gpuNum] of [2, 2, 2, 1, 1].entries()) {
      await order(`order-${index}`, gpuNum);
      await ended(`order-${index}`);
    }
    expect(await outcomes(5)).toEqual([
      undefined,
      undefined,
      'JETFLEET_LIMIT_GPUS',
      undefined,
      'JETFLEET_LIMIT_GPUS',
    ]);
    expect(rented()).toEqual([2, 2, 1]);
  });

  it.each([-8, Number.NaN, 1])('of GPUs, though the provider shows %d of each instance', async (gpuNum) => {
    const { provider } = fleet;
    const list: GpuProvider['list'] = async function* (filter, signal) {
      for await (const instance of provider.list(filter, signal)) yield { ...instance, gpuNum };
    };
    const lying = new Proxy<GpuProvider>(provider, {
      get: (_, key) => {
        const value: unknown = key === 'list' ? list : Reflect.get(provider, key);
        return typeof value === 'function' ? value.bind(provider) : value;
      },
    });
    await addWorker({ maxGpus: 5, provider: lying });
    for (const [index, gpuNum] of [4, 4, 1].entries()) {
      await order(`order-${index}`, gpuNum);
      await ended(`order-${index}`);
    }
    expect(await outcomes(3)).toEqual([undefined, 'JETFLEET_LIMIT_GPUS', undefined]);
  });

  it('of none', async () => {
    await addWorker({ maxInstances: 0 });
    await order('order-0');
    expect(await outcomes(1)).toEqual(['JETFLEET_LIMIT_INSTANCES']);
    expect(rented()).toEqual([]);
  });

  it('though the list lags behind what it has rented', async () => {
    fleet.simulator.faults.add({ kind: 'list_lag', lagMs: 60_000 });
    await addWorker({ maxInstances: 1 });
    for (const id of ids(2)) {
      await order(id);
      await ended(id);
    }
    expect(await outcomes(2)).toEqual([undefined, 'JETFLEET_LIMIT_INSTANCES']);
  });

  it('counting what anybody has rented with our prefix, and nothing else', async () => {
    const [offer] = await fleet.provider.listOffers(QUERY);
    const template = await fleet.provider.getTemplate('template-123');
    const spec = { offer: offer as Offer, template, gpuNum: 1, rootfsSize: 60 };
    await fleet.provider.create({ ...spec, name: 'somebody-elses' });
    await addWorker({ maxInstances: 1 });
    await order('order-0');
    await ended('order-0');
    await fleet.provider.create({ ...spec, name: 'jetfleet-of-another-queue' });
    await order('order-1');
    await ended('order-1');
    expect(await outcomes(2)).toEqual([undefined, 'JETFLEET_LIMIT_INSTANCES']);
  });

  it('and rents again once there is room', async () => {
    await addWorker({ maxInstances: 1 });
    await order('order-0');
    const { result } = await ended('order-0');
    await order('order-1', 1, 2);
    const refused = await fleet.waitForJob('order-1', 'retrying');
    expect(refused.error).toMatchObject({ code: 'JETFLEET_LIMIT_INSTANCES', retryAfterMs: 30_000 });
    expect(Date.parse(refused.nextRunAt ?? '') - Date.parse(refused.updatedAt)).toBeGreaterThanOrEqual(
      30_000,
    );
    await fleet.provider.delete((result as { novitaInstanceId: string }).novitaInstanceId);
    await vi.waitFor(() => expect(fleet.simulator.live()).toEqual([]));
    await order('order-2');
    await ended('order-2');
    expect(rented()).toHaveLength(2);
  });

  it('and forgets a create whose end was removed before it was read', async () => {
    await addWorker({ maxInstances: 1 });
    await order('order-0');
    const { result } = await ended('order-0');
    await fleet.waitForJob('order-0-monitor', 'completed');
    await fleet.provider.delete((result as { novitaInstanceId: string }).novitaInstanceId);
    await vi.waitFor(() => expect(fleet.simulator.live()).toEqual([]));
    await vi.waitFor(async () => {
      await fleet.queue.cleanup(0);
      expect(await fleet.queue.getJob('order-0')).toBeUndefined();
    });
    const { clock } = await fleet.queue.broker();
    const now = clock.now.bind(clock);
    vi.spyOn(clock, 'now').mockImplementation(() => now() + 61 * 60_000);
    await order('order-1');
    await ended('order-1');
    expect(rented()).toHaveLength(2);
  });
});

it.each([{ maxInstances: -1 }, { maxInstances: 1.5 }, { maxGpus: Number.NaN }, { maxGpus: 1e9 }])(
  'a limit that is none is refused: %j',
  (limits) => {
    expect(() => gpuInstances({ provider: fleet.provider, ...limits } as GpuInstancesOptions)).toThrow(
      expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }),
    );
  },
);
