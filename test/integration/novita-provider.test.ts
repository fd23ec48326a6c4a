import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  createNovitaProvider,
  type FaultInput,
  type OfferQuery,
  startSimulator,
} from '../../src/gpu/index.js';
import {
  closedPort,
  collect,
  describeGpuProvider,
  errorClassOf,
  eventually,
  specFor,
} from '../support/gpu-provider-conformance.js';
import {
  CREATE,
  QUERY,
  QUICK,
  type SimulatedNovita,
  simulateNovita,
  startAnswering,
} from '../support/simulated-novita.js';

describeGpuProvider('Novita adapter', async () => {
  const simulator = await startSimulator({ timings: QUICK });
  const { url: baseUrl, apiKey } = simulator;
  return {
    provider: createNovitaProvider({ apiKey, baseUrl }),
    unauthorised: createNovitaProvider({ apiKey: 'another-key', baseUrl }),
    unreachable: createNovitaProvider({ apiKey, baseUrl: `http://127.0.0.1:${await closedPort()}` }),
    impatient: createNovitaProvider({ apiKey, baseUrl, timeoutMs: 200 }),
    apiKey,
    hang: () => simulator.faults.add({ kind: 'slow', delayMs: 600_000 }),
    readAnswer: (id, name, status) => ({ id, name, status, somethingNew: {} }),
    templateId: 'template-123',
    private: {
      templateId: 'template-private',
      login: { imageAuthId: '75irlsvvsehnqdajg2r481mjk54ecodc' },
    },
    lastBody: () => simulator.requests.log.at(-1)?.body,
    listAnswer: (id, name, status) => ({ instances: [{ id, name, status }], total: 1 }),
    partialLists: [{ instances: [], total: 1 }],
    notTaken: [],
    capacityRefusal: { status: 400, body: { code: 400, reason: 'INSUFFICIENT_RESOURCE', message: 'none' } },
    query: QUERY,
    exhaustCapacity: () => simulator.faults.add({ kind: 'no_capacity' }),
    answerInstead: (answer) => {
      // The oldest fault answers: one that is left would hide the next.
      simulator.faults.clear();
      if (answer) simulator.faults.add({ kind: 'answer', ...answer } as FaultInput);
    },
    hideFromReads: () => simulator.faults.add({ kind: 'read_lag', lagMs: 600_000 }),
    addOddElements: () => simulator.faults.add({ kind: 'odd_elements' }),
    capPages: (size) => simulator.faults.add({ kind: 'capped_pages', size }),
    createCalls: () => simulator.requests.count(CREATE),
    [Symbol.asyncDispose]: () => simulator.stop(),
  };
});

describe('what goes over the wire', () => {
  test('create sends the field names of the API and nothing else', async () => {
    const { simulator, provider } = await simulateNovita();
    const context = { provider, query: QUERY, templateId: 'template-private' };
    const spec = await specFor(context, 'jetfleet-wire');
    spec.template.ports = [
      { port: 80, protocol: 'http' },
      { port: 3306, protocol: 'tcp' },
    ];
    spec.template.startCommand = 'serve --all';
    await provider.create({ ...spec, gpuNum: 2, rootfsSize: 100 });
    expect(simulator.requests.log.at(-1)).toMatchObject({ route: CREATE, query: {} });
    expect(simulator.requests.log.at(-1)?.body).toEqual({
      name: 'jetfleet-wire',
      kind: 'gpu',
      productId: 'prod-4090',
      gpuNum: 2,
      rootfsSize: 100,
      billingMode: 'spot',
      clusterId: 'cn-hongkong-1',
      imageUrl: 'registry.example.com/team/worker:1',
      imageAuthId: '75irlsvvsehnqdajg2r481mjk54ecodc',
      command: 'serve --all',
      ports: '80/http, 3306/tcp',
      envs: [{ key: 'MODE', value: 'batch' }],
    });
  });

  test('whatever a template says is rented, and the API accepts it', async () => {
    const { simulator, provider } = await simulateNovita();
    const context = { provider, query: QUERY, templateId: 'template-vllm' };
    await provider.create(await specFor(context, 'jetfleet-vllm'));
    expect(simulator.requests.log.at(-1)?.body).toMatchObject({
      command: '--model Qwen/Qwen3-0.6B --port 8000',
      entrypoint: 'vllm serve',
      minCudaVersion: '12.8',
      ports: '8000/http',
      tools: [{ name: 'Jupyter', port: '8889', type: 'http' }],
      networkStorages: [{ Id: 'storage-1', mountPoint: '/models' }],
    });
    expect(simulator.live()).toMatchObject([{ name: 'jetfleet-vllm' }]);
  });

  test('the API refuses the id of a registry login in the place of credentials', async () => {
    const context = await simulateNovita();
    const spec = await specFor(context, 'jetfleet-private');
    const imageAuth = '75irlsvvsehnqdajg2r481mjk54ecodc';
    const template = { ...spec.template, imageAuth };
    expect(await errorClassOf(context.provider.create({ ...spec, template }))).toBe('validation');
    await context.provider.create({ ...spec, template: { ...spec.template, imageAuth: 'user:password' } });
  });

  test('reads and actions send the parameters of the API', async () => {
    const { simulator, provider } = await simulateNovita();
    await provider.get('i-1');
    await provider.delete('i-1');
    await provider.findByName('jetfleet-x');
    await provider.getTemplate('template-123');
    await provider.listOffers({ ...QUERY, billingMode: 'on_demand' });
    expect(simulator.requests.log.map(({ route, query, body }) => ({ route, query, body }))).toEqual([
      { route: 'GET /gpu/instance', query: { instanceId: 'i-1' }, body: undefined },
      { route: 'POST /gpu/instance/delete', query: {}, body: { instanceId: 'i-1' } },
      {
        route: 'GET /gpu/instances',
        query: { pageSize: '100', pageNum: '1', name: 'jetfleet-x' },
        body: undefined,
      },
      { route: 'GET /template', query: { templateId: 'template-123' }, body: undefined },
      { route: 'GET /clusters', query: {}, body: undefined },
      {
        route: 'GET /products',
        query: {
          clusterId: 'cn-hongkong-1',
          productName: 'RTX 4090 24GB',
          gpuNum: '1',
          billingMethod: 'onDemand',
        },
        body: undefined,
      },
    ]);
  });

  test('a base URL with the API path, or with a slash behind it, is taken as it is', async () => {
    const { simulator } = await simulateNovita();
    for (const tail of ['', '/', '/gpu-instance/openapi/v1', '/gpu-instance/openapi/v1/']) {
      const provider = createNovitaProvider({ apiKey: simulator.apiKey, baseUrl: simulator.url + tail });
      expect(await provider.get('none')).toBeNull();
    }
  });

  test('unusable keys and base URLs are refused at once, without repeating them', () => {
    const cases = [
      { apiKey: '' },
      { apiKey: 'top-secret\n' },
      { apiKey: 'key', baseUrl: 'ftp://top-secret' },
      { apiKey: 'key', baseUrl: 'https://user:top-secret@api.novita.ai' },
    ];
    for (const options of cases) {
      let message = 'accepted';
      try {
        createNovitaProvider(options);
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message).not.toBe('accepted');
      expect(message).not.toContain('top-secret');
    }
  });
});

describe('offers', () => {
  test('the cheapest of the billing mode comes first, and similar names stay out', async () => {
    const { provider } = await simulateNovita();
    const spot = await provider.listOffers(QUERY);
    expect(spot.map((offer) => [offer.productId, offer.pricePerHour])).toEqual([
      ['prod-4090', 18_000],
      ['prod-4090-b', 20_000],
    ]);
    const onDemand = await provider.listOffers({ ...QUERY, billingMode: 'on_demand' });
    expect(onDemand.map((offer) => [offer.productId, offer.pricePerHour])).toEqual([
      ['prod-4090-b', 33_000],
      ['prod-4090', 35_000],
    ]);
  });

  test('a product without a spot price makes no spot offer', async () => {
    const { provider } = await simulateNovita();
    const query: OfferQuery = { ...QUERY, productName: 'H100 SXM 80GB', region: 'US-CA-06' };
    expect(await provider.listOffers(query)).toEqual([]);
    expect(await provider.listOffers({ ...query, billingMode: 'on_demand' })).toHaveLength(1);
  });

  test('a configured cluster saves the look-up, and one that serves nothing gives no offers', async () => {
    const { simulator } = await simulateNovita();
    const { url: baseUrl, apiKey } = simulator;
    const clusterByRegion = { MOON: 'us-ca-6', MARS: 'no-such-cluster' };
    const provider = createNovitaProvider({ apiKey, baseUrl, clusterByRegion });
    const [offer] = await provider.listOffers({ ...QUERY, region: 'MOON' });
    expect(offer).toMatchObject({ clusterId: 'us-ca-6', region: 'MOON' });
    expect(await provider.listOffers({ ...QUERY, region: 'MARS' })).toEqual([]);
    expect(simulator.requests.count('GET /clusters')).toBe(0);
  });

  test('a region without a cluster is matched against the regions of the products', async () => {
    const product = { name: QUERY.productName, availableDeploy: true, spotPrice: '9000' };
    const data = [
      { ...product, id: 'here', regions: ['EU-WEST-01 (Ireland)', 'CN-HK-01 (Hong Kong)'] },
      { ...product, id: 'elsewhere', regions: ['CN-HK-011 (Nowhere)'] },
      { ...product, id: 'nowhere' },
    ];
    const { url: baseUrl } = await startAnswering((request) =>
      request.url?.includes('/clusters') ? { body: { data: [] } } : { body: { data } },
    );
    const offers = await createNovitaProvider({ apiKey: 'key', baseUrl }).listOffers(QUERY);
    expect(offers.map(({ productId, clusterId }) => [productId, clusterId])).toEqual([['here', undefined]]);
  });
});

describe('faults in the life of an instance', () => {
  async function rent(name: string, context: SimulatedNovita): Promise<string> {
    return (await context.provider.create(await specFor(context, name))).providerInstanceId;
  }

  test('list_lag hides a new instance from lists, not from reads', async () => {
    const context = await simulateNovita();
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    context.simulator.faults.add({ kind: 'list_lag', lagMs: 5_000, times: 1 });
    const id = await rent('jetfleet-lag', context);
    vi.setSystemTime(Date.now() + 4_999);
    expect(await context.provider.findByName('jetfleet-lag')).toEqual([]);
    expect(await context.provider.get(id)).toMatchObject({ id });
    vi.setSystemTime(Date.now() + 1);
    expect(await context.provider.findByName('jetfleet-lag')).toHaveLength(1);
  });

  test('a removed instance that is still listed is not found by its name', async () => {
    const context = await simulateNovita({ removedAfterMs: 0, forgottenAfterMs: 60_000 });
    const id = await rent('jetfleet-removed', context);
    await context.provider.delete(id);
    expect(await collect(context.provider.list())).toMatchObject([{ id, status: 'terminated' }]);
    expect(await context.provider.findByName('jetfleet-removed')).toEqual([]);
  });

  test('no_capacity of one region leaves the others alone', async () => {
    const context = await simulateNovita();
    context.simulator.faults.add({ kind: 'no_capacity', match: 'CN-HK-01' });
    expect(await context.provider.listOffers(QUERY)).toEqual([]);
    expect(await context.provider.listOffers({ ...QUERY, region: 'EU-WEST-01' })).toHaveLength(1);
  });

  test('advertised no_capacity still makes offers, which create refuses', async () => {
    const context = await simulateNovita();
    context.simulator.faults.add({ kind: 'no_capacity', advertised: true, times: 1 });
    const spec = await specFor(context, 'jetfleet-advertised');
    expect(await errorClassOf(context.provider.create(spec))).toBe('capacity');
    await context.provider.create(spec);
    expect(context.simulator.live()).toHaveLength(1);
  });

  test('stuck_pulling never runs; stopping it ends in stopped', async () => {
    const context = await simulateNovita();
    context.simulator.faults.add({ kind: 'stuck_pulling', match: 'stuck' });
    const [stuck, fine] = [await rent('jetfleet-stuck', context), await rent('jetfleet-fine', context)];
    await eventually(async () => expect((await context.provider.get(fine))?.status).toBe('running'));
    expect(await context.provider.get(stuck)).toMatchObject({ status: 'provisioning', rawStatus: 'pulling' });
    await context.provider.stop(stuck);
    await eventually(async () => expect((await context.provider.get(stuck))?.status).toBe('stopped'));
  });

  test('start_failed ends in failed, with the reason', async () => {
    const context = await simulateNovita();
    context.simulator.faults.add({ kind: 'start_failed', message: 'no such image', times: 1 });
    const id = await rent('jetfleet-failed', context);
    await eventually(async () => {
      const instance = await context.provider.get(id);
      expect(instance).toMatchObject({ status: 'failed', reason: 'no such image', healthy: false });
    });
  });

  test('vanish takes an instance away without a delete', async () => {
    const context = await simulateNovita();
    const id = await rent('jetfleet-vanish', context);
    context.simulator.faults.add({ kind: 'vanish', match: 'jetfleet-vanish', times: 1 });
    expect(await context.provider.get(id)).toBeNull();
    expect(await collect(context.provider.list())).toEqual([]);
    expect(context.simulator.ledger.map(({ action }) => action)).toEqual(['create']);
  });
});
