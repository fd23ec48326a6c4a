import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type HandlerOptions, type JobContext, NonRetryableError, snooze } from '../../src/index.js';
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
