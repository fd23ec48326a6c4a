import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_SINGLES, PROBE_SIZE, SingleWriteGauge } from '../../src/broker/publish/single-write-gauge.js';

const CHEAP_MS = 0.1;
let gauge: SingleWriteGauge;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  gauge = new SingleWriteGauge(CHEAP_MS);
});
afterEach(() => void vi.useRealTimers());

/** A burst that the server answers after `msEach` for each write. */
function answer(count: number, msEach: number, onAnswered: () => void): void {
  vi.advanceTimersByTime(count * msEach);
  for (let index = 0; index < count; index++) onAnswered();
}

function probe(msEach: number): void {
  expect(gauge.shouldProbe).toBe(true);
  answer(PROBE_SIZE, msEach, gauge.beginProbe());
}

/** Milliseconds until the next probe is due. */
function pause(): number {
  for (let ms = 0; ms < 60_000; ms += 50) {
    if (gauge.shouldProbe) return ms;
    vi.advanceTimersByTime(50);
  }
  return Number.POSITIVE_INFINITY;
}

it('accepts nothing before it knows, and measures nothing else while it finds out', () => {
  expect(gauge.accepts(0)).toBe(false);
  const onAnswered = gauge.beginProbe();
  expect([gauge.isProbing, gauge.shouldProbe]).toEqual([true, false]);
  answer(PROBE_SIZE - 1, 0.05, onAnswered);
  expect(gauge.isProbing).toBe(true);
  onAnswered();
  expect(gauge.isProbing).toBe(false);
});

it('never probes when no write counts as cheap', () => {
  expect(new SingleWriteGauge(0).shouldProbe).toBe(false);
});

describe('a server that takes single writes quickly', () => {
  beforeEach(() => probe(0.05));

  it('gets as many at once as it may', () => {
    expect([gauge.accepts(0), gauge.shouldProbe]).toEqual([true, false]);
    const onAnswered = gauge.begin(500);
    expect([gauge.accepts(MAX_SINGLES - 501), gauge.accepts(MAX_SINGLES - 500)]).toEqual([true, false]);
    answer(500, 0.05, onAnswered);
    expect(gauge.accepts(MAX_SINGLES - 1)).toBe(true);
  });

  it('still gets them after some slow bursts, and no more after many', () => {
    for (let burst = 0; burst < 31; burst++) answer(100, 0.5, gauge.begin(100));
    expect(gauge.accepts(0)).toBe(true);
    answer(100, 0.5, gauge.begin(100));
    expect(gauge.accepts(0)).toBe(false);
  });

  it('is not judged by a few writes, whose time is that of the way', () => {
    for (let burst = 0; burst < 100; burst++) answer(PROBE_SIZE - 1, 5, gauge.begin(PROBE_SIZE - 1));
    expect(gauge.accepts(0)).toBe(true);
  });
});

describe('a server that takes its time for each', () => {
  it('is probed after pauses that double up to ten seconds', () => {
    const pauses = Array.from({ length: 9 }, () => {
      probe(0.3);
      expect(gauge.accepts(0)).toBe(false);
      return pause();
    });
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  });

  it('is found out when it becomes quick', () => {
    for (let index = 0; index < 3; index++) {
      probe(0.3);
      pause();
    }
    probe(0.09);
    expect(gauge.accepts(0)).toBe(true);
  });
});
