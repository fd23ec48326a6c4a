import { defined } from '../jobs/defined.js';
import { chargeOf, costByDay, hasUnknownPrice, runBeginOf } from './cost.js';
import type { LedgerEntry } from './ledger-entry.js';

/** More changes than this are not kept one by one. */
const MAX_CHANGES = 200;
const KEPT_CHANGES = 100;

/**
 * An entry whose oldest changes are replaced by what they have cost on each day, where they are many. One without a price keeps them: they
 * cost what is said of it later.
 */
export function foldedEntry(entry: LedgerEntry): LedgerEntry {
  const { changes, endedAt: _, ...running } = entry;
  const kept = changes.slice(-KEPT_CHANGES);
  const until = kept[0]?.at;
  if (changes.length <= MAX_CHANGES || until === undefined || hasUnknownPrice(entry)) return entry;
  const untilMs = Date.parse(until);
  const whole = { ...running, changes };
  const { exact } = chargeOf(whole, untilMs);
  const days = Object.fromEntries(costByDay(whole, 0, untilMs));
  const runFrom = runBeginOf(whole, until);
  return { ...entry, changes: kept, earlier: { until, exact, days, ...defined({ runFrom }) } };
}
