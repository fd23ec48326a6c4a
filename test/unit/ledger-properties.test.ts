/** What holds for an entry of the ledger, whatever was seen of its instance, in whatever order, and whenever old days are folded. */
import { describe, expect, it } from 'vitest';
import { costByDay, costOf, hasUnknownPrice } from '../../src/money/cost.js';
import { foldedEntry, foldedUntil } from '../../src/money/fold.js';
import type { LedgerEntry, LedgerNote, Rental } from '../../src/money/ledger-entry.js';
import { completedEntry, countFacts, noted, openedEntry } from '../../src/money/noted-entry.js';
import { decodeEntry, encodeEntry } from '../../src/money/stored-entry.js';
import { Random } from '../fault/random.js';

const START = Date.parse('2026-11-30T22:00:00.000Z');
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const SEEDS = Array.from({ length: 150 }, (_, index) => `seed-${index}`);
/** Histories of ten days take longer. */
const FEW = SEEDS.slice(0, 25);
const iso = (ms: number) => new Date(ms).toISOString();

const RENTAL: Rental = {
  ...{
    provider: 'novita',
    account: 'main',
    id: 'abc',
    novitaInstanceId: 'abc',
    jobId: 'order',
    owner: 'order',
  },
  ...{ tags: ['team:red'], billedMs: MINUTE_MS, rentedAt: iso(START), pricePerHour: 36_000 },
};

function entryOf(notes: readonly LedgerNote[], entry = openedEntry(RENTAL)): LedgerEntry {
  return notes.reduce((before, note) => noted(before, note) ?? before, entry);
}

/** Something that is seen at a time: often a price, sometimes an end that is proven a while later. */
function noteAt(random: Random, ms: number): LedgerNote {
  const at = iso(ms);
  if (random.chance(0.4)) return { what: 'price', at, pricePerHour: random.int(0, 100) * 1_000 };
  if (random.chance(0.7)) return { what: 'state', at, state: random.pick(['running', 'stopped']) };
  if (random.chance(0.2)) return { what: 'interrupted', at };
  const provenAt = iso(ms + random.int(0, 20) * MINUTE_MS);
  return { what: 'ended', at, provenAt, end: random.pick(['gone', 'deleted', 'watchdog']) };
}

/** In minutes after the begin, several often at one time. */
const notesOf = (random: Random, count: number, minutes: number) =>
  Array.from({ length: count }, () => noteAt(random, START + random.int(0, minutes) * MINUTE_MS));

describe('notes in any order, and any of them again,', () => {
  it('give the same entry', () => {
    for (const seed of SEEDS) {
      const random = new Random(seed);
      const notes = notesOf(random, random.int(1, 14), 40);
      const entry = entryOf(notes);
      const again = random.sample([...notes, ...random.sample(notes, 5)], notes.length + 5);
      expect(entryOf(again), seed).toEqual(entry);
      for (const note of notes) expect(noted(entry, note), seed).toBeUndefined();
      // As LEDGER keeps it.
      expect(decodeEntry(Buffer.from(encodeEntry(entry))), seed).toEqual(entry);
    }
  });

  it('give the same entry whenever the job is known that has rented the instance', () => {
    const { jobId: _, owner: __, ...unowned } = RENTAL;
    for (const seed of SEEDS) {
      const random = new Random(seed);
      const notes = notesOf(random, 8, 40);
      const entry = entryOf(notes);
      const begun = openedEntry({ ...unowned, tags: [], pricePerHour: null, rentedAt: iso(START + 90_000) });
      const known = random.int(0, notes.length);
      const before = entryOf(notes.slice(0, known), begun);
      const completed = completedEntry(before, RENTAL) as LedgerEntry;
      expect(entryOf(notes.slice(known), completed), seed).toEqual(entry);
      expect(completedEntry(completed, RENTAL), seed).toBeUndefined();
    }
  });

  it('cost what they say, minute by minute', () => {
    for (const seed of SEEDS) {
      const random = new Random(seed);
      const notes = notesOf(random, random.int(1, 14), 40);
      const entry = entryOf(notes);
      for (const minutes of [0, 1, random.int(2, 39), 40, 61])
        expect(costOf(entry, START + minutes * MINUTE_MS), seed).toBe(costByMinutes(notes, minutes));
    }
  });
});

/** By the words of the guide: each minute costs the price that was seen last, where the instance was seen running last, until it ended. */
function costByMinutes(notes: readonly LedgerNote[], minutes: number): number {
  const facts = <W extends LedgerNote['what']>(what: W) =>
    notes.filter((note): note is Extract<LedgerNote, { what: W }> => note.what === what);
  const seenAt = facts('state').reduce((last, { at }) => (at > last ? at : last), '');
  const ends = facts('ended').filter(({ provenAt }) => provenAt >= seenAt);
  const first = ends.map(({ at }) => at).sort()[0];
  const endAt = first === undefined ? undefined : first > seenAt ? first : seenAt;
  const latest = <T extends { at: string }>(all: T[], at: string, key: (each: T) => string) =>
    all
      .filter((each) => each.at <= at)
      .sort((a, b) => (a.at + key(a) < b.at + key(b) ? -1 : 1))
      .at(-1);
  let sum = 0;
  for (let minute = 0; minute < minutes; minute++) {
    const at = iso(START + minute * MINUTE_MS);
    if (endAt !== undefined && at >= endAt) break;
    const state = latest(facts('state'), at, (each) => each.state)?.state ?? 'running';
    const price = latest(facts('price'), at, (each) => String(each.pricePerHour));
    // The price of the create is one of its first minute.
    const sameMinute = price?.at === RENTAL.rentedAt && String(price.pricePerHour) < '36000';
    if (state === 'running') sum += price && !sameMinute ? price.pricePerHour : 36_000;
  }
  return Math.ceil(sum / 60);
}

describe('folding days', () => {
  /** Notes of ten days, of which some days are folded meanwhile; an end may come long after its time. */
  function histories(seed: string, hasStates = true) {
    const random = new Random(seed);
    const billedMs = random.pick([1_000, MINUTE_MS, 3_600_000]);
    const pricePerHour = random.chance(0.3) ? null : 36_000;
    let whole = openedEntry({ ...RENTAL, billedMs, pricePerHour });
    let folded = whole;
    for (let day = 0; day < 10; day++) {
      for (let hour = 0; hour < 24; hour += 3) {
        const note = noteAt(random, START + day * DAY_MS + hour * 3_600_000 + random.int(0, 10_000_000));
        // What ends it comes below.
        if (note.what === 'ended' || (note.what === 'state' && !hasStates)) continue;
        if (note.what === 'price' && pricePerHour === null && day < 4) continue;
        whole = noted(whole, note) ?? whole;
        folded = noted(folded, note) ?? folded;
      }
      const midnight = Math.floor((START + day * DAY_MS) / DAY_MS) * DAY_MS;
      if (random.chance(0.4)) folded = foldedUntil(folded, midnight);
    }
    return { random, whole, folded, nowMs: START + 11 * DAY_MS };
  }

  const midnights = Array.from({ length: 12 }, (_, day) => START + 2 * 3_600_000 + day * DAY_MS);

  it('changes no cost at a time since then, at a midnight and of a day, and keeps what is not priced', () => {
    for (const seed of FEW) {
      const { random, whole, folded, nowMs } = histories(seed);
      const untilMs = Date.parse(folded.earlier?.until ?? folded.rentedAt);
      const since = Array.from({ length: 20 }, () => random.int(untilMs, nowMs));
      for (const ms of [...midnights, ...since, nowMs])
        expect(costOf(folded, ms), `${seed} ${iso(ms)}`).toBe(costOf(whole, ms));
      expect([...costByDay(folded, 0, nowMs)], seed).toEqual([...costByDay(whole, 0, nowMs)]);
      expect(hasUnknownPrice(folded)).toBe(hasUnknownPrice(whole));
      const price: LedgerNote = { what: 'price', at: iso(nowMs), pricePerHour: 5_000 };
      const [later, laterFolded] = [entryOf([price], whole), entryOf([price], folded)];
      expect(costOf(laterFolded, nowMs), seed).toBe(costOf(later, nowMs));
    }
  });

  it('leaves the cost within a folded day between that of its begin and its end, and never falling', () => {
    for (const seed of FEW) {
      const { folded, nowMs } = histories(seed);
      let before = 0;
      for (let ms = START; ms < nowMs; ms += 17_300_000) {
        const cost = costOf(folded, ms);
        expect(cost, seed).toBeGreaterThanOrEqual(before);
        before = cost;
      }
    }
  });

  it('lets an earlier end clip what was folded, and a later proven state open the entry again', () => {
    for (const seed of FEW) {
      // One that was never seen again may have ended on a day that is folded by now.
      const { random, whole, folded, nowMs } = histories(seed, new Random(seed).chance(0.3));
      const lastSeenMs = Date.parse(whole.seen.states.at(-1)?.at ?? whole.rentedAt);
      const endMs = random.pick(midnights.filter((ms) => ms > lastSeenMs && ms < nowMs));
      const end: LedgerNote = { what: 'ended', at: iso(endMs), provenAt: iso(nowMs), end: 'gone' };
      const [ended, endedFolded] = [entryOf([end], whole), entryOf([end], folded)];
      expect(endedFolded.endedAt, seed).toBe(iso(endMs));
      expect(costOf(endedFolded, nowMs), seed).toBe(costOf(ended, nowMs));
      const back: LedgerNote = { what: 'state', at: iso(nowMs + 1), state: 'running' };
      const [open, openFolded] = [entryOf([back], ended), entryOf([back], endedFolded)];
      expect(openFolded.endedAt, seed).toBeUndefined();
      expect(costOf(openFolded, nowMs + DAY_MS), seed).toBe(costOf(open, nowMs + DAY_MS));
    }
  });

  it('happens to entries with many facts, for days that have been over for a day', () => {
    const prices = Array.from(
      { length: 450 },
      (_, index): LedgerNote => ({ what: 'price', at: iso(START + index * 1_800_000), pricePerHour: index }),
    );
    const nowMs = START + 450 * 1_800_000;
    const whole = entryOf(prices);
    const folded = prices.reduce(
      (entry, note) => foldedEntry(noted(entry, note) ?? entry, Date.parse(note.at)),
      openedEntry(RENTAL),
    );
    expect(countFacts(folded.seen)).toBeLessThanOrEqual(301);
    expect(Date.parse(folded.earlier?.until ?? '') % DAY_MS).toBe(0);
    expect([...costByDay(folded, 0, nowMs)]).toEqual([...costByDay(whole, 0, nowMs)]);
    expect(encodeEntry(folded).length).toBeLessThan(40_000);
    // Of what cannot be folded yet, only so much is kept.
    const flood = Array.from(
      { length: 1_000 },
      (_, index): LedgerNote => ({ what: 'price', at: iso(nowMs + index * 1_000), pricePerHour: index }),
    );
    expect(encodeEntry(entryOf(flood, folded)).length).toBeLessThan(64 * 1_024);
  });

  it('clips evenly within a folded day, from when it was rented', () => {
    const midnight = START + 2 * 3_600_000;
    const folded = foldedUntil(openedEntry(RENTAL), midnight);
    expect(costOf(folded, midnight)).toBe(72_000);
    expect(costOf(folded, START + 3_600_000)).toBe(36_000);
    expect(costOf(folded, START)).toBe(0);
  });
});
