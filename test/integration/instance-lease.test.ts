/** The dead-man's switch: the simulator really runs the start scripts of its instances, with the watchdog in them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { Simulator, Template } from '../../src/gpu/index.js';
import { createLambdaProvider, SIMULATED_SSH_KEY, startLambdaSimulator } from '../../src/gpu/lambda/index.js';
import { createVastProvider, startVastSimulator } from '../../src/gpu/vast/index.js';
import { watchdogScript, withWatchdog } from '../../src/instances/lease-watchdog.js';
import { instancePayload } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startHttp } from '../support/http.js';
import { startNats } from '../support/nats.js';
import { QUICK } from '../support/simulated-novita.js';

const LEASE_MS = 6_000;
const SECRET = 'the secret of the leases';

describe('the watchdog', () => {
  let server: Server;
  let url: string;
  let answer: (path: string) => [status: number, body: string];
  const asked: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const [status, body] = answer(request.url ?? '');
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  /** Runs with the tools that are given, and nothing else on its path but what every system has. */
  function watch(tools: string, leaseMs = 1_000): ChildProcess {
    const script = watchdogScript({ leaseUrl: `${url}/lease`, leaseMs, endUrl: `${url}/end` });
    const child = spawn('/bin/sh', ['-c', `${tools}\n${script}`], { stdio: 'ignore', detached: true });
    onTestFinished(() => void process.kill(-(child.pid as number), 'SIGKILL'));
    return child;
  }

  it.each([
    ['nothing answers', (): [number, string] => [503, 'no']],
    ['what answers is no number', (): [number, string] => [200, '<html>9</html>']],
    ['what answers is no lease', (): [number, string] => [200, '0']],
    ['what answers would make no sum', (): [number, string] => [200, '0123456789123456789']],
  ])('ends the instance where %s', async (_, lease) => {
    asked.splice(0);
    answer = (path) => (path === '/lease' ? lease() : [200, 'ok']);
    watch('');
    await expect.poll(() => asked).toContain('/end');
  });

  it('ends nothing while the lease is renewed, asks on, and takes back its end once the lease is renewed again', async () => {
    asked.splice(0);
    let isRenewed = true;
    answer = (path) => (path === '/lease' && isRenewed ? [200, '1'] : [503, '']);
    watch('');
    await expect.poll(() => asked.length).toBeGreaterThan(3);
    expect(asked).not.toContain('/end');
    isRenewed = false;
    await expect.poll(() => asked).toContain('/end');
    isRenewed = true;
    const seen = asked.length;
    await expect.poll(() => asked.length).toBeGreaterThan(seen + 3);
    expect(asked.slice(seen + 1)).not.toContain('/end');
  });

  it('asks by wget where there is no curl', async () => {
    asked.splice(0);
    answer = () => [200, '1'];
    watch(`command() { test "$2" != curl; }`);
    await expect.poll(() => asked).toContain('/lease');
  });
});

describe('the start script of a template', () => {
  const settings = {
    leaseUrl: "https://a.test/leases/it's",
    leaseMs: LEASE_MS,
    endUrl: 'https://b.test/end',
  };
  const template = (startCommand?: string): Template => ({
    ...{ id: 't', image: 'i', ports: [], envs: [] },
    ...(startCommand !== undefined && { startCommand }),
  });
  const vast = createVastProvider({ apiKey: 'k' }).capabilities;
  const lambda = createLambdaProvider({ apiKey: 'k', sshKeyName: 'k' }).capabilities;

  it.each([
    ['', vast, /^\(\n# Ends/],
    ['vllm serve x', vast, /^\(\n# Ends[\s\S]*\) >\/dev\/null 2>&1 &\nvllm serve x$/],
    ['', lambda, /^#!\/bin\/sh\n\(\n# Ends/],
    ['#!/bin/bash\nset -e\nrun', lambda, /^#!\/bin\/bash\n\(\n# Ends[\s\S]*&\nset -e\nrun$/],
  ])('%j runs the watchdog beside it', (startCommand, capabilities, made) => {
    const { startCommand: script = '' } = withWatchdog(template(startCommand), capabilities, settings);
    expect(script).toMatch(made);
    expect(script).toContain(`lease_url='https://a.test/leases/it'\\''s'`);
    expect(script.split('\n').length).toBeLessThan(55);
  });

  it.each([
    ['#cloud-config\npackages: []', lambda, 'no shell script'],
    ['#!/usr/bin/python3\n', vast, 'no shell script'],
    ['', { ...lambda, startScript: {} }, 'needs an endUrl'],
    ['', { ...lambda, startScript: undefined }, 'runs no start script'],
  ])('%j of %o is refused', (startCommand, capabilities, why) => {
    const { endUrl: _, ...withoutEnd } = settings;
    const given = why === 'needs an endUrl' ? withoutEnd : settings;
    const { startScript, ...rest } = capabilities;
    const made = { ...rest, ...(startScript && { startScript }) };
    expect(() => withWatchdog(template(startCommand), made, given)).toThrow(why);
  });
});

describe('an instance with a lease', () => {
  let nats: EmbeddedServer;
  let fleet: Fleet;
  let vast: Simulator;
  let http: Awaited<ReturnType<typeof startHttp>>;
  beforeAll(async () => {
    nats = await startNats();
    vast = await startVastSimulator({ timings: QUICK, runScripts: true });
    fleet = await startFleet({ nats, workers: 0 });
    http = await startHttp(fleet.queue, { callbackSecret: SECRET });
    await fleet.addWorker(undefined, {
      provider: createVastProvider({ apiKey: vast.apiKey, baseUrl: vast.url }),
      ...{ pollIntervalMs: 40, settleDelayMs: 20, sweep: false },
      lease: { url: http.server.url, secret: SECRET },
    });
  });
  afterAll(async () => {
    await vast.stop();
    await fleet.close();
    await nats.stop();
  });

  const stops = () => vast.ledger.filter(({ action }) => action === 'stop');

  test('lives while it is renewed, over an outage of the broker, and ends itself when all are gone', async () => {
    const payload = {
      ...instancePayload('leased'),
      ...{ productName: 'RTX 4090', region: 'US', templateId: '4e17788f74f075dd9aab7d0d4427968f' },
      lease: { ms: LEASE_MS },
    };
    await fleet.queue.addJob('create_instance', payload, 'high', { id: 'leased' });
    await fleet.waitForJob('leased', 'completed');
    await fleet.waitForJob('leased-lease', 'waiting');
    const renewals = async () =>
      (await fleet.history('leased-lease')).filter(({ state }) => state === 'waiting').length;
    await expect.poll(renewals).toBeGreaterThan(2);
    expect(stops()).toEqual([]);
    expect((await http.call('/leases/leased-lease?token=x', { token: null })).status).toBe(401);
    // An outage that is shorter than the lease.
    process.kill(nats.pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS / 3));
    process.kill(nats.pid, 'SIGCONT');
    const before = await renewals();
    await expect.poll(renewals).toBeGreaterThan(before + 1);
    expect(stops()).toEqual([]);
    // Every worker and the server are gone.
    await http.server.close();
    await fleet.workers[0]?.shutdown(200);
    const from = Date.now();
    await expect.poll(stops).toMatchObject([{ action: 'stop' }]);
    expect(Date.now() - from).toBeLessThan(2 * LEASE_MS + 5_000);
  });

  it.each([
    ['a worker without leases', undefined, 'this worker has no option lease'],
    ['a provider without start scripts', { url: 'https://a.test', secret: SECRET }, 'runs no start script'],
  ])('is not rented by %s', async (_, lease, why) => {
    await using other = await startFleet({ nats, workers: 0 });
    await other.addWorker(undefined, { sweep: false, ...(lease && { lease }) });
    const payload = { ...instancePayload('none'), lease: { ms: LEASE_MS } };
    const id = await other.queue.addJob('create_instance', payload, 'high', { maxAttempts: 1 });
    const job = await other.waitForJob(id, ({ status }) => status === 'failed');
    expect(job).toMatchObject({ state: 'rejected', error: { code: 'JETFLEET_PROVIDER_VALIDATION' } });
    expect(job.error?.message).toContain(why);
    expect(other.simulator.ledger).toEqual([]);
  });

  test('at Lambda is ended by the URL of its user, which is asked for before anything is rented', async () => {
    const lambda = await startLambdaSimulator({ timings: QUICK });
    onTestFinished(() => lambda.stop());
    await using other = await startFleet({ nats, workers: 0 });
    await other.addWorker(undefined, {
      provider: createLambdaProvider({
        apiKey: lambda.apiKey,
        baseUrl: lambda.url,
        sshKeyName: SIMULATED_SSH_KEY,
      }),
      ...{ sweep: false, lease: { url: 'https://a.test', secret: SECRET } },
    });
    const payload = {
      ...instancePayload('vm'),
      ...{ productName: 'A10 (24 GB PCIe)', region: 'us-east-1', templateId: 'lambda-stack-24-04' },
      billingMode: 'on_demand' as const,
    };
    const add = (id: string, lease: object) =>
      other.queue.addJob('create_instance', { ...payload, lease: { ms: LEASE_MS, ...lease } }, 'high', {
        id,
      });
    await add('no-end', {});
    expect((await other.waitForJob('no-end', 'rejected')).error?.message).toContain('needs an endUrl');
    await add('end', { endUrl: 'https://b.test/end' });
    await other.waitForJob('end', 'completed');
    const [launch] = lambda.requests.log.filter(({ route }) => route === 'POST /instance-operations/launch');
    expect(launch?.body).toMatchObject({
      user_data: expect.stringContaining("end_url='https://b.test/end'"),
    });
    expect(lambda.ledger).toHaveLength(1);
  });
});
