/** How providers fare is shared by all workers, and placement goes by it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DEFAULT_PROVIDER_POLICY } from '../../machines/index.js';
import type { Broker } from '../../src/broker/broker.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { TurnComesLater } from '../../src/gpu/api/call-turns.js';
import { defineProvider, type GpuProvider, ProviderError } from '../../src/gpu/index.js';
import type { CreateInstancePayload } from '../../src/index.js';
import { OfferHistory } from '../../src/instances/offer-history.js';
import { placedOffers } from '../../src/instances/placement.js';
import { ALL_REGIONS, ProviderHealth } from '../../src/instances/provider-health.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { JobContext } from '../../src/worker/job-handler.js';
import { hearAlerts } from '../support/alerts.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let broker: () => Promise<Broker>;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats, workers: 0 });
  broker = () => fleet.queue.broker();
  return () => fleet.close();
});

const TIRED = { ...DEFAULT_PROVIDER_POLICY, failures: 2, restMs: 60_000 };
const QUICK = { ...TIRED, restMs: 1, maxRestMs: 1, probeMs: 60_000 };
const healthOf = (policy = TIRED) => new ProviderHealth({ broker, logger: silentLogger, policy });
const down = () => Promise.reject(new ProviderError('transient', 'lambda answered 502'));

async function fail(health: ProviderHealth, region?: string, times = 2): Promise<void> {
  for (let each = 0; each < times; each++) {
    await expect(health.noted('lambda', region, down)).rejects.toThrow('502');
  }
}

test('failures in a row rest a provider for all workers, and its regions each by themselves', async () => {
  using heard = hearAlerts();
  const [one, two] = [healthOf(), healthOf()];
  await fail(one, undefined, 1);
  await one.noted('lambda', undefined, async () => 'an answer');
  await fail(one, undefined, 1);
  expect(await two.isUsable('lambda', ALL_REGIONS)).toBe(true);
  await fail(one, 'us-east-1');
  await fail(one, undefined, 1);
  const other = healthOf();
  expect(await other.isUsable('lambda', ALL_REGIONS)).toBe(false);
  expect(await other.isUsable('lambda', 'us-east-1')).toBe(false);
  expect(await other.isUsable('lambda', 'us-west-1')).toBe(true);
  expect(await other.isUsable('vast', ALL_REGIONS)).toBe(true);
  expect(await other.admits('lambda', ALL_REGIONS)).toMatchObject({ isAllowed: false });
  expect(await fleet.queue.providers()).toMatchObject([
    { provider: 'lambda', region: 'all', state: 'open', failures: 2, error: 'lambda answered 502' },
    { provider: 'lambda', region: 'us-east-1', state: 'open', failures: 2 },
  ]);
  expect(heard.alerts.map(({ kind }) => kind)).toEqual(['provider_down', 'provider_down']);
  // A poll that goes on while it rests ends the rest with its answer.
  await other.noted('lambda', undefined, async () => 'an answer');
  expect(await fleet.queue.providers()).toMatchObject([
    { region: 'all', state: 'closed' },
    { state: 'open' },
  ]);
});

test('a refusal is an answer, and a call that was not sent is none', async () => {
  const health = healthOf();
  await fail(health, undefined, 1);
  const refusals = [new ProviderError('capacity', 'sold out'), new ProviderError('rate_limited', 'wait')];
  for (const error of refusals) {
    await expect(health.noted('lambda', undefined, () => Promise.reject(error))).rejects.toBe(error);
  }
  const later = new TurnComesLater('comes later', 1_000, 'transient');
  for (let each = 0; each < 3; each++) {
    await expect(health.noted('lambda', undefined, () => Promise.reject(later))).rejects.toBe(later);
  }
  await fail(health, undefined, 1);
  expect(await health.isUsable('lambda', ALL_REGIONS)).toBe(true);
});

test('when a rest is over, one of all workers tries', async () => {
  const workers = Array.from({ length: 5 }, () => healthOf(QUICK));
  await fail(workers[0] as ProviderHealth);
  await expect
    .poll(async () => {
      const admitted = await Promise.all(workers.map((each) => each.admits('lambda', ALL_REGIONS)));
      return admitted.filter(({ isAllowed }) => isAllowed).length;
    })
    .toBe(1);
  expect(await fleet.queue.providers()).toMatchObject([{ state: 'halfOpen' }]);
  await workers[1]?.noted('lambda', undefined, async () => 'an answer');
  expect(await healthOf(QUICK).admits('lambda', ALL_REGIONS)).toEqual({ isAllowed: true });
});

test('placement passes over what rests, and waits where there is nothing else', async () => {
  const health = healthOf();
  const asked: string[] = [];
  const unasked: unknown[] = [];
  const onUnasked = (error: unknown) => void unasked.push(error);
  const providerOf = (name: string): GpuProvider =>
    defineProvider({
      ...{ name, create: down, get: down, findByName: down, delete: down },
      list: async function* () {},
      getTemplate: async (id) => ({ id, image: 'a/b:1', ports: [], envs: [] }),
      listOffers: async ({ productName, region, billingMode }) => {
        asked.push(name);
        return [{ productId: 'p', productName, region, billingMode, pricePerHour: 1 }];
      },
    });
  const payload = {
    ...{ productName: 'x', templateId: 't', gpuNum: 1, rootfsSize: 10 },
    ...{ region: 'us-east-1', regions: ['us-west-1'] },
  } as CreateInstancePayload;
  const job = { signal: new AbortController().signal, log: () => {} } as unknown as JobContext;
  const place = async (...names: string[]) => {
    const providers = names.map(providerOf);
    const history = new OfferHistory(broker);
    const templateOf = (_: JobContext, provider: GpuProvider) => provider.getTemplate('t');
    const services = { providers, templateOf, history, health, onUnasked };
    const offers = await placedOffers(job, payload, services);
    return offers.map(({ key }) => key);
  };
  await fail(health, 'us-east-1');
  // Providers without spot instances are asked for what they have.
  expect(await place('lambda')).toEqual(['lambda/us-west-1/p/on_demand']);
  expect(unasked.splice(0)).toEqual([expect.any(TurnComesLater)]);
  await fail(health, 'us-west-1');
  await expect(place('lambda')).rejects.toBeInstanceOf(TurnComesLater);
  expect(await place('lambda', 'vast')).toEqual(['vast/us-east-1/p/on_demand', 'vast/us-west-1/p/on_demand']);
  await fail(health);
  asked.length = unasked.length = 0;
  await expect(place('lambda')).rejects.toMatchObject({ turnInMs: expect.any(Number) });
  expect(await place('lambda', 'vast')).toHaveLength(2);
  expect(new Set(asked)).toEqual(new Set(['vast']));
  expect(unasked).toEqual([expect.objectContaining({ turnInMs: expect.any(Number) })]);
});

test('a broker that does not answer holds no provider back', async () => {
  const away = new ProviderHealth({ broker: () => Promise.reject(new Error('away')), logger: silentLogger });
  expect(await away.admits('lambda', ALL_REGIONS)).toEqual({ isAllowed: true });
  expect(await away.noted('lambda', undefined, async () => 'an answer')).toBe('an answer');
  await fail(away, undefined, 6);
  expect(await away.isUsable('lambda', ALL_REGIONS)).toBe(true);
});
