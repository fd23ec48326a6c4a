import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { BrokerClock } from '../../src/broker/connection/broker-clock.js';
import { silentLogger } from '../../src/telemetry/logger.js';

const HOUR_MS = 3_600_000;

it('asks again soon when the broker did not say what time it is', async () => {
  let asked = 0;
  const clock = new BrokerClock(async () => {
    asked += 1;
    if (asked === 1) throw new Error('the broker is away');
    return Date.now() + HOUR_MS;
  }, silentLogger);
  await clock.measure();
  expect(Math.abs(clock.localOffsetMs)).toBeLessThan(60_000);
  await vi.waitFor(() => expect(clock.now() - Date.now()).toBeGreaterThan(HOUR_MS - 60_000));
  clock.stop();
});

/** Answers take so long, in ms; the broker reads its clock, an hour ahead, at the beginning or the end of it. */
function slowClock(takesMs: number[], readsAtEnd: () => boolean, roundedByMs = () => 0) {
  let asked = 0;
  const clock = new BrokerClock(async () => {
    const before = Date.now();
    await delay(takesMs[asked++] ?? 0);
    return (readsAtEnd() ? Date.now() : before) + HOUR_MS + roundedByMs();
  }, silentLogger);
  onTestFinished(() => clock.stop());
  return { clock, errorMs: () => Math.abs(clock.now() - Date.now() - HOUR_MS), asked: () => asked };
}

it('takes what slow answers say together', async () => {
  let readsAtEnd = false;
  const { clock, errorMs, asked } = slowClock([600, 400, 600, 400], () => {
    readsAtEnd = !readsAtEnd;
    return readsAtEnd;
  });
  await clock.measure();
  expect(asked()).toBeLessThanOrEqual(8);
  // One of them alone may be off by half of what it took.
  expect(errorMs()).toBeLessThan(100);
});

it('takes slow answers together that disagree by the rounding of a clock', async () => {
  let isEnd = false;
  const readsAtEnd = () => {
    isEnd = !isEnd;
    return isEnd;
  };
  const { clock, errorMs } = slowClock([300, 200, 200], readsAtEnd, () => (isEnd ? 2 : -2));
  await clock.measure();
  expect(errorMs()).toBeLessThan(60);
});

it('asks on until an answer is quick', async () => {
  const { clock, errorMs, asked } = slowClock([300, 300, 300, 0], () => true);
  await clock.measure();
  expect(asked()).toBe(3);
  await vi.waitFor(() => expect(errorMs()).toBeLessThan(60));
  expect(asked()).toBeGreaterThan(3);
});

it('asks further while all answers are very slow', async () => {
  const { clock, errorMs, asked } = slowClock([600, 600, 600, 150], () => true);
  await clock.measure();
  expect(asked()).toBe(4);
  expect(errorMs()).toBeLessThan(150);
});

it('a slow answer does not spoil what a quick one has said', async () => {
  const { clock, errorMs } = slowClock([0, 300, 300, 300], () => true);
  await clock.measure();
  await clock.measure();
  expect(errorMs()).toBeLessThan(60);
});

it('a fairly quick answer does not spoil what a quicker one has said', async () => {
  const takesMs = [0, 90, 90, 90];
  const { clock, errorMs } = slowClock(takesMs, () => true);
  await clock.measure();
  const knownMs = errorMs();
  await clock.measure();
  // By the slow ones alone it would be off by 45.
  expect(errorMs()).toBeLessThanOrEqual(knownMs + 20);
});

it('a slow answer corrects a clock that cannot be right', async () => {
  let aheadMs = 0;
  const clock = new BrokerClock(async () => {
    if (aheadMs > 0) await delay(150);
    return Date.now() + aheadMs;
  }, silentLogger);
  onTestFinished(() => clock.stop());
  await clock.measure();
  aheadMs = HOUR_MS;
  await clock.measure();
  expect(Math.abs(clock.now() - Date.now() - HOUR_MS)).toBeLessThan(200);
});
