import { setImmediate } from 'node:timers/promises';
import { costByDay, hasUnknownPrice, ratePerHour } from './cost.js';
import { type LedgerEntry, wasThereSince } from './ledger-entry.js';

/** Of one account. `running` and `stopped` are now. */
export interface AccountSum extends Sum {
  provider: string;
  account: string;
  running: number;
  stopped: number;
}

/** What was spent between two times. Amounts are 1/100,000 USD. */
export interface LedgerSums {
  /** ISO 8601. */
  since: string;
  until: string;
  total: number;
  /** For an hour, of all that runs now. */
  ratePerHour: number;
  /** How many instances were there, and how many of them run now. */
  instances: number;
  running: number;
  /** How many of them have cost something of which no price is known: the sums leave that out. */
  unpriced: number;
  byAccount: AccountSum[];
  /** An instance counts for each tag of its job. */
  byTag: { tag: string; amount: number; ratePerHour: number; instances: number }[];
  /** UTC days on which something was spent, in order. */
  byDay: { day: string; amount: number }[];
}

interface Sum {
  amount: number;
  ratePerHour: number;
  instances: number;
}

/** Other work of the process comes in between. */
const AT_ONCE = 100;

/** Adds up what instances have cost. */
export async function sumsOf(
  entries: readonly LedgerEntry[],
  { sinceMs, untilMs }: { sinceMs: number; untilMs: number },
): Promise<LedgerSums> {
  const accounts = new Map<string, AccountSum>();
  const tags = new Map<string, Sum & { tag: string }>();
  const byDay = new Map<string, number>();
  const all: Sum & { running: number; unpriced: number } = { ...NOTHING, running: 0, unpriced: 0 };
  for (const [index, entry] of entries.entries()) {
    if (index % AT_ONCE === AT_ONCE - 1) await setImmediate();
    const { provider, account, rentedAt, endedAt } = entry;
    if (Date.parse(rentedAt) > untilMs || !wasThereSince(entry, sinceMs)) continue;
    let amount = 0;
    for (const [day, spent] of costByDay(entry, sinceMs, untilMs)) {
      amount += spent;
      byDay.set(day, (byDay.get(day) ?? 0) + spent);
    }
    const rate = ratePerHour(entry);
    const ofAccount = of(accounts, `${provider} ${account}`, { provider, account, running: 0, stopped: 0 });
    const sums: Sum[] = [all, ofAccount];
    for (const tag of new Set(entry.tags)) sums.push(of(tags, tag, { tag }));
    for (const sum of sums) {
      sum.amount += amount;
      sum.ratePerHour += rate;
      sum.instances += 1;
    }
    if (endedAt === undefined) {
      const isRunning = entry.changes.at(-1)?.state === 'running';
      if (isRunning) all.running += 1;
      ofAccount[isRunning ? 'running' : 'stopped'] += 1;
    }
    if (hasUnknownPrice(entry)) all.unpriced += 1;
  }
  const { amount: total, ...counts } = all;
  return {
    since: new Date(sinceMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    total,
    ...counts,
    byAccount: [...accounts.values()].sort(dearestFirst),
    byTag: [...tags.values()].sort(dearestFirst),
    byDay: [...byDay].map(([day, amount]) => ({ day, amount })).sort((a, b) => (a.day < b.day ? -1 : 1)),
  };
}

const NOTHING: Sum = { amount: 0, ratePerHour: 0, instances: 0 };

function of<T extends object>(sums: Map<string, T & Sum>, key: string, names: T): T & Sum {
  const sum = sums.get(key) ?? { ...names, ...NOTHING };
  sums.set(key, sum);
  return sum;
}

function dearestFirst(a: Sum, b: Sum): number {
  return b.amount - a.amount || b.ratePerHour - a.ratePerHour;
}
