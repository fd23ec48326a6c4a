import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openConnection } from '../../src/broker/connection/connection.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { createLogger, JobQueueService, NonRetryableError, snooze } from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const DAY = 24 * 60 * 60 * 1000;
const queueOnly = { workers: 0 };
const messagesIn = async (queue: JobQueueService, kind: 'jobs' | 'events') =>
  (await (await queue.broker()).topology.streamInfo(kind)).state.messages;

describe('adding', () => {
  test('a job resolves to its id once the stream holds it', async () => {
    await using fleet = await startFleet({ nats, ...queueOnly });
    const id = await fleet.queue.addJob('demo', { a: 1 }, 'high', { id: 'order-42', maxAttempts: 5 });
    expect(id).toBe('order-42');
    const { read, subjects } = await fleet.queue.broker();
    const stored = await read.last(
      subjects.streamName('jobs'),
      subjects.work({ kind: 'jobs', priority: 'high', type: 'demo', id }),
    );
    expect(new TextDecoder().decode(stored?.data)).toBe('{"a":1}');
    expect(stored?.headers.get('Jetfleet-Max-Attempts')).toBe('5');
  });

  test('jobs without ids gives each one that sorts by time', async () => {
    await using fleet = await startFleet({ nats, ...queueOnly });
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await fleet.queue.addJob('demo', n));
    ids.push(
      ...(await fleet.queue.addJobs(Array.from({ length: 20 }, (_, n) => ({ type: 'demo', payload: n })))),
    );
    expect(new Set(ids).size).toBe(25);
    expect([...ids].sort()).toEqual(ids);
    for (const id of ids) expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  });

  test('jobs by the first call of a process takes them as they are then', async () => {
    await using queue = new JobQueueService({ servers: nats.url, namespace: 'first_call' });
    const payload = { n: 1 };
    const jobs = [{ type: 'demo', payload, delayMs: 60_000 }];
    const adding = queue.addJobs(jobs);
    payload.n = 2;
    jobs.push({ type: 'demo', payload, delayMs: 0 });
    const [id = '', ...others] = await adding;
    expect(others).toEqual([]);
    expect(await queue.getJob(id)).toMatchObject({ payload: { n: 1 }, state: 'scheduled' });
  });

  test('the same id twice is one job, whichever way it is added', async () => {
    await using fleet = await startFleet({ nats, ...queueOnly });
    const job = { type: 'demo', payload: 1, id: 'once' };
    await Promise.all([fleet.queue.addJob('demo', 1, 'normal', { id: 'once' }), fleet.queue.addJobs([job])]);
    await fleet.queue.addJobs(Array.from({ length: 10 }, () => job));
    expect(await messagesIn(fleet.queue, 'jobs')).toBe(1);
  });

  test('the same id again after it has run adds no run', async () => {
    let runs = 0;
    await using fleet = await startFleet({ nats, handlers: { demo: () => ++runs } });
    const id = await fleet.queue.addJob('demo', null, 'normal', { id: 'once' });
    await fleet.waitForJob(id, 'completed');
    await fleet.queue.addJob('demo', null, 'low', { id });
    await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'completed');
    expect(runs).toBe(2);
    // A message that was just acknowledged may be counted still.
    await vi.waitFor(async () => expect((await fleet.queue.getStats()).totalJobs).toBe(2));
  });

  test('many jobs of which one is invalid adds none, and names its place', async () => {
    await using fleet = await startFleet({ nats, ...queueOnly });
    const good = { type: 'demo', payload: 1 };
    const bad = { type: 'send_webhook', payload: { url: 'nowhere', payload: 1 } };
    await expect(fleet.queue.addJobs([good, good, bad])).rejects.toMatchObject({
      code: 'JETFLEET_PAYLOAD_INVALID',
      message: expect.stringMatching(/^job 2: .*url/),
      problems: [{ path: 'url' }],
    });
    expect(await messagesIn(fleet.queue, 'jobs')).toBe(0);
  });

  test.each([
    ['JETFLEET_TYPE_INVALID', 'Demo', 'normal', {}],
    ['JETFLEET_TYPE_INVALID', 'a.b', 'normal', {}],
    ['JETFLEET_PRIORITY_INVALID', 'demo', 'urgent', {}],
    ['JETFLEET_ID_INVALID', 'demo', 'normal', { id: 'a.b' }],
    ['JETFLEET_ID_INVALID', 'demo', 'normal', { id: 'seq-4' }],
    ['JETFLEET_ID_INVALID', 'demo', 'normal', { id: 'x'.repeat(101) }],
    ['JETFLEET_OPTION_INVALID', 'demo', 'normal', { maxAttempts: 0 }],
    ['JETFLEET_OPTION_INVALID', 'demo', 'normal', { timeoutMs: DAY + 1 }],
    ['JETFLEET_OPTION_INVALID', 'demo', 'normal', { delayMs: -1 }],
    ['JETFLEET_OPTION_INVALID', 'demo', 'normal', { delayMs: 1, runAt: new Date() }],
    ['JETFLEET_OPTION_INVALID', 'demo', 'normal', { runAt: 'tomorrow' }],
    ['JETFLEET_OPTION_INVALID', 'demo', 'normal', { webhookUrl: 'ftp://a' }],
    ['JETFLEET_OPTION_INVALID', 'demo', 'normal', { traceparent: 'a\r\nb: c' }],
  ] as const)('is refused with %s for %s %s %j', async (code, type, priority, options) => {
    await using queue = new JobQueueService({ servers: nats.url, namespace: 'refused' });
    await expect(queue.addJob(type, null, priority as 'normal', options)).rejects.toMatchObject({ code });
    expect((await queue.getJobs()).jobs).toEqual([]);
  });

  test('a payload over 512 KiB is refused before it is sent, one at the limit is taken', async () => {
    await using fleet = await startFleet({ nats, ...queueOnly });
    const text = (bytes: number) => 'x'.repeat(bytes - 2);
    await expect(fleet.queue.addJob('demo', text(512 * 1024 + 1))).rejects.toMatchObject({
      code: 'JETFLEET_PAYLOAD_TOO_LARGE',
    });
    await expect(fleet.queue.addJob('demo', text(512 * 1024))).resolves.toBeTypeOf('string');
  });
});

describe('one job', () => {
  test('is found in every state of its life', async () => {
    const { open: release, opened: released } = gate();
    await using fleet = await startFleet({
      nats,
      handlers: {
        hold: async () => {
          await released;
          return { done: true };
        },
        sleepy: ({ checkpoint }) => (checkpoint ? 'awake' : snooze(DAY, { slept: 1 })),
        flaky: {
          handler: () => Promise.reject(new Error('reset by peer')),
          retry: { baseMs: DAY, maxRetryDelay: DAY, jitter: 0 },
        },
        broken: () => Promise.reject(new NonRetryableError('no such template')),
      },
    });
    const { queue, waitForJob } = fleet;
    const soon = new Date(Date.now() + DAY);

    const queued = await queue.addJob('nobody_runs_it', { a: 1 }, 'low', {
      webhookUrl: 'https://example.com/',
    });
    expect(await queue.getJob(queued)).toMatchObject({
      v: 1,
      id: queued,
      type: 'nobody_runs_it',
      priority: 'low',
      status: 'pending',
      state: 'queued',
      payload: { a: 1 },
      attempt: 0,
      maxAttempts: 3,
      webhookUrl: 'https://example.com/',
      machine: { id: 'job', version: 1 },
    });
    const scheduled = await queue.addJob('hold', null, 'high', { runAt: soon });
    expect(await queue.getJob(scheduled)).toMatchObject({
      status: 'pending',
      state: 'scheduled',
      priority: 'high',
      nextRunAt: soon.toISOString(),
    });

    const retrying = await waitForJob(await queue.addJob('flaky', null), 'retrying');
    expect(retrying).toMatchObject({
      status: 'pending',
      attempt: 1,
      error: { code: 'JETFLEET_HANDLER_FAILED', message: 'reset by peer' },
    });
    expect(Date.parse(retrying.nextRunAt ?? '')).toBeGreaterThan(Date.now() + DAY - 60_000);

    const held = await queue.addJob('hold', null);
    const running = await waitForJob(held, 'running');
    expect(running).toMatchObject({
      status: 'processing',
      attempt: 1,
      worker: fleet.workers[0]?.name,
      workSeq: expect.any(Number),
    });

    const waiting = await waitForJob(await queue.addJob('sleepy', null), 'waiting');
    expect(waiting).toMatchObject({
      status: 'processing',
      attempt: 1,
      checkpoint: { slept: 1 },
      nextRunAt: expect.any(String),
    });

    release();
    const completed = await waitForJob(held, 'completed');
    expect(completed).toMatchObject({
      status: 'completed',
      result: { done: true },
      startedAt: running.startedAt,
    });
    expect(completed).not.toHaveProperty('error');
    expect(Date.parse(completed.finishedAt ?? '')).toBeGreaterThanOrEqual(
      Date.parse(running.startedAt ?? ''),
    );

    const failed = await waitForJob(await queue.addJob('broken', null), 'rejected');
    expect(failed).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'JETFLEET_NON_RETRYABLE', retryable: false },
    });
  });

  test.each(['nobody', 'seq-999999', 'seq-0'])('that nobody added is undefined: %j', async (id) => {
    await using queue = new JobQueueService({ servers: nats.url, namespace: 'unknown' });
    expect(await queue.getJob(id)).toBeUndefined();
  });

  test.each(['*', '>', 'a.b', '../a', ''])('cannot be asked for by the pattern %j', async (id) => {
    await using queue = new JobQueueService({ servers: nats.url, namespace: 'patterns' });
    await queue.addJob('demo', 1, 'normal', { id: 'a' });
    await expect(queue.getJob(id)).rejects.toMatchObject({
      code: 'JETFLEET_ID_INVALID',
      message: expect.stringContaining(JSON.stringify(id)),
    });
  });
});

describe('the life of a queue', () => {
  test('closing twice is harmless, and nothing works after it', async () => {
    const queue = new JobQueueService({ servers: nats.url, namespace: 'closing' });
    await queue.addJob('demo', 1);
    await Promise.all([queue.close(), queue.close()]);
    await queue.close();
    for (const call of [
      () => queue.addJob('demo', 1),
      () => queue.getJob('a'),
      () => queue.getStats(),
      () => queue.connect(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
    }
  });

  test('a queue that was never used closes without connecting', async () => {
    await expect(new JobQueueService({ servers: 'nats://127.0.0.1:1' }).close()).resolves.toBeUndefined();
  });

  test('no server is an error that names the address, and a later call tries again', async () => {
    await using queue = new JobQueueService({
      servers: 'nats://user:pass@127.0.0.1:1',
      connectTimeoutMs: 500,
    });
    for (let call = 0; call < 2; call++) {
      const error = await queue.addJob('demo', 1).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'JETFLEET_BROKER_UNREACHABLE', retryable: true });
      expect(String(error)).toContain('127.0.0.1:1');
      expect(String(error)).not.toContain('pass');
    }
  });

  test('two namespaces on one server do not see each other', async () => {
    await using a = await startFleet({ nats, namespace: 'left', handlers: { demo: () => 'left' } });
    await using b = await startFleet({ nats, namespace: 'right', ...queueOnly });
    await b.queue.addJob('demo', null, 'normal', { id: 'same' });
    await a.queue.addJob('demo', null, 'normal', { id: 'same' });
    await a.waitForJob('same', 'completed');
    expect(await b.queue.getJob('same')).toMatchObject({ state: 'queued' });
    expect(await b.queue.getStats()).toMatchObject({
      totalJobs: 1,
      pendingJobs: 1,
      unhandledTypes: ['demo'],
    });
    expect((await a.queue.getJobs()).jobs).toHaveLength(1);
  });

  test('the namespace is that of the environment that it was given', async () => {
    await using queue = new JobQueueService({ servers: nats.url, env: { JETFLEET_NAMESPACE: 'given' } });
    expect(queue.namespace).toBe('given');
    expect((await queue.broker()).subjects.streamName('jobs')).toBe('GIVEN_JOBS');
  });

  test('a connection and a logger that were lent stay open', async () => {
    const connection = await openConnection({ servers: nats.url });
    const logger = createLogger('silent');
    const queue = new JobQueueService({ connection, logger, namespace: 'lent' });
    await queue.addJob('demo', 1);
    await queue.close();
    expect(queue.logger.level).toBe('silent');
    expect(connection.isClosed()).toBe(false);
    await connection.flush();
    await using again = new JobQueueService({ connection, namespace: 'lent' });
    expect((await again.getJobs()).jobs).toHaveLength(1);
    await connection.close();
  });
});
