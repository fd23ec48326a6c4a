import { afterAll, beforeAll, expect, test } from 'vitest';
import { JobQueueService, type StatsHistory } from '../../src/index.js';
import { readDepth } from '../../src/queue/stats/depth.js';
import { HistoryCollector } from '../../src/queue/stats-history/collect.js';
import {
  decodeMinute,
  encodeMinute,
  historySubject,
  type StoredMinute,
} from '../../src/wire/history-message.js';
import { ANY } from '../../src/wire/subjects.js';
import { cli } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { expectProblem, startHttp, TOKENS } from '../support/http.js';
import { startNats } from '../support/nats.js';

const FAST = 200;
const SLOW = 8;
const held = gate();
let nats: Awaited<ReturnType<typeof startNats>>;
let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({
    nats,
    worker: { name: 'w1' },
    handlers: {
      fast: { handler: () => 'ok', concurrency: 50 },
      slow: { handler: () => held.opened, concurrency: SLOW },
      bad: {
        handler: () => {
          throw Object.assign(new Error('out of paper'), { code: 'PAPER' });
        },
        retry: { baseMs: 1 },
      },
    },
  });
  http = await startHttp(fleet.queue, { historyIntervalMs: false });
});
afterAll(async () => {
  await http.server.close();
  await fleet.close();
  await nats.stop();
});

const read = async (query = '') => (await http.call(`/api/v1/stats/history${query}`)).json as StatsHistory;
const stored = async () => {
  const { extra, subjects } = await fleet.queue.broker();
  const filter = historySubject(subjects, ANY);
  const messages = await extra
    .of('history')
    .find([], (reader, stream) => reader.page(stream, filter, 1, 1_000));
  return messages.flatMap(({ data }) => decodeMinute(data) ?? []);
};
const sum = (
  minutes: { all: Pick<StoredMinute['all'], 'started' | 'completed'> }[],
  what: 'started' | 'completed',
) => minutes.reduce((count, { all }) => count + all[what], 0);

test('many servers that count at once count each job once, also after restarts', async () => {
  const broker = await fleet.queue.broker();
  const jobs = [
    ...Array.from({ length: FAST }, (_, at) => ({
      type: 'fast',
      payload: {},
      tags: [`n:${at % 60}`, 'all'],
    })),
    ...Array.from({ length: SLOW }, () => ({ type: 'slow', payload: {}, priority: 'high' as const })),
  ];
  const ids = await fleet.queue.addJobs(jobs);
  const servers = (count: number) =>
    Promise.all(Array.from({ length: count }, () => new HistoryCollector().collect(broker)));
  await servers(2);
  // One server counts the starts of jobs whose ends another one counts, which knows nothing of them.
  await Promise.all(ids.slice(0, FAST).map((id) => fleet.waitForJob(id, 'completed')));
  await Promise.all(ids.slice(FAST).map((id) => fleet.waitForJob(id, 'running')));
  await servers(2);
  expect(sum(await stored(), 'started')).toBe(jobs.length);
  held.open();
  await Promise.all(ids.map((id) => fleet.waitForJob(id, 'completed')));
  await servers(2);
  await servers(1);
  const minutes = await stored();
  expect([sum(minutes, 'started'), sum(minutes, 'completed')]).toEqual([jobs.length, jobs.length]);
  const { total, groups, points } = await read();
  const all = { started: jobs.length, completed: jobs.length, failed: 0, cancelled: 0, retried: 0 };
  expect(total).toMatchObject({
    ...all,
    waitMs: { p50: expect.any(Number) },
    runMs: { p99: expect.any(Number) },
  });
  expect(groups.type).toMatchObject([
    { value: 'fast', started: FAST, completed: FAST },
    { value: 'slow', started: SLOW, completed: SLOW },
  ]);
  expect(groups.priority).toMatchObject([
    { value: 'normal', completed: FAST },
    { value: 'high', completed: SLOW },
  ]);
  expect(groups.worker).toMatchObject([{ value: 'w1', completed: jobs.length }]);
  // More tags than are told apart: those that count most, and the rest together.
  expect(groups.tag[0]).toMatchObject({ value: 'all', completed: FAST });
  expect(groups.tag).toHaveLength(41);
  expect(groups.tag.at(-1)?.value).toBeNull();
  expect(groups.tag.slice(1).reduce((count, { completed }) => count + completed, 0)).toBe(FAST);
  expect(points.filter(({ depth }) => depth)).not.toEqual([]);
  const slow = groups.type[1]?.runMs?.p50 ?? 0;
  // Its claim is written when it has run for 100 ms.
  expect(slow).toBeGreaterThanOrEqual(100 / 1.1);
});

test('a reader counts what no server has counted yet, and writes nothing', async () => {
  const before = await stored();
  const id = await fleet.queue.addJob('bad', {}, 'critical', { maxAttempts: 2, tags: ['late'] });
  await fleet.waitForJob(id, 'exhausted');
  const history = await read('?stepMs=60000&tag=late');
  expect(history.total).toMatchObject({ started: 1, completed: 0, failed: 1, retried: 1 });
  expect(history.errors).toEqual({ PAPER: 1 });
  expect(history.points.filter(({ failed }) => failed > 0)).toHaveLength(1);
  expect(history.countedUntil).toBeUndefined();
  expect(await stored()).toEqual(before);
  // Counted by a server that knows nothing of the first attempt but its record, it is the same.
  await new HistoryCollector().collect(await fleet.queue.broker());
  expect((await read('?stepMs=60000&tag=late')).total).toEqual(history.total);
});

test('minutes of a day are added up to steps, and percentiles of the sum; a server goes on after them', async () => {
  await using queue = new JobQueueService({ servers: nats.url, namespace: 'past' });
  const broker = await queue.broker();
  const { created } = await broker.topology.streamInfo('events');
  const atMs = Math.floor((Date.now() - 5 * 3_600_000) / 3_600_000) * 3_600_000;
  const { log } = broker.extra.of('history');
  await broker.extra.of('history').open();
  for (const offset of [0, 1, 7]) {
    const at = new Date(atMs + offset * 60_000).toISOString();
    const run = [41 + offset, 1];
    const all = { started: 1, completed: 1, failed: 0, cancelled: 0, retried: 0, wait: [1, 1], run };
    const [type, empty] = [{ values: { report: all } }, { values: {} }];
    const by = { type, priority: empty, worker: empty, tag: empty };
    const minute = { v: 1, at, events: String(created), nextSeq: 1, all, errors: {}, ...by } as const;
    const subject = historySubject(broker.subjects, at.slice(0, 16).replaceAll(/[-:]/g, ''));
    await log.append({ subject, data: encodeMinute(minute) });
  }
  // A foreign message stops nothing.
  await log.append({ subject: historySubject(broker.subjects, 'foreign'), data: 'no minute' });
  const { points, stepMs, total } = await queue.getStatsHistory({ type: 'report' });
  expect(stepMs).toBe(300_000);
  expect(total).toMatchObject({ completed: 3, runMs: { p50: 1_328, p99: 3_756 } });
  expect(points.filter(({ completed }) => completed > 0).map(({ at, completed }) => [at, completed])).toEqual(
    [
      [new Date(atMs).toISOString(), 2],
      [new Date(atMs + 300_000).toISOString(), 1],
    ],
  );
  const [from, to] = [new Date(atMs), new Date(atMs + 60_000)];
  expect((await queue.getStatsHistory({ from, to })).total.completed).toBe(1);
  // A server keeps it by itself, with how long jobs wait that nobody handles.
  await queue.addJob('nobody', {});
  await using server = await startHttp(queue, { historyIntervalMs: 20 });
  await expect
    .poll(async () => (await queue.getStatsHistory()).points.findLast(({ depth }) => depth)?.depth)
    .toMatchObject({ pending: 1, unhandledMs: expect.any(Number) });
  expect((await queue.getStatsHistory()).total.completed).toBe(3);
  expect((await server.call('/api/v1/stats')).json).toMatchObject({ oldestUnhandledAt: expect.any(String) });
});

test('a sample counts what the stats count, and large events are read a few at a time', async () => {
  await using queue = new JobQueueService({ servers: nats.url, namespace: 'depth' });
  const broker = await queue.broker();
  await queue.addJob('later', {}, 'normal', { delayMs: 3_600_000 });
  await queue.addJobs(['a', 'b', 'b'].map((type) => ({ type, payload: {} })));
  const { pendingJobs, processingJobs } = await queue.getStats();
  expect([pendingJobs, processingJobs]).toEqual([4, 0]);
  expect(await readDepth(broker)).toEqual({ pending: 4, processing: 0, unhandledMs: expect.any(Number) });
  const stream = broker.subjects.streamName('events');
  const data = new Uint8Array(900_000);
  const subject = broker.subjects.event('a', 'completed', 'large');
  for (let count = 0; count < 12; count++) await broker.connection.request(subject, data);
  const pages: number[] = [];
  for await (const page of broker.read.batches(stream, '>', 1, 500, 11)) pages.push(page.length);
  expect(pages.reduce((sum, count) => sum + count)).toBe(11);
  expect(Math.max(...pages)).toBeLessThanOrEqual(5);
});

test('observers read it, on the command line too; a wrong range is refused', async () => {
  const token = TOKENS.observer;
  expect((await http.call('/api/v1/stats/history', { token })).status).toBe(200);
  expect((await http.call('/api/v1/stats/history', { token: null })).status).toBe(401);
  expectProblem(await http.call('/api/v1/stats/history?type=a&tag=b'), 400, 'JETFLEET_OPTION_INVALID');
  expectProblem(await http.call('/api/v1/stats/history?stepMs=61000'), 400, 'JETFLEET_OPTION_INVALID');
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  const json = JSON.parse((await cli(['history', '--tag', 'late', '--json'], { env })).stdout);
  expect(json.total).toMatchObject({ failed: 1 });
  expect((await cli(['history', '--since', '1h'], { env })).stdout).toMatch(/CODE +FAILED\nPAPER +1/);
  expect((await cli(['history', '--by', 'type'], { env })).stdout).toMatch(
    /TYPE +STARTED[^\n]*\nfast +200 +200 +0/,
  );
});
