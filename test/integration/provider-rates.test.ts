/** Calls of providers take turns among all workers of a queue. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { GivenCallRates } from '../../src/gpu/api/call-rates.js';
import { createLambdaProvider, SIMULATED_SSH_KEY, startLambdaSimulator } from '../../src/gpu/lambda/index.js';
import type { SimulatorOptions } from '../../src/gpu/simulator/simulator.js';
import type { CreateInstancePayload } from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { eventually } from '../support/gpu-provider-conformance.js';
import { startNats } from '../support/nats.js';
import { QUICK } from '../support/simulated-novita.js';

let nats: EmbeddedServer;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const LAUNCH = 'POST /instance-operations/launch';
const PAYLOAD: Omit<CreateInstancePayload, 'instanceId'> = {
  name: 'trainer',
  productName: 'A10 (24 GB PCIe)',
  templateId: 'lambda-stack-24-04',
  gpuNum: 1,
  rootfsSize: 60,
  region: 'us-east-1',
  billingMode: 'on_demand',
};

async function simulateLambda(options: SimulatorOptions = {}, rateLimits: GivenCallRates | false = false) {
  const simulator = await startLambdaSimulator({ timings: QUICK, ...options });
  onTestFinished(() => simulator.stop());
  const { apiKey, url: baseUrl } = simulator;
  const provider = createLambdaProvider({ apiKey, baseUrl, sshKeyName: SIMULATED_SSH_KEY, rateLimits });
  return { simulator, provider };
}

test('20 creates from two workers are sent no quicker than the provider allows, and none is refused', async () => {
  // What is allowed is wider than what is kept by as much as a busy machine may hold requests back: two windows of all may meet in one.
  const allowed = { create: { max: 1, perMs: 150 }, all: { max: 40, perMs: 300 } };
  const rateLimits = { create: { max: 1, perMs: 400 }, all: { max: 20, perMs: 500 } };
  const { simulator, provider } = await simulateLambda({ rateLimits: allowed }, rateLimits);
  const worker = { provider, pollIntervalMs: 1_000 };
  const fleet = await startFleet({ nats, worker });
  onTestFinished(() => fleet.close());
  const other = await startFleet({ nats, namespace: fleet.namespace, worker });
  onTestFinished(() => other.close());
  const ids = Array.from({ length: 20 }, (_, at) => `rated-${at}`);
  await Promise.all(
    ids.map((id) => fleet.queue.addJob('create_instance', { ...PAYLOAD, instanceId: id }, 'normal', { id })),
  );
  for (const id of ids) await fleet.waitForJob(id, 'completed');
  const launches = simulator.requests.log.filter(({ route }) => route === LAUNCH);
  expect(launches).toHaveLength(20);
  expect(simulator.requests.refused).toBe(0);
  const times = launches.map(({ at }) => Date.parse(at));
  const gaps = times.slice(1).map((at, index) => at - (times[index] as number));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(150);
  const records = await Promise.all(ids.map((id) => fleet.queue.getJob(id)));
  expect(records.map((record) => record?.attempt)).toEqual(ids.map(() => 1));
  const limits = await fleet.queue.limits.list({ limit: 'lambda/create' });
  expect(limits.map(({ rate }) => rate)).toEqual([{ max: 1, perMs: 600 }]);
});

test('a 429 slows down the operation of the account for all workers, and no other account or operation', async () => {
  const [one, two] = [await simulateLambda(), await simulateLambda()];
  const fleet = await startFleet({ nats, workers: 0 });
  onTestFinished(() => fleet.close());
  for (let each = 0; each < 2; each++) await fleet.addWorker(undefined, { provider: one.provider });
  one.simulator.faults.add({ kind: 'rate_limited', route: LAUNCH, retryAfter: 600, times: 1 });
  const add = (id: string) =>
    fleet.queue.addJob('create_instance', { ...PAYLOAD, instanceId: id }, 'normal', { id });
  await add('refused');
  await fleet.waitForJob('refused', ({ state }) => state === 'retrying');
  const [limit] = await fleet.queue.limits.list({ limit: 'lambda/create' });
  expect(Date.parse(limit?.closedUntil ?? '') - Date.now()).toBeGreaterThan(300_000);
  expect(JSON.stringify(limit)).not.toContain(one.simulator.apiKey);
  // The others wait without a slot and without an attempt, and nothing of theirs is sent.
  for (let each = 0; each < 5; each++) await add(`waits-${each}`);
  for (let each = 0; each < 5; each++) {
    expect(await fleet.waitForJob(`waits-${each}`, 'waiting')).toMatchObject({ attempt: 1 });
  }
  expect(one.simulator.requests.count(LAUNCH)).toBe(1);
  expect(one.simulator.requests.count('GET /instances')).toBeGreaterThanOrEqual(6);
  const elsewhere = await startFleet({ nats, namespace: fleet.namespace, workers: 0 });
  onTestFinished(() => elsewhere.close());
  await Promise.all(fleet.workers.map((worker) => worker.shutdown(0)));
  await elsewhere.addWorker(undefined, { provider: two.provider });
  await add('other-account');
  await elsewhere.waitForJob('other-account', 'completed');
  // One that was cancelled while it waits rents nothing.
  await fleet.queue.cancel('waits-0');
  await eventually(() => expect(two.simulator.live()).toHaveLength(1));
  expect(one.simulator.live()).toHaveLength(0);
});

test('jobs that wait for capacity hibernate, and one of them asks for all', async () => {
  const { simulator, provider } = await simulateLambda();
  const worker = { provider, capacityPollMs: 400, settleDelayMs: 10 };
  const fleet = await startFleet({ nats, worker });
  onTestFinished(() => fleet.close());
  const other = await startFleet({ nats, namespace: fleet.namespace, worker });
  onTestFinished(() => other.close());
  const { id: fault } = simulator.faults.add({ kind: 'no_capacity' });
  const waitForCapacityUntil = new Date(Date.now() + 600_000).toISOString();
  const ids = Array.from({ length: 8 }, (_, at) => `full-${at}`);
  const waiting = { ...PAYLOAD, waitForCapacityUntil };
  await Promise.all(
    ids.map((id) => fleet.queue.addJob('create_instance', { ...waiting, instanceId: id }, 'normal', { id })),
  );
  for (const id of ids) expect(await fleet.waitForJob(id, 'waiting')).toMatchObject({ attempt: 1 });
  // Each has been run several times by now; those that ran within one time have asked once.
  const runs = async () => {
    const histories = await Promise.all(ids.map((id) => fleet.history(id)));
    return histories.flat().filter(({ state }) => state === 'waiting').length;
  };
  await expect.poll(runs).toBeGreaterThan(24);
  expect(simulator.requests.count('GET /instance-types')).toBeLessThan((await runs()) / 2);
  simulator.faults.clear(fault);
  for (const id of ids) expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 1 });
  expect(simulator.live()).toHaveLength(8);
});

test('a wait for capacity ends with its time, and the attempt fails', async () => {
  const { simulator, provider } = await simulateLambda();
  const fleet = await startFleet({ nats, worker: { provider, capacityPollMs: 50 } });
  onTestFinished(() => fleet.close());
  simulator.faults.add({ kind: 'no_capacity', advertised: true });
  const waitForCapacityUntil = new Date(Date.now() + 300).toISOString();
  const payload = { ...PAYLOAD, instanceId: 'i', waitForCapacityUntil };
  await fleet.queue.addJob('create_instance', payload, 'normal', { id: 'short', maxAttempts: 1 });
  const { error } = await fleet.waitForJob('short', 'exhausted');
  expect(error?.code).toBe('JETFLEET_PROVIDER_CAPACITY');
  // What became of each create was known: none was looked up again and again.
  const creates = simulator.requests.count(LAUNCH);
  expect(simulator.requests.count('GET /instances')).toBeLessThanOrEqual(2 * creates + 8);
});
