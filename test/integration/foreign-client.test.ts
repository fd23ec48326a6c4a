import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobContext } from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { connectForeign, type ForeignClient } from '../support/foreign-client.js';
import { startNats } from '../support/nats.js';

/** The payload of the seed's README, as a program in another language would write it. */
const CREATE = JSON.stringify({
  instanceId: 'my-instance',
  name: 'My GPU Instance',
  productName: 'RTX 4090 24GB',
  templateId: 'template-123',
  gpuNum: 2,
  rootfsSize: 100,
  region: 'CN-HK-01',
});

let nats: EmbeddedServer;
let client: ForeignClient;
beforeAll(async () => {
  nats = await startNats();
  client = await connectForeign(nats.url);
});
afterAll(async () => {
  await client.connection.close();
  await nats.stop();
});

/** Runs `demo`, and keeps what the handler was given. */
function demo() {
  const runs: JobContext[] = [];
  const handler = (job: JobContext) => {
    runs.push(job);
    return job.payload;
  };
  return { runs, handlers: { demo: handler } };
}

test('a job published to JetStream runs, with the options of its headers', async () => {
  const { runs, handlers } = demo();
  await using fleet = await startFleet({ nats, handlers });
  await client.publish(`${fleet.namespace}.jobs.high.demo.order-42`, '{"grüße":[1,2]}', {
    'Jetfleet-Max-Attempts': '7',
    'Jetfleet-Timeout-Ms': '60000',
    'Jetfleet-Webhook-Url': 'https://example.com/hook',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'vendor=1',
  });
  const job = await fleet.waitForJob('order-42', 'completed');
  expect(job).toMatchObject({
    id: 'order-42',
    type: 'demo',
    priority: 'high',
    payload: { grüße: [1, 2] },
    result: { grüße: [1, 2] },
    maxAttempts: 7,
    timeoutMs: 60_000,
    webhookUrl: 'https://example.com/hook',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'vendor=1',
  });
  expect(runs[0]).toMatchObject({ id: 'order-42', priority: 'high', attempt: 1, maxAttempts: 7 });
});

test('a job published by core NATS runs, as with "nats pub"', async () => {
  await using fleet = await startFleet({ nats, ...demo() });
  await client.send(`${fleet.namespace}.jobs.normal.demo.from-core`, '{}', { 'Jetfleet-Max-Attempts': '2' });
  expect(await fleet.waitForJob('from-core', 'completed')).toMatchObject({ payload: {}, maxAttempts: 2 });
});

test('a request, as with "nats req", is answered with where the job is stored; a wrong subject has nobody who answers', async () => {
  await using fleet = await startFleet({ nats, ...demo() });
  const request = (subject: string) => client.connection.request(`${fleet.namespace}.jobs.${subject}`, '{}');
  const answer = await request('normal.demo.asked');
  expect(JSON.parse(answer.data.toString())).toEqual({
    stream: expect.stringMatching(/_JOBS$/),
    seq: expect.any(Number),
  });
  await fleet.waitForJob('asked', 'completed');
  await expect(request('urgent.demo.asked')).rejects.toMatchObject({ code: '503' });
  await expect(request('normal.demo.as.ked')).rejects.toMatchObject({ code: '503' });
});

test('the default namespace needs no prefix', async () => {
  await using fleet = await startFleet({ nats, namespace: '', ...demo() });
  await client.publish('jobs.critical.demo.bare', '"payload"');
  expect(await fleet.waitForJob('bare', 'completed')).toMatchObject({
    result: 'payload',
    priority: 'critical',
  });
});

test('a bare create_instance without an id rents one instance under its sequence, and its monitor follows', async () => {
  await using fleet = await startFleet({ nats });
  const { seq } = await client.publish(`${fleet.namespace}.jobs.low.create_instance`, CREATE);
  const job = await fleet.waitForJob(`seq-${seq}`, 'completed');
  expect(job).toMatchObject({
    type: 'create_instance',
    priority: 'low',
    payload: { instanceId: 'my-instance' },
  });
  await fleet.waitForJob(`seq-${seq}-monitor`, 'completed');
  expect(fleet.simulator.ledger.filter(({ action }) => action === 'create')).toHaveLength(1);
});

test('the same id published twice runs once, with and without Nats-Msg-Id', async () => {
  const { runs, handlers } = demo();
  await using fleet = await startFleet({ nats, handlers });
  const subject = `${fleet.namespace}.jobs.normal.demo`;
  for (const msgId of ['twice', 'twice', undefined, undefined]) {
    await client.publish(`${subject}.twice`, '1', msgId === undefined ? {} : { 'Nats-Msg-Id': msgId });
  }
  await client.publish(`${subject}.last`, '2');
  await fleet.waitForJob('last', 'completed');
  await fleet.waitForJob('twice', 'completed');
  expect(runs.map(({ id }) => id).sort()).toEqual(['last', 'twice']);
  expect((await fleet.history('twice')).map(({ state }) => state)).toEqual(['running', 'completed']);
});

test('a delayed job is scheduled by headers alone, and starts no earlier than its time', async () => {
  await using fleet = await startFleet({ nats, ...demo() });
  const { namespace, queue } = fleet;
  const due = new Date(Date.now() + 700);
  await client.publish(`${namespace}.schedules.jobs.later`, '{"a":1}', {
    'Nats-Schedule': `@at ${due.toISOString()}`,
    'Nats-Schedule-Target': `${namespace}.due.jobs.high.demo.later`,
    'Jetfleet-Max-Attempts': '4',
  });
  expect(await queue.getJob('later')).toMatchObject({
    state: 'scheduled',
    priority: 'high',
    payload: { a: 1 },
    maxAttempts: 4,
    nextRunAt: due.toISOString(),
  });
  expect(await queue.getStats()).toMatchObject({ scheduledJobs: 1, pendingJobs: 1 });
  const job = await fleet.waitForJob('later', 'completed');
  expect(Date.parse(job.startedAt ?? '')).toBeGreaterThanOrEqual(due.getTime());
  expect(job).toMatchObject({ payload: { a: 1 }, maxAttempts: 4 });
});

test('a recurring job runs again and again, each time as a job of its own', async () => {
  const { runs, handlers } = demo();
  await using fleet = await startFleet({ nats, handlers });
  const { namespace, queue } = fleet;
  await client.publish(`${namespace}.schedules.jobs.cron.tick`, '{"tick":true}', {
    'Nats-Schedule': '@every 1s',
    'Nats-Schedule-Target': `${namespace}.due.jobs.low.demo`,
  });
  await vi.waitFor(() => expect(runs.length).toBeGreaterThanOrEqual(2));
  const ids = new Set(runs.map(({ id }) => id));
  expect(ids.size).toBeGreaterThanOrEqual(2);
  for (const id of ids) {
    expect(id).toMatch(/^seq-\d+$/);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({
      payload: { tick: true },
      priority: 'low',
    });
  }
  expect((await queue.getJobs({ type: 'demo' })).jobs.length).toBeGreaterThanOrEqual(2);
});
