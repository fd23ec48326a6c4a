import { describe, expect, it } from 'vitest';
import { askedOf } from '../../dashboard/src/history/range.js';
import { stepFor } from '../../src/cli/history.js';
import type { JobChange, JobRecord, JobState } from '../../src/index.js';
import {
  bucketEndMs,
  bucketOf,
  HISTOGRAM_ERROR,
  isSparseCounts,
  LogHistogram,
} from '../../src/jobs/log-histogram.js';
import { statusOf } from '../../src/jobs/vocabulary.js';
import { JobTimes } from '../../src/queue/stats/job-times.js';
import { checkedRange } from '../../src/queue/stats-history/history-options.js';
import { Breakdown, ErrorCounts, Tallies } from '../../src/queue/stats-history/tally.js';
import { decodeMinute, encodeMinute, type StoredMinute } from '../../src/wire/history-message.js';

const MINUTE = 60_000;
const NOW = Date.parse('2026-11-30T12:00:30Z');
const bytes = (value: unknown) =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

function record(state: JobState, more: Partial<JobRecord> = {}): JobRecord {
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
  const at = '2026-11-30T12:00:00.000Z';
  return { ...base, createdAt: at, updatedAt: at, attempt: 1, status: statusOf(state), state, ...more };
}

/** A change at an hour of the day of all records. */
function changedAt(hour: number): JobChange {
  return { what: 'priority', at: `2026-11-30T${hour}:00:00.000Z` };
}

describe('the histogram', () => {
  it('has percentiles within its error, from 1 ms to 30 days', () => {
    for (let ms = 1; ms < 30 * 86_400_000; ms = Math.ceil(ms * 1.13)) {
      const histogram = new LogHistogram();
      histogram.add(ms);
      const { p50 = 0 } = histogram.percentiles() ?? {};
      // Rounded to milliseconds.
      expect(Math.abs(p50 - ms), `${ms} ms`).toBeLessThanOrEqual(0.5 + ms * HISTOGRAM_ERROR);
      expect(ms).toBeLessThan(bucketEndMs(bucketOf(ms)) + 1e-6);
    }
  });

  it('gives the same percentiles added up in parts as at once', () => {
    const whole = new LogHistogram();
    const parts = [new LogHistogram(), new LogHistogram()];
    for (let index = 0; index < 1_000; index++) {
      whole.add(index * 7);
      parts[index % 2]?.add(index * 7);
    }
    const sum = new LogHistogram(parts[0]?.sparse());
    sum.merge(parts[1]?.sparse() ?? []);
    expect(sum.percentiles()).toEqual(whole.percentiles());
    expect(sum.sparse()).toEqual(whole.sparse());
    expect(isSparseCounts(sum.sparse())).toBe(true);
  });

  it('knows nothing of nothing, and takes what is no duration as 0', () => {
    expect(new LogHistogram().percentiles()).toBeNull();
    expect([bucketOf(0), bucketOf(-1), bucketOf(Number.NaN), bucketOf(0.9)]).toEqual([0, 0, 0, 0]);
    expect(isSparseCounts([bucketOf(Number.MAX_VALUE), 1])).toBe(true);
  });
});

describe('what is told apart', () => {
  it('is bounded: what counts most stays, the rest is counted together', () => {
    const tags = new Breakdown(3);
    const note = (tag: string, times = 1) => {
      for (let index = 0; index < times; index++) tags.of(tag).note(record('completed'), {});
    };
    note('tenant:acme', 50);
    for (let index = 0; index < 500; index++) note(`order:${index}`);
    note('tenant:acme', 50);
    expect(tags.get('tenant:acme')?.completed).toBe(100);
    expect(Object.keys(tags.stored().values)).toHaveLength(3);
    const { values, other } = tags.stored();
    const sum = Object.values(values).reduce((count, each) => count + each.completed, other?.completed ?? 0);
    expect(sum).toBe(600);
  });

  it('counts each of several new tags of one job, also where there is no room for any', () => {
    const tallies = new Tallies();
    const job = (tags: string[]) => tallies.note(record('completed', { tags }), {});
    for (let at = 0; at < 40; at++) for (let times = 0; times < 3; times++) job([`common:${at}`]);
    job(['new:1', 'new:2', 'new:3']);
    const { values, other } = tallies.stored().tag;
    const sum = Object.values(values).reduce((count, each) => count + each.completed, other?.completed ?? 0);
    expect(sum).toBe(40 * 3 + 3);
  });

  it('is bounded for the codes of errors as well', () => {
    const errors = new ErrorCounts();
    for (let index = 0; index < 100; index++) errors.add(`CODE_${index}`);
    expect(errors.stored()['']).toBe(80);
    expect(Object.keys(errors.stored())).toHaveLength(21);
  });

  it.each([
    ['a start', record('running'), { isStart: true, waitMs: 4 }, { started: 1 }],
    ['an end', record('completed'), { runMs: 4 }, { completed: 1 }],
    ['a failure', record('exhausted'), { runMs: 4 }, { failed: 1 }],
    ['a cancellation', record('cancelled'), {}, { cancelled: 1 }],
    ['a retry', record('retrying'), {}, { retried: 1 }],
    ['a redrive, which retries nothing', record('retrying', { attempt: 0 }), {}, {}],
    ['a retry that was changed before', record('retrying', { change: changedAt(11) }), {}, { retried: 1 }],
    ['a change of a retry, which retries nothing', record('retrying', { change: changedAt(12) }), {}, {}],
    ['a sleep, which changes nothing', record('waiting'), {}, {}],
  ] as const)('counts %s', (_, job, times, expected) => {
    const tallies = new Tallies();
    tallies.note({ ...job, tags: ['a', 'a', 'b'], worker: 'w1' }, times);
    const none = { started: 0, completed: 0, failed: 0, cancelled: 0, retried: 0 };
    expect(tallies.stored().all).toMatchObject({ ...none, ...expected });
    const isCounted = Object.keys(expected).length > 0;
    expect(Object.keys(tallies.stored().tag.values)).toEqual(isCounted ? ['a', 'b'] : []);
  });
});

describe('the times of a job', () => {
  const at = (seconds: number) => new Date(NOW + seconds * 1_000).toISOString();
  const running = (updated: number) =>
    record('running', { createdAt: at(0), startedAt: at(1), updatedAt: at(updated), checkpoint: 1 });
  it.each([
    ['a claim', running(1), true, { isStart: true, waitMs: 1_000 }],
    ['a claim after other records', running(1), false, { isStart: true, waitMs: 1_000 }],
    ['a checkpoint in place of the claim', running(3), true, { isStart: true, waitMs: 1_000 }],
    ['a later checkpoint', running(3), false, {}],
    ['a checkpoint of which nobody knows', running(3), undefined, {}],
  ] as const)('are known of %s', (_, job, isFirst, expected) => {
    expect(new JobTimes().of(job, isFirst)).toEqual(expected);
  });
});

describe('a minute as it is stored', () => {
  const tallies = new Tallies();
  tallies.note(
    record('exhausted', { error: { code: 'E', message: '', retryable: false }, tags: ['__proto__'] }),
    {
      runMs: 7,
    },
  );
  const minute: StoredMinute = {
    v: 1,
    at: '2026-11-30T12:00:00.000Z',
    events: '2026-11-01T00:00:00Z',
    nextSeq: 8,
    ...tallies.stored(),
    depth: { pending: 3, processing: 1 },
  };

  it('is read as it was written, whatever a tag is called', () => {
    const read = decodeMinute(bytes(encodeMinute(minute)));
    expect(read).toEqual(minute);
    expect(Object.keys(read?.tag.values ?? {})).toEqual(['__proto__']);
    const sum = new Tallies();
    if (read) for (let index = 0; index < 2; index++) sum.merge(read);
    expect(sum.stored()).toMatchObject({ all: { failed: 2, run: [12, 2] }, errors: { E: 2 } });
  });

  it.each<[string, unknown]>([
    ['no JSON', '{'],
    ['null', 'null'],
    ['of a later version', { ...minute, v: 2 }],
    ['without a time', { ...minute, at: 'never' }],
    ['without a place', { ...minute, nextSeq: -1 }],
    ['with half a bucket', { ...minute, all: { ...minute.all, wait: [1] } }],
    ['with a bucket beyond the last', { ...minute, all: { ...minute.all, wait: [1e9, 1] } }],
    ['with an empty tally', { ...minute, tag: { values: { a: {} } } }],
    ['with words for counts', { ...minute, errors: { E: 'many' } }],
    ['with words for a depth', { ...minute, depth: { pending: 'all' } }],
  ])('is passed over when it is %s', (_, value) => {
    expect(decodeMinute(bytes(value))).toBeUndefined();
  });
});

describe('the range', () => {
  const range = (options: object) => checkedRange(options, NOW);

  it('is the last 24 hours, in steps of five minutes that begin on the clock', () => {
    const { fromMs, toMs, stepMs } = range({});
    expect([new Date(fromMs).toISOString(), new Date(toMs).toISOString(), stepMs]).toEqual([
      '2026-11-29T12:00:00.000Z',
      '2026-11-30T12:05:00.000Z',
      5 * MINUTE,
    ]);
    expect(range({ from: new Date(NOW - 3_600_000) }).stepMs).toBe(MINUTE);
    expect(range({ tag: 'a' }).only).toEqual({ dimension: 'tag', value: 'a' });
  });

  it('may be asked for a moment after it was made', () => {
    const minutes = (count: number) => new Date(NOW - count * MINUTE);
    expect(range({ from: new Date(NOW - 25 * 3_600_000 - 2_000) }).stepMs).toBe(15 * MINUTE);
    expect(stepFor(new Date(NOW - 6 * 3_600_000 - 20), undefined, NOW)).toBe(15 * MINUTE);
    expect([24, 120, 360, 1_440].map((count) => stepFor(minutes(count), undefined, NOW) / MINUTE)).toEqual([
      1, 5, 15, 60,
    ]);
    expect(stepFor(minutes(380), undefined, NOW)).toBe(60 * MINUTE);
    expect(stepFor(minutes(60), minutes(30), NOW)).toBe(5 * MINUTE);
  });

  it.each([
    [''],
    ['range=1h'],
    ['since=2026-11-30T11:00:00.000Z'],
    ['until=2026-11-30T12:30:00.000Z'],
    ['since=2026-11-30T11:00:00.000Z&until=2026-11-30T12:01:00.000Z'],
    ['since=2026-11-01T11:00:00.000Z&until=2026-11-01T12:00:00.000Z'],
  ])('of the page stays the same for a minute, and is one that is kept: ?%s', (query) => {
    const at = (ms: number) => askedOf(new URLSearchParams(query), NOW - 30_000 + ms).path;
    expect(new Set([1, 7_000, 59_999].map(at)).size).toBe(1);
    const { from, to } = Object.fromEntries(new URL(at(1), 'http://x').searchParams);
    expect(() => checkedRange({ ...(from && { from }), ...(to && { to }) }, NOW - 29_999)).not.toThrow();
  });

  it.each([
    [{ from: '2026-11-30T12:00:00Z', to: '2026-11-30T11:00:00Z' }, /before to/],
    [{ from: '2026-11-20T12:00:00Z' }, /25 hours/],
    [{ from: 'yesterday' }, /from must be a valid Date/],
    [{ stepMs: 90_000 }, /whole minutes/],
    [{ stepMs: 1_000 }, /stepMs must be an integer from 60000/],
    [{ type: 'a', tag: 'b' }, /one type, priority, worker or tag, got type and tag/],
    [{ typ: 'a' }, /no "typ"/],
    [{ worker: 7 }, /worker must be a string/],
  ])('%j is refused', (options, problem) => {
    expect(() => range(options)).toThrow(problem);
  });
});
