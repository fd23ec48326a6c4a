import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { BrokerClock } from '../../src/broker/connection/broker-clock.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { Finding } from '../../src/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { type Bundle, bundleScript } from '../support/bundle.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

interface Report {
  added: number;
  runs: Record<string, number[]>;
  records: number[];
  clock?: Finding;
  finishedAt: string;
  oldestAgeSeconds: number;
  workerStartedAt: string;
}

let nats: EmbeddedServer;
let script: Bundle;
beforeAll(async () => {
  [nats, script] = await Promise.all([startNats(), bundleScript('support/clock-worker.ts')]);
});
afterAll(async () => {
  await script[Symbol.asyncDispose]();
  await nats.stop();
});

test.each([
  [-60_000, 'warning', '60 s behind'],
  [-30_000, 'info', '30 s behind'],
  [30_000, 'warning', '30 s ahead'],
  [60_000, 'warning', '60 s ahead'],
])('a process whose clock is off by %s ms runs each job once and when it is due', async (offsetMs) => {
  const namespace = `clock${offsetMs > 0 ? 'a' : 'b'}${Math.abs(offsetMs)}`;
  const args = [script.path, nats.url, namespace, String(offsetMs)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 100_000 });
  const report = JSON.parse(stdout) as Report;
  const { added, runs, records, clock, finishedAt } = report;
  const ranAt = (id: string, run = 0) => (runs[id]?.[run] ?? Number.NaN) - added;
  // A timer fires at its time or up to 250 ms after it; 50 ms are for the measured offset.
  expect(ranAt('delayed')).toBeGreaterThan(650);
  expect(ranAt('retry', 1) - ranAt('retry')).toBeGreaterThan(350);
  expect(ranAt('snooze', 1) - ranAt('snooze')).toBeGreaterThan(350);
  expect(ranAt('retry-after-jump', 1) - ranAt('retry-after-jump')).toBeGreaterThan(350);
  expect(Object.fromEntries(Object.entries(runs).map(([id, { length }]) => [id, length]))).toEqual({
    delayed: 1,
    retry: 2,
    snooze: 2,
    jump: 1,
    'retry-after-jump': 2,
  });
  // Claims may be left out of the count; nothing is written over and over.
  expect(Math.max(...records)).toBeLessThanOrEqual(4);
  // The jump of 45 s is on top.
  const offByS = Math.round(Math.abs(offsetMs + 45_000) / 1_000);
  expect(clock).toMatchObject({
    severity: offByS > 30 ? 'warning' : 'info',
    message: expect.stringContaining(`${offByS} s ${offsetMs + 45_000 > 0 ? 'ahead of' : 'behind'}`),
  });
  expect(Math.abs(Date.parse(finishedAt) - Date.now())).toBeLessThan(30_000);
  expect(Math.abs(Date.parse(report.workerStartedAt) - Date.now())).toBeLessThan(30_000);
  expect(report.oldestAgeSeconds).toBeLessThan(10);
  // Where the process takes a new job for one of the future, its age would be 0.
  expect(report.oldestAgeSeconds).toBeGreaterThan(0.2);
});

test('the clock keeps what it has where the broker does not answer, and takes the quickest answer', async () => {
  let answer: () => Promise<number> = () => Promise.reject(new Error('away'));
  const clock = new BrokerClock(() => answer(), silentLogger);
  await clock.measure();
  expect(Math.abs(clock.localOffsetMs)).toBeLessThan(50);
  answer = async () => Number.NaN;
  await clock.measure();
  expect(Math.abs(clock.localOffsetMs)).toBeLessThan(50);
  answer = async () => 1_000_000;
  await clock.measure();
  expect(clock.now()).toBeGreaterThanOrEqual(1_000_000);
  expect(clock.now()).toBeLessThan(1_005_000);
});

test('a worker whose reading of the clock is late starts and ends no job before it was stored', async () => {
  const now = BrokerClock.prototype.now;
  const late = vi.spyOn(BrokerClock.prototype, 'now').mockImplementation(function (this: BrokerClock) {
    return now.call(this) - 200;
  });
  onTestFinished(() => void late.mockRestore());
  await using fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
  const [atOnce, later] = [
    await fleet.queue.addJob('demo', null),
    await fleet.queue.addJob('demo', null, 'high', { delayMs: 300 }),
  ];
  const { createdAt, startedAt, finishedAt } = await fleet.waitForJob(atOnce, 'completed');
  expect([createdAt, startedAt, finishedAt]).toEqual([createdAt, startedAt, finishedAt].sort());
  const { nextRunAt } = (await fleet.queue.getJob(later)) ?? {};
  const delayed = await fleet.waitForJob(later, 'completed');
  expect(nextRunAt).toEqual(expect.any(String));
  expect(Date.parse(delayed.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(nextRunAt ?? ''));
});
