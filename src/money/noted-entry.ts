/** How entries come to be, and what becomes of them with each thing that is seen. */

import { defined } from '../jobs/defined.js';
import { isCount } from '../jobs/guards.js';
import { derivedEntry } from './derived-entry.js';
import type { LedgerEntry, LedgerNote, LedgerSeen, Rental } from './ledger-entry.js';

/** With more facts than this no price is added: what the days before yesterday have cost is folded by then. */
const MOST_FACTS = 700;

/** The entry of an instance that was just rented. */
export function openedEntry({ pricePerHour, ...rental }: Rental): LedgerEntry {
  const seen: LedgerSeen = { states: [], prices: [], ends: [] };
  return derivedEntry({ v: 1, ...rental, seen: withPrice(seen, rental.rentedAt, pricePerHour) });
}

/**
 * An entry for which more is known than before: what it says already stays. One without a job was made when the instance was seen first, and
 * begins when it was rented once that is known.
 * @returns undefined where that changes nothing
 */
export function completedEntry(entry: LedgerEntry, rental: Rental): LedgerEntry | undefined {
  const { pricePerHour, ...known } = rental;
  const { rentedAt, jobId } = known;
  const missing = Object.entries(defined(known)).filter(
    ([name]) => entry[name as keyof LedgerEntry] === undefined,
  );
  const isFirstSight = entry.jobId === undefined && jobId !== undefined;
  const isEarlier = isFirstSight && !entry.earlier && rentedAt < entry.rentedAt;
  const lacksTags = isFirstSight && rental.tags.length > 0;
  const isPriced = isFirstSight || entry.seen.prices.length === 0;
  const seen = isPriced ? withPrice(entry.seen, rentedAt, pricePerHour) : entry.seen;
  if (missing.length === 0 && !isEarlier && !lacksTags && seen === entry.seen) return undefined;
  return derivedEntry({
    ...entry,
    ...Object.fromEntries(missing),
    ...(isEarlier && { rentedAt }),
    ...(lacksTags && { tags: rental.tags }),
    seen,
  });
}

/** What an entry is after something was seen, in any order; undefined where that is known already. */
export function noted(entry: LedgerEntry, note: LedgerNote): LedgerEntry | undefined {
  const seen = withNote(entry.seen, note);
  return seen === entry.seen ? undefined : derivedEntry({ ...entry, seen });
}

export function countFacts({ states, prices, ends }: LedgerSeen): number {
  return states.length + prices.length + ends.length;
}

/** The same object where it is no news. */
function withNote(seen: LedgerSeen, note: LedgerNote): LedgerSeen {
  const at = isoTime(note.at);
  if (at === undefined) return seen;
  switch (note.what) {
    case 'interrupted':
      return laterInterruption(seen, at);
    case 'state':
      return withFact(seen, 'states', { at, state: note.state });
    case 'price':
      return countFacts(seen) < MOST_FACTS ? withPrice(seen, at, note.pricePerHour) : seen;
    case 'ended': {
      const provenAt = isoTime(note.provenAt) ?? at;
      return withFact(seen, 'ends', { at, provenAt: provenAt < at ? at : provenAt, end: note.end });
    }
  }
}

/** Providers may show what is no price. */
function withPrice(seen: LedgerSeen, at: string, pricePerHour: number | null): LedgerSeen {
  return isCount(pricePerHour) ? withFact(seen, 'prices', { at, pricePerHour }) : seen;
}

function laterInterruption(seen: LedgerSeen, at: string): LedgerSeen {
  const isLater = seen.interruptedAt === undefined || seen.interruptedAt < at;
  return isLater ? { ...seen, interruptedAt: at } : seen;
}

type Facts = Pick<LedgerSeen, 'states' | 'prices' | 'ends'>;

function withFact<K extends keyof Facts>(seen: LedgerSeen, kind: K, fact: Facts[K][number]): LedgerSeen {
  const facts: readonly { at: string }[] = seen[kind];
  if (facts.some((each) => compareFacts(each, fact) === 0)) return seen;
  return { ...seen, [kind]: [...facts, fact].sort(compareFacts) };
}

/** Facts of one time have an order as well, so that it does not matter which was noted first. */
export function compareFacts(a: { at: string }, b: { at: string }): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  const [first, second] = [JSON.stringify(a), JSON.stringify(b)];
  if (first === second) return 0;
  return first < second ? -1 : 1;
}

/** As it is compared with others, as text; undefined for what is no time. */
export function isoTime(at: string): string | undefined {
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}
