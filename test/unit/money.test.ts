/** Amounts, entries and costs: all of it is exact. */
import { describe, expect, it } from 'vitest';
import { amountOf, costOfTime, formatAmount, parseAmount } from '../../src/jobs/amount.js';
import { costByDay, costOf, hasUnknownPrice, ratePerHour } from '../../src/money/cost.js';
import type { LedgerEnd, LedgerEntry, LedgerNote, Rental } from '../../src/money/ledger-entry.js';
import { completedEntry, noted, openedEntry } from '../../src/money/noted-entry.js';
import { decodeEntry, encodeEntry } from '../../src/money/stored-entry.js';
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
const ended = (since: string, end: LedgerEnd, provenAt = since): LedgerNote => ({
  what: 'ended',
  at: since,
  provenAt,
  end,
});
/** An instance for 36,000 an hour, so 10 a second, and what was seen of it. */
function entryOf(notes: LedgerNote[] = [], more: Partial<Rental> = {}): LedgerEntry {
  return notes.reduce((entry, note) => noted(entry, note) ?? entry, openedEntry({ ...RENTAL, ...more }));
}

describe('the cost of an instance', () => {
  it('counts from when its create was sent to its end, by the second', () => {
    const entry = entryOf([ended(at(30, 0.2), 'deleted')]);
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
      ended(at(60 * 50, 0.1), 'gone'),
    ]);
    const days = costByDay(entry, 0, ms(60 * 100));
    expect([...days.keys()]).toEqual(['2026-11-30', '2026-12-01', '2026-12-02', '2026-12-03'].slice(0, 4));
    expect([...days.values()].reduce((sum, each) => sum + each, 0)).toBe(costOf(entry, ms(60 * 100)));
    const since = ms(60 * 10);
    const later = [...costByDay(entry, since, ms(60 * 100)).values()].reduce((sum, each) => sum + each, 0);
    expect(later).toBe(costOf(entry, ms(60 * 100)) - costOf(entry, since));
  });
});

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

  it('ends as what is most exact of all that was seen, whatever came first', () => {
    const ends = (...notes: LedgerNote[]) => entryOf(notes).end;
    const gone = ended(at(10), 'gone');
    const interrupted: LedgerNote = { what: 'interrupted', at: at(11) };
    expect(ends(gone)).toBe('gone');
    expect(ends(interrupted, gone)).toBe('reclaimed');
    expect(ends(gone, interrupted)).toBe('reclaimed');
    expect(ends(gone, ended(at(5), 'watchdog', at(11)))).toBe('watchdog');
    expect(ends(gone, ended(at(9), 'deleted'))).toBe('deleted');
    expect(entryOf([gone, ended(at(9), 'deleted')]).endedAt).toBe(at(9));
    expect(entryOf([gone, ended(at(12), 'deleted')]).endedAt).toBe(at(10));
  });

  it('was not taken back where it has run again since', () => {
    const notes: LedgerNote[] = [
      { what: 'interrupted', at: at(1) },
      { what: 'state', at: at(1), state: 'stopped' },
      { what: 'state', at: at(5), state: 'running' },
      ended(at(60), 'gone'),
    ];
    expect(entryOf(notes).end).toBe('gone');
  });

  it('goes on when the instance was seen after its end was proven, and ends where it was seen last', () => {
    const gone = ended(at(10), 'gone', at(20));
    const seen = (minutes: number): LedgerNote => ({ what: 'state', at: at(minutes), state: 'running' });
    expect(entryOf([gone, seen(21)]).endedAt).toBeUndefined();
    expect(costOf(entryOf([gone, seen(21)]), ms(30))).toBe(18_000);
    // What an older list has shown meanwhile does not open it again.
    expect(entryOf([gone, seen(15)]).endedAt).toBe(at(15));
    expect(entryOf([gone, seen(21), ended(at(40), 'deleted', at(41))])).toMatchObject({
      ...{ endedAt: at(40), end: 'deleted' },
    });
  });

  it('is none where a message of the ledger is not as it should be', () => {
    const good = entryOf([ended(at(10), 'gone')]);
    const decoded = (change: (entry: Record<string, unknown>) => unknown) =>
      decodeEntry(Buffer.from(JSON.stringify(change(JSON.parse(encodeEntry(good))))));
    expect(decoded((entry) => entry)).toEqual(good);
    const earlier = { until: '2026-12-01T00:00:00.000Z', days: {}, unpricedMs: {} };
    expect(decoded((entry) => ({ ...entry, earlier }))).toBeDefined();
    const { seen } = good;
    for (const bad of [
      { earlier: { ...earlier, days: null } },
      { earlier: { ...earlier, days: { '2026-11-30': 'x' } } },
      { earlier: { ...earlier, until: at(1) } },
      { seen: { ...seen, ends: [{ at: 'soon', provenAt: at(1), end: 'gone' }] } },
      { seen: { ...seen, prices: [{ at: at(1), pricePerHour: 0.5 }] } },
      { seen: { ...seen, states: [{ at: at(1), state: 'hovering' }] } },
      ...[{ seen: null }, { tags: null }, { tags: [1] }, { billedMs: 0 }, { rentedAt: 'x' }, { v: 2 }],
    ])
      expect(
        decoded((entry) => ({ ...entry, ...bad })),
        JSON.stringify(bad),
      ).toBeUndefined();
    expect(decodeEntry(Buffer.from('{'))).toBeUndefined();
  });

  it('is completed by what was not known, and keeps what was', () => {
    const { jobId: _, owner: __, ...unknown } = RENTAL;
    const found = openedEntry({ ...unknown, tags: [], pricePerHour: null, rentedAt: at(3) });
    const whole = completedEntry(found, RENTAL) as LedgerEntry;
    // It was rented before it was seen first.
    expect(whole).toMatchObject({ jobId: 'order-1', tags: ['team:red'], rentedAt: START });
    expect(whole.changes).toEqual([{ at: START, state: 'running', pricePerHour: 36_000 }]);
    expect(completedEntry(whole, RENTAL)).toBeUndefined();
  });
});

it('sums add up by account, tag and day, and leave out what was not there', async () => {
  const entries = [
    entryOf(),
    entryOf([ended(at(30), 'deleted')], { id: 'b', tags: ['team:red', 'nightly'] }),
    entryOf([], { id: 'c', account: 'other', tags: [], pricePerHour: null }),
    entryOf([ended(at(-60 * 24), 'deleted')], { id: 'd', rentedAt: at(-60 * 48) }),
  ];
  const sums = await sumsOf(entries, { sinceMs: ms(0), untilMs: ms(180) });
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
