import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/broker/embedded/index.js';
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
