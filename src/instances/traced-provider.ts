import type { GpuProvider, Instance } from '../gpu/provider.js';
import type { Tracing } from '../telemetry/tracing.js';

/** A provider whose calls on behalf of traced jobs are reported. */
export function tracedProvider(provider: GpuProvider, tracing: Tracing): GpuProvider {
  const traced = <T>(operation: keyof GpuProvider, call: () => Promise<T>): Promise<T> => {
    const attributes = { 'jetfleet.provider.name': provider.name, 'jetfleet.provider.operation': operation };
    return tracing.calling({ name: `${provider.name} ${operation}`, attributes }, call);
  };
  const changing = (action: 'start' | 'restart' | 'migrate') => {
    const call = provider[action]?.bind(provider);
    return call && { [action]: (id: string, signal?: AbortSignal) => traced(action, () => call(id, signal)) };
  };
  return {
    ...changing('start'),
    ...changing('restart'),
    ...changing('migrate'),
    name: provider.name,
    capabilities: provider.capabilities,
    create: (spec, signal) => traced('create', () => provider.create(spec, signal)),
    get: (id, signal) => traced('get', () => provider.get(id, signal)),
    findByName: (name, signal) => traced('findByName', () => provider.findByName(name, signal)),
    delete: (id, signal) => traced('delete', () => provider.delete(id, signal)),
    stop: (id, signal) => traced('stop', () => provider.stop(id, signal)),
    listOffers: (query, signal) => traced('listOffers', () => provider.listOffers(query, signal)),
    getTemplate: (id, signal) => traced('getTemplate', () => provider.getTemplate(id, signal)),
    async *list(filter, signal): AsyncGenerator<Instance> {
      let end: (error?: unknown) => void = () => {};
      const walk = () =>
        new Promise<void>((resolve, reject) => {
          end = (error) => (error === undefined ? resolve() : reject(error));
        });
      traced('list', walk).catch(() => {});
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
