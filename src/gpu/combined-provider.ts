import { defined } from '../jobs/defined.js';
import { invalidOption } from '../jobs/errors.js';
import { homeOf, ownId, qualifiedId, unknownHome } from './instance-home.js';
import type { GpuProvider, Instance, OfferQuery } from './provider.js';
import { ProviderError } from './provider-error.js';

/** Several providers as one. Ids of instances begin with the name of their provider: `runpod:7h9k2m4n6p`. */
export interface CombinedProvider extends GpuProvider {
  /** Each of them, with ids as they are here. */
  readonly parts: readonly GpuProvider[];
}

/**
 * Several providers as one: what is asked of one instance goes to its provider, and lists are those of all. A provider that fails
 * keeps no other from being listed: its error comes last. All are asked for an id that names none of them, so that instances
 * of a worker that had one provider alone are still known, and nobody is gone because the wrong one was asked.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for none, and for two of one name
 */
export function combinedProvider(providers: readonly GpuProvider[]): CombinedProvider {
  const [first] = providers;
  if (!first) throw invalidOption('provider must have at least one provider');
  const names = providers.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalidOption(`provider has two providers with the name ${twice}`);
  const parts = providers.map(qualified);
  const byName = new Map(parts.map((part) => [part.name, part]));
  const named = (id: string) => parts.find(({ name }) => ownId(name, id) !== id);
  /**
   * The provider of an instance, its id there, and the instance where it was read for that; undefined where each of them has said that it does not know it.
   * @throws ProviderError of one that does not answer; `transient` for an instance of none of them, or of more than one
   */
  const find = async (id: string, signal?: AbortSignal): Promise<Home | undefined> => {
    const given = named(id);
    if (given) return { part: given, id };
    const asked = await Promise.allSettled(parts.map((part) => part.get(qualifiedId(part.name, id), signal)));
    signal?.throwIfAborted();
    const [home, other] = parts.flatMap((part, at) => {
      const each = asked[at];
      const instance = each?.status === 'fulfilled' ? each.value : null;
      return instance ? [{ part, id: instance.id, instance }] : [];
    });
    if (home && other) {
      const both = `both ${home.part.name} and ${other.part.name} have an instance ${id}`;
      throw new ProviderError('transient', both);
    }
    if (home) return home;
    if (homeOf(id) !== undefined) throw unknownHome(id, names);
    for (const each of asked) if (each.status === 'rejected') throw each.reason;
    return undefined;
  };
  const found = async (id: string, signal?: AbortSignal) => {
    const home = await find(id, signal);
    if (home) return home;
    throw new ProviderError('not_found', `none of ${names.join(', ')} has an instance ${id}`);
  };
  const act = (action: 'start' | 'restart' | 'migrate') => async (id: string, signal?: AbortSignal) => {
    const home = await found(id, signal);
    const call = home.part[action];
    if (!call) throw new ProviderError('validation', `${home.part.name} cannot ${action} instances`);
    await call(home.id, signal);
  };
  return {
    name: names.join('+'),
    parts,
    capabilities: {
      stopStart: parts.every(({ capabilities }) => capabilities.stopStart),
      restart: parts.some(({ capabilities }) => capabilities.restart),
      migrate: parts.some(({ capabilities }) => capabilities.migrate),
      spot: parts.some(({ capabilities }) => capabilities.spot),
      exactNameLookup: parts.every(({ capabilities }) => capabilities.exactNameLookup),
      maxNameLength: Math.min(...parts.map(({ capabilities }) => capabilities.maxNameLength)),
    },
    create: (spec, signal) =>
      (byName.get(spec.offer.provider ?? '') ?? (parts[0] as GpuProvider)).create(spec, signal),
    async get(id, signal) {
      const home = await find(id, signal);
      const instance = home && (home.instance ?? (await home.part.get(home.id, signal)));
      // Asked for without a name, it is answered without one.
      return instance ? { ...instance, id } : null;
    },
    async findByName(name, signal) {
      const found = await Promise.all(parts.map((part) => part.findByName(name, signal)));
      return found.flat().sort(byAge);
    },
    list: (filter, signal) => listAll(parts, filter, signal),
    async delete(id, signal) {
      const home = await find(id, signal);
      await home?.part.delete(home.id, signal);
    },
    async stop(id, signal) {
      const home = await found(id, signal);
      await home.part.stop(home.id, signal);
    },
    start: act('start'),
    restart: act('restart'),
    migrate: act('migrate'),
    async listOffers(query, signal) {
      const offers = await Promise.all(parts.map((part) => part.listOffers(query, signal)));
      return offers.flat().sort((a, b) => a.pricePerHour - b.pricePerHour);
    },
    getTemplate: (id, signal) => (parts[0] as GpuProvider).getTemplate(id, signal),
  };
}

interface Home {
  part: GpuProvider;
  id: string;
  instance?: Instance;
}

/** A provider whose ids begin with its name. */
function qualified(provider: GpuProvider): GpuProvider {
  const { name } = provider;
  const named = (instance: Instance): Instance => ({ ...instance, id: qualifiedId(name, instance.id) });
  const own = (id: string) => ownId(name, id);
  const act = (action: 'start' | 'restart' | 'migrate') => {
    const call = provider[action]?.bind(provider);
    return call && { [action]: (id: string, signal?: AbortSignal) => call(own(id), signal) };
  };
  return {
    name,
    ...defined({ account: provider.account }),
    capabilities: provider.capabilities,
    async create(spec, signal) {
      const { providerInstanceId } = await provider.create(spec, signal);
      return { providerInstanceId: qualifiedId(name, providerInstanceId) };
    },
    async get(id, signal) {
      const instance = await provider.get(own(id), signal);
      return instance && named(instance);
    },
    findByName: async (wanted, signal) => (await provider.findByName(wanted, signal)).map(named),
    async *list(filter, signal) {
      for await (const instance of provider.list(filter, signal)) yield named(instance);
    },
    delete: (id, signal) => provider.delete(own(id), signal),
    stop: (id, signal) => provider.stop(own(id), signal),
    ...act('start'),
    ...act('restart'),
    ...act('migrate'),
    listOffers: async (query: OfferQuery, signal) => {
      const offers = await provider.listOffers(query, signal);
      return offers.map((offer) => ({ ...offer, provider: name }));
    },
    getTemplate: (id, signal) => provider.getTemplate(id, signal),
  };
}

function byAge(a: Instance, b: Instance): number {
  const [first, second] = [`${a.createdAt ?? ''} ${a.id}`, `${b.createdAt ?? ''} ${b.id}`];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** The list of one provider or of several has failed, and those of the others are at their end. */
export class PartsUnreachable extends ProviderError {
  readonly failures: readonly { provider: string; error: unknown }[];

  constructor(failures: readonly { provider: string; error: unknown }[]) {
    const errors = failures.map(({ error }) => error);
    const first = errors.find((error) => error instanceof ProviderError);
    const why = failures.map(({ provider, error }) => `${provider}: ${messageOf(error)}`).join('; ');
    super(first?.class ?? 'transient', why, {
      cause: errors[0],
      ...defined({ retryAfterMs: first?.retryAfterMs }),
    });
    this.failures = failures;
  }

  /** Whether the list that would show the instance is one of those that failed. */
  hides(id: string): boolean {
    return this.failures.some(({ provider }) => ownId(provider, id) !== id);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * All instances of several providers, as they come.
 * @throws PartsUnreachable once every other list is at its end; the reason of `signal`
 */
async function* listAll(
  parts: readonly GpuProvider[],
  filter: Parameters<GpuProvider['list']>[0],
  signal: AbortSignal | undefined,
): AsyncGenerator<Instance> {
  type Step = { at: number; result?: IteratorResult<Instance>; error?: unknown };
  const iterators = parts.map((part) => part.list(filter, signal)[Symbol.asyncIterator]());
  const next = (at: number): Promise<Step> =>
    (iterators[at] as AsyncIterator<Instance>).next().then(
      (result) => ({ at, result }),
      (error: unknown) => ({ at, error }),
    );
  const steps = new Map(iterators.map((_, at) => [at, next(at)]));
  const failures: { provider: string; error: unknown }[] = [];
  try {
    while (steps.size > 0) {
      const { at, result, error } = await Promise.race(steps.values());
      if (result && !result.done) {
        steps.set(at, next(at));
        yield result.value;
        continue;
      }
      steps.delete(at);
      if (!result) failures.push({ provider: parts[at]?.name ?? '', error });
    }
    signal?.throwIfAborted();
    if (failures.length > 0) throw new PartsUnreachable(failures);
  } finally {
    // Not awaited: a list that hangs would hold its reader back.
    for (const at of steps.keys()) iterators[at]?.return?.().catch(() => {});
  }
}
