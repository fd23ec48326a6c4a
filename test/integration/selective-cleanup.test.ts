import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { NonRetryableError } from '../../src/index.js';
import { cli } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const handler = ({ payload }: { payload: unknown }) => {
  if (payload === 'bad') throw new NonRetryableError('bad');
};
const handlers = { report: handler, mail: handler };

/** Five jobs of each type that have completed one after another, and two that have failed. */
async function ended(fleet: Fleet): Promise<void> {
  for (const type of ['report', 'mail'])
    for (const [n, payload] of ['ok', 'bad', 'ok', 'ok', 'bad', 'ok', 'ok'].entries()) {
      const id = await fleet.queue.addJob(type, payload, 'normal', { id: `${type}-${n}` });
      await fleet.waitForJob(id, payload === 'ok' ? 'completed' : 'rejected');
    }
}

async function idsOf({ queue }: Fleet): Promise<string[]> {
  return (await queue.getJobs({ limit: 100 })).jobs.map(({ id }) => id).sort();
}

const all = (type: string) => [0, 1, 2, 3, 4, 5, 6].map((n) => `${type}-${n}`);

test('the ended jobs of one type and one status go, and no event of them stays', async () => {
  await using fleet = await startFleet({ nats, handlers });
  await ended(fleet);
  expect(await fleet.queue.cleanup(0, { type: 'report', status: 'completed' })).toBe(5);
  expect(await idsOf(fleet)).toEqual([...all('mail'), 'report-1', 'report-4']);
  expect(await fleet.queue.getJob('report-0')).toBeUndefined();
  expect(await fleet.queue.cleanup(0, { status: 'failed' })).toBe(4);
  expect(await idsOf(fleet)).toEqual(all('mail').filter((id) => !/[14]$/.test(id)));
  expect(await fleet.queue.cleanup(3_600_000, { type: 'mail' })).toBe(0);
  expect(await fleet.queue.cleanup(0, { type: 'mail' })).toBe(5);
  expect(await idsOf(fleet)).toEqual([]);
});

test('the last of a type stay, of each status, and what is young enough stays in any case', async () => {
  await using fleet = await startFleet({ nats, handlers });
  await ended(fleet);
  expect(await fleet.queue.cleanup(3_600_000, { type: 'report', keep: 1 })).toBe(0);
  expect(await fleet.queue.cleanup(0, { type: 'report', keep: 100 })).toBe(0);
  expect(await fleet.queue.cleanup(0, { type: 'report', keep: 1 })).toBe(5);
  expect(await idsOf(fleet)).toEqual([...all('mail'), 'report-4', 'report-6']);
  expect(await fleet.queue.cleanup(0, { type: 'mail', status: 'completed', keep: 2 })).toBe(3);
  expect(await idsOf(fleet)).toEqual(['mail-1', 'mail-4', 'mail-5', 'mail-6', 'report-4', 'report-6']);
  // What has gone is no job any more: the same id is a new one.
  await fleet.queue.addJob('mail', 'ok', 'normal', { id: 'mail-0' });
  expect(await fleet.waitForJob('mail-0', 'completed')).toMatchObject({ attempt: 1 });
});

test('a job that runs again stays, and so do more jobs than one page', async () => {
  await using fleet = await startFleet({ nats, handlers });
  const { queue } = fleet;
  const failed = await queue.addJob('report', 'bad');
  await fleet.waitForJob(failed, 'rejected');
  await queue.addJobs(Array.from({ length: 700 }, () => ({ type: 'report', payload: 'ok' })));
  await expect.poll(async () => (await queue.getStats()).completedJobs, { timeout: 30_000 }).toBe(700);
  for (const worker of fleet.workers) await worker.shutdown(1_000);
  await queue.retry(failed, { payload: 'ok' });
  expect(await queue.cleanup(0, { type: 'report', keep: 10 })).toBe(690);
  expect((await queue.getStats()).completedJobs).toBe(10);
  expect(await queue.getJob(failed)).toMatchObject({ state: 'queued' });
});

test.for([
  [{ status: 'pending' }, /status "pending" must be completed or failed/],
  [{ keep: 3 }, /keep 3 needs a type/],
  [{ type: 'report', keep: -1 }, /keep/],
  [{ type: 'Report' }, /job type "Report"/],
  [{ types: 'report' }, /types/],
] as const)('a cleanup that cannot be, %j, is refused', async ([options, message]) => {
  await using fleet = await startFleet({ nats, workers: 0, handlers });
  await expect(fleet.queue.cleanup(0, options as object)).rejects.toThrow(message);
});

test('jetfleet job cleanup --type --status --keep', async () => {
  await using fleet = await startFleet({ nats, handlers });
  await ended(fleet);
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  const run = (...args: string[]) => cli(['job', 'cleanup', '--older-than', '0', ...args], { env });
  expect(await run('--type', 'report', '--status', 'completed', '--keep', '2')).toMatchObject({
    code: 0,
    stdout: '3 jobs removed\n',
  });
  expect((await run('--keep', '2')).code).toBe(2);
  expect((await run('--status', 'queued')).code).toBe(2);
});
