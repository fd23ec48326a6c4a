import { describe, expect, test } from 'vitest';
import { createNovitaProvider } from '../../src/gpu/index.js';
import type { GpuProvider } from '../../src/gpu/provider.js';
import { startHttpServer } from '../../src/http/server.js';
import { gpuInstances } from '../../src/instances/gpu-instances.js';
import { KnownJobs } from '../../src/jobs/known-jobs.js';
import { checkedTime, checkInteger, checkNumber, hintedMs } from '../../src/jobs/numbers.js';
import { JobQueueService } from '../../src/queue/job-queue-service.js';
import { Sweeper } from '../../src/upkeep/sweeper.js';
import { createWebhookClient } from '../../src/webhooks/webhook-client.js';
import { webhooks } from '../../src/webhooks/webhooks.js';
import { handlerOf } from '../../src/worker/job-handler.js';
import { JobWorkerService } from '../../src/worker/job-worker-service.js';

/** What is no number for anybody, however it came about. */
const NO_NUMBERS: unknown[] = [
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  -1,
  null,
  '5',
  '',
  true,
  5n,
  Symbol('five'),
  {},
  [5],
  new Date(5),
  new Date(Number.NaN),
  { valueOf: () => 5 },
  Object.create(null),
  Number.MAX_SAFE_INTEGER * 4,
];

const queue = new JobQueueService();
const handler = async () => {};
const provider = {} as GpuProvider;
const handlerWith = (options: object) => handlerOf('resize', { handler, ...options }, new KnownJobs(), {});

/** Every option that is a number, with what takes it. */
const ENTRANCES: [name: string, shown: RegExp, take: (value: never) => unknown][] = [
  [
    'queue: replicas',
    /^replicas must be an integer from 1 to 5,/,
    (replicas) => new JobQueueService({ replicas }),
  ],
  ['queue: eventsMaxAgeMs', /^eventsMaxAgeMs /, (eventsMaxAgeMs) => new JobQueueService({ eventsMaxAgeMs })],
  ['queue: ackWaitMs', /^ackWaitMs /, (ackWaitMs) => new JobQueueService({ ackWaitMs })],
  [
    'queue: connectTimeoutMs',
    /^connectTimeoutMs /,
    (connectTimeoutMs) => new JobQueueService({ connectTimeoutMs }),
  ],
  [
    'queue: commit.maxBatch',
    /^commit.maxBatch must be an integer from 1 to 5000/,
    (maxBatch) => new JobQueueService({ commit: { maxBatch } }),
  ],
  ['cleanup', /^olderThanMs /, (olderThanMs) => queue.cleanup(olderThanMs)],
  ['addJob: delayMs', /^delayMs /, (delayMs) => queue.addJob('resize', {}, 'normal', { delayMs })],
  ['addJob: maxAttempts', /^maxAttempts /, (maxAttempts) => queue.addJob('a', {}, 'low', { maxAttempts })],
  ['addJob: timeoutMs', /^timeoutMs /, (timeoutMs) => queue.addJob('a', {}, 'low', { timeoutMs })],
  ['handler: concurrency', /^resize: concurrency /, (concurrency) => handlerWith({ concurrency })],
  ['handler: maxAttempts', /^resize: maxAttempts /, (maxAttempts) => handlerWith({ maxAttempts })],
  ['handler: timeoutMs', /^resize: timeoutMs /, (timeoutMs) => handlerWith({ timeoutMs })],
  ['handler: retry.baseMs', /^resize: retry.baseMs /, (baseMs) => handlerWith({ retry: { baseMs } })],
  [
    'handler: retry.maxRetryDelay',
    /^resize: retry.maxRetryDelay /,
    (maxRetryDelay) => handlerWith({ retry: { maxRetryDelay } }),
  ],
  ['handler: retry.jitter', /^resize: retry.jitter /, (jitter) => handlerWith({ retry: { jitter } })],
  [
    'handler: retry.delaysMs',
    /^resize: retry.delaysMs\[1\] /,
    (delayMs) => handlerWith({ retry: { delaysMs: [1, delayMs] } }),
  ],
  [
    'worker: concurrency',
    /^send_webhook: concurrency /,
    (count) => new JobWorkerService(queue, { concurrency: { send_webhook: count } }).use(webhooks()),
  ],
  ['instances: pollIntervalMs', /^pollIntervalMs /, (ms) => gpuInstances({ provider, pollIntervalMs: ms })],
  ['instances: settleDelayMs', /^settleDelayMs /, (ms) => gpuInstances({ provider, settleDelayMs: ms })],
  [
    'webhooks: timeoutMs',
    /^webhooks.timeoutMs /,
    (timeoutMs) => new JobWorkerService(queue).use(webhooks({ timeoutMs })),
  ],
  ['worker: shutdown', /^timeoutMs /, (ms) => new JobWorkerService(queue).shutdown(ms)],
  ['sweep.intervalMs', /^sweep.intervalMs /, (intervalMs) => new Sweeper({ queue, intervalMs })],
  ['sweep.jitter', /^sweep.jitter /, (jitter) => new Sweeper({ queue, jitter })],
  ['webhook client', /^webhooks.timeoutMs /, (timeoutMs) => createWebhookClient({ timeoutMs })],
  ['novita client', /^timeoutMs /, (timeoutMs) => createNovitaProvider({ apiKey: 'key', timeoutMs })],
  ['http: port', /^port /, (port) => startHttpServer(queue, { port })],
  [
    'http: closeTimeoutMs',
    /^closeTimeoutMs /,
    (ms) => startHttpServer(queue, { port: 0, closeTimeoutMs: ms }),
  ],
];

test.each(ENTRANCES)('%s refuses what is no number, and names it', async (_, shown, take) => {
  for (const value of NO_NUMBERS) {
    const taken = new Promise((resolve) => resolve(take(value as never)));
    await expect(taken, String(typeof value)).rejects.toMatchObject({
      code: 'JETFLEET_OPTION_INVALID',
      message: expect.stringMatching(shown),
    });
  }
});

test('a time too long for a timer is refused: Node fires such a timer at once', async () => {
  const tooLong = 2 ** 31;
  await expect(new JobWorkerService(queue).shutdown(tooLong)).rejects.toThrow(
    'timeoutMs must be a number from 0 to 2147483647, got 2147483648',
  );
  expect(() => new Sweeper({ queue, intervalMs: tooLong })).toThrow(
    'sweep.intervalMs must be a number from 1',
  );
  expect(() => createWebhookClient({ timeoutMs: tooLong })).toThrow('webhooks.timeoutMs must be a number');
});

describe('a check', () => {
  test('passes what is left out, and both ends of the range', () => {
    for (const value of [undefined, 1, 5]) {
      expect(() => checkInteger('count', value, 1, 5)).not.toThrow();
      expect(() => checkNumber('count', value, 1, 5)).not.toThrow();
    }
    expect(() => checkNumber('count', 1.5, 1, 5)).not.toThrow();
  });

  test.each([
    [0, '0'],
    [6, '6'],
    [1.5, '1.5'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [null, 'null'],
    ['5', '"5"'],
    [5n, '5'],
  ])('names %s and the range', (value, shown) => {
    expect(() => checkInteger('count', value, 1, 5)).toThrow(
      `count must be an integer from 1 to 5, got ${shown}`,
    );
  });

  test.each([
    [new Date(Number.NaN), 'null'],
    ['soon', '"soon"'],
    [Number.NaN, 'NaN'],
    [1_700_000_000_000, '1700000000000'],
    [null, 'null'],
    [undefined, 'undefined'],
    [{}, '{}'],
  ])('refuses the time %s', (value, shown) => {
    expect(() => checkedTime('runAt', value)).toThrow(
      `runAt must be a valid Date or an ISO 8601 time, got ${shown}`,
    );
  });

  test('takes a Date and its text for the same time', () => {
    const date = new Date('2026-01-01T00:00:00Z');
    expect(checkedTime('runAt', date)).toBe(date.getTime());
    expect(checkedTime('runAt', '2026-01-01T01:00:00+01:00')).toBe(date.getTime());
  });
});

test.each([
  [Number.NaN, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  [-1, undefined],
  ['5', undefined],
  [5n, undefined],
  [null, undefined],
  [0, 0],
  [1.2, 2],
  [100, 100],
  [101, 100],
  [1e300, 100],
])('the hint %s of a delay counts as %s', (hint, ms) => {
  expect(hintedMs(hint, 100)).toBe(ms);
});
