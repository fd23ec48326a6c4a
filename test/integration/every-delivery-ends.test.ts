import { addAbortListener, EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromPromise, setup } from 'xstate';
import { z } from 'zod';
import { examine } from '../../src/doctor/doctor.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  complete,
  type HandlerOptions,
  type JobHandler,
  JobQueueService,
  JobWorkerService,
  NonRetryableError,
  RetryableError,
  snooze,
} from '../../src/index.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { startConfigured } from '../support/configured-nats.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const AT_ONCE = { baseMs: 1, jitter: 0 };

let nats: EmbeddedServer;
let fleet: Fleet;
beforeAll(async () => {
  nats = await startNats();
  const handler: JobHandler = (job) => handlers.get(job.id)?.(job);
  fleet = await startFleet({ nats, handlers: { demo: { handler, retry: AT_ONCE } } });
});
afterAll(async () => {
  await fleet.close();
  await nats.stop();
});

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** What the handler of `demo` does, by the id of its job. */
const handlers = new Map<string, JobHandler>();
let count = 0;

/** Adds a job that a function runs, or one of a new type, and resolves with its last record. */
async function endOf(run: HandlerOptions<never> | JobHandler, payload: unknown = { a: 1 }) {
  const id = `job-${++count}`;
  const type = typeof run === 'function' ? 'demo' : `demo_${count}`;
  if (typeof run === 'function') handlers.set(id, run);
  else fleet.workers[0]?.registerHandler(type, { retry: AT_ONCE, ...run });
  await fleet.queue.addJob(type, payload, 'normal', { id, maxAttempts: 2 });
  return fleet.waitForJob(id, ({ status }) => isTerminal(status));
}

describe('a payload schema', () => {
  const handler = ({ payload }: { payload: unknown }) => payload;
  const fails = () => {
    throw new TypeError('schema is broken');
  };

  test.each<[string, unknown]>([
    ['a transform throws', z.object({ a: z.number().transform(fails) })],
    ['a refinement throws', z.object({ a: z.number() }).refine(fails)],
    ['a preprocessor throws', z.preprocess(fails, z.any())],
    ['an async refinement rejects', z.any().refine(() => Promise.reject(new TypeError('schema is broken')))],
    [
      'an async superRefine rejects',
      z.any().superRefine(() => Promise.reject(new TypeError('schema is broken'))),
    ],
    ['an async transform throws later', z.any().transform(() => delay(5).then(fails))],
    [
      'it gives no answer',
      Object.assign(
        z.any().refine(async () => true),
        { safeParseAsync: () => {} },
      ),
    ],
    [
      'it gives an answer of no schema',
      Object.assign(
        z.any().refine(async () => true),
        { safeParseAsync: async () => ({}) },
      ),
    ],
    ['it throws no error', z.any().refine(() => Promise.reject(undefined))],
  ])('of which %s fails its job at once, with the reason', async (_, payload) => {
    const job = await endOf({ payload, handler } as HandlerOptions<never>);
    expect(job).toMatchObject({
      state: 'rejected',
      attempt: 0,
      payload: { a: 1 },
      error: { code: 'JETFLEET_PAYLOAD_INVALID', retryable: false },
    });
    expect(job.error?.message).toMatch(/^the schema of demo_\d+ failed on the payload: /);
  });

  test('with nothing async but a superRefine is waited for', async () => {
    const schema = z.object({ a: z.number() }).superRefine(() => delay(5));
    expect(await endOf({ payload: schema, handler } as never)).toMatchObject({ state: 'completed' });
  });

  test('with async refinements and transforms is waited for', async () => {
    const schema = z
      .object({ a: z.number().refine((a) => delay(5, a === 1), 'must be 1') })
      .transform(async ({ a }) => a + 1);
    expect(await endOf({ payload: schema, handler } as never)).toMatchObject({
      state: 'completed',
      result: 2,
    });
    expect(await endOf({ payload: schema, handler } as never, { a: 3 })).toMatchObject({
      state: 'rejected',
      error: { code: 'JETFLEET_PAYLOAD_INVALID', problems: [{ path: 'a', message: 'must be 1' }] },
    });
  });
});

describe('whatever a handler throws', () => {
  const { proxy, revoke } = Proxy.revocable(new NonRetryableError('gone'), {});
  revoke();
  const circle: Record<string, unknown> = {};
  circle.circle = circle;
  const problems = Array.from({ length: 50 }, () => ({ path: 'p', message: 'm'.repeat(40_000) }));
  const unreadable = Object.defineProperty(new NonRetryableError('x'), 'message', {
    get: () => {
      throw new Error('no');
    },
  });

  test.each<[string, unknown, string, object]>([
    [
      'an excerpt of 2 MB',
      new NonRetryableError('no', { excerpt: 'e'.repeat(2_000_000) }),
      'rejected',
      { message: 'no' },
    ],
    ['50 problems of 40 KB', new NonRetryableError('no', { problems }), 'rejected', { message: 'no' }],
    [
      'a BigInt in a problem',
      new NonRetryableError('no', { problems: [{ path: 'a', message: 5n as never }] }),
      'rejected',
      { problems: [{ path: 'a', message: '5' }] },
    ],
    [
      'a circle as a problem',
      new NonRetryableError('no', { problems: [circle as never] }),
      'rejected',
      { message: 'no' },
    ],
    [
      'a message that throws',
      unreadable,
      'rejected',
      { code: 'JETFLEET_NON_RETRYABLE', message: '[unprintable]' },
    ],
    ['a revoked proxy', proxy, 'exhausted', { code: 'JETFLEET_HANDLER_FAILED', message: '[unprintable]' }],
    [
      'a code that is an object',
      new NonRetryableError('no', { code: {} as never }),
      'rejected',
      { code: 'JETFLEET_NON_RETRYABLE' },
    ],
    [
      'a code of 10 MB',
      new NonRetryableError('no', { code: 'C'.repeat(10_000_000) }),
      'rejected',
      { code: `${'C'.repeat(100)}…` },
    ],
    [
      'retryAfterMs NaN',
      new RetryableError('busy', { retryAfterMs: Number.NaN }),
      'exhausted',
      { message: 'busy', retryable: true },
    ],
    [
      'retryAfterMs Infinity',
      new RetryableError('busy', { retryAfterMs: Number.POSITIVE_INFINITY }),
      'exhausted',
      { message: 'busy' },
    ],
    ['a symbol', Symbol('s'), 'exhausted', { message: 'Symbol(s)' }],
    ['undefined', undefined, 'exhausted', { message: 'undefined' }],
  ])('ends as a record: %s', async (_, thrown, state, error) => {
    const job = await endOf(() => Promise.reject(thrown));
    expect(job).toMatchObject({ state, attempt: state === 'exhausted' ? 2 : 1, error });
  });
});

describe('what a handler leaves that cannot be written', () => {
  const circle: Record<string, unknown> = {};
  circle.circle = circle;
  let deep: unknown = 1;
  for (let level = 0; level < 100_000; level++) deep = [deep];

  test.each<[string, () => unknown, string]>([
    ['a BigInt', () => ({ n: 5n }), 'JETFLEET_RESULT_INVALID'],
    ['a circle', () => circle, 'JETFLEET_RESULT_INVALID'],
    ['100,000 levels', () => deep, 'JETFLEET_RESULT_INVALID'],
    ['a function', () => () => 1, 'JETFLEET_RESULT_INVALID'],
    ['a symbol', () => Symbol('s'), 'JETFLEET_RESULT_INVALID'],
    [
      'toJSON that throws',
      () => ({
        toJSON: () => {
          throw new Error('no');
        },
      }),
      'JETFLEET_RESULT_INVALID',
    ],
    ['a checkpoint with a BigInt', () => snooze(1, 5n), 'JETFLEET_RESULT_INVALID'],
    ['snooze(NaN)', () => snooze(Number.NaN), 'JETFLEET_OPTION_INVALID'],
    ['snooze(Infinity)', () => snooze(Number.POSITIVE_INFINITY), 'JETFLEET_OPTION_INVALID'],
    ['next jobs that are no list', () => complete('done', 5 as never), 'JETFLEET_OPTION_INVALID'],
  ])('fails its job once, with a code: %s', async (_, handler, code) => {
    const job = await endOf(handler);
    expect(job).toMatchObject({ state: 'rejected', attempt: 1, error: { code, retryable: false } });
    expect(job).not.toHaveProperty('result');
  });

  test.each<[string, unknown]>([
    ['lone surrogates', '\ud800'],
    ['a key __proto__', JSON.parse('{"__proto__": {"a": 1}}')],
  ])('can have %s: it arrives as it was', async (_, result) => {
    const job = await endOf(() => result);
    expect(job.state).toBe('completed');
    expect(JSON.stringify(job.result)).toBe(JSON.stringify(result));
  });
});

test('what a handler leaves is asked for its JSON once', async () => {
  let calls = 0;
  const toJSON = () => {
    if (calls++ > 0) throw new Error('only once');
    return 'small';
  };
  expect(await endOf(() => ({ toJSON }))).toMatchObject({ state: 'completed', result: 'small' });
});

describe('a chart', () => {
  test.each<[string, unknown, string]>([
    ['that is none', {}, 'exhausted'],
    [
      'whose context throws',
      setup({}).createMachine({
        context: () => {
          throw new NonRetryableError('no context');
        },
      }),
      'rejected',
    ],
    [
      'whose output throws',
      setup({}).createMachine({
        initial: 'end',
        states: { end: { type: 'final' } },
        output: () => {
          throw new Error('no output');
        },
      }),
      'exhausted',
    ],
  ])('%s uses up its attempts and keeps the reason', async (_, chart, state) => {
    const job = await endOf({ chart } as never);
    expect(job).toMatchObject({ state, attempt: state === 'exhausted' ? 2 : 1 });
    expect(job.error?.code).not.toBe('JETFLEET_STALLED');
  });
});

test('a checkpoint that nobody awaits ends no process, and one that is awaited says why it was refused', async () => {
  const { promise: refused, resolve } = withResolvers<unknown>();
  const started = withResolvers<void>();
  handlers.set('unawaited', async (job) => {
    started.resolve();
    await new Promise((cancelled) => job.signal.addEventListener('abort', cancelled));
    void job.saveCheckpoint('too late');
    void job.saveCheckpoint(5n);
    resolve(await job.saveCheckpoint('too late').catch((error: unknown) => error));
  });
  await fleet.queue.addJob('demo', {}, 'normal', { id: 'unawaited' });
  await started.promise;
  await fleet.queue.cancel('unawaited');
  // An unhandled rejection would fail this file.
  expect(await refused).toMatchObject({ code: 'JETFLEET_CANCELLED' });
});

describe('what a job is given and left may change in its hands', () => {
  const payload = { list: [1, { deep: 2 }] };
  type Given = { payload: typeof payload; checkpoint?: unknown };
  /** Changes it beyond what can be written. */
  const spoil = (value: unknown) => Object.assign(value as object, { list: 5n, evil: fails });
  const fails = () => {
    throw new Error('again');
  };
  const spoilPayload = (job: { payload: unknown }) => {
    (job.payload as typeof payload).list.pop();
    spoil(job.payload);
    fails();
  };

  const spoilRecord = ({ record }: { record: object }) => {
    spoil((record as Given).payload);
    spoil(record);
    fails();
  };

  test.each<[string, HandlerOptions<never>]>([
    ['a function, its payload', { handler: spoilPayload }],
    ['a function, its record', { handler: spoilRecord }],
    ['a function behind a schema', { payload: z.any() as never, handler: spoilPayload }],
    ['a schema', { payload: z.preprocess((given) => spoil(given), z.any()) as never, handler: fails }],
    [
      'an async schema',
      { payload: z.any().transform(async (given) => spoil(given)) as never, handler: fails },
    ],
    ['a chart', { chart: fromPromise(async ({ input }) => spoilPayload(input as Given)) }],
  ])('by %s: the record and the next attempt have what was sent', async (_, run) => {
    const job = await endOf(run, payload);
    expect(job).toMatchObject({ state: 'exhausted', attempt: 2, error: { message: 'again' } });
    for (const record of await fleet.history(job.id))
      expect(record.payload).toEqual({ list: [1, { deep: 2 }] });
  });

  test('as the checkpoint that it left before', async () => {
    const seen: unknown[] = [];
    const job = await endOf(async (given) => {
      seen.push(structuredClone(given.checkpoint));
      if (given.checkpoint) spoil(given.checkpoint);
      const own = { step: given.attempt };
      const saved = given.saveCheckpoint(own);
      spoil(own);
      await saved;
      spoil(own);
      spoil(given.checkpoint);
      return fails();
    });
    expect(seen).toEqual([undefined, { step: 1 }]);
    expect(job).toMatchObject({ state: 'exhausted', checkpoint: { step: 2 }, error: { message: 'again' } });
  });

  test('as the checkpoint of a chart', async () => {
    const seen: unknown[] = [];
    const chart = fromPromise(async ({ input }) => {
      const { checkpoint } = input as Given;
      seen.push(structuredClone(checkpoint));
      if (!checkpoint) return { kind: 'snoozed', delayMs: 1, checkpoint: { step: 1 } };
      spoil(checkpoint);
      return fails();
    });
    expect(await endOf({ chart })).toMatchObject({
      state: 'exhausted',
      checkpoint: { step: 1 },
      error: { message: 'again' },
    });
    expect(seen).toEqual([undefined, { step: 1 }, { step: 1 }]);
  });
});

describe('a listener to the signal of a job', () => {
  const fails = () => {
    throw new Error('no');
  };
  const rejects = () => Promise.reject(new Error('no'));

  test.each<[string, (signal: AbortSignal) => void]>([
    ['throws', (signal) => signal.addEventListener('abort', fails)],
    ['rejects', (signal) => signal.addEventListener('abort', rejects, { once: true })],
    ['throws as an object', (signal) => signal.addEventListener('abort', { handleEvent: fails })],
    ['is no listener', (signal) => signal.addEventListener('abort', {} as never)],
    [
      'throws as onabort',
      (signal) => {
        signal.onabort = fails;
      },
    ],
    ['throws and is added by Node', (signal) => void addAbortListener(signal, fails)],
  ])('that %s ends no process and no other listener, and is counted', async (_, listen) => {
    const before = fleet.queue.callbackFailures['abort listener'] ?? 0;
    const heard: string[] = [];
    const removed = () => heard.push('removed');
    const run = ({ signal }: { signal: AbortSignal }, name: string) => {
      listen(signal);
      signal.addEventListener('abort', () => heard.push(name));
      signal.addEventListener('abort', removed);
      signal.removeEventListener('abort', removed);
      // Whatever takes a signal takes this one.
      return Promise.allSettled([
        delay(60_000, undefined, { signal }),
        once(new EventEmitter(), 'never', { signal }),
        fetch(nats.url.replace('nats', 'http'), { signal }),
      ]);
    };
    const timeout = { timeoutMs: 30, retry: AT_ONCE };
    expect(await endOf({ handler: (job) => run(job, 'handler'), ...timeout })).toMatchObject({
      state: 'timed_out',
    });
    const chart = fromPromise((given) => run(given, 'chart'));
    expect(await endOf({ chart, ...timeout })).toMatchObject({ state: 'timed_out' });
    expect(heard).toEqual(['handler', 'chart']);
    expect(fleet.queue.callbackFailures['abort listener']).toBe(before + 2);
  });
});

describe('a record over the limit of its stream', () => {
  const LIMIT = 100_000;

  async function limited() {
    const own = await startFleet({ nats, workers: 0 });
    const { connection, subjects } = await own.queue.broker();
    const jsm = await jetstreamManager(connection);
    await jsm.streams.update(subjects.streamName('events'), { max_msg_size: LIMIT });
    return own;
  }

  test('fails its job once, with the reason, and keeps what fits', async () => {
    await using own = await limited();
    let runs = 0;
    await own.addWorker({
      demo: () => `${++runs} ${'r'.repeat(60_000)}`,
      slow: () => delay(20, 'r'.repeat(60_000)),
    });
    for (const type of ['demo', 'slow']) {
      const id = await own.queue.addJob(type, 'p'.repeat(60_000));
      expect(await own.waitForJob(id, 'rejected')).toMatchObject({
        attempt: 1,
        payload: 'p'.repeat(60_000),
        error: { code: 'JETFLEET_MESSAGE_TOO_LARGE', message: expect.stringContaining('max_msg_size') },
      });
    }
    expect(runs).toBe(1);
  });

  test('is let go of when somebody else wrote meanwhile', async () => {
    await using own = await limited();
    const broker = await own.queue.broker();
    const handler: JobHandler = async ({ record }) => {
      const last = await broker.lastEvent(record.id);
      await broker.appendEvent({ ...record, worker: 'another' }, last?.seq ?? 0);
      return 'r'.repeat(60_000);
    };
    const worker = await own.addWorker({ demo: { handler, claim: 'durable' } });
    const id = await own.queue.addJob('demo', 'p'.repeat(60_000));
    await own.waitForJob(id, ({ worker: name }) => name === 'another');
    await expect.poll(() => worker.running).toEqual([]);
    expect(await own.queue.getJob(id)).toMatchObject({ state: 'running', worker: 'another' });
  });

  test('fails a job whose payload alone is over it, without running it a second time', async () => {
    await using own = await limited();
    let runs = 0;
    const handler = () => void runs++;
    await own.addWorker({ early: { handler }, durable: { handler, claim: 'durable' } });
    for (const type of ['early', 'durable']) {
      const id = await own.queue.addJob(type, 'p'.repeat(150_000));
      const job = await own.waitForJob(id, 'rejected');
      expect(job).toMatchObject({ payload: null, error: { code: 'JETFLEET_MESSAGE_TOO_LARGE' } });
    }
    expect(runs).toBe(1);
  });
});

test('a server with too small a max_payload is refused with both numbers, and the doctor says so', async () => {
  await using small = await startConfigured('max_payload: 256KB');
  await using queue = new JobQueueService({ servers: small.address });
  const refusal = { code: 'JETFLEET_SERVER_LIMIT', message: expect.stringMatching(/262144 bytes.* 991232/) };
  await expect(queue.connect()).rejects.toMatchObject(refusal);
  await expect(new JobWorkerService(queue).start()).rejects.toMatchObject(refusal);
  expect((await examine(queue)).findings[0]).toMatchObject({ code: 'server_limit', severity: 'danger' });
});
