import { describe, expect, test } from 'vitest';
import { endsTheWait } from '../../machines/index.js';
import {
  clustersOf,
  mapInstance,
  mapOffer,
  mapStatus,
  mapTemplate,
  toCreateFields,
  toPortsString,
} from '../../src/gpu/novita/novita-mapping.js';
import {
  type NovitaInstance,
  novitaInstanceSchema,
  novitaProductSchema,
  novitaTemplateSchema,
} from '../../src/gpu/novita/novita-schemas.js';
import type { OfferQuery } from '../../src/gpu/provider.js';

/** As `GET /gpu/instance` answers for a running pay-as-you-go instance. */
const RUNNING = {
  id: 'i-1',
  name: 'jetfleet-a',
  status: 'running',
  clusterId: 'us-ca-6',
  clusterName: 'US-CA-06 (California)',
  gpuNum: '1',
  portMappings: [
    { port: 8888, endpoint: 'https://i-1-8888.example.com', type: 'http' },
    { port: '80', endpoint: 'i-1-80.example.com', type: 'http' },
    { port: 22, endpoint: 'gate.example.com:30022', type: 'tcp' },
    { port: 23, endpoint: '', type: 'tcp' },
  ],
  productId: 7,
  statusError: { state: '', message: '' },
  spotStatus: '',
  spotReclaimTime: '0',
  createdAt: '1790000000',
  lastStartedAt: '1790000060',
  lastStoppedAt: '0',
  somethingNew: { nested: true },
};

function instance(fields: Record<string, unknown> = {}): NovitaInstance {
  return novitaInstanceSchema.parse({ ...RUNNING, ...fields });
}

/** The words that Novita documents for the filter `status` of its list. */
const DOCUMENTED =
  'toCreate creating pulling running toStart starting toStop stopping exited toRestart restarting toRemove removing removed toReset resetting migrating freezing'.split(
    ' ',
  );

describe('status', () => {
  const statusOf = (status: string) => mapStatus(instance({ status }));

  test('every documented word is known, and no other', () => {
    expect(DOCUMENTED.filter((word) => statusOf(word) === 'unknown')).toEqual([]);
    for (const word of ['somethingNew', 'constructor', 'toString', '__proto__', 'RUNNING', ' running', '']) {
      expect([word, statusOf(word)]).toEqual([word, 'unknown']);
      expect(mapInstance(instance({ status: word })).rawStatus).toBe(word);
    }
  });

  test('an order that is given and one that is being carried out are the same step', () => {
    for (const word of DOCUMENTED.filter((each) => each.startsWith('to'))) {
      const stem = word.slice(2, 6).toLowerCase();
      const carriedOut = DOCUMENTED.filter((each) => each.startsWith(stem) && each.endsWith('ing'));
      expect([word, carriedOut.map(statusOf)]).toEqual([word, [statusOf(word)]]);
    }
  });

  test('a monitor waits through every word but the two that end an instance or its wait', () => {
    const checks = DOCUMENTED.map((status) => [status, mapInstance(instance({ status }))] as const);
    expect(checks.filter(([, check]) => endsTheWait(check)).map(([word]) => word)).toEqual([
      'running',
      'removed',
    ]);
    expect(checks.filter(([, { healthy }]) => healthy).map(([word]) => word)).toEqual(['running']);
  });

  test('only a word of removal takes an instance away', () => {
    const leaving = DOCUMENTED.filter((word) => ['terminating', 'terminated'].includes(statusOf(word)));
    expect(leaving).toEqual(DOCUMENTED.filter((word) => /remov/i.test(word)));
  });

  test.each(['pulling', 'running', 'exited', 'somethingNew'])(
    'an error reported in %s is failed',
    (status) => {
      const failed = mapInstance(
        instance({ status, statusError: { state: 'pulling', message: 'no image' } }),
      );
      expect(failed).toMatchObject({ status: 'failed', reason: 'no image', healthy: false });
    },
  );

  test.each(['reclaiming', 'terminated'])('spot status %s is preempted', (spotStatus) => {
    const statusError = { state: 'x', message: 'taken away' };
    expect(mapStatus(instance({ status: 'exited', spotStatus, statusError }))).toBe('preempted');
  });

  test.each([
    ['toRemove', 'terminating'],
    ['removing', 'terminating'],
    ['removed', 'terminated'],
  ])('%s stays %s whatever else is reported', (status, expected) => {
    const fields = { status, spotStatus: 'terminated', statusError: { message: 'no image' } };
    expect(mapStatus(instance(fields))).toBe(expected);
  });

  test('exited before it ever ran is failed, stopped before it ran is stopped', () => {
    const exited = { status: 'exited', lastStartedAt: '0', lastStoppedAt: '0' };
    expect(mapInstance(instance(exited))).toMatchObject({ status: 'failed', reason: 'exited before it ran' });
    expect(mapStatus(instance({ ...exited, lastStoppedAt: '1790000100' }))).toBe('stopped');
    expect(mapStatus(instance({ ...exited, lastStartedAt: undefined }))).toBe('stopped');
  });
});

describe('instance', () => {
  test('has everything that the provider says, in one vocabulary', () => {
    expect(mapInstance(instance(), '2026-11-24T00:00:00.000Z')).toEqual({
      id: 'i-1',
      name: 'jetfleet-a',
      status: 'running',
      rawStatus: 'running',
      healthy: true,
      region: 'US-CA-06',
      productId: '7',
      gpuNum: 1,
      endpoints: [
        { port: 8888, protocol: 'http', url: 'https://i-1-8888.example.com' },
        { port: 80, protocol: 'http', url: 'https://i-1-80.example.com' },
        { port: 22, protocol: 'tcp', url: 'tcp://gate.example.com:30022' },
      ],
      createdAt: '2026-09-21T14:13:20.000Z',
      startedAt: '2026-09-21T14:14:20.000Z',
      observedAt: '2026-11-24T00:00:00.000Z',
    });
  });

  test('a bare one is read too', () => {
    const bare = novitaInstanceSchema.parse({ id: 5, status: 'creating', name: null, portMappings: null });
    expect(mapInstance(bare)).toMatchObject({ id: '5', name: '', status: 'pending', endpoints: [] });
  });

  test('a running one that is announced to be reclaimed is not healthy', () => {
    const notified = mapInstance(instance({ spotStatus: 'notified', spotReclaimTime: '1790003600' }));
    expect(notified).toMatchObject({
      status: 'running',
      healthy: false,
      isInterrupted: true,
      reason: 'spot instance notified, reclaim at 2026-09-21T15:13:20.000Z',
    });
    expect(mapInstance(instance({ spotStatus: 'running' })).healthy).toBe(true);
  });

  test.each(['0', '', '-1', 'soon', '99999999999999999'])('createdAt %j stands for none', (createdAt) => {
    expect(mapInstance(instance({ createdAt })).createdAt).toBeUndefined();
  });
});

describe('offer', () => {
  const query: OfferQuery = { productName: 'A', region: 'X-01', gpuNum: 1, billingMode: 'spot' };
  const product = {
    id: 'p-1',
    name: 'A',
    availableDeploy: true,
    inventoryState: 'low',
    price: '35000',
    spotPrice: 18_000.4,
  };
  const offer = (fields: Record<string, unknown>, over: Partial<OfferQuery> = {}) =>
    mapOffer(novitaProductSchema.parse({ ...product, ...fields }), { ...query, ...over }, 'c-1');

  test('takes the price of the billing mode as an integer', () => {
    expect(offer({})).toEqual({
      productId: 'p-1',
      productName: 'A',
      region: 'X-01',
      clusterId: 'c-1',
      billingMode: 'spot',
      pricePerHour: 18_000,
    });
    expect(offer({}, { billingMode: 'on_demand' })?.pricePerHour).toBe(35_000);
  });

  test.each([
    ['another name', { name: 'A+' }],
    ['not deployable', { availableDeploy: false }],
    ['not said to be deployable', { availableDeploy: null }],
    ['no inventory', { inventoryState: 'none' }],
    ['no price', { spotPrice: '' }],
    ['a price of zero', { spotPrice: 0 }],
  ])('there is none with %s', (_what, fields) => {
    expect(offer(fields)).toBeUndefined();
  });
});

describe('clusters of a region', () => {
  const clusters = [
    { id: 'US-WEST-01' },
    { id: 'us-ca-6', name: 'US-CA-06 (California)' },
    { id: 'us-ca-06-b' },
    { id: 'x', name: 'Hong Kong / cn-hk-01' },
  ];
  test.each([
    ['US-WEST-01', ['US-WEST-01']],
    ['us-ca-06', ['us-ca-6']],
    ['CN-HK-01', ['x']],
    ['US-CA', []],
    ['', []],
  ])('%j is served by %j', (region, expected) => {
    expect(clustersOf(region, clusters).map(({ id }) => id)).toEqual(expected);
  });
});

describe('template', () => {
  test('everything that create accepts is kept, empty fields are left out', () => {
    const raw = novitaTemplateSchema.parse({
      template: {
        Id: 12,
        image: 'a/b:1',
        imageAuth: '',
        startCommand: 'run',
        entrypoint: '/bin/sh -c',
        minCudaVersion: 12.4,
        ports: [
          { type: 'http', ports: [80, '8080'] },
          { type: 'tcp', ports: null },
        ],
        envs: [{ key: 'A', value: 1 }],
        tools: [{ name: 'Jupyter', describe: 'x', port: 8888, type: 'http' }],
        volumes: [
          { type: 'local', size: 20, mountPath: '/workspace' },
          { type: 'network', id: 's-1', mountPath: '/data' },
        ],
      },
    });
    expect(mapTemplate('12', raw)).toEqual({
      id: '12',
      image: 'a/b:1',
      startCommand: 'run',
      entrypoint: '/bin/sh -c',
      minCudaVersion: '12.4',
      ports: [
        { port: 80, protocol: 'http' },
        { port: 8080, protocol: 'http' },
      ],
      envs: [{ key: 'A', value: '1' }],
      tools: [{ name: 'Jupyter', port: '8888', type: 'http' }],
      networkVolumes: [{ id: 's-1', mountPath: '/data' }],
    });
    const bare = novitaTemplateSchema.parse({
      template: { image: 'a/b', entrypoint: '', tools: [], volumes: null },
    });
    expect(mapTemplate('13', bare)).toEqual({ id: '13', image: 'a/b', ports: [], envs: [] });
  });

  test.each([
    ['75irlsvvsehnqdajg2r481mjk54ecodc', { imageAuthId: '75irlsvvsehnqdajg2r481mjk54ecodc' }],
    ['robot:pass:word', { imageAuth: 'robot:pass:word' }],
    [1234567, { imageAuthId: '1234567' }],
    ['', {}],
    [null, {}],
  ])('imageAuth %j is sent as %j', (imageAuth, expected) => {
    const raw = novitaTemplateSchema.parse({ template: { image: 'a/b', imageAuth } });
    const { imageUrl: _, envs: __, ...fields } = toCreateFields(mapTemplate('1', raw));
    expect(fields).toEqual(expected);
  });

  test.each([{ envs: {} }, { ports: 'x' }, { imageAuth: {} }, { tools: [7] }, { entrypoint: [] }])(
    'with %j it is not read, for an instance would lack it',
    (fields) => {
      expect(novitaTemplateSchema.safeParse({ template: { image: 'a/b', ...fields } }).success).toBe(false);
    },
  );

  test('one without an image is refused', () => {
    const raw = novitaTemplateSchema.parse({ template: { Id: '1' } });
    expect(() => mapTemplate('1', raw)).toThrow(expect.objectContaining({ class: 'validation' }));
  });

  test('ports read "80/http, 3306/tcp" on the wire', () => {
    const ports = [
      { port: 80, protocol: 'http' },
      { port: 3306, protocol: 'tcp' },
    ];
    expect(toPortsString(ports)).toBe('80/http, 3306/tcp');
    expect(toPortsString([])).toBe('');
  });
});
