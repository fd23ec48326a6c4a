import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { jetstream } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { JobQueueService, type JobRecord } from '../../src/index.js';
import { listWorkers } from '../../src/inspect/fleet.js';
import { stillInLine } from '../../src/queue/limits/line.js';
import type { Alert } from '../../src/telemetry/alerts.js';
import { getDelivery } from '../../src/webhooks/deliveries.js';
import { assertOfNoEndpoint } from '../../src/webhooks/endpoints/endpoint-limit.js';
import { FAN_OUT } from '../../src/webhooks/endpoints/passed-events.js';
import { verifyWebhook } from '../../src/webhooks/signature.js';
import { Header } from '../../src/wire/headers.js';
import { cli } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startHttp } from '../support/http.js';
import { codeOf, printed, printedByShell } from '../support/snippets.js';
import { type ReceivedRequest, startReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

const KEYS = `k1:${Buffer.alloc(32, 1).toString('base64')}`;
const PATIENT = { timeout: 60_000 };
/** Short rests; an endpoint is given up after some failures. */
const BREAKER = {
  failures: 3,
  restMs: 50,
  maxRestMs: 200,
  probeMs: 5_000,
  alertAfterMs: 1,
  disableAfterMs: 300,
  disableFailures: 6,
};

let fleet: Fleet;
let receiver: WebhookReceiver;
beforeAll(async () => {
  fleet = await startFleet({
    builtIn: true,
    handlers: { build: () => 'done' },
    queue: { env: { ...process.env, JETFLEET_WEBHOOK_KEYS: KEYS } },
    worker: { webhooks: { guard: { allowPrivate: true }, endpointKeys: KEYS, breaker: BREAKER } },
  });
  receiver = fleet.receiver;
});
/** Also after a test that failed. */
afterEach(async () => {
  const { webhookEndpoints } = fleet.queue;
  for (const { id } of await webhookEndpoints.list()) await webhookEndpoints.remove(id);
});
afterAll(() => fleet.close());

const bodyOf = (request: ReceivedRequest) => JSON.parse(request.body);
const at = (path: string) => receiver.requests.filter((request) => request.path === path);

/** An endpoint at a path of the receiver, which hears of the jobs that it is named after. */
async function addEndpoint(id: string, more: object = {}) {
  return fleet.queue.webhookEndpoints.add({ id, url: `${receiver.url}/${id}`, events: ['job.*'], ...more });
}

describe('an endpoint', () => {
  it('is sent the ends of jobs that it wants, signed with its own secret, and no other', async () => {
    const { secret } = await addEndpoint('wanting', { headers: { 'x-tenant': 'acme' } });
    await addEndpoint('deaf', { events: ['instance.failed'] });
    const jobId = await fleet.queue.addJob('build', {});
    const request = await receiver.waitFor(({ path, body }) => path === '/wanting' && body.includes(jobId));
    expect(bodyOf(request)).toMatchObject({
      type: 'job.completed',
      data: { jobId },
      sequence: expect.any(Number),
    });
    expect(request.headers).toMatchObject({
      'x-tenant': 'acme',
      'webhook-id': `${jobId}-webhook-completed-wanting`,
    });
    expect(() =>
      verifyWebhook({ headers: request.headers, body: request.body, secrets: [secret] }),
    ).not.toThrow();
    expect(at('/deaf')).toEqual([]);
    const [delivery] = (await fleet.queue.getJobs({ tags: ['endpoint:wanting'] })).jobs;
    expect(delivery).toMatchObject({ type: 'send_webhook', parentId: jobId });
  });

  it('signs with an old secret beside a new one for a while, and is shown without any', async () => {
    const { webhookEndpoints } = fleet.queue;
    const added = await addEndpoint('rotating', { headers: { authorization: 'Bearer hidden' } });
    const rotated = await webhookEndpoints.rotateSecret('rotating');
    const id = await webhookEndpoints.test('rotating');
    const request = await receiver.waitFor(({ path }) => path === '/rotating');
    for (const { secret } of [added, rotated])
      expect(verifyWebhook({ headers: request.headers, body: request.body, secrets: [secret] }).id).toBe(id);
    expect(bodyOf(request)).toMatchObject({ type: 'webhook.test', data: { endpointId: 'rotating' } });
    await webhookEndpoints.reseal();
    const shown = await webhookEndpoints.get('rotating');
    expect(shown).toMatchObject({
      headerNames: ['authorization'],
      secrets: [{}, { until: expect.any(String) }],
    });
    const { connection, subjects } = await fleet.queue.broker();
    expect(connection).toBeDefined();
    const stored = await (await fleet.queue.broker()).extra
      .of('endpoints')
      .read.last(subjects.streamName('endpoints'), `${subjects.prefix}endpoints.set.rotating`);
    for (const text of [JSON.stringify(shown), new TextDecoder().decode(stored?.data)])
      for (const secret of [added.secret, rotated.secret, 'Bearer hidden'])
        expect(text).not.toContain(secret);
  });

  it('is changed in parts, and taken back with null', async () => {
    const { webhookEndpoints } = fleet.queue;
    await addEndpoint('changing', { description: 'first', rate: { max: 5, perMs: 1_000 } });
    const changed = await webhookEndpoints.update('changing', {
      description: null,
      rate: null,
      concurrency: 2,
    });
    expect(changed).toMatchObject({
      concurrency: 2,
      url: expect.stringContaining(receiver.url),
      events: ['job.*'],
    });
    expect(changed).not.toHaveProperty('description');
    expect(changed).not.toHaveProperty('rate');
    expect((await fleet.queue.limits.settings())['webhooks/changing']).toEqual({ concurrency: 2 });
    // Elsewhere it would be another one than the endpoint shows.
    const code = 'JETFLEET_LIMIT_INVALID';
    await expect(assertOfNoEndpoint(webhookEndpoints, 'webhooks/changing')).rejects.toMatchObject({ code });
    await webhookEndpoints.remove('changing');
    await expect(assertOfNoEndpoint(webhookEndpoints, 'webhooks/changing')).resolves.toBeUndefined();
    await expect(webhookEndpoints.get('changing')).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  });

  it('keeps its limit when somebody else adds one with its id', async () => {
    const { limits } = fleet.queue;
    await addEndpoint('taken', { concurrency: 2 });
    await expect(addEndpoint('taken', { concurrency: 9 })).rejects.toMatchObject({
      code: 'JETFLEET_CONFLICT',
    });
    expect((await limits.settings())['webhooks/taken']).toEqual({ concurrency: 2 });
  });

  it.each([
    [{ url: 'ftp://example.com' }, 'JETFLEET_ENDPOINT_INVALID', /url: must be an http/],
    [{ url: 'https://example.com', events: ['in..valid'] }, 'JETFLEET_ENDPOINT_INVALID', /events.0/],
    [{ url: 'https://example.com', colour: 'red' }, 'JETFLEET_ENDPOINT_INVALID', /colour/],
    [{ url: 'https://example.com', id: 'a.b' }, 'JETFLEET_ENDPOINT_INVALID', /id: must be/],
    [{ url: 'https://example.com', secret: 'plain' }, 'JETFLEET_WEBHOOK_SECRET_INVALID', /whsec_/],
  ])('is refused before anything is stored: %o', async (endpoint, code, message) => {
    const adding = fleet.queue.webhookEndpoints.add(endpoint as never);
    await expect(adding).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await fleet.queue.webhookEndpoints.list()).toEqual([]);
  });

  it('needs a key for its secrets', async () => {
    const { namespace, url } = fleet;
    const { JETFLEET_WEBHOOK_KEYS: _, ...env } = process.env;
    await using queue = new JobQueueService({ servers: url, namespace, env });
    const adding = queue.webhookEndpoints.add({ url: 'https://example.com' });
    await expect(adding).rejects.toMatchObject({ code: 'JETFLEET_ENDPOINT_SEALED' });
  });

  it('gets CloudEvents 1.0 where it wants them, structured and binary', async () => {
    await addEndpoint('structured', { format: 'cloudevents' });
    await addEndpoint('binary', { format: 'cloudevents-binary' });
    const jobId = await fleet.queue.addJob('build', {});
    const structured = await receiver.waitFor(({ path }) => path === '/structured');
    const binary = await receiver.waitFor(({ path }) => path === '/binary');
    const attributes = {
      specversion: '1.0',
      source: `/jetfleet/${fleet.namespace}`,
      type: 'job.completed',
      subject: jobId,
    };
    expect(structured.headers['content-type']).toBe('application/cloudevents+json');
    expect(bodyOf(structured)).toMatchObject({
      ...attributes,
      id: structured.headers['webhook-id'],
      data: { jobId },
    });
    expect(binary.headers['content-type']).toBe('application/json');
    for (const [name, value] of Object.entries(attributes)) expect(binary.headers[`ce-${name}`]).toBe(value);
    expect(bodyOf(binary)).toMatchObject({ jobId, status: 'completed' });
  });
});

describe('an endpoint that fails', () => {
  it('rests, is tried again by one webhook, and then gets all of them, which have waited in line', async () => {
    const { webhookEndpoints } = fleet.queue;
    let requests = 0;
    await using flaky = await startReceiver({ respond: () => ({ status: ++requests < 6 ? 503 : 204 }) });
    await addEndpoint('flaky', { url: `${flaky.url}/flaky`, concurrency: 3 });
    const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => sendTo('flaky', n)));
    const arrived = () =>
      new Set(
        flaky.requests
          .slice(5)
          .map(bodyOf)
          .map(({ sequence }) => sequence),
      ).size;
    await expect.poll(arrived, PATIENT).toBe(ids.length);
    await expect.poll(async () => (await webhookEndpoints.get('flaky')).state, PATIENT).toBe('closed');
    const histories = await Promise.all(ids.map((id) => fleet.history(id)));
    const isSentBack = ({ checkpoint }: JobRecord) => Object(checkpoint).parked === 'resting';
    // Some had been called when it began to rest. The others were not touched from one rest to the next.
    expect(histories.filter((records) => records.some(isSentBack)).length).toBeLessThan(6);
  });

  it('has its webhooks wait in line until one of them was delivered, and not for the end of a rest', async () => {
    const broker = await fleet.queue.broker();
    const key = { name: 'webhooks/resting', key: 'all' };
    await addEndpoint('resting');
    await fleet.queue.limiter(broker).closeOnTrial(key, broker.clock.now() + 600_000);
    const id = await sendTo('resting', 1);
    const timer = async () => {
      const schedule = (await stillInLine(broker, key, id))?.message.headers.get(Header.SCHEDULE) ?? '';
      return Date.parse(schedule.replace('@at ', ''));
    };
    await expect.poll(timer, PATIENT).toBeGreaterThan(Date.now() + 86_400_000);
    await fleet.queue.webhookEndpoints.enable('resting');
    await fleet.waitForJob(id, 'completed');
  });

  it('is disabled by a 410, after which its webhooks are kept, in order, until it is enabled', async () => {
    const { webhookEndpoints } = fleet.queue;
    const alerts: Alert[] = [];
    const note = (alert: unknown) => alerts.push(alert as Alert);
    subscribe('jetfleet.alert', note);
    let isGone = true;
    await using gone = await startReceiver({ respond: () => ({ status: isGone ? 410 : 204 }) });
    await addEndpoint('gone', { url: `${gone.url}/gone`, events: ['job.failed'] });
    await addEndpoint('operator', { events: ['endpoint.*'] });
    const first = await sendTo('gone', 0);
    await expect.poll(async () => (await webhookEndpoints.get('gone')).state, PATIENT).toBe('disabled');
    const told = await receiver.waitFor(({ path }) => path === '/operator');
    expect(bodyOf(told)).toMatchObject({
      type: 'endpoint.disabled',
      data: { endpointId: 'gone', disabledBy: 'gone' },
    });
    expect(alerts).toMatchObject([{ kind: 'endpoint_disabled', message: expect.stringContaining('gone') }]);
    unsubscribe('jetfleet.alert', note);
    const kept = 12;
    // They are kept in whatever order they come.
    for (const n of Array.from({ length: kept - 1 }, (_, n) => n + 1).reverse()) await sendTo('gone', n);
    await expect.poll(async () => (await webhookEndpoints.get('gone')).kept.count, PATIENT).toBe(kept);
    expect(gone.requests).toHaveLength(1);
    isGone = false;
    await webhookEndpoints.enable('gone');
    await expect.poll(() => gone.requests.length, PATIENT).toBe(1 + kept);
    const sequences = gone.requests.slice(1).map((request) => bodyOf(request).sequence);
    expect(sequences).toEqual(Array.from({ length: kept }, (_, n) => n));
    await expect.poll(async () => (await webhookEndpoints.get('gone')).kept.count, PATIENT).toBe(0);
    const { attempts } = await getDelivery(fleet.queue, first);
    expect(attempts.map(({ response }) => response?.status)).toEqual([410, 204]);
  });

  it('a kept webhook that fails once more holds up none of the others', async () => {
    const { webhookEndpoints } = fleet.queue;
    await using picky = await startReceiver({
      respond: ({ body }) => ({ status: JSON.parse(body).sequence === 1 ? 500 : 204 }),
    });
    await addEndpoint('picky', { url: `${picky.url}/picky` });
    await webhookEndpoints.disable('picky');
    for (const n of [1, 2, 3]) await sendTo('picky', n);
    await expect.poll(async () => (await webhookEndpoints.get('picky')).kept.count, PATIENT).toBe(3);
    await webhookEndpoints.enable('picky');
    await expect.poll(() => picky.requests.length, PATIENT).toBeGreaterThan(2);
    const sequences = picky.requests.map((request) => bodyOf(request).sequence);
    expect(sequences.slice(0, 3)).toEqual([1, 2, 3]);
  });

  it('is alerted about before it is disabled for failing', async () => {
    const { webhookEndpoints } = fleet.queue;
    await addEndpoint('watching', { events: ['endpoint.*'] });
    await using down = await startReceiver({ respond: () => ({ status: 500 }) });
    await addEndpoint('down', { url: `${down.url}/down`, concurrency: 1 });
    for (let n = 0; n < 8; n++) await sendTo('down', n);
    await expect.poll(async () => (await webhookEndpoints.get('down')).state, PATIENT).toBe('disabled');
    await expect
      .poll(() => at('/watching').map((request) => bodyOf(request).type), PATIENT)
      .toEqual(['endpoint.failing', 'endpoint.disabled']);
  });

  it('keeps no more webhooks than it may: the next one is a dead letter that says so', async () => {
    const { webhookEndpoints } = fleet.queue;
    await addEndpoint('small', { keep: { maxCount: 1 } });
    await webhookEndpoints.disable('small', 'moving house');
    await sendTo('small', 1);
    await expect.poll(async () => (await webhookEndpoints.get('small')).kept.count, PATIENT).toBe(1);
    const job = await fleet.waitForJob(await sendTo('small', 2), 'rejected');
    expect(job.error).toMatchObject({
      code: 'JETFLEET_WEBHOOK_NOT_KEPT',
      message: expect.stringContaining('small'),
    });
    expect((await webhookEndpoints.get('small')).health.reason).toBe('moving house');
  });
});

it('sends the webhooks of one instance in order, while one of them is tried again, and others meanwhile', async () => {
  let refused = 0;
  const respond = ({ body }: ReceivedRequest) => {
    const { sequence, data } = JSON.parse(body);
    return { status: data.instanceId === 'a' && sequence === 1 && refused++ === 0 ? 503 : 204 };
  };
  await using strict = await startReceiver({ respond });
  await addEndpoint('strict', { url: `${strict.url}/strict`, ordered: true });
  const first = await sendTo('strict', 1, 'a');
  await fleet.waitForJob(first, 'retrying');
  for (const n of [2, 3]) await sendTo('strict', n, 'a');
  await fleet.waitForJob(await sendTo('strict', 9, 'b'), 'completed');
  await fleet.queue.promote(first);
  await expect.poll(() => strict.requests.length, PATIENT).toBe(5);
  const sequences = strict.requests.map(bodyOf).map(({ sequence }) => sequence);
  expect(sequences).toEqual([1, 9, 1, 2, 3]);
});

it('an event in the hands of a worker that died delays the webhooks of its own instance alone', async () => {
  const env = { ...process.env, JETFLEET_WEBHOOK_KEYS: KEYS };
  const worker = { webhooks: { guard: { allowPrivate: true }, endpointKeys: KEYS } };
  const { nats } = fleet;
  await using later = await startFleet({
    nats,
    workers: 0,
    builtIn: true,
    handlers: {},
    queue: { env },
    worker,
  });
  const { queue, receiver: ordered } = later;
  await queue.webhookEndpoints.add({ id: 'o', url: `${ordered.url}/o`, ordered: true });
  const broker = await queue.broker();
  const end = (id: string, instanceId: string) => {
    const at = new Date(broker.clock.now()).toISOString();
    const times = { createdAt: at, updatedAt: at, finishedAt: at };
    const machine = { id: 'job', version: 1 };
    const state = { status: 'completed', state: 'completed', attempt: 1, maxAttempts: 3 } as const;
    const job = {
      v: 1,
      id,
      type: 'stop_instance',
      priority: 'normal',
      payload: { instanceId },
      machine,
    } as const;
    return broker.appendEvent({ ...job, ...state, ...times }, 0);
  };
  await end('held', 'a');
  const { consumers } = jetstream(broker.connection);
  const held = await (await consumers.get(broker.subjects.streamName('events'), FAN_OUT)).next();
  const alive = setInterval(() => held?.working(), 5_000);
  try {
    await later.addWorker();
    for (const [id, instance] of [
      ['behind', 'a'],
      ['other', 'b'],
    ] as const)
      await end(id, instance);
    await ordered.waitFor(({ body }) => bodyOf({ body } as ReceivedRequest).data.jobId === 'other');
    await later.waitForJob('behind-webhook-stopped-o', 'waiting');
    expect(ordered.requests).toHaveLength(1);
  } finally {
    clearInterval(alive);
    held?.nak();
  }
  await expect
    .poll(() => ordered.requests.map((each) => bodyOf(each).data.jobId), PATIENT)
    .toEqual(['other', 'held', 'behind']);
});

it('goes on with those behind a webhook that was cancelled before its turn was over', async () => {
  let isUp = false;
  await using late = await startReceiver({ respond: () => ({ status: isUp ? 204 : 503 }) });
  await addEndpoint('late', { url: `${late.url}/late`, ordered: true });
  const first = await sendTo('late', 1);
  await fleet.waitForJob(first, 'retrying');
  isUp = true;
  const next = await sendTo('late', 2);
  await fleet.waitForJob(next, ({ state, limited }) => state === 'waiting' && !limited);
  await fleet.queue.cancel(first);
  await fleet.waitForJob(next, 'completed');
});

it('sends the webhooks of good endpoints while others hold all slots, of a worker with few', async () => {
  const { nats } = fleet;
  const keys = { endpointKeys: KEYS, guard: { allowPrivate: true } };
  await using small = await startFleet({
    nats,
    builtIn: true,
    handlers: {},
    queue: { env: { ...process.env, JETFLEET_WEBHOOK_KEYS: KEYS } },
    worker: { webhooks: keys, concurrency: { send_webhook: 2 } },
  });
  const { receiver: good, queue } = small;
  await using hanging = await startReceiver({ respond: () => undefined });
  const urls = { hanging: hanging.url, dead: 'http://127.0.0.1:9', good: good.url };
  for (const [id, url] of Object.entries(urls))
    await queue.webhookEndpoints.add({ id, url: `${url}/${id}`, events: ['job.failed'] });
  const payload = { type: 'job.failed', data: {} };
  const send = (endpoint: string) => queue.addJob('send_webhook', { endpoint, payload });
  for (let n = 0; n < 4; n++) for (const id of ['hanging', 'dead']) await send(id);
  // More than there are slots.
  await expect.poll(() => hanging.requests.length, PATIENT).toBe(4);
  const job = await small.waitForJob(await send('good'), 'completed');
  expect(good.requests).toHaveLength(1);
  expect(job.attempt).toBe(1);
  // The first attempts of those that hang go on: no slot was free because one of them had ended.
  const { jobs } = await queue.getJobs({ tags: ['endpoint:hanging'] });
  expect(jobs.map(({ state, attempt }) => [state, attempt])).toEqual(jobs.map(() => ['running', 1]));
  // They have no slots, and the lane shows no more of them than it has.
  const [worker] = await listWorkers(queue);
  expect(worker?.runningCount).toBeGreaterThanOrEqual(jobs.length);
  for (const { running, concurrency } of worker?.lanes ?? [])
    expect(running).toBeLessThanOrEqual(concurrency);
});

/** A webhook with a number, about an instance. @returns the id of its job */
function sendTo(endpoint: string, sequence: number, instanceId = 'i'): Promise<string> {
  const payload = { type: 'job.failed', timestamp: new Date().toISOString(), sequence, data: { instanceId } };
  const order = { key: instanceId, sequence };
  return fleet.queue.addJob('send_webhook', { endpoint, order, payload });
}

describe('from outside', () => {
  const env = () => ({
    NATS_URL: fleet.url,
    JETFLEET_NAMESPACE: fleet.namespace,
    JETFLEET_WEBHOOK_KEYS: KEYS,
  });
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await cli(['webhook', ...args], { env: env() });
    return { code, stdout, stderr, json: args.includes('--json') ? JSON.parse(stdout || 'null') : undefined };
  };

  it('the command line adds, changes, disables, enables, tests and removes one', async () => {
    const url = `${receiver.url}/by-cli`;
    const settings = ['--id', 'by-cli', '--event', 'job.failed', '--header', 'x-a: b', '--rate', '50/1s'];
    const added = await run('endpoint', 'add', url, ...settings, '--json');
    expect(added.json).toMatchObject({
      id: 'by-cli',
      secret: expect.stringMatching(/^whsec_/),
      headerNames: ['x-a'],
    });
    expect(
      (await run('endpoint', 'update', 'by-cli', '--no-rate', '--ordered', '--json')).json,
    ).toMatchObject({ ordered: true });
    const rotated = await run('endpoint', 'rotate-secret', 'by-cli', '--keep-old', '1h');
    expect(rotated.stdout).toMatch(/secret: whsec_/);
    expect((await run('endpoint', 'disable', 'by-cli', '--reason', 'moves')).stdout).toMatch(/disabled/);
    expect((await run('endpoint', 'list')).stdout).toMatch(/by-cli.*disabled/);
    expect((await run('endpoint', 'enable', 'by-cli')).stdout).toMatch(/active/);
    const { id } = (await run('endpoint', 'test', 'by-cli', '--json')).json;
    await receiver.waitFor(({ path }) => path === '/by-cli');
    await fleet.waitForJob(id, 'completed');
    const shown = await run('get', id, '--json');
    expect(shown.json).toMatchObject({
      endpoint: 'by-cli',
      event: 'webhook.test',
      attempts: [{ response: { status: 204 } }],
    });
    expect((await run('endpoint', 'reseal')).stdout).toMatch(/1 endpoints/);
    expect((await run('endpoint', 'get', 'nobody')).code).toBe(3);
    expect((await run('endpoint', 'add', 'ftp://a', '--json')).code).toBe(2);
    // Without a terminal to ask at: it may keep webhooks, which would fail.
    expect((await run('endpoint', 'remove', 'by-cli')).code).toBe(2);
    expect((await run('endpoint', 'remove', 'by-cli', '--yes')).code).toBe(0);
  });

  it('deliveries are found by endpoint, event, answer and time, and what failed is counted and sent once more', async () => {
    let isUp = false;
    await using answering = await startReceiver({
      respond: () =>
        isUp ? { status: 204 } : { status: 418, headers: { server: 'pot' }, body: 'short and stout' },
    });
    await addEndpoint('teapot', { url: `${answering.url}/teapot` });
    const payload = { type: 'job.failed', data: {} };
    const ids = [1, 2].map((n) => `tea-${n}`);
    for (const id of ids)
      await fleet.queue.addJob('send_webhook', { endpoint: 'teapot', payload }, 'normal', {
        id,
        maxAttempts: 1,
      });
    for (const id of ids) await fleet.waitForJob(id, 'exhausted');
    const found = async (...more: string[]) =>
      (await run('list', '--endpoint', 'teapot', ...more, '--json')).json.deliveries.map(
        ({ id }: { id: string }) => id,
      );
    expect(
      await found('--answer', '418', '--event', 'job.failed', '--status', 'failed', '--since', '1h'),
    ).toEqual(['tea-2', 'tea-1']);
    expect(await found('--answer', 'timeout')).toEqual([]);
    expect(await found('--until', '1h')).toEqual([]);
    const [attempt] = (await run('get', 'tea-1', '--json')).json.attempts;
    expect(attempt).toMatchObject({
      response: { status: 418, durationMs: expect.any(Number), headers: { server: 'pot' } },
      excerpt: 'short and stout',
    });
    const filter = ['--endpoint', 'teapot', '--since', '1h', '--answer', '418'];
    const other = [...filter.slice(0, -1), '503'];
    expect((await run('replay', ...other, '--dry-run', '--json')).json).toEqual({ count: 0, ids: [] });
    expect((await run('replay', ...filter, '--dry-run', '--json')).json).toEqual({ count: 2, ids: [] });
    expect(answering.requests).toHaveLength(2);
    isUp = true;
    expect((await run('replay', ...filter, '--json')).json).toEqual({ count: 2, ids });
    for (const id of ids) await fleet.waitForJob(id, 'completed');
    const once = await run('replay', 'tea-1', '--json');
    await fleet.waitForJob(once.json.id, 'completed');
  });
});

it('what failed since a time is found and sent again over HTTP: by endpoint, event, answer and in parts', async () => {
  await using http = await startHttp(fleet.queue);
  let isUp = false;
  const down = ({ path }: ReceivedRequest) => (path === '/busy' ? 503 : 500);
  await using failing = await startReceiver({
    respond: (request) => ({ status: isUp ? 204 : down(request) }),
  });
  for (const id of ['broken', 'busy']) await addEndpoint(id, { url: `${failing.url}/${id}` });
  await addEndpoint('nobody', { url: 'http://127.0.0.1:9/nobody' });
  const fail = async (endpoint: string, type: string, id: string) => {
    const webhook = { endpoint, payload: { type, data: {} } };
    await fleet.queue.addJob('send_webhook', webhook, 'normal', { id, maxAttempts: 1 });
    return Date.parse((await fleet.waitForJob(id, 'exhausted')).updatedAt);
  };
  const before = await fail('broken', 'job.failed', 'since-0');
  const since = new Date(before + 1).toISOString();
  for (const n of [1, 2]) await fail('broken', 'job.failed', `since-${n}`);
  await fail('broken', 'job.timeout', 'since-3');
  await fail('busy', 'job.failed', 'since-4');
  await fail('nobody', 'job.failed', 'since-5');
  const list = async (query: string) => {
    const { json } = await http.call(`/api/v1/webhooks?status=failed&since=${since}&${query}`);
    return json.deliveries.map(({ id }: { id: string }) => id);
  };
  expect(await list('endpoint=broken')).toEqual(['since-3', 'since-2', 'since-1']);
  expect(await list('endpoint=broken&event=job.failed')).toEqual(['since-2', 'since-1']);
  expect(await list('answer=503')).toEqual(['since-4']);
  expect(await list('answer=refused')).toEqual(['since-5']);
  expect(await list('endpoint=busy&answer=500')).toEqual([]);
  const replay = async (body: object) =>
    (await http.call('/api/v1/webhook-replay', { body: { since, ...body } })).json;
  const { until, ...counted } = await replay({ dryRun: true });
  expect(counted).toEqual({ count: 5, ids: [] });
  isUp = true;
  const wanted = { answer: '500', until };
  expect(await replay({ ...wanted, limit: 2 })).toEqual({ count: 3, ids: ['since-1', 'since-2'], until });
  expect(await replay({ ...wanted, limit: 2 })).toEqual({ count: 1, ids: ['since-3'], until });
  expect(await replay({ ...wanted, limit: 2 })).toEqual({ count: 0, ids: [], until });
  for (const n of [1, 2, 3]) await fleet.waitForJob(`since-${n}`, 'completed');
  // One fails once more, after the time that was counted up to.
  expect(await replay({ endpoint: 'nobody', until })).toMatchObject({ ids: ['since-5'] });
  await fleet.waitForJob('since-5', ({ state, redrives }) => state === 'exhausted' && redrives === 1);
  expect(await replay({ until, dryRun: true })).toMatchObject({ count: 1 });
  const { entries } = (await http.call('/api/v1/audit?limit=10')).json;
  const done = entries.map(({ action, jobs }: { action: string; jobs?: object }) => [action, jobs]);
  expect(done).toContainEqual(['webhook-replay', { done: 2, failed: 0, ids: ['since-1', 'since-2'] }]);
  expect((await http.call('/api/v1/webhook-replay', { body: { limit: 0 } })).status).toBe(400);
});

describe('the guide', () => {
  const page = 'docs/guides/webhook-endpoints.md';
  const variables = () => ({ NATS_URL: fleet.url, JETFLEET_NAMESPACE: 'guide', JETFLEET_WEBHOOK_KEYS: KEYS });

  it('adds an endpoint', async () => {
    expect(await printed(codeOf(page, 'ts')[0] ?? '', variables())).toEqual(['billing whsec_']);
  });

  it('does the same on the command line', async () => {
    const [adds = '', disables = ''] = codeOf(page, 'sh').map((code) => code.replace(/^export.*\n/, ''));
    expect((await printedByShell(adds, variables())).join('\n')).toMatch(/audit .*active/);
    expect((await printedByShell(disables, variables())).join('\n')).toMatch(/disabled[\s\S]*active/);
  });
});
