import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fromPromise, setup } from 'xstate';
import { z } from 'zod';
import type { RunInput } from '../../machines/index.js';
import { openConnection } from '../../src/broker/connection/connection.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  complete,
  type HandlerOptions,
  type JobOutcome,
  JobQueueService,
  JobWorkerService,
  snooze,
} from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { aborted, gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

const TOO_LARGE = 'x'.repeat(128 * 1024);

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

describe('a worker inside another service', () => {
  test('runs on the connection and logger that it is given, and leaves both open', async () => {
    const lines: string[] = [];
    const destination = new Writable({
      write(chunk, _, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const logger = pino({ name: 'reports', level: 'debug' }, destination);
    const connection = await openConnection({ servers: nats.url });
    const queue = new JobQueueService({ connection, logger, namespace: 'embedded' });
    const worker = new JobWorkerService(queue, { name: 'reports-1' });
    worker.registerHandler('render_report', {
      handler: ({ logger: jobLogger }) => jobLogger.info('rendering'),
    });
    await worker.start();
    const id = await queue.addJob('render_report', { month: 1 });
    await vi.waitFor(async () =>
      expect(await queue.getJob(id)).toMatchObject({ state: 'completed', worker: 'reports-1' }),
    );
    await worker.shutdown();
    await queue.close();
    expect(connection.isClosed()).toBe(false);
    await connection.close();
    const own = lines.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'rendering');
    expect(own).toMatchObject({
      name: 'reports',
      worker: 'reports-1',
      jobId: id,
      type: 'render_report',
      attempt: 1,
    });
    destination.end();
  });

  test('leaves the types of other services to their workers', async () => {
    const ran: string[] = [];
    const record = (who: string) => () => void ran.push(who);
    await using fleet = await startFleet({ nats, handlers: { render_report: record('reports') } });
    const { queue } = fleet;
    const invoice = await queue.addJob('send_invoice', null, 'critical');
    await fleet.waitForJob(await queue.addJob('render_report', null, 'low'), 'completed');
    expect(await queue.getJob(invoice)).toMatchObject({ state: 'queued' });
    expect((await queue.getStats()).unhandledTypes).toEqual(['send_invoice']);
    await fleet.addWorker({ send_invoice: record('billing') }, { name: 'billing-1' });
    expect(await fleet.waitForJob(invoice, 'completed')).toMatchObject({ worker: 'billing-1' });
    expect(ran).toEqual(['reports', 'billing']);
    expect((await queue.getStats()).unhandledTypes).toEqual([]);
  });
});

describe('registering a handler', () => {
  const handler = () => 'ok';
  const chart = fromPromise(async () => ({ kind: 'completed' as const }));

  test.each<[string, string, HandlerOptions, string]>([
    ['a type that is not snake_case', 'renderReport', { handler }, 'JETFLEET_TYPE_INVALID'],
    ['a type that would be two tokens', 'render.report', { handler }, 'JETFLEET_TYPE_INVALID'],
    ['neither handler nor chart', 'demo', {}, 'JETFLEET_OPTION_INVALID'],
    ['both handler and chart', 'demo', { handler, chart }, 'JETFLEET_OPTION_INVALID'],
    ['no concurrency', 'demo', { handler, concurrency: 0 }, 'JETFLEET_OPTION_INVALID'],
    ['half a slot', 'demo', { handler, concurrency: 1.5 }, 'JETFLEET_OPTION_INVALID'],
    ['too many attempts', 'demo', { handler, maxAttempts: 101 }, 'JETFLEET_OPTION_INVALID'],
    ['a negative delay', 'demo', { handler, retry: { baseMs: -1 } }, 'JETFLEET_OPTION_INVALID'],
    [
      'a delay that is no number',
      'demo',
      { handler, retry: { delaysMs: [Number.NaN] } },
      'JETFLEET_OPTION_INVALID',
    ],
    ['more jitter than delay', 'demo', { handler, retry: { jitter: 2 } }, 'JETFLEET_OPTION_INVALID'],
    ['no time', 'demo', { handler, timeoutMs: 0 }, 'JETFLEET_OPTION_INVALID'],
  ])('is refused for %s', (_, type, options, code) => {
    const worker = new JobWorkerService(new JobQueueService());
    expect(() => worker.registerHandler(type, options)).toThrow(expect.objectContaining({ code }));
  });

  test('is refused for a type that runs already, and works for another one after the start', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: handler } });
    const [worker] = fleet.workers;
    expect(() => worker?.registerHandler('demo', { handler })).toThrow(
      expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }),
    );
    worker?.registerHandler('late', { handler: () => 'better than never' });
    const job = await fleet.waitForJob(await fleet.queue.addJob('late', null), 'completed');
    expect(job.result).toBe('better than never');
  });
});

describe('a chart as handler', () => {
  const sumChart = setup({
    types: { input: {} as RunInput, context: {} as { numbers: number[] }, output: {} as JobOutcome },
    actors: { add: fromPromise(async ({ input }: { input: number[] }) => input.reduce((a, b) => a + b, 0)) },
  }).createMachine({
    context: ({ input }) => ({ numbers: (input.payload as { numbers: number[] }).numbers }),
    initial: 'adding',
    states: {
      adding: {
        invoke: { src: 'add', input: ({ context }) => context.numbers, onDone: 'done' },
      },
      done: {
        type: 'final',
        output: ({ event }) => ({ kind: 'completed', result: (event as { output?: number }).output }),
      },
    },
    output: ({ event }) => (event as unknown as { output: JobOutcome }).output,
  });

  test('runs with the job as input, and its output is the outcome', async () => {
    const payload = z.strictObject({ numbers: z.array(z.number()) });
    await using fleet = await startFleet({
      nats,
      handlers: { sum: { chart: sumChart, payload } as HandlerOptions },
    });
    const good = await fleet.queue.addJob('sum', { numbers: [1, 2, 3] });
    const bad = await fleet.queue.addJob('sum', { numbers: [1, 'two'] });
    expect((await fleet.waitForJob(good, 'completed')).result).toBe(6);
    expect((await fleet.waitForJob(bad, 'rejected')).error).toMatchObject({
      code: 'JETFLEET_PAYLOAD_INVALID',
      problems: [{ path: 'numbers[1]' }],
    });
  });

  test('that ends without an outcome fails its job for good', async () => {
    const chart = fromPromise(async () => 'no outcome');
    await using fleet = await startFleet({ nats, handlers: { odd: { chart } } });
    const job = await fleet.waitForJob(await fleet.queue.addJob('odd', null), 'rejected');
    expect(job.error?.message).toContain('without an outcome');
  });
});

describe('concurrency', () => {
  test.each([
    ['as the handler says', { concurrency: 3 }, {}, 3],
    ['as the worker says, over the handler', { concurrency: 3 }, { concurrency: { demo: 2 } }, 2],
  ])('is filled and never exceeded: %s', async (_, options, worker, limit) => {
    let running = 0;
    let peak = 0;
    const { open: release, opened: full } = gate();
    const handler = async () => {
      peak = Math.max(peak, ++running);
      if (running === limit) release();
      await full;
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
    };
    await using fleet = await startFleet({ nats, handlers: { demo: { handler, ...options } }, worker });
    const ids = await fleet.queue.addJobs(
      Array.from({ length: 12 }, () => ({ type: 'demo', payload: null })),
    );
    await Promise.all(ids.map((id) => fleet.waitForJob(id, 'completed')));
    expect(peak).toBe(limit);
  });

  test('of one type does not hold up another', async () => {
    const hang = ({ signal }: { signal: AbortSignal }) => aborted(signal);
    await using fleet = await startFleet({
      nats,
      handlers: { slow: { handler: hang, concurrency: 1 }, quick: () => 'ok' },
    });
    const [first = '', second = ''] = await fleet.queue.addJobs(
      [1, 2].map((payload) => ({ type: 'slow', payload })),
    );
    await fleet.waitForJob(first, 'running');
    await fleet.waitForJob(await fleet.queue.addJob('quick', null, 'low'), 'completed');
    expect(await fleet.queue.getJob(second)).toMatchObject({ state: 'queued' });
  });

  test('with one slot free, a critical job starts before older ones of lower priority', async () => {
    const order: string[] = [];
    await using fleet = await startFleet({ nats, workers: 0 });
    for (const priority of ['low', 'normal', 'high', 'critical', 'low', 'critical'] as const) {
      await fleet.queue.addJob('demo', priority, priority);
    }
    await fleet.addWorker({
      demo: { handler: ({ payload }) => void order.push(String(payload)), concurrency: 1 },
    });
    await vi.waitFor(() => expect(order).toHaveLength(6));
    expect(order).toEqual(['critical', 'critical', 'high', 'normal', 'low', 'low']);
  });
});

describe('what a handler returns', () => {
  test.each<[string, unknown, unknown]>([
    ['a value', { a: [1] }, { a: [1] }],
    ['nothing', undefined, undefined],
    ['null', null, null],
    [
      'an object that only looks like an outcome',
      { kind: 'failed', error: 'mine' },
      { kind: 'failed', error: 'mine' },
    ],
  ])('becomes the result: %s', async (_, returned, result) => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => returned } });
    const job = await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'completed');
    expect(job.result).toEqual(result);
  });

  test('with complete() starts jobs that follow, once, under ids of its own', async () => {
    const first = () =>
      complete('first done', [
        { type: 'second', idSuffix: 'part-1', payload: 1 },
        { type: 'second', idSuffix: 'part-2', payload: 2, priority: 'low', maxAttempts: 7 },
      ]);
    await using fleet = await startFleet({ nats, handlers: { first, second: ({ payload }) => payload } });
    await fleet.queue.addJob('first', null, 'high', { id: 'order-1' });
    const job = await fleet.waitForJob('order-1', 'completed');
    expect(job.result).toBe('first done');
    expect(job.next?.map(({ id }) => id)).toEqual(['order-1-part-1', 'order-1-part-2']);
    expect(await fleet.waitForJob('order-1-part-1', 'completed')).toMatchObject({
      priority: 'high',
      parentId: 'order-1',
      result: 1,
    });
    expect(await fleet.waitForJob('order-1-part-2', 'completed')).toMatchObject({
      priority: 'low',
      maxAttempts: 7,
      result: 2,
    });
  });

  test('with snooze() hibernates in the same attempt, and finds its checkpoint', async () => {
    const seen: unknown[] = [];
    const handler = ({ checkpoint, attempt }: { checkpoint: unknown; attempt: number }) => {
      seen.push([attempt, checkpoint]);
      return seen.length < 3 ? snooze(10, { polls: seen.length }) : 'done';
    };
    await using fleet = await startFleet({ nats, handlers: { demo: handler } });
    const job = await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'completed');
    expect(job).toMatchObject({ attempt: 1, result: 'done', checkpoint: { polls: 2 } });
    expect(seen).toEqual([
      [1, undefined],
      [1, { polls: 1 }],
      [1, { polls: 2 }],
    ]);
  });

  test('is refused for good over 128 KiB, as a result or as a checkpoint', async () => {
    await using fleet = await startFleet({
      nats,
      handlers: { result: () => TOO_LARGE, checkpoint: () => snooze(1, TOO_LARGE), bigint: () => 1n },
    });
    for (const [type, code] of [
      ['result', 'JETFLEET_RESULT_TOO_LARGE'],
      ['checkpoint', 'JETFLEET_RESULT_TOO_LARGE'],
      ['bigint', 'JETFLEET_RESULT_INVALID'],
    ] as const) {
      const job = await fleet.waitForJob(await fleet.queue.addJob(type, null), 'rejected');
      expect(job).toMatchObject({
        attempt: 1,
        error: { code, retryable: false },
      });
      expect(job).not.toHaveProperty('result');
      expect(job).not.toHaveProperty('checkpoint');
    }
  });
});
