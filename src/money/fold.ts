/** Entries with many changes: what whole days have cost takes the place of the changes of these days. */
import { defined } from '../jobs/defined.js';
import { DAY_MS, dayOf, Meter, startOfDay } from './cost.js';
import { derivedEntry, isTakenBack } from './derived-entry.js';
import type { LedgerDays, LedgerEntry, LedgerSeen } from './ledger-entry.js';
import { countFacts } from './noted-entry.js';

/** With more facts than this, those of old days are folded. */
const MAX_FACTS = 300;

/** Days are folded once they have been over for a day: notes that come late still count until then. */
export function foldedEntry(entry: LedgerEntry, nowMs: number): LedgerEntry {
  if (countFacts(entry.seen) <= MAX_FACTS) return entry;
  return foldedUntil(entry, startOfDay(nowMs) - DAY_MS);
}

/** @param untilMs a UTC midnight: what an instance has cost at a midnight, on a day, and at any time after `untilMs`, stays the same */
export function foldedUntil(entry: LedgerEntry, untilMs: number): LedgerEntry {
  const { earlier, rentedAt, seen, endedAt } = entry;
  const fromMs = Date.parse(earlier?.until ?? rentedAt);
  // One that has ended changes no more.
  if (untilMs <= fromMs || endedAt !== undefined) return entry;
  const until = new Date(untilMs).toISOString();
  const runFrom = runBeginOf(entry, untilMs);
  return derivedEntry({
    ...entry,
    seen: seenFrom(seen, until),
    earlier: { until, ...daysOf(entry, fromMs, untilMs), ...defined({ runFrom }) },
  });
}

function daysOf(
  entry: LedgerEntry,
  fromMs: number,
  untilMs: number,
): Pick<LedgerDays, 'days' | 'unpricedMs'> {
  const days = { ...entry.earlier?.days };
  const unpricedMs = { ...entry.earlier?.unpricedMs };
  const meter = new Meter(entry);
  let before = meter.chargeAt(fromMs);
  for (let ms = startOfDay(fromMs); ms < untilMs; ms += DAY_MS) {
    const until = meter.chargeAt(ms + DAY_MS);
    const exact = until.exact - before.exact;
    if (exact > 0n) days[dayOf(ms)] = String(exact);
    if (until.unpricedMs > before.unpricedMs) unpricedMs[dayOf(ms)] = until.unpricedMs - before.unpricedMs;
    before = until;
  }
  return { days, unpricedMs };
}

/** When the time without a stop began that goes on at `ms`; undefined where none does. */
function runBeginOf({ changes, earlier }: LedgerEntry, ms: number): string | undefined {
  const at = new Date(ms).toISOString();
  const before = changes.filter((each) => each.at < at);
  const then = changes.findLast((each) => each.at <= at);
  if (before.at(-1)?.state !== 'running' || then?.state !== 'running') return undefined;
  const begin = before.findLastIndex((_, index) => before[index - 1]?.state !== 'running');
  return (begin === 0 ? earlier?.runFrom : undefined) ?? before[begin]?.at;
}

/** What counts from a time on: what held then, and what was seen since. The first price is that of all time before it. */
function seenFrom(seen: LedgerSeen, at: string): LedgerSeen {
  const { prices, states, interruptedAt } = seen;
  const [firstPrice] = prices;
  const kept = since(prices, at);
  return {
    states: since(states, at),
    prices: firstPrice && firstPrice !== kept[0] ? [firstPrice, ...kept] : kept,
    // It was seen after each.
    ends: [],
    ...(isTakenBack(seen) && defined({ interruptedAt })),
  };
}

function since<T extends { at: string }>(facts: readonly T[], at: string): T[] {
  const inForce = facts.findLastIndex((each) => each.at <= at);
  return facts.slice(Math.max(inForce, 0));
}
