import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  createNovitaProvider,
  type FaultInput,
  type GpuProvider,
  ProviderError,
  type Simulator,
} from '../../src/gpu/index.js';
import { createRunpodProvider, startRunpodSimulator } from '../../src/gpu/runpod/index.js';
import type { CreateInstancePayload } from '../../src/index.js';
import type { OfferHistory } from '../../src/instances/offer-history.js';
import { placedOffers } from '../../src/instances/placement.js';
import type { JobContext } from '../../src/worker/job-handler.js';
import { hearAlerts } from '../support/alerts.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { QUICK } from '../support/simulated-novita.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let runpod: Simulator;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
/** One worker with Novita and RunPod. */
beforeEach(async () => {
  fleet = await startFleet({ nats, workers: 0 });
  runpod = await startRunpodSimulator({ timings: QUICK });
  await fleet.addWorker(undefined, {
    provider: [
      createNovitaProvider({ apiKey: fleet.simulator.apiKey, baseUrl: fleet.simulator.url }),
      createRunpodProvider({ apiKey: runpod.apiKey, baseUrl: runpod.url }),
    ],
  });
  return async () => {
    await fleet.close();
    await runpod.stop();
  };
});

/** Novita has spot for 18,000 and 20,000 (CN-HK-01) or on demand from 33,000; RunPod on demand for 34,000 and 69,000. */
function order(more: Partial<CreateInstancePayload> = {}): CreateInstancePayload {
  return {
    instanceId: 'my-instance',
    name: 'My GPU Instance',
    productName: 'RTX 4090 24GB',
    products: ['RTX 4090'],
    templateId: 'template-123',
    templateIds: { runpod: '9x4m2p7v' },
    gpuNum: 1,
    rootfsSize: 60,
    region: 'CN-HK-01',
    regions: ['US-KS-2'],
    billingModes: ['spot', 'on_demand'],
    webhookUrl: `${fleet.receiver.url}/hook`,
    ...more,
  };
}

const add = (id: string, more: Partial<CreateInstancePayload> = {}) =>
  fleet.queue.addJob('create_instance', order(more), 'high', { id });
const full = (match: string): FaultInput => ({ kind: 'no_capacity', advertised: true, match });
const rented = (simulator: Simulator) => simulator.ledger.filter(({ action }) => action === 'create').length;
const refusalsOf = async (id: string) => {
  const { checkpoint } = (await fleet.queue.getJob(id)) ?? {};
  return ((checkpoint as { refusals?: { offer: string; code: string }[] })?.refusals ?? []).map(
    ({ offer, code }) => [offer, code],
  );
};

describe('placement over providers', () => {
  test.each<[Partial<CreateInstancePayload>, object]>([
    [{}, { provider: 'novita', productId: 'prod-4090' }],
    [
      { products: [], productName: 'RTX 4090' },
      { provider: 'runpod', region: 'US-KS-2' },
    ],
    [
      { billingModes: ['on_demand'], placement: 'cheapest' },
      { provider: 'novita', productId: 'prod-4090-b' },
    ],
    [{ providers: ['runpod'], maxPricePerHour: 40_000 }, { provider: 'runpod' }],
  ])('%j rents %j', async (more, result) => {
    await add('order-1', more);
    expect((await fleet.waitForJob('order-1', 'completed')).result).toMatchObject(result);
    expect(await fleet.waitForJob('order-1-monitor', 'completed')).toMatchObject({
      result: { status: 'running' },
    });
    expect(rented(fleet.simulator) + rented(runpod)).toBe(1);
  });

  test('what refuses is passed over, up to another provider, and stands in the record of the job', async () => {
    fleet.simulator.faults.add(full('prod-4090'));
    await add('order-2', { billingModes: ['spot', 'on_demand'] });
    const { result } = await fleet.waitForJob('order-2', 'completed');
    expect(result).toMatchObject({ provider: 'runpod', productId: 'NVIDIA GeForce RTX 4090' });
    const { novitaInstanceId } = result as { novitaInstanceId: string };
    expect(novitaInstanceId).toBe(`runpod:${runpod.ledger[0]?.instanceId}`);
    expect(await refusalsOf('order-2')).toEqual([
      ['novita/CN-HK-01/prod-4090/spot', 'JETFLEET_PROVIDER_CAPACITY'],
      ['novita/CN-HK-01/prod-4090-b/spot', 'JETFLEET_PROVIDER_CAPACITY'],
      ['novita/CN-HK-01/prod-4090-b/on_demand', 'JETFLEET_PROVIDER_CAPACITY'],
      ['novita/CN-HK-01/prod-4090/on_demand', 'JETFLEET_PROVIDER_CAPACITY'],
    ]);
    await fleet.waitForJob('order-2-monitor', 'completed');
  });

  test('what refused an earlier attempt stays on the record of the job', async () => {
    fleet.simulator.faults.add({ ...full('prod-4090'), times: 4 });
    await add('order-14', { providers: ['novita'] });
    const { attempt } = await fleet.waitForJob('order-14', 'completed');
    expect(attempt).toBe(2);
    expect((await refusalsOf('order-14')).map(([offer]) => offer)).toEqual([
      'novita/CN-HK-01/prod-4090/spot',
      'novita/CN-HK-01/prod-4090-b/spot',
      'novita/CN-HK-01/prod-4090-b/on_demand',
    ]);
    await fleet.waitForJob('order-14-monitor', 'completed');
  });

  test('a provider that has too many requests is not avoided by other jobs', async () => {
    fleet.simulator.faults.add({ kind: 'rate_limited', route: '/gpu/instance/create', times: 1 });
    await add('order-15');
    expect((await fleet.waitForJob('order-15', 'completed')).result).toMatchObject({ provider: 'runpod' });
    await add('order-16', { placement: 'cheapest' });
    expect((await fleet.waitForJob('order-16', 'completed')).result).toMatchObject({
      productId: 'prod-4090',
    });
    for (const id of ['order-15', 'order-16']) await fleet.waitForJob(`${id}-monitor`, 'completed');
  });

  test('an offer that refused one job is tried last by the next', async () => {
    fleet.simulator.faults.add({ ...full('prod-4090'), times: 1 });
    await add('order-3');
    await fleet.waitForJob('order-3', 'completed');
    expect(await refusalsOf('order-3')).toHaveLength(1);
    await add('order-4');
    expect((await fleet.waitForJob('order-4', 'completed')).result).toMatchObject({
      productId: 'prod-4090-b',
    });
    expect(await refusalsOf('order-4')).toEqual([]);
  });

  test.each([
    ['BALANCE_NOT_ENOUGH', 'provider_balance'],
    ['CREATE_INSTANCE_LIMIT', 'provider_quota'],
  ] as const)('%s ends a provider for the job, raises %s, and another one rents', async (code, kind) => {
    using heard = hearAlerts();
    fleet.simulator.faults.add({ kind: 'error', status: 400, code, route: '/gpu/instance/create' });
    await add('order-5');
    expect((await fleet.waitForJob('order-5', 'completed')).result).toMatchObject({ provider: 'runpod' });
    expect(await refusalsOf('order-5')).toHaveLength(1);
    expect(heard.alerts).toMatchObject([{ kind, jobId: 'order-5' }]);
  });

  test('the one that started soonest is tried first by the policy fastest', async () => {
    await add('order-12', { providers: ['runpod'] });
    await fleet.waitForJob('order-12-monitor', 'completed');
    await add('order-13', { placement: 'fastest' });
    expect((await fleet.waitForJob('order-13', 'completed')).result).toMatchObject({ provider: 'runpod' });
  });

  test('a provider that cannot be asked keeps nobody from the others', async () => {
    runpod.faults.add({ kind: 'error', status: 500 });
    await add('order-6');
    expect((await fleet.waitForJob('order-6', 'completed')).result).toMatchObject({ provider: 'novita' });
    await fleet.waitForJob('order-6-monitor', 'completed');
  });

  test('a create of unknown outcome is looked up where it was sent, and rents once', async () => {
    fleet.simulator.faults.add({ kind: 'reset_after_create', times: 1 });
    await add('order-7');
    expect((await fleet.waitForJob('order-7', 'completed')).result).toMatchObject({
      novitaInstanceId: `novita:${fleet.simulator.ledger[0]?.instanceId}`,
      adopted: true,
    });
    expect(rented(fleet.simulator) + rented(runpod)).toBe(1);
  });

  test('nothing within the highest price is no capacity, and an unknown provider is refused', async () => {
    await add('order-8', { maxPricePerHour: 1_000 });
    const waiting = await fleet.waitForJob('order-8', 'retrying');
    expect(waiting.error).toMatchObject({ code: 'JETFLEET_PROVIDER_CAPACITY' });
    expect(waiting.error?.message).toContain('at most $0.01000 an hour');
    await add('order-9', { providers: ['acme'] });
    expect((await fleet.waitForJob('order-9', 'rejected')).error?.message).toContain('novita, runpod');
  });
});

describe('the order of offers', () => {
  type Known = Pick<OfferHistory, 'hasRefused' | 'startMs'>;
  /** The products in the order in which a worker with Novita alone tries them, and how often it read the history. */
  async function placed(
    more: Partial<CreateInstancePayload>,
    readOn: () => Promise<Known>,
    providers: readonly GpuProvider[] = [fleet.provider],
  ) {
    let reads = 0;
    const counted = () => {
      reads += 1;
      return readOn();
    };
    const history = { readOn: counted } as unknown as OfferHistory;
    const log: string[] = [];
    const job = { signal: new AbortController().signal, log: (text: string) => log.push(text) };
    const offers = await placedOffers(job as unknown as JobContext, order(more), {
      providers,
      templateOf: (_, provider) => provider.getTemplate('template-123'),
      history,
    });
    const tried = offers.map(({ productId, billingMode }) => `${productId} ${billingMode}`);
    return { tried, reads, log };
  }
  const knowing = async (refused: string): Promise<Known> => ({
    hasRefused: (offer) => offer.endsWith(refused),
    startMs: () => undefined,
  });
  const asOrdered = ['prod-4090 spot', 'prod-4090-b spot', 'prod-4090-b on_demand', 'prod-4090 on_demand'];

  test('of a job without a policy at one provider is its own: no history is read', async () => {
    const { tried, reads } = await placed({}, () => knowing('prod-4090/spot'));
    expect({ tried, reads }).toEqual({ tried: asOrdered, reads: 0 });
  });

  test('does without a history that cannot be read', async () => {
    const { tried, log } = await placed({ placement: 'ordered' }, async () => {
      throw new Error('no answer from EVENTS');
    });
    expect(tried).toEqual(asOrdered);
    expect(log).toEqual([expect.stringContaining('no answer from EVENTS')]);
  });

  test('without any provider that answers fails for good only where each has refused for good', async () => {
    const { capabilities } = fleet.provider;
    const down = (name: string, error: ProviderError) =>
      ({ name, capabilities, getTemplate: () => Promise.reject(error) }) as unknown as GpuProvider;
    const refused = down('a', new ProviderError('auth', 'bad key'));
    const late = down('b', new ProviderError('transient', 'answered 502'));
    const known = () => knowing('');
    await expect(placed({}, known, [refused, late])).rejects.toThrow('502');
    await expect(placed({}, known, [refused, refused])).rejects.toThrow('bad key');
    const empty = { name: 'c', capabilities, getTemplate: async () => ({}), listOffers: async () => [] };
    const full = empty as unknown as GpuProvider;
    await expect(placed({}, known, [full, late])).rejects.toThrow('502');
    expect((await placed({}, known, [full, refused])).tried).toEqual([]);
    const waitForCapacityUntil = new Date().toISOString();
    expect((await placed({ waitForCapacityUntil }, known, [full, late])).tried).toEqual([]);
  });

  test('keeps what the job has put first before what it has not, though that refused', async () => {
    const { tried } = await placed({ placement: 'ordered' }, () => knowing('/spot'));
    expect(tried).toEqual(asOrdered);
    const moved = await placed({ placement: 'ordered' }, () => knowing('prod-4090/spot'));
    expect(moved.tried.slice(0, 2)).toEqual(['prod-4090-b spot', 'prod-4090 spot']);
    const cheapest = await placed({ placement: 'cheapest' }, () => knowing('/spot'));
    expect(cheapest.tried.at(-1)).toBe('prod-4090-b spot');
  });
});

describe('an offer that takes too long', () => {
  test('is deleted, and the next one is tried, with one webhook at the end', async () => {
    fleet.simulator.faults.add({ kind: 'stuck_pulling', match: 'jetfleet-order-10' });
    await add('order-10', {
      offerTimeoutMs: 300,
      providers: ['novita', 'runpod'],
      billingModes: ['on_demand'],
    });
    const first = await fleet.waitForJob('order-10-monitor', 'completed');
    expect(first.result).toMatchObject({ status: 'replaced' });
    // The second offer of Novita is stuck as well.
    await fleet.waitForJob('order-10-monitor-next-monitor', 'completed');
    const last = 'order-10-monitor-next-monitor-next';
    expect((await fleet.waitForJob(last, 'completed')).result).toMatchObject({ provider: 'runpod' });
    expect((await fleet.waitForJob(`${last}-monitor`, 'completed')).result).toMatchObject({
      status: 'running',
    });
    await fleet.waitForJob(`${last}-monitor-webhook-running`, 'completed');
    expect(fleet.simulator.live()).toEqual([]);
    expect(runpod.live()).toHaveLength(1);
    expect(fleet.receiver.requests).toHaveLength(1);
  });

  test('times out where no time is left for another', async () => {
    fleet.simulator.faults.add({ kind: 'stuck_pulling' });
    await add('order-11', { offerTimeoutMs: 200, maxWaitTime: 300 });
    expect(await fleet.waitForJob('order-11-monitor', 'timed_out')).toMatchObject({
      error: { code: 'JETFLEET_INSTANCE_TIMEOUT' },
    });
    expect(fleet.simulator.live()).toEqual([]);
  });
});
