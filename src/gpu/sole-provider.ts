import { defined } from '../jobs/defined.js';
import { homeOf, ownId, unknownHome } from './instance-home.js';
import type { GpuProvider, Instance } from './provider.js';

/** Prefixes that are remembered; a provider whose ids have more of them takes an absence for uncertain. */
const MAX_PREFIXES = 100;

/**
 * The provider of a worker that has one alone. It shows ids as its own, and takes those that name it: a worker with several
 * has left them. Of an id that names another provider it knows nothing, so that it never says that such an instance is gone.
 */
export function soleProvider(provider: GpuProvider): GpuProvider {
  const { name } = provider;
  /** Beginnings of its own ids that look like names of providers. */
  const prefixes = new Set<string>();
  const noted = (id: string) => {
    const prefix = homeOf(id);
    if (prefix !== undefined && prefixes.size < MAX_PREFIXES) prefixes.add(prefix);
  };
  const shown = (instance: Instance): Instance => {
    noted(instance.id);
    return instance;
  };
  /** @throws ProviderError `transient` for an instance of another provider */
  const resolve = async (id: string, signal?: AbortSignal): Promise<string> => {
    const home = homeOf(id);
    if (home === undefined || prefixes.has(home)) return id;
    const own = ownId(name, id);
    if (own !== id) return own;
    // That it has this very instance is believed, whatever it answers otherwise is about an id that it never gave.
    const instance = await provider.get(id, signal).catch(() => null);
    signal?.throwIfAborted();
    if (!instance) throw unknownHome(id, [name]);
    noted(id);
    return id;
  };
  const act = (action: 'start' | 'restart' | 'migrate') => {
    const call = provider[action]?.bind(provider);
    const resolved = async (id: string, signal?: AbortSignal) => call?.(await resolve(id, signal), signal);
    return call && { [action]: resolved };
  };
  return {
    ...act('start'),
    ...act('restart'),
    ...act('migrate'),
    name,
    ...defined({ account: provider.account }),
    capabilities: provider.capabilities,
    async create(spec, signal) {
      const created = await provider.create(spec, signal);
      noted(created.providerInstanceId);
      return created;
    },
    async get(id, signal) {
      const instance = await provider.get(await resolve(id, signal), signal);
      // Asked for under another spelling, it is answered under that one.
      return instance && { ...shown(instance), id };
    },
    findByName: async (wanted, signal) => (await provider.findByName(wanted, signal)).map(shown),
    async *list(filter, signal) {
      for await (const instance of provider.list(filter, signal)) yield shown(instance);
    },
    delete: async (id, signal) => provider.delete(await resolve(id, signal), signal),
    stop: async (id, signal) => provider.stop(await resolve(id, signal), signal),
    listOffers: (query, signal) => provider.listOffers(query, signal),
    getTemplate: (id, signal) => provider.getTemplate(id, signal),
  };
}
