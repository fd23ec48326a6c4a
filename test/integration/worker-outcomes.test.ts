import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  complete,
  type HandlerOptions,
  type JobAborted,
  type JobContext,
  type NextJob,
  NonRetryableError,
  RetryableError,
  TimeoutError,
  ValidationError,
} from '../../src/index.js';
import { logMasks } from '../../src/telemetry/logger.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const DAY = 24 * 60 * 60 * 1000;
const AT_ONCE = { baseMs: 1, jitter: 0 };

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Resolves with the reason for which a job must stop. */
const aborted = (job: JobContext) =>
  new Promise<JobAborted>((resolve) => {
    job.signal.addEventListener('abort', () => resolve(job.signal.reason));
  });

describe('a handler that fails', () => {
  const rejects = (error: unknown): HandlerOptions => ({
    handler: () => Promise.reject(error),
    retry: AT_ONCE,
  });

  test.each<[string, unknown, object]>([
    [
      'a NonRetryableError',
      new NonRetryableError('no such template'),
      { code: 'JETFLEET_NON_RETRYABLE', message: 'no such template' },
    ],
    [
      'one with a code of its own',
      new NonRetryableError('no', { code: 'ACME_SOLD_OUT' }),
      { code: 'ACME_SOLD_OUT' },
    ],
    [
      'a ValidationError',
      new ValidationError('JETFLEET_PAYLOAD_INVALID', 'wrong', { problems: [{ path: 'a', message: 'b' }] }),
      { code: 'JETFLEET_PAYLOAD_INVALID', problems: [{ path: 'a', message: 'b' }] },
    ],
  ])('by %s fails its job at once', async (_, error, info) => {
    await using fleet = await startFleet({ nats, handlers: { demo: rejects(error) } });
    const job = await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'rejected');
    expect(job).toMatchObject({ attempt: 1, maxAttempts: 3, error: { ...info, retryable: false } });
  });

  test('by a TimeoutError of its own times its job out', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: rejects(new TimeoutError('too slow')) } });
    const job = await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'timed_out');
    expect(job.error).toMatchObject({ code: 'JETFLEET_TIMEOUT', message: 'too slow' });
  });

  test.each<[string, unknown, string]>([
    ['an Error', new Error('reset by peer'), 'reset by peer'],
    ['a string', 'oops', 'oops'],
    ['what cannot be printed', Object.create(null), '[unprintable]'],
  ])('by %s is tried again up to its attempts, and keeps the last error', async (_, error, message) => {
    await using fleet = await startFleet({ nats, handlers: { demo: rejects(error) } });
    const id = await fleet.queue.addJob('demo', null, 'normal', { maxAttempts: 2 });
    const job = await fleet.waitForJob(id, 'exhausted');
    expect(job).toMatchObject({
      status: 'failed',
      attempt: 2,
      error: { code: 'JETFLEET_HANDLER_FAILED', message, retryable: true },
    });
    expect((await fleet.history(id)).map(({ state, attempt }) => `${state} ${attempt}`)).toEqual([
      'running 1',
      'retrying 1',
      'running 2',
      'exhausted 2',
    ]);
  });

  test('is logged once an attempt, with code, cause and stack, and the record keeps the stack', async () => {
    const lines: Record<string, unknown>[] = [];
    const write = (line: string) => void lines.push(JSON.parse(line));
    const logger = pino({ level: 'warn', ...logMasks }, { write });
    const cause = Object.assign(new Error('connect refused for token=abc123'), { code: 'ECONNREFUSED' });
    await using fleet = await startFleet({
      nats,
      handlers: { demo: rejects(new Error('no answer', { cause })) },
      worker: { logger },
    });
    const id = await fleet.queue.addJob('demo', null, 'normal', { maxAttempts: 2 });
    const job = await fleet.waitForJob(id, 'exhausted');
    const stack = expect.stringMatching(/^Error: no answer\n +at [\s\S]*\ncaused by: Error: connect refused/);
    expect(job.error).toMatchObject({ code: 'ECONNREFUSED', retryable: true, stack });
    const own = lines.filter(({ jobId }) => jobId === id);
    expect(own).toMatchObject([
      { level: 40, attempt: 1, maxAttempts: 2, state: 'retrying', code: 'ECONNREFUSED', stack },
      { level: 50, attempt: 2, maxAttempts: 2, state: 'exhausted', code: 'ECONNREFUSED', stack },
    ]);
    expect(own.map(({ msg }) => msg)).toEqual([
      expect.stringContaining('attempt 1 of 2 failed: no answer: connect refused'),
      expect.stringContaining('the job failed in attempt 2 of 2: no answer: connect refused'),
    ]);
    expect(JSON.stringify(own)).not.toContain('abc123');
  });

  test('for a next job whose id is taken is logged too', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const next = [{ type: 'demo', idSuffix: 'next', payload: 'theirs' }];
    await using fleet = await startFleet({
      nats,
      handlers: { demo: () => complete(null, next) },
      worker: { logger },
    });
    await fleet.queue.addJob('other', 'mine', 'normal', { id: 'parent-next' });
    await fleet.queue.addJob('demo', null, 'normal', { id: 'parent' });
    await fleet.waitForJob('parent', 'rejected');
    expect(lines).toMatchObject([{ level: 50, jobId: 'parent', code: 'JETFLEET_ID_TAKEN' }]);
  });

  test('synchronously is no different', async () => {
    const handler = () => {
      throw new NonRetryableError('at once');
    };
    await using fleet = await startFleet({ nats, handlers: { demo: { handler } } });
    expect(await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'rejected')).toMatchObject({
      error: { message: 'at once' },
    });
  });
});

describe('a retry', () => {
  test('shows the error and when it is due, and a success takes both away', async () => {
    const handler = ({ attempt }: JobContext) => {
      if (attempt < 3) throw new Error(`attempt ${attempt} failed`);
      return attempt;
    };
    await using fleet = await startFleet({ nats, handlers: { demo: { handler, retry: AT_ONCE } } });
    const id = await fleet.queue.addJob('demo', null);
    const job = await fleet.waitForJob(id, 'completed');
    expect(job).toMatchObject({ attempt: 3, result: 3 });
    expect(job).not.toHaveProperty('error');
    expect(job).not.toHaveProperty('nextRunAt');
    const retries = (await fleet.history(id)).filter(({ state }) => state === 'retrying');
    expect(retries.map(({ error }) => error?.message)).toEqual(['attempt 1 failed', 'attempt 2 failed']);
    expect(new Set((await fleet.history(id)).map(({ startedAt }) => startedAt)).size).toBe(1);
  });

  test('waits as long as the policy says', async () => {
    const handler = () => Promise.reject(new Error('no'));
    const retry = { baseMs: 60_000, jitter: 0 };
    await using fleet = await startFleet({ nats, handlers: { demo: { handler, retry } } });
    const job = await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'retrying');
    expect(Date.parse(job.nextRunAt ?? '') - Date.parse(job.updatedAt)).toBe(60_000);
  });

  test('waits for a longer Retry-After instead', async () => {
    const handler = () => Promise.reject(new RetryableError('slow down', { retryAfterMs: DAY }));
    await using fleet = await startFleet({ nats, handlers: { demo: { handler, retry: AT_ONCE } } });
    const job = await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'retrying');
    expect(Date.parse(job.nextRunAt ?? '') - Date.parse(job.updatedAt)).toBe(DAY);
    expect(job.error).toMatchObject({ retryAfterMs: DAY, retryable: true });
  });

  test('holds neither a slot nor a message until it is due', async () => {
    const handler = ({ payload }: JobContext) =>
      payload === 'good' ? 'ok' : Promise.reject(new Error('no'));
    const retry = { baseMs: DAY, maxRetryDelay: DAY, jitter: 0 };
    await using fleet = await startFleet({ nats, handlers: { demo: { handler, retry, concurrency: 1 } } });
    await fleet.waitForJob(await fleet.queue.addJob('demo', 'bad', 'critical'), 'retrying');
    await fleet.waitForJob(await fleet.queue.addJob('demo', 'good', 'low'), 'completed');
    expect(fleet.workers[0]?.running).toEqual([]);
    const { topology } = await fleet.queue.broker();
    // Its record is there a moment before its acknowledgement.
    await vi.waitFor(async () => {
      const held = (await topology.consumers('jobs')).map(({ num_ack_pending }) => num_ack_pending);
      expect(Math.max(...held)).toBe(0);
    });
  });

  test('finds the checkpoint that the attempt before saved', async () => {
    const seen: unknown[] = [];
    const handler = async (job: JobContext) => {
      seen.push(job.checkpoint);
      if (job.attempt === 3) return job.checkpoint;
      await job.saveCheckpoint({ page: job.attempt * 10 });
      await job.saveCheckpoint({ page: job.attempt * 10 + 1 });
      expect(job.checkpoint).toEqual({ page: job.attempt * 10 + 1 });
      throw new Error('half way');
    };
    await using fleet = await startFleet({ nats, handlers: { demo: { handler, retry: AT_ONCE } } });
    const job = await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'completed');
    expect(job.result).toEqual({ page: 21 });
    expect(seen).toEqual([undefined, { page: 11 }, { page: 21 }]);
  });
});

test('a checkpoint over the limit is refused at the call, and the job can go on', async () => {
  const handler = async (job: JobContext) => {
    const error = await job.saveCheckpoint('x'.repeat(128 * 1024)).catch((reason: unknown) => reason);
    return (error as ValidationError).code;
  };
  await using fleet = await startFleet({ nats, handlers: { demo: handler } });
  const job = await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'completed');
  expect(job.result).toBe('JETFLEET_RESULT_TOO_LARGE');
});

describe('an attempt over its time', () => {
  test.each([
    ['the handler’s', { timeoutMs: 50 }, {}, 50],
    ['the job’s, before the handler’s', { timeoutMs: DAY }, { timeoutMs: 40 }, 40],
  ])('fails its job, and its signal says why: %s', async (_, options, job, limit) => {
    let reason: Promise<JobAborted> | undefined;
    const handler = (context: JobContext) => {
      reason = aborted(context);
      return new Promise(() => {});
    };
    await using fleet = await startFleet({ nats, handlers: { demo: { handler, ...options } } });
    const record = await fleet.waitForJob(await fleet.queue.addJob('demo', null, 'normal', job), 'timed_out');
    expect(record).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'JETFLEET_TIMEOUT', message: expect.stringContaining(`${limit} ms`) },
    });
    expect(await reason).toMatchObject({ reason: 'timeout', code: 'JETFLEET_TIMEOUT' });
    await vi.waitFor(() => expect(fleet.workers[0]?.running).toEqual([]));
  });

  test('cannot write a checkpoint any more', async () => {
    let late: Promise<unknown> | undefined;
    const handler = async (context: JobContext) => {
      late = aborted(context)
        .then(() => context.saveCheckpoint('too late'))
        .catch((error: unknown) => error);
      return new Promise(() => {});
    };
    await using fleet = await startFleet({ nats, handlers: { demo: { handler, timeoutMs: 30 } } });
    const id = await fleet.queue.addJob('demo', null);
    const job = await fleet.waitForJob(id, 'timed_out');
    expect(await late).toMatchObject({ reason: 'timeout' });
    expect(job).not.toHaveProperty('checkpoint');
    expect(await fleet.history(id)).toHaveLength(2);
  });
});

test('a payload schema fills in defaults for the handler, and refuses what does not fit', async () => {
  const payload = z.strictObject({ month: z.number().min(1).max(12), format: z.string().default('pdf') });
  const handler = (job: JobContext) => job.payload;
  await using fleet = await startFleet({
    nats,
    handlers: { render_report: { payload, handler } as HandlerOptions },
  });
  const good = await fleet.queue.addJob('render_report', { month: 3 });
  const bad = await fleet.queue.addJob('render_report', { month: 13 });
  expect((await fleet.waitForJob(good, 'completed')).result).toEqual({ month: 3, format: 'pdf' });
  expect(await fleet.waitForJob(bad, 'rejected')).toMatchObject({
    attempt: 0,
    error: { problems: [{ path: 'month' }] },
  });
});

test.each<[string, Partial<NextJob>, string]>([
  ['an id that no subject can hold', { idSuffix: 'part.1' }, 'JETFLEET_ID_INVALID'],
  ['an unknown priority', { priority: 'urgent' as 'high' }, 'JETFLEET_PRIORITY_INVALID'],
  ['an unknown form of type', { type: 'Second' }, 'JETFLEET_TYPE_INVALID'],
  ['a payload without a JSON form', { payload: 1n }, 'JETFLEET_PAYLOAD_INVALID'],
])('a job that asks for a next one with %s fails for good', async (_, wrong, code) => {
  const handler = () => complete('done', [{ type: 'second', idSuffix: 'next', payload: null, ...wrong }]);
  await using fleet = await startFleet({ nats, handlers: { demo: handler } });
  const job = await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'rejected');
  expect(job).toMatchObject({ attempt: 1, error: { code, retryable: false } });
  expect(job).not.toHaveProperty('next');
});
