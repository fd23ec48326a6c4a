import type { GpuProvider, Instance } from '../gpu/provider.js';
import { defined } from '../jobs/defined.js';

/** What is called around each call of a provider; `region` is that of a create. */
export type Around = <T>(operation: keyof GpuProvider, call: () => Promise<T>, region?: string) => Promise<T>;

/** A provider with something around each of its calls. A list counts as one call until its end. */
export function aroundProvider(provider: GpuProvider, around: Around): GpuProvider {
  const changing = (action: 'start' | 'restart' | 'migrate') => {
    const call = provider[action]?.bind(provider);
    return call && { [action]: (id: string, signal?: AbortSignal) => around(action, () => call(id, signal)) };
  };
  return {
    ...changing('start'),
    ...changing('restart'),
    ...changing('migrate'),
    name: provider.name,
    ...defined({ account: provider.account }),
    capabilities: provider.capabilities,
    create: (spec, signal) => around('create', () => provider.create(spec, signal), spec.offer.region),
    get: (id, signal) => around('get', () => provider.get(id, signal)),
    findByName: (name, signal) => around('findByName', () => provider.findByName(name, signal)),
    delete: (id, signal) => around('delete', () => provider.delete(id, signal)),
    stop: (id, signal) => around('stop', () => provider.stop(id, signal)),
    listOffers: (query, signal) => around('listOffers', () => provider.listOffers(query, signal)),
    getTemplate: (id, signal) => around('getTemplate', () => provider.getTemplate(id, signal)),
    async *list(filter, signal): AsyncGenerator<Instance> {
      let end: (error?: unknown) => void = () => {};
      const walk = () =>
        new Promise<void>((resolve, reject) => {
          end = (error) => (error === undefined ? resolve() : reject(error));
        });
      around('list', walk).catch(() => {});
      try {
        yield* provider.list(filter, signal);
      } catch (error) {
        end(error ?? new Error('no reason'));
        throw error;
      } finally {
        end();
      }
    },
  };
}
