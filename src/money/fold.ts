import { chargeOf, costByDay } from './cost.js';
import type { LedgerEntry } from './ledger-entry.js';

/** More changes than this are not kept one by one. */
const MAX_CHANGES = 200;
const KEPT_CHANGES = 100;

/** An entry whose oldest changes are replaced by what they have cost on each day, where they are many. */
export function foldedEntry(entry: LedgerEntry): LedgerEntry {
  const { changes, endedAt: _, ...running } = entry;
  const kept = changes.slice(-KEPT_CHANGES);
  const until = kept[0]?.at;
  if (changes.length <= MAX_CHANGES || until === undefined) return entry;
  const untilMs = Date.parse(until);
  const whole = { ...running, changes };
  const { exact } = chargeOf(whole, untilMs);
  const days = Object.fromEntries(costByDay(whole, 0, untilMs));
  return { ...entry, changes: kept, earlier: { until, exact, days } };
}
