import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobContext, JobRecord } from '../../src/index.js';
import type { Bundle } from '../support/bundle.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { bundleWorker, WorkerProcess } from '../support/worker-process.js';

const ACK_WAIT_MS = 1_000;
let nats: EmbeddedServer;
let script: Bundle;
let fleet: Fleet;

beforeAll(async () => {
  [nats, script] = await Promise.all([startNats(), bundleWorker()]);
});
afterAll(async () => {
  await nats.stop();
  await script[Symbol.asyncDispose]();
});
beforeEach(async () => {
  fleet = await startFleet({ nats, workers: 0, queue: { ackWaitMs: ACK_WAIT_MS } });
  return () => fleet.close();
});

/** A worker in a process of its own, which the test may kill or freeze. */
const startProcess = (name: string) =>
  WorkerProcess.start(script, nats.url, fleet.namespace, ACK_WAIT_MS, name);
const add = (runMs: number, options = {}) => fleet.queue.addJob('crashy', { runMs }, 'normal', options);
const steps = (records: JobRecord[]) =>
  records.map(({ state, attempt, worker }) => `${state} ${attempt} ${worker}`);

describe('a worker that dies', () => {
  it('by SIGKILL in the middle of a job loses nothing: another worker finishes it as attempt 2', async () => {
    await using first = await startProcess('first');
    const id = await add(60_000);
    await first.prints(`running ${id} 1`);
    first.signal('SIGKILL');

    await fleet.addWorker({ crashy: ({ attempt }) => ({ attempt }) }, { name: 'second' });
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 2, result: { attempt: 2 } });
    expect(steps(await fleet.history(id))).toEqual([
      'running 1 first',
      'running 2 second',
      'completed 2 second',
    ]);
    // A message that was just acknowledged may be counted still.
    const counts = { totalJobs: 1, completedJobs: 1 };
    await vi.waitFor(async () => expect(await fleet.queue.getStats()).toMatchObject(counts));
  });

  it('on the last attempt fails the job as stalled, with the name of the worker', async () => {
    await using first = await startProcess('first');
    const id = await add(60_000, { maxAttempts: 1 });
    await first.prints(`running ${id} 1`);
    first.signal('SIGKILL');

    await fleet.addWorker({ crashy: () => 'must not run' }, { name: 'second' });
    const job = await fleet.waitForJob(id, 'exhausted');
    expect(job).toMatchObject({ attempt: 1, error: { code: 'JETFLEET_STALLED' } });
    expect(job.error?.message).toContain('first');
    expect(job).not.toHaveProperty('result');
  });
});

describe('a worker that loses its lease', () => {
  it('has its late result refused and logged, and the new owner decides', async () => {
    await using frozen = await startProcess('frozen');
    // Time enough to freeze it before the end, on a busy machine too.
    const id = await add(2_000);
    await frozen.prints(`running ${id} 1`);
    frozen.signal('SIGSTOP');

    let finish: (result: unknown) => void = () => {};
    const held = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const owner = await fleet.addWorker({ crashy: held }, { name: 'owner' });
    await vi.waitFor(() => expect(owner.running).toEqual([id]));

    frozen.signal('SIGCONT');
    await frozen.prints('JETFLEET_LEASE_LOST');
    expect(await fleet.queue.getJob(id)).toMatchObject({ state: 'running', attempt: 2, worker: 'owner' });
    finish({ by: 'owner' });
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 2, result: { by: 'owner' } });
    expect(steps(await fleet.history(id))).toEqual([
      'running 1 frozen',
      'running 2 owner',
      'completed 2 owner',
    ]);
  });

  // A machine that stands still for a lease rightly gives the job to the other worker, but not each time.
  it('keeps a job that takes longer than the lease, by heartbeats, and nobody else gets it', {
    retry: 3,
  }, async () => {
    const handlers = {
      crashy: ({ payload }: JobContext) => delay((payload as { runMs: number }).runMs),
    };
    await fleet.addWorker(handlers);
    await fleet.addWorker(handlers);
    const id = await add(ACK_WAIT_MS * 2.5);
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 1 });
    expect(await fleet.history(id)).toHaveLength(2);
  });
});
