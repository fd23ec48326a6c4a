import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  type HandlerOptions,
  type JobContext,
  type JobRecord,
  NonRetryableError,
  snooze,
} from '../../src/index.js';
import { requestOf } from '../../src/queue/transition-record.js';
import { fitToVersion } from '../../src/worker/claim/handler-version.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const NAP_MS = 300;

/** Naps once, and then completes with what it was left, by the worker of its version. */
function napping(by: string, options: Partial<HandlerOptions> = {}): { nap: HandlerOptions } {
  const handler = ({ checkpoint }: JobContext) =>
    checkpoint === undefined ? snooze(NAP_MS, { by }) : { by, checkpoint };
  return { nap: { handler, ...options } };
}

it('a job that has begun stays with its version, and goes to one that can migrate it', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const old = await fleet.addWorker(napping('1', { version: 1 }));
  const [pinned, migrated] = [await queue.addJob('nap', 'pinned'), await queue.addJob('nap', 'migrated')];
  await fleet.waitForJob(pinned, 'waiting');
  expect(await fleet.waitForJob(migrated, 'waiting')).toMatchObject({ handlerVersion: 1 });
  await old.shutdown();

  const strict = await fleet.addWorker(napping('2', { version: 2 }));
  const isHandedBack = async (id: string) => {
    const { topology } = await queue.broker();
    const info = await topology.consumer('jobs', 'nap-normal');
    expect(info?.num_redelivered).toBeGreaterThan(0);
    expect(await queue.getJob(id)).toMatchObject({ state: 'waiting', handlerVersion: 1 });
  };
  await vi.waitFor(() => isHandedBack(pinned));
  // A job that has not begun runs anywhere.
  const fresh = await queue.addJob('nap', 'fresh');
  expect(await fleet.waitForJob(fresh, 'completed')).toMatchObject({
    handlerVersion: 2,
    result: { by: '2' },
  });
  await strict.shutdown();

  const migrate = (checkpoint: unknown, from: number) => ({ was: checkpoint, from });
  const able = await fleet.addWorker(napping('3', { version: 3, migrate }));
  for (const id of [pinned, migrated])
    expect(await fleet.waitForJob(id, 'completed')).toMatchObject({
      handlerVersion: 3,
      attempt: 1,
      result: { by: '3', checkpoint: { was: { by: '1' }, from: 1 } },
    });
  await able.shutdown();
});

it('an older worker leaves a job to a newer one, and one whose migration fails keeps the job', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const first = await fleet.addWorker(napping('2', { version: 2 }));
  const id = await queue.addJob('nap', 'payload');
  await fleet.waitForJob(id, 'waiting');
  await first.shutdown();
  let tries = 0;
  const migrate = () => {
    tries++;
    throw new Error('not yet');
  };
  const failing = await fleet.addWorker(napping('3', { version: 3, migrate }));
  await vi.waitFor(() => expect(tries).toBeGreaterThan(0));
  await failing.shutdown();
  // Without a version, a worker is older than any.
  await fleet.addWorker(napping('none'));
  await fleet.addWorker(napping('2', { version: 2 }));
  expect(await fleet.waitForJob(id, 'completed')).toMatchObject({
    handlerVersion: 2,
    result: { by: '2', checkpoint: { by: '2' } },
  });
});

it('a dead letter begins again, with any version', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const handler = () => {
    throw new NonRetryableError('not by this version');
  };
  const old = await fleet.addWorker({ once: { handler, version: 1 } });
  const id = await queue.addJob('once', 1);
  expect(await fleet.waitForJob(id, 'rejected')).toMatchObject({ handlerVersion: 1 });
  await old.shutdown();
  await fleet.addWorker({ once: () => 'done' });
  await queue.retry(id);
  const job = await fleet.waitForJob(id, 'completed');
  expect(job).toMatchObject({ result: 'done', redrives: 1 });
  expect(job).not.toHaveProperty('handlerVersion');
});

it('a version that is none is refused, and a migration without a version', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  await expect(fleet.addWorker(napping('0', { version: 0 }))).rejects.toMatchObject({
    code: 'JETFLEET_OPTION_INVALID',
  });
  await expect(fleet.addWorker(napping('m', { migrate: () => 1 }))).rejects.toMatchObject({
    code: 'JETFLEET_OPTION_INVALID',
  });
});

it('only a claim that begins a run asks for the version, and the record outlives the wait', async () => {
  await using fleet = await startFleet({ nats, workers: 0 });
  const { queue } = fleet;
  const first = await fleet.addWorker(napping('1', { version: 1 }));
  await first.shutdown();
  const broker = await queue.broker();
  const DAY_MS = 86_400_000;
  const begun = new Date(Date.now() - 3 * DAY_MS).toISOString();
  /** A job that has begun under version 1, and whose message comes. */
  const bring = async (id: string, more: Partial<JobRecord>) => {
    const record: JobRecord = {
      v: 1,
      id,
      type: 'nap',
      priority: 'normal',
      status: 'pending',
      state: 'queued',
      payload: id,
      attempt: 1,
      maxAttempts: 3,
      createdAt: begun,
      updatedAt: begun,
      startedAt: begun,
      handlerVersion: 1,
      checkpoint: { by: '1' },
      machine: { id: 'job', version: 1 },
      ...more,
    };
    await broker.appendEvent(record, 0);
    await broker.jobs.enqueueAgain(requestOf(record));
  };
  const nextRunAt = new Date(Date.now() + 3 * DAY_MS).toISOString();
  await bring('early', { status: 'processing', state: 'waiting', nextRunAt });
  await bring('spent', { attempt: 3 });
  const migrate = (was: unknown) => ({ was });
  const able = await fleet.addWorker(napping('2', { version: 2, migrate }));
  const isKept = async (id: string) => {
    const record = await queue.getJob(id);
    expect(record && record.updatedAt > begun).toBe(true);
    return record;
  };
  const unchanged = { handlerVersion: 1, checkpoint: { by: '1' } };
  expect(await vi.waitFor(() => isKept('early'))).toMatchObject({ ...unchanged, state: 'waiting' });
  expect(await fleet.waitForJob('spent', 'exhausted')).toMatchObject(unchanged);
  await able.shutdown();

  await bring('pinned', {});
  await fleet.addWorker(napping('3', { version: 3 }));
  expect(await vi.waitFor(() => isKept('pinned'))).toMatchObject({ ...unchanged, state: 'queued' });
});

it('what a migration only promises is refused', () => {
  const migrate = async () => Promise.reject(new Error('heard by nobody'));
  const record = { id: 'a', status: 'pending', startedAt: 'once', handlerVersion: 1 } as JobRecord;
  expect(() => fitToVersion({ version: 2, migrate }, record)).toThrow(/migrate returned a promise/);
});
