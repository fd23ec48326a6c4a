/** Amounts, entries and costs: all of it is exact. */
import { describe, expect, it } from 'vitest';
import type { JobRecord } from '../../src/index.js';
import { notesOf } from '../../src/instances/ledger-notes.js';
import { amountOf, costOfTime, formatAmount, parseAmount } from '../../src/jobs/amount.js';
import { costByDay, costOf, hasUnknownPrice, ratePerHour } from '../../src/money/cost.js';
import { foldedEntry } from '../../src/money/fold.js';
import {
  completedEntry,
  type LedgerEntry,
  type LedgerNote,
  noted,
  openedEntry,
  type Rental,
} from '../../src/money/ledger-entry.js';
import { sumsOf } from '../../src/money/sums.js';

describe('amounts', () => {
  it.each([
    [0.29, 1, 5, 29_000],
    ['0.29', 3, 5, 87_000],
    [1.1, 3, 5, 330_000],
    [0.2013888888888889, 1, 5, 20_139],
    ['1e-7', 1, 5, 0],
    ['2.5e-5', 2, 5, 5],
    [75, 1, 3, 75_000],
    ['35000', 1, 0, 35_000],
    [-0.000015, 1, 5, -2],
    ['1e999', 1, 5, undefined],
    ['12,5', 1, 5, undefined],
    [Number.NaN, 1, 5, undefined],
    [Number.POSITIVE_INFINITY, 1, 5, undefined],
    ['99999999999999', 1, 5, undefined],
  ])('%s times %s to %s decimals is %s', (value, times, decimals, expected) => {
    expect(amountOf(value, times, decimals)).toBe(expected);
  });

  it.each([
    ['$1.5', 150_000],
    ['1.23456', 123_456],
    ['12 USD', 1_200_000],
    ['0', 0],
  ])('reads %s', (text, expected) => {
    expect(parseAmount('--limit', text)).toBe(expected);
  });

  it.each(['', '1.234567', '-1', '1e3', 'five', '1,50', '99999999999999999'])('refuses %j', (text) => {
    expect(() => parseAmount('--limit', text)).toThrow(/--limit must be an amount in USD/);
  });

  it('are written with all their digits', () => {
    const written = [0, 1, 100_000, 123_450, -5, 12_345_678_901].map(formatAmount);
    expect(written).toEqual(['$0.00000', '$0.00001', '$1.00000', '$1.23450', '-$0.00005', '$123456.78901']);
  });

  it('times a time are rounded up once', () => {
    expect(costOfTime(35_000, 3_600_000)).toBe(35_000);
    expect(costOfTime(35_000, 1)).toBe(1);
    expect(costOfTime(0, 1)).toBe(0);
    // Beyond what a float holds: 100 years of 10,000 USD an hour.
    expect(costOfTime(1_000_000_000, 3_155_760_000_001)).toBe(876_600_000_000_278);
  });
});

const START = '2026-11-30T22:00:00.000Z';
const at = (minutes: number, seconds = 0) =>
  new Date(Date.parse(START) + minutes * 60_000 + seconds * 1_000).toISOString();
const ms = (minutes: number, seconds = 0) => Date.parse(at(minutes, seconds));

const RENTAL: Rental = {
  ...{ provider: 'novita', account: 'main', id: 'abc', novitaInstanceId: 'abc', name: 'jetfleet-a' },
  ...{ jobId: 'order-1', owner: 'order-1', tags: ['team:red'], billedMs: 1_000 },
  ...{ rentedAt: START, pricePerHour: 36_000 },
};
/** An instance for 36,000 an hour, so 10 a second, and what was seen of it. */
function entryOf(notes: LedgerNote[] = [], more: Partial<Rental> = {}): LedgerEntry {
  return notes.reduce((entry, note) => noted(entry, note) ?? entry, openedEntry({ ...RENTAL, ...more }));
}

describe('the cost of an instance', () => {
  it('counts from when its create was sent to its end, by the second', () => {
    const entry = entryOf([{ what: 'ended', at: at(30, 0.2), end: 'deleted' }]);
    expect(costOf(entry, ms(-1))).toBe(0);
    expect(costOf(entry, ms(10))).toBe(6_000);
    // Of the second that has begun, all is billed.
    expect(costOf(entry, ms(10, 0.001))).toBe(6_010);
    expect(costOf(entry, ms(30))).toBe(18_000);
    expect(costOf(entry, ms(600))).toBe(18_010);
    expect(ratePerHour(entry)).toBe(0);
  });

  it('counts whole minutes where its provider bills so', () => {
    const entry = entryOf([], { billedMs: 60_000 });
    expect(costOf(entry, ms(0, 1))).toBe(600);
    expect(costOf(entry, ms(1))).toBe(600);
    expect(costOf(entry, ms(1, 0.001))).toBe(1_200);
  });

  it('leaves out what it was stopped for, and follows the price', () => {
    const entry = entryOf([
      { what: 'state', at: at(10), state: 'stopped' },
      { what: 'state', at: at(40), state: 'running' },
      { what: 'price', at: at(50), pricePerHour: 72_000 },
    ]);
    expect(costOf(entry, ms(25))).toBe(6_000);
    expect(ratePerHour(entry)).toBe(72_000);
    expect(costOf(entry, ms(60))).toBe(6_000 + 6_000 + 12_000);
  });

  it('changes its price with the second that is billed', () => {
    const entry = entryOf([{ what: 'price', at: at(0, 0.5), pricePerHour: 3_600 }]);
    expect(costOf(entry, ms(0, 1))).toBe(10);
    expect(costOf(entry, ms(0, 2))).toBe(11);
  });

  it('is not known without a price, and counts from its beginning once there is one', () => {
    const entry = entryOf([], { pricePerHour: null });
    expect([costOf(entry, ms(60)), hasUnknownPrice(entry)]).toEqual([0, true]);
    const priced = noted(entry, { what: 'price', at: at(30), pricePerHour: 36_000 }) as LedgerEntry;
    expect([costOf(priced, ms(60)), hasUnknownPrice(priced)]).toEqual([36_000, false]);
  });

  it('is that of its UTC days together', () => {
    const entry = entryOf([
      { what: 'price', at: at(119, 59.5), pricePerHour: 1_234 },
      { what: 'ended', at: at(60 * 50, 0.1), end: 'gone' },
    ]);
    const days = costByDay(entry, 0, ms(60 * 100));
    expect([...days.keys()]).toEqual(['2026-11-30', '2026-12-01', '2026-12-02', '2026-12-03'].slice(0, 4));
    expect([...days.values()].reduce((sum, each) => sum + each, 0)).toBe(costOf(entry, ms(60 * 100)));
    const since = ms(60 * 10);
    const later = [...costByDay(entry, since, ms(60 * 100)).values()].reduce((sum, each) => sum + each, 0);
    expect(later).toBe(costOf(entry, ms(60 * 100)) - costOf(entry, since));
  });

  it('stays the same when its oldest changes are no longer kept', () => {
    const notes = Array.from(
      { length: 400 },
      (_, index): LedgerNote => ({ what: 'price', at: at(index * 30), pricePerHour: 36_000 + index }),
    );
    const whole = entryOf(notes);
    const folded = foldedEntry(whole);
    expect(folded.changes).toHaveLength(100);
    expect(costOf(folded, ms(30 * 500))).toBe(costOf(whole, ms(30 * 500)));
    const days = (entry: LedgerEntry) => [...costByDay(entry, 0, ms(30 * 500))];
    expect(days(folded)).toEqual(days(whole));
    // Again, and again the same.
    const more = notes.map((note, index) => ({ ...note, at: at(30 * 500 + index) }) as LedgerNote);
    const again = foldedEntry(more.reduce((entry, note) => noted(entry, note) ?? entry, folded));
    const unfolded = more.reduce((entry, note) => noted(entry, note) ?? entry, whole);
    expect(costOf(again, ms(30 * 600))).toBe(costOf(unfolded, ms(30 * 600)));
    expect(JSON.stringify(again).length).toBeLessThan(20_000);
  });
});

it.each([1_000, 60_000])(
  'costs the same folded, where %d ms are billed and prices change in between',
  (billedMs) => {
    const changeAt = (index: number) => at(index * 7 + 1, (index * 13) % 60);
    const notes = Array.from({ length: 450 }, (_, index): LedgerNote => {
      const seenAt = changeAt(index);
      if (index % 90 === 40) return { what: 'state', at: seenAt, state: 'stopped' };
      if (index % 90 === 50) return { what: 'state', at: seenAt, state: 'running' };
      return { what: 'price', at: seenAt, pricePerHour: 36_000 + index * 17 };
    });
    const whole = entryOf(notes, { billedMs });
    const folded = notes.reduce(
      (entry, note) => foldedEntry(noted(entry, note) ?? entry),
      openedEntry({ ...RENTAL, billedMs }),
    );
    expect(folded.changes.length).toBeLessThan(220);
    for (const minutes of [450 * 7, 450 * 7 + 500])
      expect(costOf(folded, ms(minutes))).toBe(costOf(whole, ms(minutes)));
    // Within what was folded the days are known, and nothing within a day.
    const [day = 0, noon = 0] = [ms(24 * 60 - 60 * 8), ms(24 * 60 - 60 * 8 + 1)];
    expect(costOf(folded, noon)).toBeLessThanOrEqual(costOf(whole, day + 86_400_000));
    const early = noted(folded, { what: 'ended', at: at(1), end: 'deleted' });
    expect(early?.endedAt).toBe(folded.earlier?.until);
    const unpriced = { ...whole, changes: whole.changes.map((each) => ({ ...each, pricePerHour: null })) };
    expect(foldedEntry(unpriced)).toBe(unpriced);
  },
);

describe('an entry', () => {
  it('has the state that was seen last, also where notes come late', () => {
    const stop: LedgerNote = { what: 'state', at: at(10), state: 'stopped' };
    const start: LedgerNote = { what: 'state', at: at(20), state: 'running' };
    const price: LedgerNote = { what: 'price', at: at(15), pricePerHour: 72_000 };
    const whole = entryOf([stop, price, start]);
    expect(costOf(whole, ms(30))).toBe(6_000 + 12_000);
    for (const notes of [
      [start, stop, price],
      [start, price, stop],
      [price, start, stop],
      [price, stop, start],
      [stop, start, price],
    ]) {
      const entry = entryOf(notes);
      expect(costOf(entry, ms(30)), JSON.stringify(notes)).toBe(costOf(whole, ms(30)));
      expect(entry.changes.at(-1)?.state).toBe('running');
    }
    const stops = [at(10), at(30)].map(
      (seenAt): LedgerNote => ({ what: 'state', at: seenAt, state: 'stopped' }),
    );
    const late = entryOf([...stops, start]);
    expect(late.changes.at(-1)?.state).toBe('stopped');
    expect(costOf(late, ms(60))).toBe(6_000 + 6_000);
  });

  const ALL: LedgerNote[] = [
    { what: 'state', at: at(5), state: 'stopped' },
    { what: 'state', at: at(6), state: 'running' },
    { what: 'price', at: at(7), pricePerHour: 5 },
    { what: 'interrupted', at: at(8) },
    { what: 'lapsed', at: at(9) },
    { what: 'ended', at: at(10), end: 'gone' },
  ];

  it('is the same after the same was noted twice', () => {
    for (const [index, note] of ALL.entries()) {
      const entry = entryOf(ALL.slice(0, index + 1));
      expect(noted(entry, note), note.what).toBeUndefined();
    }
  });

  it('ends as what is most exact of all that was seen, whatever came first', () => {
    const ends = (...notes: LedgerNote[]) => entryOf(notes).end;
    const gone: LedgerNote = { what: 'ended', at: at(10), end: 'gone' };
    expect(ends(gone)).toBe('gone');
    expect(ends({ what: 'interrupted', at: at(1) }, gone)).toBe('reclaimed');
    expect(ends(gone, { what: 'lapsed', at: at(11) })).toBe('watchdog');
    expect(ends(gone, { what: 'ended', at: at(9), end: 'deleted' })).toBe('deleted');
    expect(entryOf([gone, { what: 'ended', at: at(9), end: 'deleted' }]).endedAt).toBe(at(9));
    expect(entryOf([gone, { what: 'ended', at: at(12), end: 'deleted' }]).endedAt).toBe(at(10));
  });

  it('goes on when the instance is there after its end', () => {
    const entry = entryOf([
      { what: 'ended', at: at(10), end: 'gone' },
      { what: 'back', at: at(20) },
    ]);
    expect(entry.endedAt).toBeUndefined();
    expect(costOf(entry, ms(30))).toBe(18_000);
    expect(noted(entryOf(ALL), { what: 'back', at: at(3) })).toBeUndefined();
  });

  it('is completed by what was not known, and keeps what was', () => {
    const { jobId: _, owner: __, ...unknown } = RENTAL;
    const found = openedEntry({ ...unknown, tags: [], pricePerHour: null, rentedAt: at(3) });
    const whole = completedEntry(found, RENTAL) as LedgerEntry;
    expect(whole).toMatchObject({ jobId: 'order-1', tags: ['team:red'], rentedAt: at(3) });
    expect(whole.changes).toEqual([{ at: at(3), state: 'running', pricePerHour: 36_000 }]);
    expect(completedEntry(whole, RENTAL)).toBeUndefined();
  });
});

it('sums add up by account, tag and day, and leave out what was not there', () => {
  const entries = [
    entryOf(),
    entryOf([{ what: 'ended', at: at(30), end: 'deleted' }], { id: 'b', tags: ['team:red', 'nightly'] }),
    entryOf([], { id: 'c', account: 'other', tags: [], pricePerHour: null }),
    entryOf([{ what: 'ended', at: at(-60 * 24), end: 'deleted' }], { id: 'd', rentedAt: at(-60 * 48) }),
  ];
  const sums = sumsOf(entries, { sinceMs: ms(0), untilMs: ms(180) });
  expect(sums).toMatchObject({ total: 126_000, ratePerHour: 36_000, instances: 3, running: 2, unpriced: 1 });
  expect(sums.byAccount).toEqual([
    {
      provider: 'novita',
      account: 'main',
      amount: 126_000,
      ratePerHour: 36_000,
      instances: 2,
      running: 1,
      stopped: 0,
    },
    { provider: 'novita', account: 'other', amount: 0, ratePerHour: 0, instances: 1, running: 1, stopped: 0 },
  ]);
  expect(sums.byTag.map(({ tag, amount }) => [tag, amount])).toEqual([
    ['team:red', 126_000],
    ['nightly', 18_000],
  ]);
  expect(sums.byDay).toEqual([
    { day: '2026-11-30', amount: 90_000 },
    { day: '2026-12-01', amount: 36_000 },
  ]);
});

describe('what the outcome of a job proves', () => {
  const job = (type: string, more: Partial<JobRecord>): JobRecord =>
    ({
      ...{ v: 1, id: 'j', type, priority: 'normal', status: 'completed', state: 'completed', attempt: 1 },
      ...{ maxAttempts: 3, createdAt: START, updatedAt: at(10), machine: { id: 'job', version: 1 } },
      payload: { novitaInstanceId: 'abc' },
      ...more,
    }) as JobRecord;
  const failed = (code: string) =>
    ({ status: 'failed', state: 'exhausted', error: { code, message: '', retryable: false } }) as const;
  const absent = { absent: { since: at(9), reads: 3 } };
  const before = job('x', { updatedAt: at(1) });

  it.each<[string, JobRecord, object[]]>([
    ['a create', job('create_instance', { result: { novitaInstanceId: 'abc', duplicates: ['d'] } }), []],
    ['a monitor that saw it run', job('monitor_instance', {}), [{ what: 'state', state: 'running' }]],
    [
      'a monitor in time for the next offer',
      job('monitor_instance', { result: { status: 'replaced' } }),
      [{ what: 'ended', end: 'deleted' }],
    ],
    [
      'a monitor that has deleted it',
      job('monitor_instance', failed('JETFLEET_INSTANCE_TIMEOUT')),
      [{ what: 'ended', end: 'deleted' }],
    ],
    [
      'a monitor that has stopped it',
      job('monitor_instance', {
        ...failed('JETFLEET_INSTANCE_TIMEOUT'),
        payload: { novitaInstanceId: 'abc', onTimeout: 'stop' },
      }),
      [{ what: 'state', state: 'stopped' }],
    ],
    [
      'a monitor whose instance was reclaimed',
      job('monitor_instance', {
        ...failed('JETFLEET_INSTANCE_FAILED'),
        checkpoint: { lastStatus: 'preempted' },
      }),
      [{ what: 'interrupted' }, { what: 'state', state: 'stopped' }],
    ],
    [
      'a monitor whose instance has vanished',
      job('monitor_instance', { ...failed('JETFLEET_INSTANCE_VANISHED'), checkpoint: absent }),
      [{ what: 'ended', end: 'gone', at: at(9) }],
    ],
    [
      'a deletion',
      job('delete_instance', { result: { deleted: ['abc'] }, checkpoint: absent }),
      [{ what: 'ended', end: 'deleted', at: at(9) }],
    ],
    [
      'a deletion of what was gone already',
      job('delete_instance', { result: { deleted: [] } }),
      [{ what: 'ended', end: 'gone' }],
    ],
    [
      'a stop',
      job('stop_instance', { result: { status: 'stopped' } }),
      [{ what: 'state', state: 'stopped' }],
    ],
    [
      'a start',
      job('start_instance', { result: { status: 'running' } }),
      [{ what: 'state', state: 'running' }],
    ],
    [
      'an order that came too late',
      job('restart_instance', failed('JETFLEET_INSTANCE_VANISHED')),
      [{ what: 'ended', end: 'gone' }],
    ],
    [
      'a watch that sees a changed price',
      job('watch_instance', { result: { event: 'priceChanged', pricePerHour: 7 } }),
      [{ what: 'price', pricePerHour: 7 }],
    ],
    [
      'a watch that looks at the price',
      job('watch_instance', {
        ...{ status: 'processing', state: 'waiting', checkpoint: { pricedAt: at(9), pricePerHour: 8 } },
      }),
      [{ what: 'price', pricePerHour: 8 }],
    ],
    [
      'a watch that sees it reclaimed',
      job('watch_instance', { result: { event: 'spotInterrupted', status: 'preempted' } }),
      [{ what: 'interrupted' }, { what: 'state', state: 'stopped' }],
    ],
    [
      'a watch that hears that it will be reclaimed',
      job('watch_instance', { result: { event: 'spotInterrupted', status: 'running' } }),
      [{ what: 'interrupted' }],
    ],
    [
      'a watch that sees it deleted',
      job('watch_instance', {
        result: { event: 'deleted' },
        checkpoint: { suspect: { event: 'deleted', since: at(8) } },
      }),
      [{ what: 'ended', end: 'gone', at: at(8) }],
    ],
    [
      'a lease that was renewed too late for its instance',
      job('keep_lease', {
        ...{ status: 'processing', state: 'waiting', checkpoint: { absent: { since: at(10), reads: 1 } } },
        payload: { novitaInstanceId: 'abc', leaseMs: 60_000 },
      }),
      [{ what: 'lapsed' }],
    ],
    ['a lease whose instance is gone', job('keep_lease', {}), [{ what: 'ended', end: 'gone' }]],
  ])('%s', (_, record, notes) => {
    const [first] = notesOf(record, before);
    expect(first?.novitaInstanceId).toBe('abc');
    expect(first?.notes).toMatchObject(notes);
    expect(first?.notes).toHaveLength(notes.length);
  });

  it.each<[string, JobRecord]>([
    ['a create that failed', job('create_instance', failed('JETFLEET_PROVIDER_CAPACITY'))],
    ['a monitor that polls', job('monitor_instance', { status: 'processing', state: 'waiting' })],
    ['a check', job('check_instance', { result: { status: 'terminated' } })],
    ['a job of another type', job('send_webhook', {})],
  ])('nothing: %s', (_, record) => {
    expect(notesOf(record, before)).toEqual([]);
  });

  it('what a deletion finds with a later look is entered, also where it then fails, and once', () => {
    const looks = (found: string[], more: Partial<JobRecord> = {}) =>
      job('delete_instance', { status: 'processing', checkpoint: { found, looks: 2 }, ...more });
    expect(notesOf(looks(['abc']), looks([]))).toEqual([{ novitaInstanceId: 'abc', notes: [] }]);
    expect(notesOf(looks(['abc'], failed('JETFLEET_INSTANCE_NOT_DELETED')), looks([]))).toHaveLength(1);
    expect(notesOf(looks(['abc']), looks(['abc']))).toEqual([]);
  });

  it('a start is paid for from its order on', () => {
    const record = job('start_instance', { result: { status: 'running' }, checkpoint: { sentAt: at(2) } });
    expect(notesOf(record, before)[0]?.notes).toEqual([{ what: 'state', at: at(2), state: 'running' }]);
  });

  it('an instance that is back costs again, also where the watch ends with other news', () => {
    const away = job('watch_instance', { status: 'processing', checkpoint: { reported: ['stopped'] } });
    const seen = job('watch_instance', { result: { event: 'unhealthy', status: 'running' } });
    expect(notesOf(seen, away)[0]?.notes).toEqual([{ what: 'state', at: at(10), state: 'running' }]);
    expect(notesOf(seen, before)).toEqual([]);
  });
});
