import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { openConnection } from '../../src/broker/connection/connection.js';
import { defineJob, JobQueueService, JobWorkerService, NonRetryableError } from '../../src/index.js';
import { listWorkers, watchMachines } from '../../src/inspect/index.js';
import { type ConfiguredNats, startConfigured } from '../support/configured-nats.js';
import { startHttp } from '../support/http.js';

const ROLES = ['producer', 'scheduler', 'worker', 'observer', 'server', 'admin'] as const;
type Role = (typeof ROLES)[number];

/** Who may, of producer, scheduler, worker, observer and server; the admin may everything. */
const PUBLISHES: [subject: string, ...who: Role[]][] = [
  ['jobs.high.report.one', 'producer', 'scheduler', 'worker', 'server'],
  ['jobs.low.report', 'producer', 'scheduler', 'worker', 'server'],
  ['webhooks.high.send_webhook.one', 'scheduler', 'worker', 'server'],
  ['schedules.jobs.one', 'scheduler', 'worker', 'server'],
  ['schedules.webhooks.one', 'scheduler', 'worker', 'server'],
  ['due.jobs.high.report.one', 'worker', 'server'],
  ['tags.tenant:acme.report.one', 'scheduler', 'worker', 'server'],
  ['control.pauses', 'server'],
  ['$JS.API.STREAM.CREATE.CONTROL', 'server'],
  ['audit.actions', 'server'],
  ['$JS.API.STREAM.CREATE.AUDIT', 'server'],
  ['$JS.API.DIRECT.GET.AUDIT', 'server'],
  ['$JS.API.STREAM.PURGE.AUDIT'],
  ['$JS.API.STREAM.MSG.GET.CONTROL', 'scheduler', 'worker', 'observer', 'server'],
  ['$JS.API.CONSUMER.PAUSE.JOBS.x', 'worker', 'server'],
  ['$JS.API.CONSUMER.PAUSE.EVENTS.x'],
  ['events.report.completed.one', 'worker', 'server'],
  ['unique.report.active.x', 'scheduler', 'worker', 'server'],
  ['$JS.API.DIRECT.GET.UNIQUE', 'scheduler', 'worker', 'server'],
  ['$JS.API.STREAM.MSG.DELETE.UNIQUE', 'worker', 'server'],
  ['activity.log.one', 'worker'],
  ['$JS.API.STREAM.CREATE.ACTIVITY', 'worker'],
  ['$JS.API.STREAM.PURGE.ACTIVITY', 'worker', 'server'],
  ['$JS.API.STREAM.PURGE.EVENTS'],
  ['objects.one.payload.x.0', 'scheduler', 'worker', 'server'],
  ['$JS.API.DIRECT.GET.OBJECTS', 'scheduler', 'worker', 'observer', 'server'],
  ['$JS.API.STREAM.PURGE.OBJECTS', 'worker', 'server'],
  ['$JS.API.DIRECT.GET.ACTIVITY', 'scheduler', 'worker', 'observer', 'server'],
  ['steps.one', 'worker'],
  ['$JS.API.STREAM.CREATE.STEPS', 'worker'],
  ['$JS.API.STREAM.PURGE.STEPS', 'server'],
  ['$JS.API.DIRECT.GET.STEPS', 'scheduler', 'worker', 'observer', 'server'],
  ['history.20261130T1200', 'server'],
  ['$JS.API.STREAM.CREATE.HISTORY', 'server'],
  ['$JS.API.DIRECT.GET.HISTORY', 'scheduler', 'observer', 'server'],
  ['$JS.API.STREAM.PURGE.HISTORY'],
  ['endpoints.set.a', 'worker', 'server'],
  ['$JS.API.DIRECT.GET.ENDPOINTS', 'worker', 'observer', 'server'],
  ['$JS.API.STREAM.PURGE.ENDPOINTS', 'worker', 'server'],
  ['providers.health.lambda.all', 'worker'],
  ['$JS.API.DIRECT.GET.PROVIDERS', 'worker', 'observer', 'server'],
  ['ledger.open.lambda.a.b', 'worker', 'server'],
  ['$JS.API.DIRECT.GET.LEDGER', 'worker', 'observer', 'server'],
  ['$JS.API.STREAM.PURGE.LEDGER'],
  ['limits.held.a.b', 'worker', 'server'],
  ['jetfleet.limits', 'worker', 'server'],
  ['$JS.API.DIRECT.GET.LIMITS', 'worker', 'observer', 'server'],
  ['$JS.API.STREAM.MSG.GET.TIMERS', 'worker', 'server'],
  ['jetfleet.cancelled', 'worker', 'server'],
  ['jetfleet.swept', 'worker'],
  ['jetfleet.settled', 'worker'],
  ['jetfleet.drain', 'server'],
  ['jetfleet.workers', 'observer', 'server'],
  ['jetfleet.charts', 'observer', 'server'],
  ['jetfleet.watch', 'observer', 'server'],
  ['inspect.a.one', 'worker'],
  ['somebody.elses'],
  ['_INBOX.x'],
  ['_INBOX_observer.x', 'worker'],
  ['_INBOX_server.x', 'worker'],
  ['$JS.API.CONSUMER.CREATE.EVENTS.x', 'worker', 'server'],
  ['$JS.API.CONSUMER.MSG.NEXT.EVENTS.x', 'worker', 'server'],
  ['$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.x'],
  ['$JS.ACK.EVENTS.x.1.1.1.1.1', 'worker'],
  ['$JS.API.INFO', 'scheduler', 'worker', 'observer', 'server'],
  ['$JS.API.STREAM.INFO.JOBS', 'scheduler', 'worker', 'observer', 'server'],
  ['$JS.API.STREAM.INFO.OTHER'],
  ['$JS.API.STREAM.LIST'],
  ['$JS.API.STREAM.CREATE.OTHER'],
  ['$JS.API.STREAM.UPDATE.OTHER'],
  ['$JS.API.STREAM.DELETE.OTHER'],
  ['$JS.API.STREAM.PURGE.OTHER'],
  ['$JS.API.STREAM.SNAPSHOT.OTHER'],
  ['$JS.API.STREAM.RESTORE.OTHER'],
  ['$JS.API.STREAM.MSG.GET.EVENTS', 'worker', 'server'],
  ['$JS.API.STREAM.MSG.GET.JOBS', 'worker', 'server'],
  ['$JS.API.STREAM.MSG.GET.WEBHOOKS', 'worker', 'server'],
  ['signals.one.approved', 'producer', 'scheduler', 'worker', 'server'],
  ['ends.one.a.done.two', 'worker', 'server'],
  ['$JS.API.STREAM.PURGE.SIGNALS', 'worker', 'server'],
  ['$JS.API.CONSUMER.MSG.NEXT.SIGNALS.wake', 'worker'],
  ['$JS.API.STREAM.MSG.DELETE.EVENTS', 'server'],
  ['$JS.API.STREAM.MSG.DELETE.JOBS', 'worker', 'server'],
  ['$JS.API.DIRECT.GET.EVENTS', 'scheduler', 'worker', 'observer', 'server'],
  ['$JS.API.DIRECT.GET.TAGS', 'scheduler', 'worker', 'observer', 'server'],
  ['$JS.API.DIRECT.GET.OTHER'],
  ['$JS.API.CONSUMER.CREATE.JOBS.x', 'worker'],
  ['$JS.API.CONSUMER.CREATE.TIMERS.x'],
  ['$JS.API.CONSUMER.CREATE.OTHER.x'],
  ['$JS.API.CONSUMER.DELETE.JOBS.x'],
  ['$JS.API.CONSUMER.MSG.NEXT.JOBS.x', 'worker'],
  ['$JS.API.CONSUMER.MSG.NEXT.OTHER.x'],
  ['$JS.ACK.JOBS.x.1.1.1.1.1', 'worker'],
  ['$JS.ACK.TIMERS.x.1.1.1.1.1'],
];

const SUBSCRIBES: [subject: string, ...who: Role[]][] = [
  ['jobs.>'],
  ['webhooks.>'],
  ['schedules.>'],
  ['events.>', 'scheduler', 'worker', 'observer', 'server'],
  ['activity.>', 'scheduler', 'worker', 'observer', 'server'],
  ['inspect.>', 'observer', 'server'],
  ['jetfleet.cancelled', 'worker'],
  ['jetfleet.>', 'worker'],
  ['>'],
  ['$JS.>'],
  ['_INBOX.>'],
  ['_INBOX_producer.>', 'producer'],
  ['_INBOX_scheduler.>', 'scheduler'],
  ['_INBOX_worker.>', 'worker'],
  ['_INBOX_observer.>', 'observer'],
  ['_INBOX_server.>', 'server'],
  ['_INBOX_admin.>'],
];

const env = Object.fromEntries(
  ROLES.map((role) => [`JETFLEET_${role.toUpperCase()}_PASSWORD`, `pw-of-${role}`]),
);
let nats: ConfiguredNats;

/** What a role needs to connect. */
const login = (role: Role) => ({
  servers: nats.address,
  user: role,
  password: `pw-of-${role}`,
  inboxPrefix: `_INBOX_${role}`,
  env: {},
});

beforeAll(async () => {
  nats = await startConfigured(
    async (folder) => {
      await copyFile('deploy/nats/roles.conf', join(folder, 'roles.conf'));
      return 'include "roles.conf"\nmax_payload: 1MB';
    },
    { env },
  );
  await using admin = new JobQueueService(login('admin'));
  await admin.setup(['report']);
});

afterAll(() => nats[Symbol.asyncDispose]());

/** The subjects of those that the server refuses. */
async function refused(
  role: Role,
  operation: 'publish' | 'subscription',
  subjects: string[],
): Promise<Set<string>> {
  const connection = await openConnection(login(role));
  const found = new Set<string>();
  const watching = (async () => {
    for await (const status of connection.status()) {
      if (status.type !== 'error') continue;
      const { subject = '', operation: of } = status.error as { subject?: string; operation?: string };
      if (of === operation) found.add(subject);
    }
  })();
  for (const subject of subjects) {
    if (operation === 'publish') connection.publish(subject, '{}');
    else connection.subscribe(subject, { callback: () => {} });
  }
  await connection.flush();
  await connection.close();
  await watching;
  return found;
}

describe.each(ROLES)('%s', (role) => {
  test.each(['publish', 'subscription'] as const)(
    'may do with %s what the table says, and nothing else',
    async (operation) => {
      const table = operation === 'publish' ? PUBLISHES : SUBSCRIBES;
      // The admin's would have an effect.
      const rows = table.filter(
        ([subject]) =>
          role !== 'admin' || !/^(jobs|webhooks|schedules|events|timers|control|unique)\./.test(subject),
      );
      const found = await refused(
        role,
        operation,
        rows.map(([subject]) => subject),
      );
      const may = rows.map(([subject]) => ({ subject, may: !found.has(subject) }));
      expect(may).toEqual(
        rows.map(([subject, ...who]) => ({ subject, may: role === 'admin' || who.includes(role) })),
      );
    },
  );
});

test('without a password for each role the server does not start', async () => {
  const { JETFLEET_WORKER_PASSWORD: _, ...others } = env;
  const start = startConfigured(
    async (folder) => {
      await writeFile(join(folder, 'unused'), '');
      await copyFile('deploy/nats/roles.conf', join(folder, 'roles.conf'));
      return 'include "roles.conf"';
    },
    { env: others },
  );
  await expect(start).rejects.toThrow(/JETFLEET_WORKER_PASSWORD/);
});

test('the roles work together: a job, a delayed one, retries, watching and cancelling, without one refusal', async () => {
  const errors: unknown[] = [];
  const silent = () => {};
  const log = (line: unknown, text?: string) =>
    void errors.push([line instanceof Error ? line.message : JSON.stringify(line), text]);
  const logger = { debug: silent, info: silent, warn: log, error: log, child: () => logger } as never;
  const queueOf = (role: Role) => {
    const queue = new JobQueueService({ ...login(role), logger });
    onTestFinished(() => queue.close());
    return queue;
  };
  const [scheduler, observer, admin] = [queueOf('scheduler'), queueOf('observer'), queueOf('admin')];
  let runs = 0;
  const worker = new JobWorkerService(queueOf('worker'), { name: 'one', logger });
  worker.registerHandler('report', {
    handler: async ({ id, attempt, signal }) => {
      runs++;
      if (id === 'retried' && attempt === 1) throw new Error('once more');
      if (id === 'endless') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { runs };
    },
    retry: { baseMs: 20 },
  });
  await worker.start();
  onTestFinished(() => worker.shutdown(1_000).then(() => {}));
  const steps: string[] = [];
  const watch = await watchMachines(observer, {}, ({ kind }) => void steps.push(kind));
  onTestFinished(() => watch.close());

  const producer = await openConnection(login('producer'));
  const answer = await producer.request('jobs.high.report.published', '{}', { timeout: 5_000 });
  expect(answer.json()).toMatchObject({ stream: 'JOBS' });
  await producer.close();
  const report = defineJob({ type: 'report', result: z.object({ runs: z.number() }) });
  const { id: waited } = await scheduler.add(report, {});
  expect(await scheduler.result(report, waited)).toEqual({ runs: expect.any(Number) });
  await scheduler.addJob('report', {}, 'normal', { id: 'added' });
  await scheduler.addJob('report', {}, 'normal', { id: 'delayed', delayMs: 200 });
  await scheduler.addJob('report', {}, 'normal', { id: 'retried' });
  await scheduler.addJob('report', {}, 'normal', { id: 'endless' });
  for (const id of ['published', 'added', 'delayed', 'retried']) {
    await vi.waitFor(async () => expect(await observer.getJob(id)).toMatchObject({ status: 'completed' }), {
      interval: 50,
    });
  }
  await vi.waitFor(
    async () => expect(await observer.getJob('endless')).toMatchObject({ status: 'processing' }),
    { interval: 50 },
  );
  await admin.cancel('endless');
  await vi.waitFor(() => expect(steps).toContain('done'));
  const { jobs } = await observer.getJobs({ status: 'completed' });
  expect(jobs.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['published', 'added', 'delayed', 'retried']),
  );
  await observer.getStats();
  expect((await listWorkers(observer)).map(({ name }) => name)).toEqual(['one']);
  const refusals = /may not|refus|violation|ended a subscription/i;
  expect(errors.filter((line) => refusals.test(JSON.stringify(line)))).toEqual([]);
});

test('a server runs all dead letters again, though it may not purge EVENTS', async () => {
  await using queue = new JobQueueService(login('server'));
  const ids = ['one', 'two', 'three'].map((name) => `dead-${name}`);
  for (const id of ids) await queue.addJob('dead_letters', {}, 'normal', { id });
  await using workerQueue = new JobQueueService(login('worker'));
  const worker = new JobWorkerService(workerQueue, {});
  const handler = () => Promise.reject(new NonRetryableError('no'));
  worker.registerHandler('dead_letters', { concurrency: 1, handler });
  await worker.start();
  for (const id of ids) await queue.ended(id);
  await worker.shutdown();
  expect(await queue.retryAll({ type: 'dead_letters' })).toEqual(ids);
  expect((await queue.getJobs({ type: 'dead_letters', status: 'failed' })).jobs).toEqual([]);
  for (const id of ids) expect(await queue.getJob(id)).toMatchObject({ state: 'queued', redrives: 1 });
});

test('a worker leaves retention to a server, which removes jobs with their reports', async () => {
  const warnings: string[] = [];
  const silent = () => {};
  const warn = (_: unknown, text = '') => void warnings.push(text);
  const logger = { debug: silent, info: silent, warn, error: warn, child: () => logger } as never;
  await using workerQueue = new JobQueueService({ ...login('worker'), logger });
  const sweep = { intervalMs: 20, jitter: 0 };
  const worker = new JobWorkerService(workerQueue, { sweep });
  worker.registerHandler('short_lived', {
    handler: (job) => job.log('a line'),
    retention: { completed: { maxAgeMs: 0 } },
  });
  await worker.start();
  onTestFinished(() => worker.shutdown(1_000).then(() => {}));
  await using server = new JobQueueService(login('server'));
  const id = await server.addJob('short_lived', {});
  await server.ended(id);
  const left = () => warnings.filter((text) => text.startsWith('retention is left to'));
  await vi.waitFor(() => expect(left()).toHaveLength(1));
  const { lines } = await server.logs(id);
  expect(lines).toMatchObject([{ line: 'a line' }]);
  await vi.waitFor(async () => expect(await server.applyRetention()).toBe(1));
  expect(await server.getJob(id)).toBeUndefined();
  const { activity } = await server.broker();
  expect(await activity.last('log', id)).toBeUndefined();
  expect(left()).toHaveLength(1);
});

test('a server pauses, a worker makes paused consumers, and an observer sees what is paused', async () => {
  await using server = new JobQueueService(login('server'));
  await using observer = new JobQueueService(login('observer'));
  await server.pause({ type: 'held_up' });
  await using workerQueue = new JobQueueService(login('worker'));
  const worker = new JobWorkerService(workerQueue, {});
  worker.registerHandler('held_up', { handler: () => {} });
  await worker.start();
  onTestFinished(() => worker.shutdown(1_000).then(() => {}));
  const { topology } = await observer.broker();
  expect(await topology.consumer('jobs', 'held_up-low')).toMatchObject({ paused: true });
  expect(await observer.paused()).toMatchObject([{ type: 'held_up' }]);
  expect((await observer.getStats()).paused).toMatchObject([{ type: 'held_up' }]);
  await server.drain({ type: 'held_up' });
  await server.resume({ type: 'held_up' });
  expect(await topology.consumer('jobs', 'held_up-low')).not.toMatchObject({ paused: true });
  await expect(observer.pause()).rejects.toMatchObject({ code: 'JETFLEET_BROKER_FORBIDDEN' });
});

test('a scheduler sets, pauses, resumes and runs schedules, an observer sees them, and a server deletes them', async () => {
  await using scheduler = new JobQueueService(login('scheduler'));
  await using observer = new JobQueueService(login('observer'));
  await using server = new JobQueueService(login('server'));
  await scheduler.schedule('nightly', 'recurring', {}, { cron: '0 3 * * *', timeZone: 'Europe/Berlin' });
  await scheduler.schedule('often', 'recurring', {}, { everyMs: 3_600_000 });
  for (const name of ['nightly', 'often']) {
    await scheduler.schedules.pause(name);
    await scheduler.schedules.resume(name);
    expect(await observer.schedules.get(name)).toMatchObject({ name, nextRunAt: expect.any(String) });
    const id = await scheduler.schedules.runNow(name);
    expect(await observer.getJob(id)).toMatchObject({ scheduledBy: name });
    await expect(observer.schedules.pause(name)).rejects.toMatchObject({ code: 'JETFLEET_BROKER_FORBIDDEN' });
    await expect(scheduler.schedules.delete(name)).rejects.toMatchObject({
      code: 'JETFLEET_BROKER_FORBIDDEN',
    });
    await server.schedules.delete(name);
  }
  expect(await observer.schedules.list()).toEqual([]);
});

test('the HTTP server has what each of its paths needs as server', async () => {
  await using workerQueue = new JobQueueService(login('worker'));
  const worker = new JobWorkerService(workerQueue, { name: 'served' });
  worker.registerHandler('served', {
    handler: ({ id, signal }) => {
      if (id === 'failing') throw new NonRetryableError('no');
      if (id === 'long') return new Promise((resolve) => signal.addEventListener('abort', resolve));
      return id;
    },
  });
  await worker.start();
  onTestFinished(() => worker.shutdown(1_000).then(() => {}));
  await using queue = new JobQueueService(login('server'));
  await using http = await startHttp(queue);
  await using events = await http.listen('/api/v1/events?type=served');
  await using live = await http.listen('/api/v1/live');
  await using steps = await http.listen('/api/v1/inspect');
  const statuses: Record<string, number> = {};
  const call = async (path: string, body?: object) => {
    const { status, json } = await http.call(path, body && { body });
    statuses[path] = status;
    return json;
  };
  const add = (id: string, more: object = {}) =>
    call('/api/v1/jobs', { type: 'served', payload: 1, id, ...more });
  await add('done');
  await add('failing');
  await add('long');
  await add('later', { delayMs: 60_000 });
  await call('/api/v1/jobs/batch', { jobs: [{ type: 'unhandled', payload: 1, id: 'waiting' }] });
  const url = 'https://example.com/hooks';
  await call('/api/v1/jobs', { type: 'send_webhook', payload: { url, payload: 1 }, id: 'hook' });
  await events.next(({ data }) => data.id === 'long' && data.state === 'running');
  const becomes = (id: string, state: string) =>
    vi.waitFor(async () => expect(await queue.getJob(id)).toMatchObject({ state }));
  await becomes('done', 'completed');
  await becomes('failing', 'rejected');
  for (const id of ['long', 'later', 'waiting', 'hook']) await call(`/api/v1/jobs/${id}/cancel`, {});
  for (const id of ['long', 'later', 'waiting', 'hook']) await becomes(id, 'cancelled');
  await call('/api/v1/webhooks/hook/redeliver', {});
  await call('/api/v1/jobs/failing/retry', {});
  await call('/api/v1/jobs/retry', { ids: ['later'] });
  await call('/api/v1/jobs/cancel', { filter: { type: 'send_webhook' } });
  await call('/api/v1/workers/served/drain', {});
  await vi.waitFor(() => expect(worker.state).toBe('paused'));
  const of = ['', '/history', '/related'].map((part) => `/api/v1/jobs/done${part}`);
  const reads = [
    'jobs',
    'webhooks',
    'machines',
    'machines/job',
    'workers',
    'event-consumers',
    'stats',
    'streams',
  ];
  for (const path of [...of, ...reads.map((path) => `/api/v1/${path}`), '/readyz', '/metrics'])
    await call(path);
  expect(await call('/api/v1/jobs/delete', { ids: ['later', 'done'] })).toMatchObject({
    done: expect.arrayContaining(['done']),
  });
  await call('/api/v1/jobs/cleanup', { before: new Date().toISOString() });
  expect(await queue.getJob('long')).toBeUndefined();
  await live.next();
  expect(steps.status).toBe(200);
  expect(Object.entries(statuses).filter(([, status]) => status >= 300)).toEqual([]);
});

test('what a role lacks is said by name', async () => {
  await using producer = new JobQueueService(login('producer'));
  await using scheduler = new JobQueueService(login('scheduler'));
  await using observer = new JobQueueService(login('observer'));
  await scheduler.addJob('other', {}, 'normal', { id: 'kept' });
  await using admin = new JobQueueService(login('admin'));
  const { connection } = await admin.broker();
  // A cleanup removes it before it asks for anything else.
  await connection.request('events.other.completed.strange', 'no record');
  const missing = (right: string) => ({
    code: 'JETFLEET_BROKER_FORBIDDEN',
    message: expect.stringContaining(right),
  });
  await expect(producer.getStats()).rejects.toMatchObject(missing('publish to $JS.API.INFO'));
  await expect(scheduler.cancel('kept')).rejects.toMatchObject(
    missing('publish to events.other.failed.kept'),
  );
  await expect(observer.addJob('other', {})).rejects.toMatchObject(missing('publish to jobs.normal.other.'));
  await expect(observer.cleanup(0)).rejects.toMatchObject(
    missing('publish to $JS.API.STREAM.MSG.DELETE.EVENTS'),
  );
});

/** The server answers a request wherever the asker says, whether that one may publish there or not. */
test('an observer that has answers sent to job subjects runs no job', async () => {
  await using admin = new JobQueueService(login('admin'));
  const ran: string[] = [];
  await using workerQueue = new JobQueueService(login('worker'));
  const worker = new JobWorkerService(workerQueue, {});
  worker.registerHandler('bill', { handler: ({ id }) => void ran.push(id) });
  await worker.start();
  onTestFinished(() => worker.shutdown(1_000).then(() => {}));
  const producer = await openConnection(login('producer'));
  const { seq } = (await producer.request('jobs.low.bill.original', '{"euros":1}')).json<{ seq: number }>();
  await producer.close();
  await vi.waitFor(() => expect(ran).toEqual(['original']));

  const observer = await openConnection(login('observer'));
  const ask = (api: string, query: object, id: string) =>
    observer.publish(`$JS.API.${api}`, JSON.stringify(query), { reply: `jobs.high.bill.${id}` });
  ask('DIRECT.GET.JOBS', { seq }, 'read');
  ask('DIRECT.GET.JOBS', { seq, next_by_subj: 'jobs.>', batch: 1 }, 'batch');
  ask('STREAM.INFO.JOBS', {}, 'info');
  ask('CONSUMER.LIST.JOBS', {}, 'list');
  ask('INFO', {}, 'account');
  await observer.flush();
  for (const id of ['read', 'batch', 'info', 'list', 'account']) {
    await vi.waitFor(
      async () => expect(await admin.getJob(id)).toMatchObject({ status: 'failed', state: 'rejected' }),
      { interval: 50 },
    );
  }
  await observer.close();
  expect(ran).toEqual(['original']);
});
