import { expect, test } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
import { combinedProvider, defineProvider, type GpuProvider, type Instance } from '../../src/gpu/index.js';
import { instanceNameFor } from '../../src/gpu/instance-name.js';
import { soleProvider } from '../../src/gpu/sole-provider.js';
import { OwnedInstances, type Wanted } from '../../src/instances/owned-instances.js';
import type { JobContext } from '../../src/worker/job-handler.js';

const createdAt = '2026-01-01T00:00:00.000Z';
const NAME = instanceNameFor({ id: 'order', createdAt }, 'n');

/** A provider with instances of the name, or one that is down. */
function simple(name: string, has: readonly string[] | 'down'): GpuProvider {
  const all = (): Instance[] => {
    if (has === 'down') throw new Error(`${name} is down`);
    const read = { status: 'running', rawStatus: 'up', healthy: true, observedAt: '' } as const;
    return has.map((id) => ({ id, name: NAME, endpoints: [], ...read }));
  };
  return defineProvider({
    name,
    create: () => Promise.reject(new Error('not rented here')),
    get: async (id) => all().find((each) => each.id === id) ?? null,
    findByName: async () => all(),
    async *list() {
      yield* all();
    },
    delete: async () => {},
    listOffers: async () => [],
    getTemplate: async (id) => ({ id, image: name, ports: [], envs: [] }),
  });
}

/** What the job that deletes finds, of a create job whose creates were sent to some providers. */
async function found(providers: GpuProvider[], sentTo: string[], wanted: Wanted): Promise<string[]> {
  const checkpoint = { instanceName: NAME, productId: 'x', sentTo };
  const creator = { id: 'order', type: 'create_instance', createdAt, checkpoint };
  const broker = { subjects: { namespace: 'n' }, lastEvent: async () => ({ record: creator }) };
  const isOne = providers.length === 1;
  const provider = isOne ? soleProvider(providers[0] as GpuProvider) : combinedProvider(providers);
  const parts = 'parts' in provider ? (provider.parts as GpuProvider[]) : [provider];
  const instances = new OwnedInstances(provider, async () => broker as unknown as Broker, parts);
  const job = {
    record: { id: 'order-delete', type: 'delete_instance', parentId: 'order' },
    signal: new AbortController().signal,
  };
  return (await instances.find(job as unknown as JobContext, wanted)).map(({ id }) => id);
}

const byName: Wanted = { ids: [], name: NAME };

test.each<[string, GpuProvider[], string[], Wanted, string[]]>([
  ['one is down', [simple('near', ['1']), simple('far', 'down')], ['near', 'far'], byName, ['near:1']],
  [
    'one of its ids is there',
    [simple('near', ['1']), simple('far', 'down')],
    ['near', 'far'],
    { ids: ['far:9', 'near:1'] },
    ['near:1'],
  ],
  ['the worker lacks one', [simple('near', ['1'])], ['near', 'gone'], byName, ['1']],
])('what one provider shows is deleted though %s', async (_, providers, sentTo, wanted, ids) => {
  expect(await found(providers, sentTo, wanted)).toEqual(ids);
});

test.each<[string, GpuProvider[], string[], Wanted]>([
  ['its name was never sent there', [simple('near', []), simple('far', 'down')], ['near'], byName],
  ['its id names another', [simple('near', []), simple('far', 'down')], ['far'], { ids: ['near:1'] }],
])('a provider that is down keeps nothing from being gone where %s', async (_, providers, sentTo, wanted) => {
  expect(await found(providers, sentTo, wanted)).toEqual([]);
});

test.each<[string, GpuProvider[], string[], Wanted, RegExp]>([
  ['is down', [simple('near', []), simple('far', 'down')], ['near', 'far'], byName, /far is down/],
  [
    'is down that has its id',
    [simple('near', []), simple('far', 'down')],
    ['near'],
    { ids: ['far:1'] },
    /down/,
  ],
  ['is not here', [simple('near', [])], ['gone'], byName, /run a worker with gone/],
  ['is not here, by its id', [simple('near', [])], ['gone'], { ids: ['1'] }, /run a worker with gone/],
])('nothing is gone while a provider %s', async (_, providers, sentTo, wanted, message) => {
  await expect(found(providers, sentTo, wanted)).rejects.toThrow(message);
});
