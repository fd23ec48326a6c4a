import { describe, expect, test } from 'vitest';
import { combinedProvider } from '../../src/gpu/combined-provider.js';
import { defineProvider, type GpuProvider, type Instance, type Offer } from '../../src/gpu/index.js';
import { soleProvider } from '../../src/gpu/sole-provider.js';
import { collect } from '../support/gpu-provider-conformance.js';

const read = { status: 'running', rawStatus: 'up', healthy: true, observedAt: '' } as const;
const shown = (id: string, createdAt: string): Instance => ({
  ...{ id, name: 'jetfleet-a', createdAt, endpoints: [] },
  ...read,
});

/** Notes what it is asked; its list fails after what it has, where `error` is given. */
function simple(name: string, instances: Instance[], error?: Error): GpuProvider & { calls: string[] } {
  const calls: string[] = [];
  const note = (call: string) => async (id: string) => void calls.push(`${call} ${id}`);
  const provider = defineProvider({
    name,
    create: async ({ offer }) => ({ providerInstanceId: `made-of-${offer.productId}` }),
    get: async (id) => instances.find((each) => each.id === id) ?? null,
    findByName: async () => {
      if (error) throw error;
      return instances;
    },
    async *list() {
      yield* instances;
      if (error) throw error;
    },
    delete: note('delete'),
    stop: note('stop'),
    start: note('start'),
    listOffers: async ({ productName, region, billingMode }) => [
      { productId: name, productName, region, billingMode, pricePerHour: name.length },
    ],
    getTemplate: async (id) => ({ id, image: name, ports: [], envs: [] }),
  });
  return Object.assign(provider, { calls });
}

const OLD = '2026-01-01T00:00:00.000Z';
const NEW = '2026-01-02T00:00:00.000Z';

describe('several providers as one', () => {
  test('what is asked of an instance goes to its provider, by the beginning of its id', async () => {
    const [near, far] = [simple('near', [shown('1', NEW)]), simple('far', [shown('1', OLD)])];
    const both = combinedProvider([near, far]);
    expect(await both.get('far:1')).toMatchObject({ id: 'far:1', createdAt: OLD });
    expect(await both.get('far:2')).toBeNull();
    await both.delete('far:1');
    await both.stop('near:1');
    await both.start?.('far:1');
    expect([near.calls, far.calls]).toEqual([['stop 1'], ['delete 1', 'start 1']]);
    await expect(both.migrate?.('far:1')).rejects.toMatchObject({ class: 'validation' });
  });

  test('an id without a name belongs to the one that has it', async () => {
    const [near, far] = [simple('near', []), simple('far', [shown('a:1', NEW)])];
    const both = combinedProvider([near, far]);
    expect(await both.get('a:1')).toMatchObject({ id: 'a:1' });
    await both.delete('a:1');
    await both.stop('a:1');
    expect([near.calls, far.calls]).toEqual([[], ['delete a:1', 'stop a:1']]);
    // Each of them has said so.
    expect(await both.get('1')).toBeNull();
    await both.delete('1');
    await expect(both.stop('1')).rejects.toMatchObject({ class: 'not_found' });
  });

  test('an id without a name is gone for nobody while one of them does not answer, or both have it', async () => {
    const [near, far] = [simple('near', []), simple('far', [])];
    const both = combinedProvider([near, { ...far, get: () => Promise.reject(new Error('down')) }]);
    await expect(both.get('1')).rejects.toThrow('down');
    await expect(both.delete('1')).rejects.toThrow('down');
    const twice = combinedProvider([simple('near', [shown('1', NEW)]), simple('far', [shown('1', NEW)])]);
    await expect(twice.delete('1')).rejects.toMatchObject({ class: 'transient' });
  });

  test('a name is looked up at all of them, the oldest first; one that fails fails it', async () => {
    const near = simple('near', [shown('1', NEW)]);
    const found = await combinedProvider([near, simple('far', [shown('1', OLD)])]).findByName('jetfleet-a');
    expect(found.map(({ id }) => id)).toEqual(['far:1', 'near:1']);
    const failing = simple('far', [], new Error('down'));
    await expect(combinedProvider([near, failing]).findByName('jetfleet-a')).rejects.toThrow('down');
  });

  test('a list that fails keeps no other back, and its error comes last', async () => {
    const failing = simple('far', [], new Error('down'));
    const seen: string[] = [];
    const walk = async () => {
      const near = simple('near', [shown('1', NEW), shown('2', NEW)]);
      for await (const { id } of combinedProvider([failing, near]).list()) seen.push(id);
    };
    await expect(walk()).rejects.toThrow('down');
    expect(seen).toEqual(['near:1', 'near:2']);
    const whole = combinedProvider([simple('near', [shown('1', NEW)]), simple('far', [shown('1', OLD)])]);
    expect((await collect(whole.list())).map(({ id }) => id).sort()).toEqual(['far:1', 'near:1']);
  });

  test('offers name their provider, which rents them', async () => {
    const both = combinedProvider([simple('near', []), simple('far', [])]);
    const query = { productName: 'x', region: 'r', gpuNum: 1, billingMode: 'spot' } as const;
    const offers = await both.listOffers(query);
    expect(offers.map(({ provider }) => provider)).toEqual(['far', 'near']);
    const template = await both.getTemplate('t');
    const spec = { name: 'jetfleet-a', offer: offers[0] as Offer, template, gpuNum: 1, rootfsSize: 10 };
    expect(await both.create(spec)).toEqual({ providerInstanceId: 'far:made-of-far' });
  });

  test.each<[string, (known: GpuProvider) => GpuProvider]>([
    ['several', (known) => combinedProvider([known, simple('far', [])])],
    ['one', soleProvider],
  ])('a worker with %s proves nothing of an instance of a provider that it lacks', async (_, providerOf) => {
    const near = simple('near', []);
    const provider = providerOf(near);
    const unknown = { class: 'transient', message: expect.stringContaining('run a worker with gone') };
    await expect(provider.get('gone:1')).rejects.toMatchObject(unknown);
    await expect(provider.delete('gone:1')).rejects.toMatchObject(unknown);
    await expect(provider.stop('gone:1')).rejects.toMatchObject(unknown);
    expect(near.calls).toEqual([]);
  });

  test.each<[GpuProvider[], RegExp]>([
    [[], /at least one provider/],
    [[simple('near', []), simple('near', [])], /two providers with the name near/],
  ])('%j is refused', (providers, message) => {
    expect(() => combinedProvider(providers)).toThrow(message);
  });
});

describe('one provider alone', () => {
  test('takes an id that names it, and shows its own', async () => {
    const near = simple('near', [shown('1', NEW)]);
    const provider = soleProvider(near);
    expect(await provider.get('near:1')).toMatchObject({ id: 'near:1' });
    expect(await provider.get('near:2')).toBeNull();
    await provider.delete('near:1');
    await provider.start?.('near:1');
    await provider.stop('1');
    expect(near.calls).toEqual(['delete 1', 'start 1', 'stop 1']);
    expect((await provider.findByName('jetfleet-a')).map(({ id }) => id)).toEqual(['1']);
  });

  test('may have ids that look as if they named another', async () => {
    const instances = [shown('arn:1', NEW)];
    const near = simple('near', instances);
    const provider = soleProvider(near);
    expect(await provider.get('arn:1')).toMatchObject({ id: 'arn:1' });
    await provider.delete('arn:1');
    instances.pop();
    expect(await provider.get('arn:1')).toBeNull();
    expect(near.calls).toEqual(['delete arn:1']);
  });
});
