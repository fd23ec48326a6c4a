import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { checkedProvider } from '../../src/gpu/checked-provider.js';
import type { CreateSpec, GpuProvider, Instance } from '../../src/gpu/index.js';
import { collect, errorClassOf } from '../support/gpu-provider-conformance.js';

const INSTANCE: Instance = {
  id: 'i-1',
  name: 'jetfleet-a',
  status: 'running',
  rawStatus: 'running',
  healthy: true,
  endpoints: [],
  observedAt: '2026-01-01T00:00:00.000Z',
};
const SPEC = {} as CreateSpec;

/** A provider of somebody else's, each call of which does the same. */
function providerThat(answer: () => unknown): GpuProvider {
  const call = async () => (await answer()) as never;
  return {
    name: 'theirs',
    capabilities: { stopStart: true, spot: false, exactNameLookup: false, maxNameLength: 60 },
    create: call,
    get: call,
    findByName: call,
    list: async function* () {
      yield (await answer()) as never;
    },
    delete: call,
    stop: call,
    listOffers: call,
    getTemplate: call,
  };
}

/** One that never answers, and listens to the signal of each call. */
function listeningProvider(onAbort: () => void): GpuProvider {
  const listen = (...given: unknown[]) => {
    for (const each of given) if (each instanceof AbortSignal) each.addEventListener('abort', onAbort);
    return new Promise<never>(() => {});
  };
  const listening = Object.fromEntries(CALLS.map(([name]) => [name, listen]));
  return {
    ...providerThat(() => {}),
    ...listening,
    list: async function* (_, signal) {
      yield await listen(signal);
    },
  };
}

const CALLS: readonly [string, (provider: GpuProvider, signal?: AbortSignal) => Promise<unknown>][] = [
  ['create', (provider, signal) => provider.create(SPEC, signal)],
  ['get', (provider, signal) => provider.get('i-1', signal)],
  ['findByName', (provider, signal) => provider.findByName('jetfleet-a', signal)],
  ['list', (provider, signal) => collect(provider.list({}, signal))],
  ['delete', (provider, signal) => provider.delete('i-1', signal)],
  ['stop', (provider, signal) => provider.stop('i-1', signal)],
  ['listOffers', (provider, signal) => provider.listOffers({} as never, signal)],
  ['getTemplate', (provider, signal) => provider.getTemplate('t', signal)],
];

describe.each(CALLS)('%s of a provider that', (name, call) => {
  const late = name === 'create' ? 'ambiguous' : 'transient';

  test('never answers ends by its deadline', async () => {
    const provider = checkedProvider(
      providerThat(() => new Promise(() => {})),
      20,
    );
    expect(await errorClassOf(call(provider))).toBe(late);
  });

  test('listens to its signal with a function that throws harms nobody', async () => {
    const failures: unknown[] = [];
    const provider = listeningProvider(() => {
      throw new Error('no');
    });
    const guarded = checkedProvider(provider, 20, (error) => failures.push(error));
    expect(await errorClassOf(call(guarded))).toBe(late);
    // An uncaught exception would fail this file.
    await delay(1);
    expect(failures).toEqual([new Error('no')]);
  });

  test('heeds no signal ends with its caller all the same', async () => {
    const provider = checkedProvider(providerThat(() => new Promise(() => {})));
    const controller = new AbortController();
    const reason = new Error('the caller has left');
    const pending = call(provider, controller.signal);
    setImmediate(() => controller.abort(reason));
    await expect(pending).rejects.toBe(reason);
    await expect(call(provider, controller.signal)).rejects.toBe(reason);
  });

  test('fails fails as it says', async () => {
    const error = new Error('theirs');
    const provider = checkedProvider(providerThat(() => Promise.reject(error)));
    await expect(call(provider)).rejects.toBe(error);
  });
});

test.each<[string, unknown, (provider: GpuProvider) => Promise<unknown>]>([
  ['get gives nothing', undefined, (provider) => provider.get('i-1')],
  ['get gives another instance', { ...INSTANCE, id: 'i-2' }, (provider) => provider.get('i-1')],
  ['get gives text', 'i-1', (provider) => provider.get('i-1')],
  ['get gives an instance without a status', { id: 'i-1', name: 'a' }, (provider) => provider.get('i-1')],
  ['findByName gives one of another name', [INSTANCE], (provider) => provider.findByName('jetfleet')],
  ['findByName gives nothing', undefined, (provider) => provider.findByName('a')],
  ['findByName gives null', null, (provider) => provider.findByName('a')],
  ['findByName gives an odd element', [null], (provider) => provider.findByName('a')],
  [
    'findByName gives an id that no job can carry',
    [{ ...INSTANCE, id: '' }],
    (provider) => provider.findByName('a'),
  ],
  ['listOffers gives nothing', undefined, (provider) => provider.listOffers({} as never)],
  ['listOffers gives an odd element', [null], (provider) => provider.listOffers({} as never)],
  ['listOffers gives an offer of nothing', [{ region: 'r' }], (provider) => provider.listOffers({} as never)],
  ['getTemplate gives nothing', undefined, (provider) => provider.getTemplate('t')],
  ['getTemplate gives no image', { id: 't', ports: [], envs: [] }, (provider) => provider.getTemplate('t')],
])('%s: that is no absence', async (_what, answer, call) => {
  expect(await errorClassOf(call(checkedProvider(providerThat(() => answer))))).toBe('transient');
});

test.each(
  [undefined, null, {}, '', 7, ' ', 'x'.repeat(201), 'a\ud800', 'a\r\nb'].map((id) =>
    typeof id === 'object' || id === undefined ? id : { providerInstanceId: id },
  ),
)('a create that gives %j is ambiguous', async (answer) => {
  expect(await errorClassOf(checkedProvider(providerThat(() => answer)).create(SPEC))).toBe('ambiguous');
});

test('what is as agreed passes unchanged', async () => {
  expect(await checkedProvider(providerThat(() => null)).get('i-1')).toBeNull();
  expect(await checkedProvider(providerThat(() => INSTANCE)).get('i-1')).toBe(INSTANCE);
  expect(await checkedProvider(providerThat(() => [INSTANCE])).findByName('jetfleet-a')).toEqual([INSTANCE]);
  expect(await collect(checkedProvider(providerThat(() => INSTANCE)).list())).toEqual([INSTANCE]);
  expect(await checkedProvider(providerThat(() => ({ providerInstanceId: 'i' }))).create(SPEC)).toEqual({
    providerInstanceId: 'i',
  });
});

test('an offer that cannot be read is left out of a list, and refuses no other', async () => {
  const offer = { productId: 'p', region: 'r', pricePerHour: 5 };
  const odd = [
    null,
    { ...offer, pricePerHour: 0.5 },
    { productId: 'p', region: 'r' },
    { ...offer, pricePerHour: -1 },
  ];
  const provider = checkedProvider(providerThat(() => [...odd, offer]));
  expect(await provider.listOffers({} as never)).toEqual([offer]);
});

test.each([undefined, null, 'x', {}, { ...INSTANCE, id: 7 }])('%j in a list is left out', async (element) => {
  expect(await collect(checkedProvider(providerThat(() => element)).list())).toEqual([]);
});

test('what does not have the prefix is no part of a list', async () => {
  const provider = checkedProvider(providerThat(() => INSTANCE));
  expect(await collect(provider.list({ namePrefix: 'jetfleet-b' }))).toEqual([]);
  expect(await collect(provider.list({ namePrefix: 'jetfleet-' }))).toEqual([INSTANCE]);
});

test('a list of as many as may be is whole', async () => {
  const provider = providerThat(() => INSTANCE);
  expect(await collect(checkedProvider(provider, undefined, undefined, 1).list())).toEqual([INSTANCE]);
});

test('a list that repeats itself for ever ends', async () => {
  const provider = providerThat(() => INSTANCE);
  provider.list = () => ({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: false, value: INSTANCE }) }),
  });
  const readOn = async () => {
    for await (const _ of checkedProvider(provider, undefined, undefined, 1_000).list());
  };
  expect(await errorClassOf(readOn())).toBe('transient');
});

test('a reader that leaves a list ends it', async () => {
  let isClosed = false;
  const provider = providerThat(() => INSTANCE);
  provider.list = async function* () {
    try {
      for (;;) yield INSTANCE;
    } finally {
      isClosed = true;
    }
  };
  for await (const _ of checkedProvider(provider).list()) break;
  expect(isClosed).toBe(true);
});
