import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { createHttpApi, startHttpServer } from '../../src/http/index.js';
import {
  examine,
  gpuInstances,
  type HandlerOptions,
  JetfleetError,
  JobQueueService,
  JobWorkerService,
  Subjects,
  webhooks,
} from '../../src/index.js';
import { drainWorker, watchMachines } from '../../src/inspect/index.js';
import { startHttp, TOKENS } from '../support/http.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let queue: JobQueueService;

beforeAll(async () => {
  nats = await startNats();
  queue = new JobQueueService({ servers: nats.url });
  await queue.addJob('lonely', 1, 'normal', { id: 'bystander' });
});
afterAll(async () => {
  await queue.close();
  await nats.stop();
});

/** What is no id, and would be a pattern, several tokens, or another type than it seems. */
const NO_IDS: unknown[] = [
  ...['', '*', '>', 'a.b', 'a.*', '..', 'a b', 'a\nb', 'bystander\r\n', 'ä', 'x'.repeat(129)],
  ...[
    undefined,
    null,
    7,
    Number.NaN,
    5n,
    true,
    {},
    ['bystander'],
    Symbol('id'),
    () => 'bystander',
    Object.create(null),
  ],
];
const NO_OBJECTS: unknown[] = [null, 7, 'x', true, [], [{}], 5n, Symbol('o'), () => {}];
const NO_TYPES = NO_IDS.filter((value) => typeof value !== 'string' || value.length < 129);

const queueCalls: [name: string, code: RegExp, values: unknown[], call: (value: never) => unknown][] = [
  ['getJob(id)', /ID_INVALID/, NO_IDS, (id) => queue.getJob(id)],
  ['getVersion(id)', /ID_INVALID/, NO_IDS, (id) => queue.getVersion(id)],
  ['history(id)', /ID_INVALID/, NO_IDS, (id) => queue.history(id)],
  ['cancel(id)', /ID_INVALID/, NO_IDS, (id) => queue.cancel(id)],
  ['retry(id)', /ID_INVALID/, NO_IDS, (id) => queue.retry(id)],
  ['redeliver(id)', /ID_INVALID/, NO_IDS, (id) => queue.redeliver(id)],
  [
    'addJob({id})',
    /ID_INVALID/,
    NO_IDS.filter((id) => id !== undefined),
    (id) => queue.addJob('demo', 1, 'normal', { id }),
  ],
  ['addJob(type)', /TYPE_INVALID/, NO_TYPES, (type) => queue.addJob(type as string, 1)],
  [
    'addJob(priority)',
    /PRIORITY_INVALID/,
    NO_IDS.filter((v) => v !== undefined),
    (p) => queue.addJob('demo', 1, p),
  ],
  ['addJob(options)', /OPTION_INVALID/, NO_OBJECTS, (options) => queue.addJob('demo', 1, 'normal', options)],
  ...(
    ['maxAttempts', 'timeoutMs', 'delayMs', 'webhookUrl', 'traceparent', 'tracestate', 'runAt'] as const
  ).map((name): (typeof queueCalls)[number] => [
    `addJob({${name}})`,
    /OPTION_INVALID/,
    [
      null,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -1,
      0.5,
      '',
      'a\r\nb: c',
      '3\r\nX: y',
      5n,
      [3],
      {},
      Symbol('n'),
    ],
    (value) => queue.addJob('demo', 1, 'normal', { [name]: value }),
  ]),
  [
    'addJobs(jobs)',
    /OPTION_INVALID/,
    [undefined, null, 7, 'x', {}, 5n, [null], [7], ['x'], [[]]],
    (jobs) => queue.addJobs(jobs),
  ],
  [
    'addJobs([{type}])',
    /TYPE_INVALID/,
    NO_TYPES,
    (type) => queue.addJobs([{ type: type as string, payload: 1 }]),
  ],
  ['getJobs(filter)', /OPTION_INVALID/, NO_OBJECTS, (filter) => queue.getJobs(filter)],
  ...(
    ['type', 'status', 'priority', 'state', 'id', 'since', 'until', 'order', 'limit', 'cursor'] as const
  ).map((name): (typeof queueCalls)[number] => [
    `getJobs({${name}})`,
    /OPTION_INVALID/,
    [null, Number.NaN, -1, '*', '>', 'a.b', 5n, [], {}, Symbol('f'), () => {}],
    (value) => queue.getJobs({ [name]: value }),
  ]),
  ['retryAll(filter)', /OPTION_INVALID/, NO_OBJECTS, (filter) => queue.retryAll(filter)],
  [
    'retryAll({type})',
    /OPTION_INVALID/,
    NO_TYPES.filter((v) => v !== undefined),
    (type) => queue.retryAll({ type }),
  ],
  [
    'retryAll({since})',
    /OPTION_INVALID/,
    [null, 7, 'soon', {}, [], 5n, new Date(Number.NaN)],
    (since) => queue.retryAll({ since }),
  ],
  [
    'cancel(reason)',
    /OPTION_INVALID/,
    [null, 7, {}, [], 5n, Symbol('r')],
    (reason) => queue.cancel('nobody', reason),
  ],
  ['cancel(options)', /OPTION_INVALID/, NO_OBJECTS, (options) => queue.cancel('nobody', 'x', options)],
  ['retry(options)', /OPTION_INVALID/, NO_OBJECTS, (options) => queue.retry('nobody', options)],
  [
    'retry({ifSeq})',
    /OPTION_INVALID/,
    [null, -1, Number.NaN, '1', {}, 5n],
    (ifSeq) => queue.retry('bystander', { ifSeq }),
  ],
  ['cleanup(ms)', /OPTION_INVALID/, [null, -1, Number.NaN, '1', {}, 5n], (ms) => queue.cleanup(ms)],
  [
    'setup(types)',
    /OPTION_INVALID|TYPE_INVALID/,
    [null, 7, 'demo', {}, ['a.b'], ['*'], [null], [7]],
    (types) => queue.setup(types),
  ],
  ['events(options)', /OPTION_INVALID/, NO_OBJECTS, (options) => queue.events(options, () => {})],
  [
    'events({filter})',
    /OPTION_INVALID/,
    NO_OBJECTS.filter((v) => v !== null),
    (filter) => queue.events({ filter }, () => {}),
  ],
  [
    'events({filter: {id}})',
    /OPTION_INVALID/,
    NO_IDS.filter((v) => v !== undefined),
    (id) => queue.events({ filter: { id } }, () => {}),
  ],
  [
    'events({filter: {type}})',
    /OPTION_INVALID/,
    [null, '*', 'a.b', '>', 7, {}, [], [null]],
    (type) => queue.events({ filter: { type } }, () => {}),
  ],
  [
    'events({durable})',
    /OPTION_INVALID/,
    ['', '*', '>', 'a.b', 'a b', 'a\nb', null, 7, {}, []],
    (durable) => queue.events({ durable }, () => {}),
  ],
  [
    'events(handler)',
    /OPTION_INVALID/,
    [undefined, null, 7, 'x', {}],
    (handler) => queue.events({}, handler),
  ],
  ['feed(options)', /OPTION_INVALID/, NO_OBJECTS, (options) => queue.feed(options)],
  [
    'feed({fromSeq})',
    /OPTION_INVALID/,
    [null, -1, Number.NaN, '1', {}, 5n],
    (fromSeq) => queue.feed({ fromSeq }),
  ],
  [
    'watchMachines({jobId})',
    /ID_INVALID/,
    NO_IDS.filter((v) => v !== undefined),
    (jobId) => watchMachines(queue, { jobId }, () => {}),
  ],
  [
    'watchMachines(options)',
    /OPTION_INVALID/,
    NO_OBJECTS,
    (options) => watchMachines(queue, options, () => {}),
  ],
  [
    'watchMachines(callback)',
    /OPTION_INVALID/,
    [undefined, null, 7],
    (callback) => watchMachines(queue, {}, callback),
  ],
  [
    'drainWorker(name)',
    /OPTION_INVALID/,
    [undefined, null, '', 7, 'a\nb', {}],
    (name) => drainWorker(queue, name),
  ],
  [
    'drainWorker({forMs})',
    /OPTION_INVALID/,
    [null, 0, Number.NaN, '1', {}],
    (forMs) => drainWorker(queue, 'w', true, { forMs }),
  ],
  ['examine(queue)', /OPTION_INVALID/, [undefined, null, {}, 7], (other) => examine(other)],
  ['examine(options)', /OPTION_INVALID/, NO_OBJECTS, (options) => examine(queue, options)],
  ['startHttpServer(queue)', /OPTION_INVALID/, [undefined, null, {}, 7], (other) => startHttpServer(other)],
  ['startHttpServer(options)', /OPTION_INVALID/, NO_OBJECTS, (options) => startHttpServer(queue, options)],
  ...(
    [
      'port',
      'closeTimeoutMs',
      'headersTimeoutMs',
      'requestTimeoutMs',
      'unreadTimeoutMs',
      'idleTimeoutMs',
      'maxStreamsPerToken',
    ] as const
  ).map((name): (typeof queueCalls)[number] => [
    `startHttpServer({${name}})`,
    /OPTION_INVALID/,
    [null, Number.NaN, -1, 0.5, '80', 5n, [3], {}],
    (value) => startHttpServer(queue, { port: 0, [name]: value }),
  ]),
  [
    'startHttpServer({headersTimeoutMs}) beyond the whole request',
    /OPTION_INVALID/,
    [60_001],
    (headersTimeoutMs) => startHttpServer(queue, { port: 0, headersTimeoutMs }),
  ],
  [
    'createHttpApi({tokens})',
    /OPTION_INVALID/,
    [
      ...[null, 'look-only-1', [null], [7], [{}], [{ token: 123_456_789, role: 'admin' }]],
      ...[[{ token: 'look-only-1', role: 'constructor' }], [{ token: 'a b c d e', role: 'admin' }]],
      [
        { token: 'look-only-1', role: 'admin' },
        { token: 'look-only-1', role: 'observer' },
      ],
    ],
    (tokens) => createHttpApi(queue, { tokens }),
  ],
  [
    'createHttpApi({allowedHosts})',
    /OPTION_INVALID/,
    [null, 'x', [7], [null], {}],
    (allowedHosts) => createHttpApi(queue, { local: true, allowedHosts }),
  ],
  ['new JobQueueService(options)', /OPTION_INVALID/, NO_OBJECTS, (options) => new JobQueueService(options)],
  [
    'new JobWorkerService(queue)',
    /OPTION_INVALID/,
    [undefined, null, {}, 7],
    (other) => new JobWorkerService(other),
  ],
  [
    'new JobWorkerService(options)',
    /OPTION_INVALID/,
    NO_OBJECTS,
    (options) => new JobWorkerService(queue, options),
  ],
  [
    'new JobWorkerService({name})',
    /OPTION_INVALID/,
    ['', 'a\nb', null, 7, {}, []],
    (name) => new JobWorkerService(queue, { name }),
  ],
  [
    'registerHandler(type)',
    /TYPE_INVALID/,
    NO_TYPES,
    (type) => new JobWorkerService(queue).registerHandler(type, { handler: () => {} }),
  ],
  [
    'registerHandler(options)',
    /OPTION_INVALID/,
    [
      undefined,
      ...NO_OBJECTS,
      {},
      { handler: 7 },
      { handler: null },
      { handler: () => {}, retry: null },
      { handler: () => {}, payload: {} },
      { chart: 7 },
    ],
    (options) => new JobWorkerService(queue).registerHandler('demo', options),
  ],
];

test.each(queueCalls)('%s', async (_name, code, values, call) => {
  for (const value of values) {
    const error = await Promise.resolve()
      .then(() => call(value as never))
      .then(
        (answer) => ({ answered: answer }),
        (thrown: unknown) => thrown,
      );
    const shown = typeof value === 'string' ? JSON.stringify(value) : Object.prototype.toString.call(value);
    expect(JetfleetError.is(error) ? error.code : String(error), shown).toMatch(code);
  }
});

/** Every place that takes options, with a name that it does not have. */
const misspelt: [place: string, name: string, call: (options: never) => unknown][] = [
  ['JobQueueService', 'server', (options) => new JobQueueService(options)],
  ['JobQueueService commit', 'maxBatches', (commit) => new JobQueueService({ commit })],
  ['addJob', 'delay', (options) => queue.addJob('demo', 1, 'normal', options)],
  ['addJobs', 'delay', (options) => queue.addJobs([{ type: 'demo', payload: 1, ...(options as object) }])],
  ['getJobs', 'statuses', (filter) => queue.getJobs(filter)],
  ['retryAll', 'types', (filter) => queue.retryAll(filter)],
  ['cancel', 'version', (options) => queue.cancel('nobody', 'x', options)],
  ['retry', 'version', (options) => queue.retry('nobody', options)],
  ['events', 'name', (options) => queue.events(options, () => {})],
  ['events filter', 'types', (filter) => queue.events({ filter }, () => {})],
  ['feed', 'from', (options) => queue.feed(options)],
  ['watchMachines', 'id', (options) => watchMachines(queue, options, () => {})],
  ['drainWorker', 'forSeconds', (options) => drainWorker(queue, 'w', true, options)],
  ['examine', 'grace', (options) => examine(queue, options)],
  ['startHttpServer', 'hostname', (options) => startHttpServer(queue, options)],
  ['startHttpServer', 'local', (options) => startHttpServer(queue, options)],
  ['createHttpApi', 'token', (options) => createHttpApi(queue, { local: true, ...(options as object) })],
  ['JobWorkerService', 'concurency', (options) => new JobWorkerService(queue, options)],
  [
    'gpuInstances',
    'polInterval',
    (options) => gpuInstances({ provider: {} as never, ...(options as object) }),
  ],
  ['webhooks', 'secrets', (options) => webhooks(options)],
  ['JobWorkerService sweep', 'interval', (sweep) => new JobWorkerService(queue, { sweep })],
  ['registerHandler', 'timeout', (options) => register({ handler: () => {}, ...(options as object) })],
  ['registerHandler retry', 'maxDelay', (retry) => register({ handler: () => {}, retry })],
];
const register = (options: HandlerOptions) => new JobWorkerService(queue).registerHandler('demo', options);

test.each(misspelt)('%s has no option %s, and says which it has', async (_, name, call) => {
  const calling = Promise.resolve().then(() => call({ [name]: 1 } as never));
  await expect(calling).rejects.toMatchObject({
    code: 'JETFLEET_OPTION_INVALID',
    message: expect.stringMatching(new RegExp(`has no "${name}"; it takes \\w+`)),
  });
});

test.each(['concurrency', 'retry'] as const)(
  'a worker does not start whose %s names a type that it does not handle',
  async (name) => {
    const options = { [name]: { demmo: name === 'retry' ? {} : 2 } };
    const worker = new JobWorkerService(queue, options).registerHandler('demo', { handler: () => {} });
    await expect(worker.start()).rejects.toMatchObject({
      code: 'JETFLEET_OPTION_INVALID',
      message: `${name} names demmo, which this worker does not handle; it handles demo`,
    });
    expect(worker.state).toBe('idle');
    await worker.shutdown();
  },
);

test('none of these calls has touched the job of somebody else', async () => {
  expect(await queue.getJob('bystander')).toMatchObject({ state: 'queued', attempt: 0 });
});

describe('over HTTP', () => {
  test('an id that is none is refused by every route', async () => {
    await using http = await startHttp(queue);
    for (const id of ['*', '%3E', 'a.b', 'a%20b', 'a%0Ab', '%2A', 'x'.repeat(129)]) {
      const calls = [
        http.call(`/api/v1/jobs/${id}`),
        http.call(`/api/v1/jobs/${id}/history`),
        http.call(`/api/v1/jobs/${id}/related`),
        http.call(`/api/v1/jobs/${id}/family`),
        http.call(`/api/v1/jobs/${id}/cancel`, { body: {} }),
        http.call(`/api/v1/jobs/${id}/retry`, { method: 'POST' }),
        http.call('/api/v1/jobs/cancel', { body: { ids: [decodeURIComponent(id)] } }),
        http.call('/api/v1/jobs/retry', { body: { ids: [decodeURIComponent(id)] } }),
        http.call(`/api/v1/jobs?id=${id}`),
        http.call(`/api/v1/jobs?type=${id}`),
        http.call('/api/v1/jobs', { body: { type: 'demo', payload: 1, id: decodeURIComponent(id) } }),
        http.call('/api/v1/jobs', { body: { type: decodeURIComponent(id), payload: 1 } }),
      ];
      for (const { status, json } of await Promise.all(calls)) {
        expect([status, json.code]).toEqual([400, expect.stringMatching(/^JETFLEET_/)]);
      }
    }
    expect(TOKENS.admin).toBeDefined();
  });

  test('a body that JavaScript would change is refused with its path', async () => {
    await using http = await startHttp(queue);
    for (const [payload, path] of [
      ['{"id": 1152921506151679042}', 'payload.id'],
      ['[1e400]', 'payload[0]'],
      ['{"__proto__": 1}', 'payload.__proto__'],
      [String.raw`"\ud800"`, 'payload'],
      ['{"a":1,"a":2}', 'payload.a'],
      ['-0', 'payload'],
    ]) {
      const { status, json } = await http.call('/api/v1/jobs', {
        body: `{"type":"demo","payload":${payload}}`,
      });
      expect([status, json.code, json.problems?.[0]?.path]).toEqual([422, 'JETFLEET_BODY_INEXACT', path]);
    }
  });
});

describe('a subject', () => {
  const subjects = new Subjects();
  const bad = NO_IDS.filter((value) => typeof value !== 'string' || !/^[xä]/.test(value));
  test.each([
    ['work: type', (t: never) => subjects.work({ kind: 'jobs', priority: 'low', type: t })],
    ['work: priority', (t: never) => subjects.work({ kind: 'jobs', priority: t, type: 'a' })],
    ['workOf', (t: never) => subjects.workOf('jobs', t)],
    ['schedule', (t: never) => subjects.schedule('jobs', t)],
    [
      'timer: id',
      (t: never) => subjects.timer('waiting', { kind: 'jobs', priority: 'low', type: 'a', id: t }),
    ],
    [
      'timer: type',
      (t: never) => subjects.timer('waiting', { kind: 'jobs', priority: 'low', type: t, id: 'a' }),
    ],
    ['event: type', (t: never) => subjects.event(t, 'failed', 'a')],
    ['event: status', (t: never) => subjects.event('a', t, 'a')],
    ['event: id', (t: never) => subjects.event('a', 'failed', t)],
    ['eventsOf', (t: never) => subjects.eventsOf(t)],
    ['inspection', (t: never) => subjects.notices.inspection('w', t)],
    ['workFilter', (t: never) => subjects.workFilter('jobs', 'low', t)],
    ['dueOf', (t: never) => subjects.dueOf('jobs', t)],
  ])('takes no text but a token: %s', (_name, make) => {
    for (const value of bad) expect(() => make(value as never)).toThrow(JetfleetError);
  });
});
