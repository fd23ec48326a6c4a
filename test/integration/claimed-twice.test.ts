import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobAborted, type JobRecord } from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

const ACK_WAIT_MS = 500;
let nats: EmbeddedServer;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

it('a message that comes again while its claim is being written is no second claim', async () => {
  let runs = 0;
  await using fleet = await startFleet({
    nats,
    queue: { ackWaitMs: ACK_WAIT_MS },
    handlers: { slow_claim: { claim: 'durable', handler: () => ++runs } },
    worker: {
      // The claim is stored, and the worker does not know it yet, for longer than the message stays with it.
      onFailpoint: (failpoint) => (failpoint === 'claim.written' ? delay(3 * ACK_WAIT_MS) : undefined),
    },
  });
  const id = await fleet.queue.addJob('slow_claim', {});
  expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ attempt: 1, result: 1 });
  expect((await fleet.history(id)).map(({ state }) => state)).toEqual(['running', 'completed']);
  expect(runs).toBe(1);
});

it('a job that went to others and came back stops the run that a worker still has of it', async () => {
  const aborted: unknown[] = [];
  await using fleet = await startFleet({
    nats,
    handlers: {
      twice: {
        claim: 'durable',
        handler: async ({ attempt, signal }) => {
          if (attempt > 1) return { attempt, aborted: aborted.length };
          return new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              aborted.push(signal.reason);
              reject(signal.reason);
            });
          });
        },
      },
    },
  });
  const id = await fleet.queue.addJob('twice', {});
  const running = await fleet.waitForJob(id, 'running');
  const broker = await fleet.queue.broker();
  const last = await broker.lastEvent(id);
  // As another worker writes that took the job over, failed, and left it to be tried again at once.
  const retrying: JobRecord = {
    ...running,
    status: 'pending',
    state: 'retrying',
    worker: 'another',
    nextRunAt: new Date().toISOString(),
  };
  await broker.appendEvent(retrying, last?.seq ?? 0);
  await broker.jobs.enqueueAgain(retrying);

  expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: { attempt: 2, aborted: 1 } });
  expect(aborted).toEqual([expect.any(JobAborted)]);
  expect(aborted[0]).toMatchObject({ reason: 'lease_lost' });
});
