import { describe, expect, test, vi } from 'vitest';
import type { CreateSpec, GpuProvider, Instance, OfferQuery } from '../../src/gpu/provider.js';
import { ProviderError, type ProviderErrorClass } from '../../src/gpu/provider-error.js';

/** What a provider under test brings along; made afresh for every test. */
export interface ProviderHarness extends AsyncDisposable {
  provider: GpuProvider;
  /** The same account with a key that the provider refuses. */
  unauthorised: GpuProvider;
  /** A provider whose address nobody listens on. */
  unreachable: GpuProvider;
  templateId: string;
  /** Has at least two offers of different prices. */
  query: OfferQuery;
  /** Makes every offer of `query` disappear. */
  exhaustCapacity(): void;
  /** How many create calls reached the provider. */
  createCalls(): number;
}

/** Waits until a check passes, patiently enough for a busy machine. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 10_000, interval: 5 });
}

/** The class of the ProviderError that a call rejects with; fails when it does not. */
export async function errorClassOf(call: Promise<unknown>): Promise<ProviderErrorClass> {
  const error: unknown = await call.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProviderError);
  return (error as ProviderError).class;
}

/** A spec that `harness.provider` accepts: its cheapest offer and its template. */
export async function specFor(
  harness: Pick<ProviderHarness, 'provider' | 'query' | 'templateId'>,
  name: string,
): Promise<CreateSpec> {
  const [offer] = await harness.provider.listOffers(harness.query);
  const template = await harness.provider.getTemplate(harness.templateId);
  if (!offer) throw new Error('the harness has no offer');
  return { name, offer, template, gpuNum: harness.query.gpuNum, rootfsSize: 60 };
}

export async function collect(instances: AsyncIterable<Instance>): Promise<Instance[]> {
  const all: Instance[] = [];
  for await (const instance of instances) all.push(instance);
  return all;
}

/** What Jetfleet relies on in every {@link GpuProvider}, run against a real one or a simulated one over HTTP. */
export function describeGpuProvider(name: string, setup: () => Promise<ProviderHarness>): void {
  describe(`${name} conforms to GpuProvider`, () => {
    async function rent(harness: ProviderHarness, ...names: string[]): Promise<string[]> {
      const ids: string[] = [];
      for (const instanceName of names) {
        const { providerInstanceId } = await harness.provider.create(await specFor(harness, instanceName));
        ids.push(providerInstanceId);
      }
      return ids;
    }

    test('a created instance comes to run, with its name, region and endpoints', async () => {
      await using harness = await setup();
      const { provider, query } = harness;
      const [id = ''] = await rent(harness, 'jetfleet-one');
      const first = await provider.get(id);
      expect(first).toMatchObject({ id, name: 'jetfleet-one' });
      expect(['pending', 'provisioning', 'running']).toContain(first?.status);
      const running = await eventually(async () => {
        const instance = await provider.get(id);
        expect(instance).toMatchObject({ status: 'running', healthy: true });
        return instance;
      });
      expect(running?.region).toBe(query.region);
      expect(running?.endpoints.length).toBeGreaterThan(0);
      for (const { url } of running?.endpoints ?? []) expect(URL.canParse(url)).toBe(true);
      expect(new Date(running?.createdAt ?? '').getTime()).toBeLessThanOrEqual(Date.now());
    });

    test('findByName matches the whole name only', async () => {
      await using harness = await setup();
      const [id] = await rent(harness, 'jetfleet-a', 'jetfleet-a1', 'x-jetfleet-a', 'jetfleet-A');
      const found = await harness.provider.findByName('jetfleet-a');
      expect(found.map((instance) => instance.id)).toEqual([id]);
      expect(await harness.provider.findByName('jetfleet-')).toEqual([]);
    });

    test('findByName gives every instance of a name, in an order that stays the same', async () => {
      await using harness = await setup();
      const ids = await rent(harness, 'jetfleet-twice', 'jetfleet-twice', 'jetfleet-twice');
      const found = await harness.provider.findByName('jetfleet-twice');
      expect(found.map(({ id }) => id).sort()).toEqual([...ids].sort());
      const again = await harness.provider.findByName('jetfleet-twice');
      expect(again.map(({ id }) => id)).toEqual(found.map(({ id }) => id));
      const times = found.map(({ createdAt }) => createdAt ?? '');
      expect(times).toEqual([...times].sort());
    });

    test('delete can be repeated, and the instance is gone from reads and look-ups', async () => {
      await using harness = await setup();
      const { provider } = harness;
      const [id = ''] = await rent(harness, 'jetfleet-gone');
      await provider.delete(id);
      await provider.delete(id);
      await eventually(async () => expect(await provider.get(id)).toBeNull());
      await provider.delete(id);
      expect(await provider.findByName('jetfleet-gone')).toEqual([]);
    });

    test('an instance that never was reads as null, and deleting it succeeds', async () => {
      await using harness = await setup();
      expect(await harness.provider.get('no-such-instance')).toBeNull();
      await harness.provider.delete('no-such-instance');
      expect(await errorClassOf(harness.provider.stop('no-such-instance'))).toBe('not_found');
    });

    test('list gives all instances of a prefix once, over several pages', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, '');
      const names = Array.from({ length: 230 }, (_, index) => `jetfleet-${index}`);
      for (const each of [...names, 'other-1', 'my-jetfleet-1']) {
        await harness.provider.create({ ...spec, name: each });
      }
      const listed = await collect(harness.provider.list({ namePrefix: 'jetfleet-' }));
      expect(listed.map((instance) => instance.name).sort()).toEqual([...names].sort());
      expect(await collect(harness.provider.list())).toHaveLength(232);
    });

    test('stop ends in stopped', async () => {
      await using harness = await setup();
      const [id = ''] = await rent(harness, 'jetfleet-stop');
      await harness.provider.stop(id);
      await eventually(async () => expect((await harness.provider.get(id))?.status).toBe('stopped'));
    });

    test('offers fit the query and come cheapest first', async () => {
      await using harness = await setup();
      const { productName, region, billingMode } = harness.query;
      const offers = await harness.provider.listOffers(harness.query);
      expect(offers.length).toBeGreaterThan(1);
      for (const offer of offers) {
        expect(offer).toMatchObject({ productName, region, billingMode });
        expect(Number.isInteger(offer.pricePerHour)).toBe(true);
      }
      const prices = offers.map(({ pricePerHour }) => pricePerHour);
      expect(prices).toEqual([...prices].sort((a, b) => a - b));
    });

    test('no capacity, an unknown product and an unknown region give no offers', async () => {
      await using harness = await setup();
      const { provider, query } = harness;
      expect(await provider.listOffers({ ...query, productName: 'no such product' })).toEqual([]);
      expect(await provider.listOffers({ ...query, region: 'XX-NONE-99' })).toEqual([]);
      harness.exhaustCapacity();
      expect(await provider.listOffers(query)).toEqual([]);
    });

    test('create without capacity is refused as capacity, and makes nothing', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-full');
      harness.exhaustCapacity();
      expect(await errorClassOf(harness.provider.create(spec))).toBe('capacity');
      expect(harness.createCalls()).toBe(1);
      expect(await harness.provider.findByName(spec.name)).toEqual([]);
    });

    test('an invalid request is validation, an unknown template not_found, a refused key auth', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-invalid');
      expect(await errorClassOf(harness.provider.create({ ...spec, gpuNum: 99 }))).toBe('validation');
      expect(await errorClassOf(harness.provider.getTemplate('no-such-template'))).toBe('not_found');
      expect(await errorClassOf(harness.unauthorised.create(spec))).toBe('auth');
      expect(await errorClassOf(harness.unauthorised.get('any'))).toBe('auth');
    });

    test('without an answer reads and deletes are transient, a create is ambiguous', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-nobody');
      const { unreachable } = harness;
      expect(await errorClassOf(unreachable.create(spec))).toBe('ambiguous');
      expect(await errorClassOf(unreachable.get('any'))).toBe('transient');
      expect(await errorClassOf(unreachable.findByName('any'))).toBe('transient');
      expect(await errorClassOf(unreachable.delete('any'))).toBe('transient');
      expect(await errorClassOf(unreachable.stop('any'))).toBe('transient');
    });

    test('an aborted signal ends every call with its own reason', async () => {
      await using harness = await setup();
      const { provider } = harness;
      const spec = await specFor(harness, 'jetfleet-aborted');
      const reason = new Error('the caller has left');
      const signal = AbortSignal.abort(reason);
      await expect(provider.create(spec, signal)).rejects.toBe(reason);
      await expect(provider.get('any', signal)).rejects.toBe(reason);
      await expect(provider.findByName('any', signal)).rejects.toBe(reason);
      await expect(collect(provider.list({}, signal))).rejects.toBe(reason);
      await expect(provider.delete('any', signal)).rejects.toBe(reason);
      await expect(provider.listOffers(harness.query, signal)).rejects.toBe(reason);
      expect(harness.createCalls()).toBe(0);
    });
  });
}
