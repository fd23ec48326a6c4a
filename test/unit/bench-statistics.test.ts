import { describe, expect, it } from 'vitest';
import { unitsOfRound } from '../../bench/plan.js';
import { ratiosOf } from '../../bench/ratios.js';
import { assertWholeMeasures, selectUnits } from '../../bench/selection.js';
import { SIZES } from '../../bench/sizes.js';
import { median, percentile, summarise } from '../../bench/statistics.js';

describe('benchmark statistics', () => {
  it('takes the middle value, or the mean of the two middle ones', () => {
    expect(median([30, 10, 20])).toBe(20);
    expect(median([40, 10, 20, 30])).toBe(25);
  });

  it('keeps the smallest and the largest run beside the median', () => {
    expect(summarise([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, runs: 3 });
  });

  it('counts numbers by size, not by their digits', () => {
    expect(summarise([9, 100, 10])).toMatchObject({ median: 10, min: 9, max: 100 });
  });

  it('takes a percentile as the nearest rank', () => {
    const values = Array.from({ length: 1_000 }, (_, index) => 1_000 - index);
    expect([0, 50, 99, 99.9, 100].map((percent) => percentile(values, percent))).toEqual([
      1, 500, 990, 999, 1_000,
    ]);
    expect(percentile([7], 99.9)).toBe(7);
  });

  it('has no median of nothing', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('benchmark ratios', () => {
  it('puts our rate over theirs and their latency over ours, and leaves out what was not measured', () => {
    const of = (value: number) => summarise([value]);
    const figures = {
      'fsync.jetfleet.add.jobsPerSecond': of(30),
      'fsync.bullmq.add.jobsPerSecond': of(10),
      'periodic.jetfleet.startLatency.p99Ms': of(2),
      'periodic.bullmq.startLatency.p99Ms': of(8),
      'fsync.jetfleet.waiting.1000000.processJobsPerSecond': of(45),
      'fsync.jetfleet.waiting.1000.processJobsPerSecond': of(50),
    };
    expect(ratiosOf(figures, SIZES.full)).toEqual({
      'fsync.addVsBullmq': 3,
      'periodic.startLatencyP99VsBullmq': 4,
      rateAt1MVsAt1k: 0.9,
    });
  });
});

describe('the selection of measurements', () => {
  const units = unitsOfRound(0, SIZES.quick);

  it('restricts by system and by measure', () => {
    const selected = selectUnits(units, ['jetfleet', 'bullmq', 'add']);
    expect(selected.map(({ durability, system }) => `${durability} ${system}`)).toEqual([
      'fsync jetfleet',
      'fsync bullmq',
      'periodic jetfleet',
      'periodic bullmq',
    ]);
    expect(new Set(selected.map(({ measure }) => measure))).toEqual(new Set(['add']));
  });

  it('refuses a name that is none', () => {
    expect(() => selectUnits(units, ['kafka'])).toThrow(/--only kafka must be one of jetfleet|kafka/);
  });

  it('stores whole measures, and those together whose figures are compared', () => {
    const whole =
      (...names: string[]) =>
      () =>
        assertWholeMeasures(selectUnits(units, names), units);
    expect(whole('add')).not.toThrow();
    expect(whole('process', 'raw')).not.toThrow();
    expect(whole('jetfleet', 'add')).toThrow('leaves out fsync.bullmq.add');
    expect(whole('process')).toThrow('leaves out fsync.raw-jetstream.raw');
  });

  it('measures the same in every round, in an order that turns', () => {
    const names = (round: number) =>
      unitsOfRound(round, SIZES.quick)
        .filter(({ measure }) => measure === 'process')
        .map(({ durability, system }) => `${durability} ${system}`);
    expect(names(1)[0]).not.toBe(names(0)[0]);
    expect(names(1).sort()).toEqual(names(0).sort());
  });
});
