import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  JobAborted,
  JobQueueService,
  type JobRecord,
  JobWorkerService,
  RetryableError,
} from '../../src/index.js';
import { startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
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

it('a worker to which a job was not due takes no message from under another one that has claimed by it', async () => {
  const DUE_MS = 2_000;
  await using fleet = await startFleet({
    nats,
    queue: { ackWaitMs: ACK_WAIT_MS },
    handlers: {
      // With one slot, it is not given the message again while it decides.
      early: {
        concurrency: 1,
        handler: ({ attempt }) => {
          if (attempt === 1) throw new RetryableError('not yet', { retryAfterMs: DUE_MS });
          return attempt;
        },
      },
    },
  });
  const id = await fleet.queue.addJob('early', {});
  const retrying = await fleet.waitForJob(id, 'retrying');
  const broker = await fleet.queue.broker();
  await broker.topology.purge('timers', '>');
  // It has decided, and stands still before it writes.
  const [decided, goOn] = [gate(), gate()];
  const appendEvent = broker.appendEvent.bind(broker);
  const setTimer = broker.jobs.setTimer.bind(broker.jobs);
  const standStill = () => {
    decided.open();
    return goOn.opened;
  };
  vi.spyOn(broker, 'appendEvent').mockImplementation(async (record, ...rest) => {
    if (record.state === 'retrying') await standStill();
    return appendEvent(record, ...rest);
  });
  const timers = vi.spyOn(broker.jobs, 'setTimer').mockImplementation(async (...timer) => {
    await standStill();
    return setTimer(...timer);
  });
  // Too early, as of a timer that was put off when it had fired.
  await broker.jobs.enqueueAgain(retrying);
  await decided.opened;
  await delay(DUE_MS);
  const { url: servers, namespace } = fleet;
  const queue = new JobQueueService({ servers, namespace, ackWaitMs: ACK_WAIT_MS });
  const other = new JobWorkerService(queue, { sweep: false });
  other.registerHandler('early', { handler: () => new Promise(() => {}) });
  await other.start();
  const running = await fleet.waitForJob(id, 'running');
  goOn.open();
  await delay(ACK_WAIT_MS);
  await (await queue.broker()).connection.close();
  expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: 3 });
  expect(timers).not.toHaveBeenCalled();
  expect((await fleet.history(id)).at(-1)?.workSeq).toBe(running.workSeq);
  await other.shutdown(0);
});

it('a message is not dropped for what a replica shows that is behind', async () => {
  await using fleet = await startFleet({
    nats,
    handlers: {
      behind: {
        claim: 'durable',
        handler: ({ attempt }) => {
          if (attempt === 1) throw new RetryableError('not yet', { retryAfterMs: 1_000 });
          return attempt;
        },
      },
    },
  });
  const id = await fleet.queue.addJob('behind', {});
  await fleet.waitForJob(id, 'retrying');
  const [running] = await fleet.history(id);
  const broker = await fleet.queue.broker();
  const { info } = broker.connection;
  Object.defineProperty(broker.connection, 'info', { get: () => ({ ...info, cluster: 'three' }) });
  const first = running as JobRecord;
  const reads = vi.spyOn(broker, 'lastEvent').mockResolvedValueOnce({ record: first, seq: 1 });
  await vi.waitFor(() => expect(reads).toHaveBeenCalled(), { timeout: 10_000 });
  expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: 2 });
});
