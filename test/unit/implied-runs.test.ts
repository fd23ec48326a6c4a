import { expect, test } from 'vitest';
import type { JobRecord, JobState } from '../../src/index.js';
import { statusOf } from '../../src/jobs/vocabulary.js';
import { ImpliedRuns } from '../../src/queue/implied-runs.js';

const at = (ms: number) => new Date(ms).toISOString();

function record(state: JobState, more: Partial<JobRecord> = {}): JobRecord {
  const machine = { id: 'job', version: 1 };
  const facts = { v: 1, id: 'a', type: 'demo', priority: 'normal', payload: 7, maxAttempts: 3 } as const;
  const times = { createdAt: at(0), updatedAt: at(50) };
  return { ...facts, ...times, machine, attempt: 1, status: statusOf(state), state, ...more };
}

const startedAt = at(5);
const run = record('running', { startedAt, updatedAt: startedAt });

test.each<[string, JobRecord, JobRecord | undefined]>([
  ['completed', record('completed', { startedAt, result: 1, finishedAt: at(50), next: [] }), run],
  [
    'retrying',
    record('retrying', {
      startedAt,
      nextRunAt: at(90),
      error: { code: 'X', message: 'x', retryable: true },
    }),
    run,
  ],
  ['timed out', record('timed_out', { startedAt, finishedAt: at(50) }), run],
  ['waiting', record('waiting', { startedAt, nextRunAt: at(90) }), run],
  ['running', run, undefined],
  ['handed back', record('queued', { startedAt, attempt: 0 }), undefined],
  ['cancelled before it ran', record('cancelled', { finishedAt: at(50) }), undefined],
])('a first record that says %s', (_, first, implied) => {
  expect(new ImpliedRuns().before(first)).toEqual(implied);
});

test('of a job whose start has a record, no later one implies it, but that of its next life does', () => {
  const runs = new ImpliedRuns();
  const retrying = record('retrying', { startedAt, nextRunAt: at(90) });
  const completed = record('completed', { startedAt, finishedAt: at(200) });
  expect([run, retrying, completed].map((each) => runs.before(each))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(runs.before(record('queued', { redrives: 1, attempt: 0 }))).toBeUndefined();
  expect(runs.before(completed)).toEqual(run);
});

test('jobs are told apart, and those that never end are forgotten at last', () => {
  const runs = new ImpliedRuns();
  for (let n = 0; n <= 20_000; n++) runs.before({ ...run, id: `job-${n}` });
  const ended = (id: string) => runs.before(record('completed', { id, startedAt })) !== undefined;
  expect([ended('job-0'), ended('job-1'), ended('job-20000')]).toEqual([true, false, false]);
});
