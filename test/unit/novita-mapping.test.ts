import { describe, expect, test } from 'vitest';
import {
  clustersOf,
  mapInstance,
  mapOffer,
  mapStatus,
  mapTemplate,
  type NovitaInstance,
  novitaInstanceSchema,
  novitaProductSchema,
  novitaTemplateSchema,
  toPortsString,
} from '../../src/gpu/novita/novita-mapping.js';
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

describe('status', () => {
  test.each([
    ['toCreate', 'pending'],
    ['creating', 'pending'],
    ['pulling', 'provisioning'],
    ['toStart', 'provisioning'],
    ['starting', 'provisioning'],
    ['toRestart', 'provisioning'],
    ['restarting', 'provisioning'],
    ['toReset', 'provisioning'],
    ['resetting', 'provisioning'],
    ['running', 'running'],
    ['toStop', 'stopping'],
    ['stopping', 'stopping'],
    ['exited', 'stopped'],
    ['freezing', 'stopped'],
    ['migrating', 'migrating'],
    ['toRemove', 'terminating'],
    ['removing', 'terminating'],
    ['removed', 'terminated'],
    ['somethingNew', 'unknown'],
    ['constructor', 'unknown'],
    ['', 'unknown'],
  ])('%j is %s', (status, expected) => {
    expect(mapStatus(instance({ status }))).toBe(expected);
    expect(mapInstance(instance({ status })).rawStatus).toBe(status);
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
      endpoints: [
        { port: 8888, protocol: 'http', url: 'https://i-1-8888.example.com' },
        { port: 80, protocol: 'http', url: 'https://i-1-80.example.com' },
        { port: 22, protocol: 'tcp', url: 'tcp://gate.example.com:30022' },
      ],
      createdAt: '2026-09-21T14:13:20.000Z',
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
  test('ports are flattened, empty fields left out', () => {
    const raw = novitaTemplateSchema.parse({
      template: {
        Id: 12,
        image: 'a/b:1',
        imageAuth: '',
        startCommand: 'run',
        ports: [
          { type: 'http', ports: [80, '8080'] },
          { type: 'tcp', ports: null },
        ],
        envs: [{ key: 'A', value: 1 }],
      },
    });
    expect(mapTemplate('12', raw)).toEqual({
      id: '12',
      image: 'a/b:1',
      startCommand: 'run',
      ports: [
        { port: 80, protocol: 'http' },
        { port: 8080, protocol: 'http' },
      ],
      envs: [{ key: 'A', value: '1' }],
    });
  });

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
