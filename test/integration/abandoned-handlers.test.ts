import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type AnyActorLogic, createMachine, fromPromise, setup, spawnChild } from 'xstate';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobContext, JobQueueService, JobWorkerService } from '../../src/index.js';
import { listWorkers } from '../../src/inspect/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { PATIENCE_MS } from '../support/patience-ms.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Longer than a test waits, as the default would not be. */
const PATIENT = { abandonAfterMs: 2 * PATIENCE_MS };
const WITHIN = { interval: 5 };

/** A handler that ignores its signal until it is let go, and counts how many of it run. */
function stubborn() {
  const begun: JobContext[] = [];
  const gates: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const handler = async (job: JobContext) => {
    begun.push(job);
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => gates.push(resolve));
    running--;
  };
  const letGo = () => {
    for (const open of gates.splice(0)) open();
  };
  return { begun, handler, letGo, most: () => most, running: () => running };
}

const busySlots = async ({ queue }: Fleet) =>
  (await listWorkers(queue)).map(({ lanes }) => lanes[0]?.running);

describe('a handler that goes on after its signal', () => {
  it('keeps its slot when its attempt times out, until it ends', async () => {
    const { begun, handler, letGo, most } = stubborn();
    await using fleet = await startFleet({
      nats,
      handlers: { slow: { handler, concurrency: 1, timeoutMs: 30, ...PATIENT } },
    });
    const ids = await fleet.queue.addJobs(Array.from({ length: 3 }, () => ({ type: 'slow', payload: null })));
    await fleet.waitForJob(ids[0] as string, 'timed_out');
    expect(await busySlots(fleet)).toEqual([1]);
    expect(begun).toHaveLength(1);
    letGo();
    await vi.waitFor(() => expect(begun).toHaveLength(2), WITHIN);
    await fleet.waitForJob(ids[1] as string, 'timed_out');
    letGo();
    await vi.waitFor(() => expect(begun).toHaveLength(3), WITHIN);
    letGo();
    expect(most()).toBe(1);
  });

  it('keeps its slot when its job is cancelled', async () => {
    const { begun, handler, letGo, most } = stubborn();
    await using fleet = await startFleet({
      nats,
      handlers: { slow: { handler, concurrency: 1, ...PATIENT } },
    });
    const [first = '', second = ''] = await fleet.queue.addJobs(
      Array.from({ length: 2 }, () => ({ type: 'slow', payload: null })),
    );
    await vi.waitFor(() => expect(begun).toHaveLength(1), WITHIN);
    await fleet.queue.cancel(first);
    await vi.waitFor(() => expect(begun[0]?.signal.aborted).toBe(true), WITHIN);
    expect(await busySlots(fleet)).toEqual([1]);
    expect((await fleet.queue.getJob(second))?.state).toBe('queued');
    letGo();
    await vi.waitFor(() => expect(begun).toHaveLength(2), WITHIN);
    letGo();
    expect(most()).toBe(1);
  });

  it('keeps its slot when its job is lost to another worker', async () => {
    const { begun, handler, letGo, most } = stubborn();
    await using fleet = await startFleet({
      nats,
      handlers: { slow: { handler, concurrency: 1, ...PATIENT } },
    });
    const broker = await fleet.queue.broker();
    const first = await fleet.queue.addJob('slow', null);
    const record = await fleet.waitForJob(first, 'running');
    const last = await broker.lastEvent(first);
    await broker.appendEvent({ ...record, worker: 'another', attempt: 2 }, last?.seq ?? 0);
    await expect(begun[0]?.saveCheckpoint('late')).rejects.toMatchObject({ code: 'JETFLEET_CONFLICT' });
    expect(begun[0]?.signal.aborted).toBe(true);
    await fleet.queue.addJob('slow', null);
    expect(await busySlots(fleet)).toEqual([1]);
    expect(begun).toHaveLength(1);
    letGo();
    await vi.waitFor(() => expect(begun).toHaveLength(2), WITHIN);
    letGo();
    expect(most()).toBe(1);
  });

  it('is abandoned after abandonAfterMs, reported with its worker, and its slot is given away', async () => {
    const { begun, handler: stays, letGo } = stubborn();
    const [begunMs, signalledMs]: [number[], number[]] = [[], []];
    const handler = (context: JobContext) => {
      begunMs.push(performance.now());
      context.signal.addEventListener('abort', () => signalledMs.push(performance.now()));
      return stays(context);
    };
    await using fleet = await startFleet({
      nats,
      handlers: { slow: { handler, concurrency: 1, timeoutMs: 30, abandonAfterMs: 50 } },
    });
    const [first, second] = await fleet.queue.addJobs(
      Array.from({ length: 2 }, () => ({ type: 'slow', payload: null })),
    );
    await vi.waitFor(() => expect(begun).toHaveLength(2), WITHIN);
    // A timer may fire a millisecond early.
    expect((begunMs[1] ?? 0) - (signalledMs[0] ?? Number.NaN)).toBeGreaterThanOrEqual(49);
    await vi.waitFor(async () => {
      const [worker] = await listWorkers(fleet.queue);
      expect(worker?.abandonedCount).toBe(2);
      expect(worker?.abandoned.map(({ id, type, attempt }) => ({ id, type, attempt }))).toEqual([
        { id: first, type: 'slow', attempt: 1 },
        { id: second, type: 'slow', attempt: 1 },
      ]);
    }, WITHIN);
    letGo();
    await vi.waitFor(async () => {
      const [worker] = await listWorkers(fleet.queue);
      expect(worker).toMatchObject({ abandoned: [], abandonedCount: 2 });
    }, WITHIN);
  });

  it('that stops at its signal is not abandoned, also with abandonAfterMs 0', async () => {
    const handler = ({ signal }: JobContext) => delay(60_000, undefined, { signal });
    await using fleet = await startFleet({
      nats,
      handlers: { slow: { handler, timeoutMs: 30, abandonAfterMs: 0 } },
    });
    const id = await fleet.queue.addJob('slow', null);
    await fleet.waitForJob(id, 'timed_out');
    await vi.waitFor(async () => expect(await busySlots(fleet)).toEqual([0]), WITHIN);
    expect((await listWorkers(fleet.queue))[0]?.abandonedCount).toBe(0);
  });
});

/** A chart whose promise ignores its signal until it is let go, in the shapes that a chart can have. */
const CHARTS: Record<string, (promise: () => Promise<unknown>) => AnyActorLogic> = {
  'a promise': (promise) => fromPromise(promise),
  'an invoked promise': (promise) =>
    setup({ actors: { wait: fromPromise(promise) } }).createMachine({
      initial: 'waiting',
      states: { waiting: { invoke: { src: 'wait', onDone: 'ended' } }, ended: { type: 'final' } },
      output: { kind: 'completed' },
    }),
  'a promise written into its state': (promise) =>
    createMachine({ invoke: { src: fromPromise(promise) }, output: { kind: 'completed' } }),
  'a spawned promise': (promise) => createMachine({ entry: spawnChild(fromPromise(promise)) }),
  'a promise of a chart within': (promise) =>
    createMachine({ invoke: { src: createMachine({ invoke: { src: fromPromise(promise) } }) } }),
};

describe.each(Object.entries(CHARTS))('a chart with %s that goes on after its signal', (_, chartOf) => {
  it('keeps its slot until that ends', async () => {
    const { begun, handler, letGo, most } = stubborn();
    const chart = chartOf(() => handler({} as JobContext));
    await using fleet = await startFleet({
      nats,
      handlers: { slow: { chart, concurrency: 1, timeoutMs: 30, ...PATIENT } },
    });
    const [first = '', second = ''] = await fleet.queue.addJobs(
      Array.from({ length: 2 }, () => ({ type: 'slow', payload: null })),
    );
    await fleet.waitForJob(first, 'timed_out');
    expect(await busySlots(fleet)).toEqual([1]);
    expect((await fleet.queue.getJob(second))?.state).toBe('queued');
    letGo();
    await vi.waitFor(() => expect(begun).toHaveLength(2), WITHIN);
    await fleet.queue.cancel(second).catch(() => {});
    letGo();
    await vi.waitFor(async () => expect(await busySlots(fleet)).toEqual([0]), WITHIN);
    expect(most()).toBe(1);
    expect((await listWorkers(fleet.queue))[0]?.abandonedCount).toBe(0);
  });
});

it('a chart whose promise stops at its signal is not abandoned, also with abandonAfterMs 0', async () => {
  const chart = fromPromise(({ signal }) => delay(60_000, undefined, { signal }));
  await using fleet = await startFleet({
    nats,
    handlers: { slow: { chart, timeoutMs: 30, abandonAfterMs: 0 } },
  });
  await fleet.waitForJob(await fleet.queue.addJob('slow', null), 'timed_out');
  await vi.waitFor(async () => expect(await busySlots(fleet)).toEqual([0]), WITHIN);
  expect((await listWorkers(fleet.queue))[0]?.abandonedCount).toBe(0);
});

describe('a shutdown', () => {
  it('waits for handlers whose jobs timed out, and names those that it abandons', async () => {
    const { begun, handler, letGo } = stubborn();
    await using fleet = await startFleet({
      nats,
      handlers: { slow: { handler, concurrency: 2, ...PATIENT } },
    });
    const [first = '', second = ''] = await fleet.queue.addJobs([
      { type: 'slow', payload: null, timeoutMs: 30 },
      { type: 'slow', payload: null },
    ]);
    await fleet.waitForJob(first, 'timed_out');
    await vi.waitFor(() => expect(begun).toHaveLength(2), WITHIN);
    const result = await (fleet.workers[0] as JobWorkerService).shutdown(50);
    expect(result.released).toBe(1);
    expect(result.abandoned?.map(({ id }) => id).sort()).toEqual([first, second].sort());
    expect((await fleet.queue.getJob(second))?.state).toBe('queued');
    letGo();
  });

  it('returns once the last of them has ended', async () => {
    const { begun, handler, letGo, running } = stubborn();
    await using fleet = await startFleet({
      nats,
      handlers: { slow: { handler, timeoutMs: 30, ...PATIENT } },
    });
    const id = await fleet.queue.addJob('slow', null);
    await fleet.waitForJob(id, 'timed_out');
    const shutdown = (fleet.workers[0] as JobWorkerService).shutdown(30_000);
    expect(begun).toHaveLength(1);
    letGo();
    expect(await shutdown).toEqual({ released: 0 });
    expect(running()).toBe(0);
  });
});

it.each([-1, 0.5, Number.NaN, '5', 24 * 60 * 60 * 1000 + 1])('abandonAfterMs %s is refused', (value) => {
  const worker = new JobWorkerService(new JobQueueService());
  const options = { handler: () => 1, abandonAfterMs: value as number };
  expect(() => worker.registerHandler('slow', options)).toThrow(/abandonAfterMs/);
});
