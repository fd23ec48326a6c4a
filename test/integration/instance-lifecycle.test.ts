/** Jobs of instances that exist: start, stop, restart, migrate, check and delete, at Novita and at Lambda, which can only restart. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { Offer, Simulator } from '../../src/gpu/index.js';
import { createLambdaProvider, SIMULATED_SSH_KEY, startLambdaSimulator } from '../../src/gpu/lambda/index.js';
import type { JobRecord } from '../../src/index.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { cli, instancePayload, publishByHand } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startHttp } from '../support/http.js';
import { startNats } from '../support/nats.js';
import { type ProviderProxy, proxyProvider } from '../support/provider-proxy.js';
import { QUERY, QUICK } from '../support/simulated-novita.js';
import { codeOf, printed } from '../support/snippets.js';

let nats: EmbeddedServer;
let fleet: Fleet;
let proxy: ProviderProxy;
let lambda: Simulator;
/** What listens on the instances. */
let app: Server;
let appPort: number;
let answered = 200;

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, workers: 0 });
  proxy = await proxyProvider(fleet.simulator);
  lambda = await startLambdaSimulator({ timings: QUICK });
  app = createServer((request, response) => {
    response.writeHead(request.url === '/health' ? answered : 404).end();
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  appPort = (app.address() as AddressInfo).port;
  await fleet.addWorker(undefined, {
    provider: [
      proxy.provider,
      createLambdaProvider({
        ...{ apiKey: lambda.apiKey, baseUrl: lambda.url, sshKeyName: SIMULATED_SSH_KEY },
        // Its own would make each test wait for 12 s.
        rateLimits: false,
      }),
    ],
    ...{ pollIntervalMs: 40, settleDelayMs: 20, sweep: false },
    probeGuard: { allowHosts: [`127.0.0.1:${appPort}`] },
  });
});
afterAll(async () => {
  await fleet.close();
  await lambda.stop();
  await proxy[Symbol.asyncDispose]();
  await new Promise((resolve) => app.close(resolve));
  await nats.stop();
});
beforeEach(() => {
  proxy.forge = () => undefined;
  answered = 200;
});

const LAMBDA = {
  ...{ productName: 'A10 (24 GB PCIe)', region: 'us-east-1', templateId: 'lambda-stack-24-04' },
  ...{ billingMode: 'on_demand', providers: ['lambda'] },
} as const;

/** An instance that a job rented, which runs. @returns the provider's id, with the provider's name before it */
async function rent(id: string, more: object = {}): Promise<string> {
  const { queue } = fleet;
  const payload = { ...instancePayload(id), webhookUrl: `${fleet.receiver.url}/create`, ...more };
  await queue.addJob('create_instance', payload, 'high', { id });
  await fleet.waitForJob(id, 'completed');
  const { result } = await fleet.waitForJob(`${id}-monitor`, 'completed');
  return (result as { novitaInstanceId: string }).novitaInstanceId;
}

const ended = (id: string): Promise<JobRecord> => fleet.waitForJob(id, ({ status }) => isTerminal(status));
const bare = (id: string) => id.split(':')[1] ?? id;
/** What was done to an instance, in order, besides making it. */
const doneTo = (id: string, simulator = fleet.simulator) =>
  simulator.ledger
    .filter((each) => each.instanceId === bare(id))
    .map(({ action }) => action)
    .slice(1);
const statusOf = (id: string) => fleet.simulator.live().find((each) => each.id === bare(id))?.status;
const webhookOf = async (jobId: string) => {
  const { body } = await fleet.receiver.waitFor((request) => JSON.parse(request.body).data.jobId === jobId);
  return JSON.parse(body);
};

describe('an instance that runs', () => {
  it('is stopped, started, restarted and deleted, each with a webhook of its own', async () => {
    const id = await rent('life');
    const webhookUrl = `${fleet.receiver.url}/life`;
    const { instances } = fleet.queue;
    expect(await instances.find('life')).toEqual({
      instanceId: 'life',
      novitaInstanceId: id,
      createJobId: 'life',
    });
    for (const [verb, word, status] of [
      ['stop', 'stopped', 'exited'],
      ['start', 'started', 'running'],
      ['restart', 'restarted', 'running'],
    ] as const) {
      const added = await instances[verb]('life', { webhookUrl, id: `life-${verb}` });
      expect(added).toEqual({ id: `life-${verb}`, created: true });
      const job = await ended(added.id);
      expect(job).toMatchObject({ state: 'completed', attempt: 1, result: { isUnchanged: false } });
      expect(statusOf(id)).toBe(status);
      expect(await webhookOf(added.id)).toMatchObject({
        type: `instance.${word}`,
        data: { instanceId: 'life', novitaInstanceId: id, status: word },
      });
    }
    expect(fleet.simulator.requests.count('POST /gpu/instance/restart')).toBe(1);
    const { id: deletion } = await instances.delete('life', { webhookUrl });
    expect(await ended(deletion)).toMatchObject({ state: 'completed', result: { deleted: [id] } });
    expect(await webhookOf(deletion)).toMatchObject({ type: 'instance.deleted' });
    expect(doneTo(id)).toEqual(['stop', 'start', 'delete']);
  });

  it.each(['stop', 'start'] as const)('is told once to %s when the answer is lost', async (verb) => {
    const jobId = `lost-${verb}`;
    const id = await rent(jobId);
    if (verb === 'start') await ended((await fleet.queue.instances.stop(jobId)).id);
    fleet.simulator.faults.add({
      ...{ kind: 'answer', status: 502, body: { message: 'bad gateway' }, when: 'after', times: 1 },
      route: `/gpu/instance/${verb}`,
    });
    const job = await ended((await fleet.queue.instances[verb](jobId)).id);
    expect(job).toMatchObject({ state: 'completed', attempt: 1 });
    expect(doneTo(id).filter((action) => action === verb)).toEqual([verb]);
    expect(fleet.simulator.faults.has('answer')).toBe(false);
  });

  it('whose start is refused as a conflict although it works is started', async () => {
    const id = await rent('conflict');
    await ended((await fleet.queue.instances.stop('conflict')).id);
    fleet.simulator.faults.add({
      ...{ kind: 'answer', status: 400, when: 'after', times: 1, route: '/gpu/instance/start' },
      body: { code: 400, reason: 'CONFLICT', message: 'invalid state change' },
    });
    expect(await ended((await fleet.queue.instances.start('conflict')).id)).toMatchObject({
      state: 'completed',
    });
    expect(doneTo(id)).toEqual(['stop', 'start']);
  });
});

describe('an instance that no job of ours rented', () => {
  it.each(['start', 'stop', 'restart', 'migrate', 'check'] as const)(
    'is no matter of a job to %s it',
    async (verb) => {
      const [offer] = await fleet.provider.listOffers(QUERY);
      const template = await fleet.provider.getTemplate('template-123');
      const spec = {
        name: `jetfleet-foreign-${verb}`,
        offer: offer as Offer,
        template,
        gpuNum: 1,
        rootfsSize: 60,
      };
      const { providerInstanceId } = await fleet.provider.create(spec);
      const address = { instanceId: 'x', novitaInstanceId: `novita:${providerInstanceId}` };
      const job = await ended((await fleet.queue.instances[verb](address)).id);
      expect(job).toMatchObject({ state: 'rejected', error: { code: 'JETFLEET_INSTANCE_NOT_OURS' } });
      expect(doneTo(providerInstanceId)).toEqual([]);
    },
  );
});

describe('a provider that can only restart', () => {
  it('refuses to stop with a code, restarts, and migrates by a replacement', async () => {
    const id = await rent('lambda', LAMBDA);
    const { instances } = fleet.queue;
    const stop = await ended((await instances.stop('lambda')).id);
    expect(stop).toMatchObject({ state: 'rejected', error: { code: 'JETFLEET_INSTANCE_UNSUPPORTED' } });
    expect(stop.error?.message).toContain(id);
    expect(await ended((await instances.restart('lambda')).id)).toMatchObject({ state: 'completed' });
    const { id: migration } = await instances.migrate('lambda', { by: 'replacement', id: 'moved' });
    const moved = await ended(migration);
    expect(moved).toMatchObject({
      state: 'completed',
      result: { replaced: id, createJobId: 'moved-replacement', isUnchanged: false },
    });
    expect(await ended('moved-delete')).toMatchObject({ state: 'completed', result: { deleted: [id] } });
    const { novitaInstanceId } = moved.result as { novitaInstanceId: string };
    expect(lambda.live().map((each) => each.id)).toEqual([bare(novitaInstanceId)]);
    expect(await instances.find('moved')).toMatchObject({
      novitaInstanceId,
      createJobId: 'moved-replacement',
    });
    const order = lambda.ledger.map(({ action, instanceId }) => [action, instanceId === bare(id)]);
    expect(order).toEqual([
      ['create', true],
      ['create', false],
      ['delete', true],
    ]);
  });
});

describe('a migration', () => {
  it('by a replacement ends by what the provider says, where the record of its monitor was removed', async () => {
    const id = await rent('kept', LAMBDA);
    const other = await rent('gone-replacement', LAMBDA);
    await fleet.queue.deleteJobs(['gone-replacement-monitor']);
    expect(await fleet.queue.getJob('gone-replacement-monitor')).toBeUndefined();
    const { instances } = fleet.queue;
    const { id: migration } = await instances.migrate('kept', { by: 'replacement', id: 'gone' });
    expect(await ended(migration)).toMatchObject({
      state: 'completed',
      result: { replaced: id, novitaInstanceId: other },
    });
    await ended('gone-delete');
  });

  it("of a reclaimed spot instance is the provider's own, under the same id", async () => {
    const id = await rent('spot');
    let isMoved = false;
    proxy.forge = (route) => {
      if (route === 'POST /gpu/instance/migrate') {
        isMoved = true;
        return { status: 200 };
      }
      if (isMoved || !/^GET \/gpu\/instance/.test(route)) return undefined;
      return (answer) => ({
        ...answer,
        body: JSON.stringify(answer.body, (key, value) => (key === 'spotStatus' ? 'reclaiming' : value)),
      });
    };
    expect(await ended((await fleet.queue.instances.migrate('spot')).id)).toMatchObject({
      state: 'completed',
      result: { novitaInstanceId: id, isUnchanged: false },
    });
    expect(doneTo(id)).toEqual([]);
  });
});

describe('a health check', () => {
  /** The proxy says where the ports of instances are. */
  const listenAt = (...endpoints: string[]) => {
    const portMappings = endpoints.map((endpoint, index) => ({ port: 8080 + index, type: 'http', endpoint }));
    proxy.forge = (route) => {
      if (!/^GET \/gpu\/instance/.test(route)) return undefined;
      return (answer) => ({
        ...answer,
        body: JSON.stringify(answer.body, (key, value) => (key === 'portMappings' ? portMappings : value)),
      });
    };
  };
  const check = async (more: object) =>
    (await ended((await fleet.queue.instances.check('checked', { maxWaitTime: 60, ...more })).id)).result;

  beforeAll(async () => {
    await rent('checked');
  });

  it('asks the ports for an answer', async () => {
    listenAt(`http://127.0.0.1:${appPort}`);
    expect(await check({ path: '/health' })).toMatchObject({
      isHealthy: true,
      ports: [{ port: 8080, isHealthy: true, status: 200 }],
    });
    expect(await check({ path: '/health', expectStatus: 204 })).toMatchObject({ isHealthy: false });
    answered = 503;
    expect(await check({ path: '/health' })).toMatchObject({
      isHealthy: false,
      ports: [{ isHealthy: false, status: 503, error: 'answered 503' }],
    });
    listenAt(`tcp://127.0.0.1:${appPort}`);
    expect(await check({})).toMatchObject({ isHealthy: true, ports: [{ isHealthy: true }] });
    expect(await check({ ports: [9090] })).toMatchObject({ isHealthy: false, ports: [] });
  });

  it.each([
    'http://127.0.0.1:1',
    'tcp://10.0.0.1:22',
    'http://169.254.169.254',
    'https://[::1]:9',
    'tcp://localhost:1',
  ])('reaches no internal address: %s', async (address) => {
    listenAt(address);
    expect(await check({})).toMatchObject({
      isHealthy: false,
      ports: [{ isHealthy: false, error: expect.stringContaining('leads to no public address') }],
    });
  });

  it('reports an unhealthy instance by webhook, and fails no job', async () => {
    listenAt('http://127.0.0.1:1');
    const webhookUrl = `${fleet.receiver.url}/health`;
    const { id } = await fleet.queue.instances.check('checked', { maxWaitTime: 1, webhookUrl });
    expect(await ended(id)).toMatchObject({ state: 'completed', result: { isHealthy: false } });
    expect(await webhookOf(id)).toMatchObject({ type: 'instance.unhealthy' });
  });
});

test('an instance is stopped once it is idle, and a lease that is extended ends later', async () => {
  const id = await rent('idle');
  const { instances } = fleet.queue;
  const { id: keeper } = await instances.autoStop('idle', {
    until: new Date(Date.now() + 3_600_000).toISOString(),
  });
  expect(await instances.autoStop('idle', { idleMs: 1 })).toMatchObject({ id: keeper, created: false });
  await fleet.waitForJob(keeper, 'waiting');
  await instances.used(keeper);
  const extension = await ended((await instances.extendLease('idle', { byMs: 3_600_000 })).id);
  const { until } = extension.result as { autoStopJobId: string; until: string };
  expect(extension.result).toMatchObject({ autoStopJobId: keeper });
  const isKept = ({ checkpoint }: JobRecord) =>
    (checkpoint as { until?: string } | undefined)?.until === until;
  await fleet.waitForJob(keeper, (job) => isKept(job) && job.state === 'waiting');
  expect(Date.parse(until) - Date.now()).toBeGreaterThan(3_600_000);
  // A lease that is cut short ends at once.
  await instances.extendLease('idle', { until: new Date().toISOString() });
  expect((await ended(keeper)).result).toMatchObject({ reason: 'lease_over' });
  await ended(`${keeper}-stop`);
  expect(doneTo(id)).toEqual(['stop']);
  const gone = await ended((await instances.extendLease('idle', { byMs: 1_000 })).id);
  expect(gone).toMatchObject({ state: 'rejected', error: { code: 'JETFLEET_NOT_FOUND' } });
  const { signals } = await fleet.queue.broker();
  expect(await signals.signalsOf({ jobId: keeper, name: 'used' })).toEqual([]);
});

test('the same jobs come by the command line, over HTTP and by a plain publish', async () => {
  const id = await rent('ways');
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  const stopped = await cli(['instance', 'stop', 'ways', '--wait', '--json', '--id', 'ways-stop'], { env });
  expect(JSON.parse(stopped.stdout)).toMatchObject({ id: 'ways-stop', state: 'completed' });
  const unknown = await cli(['instance', 'start', 'nobody'], { env });
  expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining('there is no job nobody') });
  await using http = await startHttp(fleet.queue);
  const { status, json, headers } = await http.call('/api/v1/instances/ways/start', {
    body: { maxWaitTime: 60_000 },
  });
  expect(status).toBe(201);
  expect(headers.get('location')).toBe(`/api/v1/jobs/${json.id}`);
  expect(await ended(json.id)).toMatchObject({ type: 'start_instance', state: 'completed' });
  expect((await http.call('/api/v1/instances/ways')).json).toMatchObject({ novitaInstanceId: id });
  expect((await http.call('/api/v1/instances/ways/stop', { body: { ports: [1] } })).status).toBe(400);
  const payload = JSON.stringify({ instanceId: 'ways', novitaInstanceId: id });
  await publishByHand(nats.url, `${fleet.namespace}.jobs.high.restart_instance.ways-restart`, payload);
  expect(await ended('ways-restart')).toMatchObject({ state: 'completed' });
});

test('the guide prints what it says', async () => {
  const [program = ''] = codeOf('docs/guides/instance-lifecycle.md', 'ts');
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: 'guide' };
  expect(await printed(program, env)).toEqual(['stopped false']);
});
