import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { defineJob, JobQueueService, NonRetryableError } from '../../src/index.js';
import { cli } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startHttp } from '../support/http.js';
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

/** Five jobs of each type that have completed one after another, and two that have failed; where they are not kept, nobody waits for them. */
async function ended(fleet: Fleet, isKept = true): Promise<void> {
  for (const type of ['report', 'mail'])
    for (const [n, payload] of ['ok', 'bad', 'ok', 'ok', 'bad', 'ok', 'ok'].entries()) {
      const id = await fleet.queue.addJob(type, payload, 'normal', { id: `${type}-${n}` });
      if (isKept) await fleet.waitForJob(id, payload === 'ok' ? 'completed' : 'rejected');
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

test('no more go than were counted, also where more have ended since', async () => {
  await using fleet = await startFleet({ nats, handlers });
  await ended(fleet);
  const counted = await fleet.queue.cleanup(0, { type: 'report', keep: 1, dryRun: true });
  expect(counted).toBe(5);
  for (const n of [7, 8]) {
    await fleet.queue.addJob('report', 'ok', 'normal', { id: `report-${n}` });
    await fleet.waitForJob(`report-${n}`, 'completed');
  }
  expect(await fleet.queue.cleanup(0, { type: 'report', keep: 1, atMost: counted, dryRun: true })).toBe(5);
  expect(await fleet.queue.cleanup(0, { type: 'report', keep: 1, atMost: counted })).toBe(5);
  // Of each status the oldest went first.
  expect(await idsOf(fleet)).toEqual([...all('mail'), 'report-1', 'report-4', 'report-7', 'report-8']);
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

test('two cleanups at the same time remove none of the last that stay', async () => {
  await using fleet = await startFleet({ nats, handlers: { report: { handler, concurrency: 1 } } });
  const { queue } = fleet;
  await using other = new JobQueueService({ servers: nats.url, namespace: fleet.namespace });
  const ids = await queue.addJobs(Array.from({ length: 20 }, () => ({ type: 'report', payload: 'ok' })));
  for (const id of ids) await queue.ended(id);
  const options = { type: 'report', keep: 15 };
  const { read } = await queue.broker();
  const pages = read.pages.bind(read);
  // Between its count and its reading.
  vi.spyOn(read, 'pages').mockImplementationOnce(async function* (...args) {
    expect(await other.cleanup(0, options)).toBe(5);
    yield* pages(...args);
  });
  expect(await queue.cleanup(0, options)).toBe(0);
  const { jobs } = await queue.getJobs({ limit: 100 });
  expect(jobs.map(({ id }) => id).sort()).toEqual(ids.slice(5).sort());
});

test('a job that runs again stays, and so do more jobs than one page', async () => {
  await using fleet = await startFleet({ nats, handlers });
  const { queue } = fleet;
  const failed = await queue.addJob('report', 'bad');
  await fleet.waitForJob(failed, 'rejected');
  await queue.addJobs(Array.from({ length: 700 }, () => ({ type: 'report', payload: 'ok' })));
  await expect.poll(async () => (await queue.getStats()).completedJobs).toBe(700);
  for (const worker of fleet.workers) await worker.shutdown(1_000);
  await queue.retry(failed, { payload: 'ok' });
  expect(await queue.cleanup(0, { type: 'report', keep: 10 })).toBe(690);
  expect((await queue.getStats()).completedJobs).toBe(10);
  expect(await queue.getJob(failed)).toMatchObject({ state: 'queued' });
});

test('a dry run counts exactly what a cleanup would remove, and removes nothing', async () => {
  await using fleet = await startFleet({ nats, handlers });
  await ended(fleet);
  const { queue } = fleet;
  await queue.addJob('report', 'ok', 'normal', { id: 'later', delayMs: 60_000 });
  const broker = await queue.broker();
  const { connection, subjects } = broker;
  // What is no record stays too.
  await connection.request(subjects.event('report', 'completed', 'stranger'), 'no record');
  const stored = async () => (await broker.topology.streamInfo('events')).state.messages;
  const before = await stored();
  const options = [{}, { type: 'report' }, { status: 'failed' }, { type: 'mail', keep: 1 }] as const;
  const counted: number[] = [];
  for (const each of options) counted.push(await queue.cleanup(0, { ...each, dryRun: true }));
  expect(counted).toEqual([14, 7, 4, 5]);
  expect(await queue.cleanup(3_600_000, { dryRun: true })).toBe(0);
  expect(await stored()).toBe(before);
  await using http = await startHttp(queue, { retentionIntervalMs: false });
  const clean = (body: object) => http.call('/api/v1/jobs/cleanup', { body });
  expect((await clean({ type: 'mail', keep: 1, dryRun: true })).json).toMatchObject({
    jobs: 0,
    dryRun: true,
  });
  const asked = { type: 'mail', keep: 1, before: new Date(queue.now() + 60_000).toISOString() };
  const { json } = await clean({ ...asked, dryRun: true });
  expect(json).toMatchObject({ jobs: 5, dryRun: true });
  expect(await stored()).toBe(before);
  expect((await clean({ ...asked, before: json.before })).json).toMatchObject({ jobs: 5, dryRun: false });
  expect(await idsOf(fleet)).toEqual(['later', 'mail-4', 'mail-6', ...all('report')].sort());
  expect(await clean({ keep: 3 })).toMatchObject({ status: 400, json: { code: 'JETFLEET_OPTION_INVALID' } });
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  const shown = await cli(['job', 'cleanup', '--older-than', '0', '--type', 'report', '--dry-run'], { env });
  expect(shown).toMatchObject({ code: 0, stdout: '7 jobs would be removed\n' });
});

describe('retention', () => {
  const sweep = { intervalMs: 50, jitter: 0 };

  test('of a type, a definition and a queue is applied by workers, by age and by number', async () => {
    const retention = { completed: { maxCount: 2 } };
    const audit = defineJob({ type: 'audit', retention: { completed: { maxAgeMs: 3_600_000 } } });
    await using fleet = await startFleet({
      nats,
      queue: { jobs: [audit], retention: { completed: { maxAgeMs: 0 }, failed: { maxCount: 1 } } },
      worker: { sweep },
      handlers: {
        report: { handler, retention, concurrency: 1 },
        mail: { handler, concurrency: 1 },
        audit: handler,
      },
    });
    const { queue } = fleet;
    await queue.addJob('audit', 'ok', 'normal', { id: 'audit-0' });
    await ended(fleet, false);
    // `mail` and what `report` does not say goes by what the queue says.
    const left = ['audit-0', 'mail-4', 'report-4', 'report-5', 'report-6'];
    await expect.poll(() => idsOf(fleet), { timeout: 20_000 }).toEqual(left);
    const broker = await queue.broker();
    const events = await broker.read.page(broker.subjects.streamName('events'), '>', 1, 100);
    expect([...new Set(events.map(({ subject }) => subject.split('.').at(-1)))].sort()).toEqual(left);
  });

  test('is applied by the HTTP server where workers do not, and keeps what a job still needs', async () => {
    await using fleet = await startFleet({
      nats,
      worker: { sweep: false },
      handlers: {
        parent: (job) => job.children([{ type: 'mail', payload: 'ok' }]).then(() => job.waitForSignal('go')),
        mail: { handler, retention: { completed: { maxAgeMs: 0 }, failed: { maxAgeMs: 0 } } },
      },
    });
    const { queue } = fleet;
    await queue.addJob('parent', null, 'normal', { id: 'p' });
    await fleet.waitForJob('p', 'waiting');
    await fleet.waitForJob('p-c0-0', 'completed');
    await queue.addJob('mail', 'bad', 'normal', { id: 'm' });
    await fleet.waitForJob('m', 'rejected');
    await using _ = await startHttp(queue, { retentionIntervalMs: 50 });
    await expect.poll(() => idsOf(fleet), { timeout: 20_000 }).toEqual(['p', 'p-c0-0']);
    await queue.signal('p', 'go');
    await fleet.waitForJob('p', 'completed');
    await expect.poll(() => idsOf(fleet), { timeout: 20_000 }).toEqual(['p']);
  });

  test('that cannot be read, or names no type that is handled, removes nothing', async () => {
    await using fleet = await startFleet({ nats, worker: { sweep: false }, handlers });
    await ended(fleet);
    const { topology } = await fleet.queue.broker();
    for (const text of ['{"completed":{"maxAgeMs":"0"}}', '{"completed":[]}', '{', '[]', '{"all":{}}']) {
      await topology.describeConsumer('jobs', 'report-normal', { 'jetfleet.retention': text });
      expect(await fleet.queue.applyRetention()).toBe(0);
    }
    await topology.describeConsumer('jobs', 'report-normal', {
      'jetfleet.retention': '{"completed":{"maxAgeMs":0}}',
    });
    expect(await fleet.queue.applyRetention()).toBe(5);
  });

  test.for([
    [{ completed: { maxAge: 1 } }, /retention.completed has no "maxAge"/],
    [{ completed: { maxAgeMs: -1 } }, /retention.completed.maxAgeMs must be an integer from 0/],
    [{ failed: { maxCount: 1.5 } }, /retention.failed.maxCount/],
    [{ cancelled: {} }, /has no "cancelled"/],
    [7, /retention must be an object/],
  ] as [never, RegExp][])('%j is refused', ([retention, why]) => {
    expect(() => new JobQueueService({ retention })).toThrow(why);
    expect(() => defineJob({ type: 'x', retention })).toThrow(why);
  });
});

test.for([
  [{ status: 'pending' }, /status "pending" must be completed or failed/],
  [{ keep: 3 }, /keep 3 needs a type/],
  [{ atMost: 3 }, /atMost 3 needs a type or a status/],
  [{ type: 'report', atMost: 0 }, /atMost/],
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
  const run = (...args: string[]) => cli(['job', 'cleanup', '--yes', '--older-than', '0', ...args], { env });
  expect(await run('--type', 'report', '--status', 'completed', '--keep', '2')).toMatchObject({
    code: 0,
    stdout: '3 jobs removed\n',
  });
  expect((await run('--keep', '2')).code).toBe(2);
  expect((await run('--status', 'queued')).code).toBe(2);
});
