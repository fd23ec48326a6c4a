import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fromPromise } from 'xstate';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type JobContext,
  JobWorkerService,
  NonRetryableError,
  type SettledAttempt,
  snooze,
  type WorkerHooks,
} from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** A worker with hooks, and handlers by type. */
async function working(hooks: WorkerHooks[], handlers: Record<string, (job: JobContext) => unknown>) {
  const fleet = await startFleet({ nats, workers: 0 });
  const worker = new JobWorkerService(fleet.queue, { sweep: false });
  worker.use(...hooks);
  for (const [type, handler] of Object.entries(handlers))
    worker.registerHandler(type, {
      handler,
      abandonAfterMs: 20,
      retry: { baseMs: 10, maxRetryDelay: 20 },
    });
  await worker.start();
  fleet.workers.push(worker);
  return { fleet, worker };
}

const run = async (fleet: Fleet, type: string, options = {}) => {
  const id = await fleet.queue.addJob(type, { tenant: 'acme' }, 'normal', options);
  return fleet.queue.ended(id, { timeoutMs: 20_000 });
};

describe('hooks', () => {
  it('nest in their order around the handler, and share its AsyncLocalStorage', async () => {
    const log: string[] = [];
    const tenants = new AsyncLocalStorage<string>();
    const trace = (name: string): WorkerHooks => ({
      onClaim: () => void log.push(`${name} claim`),
      around: async (_, next) => {
        log.push(`${name} before`);
        const result = await next();
        log.push(`${name} after ${result}`);
      },
      onSettled: (_, { state }) => void log.push(`${name} ${state}`),
    });
    const tenant: WorkerHooks = {
      around: ({ payload }, next) => tenants.run((payload as { tenant: string }).tenant, next),
    };
    const { fleet } = await working([trace('a'), tenant, trace('b')], {
      work: async () => {
        await delay(5);
        log.push(`handler of ${tenants.getStore()}`);
        return 'done';
      },
    });
    expect(await run(fleet, 'work')).toMatchObject({ result: 'done' });
    await vi.waitFor(() =>
      expect(log).toEqual([
        'a claim',
        'b claim',
        'a before',
        'b before',
        'handler of acme',
        'b after done',
        'a after done',
        'a completed',
        'b completed',
      ]),
    );
    await fleet.close();
  });

  it('are given one object for each attempt, and hear how each has ended', async () => {
    const seen = new WeakMap<JobContext, number>();
    const settled: [state: string, attempt: number, code: string | undefined][] = [];
    const { fleet, worker } = await working(
      [
        {
          onClaim: (job) => void seen.set(job, job.attempt),
          onSettled: (job, { state, error, record, durationMs }: SettledAttempt) => {
            expect(durationMs).toBeGreaterThan(0);
            expect(record).toMatchObject({ id: job.id, state });
            settled.push([state, seen.get(job) ?? 0, error?.code]);
          },
        },
      ],
      {
        work: ({ attempt, checkpoint }) => {
          if (checkpoint === undefined) return snooze(10, 'asked');
          if (attempt === 1) throw new Error('once');
          throw new NonRetryableError('never');
        },
        slow: ({ signal }) => delay(60_000, undefined, { signal }),
      },
    );
    await run(fleet, 'work');
    await vi.waitFor(() => expect(settled).toHaveLength(3));
    expect(settled).toEqual([
      ['waiting', 1, undefined],
      ['retrying', 1, 'JETFLEET_HANDLER_FAILED'],
      ['rejected', 2, 'JETFLEET_NON_RETRYABLE'],
    ]);
    const slow = await fleet.queue.addJob('slow', {});
    await fleet.waitForJob(slow, 'running');
    await worker.shutdown(0);
    expect(settled.at(-1)).toEqual(['queued', 1, undefined]);
    await fleet.close();
  });

  it('hear of a job that was cancelled, or that another worker has', async () => {
    const states: string[] = [];
    const { fleet } = await working(
      [
        {
          onSettled: (_, { state }) => void states.push(state),
        },
      ],
      { slow: ({ signal }) => delay(60_000, undefined, { signal }) },
    );
    const id = await fleet.queue.addJob('slow', {});
    await fleet.waitForJob(id, 'running');
    await fleet.queue.cancel(id);
    await vi.waitFor(() => expect(states).toEqual(['cancelled']));
    const other = await fleet.queue.addJob('slow', {});
    const record = await fleet.waitForJob(other, 'running');
    const broker = await fleet.queue.broker();
    const { seq = 0 } = (await broker.lastEvent(other)) ?? {};
    await broker.appendEvent({ ...record, worker: 'somebody else' }, seq);
    await fleet.workers[0]?.shutdown(0);
    expect(states).toEqual(['cancelled', 'lost']);
    await fleet.close();
  });

  it('that fail are logged and counted, and change nothing of the job', async () => {
    const fail = () => {
      throw new Error('broken hook');
    };
    const failLater = async () => fail();
    const hooks: WorkerHooks[] = [
      { name: 'sync', onClaim: fail, around: fail, onSettled: fail },
      { name: 'later', onClaim: failLater, around: failLater, onSettled: failLater },
      { name: 'never calls next', around: () => 'a result of its own' },
      { name: 'after', around: (_, next) => next().then(fail) },
      { name: 'twice', around: (_, next) => Promise.all([next(), next()]) },
      { name: 'instead', around: (_, next) => next().catch(() => 'saved') },
      { name: 'forgets', around: (_, next) => void next() },
    ];
    let runs = 0;
    const { fleet } = await working(hooks, {
      work: () => `run ${++runs}`,
      bad: () => {
        throw new NonRetryableError('broken handler');
      },
    });
    expect(await run(fleet, 'work')).toMatchObject({ state: 'completed', result: 'run 1' });
    await vi.waitFor(() =>
      expect(fleet.queue.callbackFailures).toEqual({
        'hook onClaim': 2,
        'hook around': 4,
        'hook onSettled': 2,
      }),
    );
    expect(await run(fleet, 'bad')).toMatchObject({
      state: 'rejected',
      error: { message: 'broken handler' },
    });
    // `next` fails for the one after it, which passes that on.
    await vi.waitFor(() => expect(fleet.queue.callbackFailures['hook around']).toBe(7));
    await fleet.close();
  });

  it('that wait for ever begin no handler late by more than 5 seconds, and none of an attempt that is over', async () => {
    const { fleet } = await working([{ around: () => new Promise(() => {}) }], { work: () => 'done' });
    const began = performance.now();
    expect(await run(fleet, 'work')).toMatchObject({ state: 'completed' });
    expect(performance.now() - began).toBeGreaterThan(4_900);
    let runs = 0;
    const hook: WorkerHooks = { around: (_, next) => delay(300).then(next) };
    const late = await working([hook], { work: () => ++runs });
    expect(await run(late.fleet, 'work', { timeoutMs: 50 })).toMatchObject({ state: 'timed_out' });
    await delay(400);
    expect(runs).toBe(0);
    await fleet.close();
    await late.fleet.close();
  });

  it('go around charts as well, and a chart that they hold back is handed back', async () => {
    const tenants = new AsyncLocalStorage<string>();
    const log: unknown[] = [];
    let hold = false;
    const fleet = await startFleet({ nats, workers: 0 });
    const worker = new JobWorkerService(fleet.queue, { sweep: false }).use({
      around: async (_, next) => {
        if (hold) await new Promise(() => {});
        await tenants.run('acme', next);
        log.push('over');
      },
      onSettled: (_, { state }) => void log.push(state),
    });
    const chart = fromPromise(async () => {
      await delay(5);
      log.push(tenants.getStore());
      return { kind: 'completed' };
    });
    worker.registerHandler('charted', { chart });
    await worker.start();
    await run(fleet, 'charted');
    await vi.waitFor(() => expect(log).toHaveLength(3));
    expect(log).toEqual(expect.arrayContaining(['acme', 'over', 'completed']));
    hold = true;
    const id = await fleet.queue.addJob('charted', {});
    await fleet.waitForJob(id, 'running');
    expect(await worker.shutdown(0)).toMatchObject({ released: 1 });
    expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'queued', attempt: 0 });
    expect(log.filter((each) => each === 'acme')).toHaveLength(1);
    await fleet.close();
  });

  it('of one name take the place of each other, and an extension may bring some', async () => {
    const log: string[] = [];
    const hooks = (text: string): WorkerHooks => ({ name: 'metrics', onClaim: () => void log.push(text) });
    const fleet = await startFleet({ nats, workers: 0 });
    const worker = new JobWorkerService(fleet.queue, { sweep: false }).use(hooks('first'), hooks('second'));
    worker.use({
      name: 'tracing',
      install: () => ({ handlers: [], hooks: { onClaim: () => void log.push('of the extension') } }),
    });
    worker.registerHandler('work', { handler: () => 1 });
    await worker.start();
    await run(fleet, 'work');
    worker.use(hooks('third'));
    await run(fleet, 'work');
    expect(log).toEqual(['second', 'of the extension', 'third', 'of the extension']);
    await worker.shutdown();
    await fleet.close();
  });

  it.each([
    [{ onClaim: 1 }, /^onClaim of the hooks must be a function, got 1/],
    [{ onClaim() {}, onSettle() {} }, /^hooks has no "onSettle"; it takes name, onClaim, around, onSettled/],
    [{ name: '', around() {} }, /^name of the hooks/],
    [{ name: 'x' }, /^use takes extensions/],
  ])('that are none are refused: %o', async (hooks, message) => {
    const fleet = await startFleet({ nats, workers: 0 });
    const worker = new JobWorkerService(fleet.queue);
    expect(() => worker.use(hooks as never)).toThrow(
      expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID', message: expect.stringMatching(message) }),
    );
    await fleet.close();
  });
});
