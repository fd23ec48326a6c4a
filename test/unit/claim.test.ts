import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type JobRecord, pendingRecord } from '../../src/jobs/job-record.js';
import { isTerminal, type JobState, statusOf } from '../../src/jobs/vocabulary.js';
import { type ClaimDecision, decideClaim } from '../../src/worker/claim/decide-claim.js';

const NOW = Date.UTC(2026, 0, 1, 12);
const SEQ = 10;
const STATES: readonly JobState[] = [
  'queued',
  'scheduled',
  'retrying',
  'running',
  'waiting',
  'completed',
  'exhausted',
  'rejected',
  'timed_out',
  'expired',
  'cancelled',
];

function record(state: JobState, more: Partial<JobRecord> = {}): JobRecord {
  const base = pendingRecord(
    { id: 'a', type: 'demo', priority: 'normal', payload: {}, createdAt: '2026-01-01T00:00:00.000Z' },
    3,
  );
  return { ...base, state, status: statusOf(state), attempt: 1, worker: 'w1', workSeq: SEQ, ...more };
}

const dueIn = (ms: number) => new Date(NOW + ms).toISOString();

function decide(last: JobRecord | undefined, { seq = SEQ, redelivered = false } = {}): ClaimDecision {
  return decideClaim({
    seq,
    priority: 'normal',
    redelivered,
    last: last && { record: last, seq: 99 },
    nowMs: NOW,
  });
}

/** A decision in a word: the kind, and the event of a claim. */
const word = (decision: ClaimDecision) => (decision.kind === 'claim' ? decision.event.type : decision.kind);

describe.each([
  // [what, last record, delivered message, decision]
  ['a job that nobody has touched', undefined, {}, 'CLAIM'],
  ['a job that nobody has touched, delivered again', undefined, { redelivered: true }, 'CLAIM'],
  ['a job that was handed back', record('queued'), { redelivered: true }, 'CLAIM'],
  ['a job that was handed back, by another message', record('queued'), { seq: 11 }, 'CLAIM'],
  ['a running job, by its own message for the first time', record('running'), {}, 'held'],
  ['a running job whose worker fell silent', record('running'), { redelivered: true }, 'RECLAIM'],
  ['a running job, by another message', record('running'), { seq: 11 }, 'duplicate'],
  ['a running job, by another message again', record('running'), { seq: 11, redelivered: true }, 'duplicate'],
  ['a retrying job that is due', record('retrying', { nextRunAt: dueIn(0) }), { seq: 11 }, 'CLAIM'],
  [
    'a retrying job within the clock skew',
    record('retrying', { nextRunAt: dueIn(200) }),
    { seq: 11 },
    'CLAIM',
  ],
  ['a retrying job that is not due', record('retrying', { nextRunAt: dueIn(201) }), { seq: 11 }, 'rearm'],
  ['a retrying job, by the message that failed', record('retrying', { nextRunAt: dueIn(-9) }), {}, 'rearm'],
  ['a retrying job without a due time', record('retrying'), { seq: 11 }, 'CLAIM'],
  ['a waiting job that is due', record('waiting', { nextRunAt: dueIn(0) }), { seq: 11 }, 'RESUME'],
  ['a waiting job that is not due', record('waiting', { nextRunAt: dueIn(5_000) }), { seq: 11 }, 'rearm'],
  ['a waiting job, by the message that snoozed', record('waiting', { nextRunAt: dueIn(-9) }), {}, 'rearm'],
  ['a scheduled job that is due', record('scheduled', { nextRunAt: dueIn(0) }), { seq: 11 }, 'CLAIM'],
  ['a scheduled job that is not due', record('scheduled', { nextRunAt: dueIn(5_000) }), { seq: 11 }, 'rearm'],
  ['a completed job', record('completed'), { seq: 11 }, 'ended'],
  ['a completed job, by its own message again', record('completed'), { redelivered: true }, 'ended'],
  ['an exhausted job', record('exhausted'), {}, 'ended'],
  ['a rejected job', record('rejected'), {}, 'ended'],
  ['a timed-out job', record('timed_out'), {}, 'ended'],
  ['a cancelled job', record('cancelled'), { seq: 11 }, 'ended'],
] as const)('%s', (_, last, delivered, expected) => {
  test(`is answered with ${expected}`, () => {
    expect(word(decide(last, delivered))).toBe(expected);
  });
});

test('a first claim is fenced by the absence of any event, a later one by the last', () => {
  const now = new Date(NOW).toISOString();
  expect(decide(undefined)).toEqual({ kind: 'claim', event: { type: 'CLAIM', now }, lastSeq: 0 });
  expect(decide(record('queued'))).toEqual({ kind: 'claim', event: { type: 'CLAIM', now }, lastSeq: 99 });
});

test('a takeover says which worker was lost, in case no attempt is left', () => {
  expect(decide(record('running'), { redelivered: true })).toMatchObject({
    lastSeq: 99,
    event: {
      error: {
        code: 'JETFLEET_STALLED',
        message: 'worker w1 fell silent in attempt 1 of 3',
        retryable: false,
      },
    },
  });
});

describe('for any record and any delivery', () => {
  const records = fc
    .record({
      state: fc.constantFrom(...STATES),
      workSeq: fc.integer({ min: 1, max: 5 }),
      dueMs: fc.option(fc.integer({ min: -10_000, max: 10_000 }), { nil: undefined }),
    })
    .map(({ state, workSeq, dueMs }) =>
      record(state, { workSeq, ...(dueMs !== undefined && { nextRunAt: dueIn(dueMs) }) }),
    );
  const deliveries = fc.record({ seq: fc.integer({ min: 1, max: 5 }), redelivered: fc.boolean() });
  const always = (check: (decision: ClaimDecision, last: JobRecord, seq: number) => void) =>
    fc.assert(
      fc.property(records, deliveries, (last, delivered) =>
        check(decide(last, delivered), last, delivered.seq),
      ),
      { numRuns: 1_000 },
    );

  test('a job that has ended is never claimed', () => {
    always((decision, last) => {
      if (isTerminal(last.status)) expect(decision).toEqual({ kind: 'ended', record: last });
      else expect(decision.kind).not.toBe('ended');
    });
  });

  test('a job that runs by another message is never claimed', () => {
    always((decision, last, seq) => {
      if (last.state === 'running' && last.workSeq !== seq) expect(decision.kind).toBe('duplicate');
    });
  });

  test('a claim is fenced by the event that it was decided on', () => {
    always((decision) => {
      if (decision.kind === 'claim') expect(decision.lastSeq).toBe(99);
    });
  });
});
