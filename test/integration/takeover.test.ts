import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { Bundle } from '../support/bundle.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { bundleWorker, WorkerProcess } from '../support/worker-process.js';

const ACK_WAIT_MS = 1_500;
const JOBS = 10;
let nats: EmbeddedServer;
let script: Bundle;

beforeAll(async () => {
  [nats, script] = await Promise.all([startNats(), bundleWorker()]);
});
afterAll(async () => {
  await nats.stop();
  await script[Symbol.asyncDispose]();
});

// A busy machine is late now and then, but not each time.
it('the jobs of a dead worker run elsewhere within ack_wait + 1 s', { retry: 3 }, async () => {
  await using fleet = await startFleet({ nats, workers: 0, queue: { ackWaitMs: ACK_WAIT_MS } });
  const taken = new Map<string, number>();
  {
    await using doomed = await WorkerProcess.start(script, nats.url, fleet.namespace, ACK_WAIT_MS, 'doomed');
    const ids = Array.from({ length: JOBS }, (_, n) => `job-${n}`);
    for (const id of ids) await fleet.queue.addJob('crashy', { runMs: 60_000 }, 'normal', { id });
    for (const id of ids) await doomed.prints(`running ${id} 1`);
    await fleet.addWorker({ crashy: ({ id }) => void taken.set(id, performance.now()) });
    doomed.signal('SIGKILL');
  }
  const diedAt = performance.now();
  for (let n = 0; n < JOBS; n++) {
    expect(await fleet.waitForJob(`job-${n}`, 'completed')).toMatchObject({ attempt: 2 });
  }
  const latestMs = Math.max(...taken.values()) - diedAt;
  expect(latestMs).toBeLessThan(ACK_WAIT_MS + 1_000);
});

it('a handler that kills its process at once is counted from the second delivery on, and ends', async () => {
  await using fleet = await startFleet({ nats, workers: 0, queue: { ackWaitMs: ACK_WAIT_MS } });
  const id = await fleet.queue.addJob('deadly', null, 'normal', { maxAttempts: 2 });
  const attempts: (number | undefined)[] = [];
  for (let death = 1; death <= 3; death++) {
    await using doomed = await WorkerProcess.start(
      script,
      nats.url,
      fleet.namespace,
      ACK_WAIT_MS,
      `doomed-${death}`,
    );
    await doomed.ended();
    attempts.push((await fleet.history(id)).at(-1)?.attempt);
  }
  expect(attempts).toEqual([undefined, 1, 2]);
  let hasRun = false;
  await fleet.addWorker({
    deadly: () => {
      hasRun = true;
    },
  });
  const failed = await fleet.waitForJob(id, 'exhausted');
  expect(failed).toMatchObject({ attempt: 2, error: { code: 'JETFLEET_STALLED' } });
  expect(hasRun).toBe(false);
});
