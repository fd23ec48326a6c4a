/** What others publish makes no process remember more than it has room for. */
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { LiveCollector } from '../../src/http/live-collector.js';
import { Metrics } from '../../src/http/metrics.js';
import type { JobRecord } from '../../src/index.js';
import { StatelyMessages } from '../../src/inspect/stately/stately-messages.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { OpenJobs } from '../../src/upkeep/open-jobs.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const bare = () => startFleet({ nats, workers: 0, handlers: {} });

function record(id: string, more: Partial<JobRecord>): JobRecord {
  const at = new Date(0).toISOString();
  const base = { v: 1, type: 'demo', priority: 'normal', status: 'pending', state: 'retrying', attempt: 1 };
  return { ...base, id, maxAttempts: 3, payload: null, createdAt: at, updatedAt: at, ...more } as JobRecord;
}

test('of many open jobs those that are due first are remembered, and of many redrives the latest', async () => {
  await using fleet = await bare();
  const broker = await fleet.queue.broker();
  const due = (n: number) => new Date(1_000 * ((n * 7) % 500)).toISOString();
  const ids = Array.from({ length: 500 }, (_, n) => n);
  await Promise.all(ids.map((n) => broker.appendEvent(record(`j${n}`, { nextRunAt: due(n) }), 0)));
  const redriven = { state: 'queued', redrives: 1, updatedAt: new Date(9_000_000).toISOString() } as const;
  for (let n = 0; n < 30; n++) await broker.appendEvent(record(`r${n}`, redriven), 0);
  const jobs = new OpenJobs(broker, Number.POSITIVE_INFINITY, 20);
  await jobs.readOn();
  expect(jobs.open.length).toBeLessThanOrEqual(20);
  const first = ids.toSorted((a, b) => Date.parse(due(a)) - Date.parse(due(b))).slice(0, 18);
  expect(new Set(jobs.open.map(({ id }) => id))).toEqual(new Set(first.map((n) => `j${n}`)));
  expect(jobs.redrives.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, n) => `r${n + 10}`));
  const all = new OpenJobs(broker, Number.POSITIVE_INFINITY);
  await all.readOn();
  expect(all.open).toHaveLength(530);
});

test('types that somebody made up share one label, and so do states of workers', async () => {
  await using fleet = await bare();
  const metrics = new Metrics(fleet.queue, silentLogger);
  for (let n = 0; n < 1_000; n++) {
    metrics.observe(record('a', { type: `t${n}`, status: 'completed', state: 'completed' }), { runMs: 1 });
  }
  const { connection, subjects } = await fleet.queue.broker();
  connection.subscribe(subjects.notices.workersAsked(), {
    callback: (_, msg) => {
      for (let n = 0; n < 50; n++) {
        const startedAt = new Date(0).toISOString();
        const worker = { name: `w${n}`, state: `made up ${n}`, startedAt, host: 'h', pid: 1, version: '1' };
        msg.respond(
          JSON.stringify({
            ...worker,
            lanes: [],
            running: [],
            runningCount: 0,
            abandoned: [],
            abandonedCount: 0,
            stalled: [],
          }),
        );
      }
    },
  });
  await connection.flush();
  const text = await metrics.text();
  expect(text.match(/^jetfleet_jobs_finished_total\{/gm)).toHaveLength(201);
  expect(text).toContain('jetfleet_jobs_finished_total{type="other",state="completed"} 800');
  expect(text.match(/^jetfleet_workers\{.*$/gm)).toEqual(['jetfleet_workers{state="other"} 50']);
});

test('the history of a job is read up to a number of bytes', async () => {
  await using fleet = await bare();
  const { subjects, connection } = await fleet.queue.broker();
  const long = { status: 'processing', state: 'waiting', checkpoint: 'x'.repeat(350_000) } as const;
  const data = JSON.stringify(record('long', long));
  for (let n = 0; n < 60; n++) connection.publish(subjects.event('demo', 'processing', 'long'), data);
  await connection.flush();
  await vi.waitFor(async () => expect((await fleet.queue.getVersion('long'))?.seq).toBe(60));
  expect(await fleet.queue.history('long')).toHaveLength(50);
});

test('actors that somebody made up are forgotten, the oldest first', () => {
  const messages = new StatelyMessages(() => undefined);
  const typesOf = (actor: string) =>
    messages
      .of({ v: 1, seq: 1, at: new Date(0).toISOString(), worker: 'w', actor, kind: 'snapshot' })
      .map(({ type }) => type);
  for (let n = 0; n <= 10_000; n++) typesOf(`a${n}`);
  expect(typesOf('a10000')).toEqual(['@xstate.snapshot']);
  expect(typesOf('a0')).toEqual(['@xstate.actor', '@xstate.snapshot']);
});

test('a listener to the live data that throws keeps the next one from nothing', async () => {
  await using fleet = await bare();
  const collector = new LiveCollector(fleet.queue, silentLogger, () => {});
  onTestFinished(() => collector.close());
  const ticks: string[] = [];
  collector.listen(() => {
    throw new Error('listener');
  });
  collector.listen(({ at }) => ticks.push(at));
  await vi.waitFor(() => expect(ticks.length).toBeGreaterThanOrEqual(2));
});
