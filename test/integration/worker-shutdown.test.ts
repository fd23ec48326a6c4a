import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type JobContext, JobQueueService, JobWorkerService } from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** A handler that runs until it is let go. */
function heldHandler() {
  const begun: JobContext[] = [];
  const { open, opened } = gate();
  const handler = async (job: JobContext) => {
    begun.push(job);
    await opened;
    return 'done';
  };
  return { begun, open, handler };
}

describe('stop and start', () => {
  test('a stopped worker claims nothing, finishes what it runs, and goes on after start', async () => {
    const { begun, open, handler } = heldHandler();
    await using fleet = await startFleet({ nats, handlers: { demo: { handler, concurrency: 5 } } });
    const { queue, waitForJob } = fleet;
    const worker = fleet.workers[0] as JobWorkerService;
    expect(worker.state).toBe('running');
    const first = await queue.addJob('demo', null);
    await waitForJob(first, 'running');
    await worker.stop();
    expect(worker.state).toBe('paused');
    const second = await queue.addJob('demo', null, 'critical');
    open();
    await waitForJob(first, 'completed');
    expect(await queue.getJob(second)).toMatchObject({ state: 'queued' });
    expect(begun).toHaveLength(1);
    await worker.start();
    expect(worker.state).toBe('running');
    await waitForJob(second, 'completed');
  });

  test('starting twice is harmless', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'ok' } });
    await Promise.all([fleet.workers[0]?.start(), fleet.workers[0]?.start()]);
    await fleet.waitForJob(await fleet.queue.addJob('demo', null), 'completed');
  });

  test('a worker whose broker is away fails to start, and can be started again', async () => {
    await using queue = new JobQueueService({ servers: 'nats://127.0.0.1:1', connectTimeoutMs: 300 });
    const worker = new JobWorkerService(queue);
    worker.registerHandler('demo', { handler: () => 'ok' });
    for (let time = 0; time < 2; time++) {
      await expect(worker.start()).rejects.toMatchObject({ code: 'JETFLEET_BROKER_UNREACHABLE' });
    }
    await worker.shutdown();
  });
});

describe('shutdown', () => {
  test('waits for running jobs, and claims no other', async () => {
    const { open, handler } = heldHandler();
    await using fleet = await startFleet({ nats, handlers: { demo: { handler, concurrency: 1 } } });
    const { queue, waitForJob } = fleet;
    const worker = fleet.workers[0] as JobWorkerService;
    const first = await queue.addJob('demo', null);
    await waitForJob(first, 'running');
    const shutdown = worker.shutdown(10_000);
    expect(worker.state).toBe('draining');
    const second = await queue.addJob('demo', null);
    open();
    expect(await shutdown).toEqual({ released: 0 });
    expect(worker.state).toBe('stopped');
    expect(await queue.getJob(first)).toMatchObject({ state: 'completed', result: 'done' });
    expect(await queue.getJob(second)).toMatchObject({ state: 'queued' });
    await expect(worker.start()).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
  });

  test('hands back what runs too long: another worker completes it at once, in its first attempt', async () => {
    const reasons: string[] = [];
    const stuck = (job: JobContext) =>
      new Promise((_, reject) => {
        job.signal.addEventListener('abort', () => {
          reasons.push(job.signal.reason.reason);
          reject(job.signal.reason);
        });
      });
    await using fleet = await startFleet({ nats, handlers: { demo: stuck } });
    const { queue, waitForJob } = fleet;
    const id = await queue.addJob('demo', null, 'normal', { maxAttempts: 1 });
    await waitForJob(id, 'running');
    expect(await fleet.workers[0]?.shutdown(50)).toEqual({ released: 1 });
    expect(reasons).toEqual(['draining']);
    expect(await queue.getJob(id)).toMatchObject({ state: 'queued', attempt: 0 });

    const before = Date.now();
    await fleet.addWorker({ demo: () => 'done by the other' }, { name: 'other' });
    const job = await waitForJob(id, 'completed');
    expect(job).toMatchObject({ attempt: 1, maxAttempts: 1, worker: 'other', result: 'done by the other' });
    // Far below the 60 s after which a silent worker's message would come back.
    expect(Date.now() - before).toBeLessThan(20_000);
    expect((await fleet.history(id)).map(({ state, attempt }) => `${state} ${attempt}`)).toEqual([
      'running 1',
      'queued 0',
      'running 1',
      'completed 1',
    ]);
  });

  test('keeps the checkpoint of what it hands back, and refuses a late result', async () => {
    let finishLate = () => {};
    const handler = async (job: JobContext) => {
      await job.saveCheckpoint('half way');
      return new Promise((resolve) => {
        finishLate = () => resolve('late result');
      });
    };
    await using fleet = await startFleet({ nats, handlers: { demo: handler } });
    const id = await fleet.queue.addJob('demo', null);
    await fleet.waitForJob(id, ({ checkpoint }) => checkpoint === 'half way');
    await fleet.workers[0]?.shutdown(10);
    await fleet.addWorker({ demo: ({ checkpoint }) => ({ from: checkpoint }) });
    finishLate();
    expect((await fleet.waitForJob(id, 'completed')).result).toEqual({ from: 'half way' });
    // The checkpoint was the claim.
    expect((await fleet.history(id)).map(({ state }) => state)).toEqual([
      'running',
      'queued',
      'running',
      'completed',
    ]);
  });

  test('of an idle worker, or one that never started, takes no time, and again is harmless', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'ok' } });
    const worker = fleet.workers[0] as JobWorkerService;
    const warnings = vi.spyOn(console, 'warn');
    expect(await worker.shutdown()).toEqual({ released: 0 });
    expect(await worker.shutdown()).toEqual({ released: 0 });
    await worker.stop();
    expect(warnings).not.toHaveBeenCalled();
    const idle = new JobWorkerService(fleet.queue);
    expect(idle.state).toBe('idle');
    expect(await idle.shutdown()).toEqual({ released: 0 });
  });

  test('sends what is buffered, although an extension closes too slowly', async () => {
    const slow = { name: 'slow', install: () => ({ handlers: [], close: () => new Promise(() => {}) }) };
    await using fleet = await startFleet({ nats, workers: 0 });
    const broker = await fleet.queue.broker();
    const worker = new JobWorkerService(fleet.queue);
    worker.use(slow).registerHandler('demo', { handler: () => 'ok' });
    await worker.start();
    const flush = broker.flush.bind(broker);
    let isFlushed = false;
    vi.spyOn(broker, 'flush').mockImplementation(async () => {
      await delay(20);
      await flush();
      isFlushed = true;
    });
    await worker.shutdown(0);
    expect(isFlushed).toBe(true);
  });

  test('leaves no consumer pulling: what is added afterwards is not delivered to the dead', async () => {
    await using fleet = await startFleet({ nats, handlers: { demo: () => 'ok' } });
    await fleet.workers[0]?.shutdown();
    await fleet.queue.addJob('demo', null);
    const { topology } = await fleet.queue.broker();
    await vi.waitFor(async () => {
      const consumers = await topology.consumers('jobs');
      expect(consumers.filter(({ num_ack_pending }) => num_ack_pending > 0)).toEqual([]);
      expect(consumers.reduce((sum, { num_pending }) => sum + num_pending, 0)).toBe(1);
    });
  });
});
