import { withDeadline } from '../jobs/deadline.js';
import { defined } from '../jobs/defined.js';
import { isCount } from '../jobs/guards.js';
import { guardedSignal } from '../telemetry/guarded-signal.js';
import { type CallTurns, carrying, turnsOf } from './api/call-turns.js';
import { type GpuProvider, type Instance, isInstanceId, type Offer, type Template } from './provider.js';
import { ProviderError, type ProviderErrorClass } from './provider-error.js';

/** Longest wait for one call of a provider, in milliseconds; an adapter's own limits are shorter. */
const PROVIDER_CALL_TIMEOUT_MS = 120_000;
/** A list that is longer repeats itself, and would never end. */
const MAX_LISTED = 1_000_000;

/**
 * A provider held to its contract, whoever wrote it: each call ends by its deadline or with the caller's signal, even if
 * the provider ignores both, and an answer that is not of its kind is an error and never an absence.
 * @param callTimeoutMs limit for each call, and for each step of a list. Defaults to 120,000
 * @param onListenerFailure called with what a listener to the signal of a call throws. Defaults to nothing
 * @param maxListed a longer list is an error. Defaults to 1,000,000
 * @param turns where calls take turns, where their own signal says nothing else. Defaults to nowhere
 */
export function checkedProvider(
  provider: GpuProvider,
  callTimeoutMs = PROVIDER_CALL_TIMEOUT_MS,
  onListenerFailure: (error: unknown) => void = () => {},
  maxListed = MAX_LISTED,
  turns?: CallTurns,
): GpuProvider {
  const guarded = (signal: AbortSignal, caller: AbortSignal | undefined) =>
    carrying(guardedSignal(signal, onListenerFailure), turnsOf(caller) ?? turns);
  const within = async <T>(
    name: keyof GpuProvider,
    signal: AbortSignal | undefined,
    call: (signal: AbortSignal) => Promise<T>,
    isOfItsKind: (answer: T) => boolean = () => true,
  ): Promise<T> => {
    const failure = (what: string) => new ProviderError(late(name), `${provider.name} ${name} gave ${what}`);
    const tooLate = () => failure(`no answer within ${callTimeoutMs} ms`);
    const answer = await withDeadline(callTimeoutMs, [signal], tooLate, (ended) =>
      call(guarded(ended, signal)),
    );
    if (isOfItsKind(answer)) return answer;
    throw failure('an answer that is not of its kind');
  };
  /** @throws ProviderError `validation` where the provider has no such call */
  const able = (action: 'start' | 'restart' | 'migrate') => {
    const call = provider[action];
    if (call) return call;
    throw new ProviderError('validation', `${provider.name} cannot ${action} instances`);
  };
  return {
    name: provider.name,
    ...defined({ account: provider.account }),
    capabilities: provider.capabilities,
    create: (spec, signal) => {
      const isCreated = (created: Awaited<ReturnType<GpuProvider['create']>>) =>
        isInstanceId(created?.providerInstanceId);
      return within('create', signal, (ended) => provider.create(spec, ended), isCreated);
    },
    get: (id, signal) => {
      const isIt = (answer: Instance | null) => answer === null || (isInstance(answer) && answer.id === id);
      return within('get', signal, (ended) => provider.get(id, ended), isIt);
    },
    findByName: (name, signal) => {
      const isNamed = (each: unknown) => isInstance(each) && each.name === name;
      return within('findByName', signal, (ended) => provider.findByName(name, ended), isListOf(isNamed));
    },
    list,
    delete: (id, signal) => within('delete', signal, (ended) => provider.delete(id, ended)),
    stop: (id, signal) => within('stop', signal, (ended) => provider.stop(id, ended)),
    start: (id, signal) => within('start', signal, (ended) => able('start').call(provider, id, ended)),
    restart: (id, signal) => within('restart', signal, (ended) => able('restart').call(provider, id, ended)),
    migrate: (id, signal) => within('migrate', signal, (ended) => able('migrate').call(provider, id, ended)),
    // An offer that cannot be read, such as one without a price, refuses no other. Where none can be read, that is no absence.
    listOffers: async (query, signal) => {
      const isList = (answer: Offer[]) =>
        Array.isArray(answer) && (answer.length === 0 || answer.some(isOffer));
      const call = (ended: AbortSignal) => provider.listOffers(query, ended);
      return (await within('listOffers', signal, call, isList)).filter(isOffer);
    },
    getTemplate: (id, signal) =>
      within('getTemplate', signal, (ended) => provider.getTemplate(id, ended), isTemplate),
  };

  async function* list(
    filter: Parameters<GpuProvider['list']>[0],
    signal?: AbortSignal,
  ): AsyncGenerator<Instance> {
    const { namePrefix = '' } = filter ?? {};
    const ended = new AbortController();
    let instances: AsyncIterator<Instance> | undefined;
    try {
      for (let shown = 0; shown <= maxListed; shown++) {
        const step = await within('list', signal, async () => {
          instances ??= provider.list(filter, guarded(ended.signal, signal))[Symbol.asyncIterator]();
          return instances.next();
        });
        if (step.done) return;
        // As the contract says: what cannot be read is left out, and fails no other.
        if (isInstance(step.value) && step.value.name.startsWith(namePrefix)) yield step.value;
      }
      throw new ProviderError(late('list'), `${provider.name} list did not end after ${maxListed} instances`);
    } finally {
      ended.abort(signal?.reason);
      // Not awaited: a list that hangs would hold its reader back.
      instances?.return?.().catch(() => {});
    }
  }
}

/** What a call without an answer proves. */
function late(name: keyof GpuProvider): ProviderErrorClass {
  return name === 'create' ? 'ambiguous' : 'transient';
}

function isListOf(isOne: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.every(isOne);
}

function isInstance(value: unknown): value is Instance {
  const { id, name, status } = (value ?? {}) as Partial<Instance>;
  return isInstanceId(id) && typeof name === 'string' && typeof status === 'string';
}

function isOffer(value: unknown): boolean {
  const { productId, region, pricePerHour } = (value ?? {}) as Partial<Offer>;
  return typeof productId === 'string' && typeof region === 'string' && isCount(pricePerHour);
}

function isTemplate(value: unknown): boolean {
  const { image, ports, envs } = (value ?? {}) as Partial<Template>;
  return typeof image === 'string' && Array.isArray(ports) && Array.isArray(envs);
}
