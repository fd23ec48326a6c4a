import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { createNovitaProvider, type NovitaProvider, type Offer } from '../../src/gpu/index.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import { collect, errorClassOf } from '../support/gpu-provider-conformance.js';
import { QUERY, startAnswering } from '../support/simulated-novita.js';

type Answers = (path: string, query: URLSearchParams) => unknown;
let answer: Answers;
let novita: NovitaProvider;
let requests = 0;
beforeAll(async () => {
  const server = await startAnswering((request) => {
    requests += 1;
    const url = new URL(request.url ?? '', 'http://x');
    const body = answer(url.pathname.replace('/gpu-instance/openapi/v1', ''), url.searchParams);
    return { body };
  }, false);
  novita = createNovitaProvider({ apiKey: 'k', baseUrl: server.url });
  return server.close;
});

/** Our instance among others, as the API lists it. */
const OURS = { id: 'i-ours', name: 'jetfleet-a', status: 'running', createdAt: '1790000000' };

function listing(...pages: unknown[][]): void {
  answer = (_path, query) => ({ instances: pages[Number(query.get('pageNum')) - 1] ?? [] });
}
const namesOf = async () => (await novita.findByName('jetfleet-a')).map(({ id }) => id);
const idsOf = async () => (await collect(novita.list())).map(({ id }) => id);

describe('one odd element of a list', () => {
  test.each<[string, unknown]>([
    ['null', null],
    ['text', 'x'],
    ['a number', 7],
    ['a list', []],
    ['an empty object', {}],
    ['without an id', { name: 'other', status: 'running' }],
    ['with an id that is none', { id: {}, name: 'other', status: 'running' }],
    ['with a text of 300 characters as its id', { id: 'x'.repeat(300), name: 'other', status: 'running' }],
  ])('%s is left out, and fails no other', async (_what, element) => {
    listing([element, OURS, element]);
    expect(await namesOf()).toEqual(['i-ours']);
    expect(await idsOf()).toEqual(['i-ours']);
  });

  test.each<[string, Record<string, unknown>]>([
    ['status null', { status: null }],
    ['status missing', { status: undefined }],
    ['a status as a number', { status: 7 }],
    ['clusterId as a number', { clusterId: 7 }],
    ['clusterName as an object', { clusterName: {} }],
    ['portMappings as an object', { portMappings: {} }],
    ['portMappings with odd elements', { portMappings: [null, 1, { port: 'x' }, { port: {} }] }],
    ['statusError as text', { statusError: 'x' }],
    ['statusError with odd fields', { statusError: { state: 1, message: [] } }],
    ['spotStatus as a number', { spotStatus: 3 }],
    ['times that are none', { createdAt: {}, lastStartedAt: [], lastStoppedAt: false }],
    ['a name that is none', { name: {} }],
    ['productId as a list', { productId: [] }],
  ])('%s is read for what it is', async (_what, fields) => {
    listing([{ id: 'i-odd', name: 'other', status: 'running', ...fields }, OURS]);
    expect(await idsOf()).toEqual(['i-odd', 'i-ours']);
    expect(await namesOf()).toEqual(['i-ours']);
  });

  test('any JSON beside ours leaves ours found', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.nat(5), async (odd, at) => {
        const elements = odd.filter((element) => !JSON.stringify(element).includes('jetfleet-a'));
        elements.splice(at, 0, OURS);
        listing(elements);
        expect(await namesOf()).toEqual(['i-ours']);
      }),
      { numRuns: 50 },
    );
  });

  test('one with our name is present, whatever else is odd about it', async () => {
    listing([{ id: 'i-1', name: 'jetfleet-a', status: null, clusterId: {}, portMappings: 3 }]);
    expect(await novita.findByName('jetfleet-a')).toMatchObject([
      { id: 'i-1', status: 'unknown', healthy: false, endpoints: [] },
    ]);
  });

  test.each<[string, unknown]>([
    ['without an id', { name: 'jetfleet-a', status: 'running' }],
    ['with an empty id', { id: '', name: 'jetfleet-a', status: 'running' }],
    ['with an id of another type', { id: null, name: 'jetfleet-a', status: 'running' }],
    ['with a blank id', { id: ' \t', name: 'jetfleet-a', status: 'running' }],
    ['with an id too long to be stored', { id: 'x'.repeat(201), name: 'jetfleet-a', status: 'running' }],
    ['with an id that no job can carry', { id: 'a\ud800', name: 'jetfleet-a', status: 'running' }],
    ['with a line break in its id', { id: 'a\nb', name: 'jetfleet-a', status: 'running' }],
    ['as bare text', 'jetfleet-a'],
    ['inside another object', { instance: { id: 'i-1', name: 'jetfleet-a' } }],
  ])('one with our name %s is not absent', async (_what, element) => {
    listing([element]);
    expect(await errorClassOf(novita.findByName('jetfleet-a'))).toBe('transient');
    expect(await novita.findByName('jetfleet')).toEqual([]);
  });

  test('one that is nested too deep to be written again fails no other, unless it has our name', async () => {
    const deep = (name: string) => `{"id":${'['.repeat(20_000)}${']'.repeat(20_000)},"name":"${name}"}`;
    answer = () => `{"instances":[${deep('other')},${JSON.stringify(OURS)}]}`;
    expect(await namesOf()).toEqual(['i-ours']);
    expect(await idsOf()).toEqual(['i-ours']);
    answer = () => `{"instances":[${deep('jetfleet-a')}]}`;
    expect(await errorClassOf(novita.findByName('jetfleet-a'))).toBe('transient');
  });

  test.each([-8, '-8', 0, 0.5, '0.5', true])('%j is no number of GPUs', async (gpuNum) => {
    listing([{ ...OURS, gpuNum }]);
    const [found] = await novita.findByName('jetfleet-a');
    expect(found).not.toHaveProperty('gpuNum');
  });

  test('the same id twice is one instance; our name twice is two, oldest first', async () => {
    listing([OURS, OURS, { ...OURS, id: 'i-older', createdAt: '1780000000' }]);
    expect(await namesOf()).toEqual(['i-older', 'i-ours']);
  });
});

describe('pages', () => {
  const fleet = Array.from({ length: 230 }, (_, index) => ({
    id: `i-${index}`,
    name: index === 229 ? 'jetfleet-a' : `other-${index}`,
    status: 'running',
  }));
  const cappedAt = (size: number, extra: (page: number) => object = () => ({})): void => {
    answer = (_path, query) => {
      const page = Number(query.get('pageNum'));
      return { instances: fleet.slice((page - 1) * size, page * size), ...extra(page) };
    };
  };

  test.each([1, 7, 50, 99, 100, 115, 230, 1_000])(
    'capped at %i without a total are read to the end',
    async (size) => {
      cappedAt(size);
      expect(await idsOf()).toEqual(fleet.map(({ id }) => id));
      expect(await namesOf()).toEqual(['i-229']);
    },
  );

  test.each([{ total: null }, { total: {} }, { total: 'many' }])('%j is no total', async (extra) => {
    cappedAt(50, () => extra);
    expect(await namesOf()).toEqual(['i-229']);
  });

  test.each<[string, (page: number) => unknown]>([
    ['no items', () => 0],
    ['less than none', () => -1],
    ['one page', () => 50],
    ['what was shown so far', (page) => Math.min(page * 50, 230)],
    ['a fraction', () => 0.5],
  ])('a total that counts %s does not end the list', async (_what, total) => {
    cappedAt(50, (page) => ({ total: total(page) }));
    expect(await namesOf()).toEqual(['i-229']);
  });

  test('with a total the list ends without another call', async () => {
    cappedAt(100, () => ({ total: '230' }));
    requests = 0;
    expect(await namesOf()).toEqual(['i-229']);
    expect(requests).toBe(3);
  });

  test('a server that gives the same page for ever ends with it', async () => {
    answer = () => ({ instances: [OURS, null, { name: 'odd' }] });
    requests = 0;
    expect(await namesOf()).toEqual(['i-ours']);
    expect(requests).toBe(2);
  });

  test('one that counts more than it shows has not shown that a name is absent', async () => {
    answer = () => ({ instances: [], total: 1 });
    expect(await errorClassOf(novita.findByName('jetfleet-a'))).toBe('transient');
    answer = () => ({ instances: [OURS], total: 2 });
    expect(await errorClassOf(novita.findByName('jetfleet-b'))).toBe('transient');
  });

  test.each<[string, number[], unknown]>([
    ['grows by what was created meanwhile', [50, 51, 52], ['i-229']],
    ['shrinks by what was deleted meanwhile', [51, 50, 50], ['i-229']],
    ['falls to nothing', [230, 0, 0], 'transient'],
    ['falls below what was shown', [230, 49, 49], 'transient'],
    ['is text, and more than is shown', [230, 230, 230], 'transient'],
  ])('a total that %s', async (_what, totals, expected) => {
    const shown = fleet.slice(-50);
    answer = (_path, query) => {
      const page = Number(query.get('pageNum'));
      return { instances: page === 1 ? shown : [], total: `${totals[page - 1] ?? totals.at(-1)}` };
    };
    if (expected === 'transient') expect(await errorClassOf(novita.findByName('jetfleet-a'))).toBe(expected);
    else expect(await namesOf()).toEqual(expected);
  });

  test('an instance that is created meanwhile moves others, and none is given twice', async () => {
    answer = (_path, query) => {
      const page = Number(query.get('pageNum'));
      const now = page === 1 ? fleet : [{ id: 'i-new', name: 'other-new', status: 'running' }, ...fleet];
      return { instances: now.slice((page - 1) * 100, page * 100), total: now.length };
    };
    expect((await idsOf()).sort()).toEqual(fleet.map(({ id }) => id).sort());
  });

  test.each<[string, unknown, unknown]>([
    ['null beside total 0', { instances: null, total: 0 }, []],
    ['an empty list', { instances: [] }, []],
    ['null alone', { instances: null }, 'transient'],
    ['null beside a total', { instances: null, total: 3 }, 'transient'],
    ['nothing', {}, 'transient'],
    ['a total alone', { total: 0 }, 'transient'],
    ['an empty list beside a message', { instances: [], total: 0, message: 'upstream timeout' }, 'transient'],
    ['null beside details', { instances: null, total: 0, detail: { upstream: 'late' } }, 'transient'],
    ['an empty list beside a confirmation', { instances: [], total: 0, message: 'Success' }, []],
    ['an object', { instances: {}, total: 0 }, 'transient'],
    ['text', { instances: '[]', total: 0 }, 'transient'],
  ])('instances as %s', async (_what, body, expected) => {
    answer = () => body;
    const found = novita.findByName('jetfleet-a');
    if (expected === 'transient') expect(await errorClassOf(found)).toBe(expected);
    else expect(await found).toEqual(expected);
  });
});

describe('ids are text, to the digit', () => {
  const raw = (id: string) => `{"id":${id},"name":"jetfleet-a","status":"running"}`;
  test.each([
    ['1234567890123456789', '1234567890123456789'],
    ['9007199254740993', '9007199254740993'],
    ['12345678901234567890123', '12345678901234567890123'],
    ['42', '42'],
    ['"0042"', '0042'],
    ['"1234567890123456789"', '1234567890123456789'],
  ])('%s is %j in every answer', async (id, text) => {
    answer = (path) => (path === '/gpu/instances' ? `{"instances":[${raw(id)}]}` : raw(id));
    expect(await novita.get(text)).toMatchObject({ id: text });
    expect(await namesOf()).toEqual([text]);
    const offer = {
      productId: 'p',
      productName: 'x',
      region: 'r',
      billingMode: 'spot' as const,
      pricePerHour: 1,
    };
    const template = { id: 't', image: 'a/b', ports: [], envs: [] };
    const spec = { name: 'jetfleet-a', offer, template, gpuNum: 1, rootfsSize: 60 };
    expect(await novita.create(spec)).toEqual({ providerInstanceId: text });
  });

  test('ids that differ in one digit beyond 2^53 are two instances', async () => {
    answer = () => `{"instances":[${raw('9007199254740992')},${raw('9007199254740993')}]}`;
    expect(await namesOf()).toEqual(['9007199254740992', '9007199254740993']);
  });

  test('another instance than the one asked for is no answer', async () => {
    answer = () => raw('"i-2"');
    expect(await errorClassOf(novita.get('i-1'))).toBe('transient');
  });

  test('another template than the one asked for is no answer, nothing is rented with it', async () => {
    answer = () => ({ template: { Id: 't-2', image: 'a/b' } });
    expect(await errorClassOf(novita.getTemplate('t-1'))).toBe('transient');
    expect(await novita.getTemplate('t-2')).toMatchObject({ id: 't-2', image: 'a/b' });
  });

  test.each([
    { id: 'i-1' },
    { id: 'i-1', status: null },
    { status: 'running' },
    [{ id: 'i-1', status: 'running' }],
  ])('get without the fields of an instance, %j, is transient', async (body) => {
    answer = () => body;
    expect(await errorClassOf(novita.get('i-1'))).toBe('transient');
  });
});

describe('offers', () => {
  const product = {
    id: 'p-1',
    name: QUERY.productName,
    availableDeploy: true,
    regions: [],
    spotPrice: '9000',
  };
  const offered = async (clusters: unknown, ...products: unknown[]) => {
    answer = (path) => ({ data: path === '/clusters' ? clusters : products });
    return (await novita.listOffers(QUERY)).map(({ productId, clusterId, pricePerHour }) => [
      productId,
      clusterId,
      pricePerHour,
    ]);
  };

  test('a product without regions of its own is offered in all clusters', async () => {
    const clusters = [{ id: 'c-1', name: 'CN-HK-01 (Hong Kong)' }];
    expect(await offered(clusters, product)).toEqual([['p-1', 'c-1', 9_000]]);
    expect(await offered([], product)).toEqual([['p-1', undefined, 9_000]]);
    expect(await offered([], { ...product, regions: null })).toEqual([['p-1', undefined, 9_000]]);
    expect(await offered([], { ...product, regions: ['EU-WEST-01 (Ireland)'] })).toEqual([]);
    expect(await offered([], { ...product, regions: 'everywhere' })).toEqual([]);
  });

  test.each([
    '0.35',
    0.35,
    '0.7',
    1.99,
    '35.5',
    'NaN',
    -1,
    '-9000',
    0,
    '0',
    '',
    null,
    {},
    'free',
    '1e400',
    '9e3',
    true,
  ])('a price of %j makes no offer, and fails no other', async (spotPrice) => {
    const clusters = [null, 7, { name: 'no id' }, { id: 'c-1', name: 'CN-HK-01' }];
    const odd = [null, 'x', { id: 'p-3' }, { ...product, id: 'p-2', spotPrice }];
    expect(await offered(clusters, ...odd, product)).toEqual([['p-1', 'c-1', 9_000]]);
  });

  test('a logger that throws takes no answer away', async () => {
    const fail = () => {
      throw new Error('the logger is broken');
    };
    const logger = { ...silentLogger, debug: fail, warn: fail } as unknown as Logger;
    const { url: baseUrl } = await startAnswering((request) => ({
      body: request.method === 'POST' ? { id: 'i-1' } : { data: [{ ...product, spotPrice: 0.35 }, product] },
    }));
    const provider = createNovitaProvider({ apiKey: 'k', baseUrl, logger });
    const [offer] = await provider.listOffers(QUERY);
    expect(offer).toMatchObject({ productId: 'p-1', pricePerHour: 9_000 });
    const template = { id: 't', image: 'a/b', ports: [], envs: [] };
    const spec = { name: 'jetfleet-a', offer: offer as Offer, template, gpuNum: 1, rootfsSize: 60 };
    expect(await provider.create(spec)).toEqual({ providerInstanceId: 'i-1' });
  });

  test('a refused price of the product that was asked for is logged, and no other', async () => {
    const warnings: unknown[] = [];
    const server = await startAnswering(() => ({ body: { data: [] } }));
    const logger = { ...silentLogger, warn: (...words: unknown[]) => void warnings.push(words) };
    const provider = createNovitaProvider({ apiKey: 'k', baseUrl: server.url, logger });
    expect(await provider.listOffers(QUERY)).toEqual([]);
    expect(warnings).toEqual([]);
    const data = [
      { ...product, spotPrice: '0.35' },
      { ...product, id: 'p-2', spotPrice: 0 },
      { ...product, id: 'p-3', name: 'another', spotPrice: 0.35 },
    ];
    const priced = await startAnswering(() => ({ body: { data } }));
    const other = createNovitaProvider({ apiKey: 'k', baseUrl: priced.url, logger });
    expect(await other.listOffers(QUERY)).toEqual([]);
    expect(warnings).toEqual([
      [
        { productId: 'p-1', productName: QUERY.productName, price: 0.35 },
        expect.stringContaining('no offer'),
      ],
    ]);
  });

  test.each([
    [9_000, 9_000],
    ['9000', 9_000],
    [9_000.0001, 9_000],
    ['1', 1],
  ])('a price of %j is %i', async (spotPrice, expected) => {
    expect(await offered([], { ...product, spotPrice })).toEqual([['p-1', undefined, expected]]);
  });
});
