/** RunPod, Lambda and Vast against simulators of their wires; Novita has a file of its own. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkedProvider } from '../../src/gpu/checked-provider.js';
import {
  createNovitaProvider,
  type FaultInput,
  type GpuProvider,
  type OfferQuery,
  type ProviderApiOptions,
  type Simulator,
  startSimulator,
} from '../../src/gpu/index.js';
import { createLambdaProvider, SIMULATED_SSH_KEY, startLambdaSimulator } from '../../src/gpu/lambda/index.js';
import { createRunpodProvider, startRunpodSimulator } from '../../src/gpu/runpod/index.js';
import type { SimulatorOptions } from '../../src/gpu/simulator/simulator.js';
import { createVastProvider, startVastSimulator } from '../../src/gpu/vast/index.js';
import { RateTurns } from '../../src/queue/limits/rate-turns.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import {
  closedPort,
  describeGpuProvider,
  errorClassOf,
  eventually,
  type ProviderHarness,
  specFor,
} from '../support/gpu-provider-conformance.js';
import { QUICK, startAnswering } from '../support/simulated-novita.js';
import { codeOf, printed } from '../support/snippets.js';

interface Wired {
  start: (options: SimulatorOptions) => Promise<Simulator>;
  create: (options: ProviderApiOptions) => GpuProvider;
  createRoute: string;
  query: OfferQuery;
  templateId: string;
  readAnswer: ProviderHarness['readAnswer'];
  listAnswer: ProviderHarness['listAnswer'];
  partialLists: ProviderHarness['partialLists'];
  capacityRefusal: ProviderHarness['capacityRefusal'];
  notTaken: ProviderHarness['notTaken'];
  hasPages?: boolean;
  also?: Partial<ProviderHarness>;
}

/** What an API adds to a list that it gives out in parts, in the forms that are known of others. */
const SIGNS_OF_MORE = [
  { cursor: 'abc' },
  { next: 'https://api.example.com/list?page=2' },
  { nextPageToken: 'abc' },
  { next_token: 'abc' },
  { has_more: true },
  { page_token: 'abc' },
  { total: 2 },
  { total_count: 2 },
  { pagination: { total: 2, next: 'abc' } },
];

const RUNPOD: Wired = {
  start: startRunpodSimulator,
  create: createRunpodProvider,
  createRoute: 'POST /pods',
  query: { productName: 'RTX 4090', region: 'US-KS-2', gpuNum: 1, billingMode: 'on_demand' },
  templateId: '9x4m2p7v',
  readAnswer: (id, name, status) => ({ id, name, status, somethingNew: {} }),
  listAnswer: (id, name, status) => ({ pods: [{ id, name, status }], total: 1, next: null, has_more: false }),
  partialLists: SIGNS_OF_MORE.map((more) => ({ pods: [], ...more })),
  notTaken: ['imageAuth', 'entrypoint', 'minCudaVersion', 'tools', 'networkVolumes'],
  capacityRefusal: {
    status: 400,
    body: { title: 'Bad Request', status: 400, detail: 'no longer any instances available' },
  },
  also: { private: { templateId: 'privatetpl', login: { registry: 'clz1registry' } } },
};
const LAMBDA: Wired = {
  start: startLambdaSimulator,
  create: (options) => createLambdaProvider({ ...options, sshKeyName: SIMULATED_SSH_KEY }),
  createRoute: 'POST /instance-operations/launch',
  query: { productName: 'A10 (24 GB PCIe)', region: 'us-east-1', gpuNum: 1, billingMode: 'on_demand' },
  templateId: 'lambda-stack-24-04',
  readAnswer: (id, name, status) => ({ data: { id, name, status, somethingNew: {} } }),
  listAnswer: (id, name, status) => ({ data: [{ id, name, status }], count: 1, next_token: '' }),
  partialLists: SIGNS_OF_MORE.map((more) => ({ data: [], ...more })),
  notTaken: ['imageAuth', 'imageAuthId', 'entrypoint', 'minCudaVersion', 'tools', 'networkVolumes'],
  capacityRefusal: {
    status: 400,
    body: { error: { code: 'instance-operations/launch/insufficient-capacity', message: 'none' } },
  },
  also: { isDated: false },
};
const VAST: Wired = {
  start: startVastSimulator,
  create: createVastProvider,
  createRoute: 'PUT /v0/asks/{id}/',
  hasPages: true,
  query: { productName: 'RTX 4090', region: 'US', gpuNum: 1, billingMode: 'spot' },
  templateId: '4e17788f74f075dd9aab7d0d4427968f',
  readAnswer: (id, label, status) => ({
    instances: { id: Number(id), label, actual_status: status, somethingNew: {} },
  }),
  listAnswer: (id, label, status) => ({
    success: true,
    instances: [{ id: Number(id), label, actual_status: status }],
    total_instances: 1,
    next_token: null,
  }),
  partialLists: [
    { success: true, instances: [], total_instances: 1, next_token: null },
    { success: true, instances: [], total_instances: 0, next_token: { value: 7 } },
    { success: true, instances: [], total_instances: 0, next_token: '' },
    { success: true, instances: [], total_instances: 0, next_token: 'abc' },
    { success: true, instances: [{ id: 7 }, { id: 7 }], total_instances: 2, next_token: null },
  ],
  notTaken: ['imageAuth', 'imageAuthId', 'entrypoint', 'minCudaVersion', 'tools', 'networkVolumes'],
  capacityRefusal: {
    status: 404,
    body: { success: false, error: 'invalid_args', msg: 'error 404/3603: no_such_ask' },
  },
  also: {
    private: {
      templateId: '95c8b5cf7f3a42f0b8b17b86bd2b7b11',
      // The login is a part of the template, and carries over to the instance.
      login: { template_hash_id: '95c8b5cf7f3a42f0b8b17b86bd2b7b11' },
    },
    unknownId: '99',
  },
};

async function harnessOf(wired: Wired): Promise<ProviderHarness> {
  const { start, create, createRoute, hasPages = false, also = {}, ...answers } = wired;
  const simulator = await start({ timings: QUICK });
  const { url: baseUrl, apiKey } = simulator;
  return {
    provider: create({ apiKey, baseUrl }),
    unauthorised: create({ apiKey: 'another-key', baseUrl }),
    unreachable: create({ apiKey, baseUrl: `http://127.0.0.1:${await closedPort()}` }),
    impatient: create({ apiKey, baseUrl, timeoutMs: 200 }),
    apiKey,
    ...answers,
    exhaustCapacity: () => simulator.faults.add({ kind: 'no_capacity' }),
    answerInstead: (answer) => {
      // The oldest fault answers: one that is left would hide the next.
      simulator.faults.clear();
      if (answer) simulator.faults.add({ kind: 'answer', ...answer } as FaultInput);
    },
    hideFromReads: () => simulator.faults.add({ kind: 'read_lag', lagMs: 600_000 }),
    addOddElements: () => simulator.faults.add({ kind: 'odd_elements' }),
    hang: () => simulator.faults.add({ kind: 'slow', delayMs: 600_000 }),
    createCalls: () => simulator.requests.count(createRoute),
    lastBody: () => simulator.requests.log.at(-1)?.body,
    [Symbol.asyncDispose]: () => simulator.stop(),
    ...(hasPages && { capPages: (size: number) => simulator.faults.add({ kind: 'capped_pages', size }) }),
    ...also,
  };
}

describeGpuProvider('RunPod adapter', () => harnessOf(RUNPOD));
describeGpuProvider('Lambda adapter', () => harnessOf(LAMBDA));
describeGpuProvider('Vast adapter', () => harnessOf(VAST));

test.each([
  ['RunPod', RUNPOD],
  ['Lambda', LAMBDA],
  ['Vast', VAST],
  ['Novita', { start: startSimulator, create: createNovitaProvider }],
])('%s: calls that take turns meet no limit, and others are refused as the API does it', async (_, wired) => {
  // Wider than what is kept by as much as a busy machine may hold a request back.
  const rateLimits = { list: { max: 1, perMs: 400 } };
  const allowed = { list: { max: 1, perMs: 150 } };
  const simulator = await wired.start({ timings: QUICK, rateLimits: allowed });
  onTestFinished(() => simulator.stop());
  const { url: baseUrl, apiKey } = simulator;
  const provider = wired.create({ apiKey, baseUrl, rateLimits });
  const turns = new RateTurns(() => Promise.reject(new Error('no broker')), silentLogger);
  const paced = checkedProvider(provider, undefined, undefined, undefined, turns);
  for (let each = 0; each < 3; each++) await paced.findByName('jetfleet-a');
  expect(simulator.requests.refused).toBe(0);
  const together = Array.from({ length: 3 }, () => provider.findByName('jetfleet-a'));
  const errors = (await Promise.allSettled(together)).filter(({ status }) => status === 'rejected');
  expect(errors.length).toBeGreaterThanOrEqual(2);
  for (const { reason } of errors as PromiseRejectedResult[]) {
    expect(reason).toMatchObject({ class: 'rate_limited', status: 429 });
    expect(reason.retryAfterMs).toBeGreaterThanOrEqual(1_000);
  }
});

/** An adapter on a simulator of its own, for one test. */
async function simulate(wired: Wired): Promise<Wired & { simulator: Simulator; provider: GpuProvider }> {
  const simulator = await wired.start({ timings: QUICK });
  onTestFinished(() => simulator.stop());
  const { url: baseUrl, apiKey } = simulator;
  return { ...wired, simulator, provider: wired.create({ apiKey, baseUrl }) };
}

/** An adapter whose API gives one answer to everything. */
async function answeredWith(wired: Wired, status: number, body: unknown): Promise<GpuProvider> {
  const { url: baseUrl } = await startAnswering(() => ({ status, body }));
  return wired.create({ apiKey: 'the-key', baseUrl });
}

const SPEC = {
  name: 'jetfleet-a',
  offer: {
    productId: '1',
    productName: 'x',
    region: 'r',
    billingMode: 'on_demand',
    pricePerHour: 1,
  } as const,
  template: { id: 't', image: 'a/b:1', ports: [], envs: [] },
  gpuNum: 1,
  rootfsSize: 60,
};

describe('RunPod', () => {
  test('a pod is created in the form of the API, and its ports are reached by proxy and address', async () => {
    const { simulator, provider, ...context } = await simulate(RUNPOD);
    const spec = await specFor({ provider, ...context }, 'jetfleet-pod');
    expect(spec.offer).toMatchObject({ pricePerHour: 34_000, details: { cloud: 'COMMUNITY' } });
    const { providerInstanceId: id } = await provider.create(spec);
    expect(simulator.requests.log.at(-1)?.body).toEqual({
      name: 'jetfleet-pod',
      templateId: '9x4m2p7v',
      image: 'runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404',
      gpu: { id: 'NVIDIA GeForce RTX 4090', count: 1 },
      cloud: 'COMMUNITY',
      dataCenterIds: ['US-KS-2'],
      disk: 60,
      ports: ['8888/http', '22/tcp'],
      env: { JUPYTER_ENABLE_LAB: 'yes' },
    });
    await eventually(async () => expect((await provider.get(id))?.status).toBe('running'));
    expect((await provider.get(id))?.endpoints).toEqual([
      { port: 8888, protocol: 'http', url: `https://${id}-8888.proxy.runpod.net` },
      { port: 22, protocol: 'tcp', url: 'tcp://192.0.2.3:34446' },
    ]);
  });

  test('it rents no spot instances', async () => {
    const { provider, query } = await simulate(RUNPOD);
    expect(await provider.listOffers({ ...query, billingMode: 'spot' })).toEqual([]);
  });

  test.each<[number, string, string]>([
    [400, 'there are no longer any instances available with the requested specifications', 'capacity'],
    [400, 'GPU type is currently unavailable in US-KS-2', 'capacity'],
    [400, 'exactly one of gpu or cpu must be set', 'capacity'],
    [400, 'gpu.count is over the limit of 4', 'capacity'],
    [403, 'your account cannot access the requested pool', 'capacity'],
    [400, 'your balance is too low', 'balance'],
    [402, 'insufficient', 'balance'],
    [422, 'Request validation failed.', 'validation'],
    [500, 'upstream failed', 'ambiguous'],
  ])('a create refused with %i %s is %s', async (status, detail, expected) => {
    const provider = await answeredWith(RUNPOD, status, { title: 'Some Title', status, detail });
    expect(await errorClassOf(provider.create(SPEC))).toBe(expected);
  });

  test('a create that breaks a rule gives the reason, and other calls keep what a refusal means', async () => {
    const body = { title: 'Bad Request', status: 400, detail: 'disk is over the maximum' };
    const provider = await answeredWith(RUNPOD, 400, body);
    await expect(provider.create(SPEC)).rejects.toThrow('disk is over the maximum');
    for (const call of [provider.get('abc'), provider.stop('abc')]) {
      expect(await errorClassOf(call)).toBe('validation');
    }
    const forbidden = { title: 'Forbidden', status: 403, detail: 'no access' };
    expect(await errorClassOf((await answeredWith(RUNPOD, 403, forbidden)).get('abc'))).toBe('auth');
  });

  test.each([[[]], [['SECURE', 'secure']], ['SECURE'], [null]])('clouds %j are refused', (clouds) => {
    const options = { apiKey: 'k', clouds } as unknown as Parameters<typeof createRunpodProvider>[0];
    expect(() => createRunpodProvider(options)).toThrow(/clouds .* SECURE/);
  });

  test.each<[unknown]>([
    [{ title: 'Not Found', status: 404 }],
    [{ title: 'Not Found', detail: 'x' }],
    [{ title: 'No Route', status: 404, detail: 'x' }],
    [{ error: 'not_found' }],
  ])('404 with %j shows no absence', async (body) => {
    const provider = await answeredWith(RUNPOD, 404, body);
    expect(await errorClassOf(provider.get('abc'))).toBe('transient');
    expect(await errorClassOf(provider.delete('abc'))).toBe('transient');
  });
});

describe('Lambda', () => {
  test('an instance is launched in the form of the API', async () => {
    const { simulator } = await simulate(LAMBDA);
    const { url: baseUrl, apiKey } = simulator;
    const userData = { worker: '#cloud-config\nruncmd: [serve]' };
    const provider = createLambdaProvider({ apiKey, baseUrl, sshKeyName: SIMULATED_SSH_KEY, userData });
    await provider.create(await specFor({ ...LAMBDA, provider, templateId: 'worker' }, 'jetfleet-vm'));
    const launch = { region_name: 'us-east-1', instance_type_name: 'gpu_1x_a10_small', name: 'jetfleet-vm' };
    const own = { ssh_key_names: [SIMULATED_SSH_KEY], user_data: userData.worker };
    expect(simulator.requests.log.at(-1)?.body).toEqual({ ...launch, ...own });
  });

  test('a type without the disk makes no offer, and a launch that it does not fit is not sent', async () => {
    const { simulator, provider, query, templateId } = await simulate(LAMBDA);
    const offers = await provider.listOffers({ ...query, rootfsSize: 1_000 });
    expect(offers.map(({ productId }) => productId)).toEqual(['gpu_1x_a10']);
    const spec = await specFor({ provider, query, templateId }, 'jetfleet-vm');
    expect(await errorClassOf(provider.create({ ...spec, rootfsSize: 6_000 }))).toBe('validation');
    expect(simulator.live()).toEqual([]);
  });

  test('a name of a type stands for its GPU as well', async () => {
    const { provider, query } = await simulate(LAMBDA);
    const offers = await provider.listOffers({ ...query, productName: 'gpu_8x_a100_80gb_sxm4', gpuNum: 8 });
    expect(offers).toMatchObject([{ pricePerHour: 1_432_000, billingMode: 'on_demand' }]);
  });

  test.each<[number, string, string]>([
    [400, 'instance-operations/launch/insufficient-capacity', 'capacity'],
    [400, 'global/quota-exceeded', 'quota'],
    [401, 'global/invalid-api-key', 'auth'],
    [403, 'global/account-inactive', 'auth'],
    [400, 'global/invalid-parameters', 'validation'],
    [404, 'global/object-does-not-exist', 'validation'],
    [500, 'global/unknown', 'ambiguous'],
    [503, 'provider/internal-unavailable', 'ambiguous'],
    [400, 'provider/somewhere-else', 'ambiguous'],
    [400, 'provider/quota-exceeded', 'quota'],
  ])('a launch refused with %i %s is %s', async (status, code, expected) => {
    const provider = await answeredWith(LAMBDA, status, {
      error: { code, message: 'said so', suggestion: '' },
    });
    expect(await errorClassOf(provider.create(SPEC))).toBe(expected);
  });

  test('a termination that does not show the instance has not succeeded', async () => {
    const provider = await answeredWith(LAMBDA, 200, { data: { terminated_instances: [{ id: 'another' }] } });
    expect(await errorClassOf(provider.delete('abc'))).toBe('transient');
  });
});

describe('Vast', () => {
  test('an offer is taken in the form of the API, as a bid at its lowest price', async () => {
    const { simulator, provider, ...context } = await simulate(VAST);
    const { providerInstanceId: id } = await provider.create(
      await specFor({ provider, ...context }, 'jetfleet-ask'),
    );
    expect(simulator.requests.log.at(-1)).toMatchObject({ query: { id: '24000001' } });
    expect(simulator.requests.log.at(-1)?.body).toEqual({
      label: 'jetfleet-ask',
      template_hash_id: '4e17788f74f075dd9aab7d0d4427968f',
      image: 'vllm/vllm-openai:v0.11.0',
      disk: 60,
      onstart: 'vllm serve $MODEL_ID',
      target_state: 'running',
      cancel_unavail: true,
      price: 0.18,
    });
    await eventually(async () => expect((await provider.get(id))?.status).toBe('running'));
    expect((await provider.get(id))?.endpoints).toEqual([
      { port: 8000, protocol: 'tcp', url: 'tcp://192.0.2.45:28000' },
      { port: 22, protocol: 'tcp', url: 'tcp://192.0.2.45:20022' },
    ]);
  });

  test('environment and ports of a template are sent only where they are not its own any more', async () => {
    const { simulator, provider, ...context } = await simulate(VAST);
    const spec = await specFor({ provider, ...context }, 'jetfleet-env');
    const envs = [...spec.template.envs, { key: 'MORE', value: 'x' }];
    await provider.create({ ...spec, template: { ...spec.template, envs } });
    expect(simulator.requests.log.at(-1)?.body).toMatchObject({
      env: { MODEL_ID: 'Qwen/Qwen3 0.6B', MORE: 'x', '-p 8000:8000': '1', '-p 2222:22': '1' },
    });
  });

  test('an ask that is rented is gone for others, until its instance is', async () => {
    const { provider, query, templateId } = await simulate(VAST);
    const spec = await specFor({ provider, query, templateId }, 'jetfleet-first');
    const { providerInstanceId: id } = await provider.create(spec);
    const asks = async () => (await provider.listOffers(query)).map(({ productId }) => productId);
    expect(await asks()).not.toContain(spec.offer.productId);
    expect(await errorClassOf(provider.create({ ...spec, name: 'jetfleet-second' }))).toBe('capacity');
    await provider.delete(id);
    await eventually(async () => expect(await asks()).toContain(spec.offer.productId));
    await provider.create({ ...spec, name: 'jetfleet-second' });
  });

  test.each([
    ['vllm/vllm-openai', 'vllm/vllm-openai:v1'],
    ['registry.example.com:5000/team/worker', 'registry.example.com:5000/team/worker:v1'],
    ['registry.example.com:5000/team/worker:v0', 'registry.example.com:5000/team/worker:v0'],
    ['team/worker@sha256:0123', 'team/worker@sha256:0123'],
  ])('the image %s with the tag v1 is %s', async (image, expected) => {
    const templates = [{ hash_id: 'abc', image, tag: 'v1', env: '', onstart: '' }];
    const provider = await answeredWith(VAST, 200, { success: true, templates });
    expect((await provider.getTemplate('abc')).image).toBe(expected);
  });

  test('a bid that is too low is ambiguous: its instance is there', async () => {
    const { provider, ...context } = await simulate(VAST);
    const spec = await specFor({ provider, ...context }, 'jetfleet-low');
    const offer = { ...spec.offer, details: { ...spec.offer.details, bid: 0.01 } };
    expect(await errorClassOf(provider.create({ ...spec, offer }))).toBe('ambiguous');
    expect(await provider.findByName('jetfleet-low')).toHaveLength(1);
  });

  test.each<[number, unknown, string]>([
    [
      404,
      { success: false, error: 'invalid_args', msg: 'error 404/3603: no_such_ask Instance type' },
      'capacity',
    ],
    [410, { success: false, error: 'no_such_ask', msg: 'gone' }, 'capacity'],
    [400, { success: false, error: 'missing_billing', msg: 'x' }, 'balance'],
    [400, { success: false, error: 'invalid_price', msg: 'x' }, 'validation'],
    [200, { success: false, error: 'invalid_price', msg: 'x' }, 'validation'],
    [401, { success: false, error: 'auth_error', msg: 'Invalid user key' }, 'auth'],
    [429, 'API requests too frequent: endpoint threshold=4.5', 'rate_limited'],
    [400, { success: false, error: 'x', new_contract: 7 }, 'ambiguous'],
  ])('a create refused with %i %j is %s', async (status, body, expected) => {
    const provider = await answeredWith(VAST, status, body);
    expect(await errorClassOf(provider.create(SPEC))).toBe(expected);
  });

  test('an instance that goes while the list is read does not make it look cut off', async () => {
    const page = (ids: number[], total: number, next: string | null) => ({
      success: true,
      instances: ids.map((id) => ({ id, label: 'jetfleet-a', actual_status: 'running' })),
      total_instances: total,
      next_token: next,
    });
    const pages = [page([1, 2], 4, 'abc'), page([4], 3, null)];
    const { url: baseUrl } = await startAnswering(() => ({ body: pages.shift() }));
    expect(await createVastProvider({ apiKey: 'k', baseUrl }).findByName('jetfleet-a')).toHaveLength(3);
  });

  test('an empty single read counts only with the list', async () => {
    const list = { success: true, instances: [], total_instances: 0, next_token: null };
    let listed: unknown = list;
    const { url: baseUrl } = await startAnswering((request) => ({
      body: request.url?.includes('/v1/') ? listed : { instances: null },
    }));
    const provider = createVastProvider({ apiKey: 'k', baseUrl });
    expect(await provider.get('7')).toBeNull();
    listed = { ...list, instances: [{ id: 7, actual_status: 'running' }], total_instances: 1 };
    expect(await errorClassOf(provider.get('7'))).toBe('transient');
    listed = { ...list, total_instances: 1 };
    expect(await errorClassOf(provider.get('7'))).toBe('transient');
  });

  test.each<[object, string]>([
    [{ actual_status: null, intended_status: 'running' }, 'pending'],
    [{ actual_status: null, intended_status: 'stopped' }, 'stopped'],
    [{ actual_status: 'exited', intended_status: 'stopped' }, 'stopped'],
    [{ actual_status: 'exited', intended_status: 'running' }, 'failed'],
    [{ actual_status: 'stopped', intended_status: 'running', is_bid: true }, 'preempted'],
    [{ actual_status: 'offline', intended_status: 'running' }, 'unknown'],
    [{ actual_status: 'running', intended_status: 'stopped' }, 'stopping'],
    // Its GPU is paid for.
    [{ actual_status: 'frozen', intended_status: 'running' }, 'unknown'],
    [{ actual_status: 'frozen', intended_status: 'frozen' }, 'unknown'],
    [{ actual_status: 'frozen', intended_status: 'stopped' }, 'stopping'],
  ])('%j is %s', async (fields, status) => {
    const provider = await answeredWith(VAST, 200, { instances: { id: 7, label: 'a', ...fields } });
    expect(await provider.get('7')).toMatchObject({ status });
  });
});

test.each<[string, Wired, FaultInput['kind'][]]>([
  ['RunPod', RUNPOD, ['capped_pages', 'numeric_id']],
  ['Lambda', LAMBDA, ['capped_pages', 'numeric_id']],
  ['Vast', VAST, ['numeric_id']],
])("%s's simulator refuses the faults that its API cannot show", async (_name, wired, kinds) => {
  const { simulator } = await simulate(wired);
  for (const kind of kinds) {
    expect(() => simulator.faults.add({ kind } as FaultInput)).toThrow(new RegExp(`no fault ${kind}`));
  }
  expect(simulator.faults.list()).toEqual([]);
});

test('an id that would name another path is refused before anything is sent', async () => {
  let requests = 0;
  const { url: baseUrl } = await startAnswering(() => {
    requests += 1;
    return { body: {} };
  });
  for (const { create } of [RUNPOD, LAMBDA, VAST]) {
    const provider = create({ apiKey: 'k', baseUrl });
    expect(await errorClassOf(provider.get('..'))).toBe('validation');
  }
  expect(requests).toBe(0);
});

test('the guide to providers prints what it says', async () => {
  const snippets = codeOf('docs/guides/providers.md', 'ts');
  expect(snippets).toHaveLength(2);
  expect(await printed(snippets.join('\n'), {})).toEqual(['COMMUNITY 68000, SECURE 138000', 'false']);
});
