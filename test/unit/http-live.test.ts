import { describe, expect, it } from 'vitest';
import { percentiles } from '../../src/http/live-samples.js';
import type { JobRecord, JobState } from '../../src/index.js';
import { statusOf } from '../../src/jobs/vocabulary.js';
import { JobTimes } from '../../src/queue/stats/job-times.js';

const at = (ms: number) => new Date(ms).toISOString();

function record(state: JobState, more: Partial<JobRecord>): JobRecord {
  const machine = { id: 'job', version: 1 };
  const base = {
    v: 1,
    id: 'a',
    type: 'demo',
    priority: 'normal',
    payload: null,
    maxAttempts: 3,
    machine,
  } as const;
  const times = { createdAt: at(0), updatedAt: at(0) };
  return { ...base, ...times, attempt: 1, status: statusOf(state), state, ...more };
}

describe('times of jobs', () => {
  it('a job with a claim and an end: it waited until the claim, and ran until the end', () => {
    const times = new JobTimes();
    const startedAt = at(40);
    expect(times.of(record('running', { startedAt, updatedAt: startedAt }))).toEqual({
      isStart: true,
      waitMs: 40,
    });
    expect(times.of(record('completed', { startedAt, finishedAt: at(100) }))).toEqual({ runMs: 60 });
  });

  it('a short job has one record, which tells both', () => {
    const end = record('completed', { startedAt: at(5), finishedAt: at(7) });
    expect(new JobTimes().of(end)).toEqual({ isStart: true, waitMs: 5, runMs: 2 });
  });

  it('a job that is tried again waits from when it was due', () => {
    const times = new JobTimes();
    times.of(record('running', { startedAt: at(1), updatedAt: at(1) }));
    expect(times.of(record('retrying', { startedAt: at(1), nextRunAt: at(1_000) }))).toEqual({});
    expect(times.of(record('running', { startedAt: at(1), updatedAt: at(1_300) }))).toEqual({ waitMs: 300 });
    expect(times.of(record('exhausted', { startedAt: at(1), finishedAt: at(2_001) }))).toEqual({
      runMs: 2_000,
    });
  });

  it('a job that runs again after its failure waits from then on', () => {
    const times = new JobTimes();
    times.of(record('queued', { attempt: 0, redrives: 1, updatedAt: at(9_000) }));
    expect(times.of(record('running', { redrives: 1, startedAt: at(9_030), updatedAt: at(9_030) }))).toEqual({
      isStart: true,
      waitMs: 30,
    });
    // Nothing is known of a redrive that was not read.
    const end = record('completed', { id: 'b', redrives: 1, startedAt: at(9_000), finishedAt: at(9_001) });
    expect(times.of(end, false)).toEqual({ runMs: 1 });
  });

  it('a record that is known not to be the first of its job starts nothing', () => {
    const end = record('completed', { startedAt: at(5), finishedAt: at(7) });
    expect(new JobTimes().of(end, false)).toEqual({ runMs: 2 });
  });

  it('a job that never started tells nothing', () => {
    expect(new JobTimes().of(record('cancelled', { finishedAt: at(9) }))).toEqual({});
  });
});

describe('percentiles', () => {
  it.each([
    [[], null],
    [[7], { p50: 7, p95: 7 }],
    [[3, 1, 2], { p50: 2, p95: 3 }],
    [Array.from({ length: 100 }, (_, index) => 100 - index), { p50: 50, p95: 95 }],
  ])('of %j are %j', (samples, expected) => {
    expect(percentiles(samples)).toEqual(expected);
  });
});
